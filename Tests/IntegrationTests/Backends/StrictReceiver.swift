// The strict OTLP receiver as a child process.

import Foundation
import TestSupport
import Testing

/// A running strict receiver, told to misbehave.
struct StrictReceiver {
    /// One request, as the receiver saw it.
    struct Entry {
        let points: Int
        /// The status of its answer; nil if it gave none.
        let status: Int?
        /// How it was told to behave.
        let behaviour: String
        let body: [String: Any]
        /// The time of its points, in nanoseconds since 1970-01-01 UTC.
        var time: UInt64? {
            var node: Any? = body
            for key in ["resourceMetrics", "scopeMetrics", "metrics"] {
                node = ((node as? [String: Any])?[key] as? [Any])?.first
            }
            let points = ((node as? [String: Any])?["gauge"] as? [String: Any])?["dataPoints"] as? [[String: Any]]
            return (points?.first?["timeUnixNano"] as? String).flatMap(UInt64.init)
        }
        /// Errors and warnings.
        let findings: [String]

        /// A point of a sum of whole numbers.
        struct SumPoint {
            let value: Int
            /// The texts among its attributes.
            let attributes: [String: String]
            let isDelta: Bool
            /// In nanoseconds since 1970.
            let start: UInt64
            let time: UInt64
        }

        /// The points of a sum, in their order.
        func points(ofSum name: String) -> [SumPoint] {
            func list(_ node: [String: Any], _ key: String) -> [[String: Any]] { node[key] as? [[String: Any]] ?? [] }
            let metrics = list(body, "resourceMetrics").flatMap { list($0, "scopeMetrics") }
                .flatMap { list($0, "metrics") }
            return metrics.filter { $0["name"] as? String == name }.flatMap { metric in
                let sum = metric["sum"] as? [String: Any] ?? [:]
                return list(sum, "dataPoints").map { point in
                    let attributes = list(point, "attributes").map { attribute in
                        let value = attribute["value"] as? [String: Any]
                        return (attribute["key"] as? String ?? "", value?["stringValue"] as? String ?? "")
                    }
                    func number(_ key: String) -> UInt64 { (point[key] as? String).flatMap(UInt64.init) ?? 0 }
                    return SumPoint(
                        value: Int(number("asInt")),
                        attributes: Dictionary(attributes) { first, _ in first },
                        isDelta: sum["aggregationTemporality"] as? Int == 1,
                        start: number("startTimeUnixNano"),
                        time: number("timeUnixNano")
                    )
                }
            }
        }
    }

    let process: ChildProcess
    let url: String
    private let folder: TemporaryFolder

    /// - Parameters:
    ///   - behaviours: what to do with the first requests; later ones are answered properly.
    ///   - identity: its certificate, for https.
    ///   - clientAuthority: the certificate of the authority that clients must be known to.
    ///   - port: where it listens; 0 for any.
    init(
        _ behaviours: [String] = [],
        port: Int = 0,
        identity: CertificateAuthority.Identity? = nil,
        clientAuthority: String? = nil
    ) throws {
        folder = try TemporaryFolder()
        let portFile = "\(folder.path)/port"
        process = try ChildProcess(
            Program.receiverPython.requirePath(),
            [
                Program.receiver.requirePath(), "--listen", "127.0.0.1:\(port)",
                "--log", "\(folder.path)/log.jsonl", "--port-file", portFile,
            ]
                + behaviours.flatMap { ["--behave", $0] }
                + (identity.map { ["--tls-cert", $0.certificate, "--tls-key", $0.key] } ?? [])
                + (clientAuthority.map { ["--tls-client-ca", $0] } ?? [])
        )
        try #require(eventually(within: .seconds(30)) { FileManager.default.fileExists(atPath: portFile) })
        let scheme = identity == nil ? "http" : "https"
        url = "\(scheme)://127.0.0.1:\(try String(contentsOfFile: portFile, encoding: .utf8))"
    }

    /// What it has logged, once that is at least `count` requests: it logs after it has answered.
    func waitForEntries(_ count: Int) throws -> [Entry] {
        try #require(
            eventually(within: .seconds(30)) { (try? entries().count >= count) == true },
            "\((try? String(contentsOfFile: "\(folder.path)/log.jsonl", encoding: .utf8)) ?? "no log")"
        )
        return try entries()
    }

    /// What it has logged so far.
    func entries() throws -> [Entry] {
        let text = (try? String(contentsOfFile: "\(folder.path)/log.jsonl", encoding: .utf8)) ?? ""
        return try text.split(separator: "\n").map { line in
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            return Entry(
                points: object["points"] as? Int ?? 0,
                status: object["status"] as? Int,
                behaviour: object["behave"] as? String ?? "",
                body: object["body"] as? [String: Any] ?? [:],
                findings: (object["errors"] as? [String] ?? []) + (object["warnings"] as? [String] ?? [])
            )
        }
    }
}
