// `genai-agent run`: puts the agent together and runs it.

import Foundation
import GenAIOtel
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import UnixSignals

/// The agent: polls, exports, serves.
package struct Agent: Sendable {
    let instrumentation: GenAIInstrumentation
    private let address: ListenAddress
    let services: ServiceGroup
    let targets: Targets
    let reload: ReloadService

    /// How long polls may take to answer before the agent counts as ready without them.
    private static let readyLimit: Duration = .seconds(5)
    /// How long answers may take to be read once the agent is to end.
    private static let drainLimit: Duration = .seconds(2)

    /// Starts polling and exporting; serves when it is run.
    ///
    /// - Parameters:
    ///   - signals: those that end it.
    ///   - onListening: told the address once connections are accepted.
    /// - Throws: ``UsageProblem``.
    package init(
        _ options: AgentOptions,
        environment: [String: String],
        signals: [UnixSignal] = [.sigterm, .sigint],
        logger: Logger,
        onListening: @escaping @Sendable (ListenAddress) -> Void
    ) throws {
        let token = try options.token(environment)
        let list = try TargetList(options.engines, targetsFile: options.targetsFile, environment: environment)
        for problem in list.problems { logger.warning("\(problem)") }
        if list.targets.isEmpty, !options.discovers {
            logger.notice("No engine is named; --discover looks for engines on this machine")
        }
        var configuration = GenAIConfiguration(agentEnvironment: environment, logger: logger)
        configuration.engines = list.targets
        let instrumentation = instrument(configuration)
        let metrics = instrumentation.serverMetrics
        let targets = Targets(list, onChange: instrumentation.setEngines)
        // An Ollama that nobody named is silent until it answers.
        let hasOllama = configuration.ollama != nil && NamedOllama.isIn(environment)
        let expected = Set(list.targets.map(\.place)).count + (hasOllama ? 1 : 0)
        let start = ContinuousClock.now
        let server = AgentServer(
            options.listen,
            token: token,
            instrumentation: instrumentation,
            isReady: { metrics.readings.count >= expected || start.duration(to: .now) > Self.readyLimit },
            limits: options.limits,
            logger: logger,
            onListening: onListening
        )
        let reload = ReloadService(path: options.targetsFile, targets: targets, logger: logger)
        var parts: [any Service] = [InstrumentationService(instrumentation: instrumentation, logger: logger), reload]
        if options.discovers {
            parts.append(DiscoveryService(targets: targets, readings: { metrics.readings }))
        }
        // Last, so that it ends first: the last values are those after everything else has ended. In a group of its own: a
        // client that does not read its answer must not use up the time of the last export.
        var serving = ServiceGroupConfiguration(services: [server], logger: logger)
        serving.maximumGracefulShutdownDuration = Self.drainLimit
        parts.append(ServiceGroup(configuration: serving))
        var group = ServiceGroupConfiguration(
            services: parts.map {
                .init(
                    service: $0,
                    successTerminationBehavior: .gracefullyShutdownGroup,
                    failureTerminationBehavior: .gracefullyShutdownGroup
                )
            },
            gracefulShutdownSignals: signals,
            logger: logger
        )
        group.maximumGracefulShutdownDuration = .seconds(15)
        self.instrumentation = instrumentation
        address = options.listen
        self.targets = targets
        self.reload = reload
        services = ServiceGroup(configuration: group)
    }

    /// Serves until a signal ends it.
    ///
    /// - Throws: ``UsageProblem`` if the address is taken.
    package func run() async throws {
        do { try await services.run() } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw UsageProblem("\(address) is taken: choose another one with --listen")
        }
    }
}
