// Runs the programs that check the dashboard.

import Foundation
import TestSupport
import Testing

enum DashboardCheck {
    /// That the dashboard is right in itself and, with a Prometheus, that every variable and query finds something there.
    ///
    /// Besides the package's own check it runs the one that `DASHBOARD_CHECK` names.
    ///
    /// - Parameter isComplete: whether there are engines, an Ollama and GPUs, too.
    static func expectNoProblems(_ prometheus: Prometheus? = nil, isComplete: Bool = true) throws {
        let arguments = prometheus.map { isComplete ? ["--complete", $0.url] : [$0.url] } ?? []
        try run("\(Documentation.packageFolder)/Tests/dashboard-check", arguments)
        if isComplete, let prometheus, let checker = Program.dashboardCheck.path,
            let python = Program.dashboardCheckPython.path
        {
            try run(python, [checker, Documentation.path("grafana/server-metrics.json"), prometheus.url])
        }
    }

    private static func run(_ program: String, _ arguments: [String]) throws {
        let process = try ChildProcess(program, arguments)
        defer { process.stop() }
        #expect(process.waitForLine(containing: " 0 problems", limit: .seconds(120)) != nil, "\(process.lines)")
    }
}
