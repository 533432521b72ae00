// The entry points: start metrics for this process, and find the collector from anywhere.

import Foundation

/// Starts metric collection and export for this process.
///
/// Call it once, before the server takes requests. It never throws, never blocks on the network or a GPU, and returns in
/// milliseconds. What can't work is logged, and the rest works.
///
/// A second call starts nothing: it returns the running instrumentation and logs a warning. After `shutdown(timeout:)`,
/// a call starts afresh. Thread-safe.
///
/// When the process exits normally (`main` returns, or `exit` is called), the last values are exported, for at most two
/// seconds. A signal that ends the process is not a normal exit: handle it and call `shutdown(timeout:)`.
///
/// ```swift
/// let instrumentation = instrument()
/// instrumentation.serverMetrics.setKVCacheUsage(model: "llama-3", percent: 62.5)
/// ```
///
/// - Parameter configuration: the settings; by default those of the environment. An unusable setting is replaced by its
///   default, with a warning in the log.
/// - Returns: the running instrumentation. You need not keep it: the process does.
@discardableResult
public func instrument(_ configuration: GenAIConfiguration = GenAIConfiguration()) -> GenAIInstrumentation {
    if let running = current.withLock({ $0 }) {
        running.logSecondStart()
        return running
    }
    let new = GenAIInstrumentation(configuration, onShutdown: forget)
    let running = current.withLock { current in
        let running = current ?? new
        current = running
        serverMetrics.store(running.serverMetrics)
        return running
    }
    // Not under the lock: `start()` calls log handlers and sources, which may call this function.
    if running === new {
        exportAtExit
        new.start()
    } else {
        running.logSecondStart()
    }
    return running
}

/// The running instrumentation's collector, for code that it can't be handed to.
///
/// A call costs one uncontended lock. Thread-safe.
///
/// ```swift
/// getServerMetrics()?.incrementRequestsRunning()
/// ```
///
/// - Returns: the collector; nil before ``instrument(_:)`` and after `shutdown(timeout:)`.
public func getServerMetrics() -> ServerMetricsCollector? {
    serverMetrics.object
}

/// The one piece of global state in this package.
private let current = Locked<GenAIInstrumentation?>(nil)

/// The collector of `current`, for fast access; changed under the lock of `current`.
private let serverMetrics = PublishedReference<ServerMetricsCollector>()

@Sendable
private func forget(_ instrumentation: GenAIInstrumentation) {
    current.withLock { current in
        guard current === instrumentation else { return }
        current = nil
        serverMetrics.store(nil)
    }
}

/// Arranges the last export, once per process: a constant's initializer runs once.
private let exportAtExit: Void = {
    HTTPTransports.keepUntilTheEnd()
    ProcessExit.perform { current.withLock { $0 }?.shutdown(timeout: .seconds(2)) }
}()
