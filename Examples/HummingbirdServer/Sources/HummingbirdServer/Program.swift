// Starts the server, and ends it in order.

import ExampleSupport
import Foundation
import GenAIOtel
import Hummingbird
import Logging
import ServiceLifecycle

@main
enum Program {
    static func main() async {
        do {
            let environment = ProcessInfo.processInfo.environment
            let arguments = Array(CommandLine.arguments.dropFirst())
            try await run(ServerOptions(arguments: arguments, environment: environment), environment)
        } catch UsageError.helpWanted {
            print(ServerOptions.usage)
        } catch UsageError.invalid(let message) {
            fail("\(message)\n\n\(ServerOptions.usage)", status: 2)
        } catch {
            fail("The server has ended: \(error)", status: 1)
        }
    }

    private static func run(_ options: ServerOptions, _ environment: [String: String]) async throws {
        LoggingSystem.bootstrap(StreamLogHandler.standardError)
        let instrumentation = instrument(
            GenAIConfiguration(serverEnvironment: environment, logger: Logger(label: "genai-otel"))
        )
        let logger = logger("server", options.logLevel)
        let server = ServerApplication(options, instrumentation: instrumentation, logger: logger) { url in
            print("Listening on \(url)")
            // Output to a pipe or file is buffered.
            fflush(nil)
        }
        let services = ServiceGroup(
            server: server,
            instrumentation: instrumentation,
            drainTime: .seconds(options.drainSeconds),
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        try await services.run()
    }

    private static func logger(_ label: String, _ level: Logger.Level) -> Logger {
        var logger = Logger(label: label)
        logger.logLevel = level
        return logger
    }

    private static func fail(_ message: String, status: Int32) {
        FileHandle.standardError.write(Data("\(message)\n".utf8))
        exit(status)
    }
}
