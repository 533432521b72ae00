// The newest reading of every polled server, and the models that were there a moment ago.

import Foundation
import GenAISupport

/// The state of one polled server. It never changes: a new reading makes a new one.
final class RecordedServer: Sendable {
    struct Departed: Sendable {
        /// The values that the model reports until it is forgotten.
        var figures: Figures
        var since: ContinuousClock.Instant
    }

    struct CounterKey: Hashable, Sendable {
        var model: String?
        var figure: Figure
    }

    /// The models within the limit.
    let reading: ServerReading
    /// The models that the server no longer lists.
    let departed: [String: Departed]
    /// The gauges of all models beyond the limit, together. Counters can't be added up over models that change.
    let overflow: Figures?
    /// The server's counters. Those of departed models are kept, and all are kept while the server is down, so that counting
    /// continues when they are back.
    let counters: [CounterKey: Counter]
    /// The models of the last reading that had figures, even those beyond the limit.
    let listed: Set<String>
    /// When the server last reported its figures, in nanoseconds since 1970; nil if it never did.
    let lastTold: UInt64?

    init(
        _ reading: ServerReading,
        departed: [String: Departed],
        overflow: Figures?,
        counters: [CounterKey: Counter],
        listed: Set<String>,
        lastTold: UInt64?
    ) {
        self.reading = reading
        self.departed = departed
        self.overflow = overflow
        self.counters = counters
        self.listed = listed
        self.lastTold = lastTold
    }
}

/// The polled servers, in the order in which they were first seen.
///
/// A model that a reachable server no longer lists reports 0 for a while, so that graphs fall instead of holding the last
/// value, and is then forgotten.
struct RecordedServers: Sendable {
    /// How long a model that is gone reports 0.
    static let departedLifetime: Duration = .seconds(300)

    private(set) var servers: [RecordedServer] = []
    private let limit: Int
    /// A new server may have counted before this moment, and that may have been exported already, by another process or before
    /// the server was withdrawn.
    private var unseenSince: UInt64

    /// - Parameters:
    ///   - limit: the most models kept per server, and the most servers.
    ///   - processStart: when this process began to count, in nanoseconds since 1970.
    init(limit: Int, processStart: UInt64) {
        self.limit = max(limit, 1)
        unseenSince = processStart
    }

    /// Takes over a sanitized reading.
    ///
    /// - Parameters:
    ///   - now: the time at which missing models have departed.
    ///   - time: the start of counters whose start the server does not tell, in nanoseconds since 1970.
    /// - Returns: whether all of it is within the limit.
    mutating func record(_ reading: ServerReading, at now: ContinuousClock.Instant, time: UInt64) -> Bool {
        var reading = reading
        let listed = Set(reading.models.compactMap(\.model))
        let overflow = takeOverflow(from: &reading)
        let position = position(of: reading.server)
        guard position != nil || servers.count < limit else { return false }
        let former = position.map { servers[$0] }
        let departed = former.map { self.departed(of: $0, after: reading, at: now) } ?? [:]
        let new = RecordedServer(
            reading,
            departed: departed,
            overflow: overflow,
            counters: counters(of: former, after: reading, listed, departed, time),
            listed: reading.tellsFigures ? listed : former?.listed ?? [],
            lastTold: reading.tellsFigures ? time : former?.lastTold
        )
        if let position { servers[position] = new } else { servers.append(new) }
        return overflow == nil
    }

    /// Forgets everything of a server.
    ///
    /// - Parameter time: in nanoseconds since 1970.
    mutating func withdraw(_ server: ServerIdentity, time: UInt64) {
        let count = servers.count
        servers.removeAll { $0.reading.server == server }
        if servers.count < count { unseenSince = max(unseenSince, time) }
    }

    /// A server whose engine was not recognised before is the same server once it is.
    private func position(of server: ServerIdentity) -> Int? {
        var unrecognised = server
        unrecognised.engine = nil
        return servers.firstIndex { $0.reading.server == server }
            ?? servers.firstIndex { $0.reading.server == unrecognised }
    }

    private func departed(
        of server: RecordedServer,
        after reading: ServerReading,
        at now: ContinuousClock.Instant
    ) -> [String: RecordedServer.Departed] {
        // While a server is down or busy, its models are kept as departed, but not reported: they may still be there.
        var result = server.departed.filter { $0.value.isZero(at: now) }
        for model in server.reading.models {
            guard let name = model.model else { continue }
            result[name] = RecordedServer.Departed(figures: model.figures.zeroed, since: now)
        }
        for model in reading.models {
            if let name = model.model { result[name] = nil }
        }
        // A server that lists new names all the time must not fill the memory.
        return result.count + reading.models.count <= limit ? result : [:]
    }

