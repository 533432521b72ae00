// The newest reading of every polled server, and the models that were there a moment ago.

import GenAISupport

/// Keeps readings by server.
///
/// A model that a reachable server no longer lists reports 0 for a while, so that graphs fall instead of holding the last
/// value, and is then forgotten.
struct ReadingStore: Sendable {
    struct Entry: Sendable {
        var reading: ServerReading
        /// Models within the limit, as reported; a departed model has zeros.
        var departed: [String: Departed] = [:]
        /// The figures of all models beyond the limit, together.
        var overflow: ModelReading?
    }

    struct Departed: Sendable {
        var figures: ModelReading
        var since: ContinuousClock.Instant
    }

    /// How long a model that is gone reports 0.
    static let departedLifetime: Duration = .seconds(300)

    private(set) var entries: [Entry] = []
    private var hasOverflowed = false
    private let limit: Int

    /// - Parameter limit: the most models kept per server, and the most servers.
    init(limit: Int) {
        self.limit = max(limit, 1)
    }

    var newest: [ServerReading] { entries.map(\.reading) }

    /// Takes over a sanitized reading.
    ///
    /// - Returns: a warning, the first time that something is beyond the limit.
    mutating func record(_ reading: ServerReading, at now: ContinuousClock.Instant) -> String? {
        var reading = reading
        let overflow = takeOverflow(from: &reading)
        guard let position = position(of: reading.server) else {
            guard entries.count < limit else { return overflowWarning("servers") }
            entries.append(Entry(reading: reading, overflow: overflow))
            return overflow == nil ? nil : overflowWarning("models of one server")
        }
        let departed = departedModels(entries[position], after: reading, at: now)
        entries[position] = Entry(reading: reading, departed: departed, overflow: overflow)
        return overflow == nil ? nil : overflowWarning("models of one server")
    }

    /// Forgets everything of a server.
    mutating func withdraw(_ server: ServerIdentity) {
        entries.removeAll { $0.reading.server == server }
    }

    /// Drops the models that have reported 0 for long enough.
    mutating func forgetDeparted(at now: ContinuousClock.Instant) {
        for position in entries.indices where !entries[position].departed.isEmpty {
            entries[position].departed = entries[position].departed.filter {
                $0.value.since.duration(to: now) < Self.departedLifetime
            }
        }
    }

    /// A server whose engine was not recognised before is the same server once it is.
    private func position(of server: ServerIdentity) -> Int? {
        entries.firstIndex { $0.reading.server == server }
            ?? entries.firstIndex {
                $0.reading.server.engine == nil && $0.reading.server.address == server.address
                    && $0.reading.server.port == server.port
            }
    }

    private func departedModels(
        _ entry: Entry,
        after reading: ServerReading,
        at now: ContinuousClock.Instant
    ) -> [String: Departed] {
        // Nothing is known of the models of a server that can't be reached.
        guard reading.isUp else { return [:] }
        var result = entry.departed
        for model in entry.reading.models {
            guard let name = model.model else { continue }
            result[name] = Departed(figures: model.zeroed, since: now)
        }
        for model in reading.models {
            if let name = model.model { result[name] = nil }
        }
        // A server that lists new names all the time must not fill the memory.
        return result.count + reading.models.count <= limit ? result : [:]
    }

    private func takeOverflow(from reading: inout ServerReading) -> ModelReading? {
        guard reading.models.count > limit else { return nil }
        let rest = reading.models[limit...]
        reading.models.removeSubrange(limit...)
        return rest.dropFirst().reduce(rest[limit]) { $0.merged(with: $1) }
    }

    private mutating func overflowWarning(_ what: String) -> String? {
        guard !hasOverflowed else { return nil }
        hasOverflowed = true
        return "More \(what) than the cardinality limit (\(limit)) allows: the rest is reported together or left out"
    }
}
