// Series that never were, for conditions that take longer than a test may.

import Foundation
import GenAISupport
import TestSupport
import Testing

/// A metric of one point, and its value over time.
struct MadeSeries {
    private let metric: String
    private let unit: String
    private let isSum: Bool
    private let attributes: [String: String]
    private let value: (Double) -> Double

    /// - Parameter value: by seconds since the series began.
    static func gauge(
        _ metric: String,
        unit: String = "{request}",
        _ attributes: [String: String] = [:],
        _ value: @escaping (Double) -> Double
    ) -> Self { Self(metric: metric, unit: unit, isSum: false, attributes: attributes, value: value) }

    /// A sum that rises.
    static func sum(
        _ metric: String,
        _ unit: String,
        _ attributes: [String: String],
        _ value: @escaping (Double) -> Double
    ) -> Self { Self(metric: metric, unit: unit, isSum: true, attributes: attributes, value: value) }

    /// Sends a point every ten seconds of the last ones, up to a time, of each service's series.
    static func push(
        _ series: [String: [MadeSeries]],
        to endpoint: String,
        until end: Double,
        seconds: Int
    ) throws {
        let resources = series.map { service, series in
            [
                "resource": ["attributes": attributes(["service.name": service])],
                "scopeMetrics": [
                    ["metrics": series.map { $0.json(from: end - Double(seconds), seconds: seconds) }]
                ],
            ] as [String: Any]
        }
        let body = try JSONSerialization.data(withJSONObject: ["resourceMetrics": resources])
        let type = HTTPHeader("Content-Type", "application/json")
        let answer = try loopbackRequest("POST", endpoint, headers: [type], body: body)
        try #require(answer.status == 200, "\(String(decoding: answer.body, as: UTF8.self))")
    }

    private func json(from start: Double, seconds: Int) -> [String: Any] {
        func nanoseconds(_ offset: Int) -> String { "\(UInt64((start + Double(offset)) * 1000) * 1_000_000)" }
        let points = stride(from: 0, through: seconds, by: 10).map { offset in
            [
                "attributes": Self.attributes(attributes), "startTimeUnixNano": nanoseconds(0),
                "timeUnixNano": nanoseconds(offset), "asDouble": value(Double(offset)),
            ] as [String: Any]
        }
        var data: [String: Any] = ["dataPoints": points]
        if isSum {
            data["aggregationTemporality"] = 2
            data["isMonotonic"] = true
        }
        return ["name": metric, "unit": unit, (isSum ? "sum" : "gauge"): data]
    }

    private static func attributes(_ attributes: [String: String]) -> [[String: Any]] {
        attributes.map { ["key": $0.key, "value": ["stringValue": $0.value]] }
    }
}
