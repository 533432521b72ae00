// What can be set when the server is started.

import ExampleSupport
import Logging

struct ServerOptions: Equatable {
    var host = "127.0.0.1"
    var port = 8080
    var models = [
        ModelProfile(name: "llama-3.1-8b", cacheBlocks: 256, tokensPerSecond: 60),
        ModelProfile(name: "qwen2.5-32b", cacheBlocks: 192, tokensPerSecond: 28),
    ]
    var concurrency = 8
    var queueLimit = 24
    var speed = 1.0
    /// The share of the answers at which the engine fails half-way.
    var engineErrors = 0.0
    /// Seconds that requests get to end at a graceful shutdown.
    var drainSeconds = 25
    var logLevel = Logger.Level.info

    static let variablePrefix = "SERVER_"

    static let options: [CommandLineOptions.Option] = [
        .init("host", "address", "address to listen on (127.0.0.1)"),
        .init("port", "number", "port to listen on, 0 for any that is free (8080)"),
        .init("models", "list", "name=blocks/rate of each, by commas: KV blocks, tokens per second"),
        .init("concurrency", "count", "requests that run at once (8)"),
        .init("queue", "count", "requests that may wait besides (24)"),
        .init("speed", "factor", "how many times faster than life the models are (1)"),
        .init("engine-errors", "share", "share of the answers that the engine fails at, 0 to 1 (0)"),
        .init("drain", "seconds", "time that requests get to end at shutdown (25)"),
        .init("log-level", "level", "trace, debug, info, notice, warning, error or critical (info)"),
    ]

    static var usage: String {
        CommandLineOptions.usage("HummingbirdServer", options, prefix: variablePrefix)
    }

    init() {}

    init(arguments: [String], environment: [String: String]) throws(UsageError) {
        let given = try CommandLineOptions(
            Self.options,
            arguments: arguments,
            environment: environment,
            prefix: Self.variablePrefix
        )
        host = given.text("host") ?? host
        port = try given.number("port", in: 0...65_535, default: port)
        models =
            try given.value("models", expected: "a list such as small=256/60,large=192/28", Self.models) ?? models
        concurrency = try given.number("concurrency", in: 1...10_000, default: concurrency)
        queueLimit = try given.number("queue", in: 0...100_000, default: queueLimit)
        speed = try given.number("speed", in: 0.01...100_000, default: speed)
        engineErrors = try given.number("engine-errors", in: 0...1, default: engineErrors)
        drainSeconds = try given.number("drain", in: 0...3_600, default: drainSeconds)
        let level = try given.value("log-level", expected: "a level of swift-log") { Logger.Level(rawValue: $0) }
        logLevel = level ?? logLevel
    }

    /// Reads `name=blocks/rate,...`; nil if it is something else, or names a model twice.
    private static func models(_ text: String) -> [ModelProfile]? {
        var models: [ModelProfile] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let equals = item.lastIndex(of: "="), equals != item.startIndex else { return nil }
            let figures = item[item.index(after: equals)...].split(separator: "/", omittingEmptySubsequences: false)
            guard figures.count == 2, let blocks = Int(figures[0]), (2...1_000_000).contains(blocks),
                let rate = Double(figures[1]), (0.1...100_000).contains(rate)
            else { return nil }
            models.append(ModelProfile(name: String(item[..<equals]), cacheBlocks: blocks, tokensPerSecond: rate))
        }
        return Set(models.map(\.name)).count == models.count ? models : nil
    }
}
