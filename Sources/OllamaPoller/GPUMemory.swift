// The amount of GPU memory that a usage of 100 % stands for.

import Foundation
import GPUPoller

/// The GPU memory that Ollama's models share: configured, detected on this machine, or assumed.
///
/// Not thread-safe: each run of the poller has its own.
final class GPUMemory {
    /// Bytes that are assumed if nothing is known; the Python package `genai-otel-instrument` does the same. Percentages then
    /// show whether a model grows or shrinks, not how full the GPU is.
    static let assumed = Double(8 << 30)

    /// Time from a failed detection to the next attempt.
    static let retryInterval: Duration = .seconds(60)

    /// How long a detection may take. `nvidia-smi` has a limit of its own, below this one.
    private static let detectionLimit: Duration = .seconds(8)
    /// How long to wait for a detection that was cancelled. If it has not ended by then, the driver hangs.
    private static let patience: Duration = .milliseconds(200)

    /// Identifies the driver calls of this object.
    private final class Caller: Sendable {}

    private enum Source { case fixed(Double), detected }

    private let source: Source
    private let log: Log
    private let timeSource: any TimeSource
    private var detector: VRAMDetector
    private let calls: DriverCalls
    private let caller = Caller()
    private var found: Double?
    private var nextAttempt: ContinuousClock.Instant?

    /// - Parameters:
    ///   - configured: bytes, greater than 0; if set, nothing is detected.
    ///   - isLocal: whether Ollama runs on this machine. If not, this machine's GPUs do not count.
    ///   - calls: runs the driver calls.
    init(
        configured: Double?,
        isLocal: Bool,
        detector: VRAMDetector,
        calls: DriverCalls,
        log: Log,
        timeSource: any TimeSource
    ) {
        self.log = log
        self.timeSource = timeSource
        self.detector = detector
        self.calls = calls
        if let configured {
            source = .fixed(configured)
        } else {
            source = isLocal ? .detected : .fixed(Self.assumed)
        }
    }

    /// The total in bytes, always more than 0.
    ///
    /// The first call detects it, which blocks. After a failure, detection is repeated once a minute while `isUsed`:
    /// without a model on a GPU, the total makes no difference.
    func total(isUsed: Bool, cancellation: Cancellation) -> Double {
        if case .fixed(let bytes) = source { return bytes }
        if isDetectionDue(isUsed: isUsed) {
            let finding = detect(cancellation)
            found = (finding.total?.bytes).map { Double($0) }
            // A cancelled detection has not failed.
            if finding.total != nil || !cancellation.isCancelled {
                report(finding, isFirst: nextAttempt == nil)
                nextAttempt = timeSource.now + Self.retryInterval
            }
        }
        return found ?? Self.assumed
    }

    private func detect(_ cancellation: Cancellation) -> VRAMDetector.Finding {
        let outcome = calls.run(for: caller, limit: Self.detectionLimit, cancellation: cancellation) {
            [detector] call in
            var detector = detector
            let finding = detector.detect { call.isCancelled }
            return (detector, finding)
        }
        switch outcome {
        case .done(let (detector, finding)):
            self.detector = detector
            return finding
        case .cancelled:
            _ = calls.waitForEnd(of: caller, timeout: Self.patience)
            return VRAMDetector.Finding()
        case .hangs: return VRAMDetector.Finding(failures: ["any method: the GPU driver does not answer"])
        case .noThread: return VRAMDetector.Finding(failures: ["any method: the system can't start another thread"])
        }
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

/// Bytes as `24.0GB`. A GB is a GiB here, as in the variables' names.
func gibibytesText(_ bytes: Double) -> String {
    // Not `String(format:)`, whose first use would noticeably slow down `instrument()`.
    "\((bytes / Double(1 << 30) * 10).rounded() / 10)GB"
}
