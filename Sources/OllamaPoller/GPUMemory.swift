// Decides which amount of GPU memory 100 % stands for.

import Foundation

/// The GPU memory that Ollama's models share: what was configured, what this machine has, or an assumption.
final class GPUMemory: Sendable {
    /// How long a detection that found nothing is not tried again.
    static let retryInterval: Duration = .seconds(60)

    private enum Source { case fixed(Double), detected }

    private struct State {
        /// Nil while a thread is detecting.
        var detector: VRAMDetector?
        var found: UInt64?
        var nextAttempt: ContinuousClock.Instant?
    }

    private let source: Source
    private let log: Log
    private let timeSource: any TimeSource
    private let state: Locked<State>

    /// - Parameters:
    ///   - configured: bytes, greater than 0; nothing is detected then.
    ///   - isLocal: whether Ollama runs on this machine; only then do its GPUs count.
    init(configured: Double?, isLocal: Bool, detector: VRAMDetector, log: Log, timeSource: any TimeSource) {
        self.log = log
        self.timeSource = timeSource
        if let configured {
            source = .fixed(configured)
        } else {
            source = isLocal ? .detected : .fixed(Double(AssumedVRAM.bytes))
        }
        state = Locked(State(detector: detector))
    }

    /// The total in bytes, always more than 0.
    ///
    /// May detect it, and then blocks. That happens at the first call, and after a failure again once a minute for as long
    /// as the total `isUsed`: without a model on a GPU it makes no difference.
    func total(isUsed: Bool, cancellation: Cancellation) -> Double {
        if case .fixed(let bytes) = source { return bytes }
        if var detector = takeDetector(isUsed: isUsed) {
            let finding = detector.detect { cancellation.isCancelled }
            // One that was called off has not failed.
            let isComplete = finding.total != nil || !cancellation.isCancelled
            let isFirst = state.withLock { state in
                state.detector = detector
                state.found = finding.total?.bytes
                defer { if isComplete { state.nextAttempt = timeSource.now + Self.retryInterval } }
                return state.nextAttempt == nil
            }
            if isComplete { report(finding, isFirst: isFirst) }
        }
        return Double(state.withLock { $0.found } ?? AssumedVRAM.bytes)
    }

    /// The detector, if it is to be used now; the caller puts it back.
    private func takeDetector(isUsed: Bool) -> VRAMDetector? {
        let now = timeSource.now
        return state.withLock { state in
            guard state.found == nil else { return nil }
            if let nextAttempt = state.nextAttempt, !isUsed || now < nextAttempt { return nil }
            defer { state.detector = nil }
            return state.detector
        }
    }

    private func report(_ finding: VRAMDetector.Finding, isFirst: Bool) {
        for failure in finding.failures { log.debug("GPU VRAM not detected through \(failure)") }
        if let total = finding.total {
            log.info("Auto-detected GPU VRAM: \(gibibytes(Double(total.bytes)))")
            log.debug("GPU VRAM was detected through \(total.method.rawValue)")
        } else if isFirst {
            log.info("GPU VRAM not detected, using heuristic-based percentages")
        }
    }
}

/// Bytes as `24.0GB`; a GB is a GiB here, as in the names of the variables.
func gibibytes(_ bytes: Double) -> String {
    // Not `String(format:)`: its first use was four tenths of what starting the instrumentation took.
    "\((bytes / Double(1 << 30) * 10).rounded() / 10)GB"
}
