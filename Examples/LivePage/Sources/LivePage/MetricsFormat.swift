// Which of the two formats a scraper is given.

import Foundation
import Hummingbird

/// A format of `/metrics`.
public enum MetricsFormat: Equatable, Sendable {
    /// Prometheus' text, version 0.0.4.
    case prometheus
    /// OpenMetrics 1.0, which has exemplars.
    case openMetrics

    /// The media type of the answer.
    public var contentType: String {
        switch self {
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// The one that a request prefers.
    public init(_ request: Request) { self.init(accept: request.headers[values: .accept].joined(separator: ",")) }

    /// The one that an `Accept` header prefers. Who does not speak of OpenMetrics gets the older one.
    public init(accept: String?) {
        var openMetrics = 0.0
        var other = 0.0
        for part in (accept ?? "").split(separator: ",") {
            let fields = part.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
            guard let type = fields.first else { continue }
            let quality = fields.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            let version = fields.dropFirst().first { $0.hasPrefix("version=") }.map { $0.dropFirst(8) }
            switch type {
            // Prometheus asks for version 0.0.1 as well, which is the same but for what nothing here has.
            case "application/openmetrics-text" where version == nil || version?.hasPrefix("1.") == true:
                openMetrics = max(openMetrics, quality)
            case "text/plain", "text/*", "*/*": other = max(other, quality)
            default: break
            }
        }
        self = openMetrics > 0 && openMetrics >= other ? .openMetrics : .prometheus
    }
}
