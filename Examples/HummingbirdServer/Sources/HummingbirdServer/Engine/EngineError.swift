// Thrown when the engine can't go on with an answer.

/// Why an answer has ended early. The raw value becomes the request's `error.type`.
enum EngineError: String, Error {
    /// The simulated GPU has run out of memory.
    case outOfMemory = "out_of_memory"
    /// The engine has broken it off, and nobody had asked for that.
    case brokenOff = "broken_off"
}
