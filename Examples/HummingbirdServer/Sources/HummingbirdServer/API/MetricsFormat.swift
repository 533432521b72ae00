// Which of the two formats of /metrics a scraper is given.

import Hummingbird

/// A format of `/metrics`.
enum MetricsFormat: Equatable, Sendable {
    /// Prometheus' text, version 0.0.4.
    case prometheus
    /// OpenMetrics 1.0, which has exemplars.
    case openMetrics

    /// OpenMetrics for who names it, as Prometheus does; the older one for all others.
    init(_ request: Request) {
        let isNamed = request.headers[values: .accept].contains { $0.contains("application/openmetrics-text") }
        self = isNamed ? .openMetrics : .prometheus
    }

    var contentType: String {
        switch self {
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }
}
