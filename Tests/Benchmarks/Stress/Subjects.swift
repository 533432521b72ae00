// What one round calls: two pollers, an instrumentation, and the process's own.

import EnginePoller
import Foundation
import GPUPoller
import GenAIOtel
import OllamaPoller
import TestSupport

/// The subjects of one round. Their handlers and sources call them too.
final class Subjects: Sendable {
    /// The handlers know the subjects, which know the handlers.
    private final class Link: Sendable {
        let subjects = Locked<Subjects?>(nil)
    }

    private struct Life: Sendable {
        var isOver = false
        /// Handlers and sources that are calling a subject.
        var callsFromInside = 0
    }

    let ollama: OllamaServerMetricsPoller
    let engines: EngineServerMetricsPoller
    let own: GenAIInstrumentation
    let ollamaStops: Stops
    let engineStops: Stops
    let ownStops: Stops
    let servers: StressServers
    let faults: Faults
    private let link: Link
    private let life = Monitor(Life())
    private let random: Locked<SeededGenerator>

    init(servers: StressServers, slowProgram: String, faults: Faults, seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let link = Link()
        self.link = link
        self.servers = servers
        self.faults = faults
        let ollamaStops = Stops("Ollama's poller", faults)
        let engineStops = Stops("the engines' poller", faults)
        let ownStops = Stops("the instrumentation", faults)
        (self.ollamaStops, self.engineStops, self.ownStops) = (ollamaStops, engineStops, ownStops)
        let handler: @Sendable (LogEntry) -> Void = { _ in link.subjects.withLock { $0 }?.callFromInside() }
        let log = Log(level: .debug, handler: handler)

        var locations = GPULocations(environment: ["PATH": slowProgram])
        locations.nvmlLibraries = []
        ollama = OllamaServerMetricsPoller(
            Self.ollama(servers, isDetected: Bool.random(using: &random)),
            log: log,
            timeLimit: .milliseconds(50),
            detector: VRAMDetector(locations: locations),
            onReading: { _ in
                ollamaStops.sign("a reading")
                link.subjects.withLock { $0 }?.callFromInside()
            }
        )
        engines = EngineServerMetricsPoller(
            targets: Self.targets(servers, using: &random),
            sources: (0..<2).map { StressSource(number: $0, stops: engineStops) { link.subjects.withLock { $0 } } },
            log: log,
            pollTimeout: .milliseconds(50),
            onReading: { _ in
                engineStops.sign("a reading")
                link.subjects.withLock { $0 }?.callFromInside()
            },
            onWithdrawal: { _ in link.subjects.withLock { $0 }?.callFromInside() }
        )
        var configuration = Self.configuration(servers, using: &random)
        configuration.logHandler = handler
        configuration.sources = (0..<2).map { number in
            StressSource(number: number, stops: ownStops) { link.subjects.withLock { $0 } }
        }
        own = GenAIInstrumentation(configuration)
        self.random = Locked(random)
        link.subjects.withLock { $0 = self }
    }

    // MARK: Calls

    func startOllama() { ollamaStops.start { ollama.start() } }

    func stopOllama(_ timeout: Duration) {
        ollamaStops.stop({ ollama.stop(timeout: timeout) }, isRunning: { ollama.isRunning })
    }

    func startEngines() { engineStops.start { engines.start() } }

    func stopEngines(_ timeout: Duration) {
        engineStops.stop({ engines.stop(timeout: timeout) }, isRunning: { engines.isRunning })
    }

    func startOwn() { ownStops.start { own.start() } }

    func shutdownOwn(_ timeout: Duration) {
        // It has no start after its shutdown, and does not tell whether it runs.
        if own.shutdown(timeout: timeout) { ownStops.end({ true }, isRunning: { false }) }
        if own.forceFlush(timeout: .zero) { faults.note("the instrumentation: flushed after its shutdown") }
    }

    /// What handlers and sources do: now and then one of the calls that a thread may make.
    func callFromInside() {
        let seed = random.withLock { random in Int.random(in: 0..<4, using: &random) == 0 ? random.next() : nil }
        guard let seed else { return }
        var random = SeededGenerator(seed: seed)
        fromInside { Call.random(using: &random).make(self, &random) }
    }

    /// Runs what a handler or a source does, unless the round is over.
    func fromInside(_ body: () -> Void) {
        let begins = life.mutate { life in
            if !life.isOver { life.callsFromInside += 1 }
            return !life.isOver
        }
        guard begins else { return }
        body()
        life.mutate { $0.callsFromInside -= 1 }
    }

    // MARK: The end

