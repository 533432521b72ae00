// The console template, as Prometheus shows it.

import Foundation
import Testing

/// `docs/prometheus/consoles/llm-servers.html`, filled in by a Prometheus that was started with the folder of that file.
struct ConsolePage {
    private let html: String

    /// - Parameter job: of which service; without, of all.
    init(_ prometheus: Prometheus, job: String? = nil) throws {
        let answer = try prometheus.get("/consoles/llm-servers.html" + (job.map { "?job=\($0)" } ?? ""))
        html = String(decoding: answer.body, as: UTF8.self)
        try #require(answer.status == 200 && html.hasPrefix("<!DOCTYPE html>"), "\(html.prefix(500))")
    }

    /// The texts of the cells of a table's lines, without those of its head.
    func rows(_ table: String) -> [[String]] {
        let parts = html.components(separatedBy: "<table id=\"\(table)\">")
        let text = parts.last?.components(separatedBy: "</table>").first?.components(separatedBy: "</thead>").last ?? ""
        return text.matches(of: /(?s)<tr>(.*?)<\/tr>/).map { row in
            row.1.matches(of: /(?s)<t[dh][^>]*>(.*?)<\/t[dh]>/).map {
                $0.1.trimmingCharacters(in: .whitespacesAndNewlines)
            }
        }
    }
}
