// What can be set when the load is started.

import ExampleClient
import ExampleSupport

struct LoadOptions {
    /// The server; loopback unless told otherwise.
    var url = "http://127.0.0.1:8080"
    var seconds = 60.0
    /// Requests per second, on average.
    var rate = 3.0
    /// Share of the clients that go away before their answer is complete.
    var hangUps = 0.06
    /// Share of the requests that the server can't take: an unknown model, a body that is no JSON.
    var errors = 0.03
    /// Share of the requests that want a stream.
    var streams = 0.7
    /// The same seed sends the same requests.
    var seed: UInt64 = 1

    static let variablePrefix = "LOAD_"

    static let options: [CommandLineOptions.Option] = [
        .init("url", "url", "the server's address (http://127.0.0.1:8080)"),
        .init("duration", "seconds", "how long requests are sent (60)"),
        .init("rate", "number", "requests per second, on average (3)"),
        .init("streams", "share", "share of requests that want a stream (0.7)"),
        .init("hang-ups", "share", "share of clients that go away early (0.06)"),
        .init("errors", "share", "share of requests that can't be taken (0.03)"),
        .init("seed", "number", "the same seed sends the same requests (1)"),
    ]

    static var usage: String { CommandLineOptions.usage("load", options, prefix: variablePrefix) }

    init(arguments: [String], environment: [String: String]) throws(UsageError) {
        let given = try CommandLineOptions(
            Self.options,
            arguments: arguments,
            environment: environment,
            prefix: Self.variablePrefix
        )
        url = try given.value("url", expected: "an http URL") { HTTPClient(url: $0) == nil ? nil : $0 } ?? url
        seconds = try given.number("duration", in: 0...86_400, default: seconds)
        rate = try given.number("rate", in: 0.01...10_000, default: rate)
        streams = try given.number("streams", in: 0...1, default: streams)
        hangUps = try given.number("hang-ups", in: 0...1, default: hangUps)
        errors = try given.number("errors", in: 0...1, default: errors)
        seed = try given.number("seed", in: 0...UInt64.max, default: seed)
    }
}
