// Real backends as child processes: Collector, Prometheus, strict receiver.

import Foundation
import RuntimeSupport
import TestSupport
import Testing

/// A running OpenTelemetry Collector that prints what it receives.
struct Collector {
    let process: ChildProcess
    let url: String
    private let folder: TemporaryFolder

    /// - Parameter destination: an OTLP endpoint for metrics that it sends everything on to.
    init(forwardingTo destination: String? = nil) throws {
        let port = try freePort()
        folder = try TemporaryFolder()
        let forward = destination.map { "otlphttp: {metrics_endpoint: \"\($0)\", tls: {insecure: true}}" } ?? ""
        let exporters = destination == nil ? "debug" : "debug, otlphttp"
        let configuration = try folder.write(
            """
            receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:\(port)"}}}}
            exporters:
              debug: {verbosity: detailed}
              \(forward)
            service:
              telemetry: {metrics: {level: none}}
              pipelines: {metrics: {receivers: [otlp], exporters: [\(exporters)]}}
            """,
            to: "config.yml"
        )
        process = try ChildProcess(Program.collector.requirePath(), ["--config", "file:\(configuration)"])
        url = "http://127.0.0.1:\(port)"
        try #require(process.waitForPort(port), "\(process.lines)")
    }

    /// A Collector with the documented configuration of a gateway.
    ///
    /// - Parameter metricsPort: where it shows its own metrics.
    static func gateway(to destination: String, metricsPort: Int? = nil) throws -> Collector {
        try Collector(
            file: Documentation.path("collector/gateway.yml"),
            environment: [
                "PROMETHEUS_OTLP_ENDPOINT": destination, "METRICS_HOST": "127.0.0.1",
                "METRICS_PORT": "\(metricsPort ?? freePort())",
            ]
        )
    }

    /// - Parameters:
    ///   - file: a configuration that takes the address to listen at from `OTLP_LISTEN`.
    ///   - environment: what else the configuration takes from there.
    init(file: String, environment: [String: String]) throws {
        let port = try freePort()
        folder = try TemporaryFolder()
        var environment = environment
        environment["OTLP_LISTEN"] = "127.0.0.1:\(port)"
        process = try ChildProcess(
            Program.collector.requirePath(),
            ["--config", "file:\(file)"],
            environment: environment
        )
        url = "http://127.0.0.1:\(port)"
        try #require(process.waitForPort(port), "\(process.lines)")
    }
}

/// A running Prometheus that takes OTLP.
struct Prometheus {
    /// How the metrics' names become series' names.
    enum Names: String {
        /// As Prometheus does it by itself: with a suffix for the unit.
        case byDefault = ""
        /// As the metrics are called; Prometheus 3.6 and later.
        case plain = "otlp: {translation_strategy: UnderscoreEscapingWithoutSuffixes}"
        /// By default, and the one gauge that gets a suffix also without it, by a recording rule.
        case recorded = "rule_files: [rules.yml]"
    }

    let process: ChildProcess
    private let port: Int
    private let folder: TemporaryFolder

    /// A Prometheus in which the gauges have exactly the names that the guide queries, by whichever way it knows.
    static func withPlainNames() throws -> Prometheus {
        try (try? Prometheus(.plain)) ?? Prometheus(.recorded)
    }

    /// - Parameter target: host and port of a server whose `/metrics` it scrapes each second, as the job `scraped`.
    init(_ names: Names = .byDefault, scraping target: String? = nil) throws {
        let scraping = target.map {
            "scrape_configs: [{job_name: scraped, scrape_interval: 1s, static_configs: [{targets: [\"\($0)\"]}]}]\n"
        }
        try self.init(
            configuration: "global: {evaluation_interval: 1s}\n\(names.rawValue)\n\(scraping ?? "")",
            files: ["rules.yml": Documentation.text("prometheus/recording-rules.yml")]
        )
    }