    /// Ends all of them; nothing of theirs runs afterwards, but what the log of the last shutdown says.
    func end(_ announce: (String) -> Void) {
        announce("waiting for handlers and sources that call the library")
        life.mutate { $0.isOver = true }
        let areDone: Bool? = life.wait(until: .now + .seconds(60)) { $0.callsFromInside == 0 ? true : nil }
        if areDone != true { faults.note("a handler or source did not come back") }
        announce("ending Ollama's poller")
        ollama.close()
        ollamaStops.end({ ollama.stop(timeout: .seconds(20)) }, isRunning: { ollama.isRunning })
        announce("ending the engines' poller")
        engines.close()
        engineStops.end({ engines.stop(timeout: .seconds(20)) }, isRunning: { engines.isRunning })
        announce("ending the instrumentation")
        shutdownOwn(.milliseconds(50))
        announce("ending the process's instrumentation")
        var plain = GenAIConfiguration(environment: [:])
        (plain.ollama, plain.exporters, plain.logLevel) = (nil, [], nil)
        instrument(plain).shutdown(timeout: .milliseconds(50))
        if getServerMetrics() != nil { faults.note("getServerMetrics() is not nil after the last shutdown") }
        link.subjects.withLock { $0 = nil }
    }

    // MARK: Configurations

    static func ollama(_ servers: StressServers, isDetected: Bool) -> OllamaConfiguration {
        var configuration = OllamaConfiguration(environment: [:])
        configuration.url = servers.ollamaURL
        configuration.interval = .milliseconds(10)
        configuration.maxVRAMGibibytes = isDetected ? nil : 8
        return configuration
    }

    static func targets(_ servers: StressServers, using random: inout SeededGenerator) -> [EngineTarget] {
        (0..<Int.random(in: 0...4, using: &random)).map { number in
            EngineTarget(
                url: servers.engineURLs[number % servers.engineURLs.count],
                interval: .milliseconds(Int.random(in: 9...12, using: &random)),
                bearerToken: Bool.random(using: &random) ? "a" : nil,
                attributes: ["number": "\(Int.random(in: 0...2, using: &random))"]
            )
        }
    }

    static func configuration(_ servers: StressServers, using random: inout SeededGenerator) -> GenAIConfiguration {
        var configuration = GenAIConfiguration(environment: [:])
        configuration.exporters = Int.random(in: 0..<8, using: &random) == 0 ? [] : [.otlp]
        configuration.otlp.endpoint = servers.collectorURL
        configuration.otlp.timeout = .milliseconds(100)
        configuration.otlp.outageBufferLimit = Int.random(in: 0...3, using: &random)
        configuration.exportInterval = .milliseconds(20)
        configuration.exportTimeout = .milliseconds(100)
        configuration.ollama = Bool.random(using: &random) ? ollama(servers, isDetected: false) : nil
        configuration.engines = targets(servers, using: &random)
        configuration.isDisabled = Int.random(in: 0..<16, using: &random) == 0
        configuration.logLevel = .debug
        return configuration
    }

    /// For `instrument()`.
    func globalConfiguration(using random: inout SeededGenerator) -> GenAIConfiguration {
        var configuration = Self.configuration(servers, using: &random)
        configuration.logHandler = { [link] _ in link.subjects.withLock { $0 }?.callFromInside() }
        configuration.sources = [StressSource(number: 0, stops: nil) { [link] in link.subjects.withLock { $0 } }]
        return configuration
    }
}

/// A source of an application that calls the library from everywhere.
private struct StressSource: ServerMetricsSource {
    private struct Fault: Error {}

    private static let disabled = GenAIConfiguration(
        environment: ["OTEL_SDK_DISABLED": "true", "GENAI_LOG_LEVEL": "none"]
    )

    private let number: Int
    /// Nil where nobody knows when it was stopped.
    private let stops: Stops?
    private let subjects: @Sendable () -> Subjects?

    init(number: Int, stops: Stops?, _ subjects: @escaping @Sendable () -> Subjects?) {
        (self.number, self.stops, self.subjects) = (number, stops, subjects)
    }

    var server: ServerIdentity {
        stops?.sign("a source's `server` was asked for")
        subjects()?.callFromInside()
        return ServerIdentity(engine: "own", address: "h", port: number)
    }

    var interval: Duration {
        stops?.sign("a source's `interval` was asked for")
        subjects()?.callFromInside()
        return number == 0 ? .zero : .milliseconds(10)
    }

    func read() async throws -> ServerReading {
        getServerMetrics()?.incrementRequestsRunning()
        // Not `callFromInside()`: to block is not for tasks.
        switch Int.random(in: 0..<8) {
        case 0: throw Fault()
        case 1: try await Task.sleep(for: .seconds(60))
        case 2: subjects()?.fromInside { instrument(Self.disabled) }
        default: break
        }
        return ServerReading(server: ServerIdentity(engine: "another", address: "h", port: 1), modelsLoaded: 1)
    }
}
