// Thrown when a request can't even wait.

/// As many requests wait as may. Its name becomes the `error.type` of the request that was turned away.
struct QueueFull: Error {
    /// How many wait.
    var waiting: Int
}
