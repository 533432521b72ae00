// Turns what users write into targets, with what holds for all of them.

import Foundation
import GenAIOtel

/// The credentials, certificates and interval that the environment sets for all engines.
struct EngineSettings: Sendable {
    var environment: [String: String]

    /// The engines of `GENAI_SERVER_METRICS_TARGETS`.
    var named: [EngineTarget] { GenAIConfiguration(environment: environment).engines }

    /// The targets that a text names, in all the forms of that variable; none if it is unusable.
    func targets(_ text: String, attributes: [String: String] = [:]) -> [EngineTarget] {
        let variables = environment.merging(["GENAI_SERVER_METRICS_TARGETS": text]) { $1 }
        return GenAIConfiguration(environment: variables).engines.map { target in
            var target = target
            target.attributes = attributes
            return target
        }
    }

    /// What was found at a place and named by nobody. It may be anybody's, so it is not shown the token.
    func found(at url: String) -> [EngineTarget] {
        targets(url).map { target in
            var target = target
            target.bearerToken = nil
            return target
        }
    }

    /// The targets of a file.
    func targets(of file: TargetFile) -> [EngineTarget] {
        file.entries.flatMap { targets($0.url, attributes: $0.attributes) }
    }
}
