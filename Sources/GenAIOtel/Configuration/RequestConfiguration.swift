// The settings of tracked requests.

import Foundation
import GenAISupport

/// How tracked requests are counted: ``GenAIConfiguration/requests``.
///
/// A value: safe to pass between threads. Its closures are called on the thread that begins or ends a request, possibly on
/// several at once, under no lock. They must be quick, because the request waits for them.
///
/// ```swift
/// configuration.requests.allowedAttributes = ["tenant", "tier"]
/// configuration.requests.objectives = [
///     RequestObjective("interactive", timeToFirstToken: .seconds(1), timePerOutputToken: .milliseconds(50))
/// ]
/// ```
public struct RequestConfiguration: Sendable {
    /// Attribute `gen_ai.provider.name` of tracked requests; nil for the name of the service. `GENAI_PROVIDER_NAME`, default
    /// nil.
    ///
    /// All counters and histograms of tracked requests have it, except `gen_ai.server.requests.good`.
    public var providerName: String?

    /// The keys of your own attributes that requests may have, such as `tenant` or `route`. Other keys are dropped with one
    /// warning. Default none.
    ///
    /// Each combination of values is a time series of its own, within ``GenAIConfiguration/cardinalityLimit``. Keys that the
    /// conventions use (`gen_ai.*`, `error.type`, `server.*`, ...) can't be allowed.
    ///
    /// ```swift
    /// configuration.requests.allowedAttributes = ["tenant"]
    /// let metrics = instrument(configuration).serverMetrics
    /// let request = metrics.beginRequest(model: "llama-3", attributes: ["tenant": "acme"])
    /// ```
    public var allowedAttributes: [String] = []

    /// The objectives that requests are counted against. Default none.
    public var objectives: [RequestObjective] = []

    /// Returns the trace that a request belongs to, when it begins; nil for none. ``ServerRequest/trace`` can change it.
    /// Default nil: no request has a trace.
    ///
    /// ```swift
    /// enum Tracing { @TaskLocal static var traceParent: String? }
    /// configuration.requests.currentTrace = { Tracing.traceParent.flatMap { RequestTrace(traceParent: $0) } }
    /// ```
    public var currentTrace: (@Sendable () -> RequestTrace?)?

    /// Which requests become exemplars. `OTEL_METRICS_EXEMPLAR_FILTER`, default ``ExemplarFilter/traceBased``.
    public var exemplarFilter = ExemplarFilter.traceBased

    /// Decides what an error of a request counts as. Without it, and where it returns nil, the name of the error's type becomes
    /// the attribute `error.type`. Default nil.
    ///
    /// ```swift
    /// configuration.requests.outcomeOfError = { error in
    ///     switch error {
    ///     case is CancellationError: .clientGone
    ///     case let error as URLError: .failure(errorType: "url_error_\(error.errorCode)")
    ///     default: nil
    ///     }
    /// }
    /// ```
    public var outcomeOfError: (@Sendable (any Error) -> ServerRequest.Outcome?)?

    /// The upper bounds of the buckets for durations and times in the queue, in seconds: 1 to 200 numbers, ascending, more
    /// than 0 and at most a year. Unusable ones are replaced by the default, with a warning.
    ///
    /// Default: the bounds of the semantic conventions for generative AI, 10 ms to 82 s.
    public var durationBounds = Self.defaultDurationBounds

    /// The bounds for times to first token, likewise: 1 ms to 10 s.
    public var timeToFirstTokenBounds = Self.defaultTimeToFirstTokenBounds

    /// The bounds for times per output token, likewise: 10 ms to 2.5 s.
    public var timePerOutputTokenBounds = Self.defaultTimePerOutputTokenBounds

    /// Which requests become exemplars: examples of a value, with the trace that they belong to (metrics SDK specification,
    /// "ExemplarFilter"). A value: safe to pass between threads.
    ///
    /// ```swift
    /// configuration.requests.exemplarFilter = .alwaysOn
    /// ```
    public enum ExemplarFilter: Sendable, Hashable {
        /// `trace_based`: requests of a sampled trace.
        case traceBased
        /// `always_on`: all requests, with or without a trace.
        case alwaysOn
        /// `always_off`: no request.
        case alwaysOff
    }

    /// Reads the settings from the environment. Never fails: an unusable value is ignored.
    ///
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
