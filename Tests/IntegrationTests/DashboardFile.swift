// The dashboard's queries, as Grafana sends them.

import Foundation
import Testing

/// `docs/grafana/server-metrics.json`.
struct DashboardFile: Decodable {
    private struct Panel: Decodable {
        var title: String
        var targets: [Target]?
        /// Of a row that is folded.
        var panels: [Panel]?
    }

    private struct Target: Decodable {
        var refId: String
        var expr: String
    }

    private var panels: [Panel]

    init() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Documentation.path("grafana/server-metrics.json")))
        self = try JSONDecoder().decode(DashboardFile.self, from: data)
        panels = panels.flatMap { [$0] + ($0.panels ?? []) }
    }

    /// All queries, likewise.
    var queries: [String] { panels.flatMap { $0.targets ?? [] }.map { Self.complete($0.expr) } }

    /// A query of a panel with "All" chosen in every variable.
    func query(_ panel: String, _ reference: String) throws -> String {
        let targets = panels.first { $0.title == panel }?.targets
        let target = try #require(targets?.first { $0.refId == reference }, "no query \(reference) in panel \(panel)")
        return Self.complete(target.expr)
    }

    private static func complete(_ expression: String) -> String {
        expression.replacing("$__rate_interval", with: "1m").replacing(/\$\w+/, with: ".*")
    }
}
