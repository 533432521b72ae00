// Decides which amount of GPU memory 100 % stands for.

import Foundation

/// The GPU memory that Ollama's models share: what was configured, what this machine has, or an assumption.
///
/// Not thread-safe: each run of the poller has its own.
final class GPUMemory {
    /// How long a detection that found nothing is not tried again.
    static let retryInterval: Duration = .seconds(60)

    private enum Source { case fixed(Double), detected }

    private let source: Source
    private let log: Log
    private let timeSource: any TimeSource
    private var detector: VRAMDetector
    private var found: UInt64?
    private var nextAttempt: ContinuousClock.Instant?

    /// - Parameters:
    ///   - configured: bytes, greater than 0; nothing is detected then.
    ///   - isLocal: whether Ollama runs on this machine; only then do its GPUs count.
    init(configured: Double?, isLocal: Bool, detector: VRAMDetector, log: Log, timeSource: any TimeSource) {
        self.log = log
        self.timeSource = timeSource
        self.detector = detector
        if let configured {
            source = .fixed(configured)
        } else {
            source = isLocal ? .detected : .fixed(Double(AssumedVRAM.bytes))
        }
    }

    /// The total in bytes, always more than 0.
    ///
    /// May detect it, and then blocks. That happens at the first call, and after a failure again once a minute for as long
    /// as the total `isUsed`: without a model on a GPU it makes no difference.
    func total(isUsed: Bool, cancellation: Cancellation) -> Double {
        if case .fixed(let bytes) = source { return bytes }
        if isDetectionDue(isUsed: isUsed) {
            let finding = detector.detect { cancellation.isCancelled }
            found = finding.total?.bytes
            // One that was called off has not failed.
            if finding.total != nil || !cancellation.isCancelled {
                report(finding, isFirst: nextAttempt == nil)
                nextAttempt = timeSource.now + Self.retryInterval
            }
        }
        return Double(found ?? AssumedVRAM.bytes)
    }

    private func isDetectionDue(isUsed: Bool) -> Bool {
        guard found == nil else { return false }
        guard let nextAttempt else { return true }
        return isUsed && timeSource.now >= nextAttempt
    }

    private func report(_ finding: VRAMDetector.Finding, isFirst: Bool) {
        for failure in finding.failures { log.debug("GPU VRAM not detected through \(failure)") }
        if let total = finding.total {
            log.info("Auto-detected GPU VRAM: \(gibibytesText(Double(total.bytes)))")
            log.debug("GPU VRAM was detected through \(total.method.rawValue)")
        } else if isFirst {
            log.info("GPU VRAM not detected, using heuristic-based percentages")
        }
    }
}

/// Bytes as `24.0GB`; a GB is a GiB here, as in the names of the variables.
func gibibytesText(_ bytes: Double) -> String {
    // Not `String(format:)`: its first use was four tenths of what starting the instrumentation took.
    "\((bytes / Double(1 << 30) * 10).rounded() / 10)GB"
}
