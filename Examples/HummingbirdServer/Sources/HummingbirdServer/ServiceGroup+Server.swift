// What runs, and in which order it ends.

import GenAIOtel
import Logging
import ServiceLifecycle
import UnixSignals

extension ServiceGroup {
    /// The server and what exports its values. A graceful shutdown ends first the server and then the instrumentation, so
    /// that the last values are those after the last request.
    ///
    /// - Parameter drainTime: how long requests may take to end. What has not ended by then is cancelled: the server is in
    ///   a group of its own, so that the limit does not cut off the last export too.
    init(
        server: ServerApplication,
        instrumentation: GenAIInstrumentation,
        drainTime: Duration,
        gracefulShutdownSignals: [UnixSignal],
        logger: Logger
    ) {
        var serverConfiguration = ServiceGroupConfiguration(services: [server], logger: logger)
        serverConfiguration.maximumGracefulShutdownDuration = drainTime
        self.init(
            configuration: ServiceGroupConfiguration(
                // Ended in the reverse of their order.
                services: [
                    .init(service: InstrumentationService(instrumentation: instrumentation, logger: logger)),
                    .init(
                        service: ServiceGroup(configuration: serverConfiguration),
                        successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup
                    ),
                ],
                gracefulShutdownSignals: gracefulShutdownSignals,
                logger: logger
            )
        )
    }
}
