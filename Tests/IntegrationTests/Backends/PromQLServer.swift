// How a backend is asked in PromQL.

import Foundation
import GenAISupport
import Testing

/// A backend that answers PromQL over Prometheus' HTTP API.
protocol PromQLServer {
    var url: String { get }
}

extension PromQLServer {
    /// The series that an expression has, as the API tells them.
    ///
    /// - Parameter time: in seconds since 1970; without, now.
    func result(of expression: String, at time: Double? = nil) throws -> [[String: Any]] {
        let escaped = expression.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        return try result(at: "/api/v1/query?query=\(escaped)" + (time.map { "&time=\($0)" } ?? ""))
    }

    func result(at path: String) throws -> [[String: Any]] {
        let response = try get(path)
        let root = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any]
        let data = try #require(root?["data"] as? [String: Any], "\(String(decoding: response.body, as: UTF8.self))")
        return data["result"] as? [[String: Any]] ?? []
    }

    /// The values that an expression has, by the value of one label.
    func query(_ expression: String, by label: String = "model", at time: Double? = nil) throws -> [String: Double] {
        var values: [String: Double] = [:]
        for (labels, value) in try series(expression, at: time) { values[labels[label] ?? ""] = value }
        return values
    }

    /// The values that an expression has, by their labels.
    func series(_ expression: String, at time: Double? = nil) throws -> [[String: String]: Double] {
        var values: [[String: String]: Double] = [:]
        for series in try result(of: expression, at: time) {
            let value = (series["value"] as? [Any])?.last as? String
            values[series["metric"] as? [String: String] ?? [:]] = value.flatMap(Double.init)
        }
        return values
    }

    func get(_ path: String) throws -> HTTPResponse { try loopbackRequest("GET", url + path) }
}
