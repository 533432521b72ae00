// What runs beside the server, each as a service.

import Foundation
import GenAIOtel
import Logging
import ServiceLifecycle
import UnixSignals

/// Shuts instrumentation down, the last values delivered, when its turn in the graceful shutdown comes.
struct InstrumentationService: Service {
    var instrumentation: GenAIInstrumentation
    var logger: Logger

    func run() async throws {
        // Throws if the group is cancelled instead: the last values are due all the same.
        try? await gracefulShutdown()
        let isDelivered = await instrumentation.shutdown(timeout: .seconds(5))
        logger.info(isDelivered ? "Ended" : "Ended; the last values were not delivered")
    }
}

/// Reads the file of targets again at each SIGHUP.
struct ReloadService: Service {
    var path: String?
    var targets: Targets
    var logger: Logger

    func run() async throws {
        // Caught without a file too: otherwise the signal would end the process.
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() { reload() }
    }

    func reload() {
        guard let path else { return logger.notice("SIGHUP: there is no file of targets to read again") }
        do {
            let file = try TargetFile(contentsOf: path)
            for problem in file.problems { logger.warning("File of targets: \(problem)") }
            targets.read(file)
            logger.notice("Read the file of targets", metadata: ["engines": "\(file.entries.count)"])
        } catch {
            logger.error("The file of targets \(path) can't be used, so the former targets stay: \(error)")
        }
    }
}

/// Looks for engines on this machine once a minute.
struct DiscoveryService: Service {
    var targets: Targets
    var readings: @Sendable () -> [ServerReading]

    func run() async throws {
        let looking = Task {
            while !Task.isCancelled {
                await targets.lookAround(readings())
                try? await Task.sleep(for: .seconds(60))
            }
        }
        try? await gracefulShutdown()
        looking.cancel()
    }
}
