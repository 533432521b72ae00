// The settings for reading GPUs, in the environment and in code.

import Foundation

/// How this machine's GPUs are read.
///
/// `GPUConfiguration()` reads the environment; every property can then be set in code. A value: safe to pass between threads.
///
/// ```swift
/// var gpus = GPUConfiguration()
/// gpus.interval = .seconds(15)
/// configuration.gpus = gpus
/// ```
public struct GPUConfiguration: Sendable {
    /// Time from one reading to the next, more than 0. Default: 5 seconds.
    ///
    /// Values are clamped to 10 milliseconds through a year; 0 and less become the default, with a warning. Environment:
    /// `GENAI_GPU_COLLECTION_INTERVAL`, in seconds.
    public var interval: Duration

    /// One sentence for each environment variable that could not be used. The poller logs them when it starts.
    public internal(set) var warnings: [String] = []

    /// Reads the settings from the environment. Never fails: an unusable value is ignored, with an entry in ``warnings``.
    ///
    /// - Parameter environment: variables by name; by default those of this process. An empty value counts as unset.
    public init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        var reader = EnvironmentReader(environment)
        self.init(reading: &reader)
        warnings = reader.warnings
    }

    /// Reads the environment; warnings stay in the reader.
    package init(reading environment: inout EnvironmentReader) {
        interval = environment.duration(PolledServer.defaultInterval) { $0.seconds("GENAI_GPU_COLLECTION_INTERVAL") }
    }
}
