// Reads values out of a /metrics page.

struct PrometheusValues {
    private let lines: [(series: String, value: Double)]

    init(_ text: String) {
        lines = text.split(separator: "\n").compactMap { line in
            guard !line.hasPrefix("#"), let space = line.lastIndex(of: " "),
                let value = Double(line[line.index(after: space)...])
            else { return nil }
            return (String(line[..<space]), value)
        }
    }

    /// The sum of the series of a metric whose labels, as written, contain all of the given ones; nil if there is none.
    func sum(_ name: String, _ labels: String...) -> Double? {
        let found = lines.filter { series, _ in
            (series == name || series.hasPrefix("\(name){")) && labels.allSatisfy(series.contains)
        }
        return found.isEmpty ? nil : found.reduce(0) { $0 + $1.value }
    }

    /// Tokens that were processed, `input` or `output`.
    func tokens(_ type: String) -> Double? { sum("gen_ai_server_tokens_total", "gen_ai_token_type=\"\(type)\"") }
    var prefixCacheQueries: Double? { sum("gen_ai_server_prefix_cache_queries_total") }
    var prefixCacheHits: Double? { sum("gen_ai_server_prefix_cache_hits_total") }
    var good: Double? { sum("gen_ai_server_requests_good_total", "gen_ai_server_objective=\"interactive\"") }
    var running: Double? { sum("gen_ai_server_requests_running") }
    var waiting: Double? { sum("gen_ai_server_requests_waiting") }
    var total: Double? { sum("gen_ai_requests_total") }
    var firstTokens: Double? { sum("gen_ai_server_time_to_first_token_seconds_count") }
    func kvCacheUsage(_ model: String) -> Double? { sum("gen_ai_server_kv_cache_usage", "model=\"\(model)\"") }
    func failed(_ type: String) -> Double? { sum("gen_ai_requests_total", "error_type=\"\(type)\"") }

    /// How many requests did not end well, by their `error.type`.
    var failures: [String: Double] {
        lines.reduce(into: [:]) { failures, line in
            let label = "error_type=\""
            guard line.series.hasPrefix("gen_ai_requests_total{"), let start = line.series.firstRange(of: label)
            else { return }
            failures[String(line.series[start.upperBound...].prefix { $0 != "\"" }), default: 0] += line.value
        }
    }
}
