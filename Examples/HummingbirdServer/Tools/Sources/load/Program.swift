// Sends a server the traffic of many clients, for a while, and tells what came of it.

import ExampleClient
import ExampleSupport
import Foundation

@main
enum Program {
    static func main() async {
        do {
            let arguments = Array(CommandLine.arguments.dropFirst())
            let options = try LoadOptions(arguments: arguments, environment: ProcessInfo.processInfo.environment)
            let isComplete = try await run(options)
            exit(isComplete ? 0 : 1)
        } catch UsageError.helpWanted {
            print(LoadOptions.usage)
        } catch UsageError.invalid(let message) {
            fail("\(message)\n\n\(LoadOptions.usage)", status: 2)
        } catch {
            fail("The load could not be sent: \(error)", status: 1)
        }
    }

    /// - Returns: whether every answer came that was waited for.
    private static func run(_ options: LoadOptions) async throws -> Bool {
        guard let http = HTTPClient(url: options.url) else { throw UsageError.invalid("--url is no http URL.") }
        let client = Client(http: http)
        let models = try await client.models()
        guard !models.isEmpty else { throw UsageError.invalid("The server at \(options.url) has no models.") }
        let start = ContinuousClock.now
        let summary = await send(TrafficPlan(options, models: models), with: client, start)
        let seconds = start.duration(to: .now) / .seconds(1)
        print(summary.text(sendingSeconds: options.seconds, seconds: seconds))
        return summary.isComplete
    }

    /// Sends each request at its time, whatever became of those before: clients do not wait for one another.
    private static func send(
        _ plan: TrafficPlan,
        with client: Client,
        _ start: ContinuousClock.Instant
    ) async -> Summary {
        await withTaskGroup(of: Outcome.self) { group in
            var summary = Summary()
            for request in plan {
                try? await Task.sleep(until: start + .seconds(request.time))
                group.addTask { await client.send(request) }
            }
            for await outcome in group { summary.add(outcome) }
            return summary
        }
    }

    private static func fail(_ message: String, status: Int32) {
        FileHandle.standardError.write(Data("\(message)\n".utf8))
        exit(status)
    }
}
