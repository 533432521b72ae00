// A real Prometheus as a child process.

import Foundation
import GenAISupport
import TestSupport
import Testing

/// A running Prometheus that takes OTLP.
struct Prometheus: PromQLServer {
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
    private let port: Int
    private let arguments: [String]
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
        self.arguments =
            try [
                "--config.file=\(folder.write(configuration, to: "prometheus.yml"))",
                "--storage.tsdb.path=\(folder.path)/data", "--web.listen-address=127.0.0.1:\(self.port)",
                "--web.enable-otlp-receiver", "--log.level=warn",
            ] + arguments
        process = try ChildProcess(Program.prometheus.requirePath(), self.arguments)
        try waitUntilReady()
    }

    /// Starts again what has been stopped, at the same address and with the same data.
    mutating func restart() throws {
        process = try ChildProcess(Program.prometheus.requirePath(), arguments)
        try waitUntilReady()
    }

    private func waitUntilReady() throws {
        struct NotRunning: Error { let output: [String] }
        let isReady =
            process.waitForPort(port) && eventually(within: .seconds(30)) { (try? get("/-/ready"))?.status == 200 }
        guard isReady else {
            process.stop()
            throw NotRunning(output: process.lines)
        }
    }

    var url: String { "http://127.0.0.1:\(port)" }
    var otlpEndpoint: String { Self.otlpEndpoint(port: port) }

    static func otlpEndpoint(port: Int) -> String { "http://127.0.0.1:\(port)/api/v1/otlp/v1/metrics" }

    /// The condition of an alert of its rule files.
    func condition(of alert: String) throws -> String {
        struct Answer: Decodable {
            struct Rule: Decodable { var name, query: String }
            struct Group: Decodable { var rules: [Rule] }
            struct Groups: Decodable { var groups: [Group] }
            var data: Groups
        }
        let answer = try JSONDecoder().decode(Answer.self, from: Data(get("/api/v1/rules").body))
        return try #require(answer.data.groups.flatMap(\.rules).first { $0.name == alert }, "no alert \(alert)").query
    }

    /// The summaries of the alerts of a name that fire or are about to.
    ///
    /// - Parameter job: of which service; without, of all.
    func summaries(_ alert: String, of job: String? = nil) throws -> Set<String> {
        struct Answer: Decodable {
            struct Alert: Decodable {
                var labels: [String: String]
                var annotations: [String: String]
            }
            struct Alerts: Decodable { var alerts: [Alert] }
            var data: Alerts
        }
        let answer = try JSONDecoder().decode(Answer.self, from: Data(get("/api/v1/alerts").body))
        let alerts = answer.data.alerts.filter { $0.labels["alertname"] == alert }
        return Set(alerts.filter { job == nil || $0.labels["job"] == job }.compactMap { $0.annotations["summary"] })
    }

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

    /// What the only series of a counter has counted while it was sampled, through restarts: to the unit, which `increase()`
    /// is not, because it estimates what happened beside the samples.
    func rise(_ series: String) throws -> Double {
        let values = try samples("\(series)[10m]").map(\.value)
        return zip(values.dropFirst(), values).reduce(values.first ?? 0) { $0 + ($1.0 < $1.1 ? $1.0 : $1.0 - $1.1) }
    }

    /// The exemplars of the last ten minutes of all series of a metric: the trace and the value of each.
    func exemplars(of metric: String) throws -> [(traceID: String, value: Double)] {
        let now = Date().timeIntervalSince1970
        let path = "/api/v1/query_exemplars?query=\(metric)&start=\(now - 600)&end=\(now + 60)"
        let root = try JSONSerialization.jsonObject(with: Data(try get(path).body)) as? [String: Any]
        let series = try #require(root?["data"] as? [[String: Any]])
        return series.flatMap { $0["exemplars"] as? [[String: Any]] ?? [] }.compactMap { exemplar in
            guard let labels = exemplar["labels"] as? [String: String], let id = labels["trace_id"],
                let value = (exemplar["value"] as? String).flatMap(Double.init)
            else { return nil }
            return (id, value)
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
}
