// genai-agent check

import AgentCore
import ArgumentParser
import Foundation

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Asks one server, and says what it is and what can be read of it.",
        discussion: "Ends with status 0 if it can be read, 1 if not, 64 if the URL is none."
    )

    @Argument(help: "The server, such as http://localhost:8000 or gpu-1:8000.")
    var url: String

    func run() async throws {
        do {
            let report = try await Checker.check(url, environment: ProcessInfo.processInfo.environment)
            print(report.lines.joined(separator: "\n"))
            throw ExitCode(report.exitStatus)
        } catch let problem as UsageProblem {
            throw ValidationError(problem.description)
        }
    }
}