    private func counters(
        of server: RecordedServer?,
        after reading: ServerReading,
        _ listed: Set<String>,
        _ departed: [String: RecordedServer.Departed],
        _ time: UInt64
    ) -> [RecordedServer.CounterKey: Counter] {
        guard reading.tellsFigures else { return server?.counters ?? [:] }
        var result = server?.counters ?? [:]
        let present = Set(reading.models.map(\.model))
        let known = server?.knownModels ?? []
        // Models come and go all day. Counters of loads that were forgotten with them would always be 1.
        let keepsLoads = result.keys.count { $0.figure == .modelLoads } <= limit
        result = result.filter { key, _ in
            present.contains(key.model) || key.model.map { departed[$0] != nil } ?? true
                || keepsLoads && key.figure.row.isCountedByPolls
        }
        for model in reading.models {
            for element in model.figures.elements where element.figure.row.kind.isCounter {
                let key = RecordedServer.CounterKey(model: model.model, figure: element.figure)
                var parts = model.parts(of: element)
                if result[key] != nil {
                    result[key]?.update(parts, now: time, unseenSince: server?.lastTold ?? unseenSince)
                    continue
                }
                if let lastTold = server?.lastTold, known.isEmpty || known.contains(model.model) {
                    // A counter that was missing in the last reading began after it. The counter of a new model may be older.
                    for index in parts.indices where parts[index].start == nil { parts[index].start = lastTold }
                }
                result[key] = Counter(parts, now: time, unseenSince: server?.lastTold ?? unseenSince)
            }
        }
        if reading.modelsLoaded != nil { countLoads(&result, of: server, after: reading, listed, time) }
        return result
    }

    /// Counts the models that were loaded and unloaded since the last reading of a server that lists its models.
    private func countLoads(
        _ counters: inout [RecordedServer.CounterKey: Counter],
        of server: RecordedServer?,
        after reading: ServerReading,
        _ listed: Set<String>,
        _ time: UInt64
    ) {
        func count(_ figure: Figure, of model: String, isOneMore: Bool) {
            let key = RecordedServer.CounterKey(model: model, figure: figure)
            let start = server?.lastTold ?? time
            var counter =
                counters[key]
                ?? Counter([Counter.Part(replica: "", value: .int(0), start: start)], now: time, unseenSince: start)
            if isOneMore { counter?.countOneMore(now: time) }
            counters[key] = counter
        }
        for model in reading.models.compactMap(\.model) {
            let isNew = server?.lastTold != nil && server?.listed.contains(model) == false
            count(.modelLoads, of: model, isOneMore: isNew)
            count(.modelUnloads, of: model, isOneMore: false)
        }
        for model in server?.listed.subtracting(listed) ?? []
        where counters[RecordedServer.CounterKey(model: model, figure: .modelLoads)] != nil {
            count(.modelUnloads, of: model, isOneMore: true)
        }
    }

    private func takeOverflow(from reading: inout ServerReading) -> Figures? {
        guard reading.models.count > limit else { return nil }
        let rest = reading.models[limit...]
        reading.models.removeSubrange(limit...)
        return rest.reduce(Figures()) { $0.merged(with: $1.figures.withoutCounters) }
    }
}

extension RecordedServer {
    fileprivate var knownModels: Set<String?> {
        Set(reading.models.map(\.model) + departed.keys.map(Optional.some) + counters.keys.map(\.model))
    }
}

extension ServerReading {
    /// Whether the server is up and not too busy to report its figures.
    var tellsFigures: Bool { isUp && !isBusy }
}

extension ModelReading {
    /// The count of each replica for one figure.
    fileprivate func parts(of element: Figures.Element) -> [Counter.Part] {
        let parts = replicas.compactMap { replica in
            replica.figures[element.figure].map {
                Counter.Part(replica: replica.name, value: $0, start: replica.startTime?.nanosecondsSince1970)
            }
        }
        guard parts.isEmpty else { return parts }
        return [Counter.Part(replica: "", value: element.value, start: startTime?.nanosecondsSince1970)]
    }
}

extension RecordedServer.Departed {
    /// Whether the model still reports 0, if its server is up.
    func isZero(at now: ContinuousClock.Instant) -> Bool {
        since.duration(to: now) < RecordedServers.departedLifetime
    }
}

extension Date {
    /// Nil if the date is not finite; clamped to the range of UInt64.
    fileprivate var nanosecondsSince1970: UInt64? {
        let seconds = timeIntervalSince1970
        return seconds.isFinite ? UInt64(min(max(seconds, 0), 18e9) * 1e9) : nil
    }
}
