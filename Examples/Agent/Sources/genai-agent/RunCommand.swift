// genai-agent run

import AgentCore
import ArgumentParser
import Foundation
import Logging

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Polls, exports over OTLP, and serves /metrics.",
        discussion: """
            Polls Ollama, the engines that are named and the GPUs of this machine. Exports where the OTEL_ variables say, and \
            serves /metrics, /healthz, /readyz and a live page. SIGTERM exports the last values and ends it; SIGHUP reads the file \
            of engines again.
            """
    )

    @OptionGroup var engines: EngineOptions

    @Flag(help: "Look for engines on this machine once a minute, and poll what is found.")
    var discover = false

    @Option(help: ArgumentHelp("Where to serve; port 0 takes any that is free.", valueName: "host:port"))
    var listen = ListenAddress.standard

    @Option(
        help: ArgumentHelp(
            "A file with the bearer token that /metrics asks for; or AGENT_TOKEN. Must be there unless only this machine gets "
                + "to the address.",
            valueName: "file"
        ),
        completion: .file()
    )
    var tokenFile: String?

    func run() async throws {
        // Until it means that the file of engines is to be read again, it must not end the program.
        signal(SIGHUP, SIG_IGN)
        Self.shareHeap()
        LoggingSystem.bootstrap(StreamLogHandler.standardError)
        var options = AgentOptions()
        options.listen = listen
        options.engines = engines.engine
        options.targetsFile = engines.targetsFile
        options.discovers = discover
        options.tokenFile = tokenFile
        let agent = try await asUsage {
            try Agent(
                options,
                environment: ProcessInfo.processInfo.environment,
                logger: Logger(label: "genai-agent")
            ) { address in
                print("Listening on http://\(address)")
                // Output to a pipe or file is buffered.
                fflush(nil)
            }
        }
        try await agent.run()
    }

    /// Lets all threads allocate from one heap: glibc gives each its own, and those stay mostly empty, 0.6 MB in all.
    private static func shareHeap() {
        #if canImport(Glibc)
        // M_ARENA_MAX; Swift does not see <malloc.h>.
        guard let address = dlsym(dlopen(nil, RTLD_LAZY), "mallopt") else { return }
        _ = unsafeBitCast(address, to: (@convention(c) (Int32, Int32) -> Int32).self)(-8, 1)
        #endif
    }
}

extension ListenAddress: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
    package var defaultValueDescription: String { description }
}
