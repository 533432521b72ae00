// Thrown when a request can't even wait.

/// As many requests wait as may.
struct QueueFull: Error {
    /// How many wait.
    var waiting: Int
}
