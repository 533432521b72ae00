// The settings for reading GPUs, in the environment and in code.

import Foundation

/// How this machine's GPUs are read.
///
/// `init()` reads the environment; every property can then be set in code.
///
/// ```swift
/// var gpus = GPUConfiguration()
/// gpus.interval = .seconds(15)
/// configuration.gpus = gpus
/// ```
public struct GPUConfiguration: Sendable {
    /// Time from one look at the GPUs to the next, more than 0. Default: 5 seconds.
    ///
    /// Values are limited to 10 milliseconds to a year; 0 and less become the default. Environment:
    /// `GENAI_GPU_COLLECTION_INTERVAL`, in seconds.
    public var interval: Duration

    /// One line for each variable that could not be used. The poller logs them when it starts.
    public internal(set) var warnings: [String] = []

    /// Reads the environment. An unusable value is ignored, with an entry in ``warnings``.
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
