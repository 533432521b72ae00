// The parser's result: one requested line of a Prometheus page.

/// One sample of a metric, with the requested labels.
struct PrometheusSample: Equatable {
    /// The metric's whole name.
    var name: String
    /// The values of the requested labels that the line has, unescaped.
    var labels: [String: String] = [:]
    /// Always finite; samples without a finite number are skipped.
    var value: Double
}
