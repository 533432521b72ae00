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
