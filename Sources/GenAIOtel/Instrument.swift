// The entry points: start metrics for this process, and find them from anywhere.

import Foundation

/// Starts metric collection and export for this process.
///
/// Never throws, never blocks on the network or a GPU, and returns in milliseconds. A second call returns the running
/// instrumentation and logs a warning; after `shutdown(timeout:)` it starts afresh. Thread-safe.
///
/// When the process exits normally (`main` returns, or `exit` is called) the last values are exported, for at most two
/// seconds. A signal that ends the process does not count: handle it and call `shutdown(timeout:)`.
///
/// - Parameter configuration: the settings; by default those of the environment.
/// - Returns: the running instrumentation.
@discardableResult
public func instrument(_ configuration: GenAIConfiguration = GenAIConfiguration()) -> GenAIInstrumentation {
    let (instrumentation, isNew) = current.withLock { current in
        if let current { return (current, false) }
        let new = GenAIInstrumentation(configuration, onShutdown: forget)
        // Still under the lock: nobody must be able to shut down what has not started yet.
        new.start()
        current = new
        serverMetrics.store(new.serverMetrics)
        return (new, true)
    }
    if isNew {
        exportAtExit
        instrumentation.openLog()
    } else {
        instrumentation.logSecondStart()
    }
    return instrumentation
}

/// The running instrumentation's collector; nil before ``instrument(_:)`` and after `shutdown(timeout:)`.
///
/// Costs one uncontended lock; thread-safe.
public func getServerMetrics() -> ServerMetricsCollector? {
    serverMetrics.object
}

/// The one piece of global state in this package.
private let current = Locked<GenAIInstrumentation?>(nil)

/// The collector of what `current` holds, for those who only want that; changed under the lock of `current`.
private let serverMetrics = PublishedReference<ServerMetricsCollector>()

@Sendable
private func forget(_ instrumentation: GenAIInstrumentation) {
    current.withLock { current in
        guard current === instrumentation else { return }
        current = nil
        serverMetrics.store(nil)
    }
}

/// Registers the last export once per process. A constant's initializer runs once, whoever comes first.
private let exportAtExit: Void = {
    HTTPTransports.keepUntilTheEnd()
    ProcessExit.perform { current.withLock { $0 }?.shutdown(timeout: .seconds(2)) }
}()
