// The programs that these tests run against, found through environment variables.

import Foundation
import Testing

/// A program that need not be there: tests that need it are skipped without it.
enum Program: String {
    /// OpenTelemetry Collector.
    case collector = "OTELCOL"
    /// Prometheus with its OTLP receiver.
    case prometheus = "PROMETHEUS"
    /// VictoriaMetrics.
    case victoriaMetrics = "VICTORIA_METRICS"
    /// A strict OTLP receiver that can misbehave: a Python script.
    case receiver = "OTLP_RECEIVER"
    /// A Python that has what the receiver needs.
    case receiverPython = "OTLP_RECEIVER_PYTHON"
    /// The openssl program, version 3.
    case openssl = "OPENSSL"
    /// A check of Grafana dashboards: a Python script that takes a dashboard and the URL of a Prometheus.
    case dashboardCheck = "DASHBOARD_CHECK"
    /// A Python that has what that check needs.
    case dashboardCheckPython = "DASHBOARD_CHECK_PYTHON"

    var path: String? {
        ProcessInfo.processInfo.environment[rawValue].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Skips a test, saying why, unless the programs are there.
    static func areThere(_ programs: Program...) -> ConditionTrait {
        let missing = programs.filter { $0.path == nil }.map(\.rawValue)
        return .enabled(if: missing.isEmpty, "\(missing.joined(separator: ", ")) not set")
    }

    func requirePath() throws -> String { try #require(path, "\(rawValue) is not set") }
}

/// A folder that is removed with the object.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("genai-otel-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String) throws -> String {
        let file = "\(path)/\(name)"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }
}
