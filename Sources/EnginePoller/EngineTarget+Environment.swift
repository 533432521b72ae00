// The engines that the environment names.

import Foundation

extension EngineTarget {
    /// Reads `GENAI_SERVER_METRICS_TARGETS`, a list of http and https URLs (`host:port` counts as http) with commas,
    /// semicolons or white space between them. The other variables apply to all of them: `GENAI_SERVER_METRICS_INTERVAL`, a
    /// number of seconds greater than 0, `GENAI_SERVER_METRICS_TOKEN` and `GENAI_SERVER_METRICS_CERTIFICATE`.
    ///
    /// An unusable entry is left out, with a warning that does not quote it: it may contain a password.
    package static func targets(reading environment: inout EnvironmentReader) -> [EngineTarget] {
        let interval = environment.duration(PolledServer.defaultInterval) {
            $0.seconds("GENAI_SERVER_METRICS_INTERVAL")
        }
        let token = bearerToken(reading: &environment)
        let certificateFile = environment.text("GENAI_SERVER_METRICS_CERTIFICATE")
        let name = "GENAI_SERVER_METRICS_TARGETS"
        let parts = environment.list(name) { $0 == "," || $0 == ";" || $0.isWhitespace }
        var targets: [EngineTarget] = []
        for (index, entry) in entries(parts).enumerated() {
            do {
                let (url, hasUserInfo) = try url(of: entry)
                targets.append(
                    EngineTarget(
                        url: url,
                        interval: interval,
                        bearerToken: hasUserInfo ? nil : token,
                        certificateFile: certificateFile
                    )
                )
            } catch {
                environment.warn(
                    name,
                    "has an entry (number \(index + 1)) that \(error)",
                    consequence: "it is not polled"
                )
            }
        }
        return targets
    }

    private static func bearerToken(reading environment: inout EnvironmentReader) -> String? {
        let name = "GENAI_SERVER_METRICS_TOKEN"
        guard let token = environment.text(name) else { return nil }
        guard !token.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            environment.warn(
                name,
                "has a line break or another control character",
                consequence: "polls are sent without it"
            )
            return nil
        }
        return token
    }

    /// The entries of the list, with passwords that contain a separator put together again.
    ///
    /// In `http://me:12,s3cret@host`, an unescaped separator is part of the password, and `http://me:12` must not count as a
    /// URL of its own. The parts are joined with a slash, and the result is refused because of the `@` after its host.
    private static func entries(_ parts: [String]) -> [String] {
        var entries: [String] = []
        for part in parts {
            if endsUserInfo(part), let start = entries.lastIndex(where: { $0.contains("://") }),
                beginsUserInfo(entries[start])
            {
                let torn = entries[start...] + [part]
                entries.replaceSubrange(start..., with: [torn.joined(separator: "/")])
            } else {
                entries.append(part)
            }
        }
        return entries
    }

    /// `rest@host`, but not `user:password@host`.
    private static func endsUserInfo(_ part: String) -> Bool {
        guard !part.contains("://"), let at = part.lastIndex(of: "@") else { return false }
        return !part[..<at].contains(":")
    }

    /// `http://user:password`, where the password may look like a port.
    private static func beginsUserInfo(_ entry: String) -> Bool {
        let authority = entry.drop { $0 != "/" }.drop { $0 == "/" }.prefix { $0 != "/" }
        return authority.contains(":") && !authority.contains("@")
    }

    private static func url(of entry: String) throws -> (url: URL, hasUserInfo: Bool) {
        let text = entry.contains("://") || !isHostAndPort(entry) ? entry : "http://\(entry)"
        let endpoint = try HTTPEndpoint(text)
        guard let url = URL(string: text) else { throw HTTPEndpoint.Invalid.notAURL }
        return (url, endpoint.authorization != nil)
    }

    /// `host:port`, with or without a path.
    private static func isHostAndPort(_ text: String) -> Bool {
        let authority = text.prefix { $0 != "/" }
        guard let colon = authority.lastIndex(of: ":"), colon > authority.startIndex else { return false }
        let port = authority[authority.index(after: colon)...]
        return Int(digits: port) != nil && !authority.contains { $0.isWhitespace || $0 == "@" }
    }
}
