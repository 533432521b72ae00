// The log line that says what instrument() has started.

import EnginePoller
import Foundation
import OllamaPoller

/// Where metrics go, how often, and what is polled. URLs are without user info and query.
struct StartNote: Sendable {
    /// More engines than this are counted, not named.
    private static let namedEngines = 3

    private let configuration: GenAIConfiguration
    private let sendsOTLP: Bool

    /// - Parameter sendsOTLP: whether OTLP is exported; false also if it is configured but can't work.
    init(_ configuration: GenAIConfiguration, sendsOTLP: Bool) {
        self.configuration = configuration
        self.sendsOTLP = sendsOTLP
    }

    var text: String {
        guard !configuration.isDisabled else { return "Metrics are disabled: nothing is exported or polled" }
        let polled = polled
        return "\(exports); \(polled.isEmpty ? "nothing is polled" : "polled: \(polled.joined(separator: ", "))")"
    }

    private var exports: String {
        var places: [String] = []
        if sendsOTLP {
            let otlp = configuration.otlp
            places.append("\(HTTPEndpoint.name(of: otlp.endpoint)) (\(otlp.protocol.name))")
        }
        if configuration.exporters.contains(.console) { places.append("the console") }
        guard !places.isEmpty else { return "Metrics are not exported, only served as Prometheus text" }
        return "Metrics go to \(places.joined(separator: " and ")) every \(configuration.exportInterval.inSeconds)"
    }

    private var polled: [String] {
        var result: [String] = []
        if let ollama = configuration.ollama {
            let place = "Ollama at \(HTTPEndpoint.name(of: ollama.url))"
            result.append(ollama.isConfigured ? place : "\(place) if there is one")
        }
        let engines = configuration.engines.map { HTTPEndpoint.name(of: $0.url) }
        if !engines.isEmpty {
            let more = engines.count - Self.namedEngines
            let names = engines.prefix(Self.namedEngines) + (more > 0 ? ["\(more) more"] : [])
            result.append("\(Self.count(engines.count, "engine")) (\(names.joined(separator: ", ")))")
        }
        if !configuration.sources.isEmpty { result.append(Self.count(configuration.sources.count, "source")) }
        if configuration.gpus != nil { result.append("this machine's GPUs") }
        return result
    }

    private static func count(_ number: Int, _ what: String) -> String { "\(number) \(what)\(number == 1 ? "" : "s")" }
}
