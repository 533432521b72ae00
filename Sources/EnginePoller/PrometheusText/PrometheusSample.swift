// What the parser hands over: one line of a Prometheus page that was asked for.

/// One sample of a metric, with the labels that were asked for.
struct PrometheusSample: Equatable {
    /// The metric's whole name.
    var name: String
    /// The values of the labels that the parser was asked for and that the line has, unescaped.
    var labels: [String: String] = [:]
    /// Always finite: a sample that is not a number is none.
    var value: Double
}
