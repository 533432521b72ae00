// Runs the instrumentation in a group of services, and delivers the last values at a graceful shutdown.

import GenAIOtel
import ServiceLifecycle

/// A group ends its services in the reverse of their order. This one stands first, so it ends last.
struct InstrumentationService: Service {
    var instrumentation: GenAIInstrumentation
    /// The longest that the last export may take.
    var timeout: Duration = .seconds(5)

    func run() async {
        // Throws if the group is cancelled. The last values are due all the same.
        try? await gracefulShutdown()
        await instrumentation.shutdown(timeout: timeout)
    }
}
