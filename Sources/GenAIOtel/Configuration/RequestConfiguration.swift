// The settings of tracked requests.

import Foundation
import GenAISupport

/// How tracked requests are counted.
///
/// ```swift
/// configuration.requests.allowedAttributes = ["tenant", "tier"]
/// configuration.requests.objectives = [
///     RequestObjective("interactive", timeToFirstToken: .seconds(1), timePerOutputToken: .milliseconds(50))
/// ]
/// ```
///
/// The closures are called on the thread that begins or ends a request, under no lock. They must be quick.
public struct RequestConfiguration: Sendable {
    /// Attribute `gen_ai.provider.name` of tracked requests' counters and histograms, but for `gen_ai.server.requests.good`;
    /// nil for the name of the service.
    /// `GENAI_PROVIDER_NAME`, default nil.
    public var providerName: String?

    /// The keys of the application's own attributes, such as `tenant` or `route`, that ``ServerMetricsCollector`` takes with a
    /// request. Others are dropped with one warning. Default none.
    ///
    /// Each combination of values is a series of its own, within ``GenAIConfiguration/cardinalityLimit``. Keys that the
    /// conventions use (`gen_ai.*`, `error.type`, `server.*`, ...) can't be allowed.
    public var allowedAttributes: [String] = []

    /// What makes a request a good one. Default none.
    public var objectives: [RequestObjective] = []

    /// Gives the trace that a request belongs to, when it begins; nil for none. ``ServerRequest/trace`` can change it.
    /// Default none.
    public var currentTrace: (@Sendable () -> RequestTrace?)?

    /// Which requests become exemplars. `OTEL_METRICS_EXEMPLAR_FILTER`, default those of a sampled trace.
    public var exemplarFilter = ExemplarFilter.traceBased

    /// Says how a request ended that failed with an error; nil for the default, by which the name of the error's type becomes
    /// the attribute `error.type`.
    ///
    /// ```swift
    /// configuration.requests.outcomeOfError = { error in
    ///     switch error {
    ///     case is CancellationError: .clientGone
    ///     case let error as EngineError: .failure(errorType: error.code)
    ///     default: nil
    ///     }
    /// }
    /// ```
    public var outcomeOfError: (@Sendable (any Error) -> ServerRequest.Outcome?)?

    /// The upper bounds of the buckets for durations and times in the queue, in seconds, more than 0 and ascending. Default:
    /// the bounds of the semantic conventions for generative AI, 10 ms to 82 s.
    public var durationBounds = Self.defaultDurationBounds

    /// The bounds for times to first token, likewise: 1 ms to 10 s.
    public var timeToFirstTokenBounds = Self.defaultTimeToFirstTokenBounds

    /// The bounds for times per output token, likewise: 10 ms to 2.5 s.
    public var timePerOutputTokenBounds = Self.defaultTimePerOutputTokenBounds

    /// Which requests become exemplars: examples of a value, with the trace that they belong to (metrics SDK specification,
    /// "ExemplarFilter").
    public enum ExemplarFilter: Sendable, Hashable {
        /// `trace_based`: those that belong to a sampled trace.
        case traceBased
        /// `always_on`: all, those without a trace too.
        case alwaysOn
        /// `always_off`: none.
        case alwaysOff
    }

    /// Reads the settings from the environment. Never fails: a value that can't be used is ignored.
    /// ``GenAIConfiguration/init(environment:)`` reads these settings too, and keeps the warnings.
    ///
    /// - Parameter environment: variables by name; by default those of this process.
    public init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        var reader = EnvironmentReader(environment)
        self.init(reading: &reader)
    }

    init(reading reader: inout EnvironmentReader) {
        providerName = reader.text("GENAI_PROVIDER_NAME")
        exemplarFilter = reader.setting(.traceBased, consequence: { _ in "trace_based is used" }) { reader in
            reader.word("OTEL_METRICS_EXEMPLAR_FILTER", Self.exemplarFilters)
        }
    }

    private static let exemplarFilters: KeyValuePairs<String, ExemplarFilter> = [
        "trace_based": .traceBased, "always_on": .alwaysOn, "always_off": .alwaysOff,
    ]

    // The bounds of the OpenTelemetry semantic conventions for generative AI.
    static let defaultDurationBounds = [
        0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    ]
    static let defaultTimeToFirstTokenBounds = [
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
    ]
    static let defaultTimePerOutputTokenBounds = [
        0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5,
    ]
}
