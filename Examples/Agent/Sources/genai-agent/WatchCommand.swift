// genai-agent watch

import AgentCore
import ArgumentParser

struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Shows models, engines and GPUs, and refreshes every second.",
        discussion: """
            Looks for engines on this machine, at the ports where they usually listen. Keys: q ends it, s sorts by something else, \
            j and k scroll. Without a terminal it prints plain lines; NO_COLOR leaves out the colours.
            """
    )

    @OptionGroup var engines: EngineOptions

    @Flag(inversion: .prefixedNo, help: "Look for engines on this machine.")
    var discover = true

    @Option(help: ArgumentHelp("Time from one poll to the next.", valueName: "seconds"))
    var interval = 1.0

    @Option(help: ArgumentHelp("What comes first: name, requests, waiting, kv or tokens.", valueName: "key"))
    var sort = SortKey.name

    @Flag(help: "Print what there is once, and end.")
    var once = false

    @Flag(help: "Print JSON: an object on one line for each look.")
    var json = false

    func validate() throws {
        guard (0.1...3_600).contains(interval) else { throw ValidationError("--interval is from 0.1 to 3600 seconds") }
    }

    func run() async throws {
        var options = WatchOptions()
        options.engines = engines.engine
        options.targetsFile = engines.targetsFile
        options.discovers = discover
        options.interval = .seconds(interval)
        var output = WatchOutput()
        output.isJSON = json
        output.isOnce = once
        output.sortKey = sort
        try await asUsage { try await WatchLoop.run(options, output) }
    }
}

extension SortKey: ExpressibleByArgument {}
