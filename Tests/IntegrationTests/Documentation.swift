// The files that users copy from docs/: tests run these, not copies of them.

import Foundation

/// The package's folder, and the files of its documentation.
enum Documentation {
    static let packageFolder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    static func path(_ file: String) -> String { "\(packageFolder)/docs/\(file)" }

    static func text(_ file: String) throws -> String { try String(contentsOfFile: path(file), encoding: .utf8) }

    /// The queries in a document's PromQL blocks: one a line.
    static func queries(_ file: String) throws -> [String] {
        let blocks = try text(file).matches(of: /(?ms)^```promql\n(.*?)^```/).map(\.1)
        return blocks.flatMap { $0.split(separator: "\n").map(String.init) }
    }

    /// The rule files that the documented Prometheus configurations name, by name.
    ///
    /// - Parameter holdingFor: how long an alert's condition must hold, if not as long as the file says. A service's six hours
    ///   are twenty seconds then, and its five hours ten.
    static func rules(holdingFor duration: String? = nil) throws -> [String: String] {
        var alerts = try text("prometheus/alerts.yml")
        if let duration {
            alerts.replace(/(?m)^( *for: )\w+$/, with: { "\($0.1)\(duration)" })
            alerts.replace("[6h:1m]) > 300", with: "[20s:1s]) > 10")
        }
        return ["alerts.yml": alerts, "recording-rules.yml": try text("prometheus/recording-rules.yml")]
    }

    /// A documented Prometheus configuration that scrapes and evaluates every half second, so that tests need not wait.
    static func prometheusConfiguration(_ name: String) throws -> String {
        try text("prometheus/\(name)").replacing(/(?m)^( *(scrape|evaluation)_interval: )15s$/) { "\($0.1)500ms" }
    }
}
