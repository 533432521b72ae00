import Testing

/// Tests that start a server. `instrument()` is one for the process, so they run one after another.
@Suite("The server", .serialized, .timeLimit(.minutes(2)))
enum ServerTests {}