    /// - Parameters:
    ///   - files: what the configuration refers to, by name.
    ///   - arguments: more of them.
    ///   - port: where it listens; without, where it likes.
    init(configuration: String, files: [String: String], arguments: [String] = [], port: Int? = nil) throws {
        self.port = try port ?? freePort()
        folder = try TemporaryFolder()
        for (name, text) in files { _ = try folder.write(text, to: name) }
        process = try ChildProcess(
            Program.prometheus.requirePath(),
            [
                "--config.file=\(folder.write(configuration, to: "prometheus.yml"))",
                "--storage.tsdb.path=\(folder.path)/data", "--web.listen-address=127.0.0.1:\(self.port)",
                "--web.enable-otlp-receiver", "--log.level=warn",
            ] + arguments
        )
        struct NotRunning: Error { let output: [String] }
        let isReady =
            process.waitForPort(self.port) && eventually(within: .seconds(30)) { (try? get("/-/ready"))?.status == 200 }
        guard isReady else {
            process.stop()
            throw NotRunning(output: process.lines)
        }
    }

    var url: String { "http://127.0.0.1:\(port)" }
    var otlpEndpoint: String { Self.otlpEndpoint(port: port) }

    static func otlpEndpoint(port: Int) -> String { "http://127.0.0.1:\(port)/api/v1/otlp/v1/metrics" }

    /// The values that an expression has now, by the value of one label.
    func query(_ expression: String, by label: String = "model") throws -> [String: Double] {
        let escaped = expression.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let response = try get("/api/v1/query?query=\(escaped)")
        let root = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any]
        let data = try #require(root?["data"] as? [String: Any], "\(String(decoding: response.body, as: UTF8.self))")
        var values: [String: Double] = [:]
        for series in data["result"] as? [[String: Any]] ?? [] {
            let labels = series["metric"] as? [String: String] ?? [:]
            let value = (series["value"] as? [Any])?.last as? String
            values[labels[label] ?? ""] = value.flatMap(Double.init)
        }
        return values
    }

    func get(_ path: String) throws -> HTTPResponse { try loopbackRequest("GET", url + path) }
}

/// A running strict receiver, told to misbehave.
struct StrictReceiver {
    /// One request, as the receiver saw it.
    struct Entry {
        let points: Int
        /// The status of its answer; nil if it gave none.
        let status: Int?
        /// How it was told to behave.
        let behaviour: String
        let body: [String: Any]
        /// Errors and warnings.
        let findings: [String]
    }

    let process: ChildProcess
    let url: String
    private let folder: TemporaryFolder

    /// - Parameter behaviours: what to do with the first requests; later ones are answered properly.
    init(_ behaviours: [String]) throws {
        folder = try TemporaryFolder()
        let portFile = "\(folder.path)/port"
        process = try ChildProcess(
            Program.receiverPython.requirePath(),
            [Program.receiver.requirePath(), "--log", "\(folder.path)/log.jsonl", "--port-file", portFile]
                + behaviours.flatMap { ["--behave", $0] }
        )
        try #require(eventually(within: .seconds(30)) { FileManager.default.fileExists(atPath: portFile) })
        url = "http://127.0.0.1:\(try String(contentsOfFile: portFile, encoding: .utf8))"
    }

    /// What it has logged, once that is at least `count` requests: it logs after it has answered.
    func waitForEntries(_ count: Int) throws -> [Entry] {
        try #require(
            eventually(within: .seconds(30)) { (try? entries().count >= count) == true },
            "\((try? String(contentsOfFile: "\(folder.path)/log.jsonl", encoding: .utf8)) ?? "no log")"
        )
        return try entries()
    }

    private func entries() throws -> [Entry] {
        let text = (try? String(contentsOfFile: "\(folder.path)/log.jsonl", encoding: .utf8)) ?? ""
        return try text.split(separator: "\n").map { line in
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            return Entry(
                points: object["points"] as? Int ?? 0,
                status: object["status"] as? Int,
                behaviour: object["behave"] as? String ?? "",
                body: object["body"] as? [String: Any] ?? [:],
                findings: (object["errors"] as? [String] ?? []) + (object["warnings"] as? [String] ?? [])
            )
        }
    }
}
