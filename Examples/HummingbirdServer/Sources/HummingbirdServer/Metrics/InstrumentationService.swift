// Runs the instrumentation as a service, so that it outlives those that are started after it.

import GenAIOtel
import Logging
import ServiceLifecycle

/// Shuts instrumentation down, the last values delivered, when its turn in the graceful shutdown comes.
///
/// A `ServiceGroup` ends its services in the reverse of their order: this one must stand before the server.
struct InstrumentationService: Service {
    var instrumentation: GenAIInstrumentation
    var logger: Logger
    /// The longest that the last export may take.
    var timeout: Duration = .seconds(5)

    func run() async throws {
        // Throws if the group is cancelled instead: the last values are due all the same.
        try? await gracefulShutdown()
        let isDelivered = await instrumentation.shutdown(timeout: timeout)
        let statistics = instrumentation.exportStatistics
        logger.info(
            "Instrumentation has ended",
            metadata: [
                "delivered": "\(isDelivered)",
                "exports": "\(statistics.exportsDelivered)",
                "exports-failed": "\(statistics.exportsFailed)",
            ]
        )
    }
}
