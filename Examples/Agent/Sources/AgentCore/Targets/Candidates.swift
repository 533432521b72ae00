// Where engines listen on this machine unless they are told otherwise.

import Foundation
import GenAIOtel

/// A place on this machine where an engine may listen.
struct Candidate: Sendable, Hashable {
    var port: Int
    /// Who listens there by default.
    var names: String

    /// `localhost` is ::1 and 127.0.0.1, whichever answers.
    var url: String { "http://localhost:\(port)" }

    static let ollamaPort = 11434

    static let engines = [
        Candidate(port: 8000, names: "vLLM"),
        Candidate(port: 8080, names: "llama.cpp, TGI"),
        Candidate(port: 30000, names: "SGLang"),
        Candidate(port: 3000, names: "TGI"),
        Candidate(port: 1234, names: "LM Studio"),
        Candidate(port: 23333, names: "LMDeploy"),
        Candidate(port: 8002, names: "Triton"),
    ]
}

/// Hosts that are this machine's own, as they stand in a URL.
enum Loopback {
    static func contains(_ host: String) -> Bool {
        let host = host.lowercased().trimmingCharacters(in: ["[", "]"])
        if host == "localhost" || host == "::1" || host == "0:0:0:0:0:0:0:1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// The ports of this machine that targets already name; engines listen on 0.0.0.0 too.
    static func ports(of targets: [EngineTarget]) -> Set<Int> {
        Set(
            targets.compactMap { target in
                guard let host = target.url.host, contains(host) || host == "0.0.0.0" || host == "::" else {
                    return nil
                }
                return target.url.port ?? (target.url.scheme == "https" ? 443 : 80)
            }
        )
    }
}
