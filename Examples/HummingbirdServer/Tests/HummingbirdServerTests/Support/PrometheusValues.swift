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

    var running: Double? { sum("gen_ai_server_requests_running") }
    var waiting: Double? { sum("gen_ai_server_requests_waiting") }
    var total: Double? { sum("gen_ai_requests_total") }
    var firstTokens: Double? { sum("gen_ai_server_time_to_first_token_seconds_count") }
    func kvCacheUsage(_ model: String) -> Double? { sum("gen_ai_server_kv_cache_usage", "model=\"\(model)\"") }
    func failed(_ type: String) -> Double? { sum("gen_ai_requests_total", "error_type=\"\(type)\"") }
}
