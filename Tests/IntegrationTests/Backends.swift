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

    private(set) var process: ChildProcess
    let url: String
    private let arguments: [String]
    private let folder: TemporaryFolder

    /// A Prometheus in which the gauges have exactly the names that the guide queries, by whichever way it knows.
    static func withPlainNames() throws -> Prometheus {
        try (try? Prometheus(.plain)) ?? Prometheus(.recorded)
    }

    /// - Parameter target: host and port of a server whose `/metrics` it scrapes each second, as the job `scraped`.
    init(_ names: Names = .byDefault, scraping target: String? = nil) throws {
        let port = try freePort()
        folder = try TemporaryFolder()
        let scraping = target.map {
            "scrape_configs: [{job_name: scraped, scrape_interval: 1s, static_configs: [{targets: [\"\($0)\"]}]}]\n"
        }
        let configuration = try folder.write(
            "global: {evaluation_interval: 1s}\n\(names.rawValue)\n\(scraping ?? "")",
            to: "prometheus.yml"
        )
        _ = try folder.write(
            """
            groups:
            - name: plain-names
              rules: [{record: gen_ai_server_kv_cache_usage, expr: gen_ai_server_kv_cache_usage_percent}]
            """,
            to: "rules.yml"
        )
        arguments = [
            "--config.file=\(configuration)", "--storage.tsdb.path=\(folder.path)/data",
            "--web.listen-address=127.0.0.1:\(port)", "--web.enable-otlp-receiver", "--log.level=warn",
        ]
        url = "http://127.0.0.1:\(port)"
        process = try ChildProcess(Program.prometheus.requirePath(), arguments)
        try waitUntilReady(port)
    }

    /// Starts again what has been stopped, at the same address and with the same data.
    mutating func restart() throws {
        process = try ChildProcess(Program.prometheus.requirePath(), arguments)
        try waitUntilReady(HTTPEndpoint(url).port)
    }

    private func waitUntilReady(_ port: Int) throws {
        struct NotRunning: Error { let output: [String] }
        let isReady =
            process.waitForPort(port) && eventually(within: .seconds(30)) { (try? get("/-/ready"))?.status == 200 }
        guard isReady else {
            process.stop()
            throw NotRunning(output: process.lines)
        }
    }

    var otlpEndpoint: String { "\(url)/api/v1/otlp/v1/metrics" }

    /// When and how the only series of an expression such as `name[5m]` was sampled: seconds since 1970, and values.
    func samples(_ expression: String) throws -> [(time: Double, value: Double)] {
        let series = try result(of: expression)
        try #require(series.count == 1)
        return (series[0]["values"] as? [[Any]] ?? []).compactMap { sample in
            guard let time = sample.first as? Double, let value = (sample.last as? String).flatMap(Double.init) else {
                return nil
            }
            return (time, value)
        }
    }

    /// At how many of the steps from `start` to `end` the only series of an expression has a value of at most two steps
    /// before, all in seconds since 1970.
    func rangeCount(_ expression: String, from start: Double, to end: Double, step: Int) throws -> Int {
        let query = "last_over_time(\(expression)[\(step * 2)s])".addingPercentEncoding(
            withAllowedCharacters: .alphanumerics
        )
        let path = "/api/v1/query_range?query=\(query ?? "")&start=\(start)&end=\(end)&step=\(step)"
        let series = try result(at: path)
        try #require(series.count == 1)
        return (series[0]["values"] as? [Any])?.count ?? 0
    }

    private func result(of expression: String) throws -> [[String: Any]] {
        let escaped = expression.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        return try result(at: "/api/v1/query?query=\(escaped)")
    }

    private func result(at path: String) throws -> [[String: Any]] {
        let response = try get(path)
        let root = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any]
        let data = try #require(root?["data"] as? [String: Any], "\(String(decoding: response.body, as: UTF8.self))")
        return data["result"] as? [[String: Any]] ?? []
    }

    /// The values that an expression has now, by the value of one label.
    func query(_ expression: String, by label: String = "model") throws -> [String: Double] {
        var values: [String: Double] = [:]
        for series in try result(of: expression) {
            let labels = series["metric"] as? [String: String] ?? [:]
            let value = (series["value"] as? [Any])?.last as? String
            values[labels[label] ?? ""] = value.flatMap(Double.init)
        }
        return values
    }

    private func get(_ path: String) throws -> HTTPResponse {
        let client = HTTPClient(userAgent: "test")
        defer { client.close() }
        let request = HTTPRequest(endpoint: try HTTPEndpoint(url + path))
        return try client.send(request, deadline: .now + .seconds(10), cancellation: Cancellation()).get()
    }
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
        /// The time of its points, in nanoseconds since 1970-01-01 UTC.
        var time: UInt64? {
            var node: Any? = body
            for key in ["resourceMetrics", "scopeMetrics", "metrics"] {
                node = ((node as? [String: Any])?[key] as? [Any])?.first
            }
            let points = ((node as? [String: Any])?["gauge"] as? [String: Any])?["dataPoints"] as? [[String: Any]]
            return (points?.first?["timeUnixNano"] as? String).flatMap(UInt64.init)
        }
        /// Errors and warnings.
        let findings: [String]
    }

    let process: ChildProcess
    let url: String
    private let folder: TemporaryFolder

    /// - Parameters:
    ///   - behaviours: what to do with the first requests; later ones are answered properly.
    ///   - identity: its certificate, for https.
    ///   - clientAuthority: the certificate of the authority that clients must be known to.
    ///   - port: where it listens; 0 for any.
    init(
        _ behaviours: [String] = [],
        port: Int = 0,
        identity: CertificateAuthority.Identity? = nil,
        clientAuthority: String? = nil
    ) throws {
        folder = try TemporaryFolder()
        let portFile = "\(folder.path)/port"
        process = try ChildProcess(
            Program.receiverPython.requirePath(),
            [
                Program.receiver.requirePath(), "--listen", "127.0.0.1:\(port)",
                "--log", "\(folder.path)/log.jsonl", "--port-file", portFile,
            ]
                + behaviours.flatMap { ["--behave", $0] }
                + (identity.map { ["--tls-cert", $0.certificate, "--tls-key", $0.key] } ?? [])
                + (clientAuthority.map { ["--tls-client-ca", $0] } ?? [])
        )
        try #require(eventually(within: .seconds(30)) { FileManager.default.fileExists(atPath: portFile) })
        let scheme = identity == nil ? "http" : "https"
        url = "\(scheme)://127.0.0.1:\(try String(contentsOfFile: portFile, encoding: .utf8))"
    }

    /// What it has logged, once that is at least `count` requests: it logs after it has answered.
    func waitForEntries(_ count: Int) throws -> [Entry] {
        try #require(
            eventually(within: .seconds(30)) { (try? entries().count >= count) == true },
            "\((try? String(contentsOfFile: "\(folder.path)/log.jsonl", encoding: .utf8)) ?? "no log")"
        )
        return try entries()
    }

    /// What it has logged so far.
    func entries() throws -> [Entry] {
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
