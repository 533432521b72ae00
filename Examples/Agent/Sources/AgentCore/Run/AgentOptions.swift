// What the agent is told to do.

import Foundation

/// What `genai-agent run` is started with.
package struct AgentOptions: Sendable {
    package var listen = ListenAddress.standard
    /// URLs of engines, beside those of the environment.
    package var engines: [String] = []
    package var targetsFile: String?
    /// Whether to look for engines on this machine.
    package var discovers = false
    package var tokenFile: String?
    var limits = ClientLimits()

    package init() {}

    /// The token, from the file or `AGENT_TOKEN`.
    ///
    /// - Throws: ``UsageProblem`` if there is none although others get to the address, and for one that can't be used.
    func token(_ environment: [String: String]) throws -> BearerToken? {
        let text: String?
        if let tokenFile {
            guard let data = FileManager.default.contents(atPath: tokenFile), data.count <= 65_536 else {
                throw UsageProblem("The file of the token does not exist, or can't be read")
            }
            text = String(decoding: data, as: UTF8.self)
        } else {
            text = environment["AGENT_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
        }
        guard let text else {
            guard listen.isLoopback else {
                throw UsageProblem(
                    "Others get to \(listen): set a bearer token with --token-file or AGENT_TOKEN, or listen on 127.0.0.1"
                )
            }
            return nil
        }
        guard let token = BearerToken(text) else {
            throw UsageProblem("The token is empty, or has blanks or other characters that a header can't have")
        }
        return token
    }
}
