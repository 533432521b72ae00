// The engines that the environment names.

import Foundation

extension EngineTarget {
    /// Reads `GENAI_SERVER_METRICS_TARGETS`, a comma-separated list of http and https URLs (`host:port` counts as
    /// http), and `GENAI_SERVER_METRICS_INTERVAL`, a number of seconds greater than 0.
    ///
    /// An unusable entry is left out, with a warning that does not quote it: it may contain a password.
    package static func targets(reading environment: inout EnvironmentReader) -> [EngineTarget] {
        let interval = environment.seconds("GENAI_SERVER_METRICS_INTERVAL") ?? PolledServer.defaultInterval
        let name = "GENAI_SERVER_METRICS_TARGETS"
        var targets: [EngineTarget] = []
        for (index, entry) in environment.list(name).enumerated() {
            do {
                targets.append(EngineTarget(url: try url(of: entry), interval: interval))
            } catch {
                environment.warn(name, "has an entry (number \(index + 1)) that \(error)")
            }
        }
        return targets
    }

    private static func url(of entry: String) throws -> URL {
        let text = entry.contains("://") || !isHostAndPort(entry) ? entry : "http://\(entry)"
        _ = try HTTPEndpoint(text)
        guard let url = URL(string: text) else { throw HTTPEndpoint.Invalid.notAURL }
        return url
    }

    /// `host:port`, with or without a path.
    private static func isHostAndPort(_ text: String) -> Bool {
        let authority = text.prefix { $0 != "/" }
        guard let colon = authority.lastIndex(of: ":"), colon > authority.startIndex else { return false }
        let port = authority[authority.index(after: colon)...]
        return Int(digits: port) != nil && !authority.contains { $0.isWhitespace || $0 == "@" }
    }
}
