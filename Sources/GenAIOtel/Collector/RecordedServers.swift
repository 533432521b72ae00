// The newest reading of every polled server, and the models that were there a moment ago.

import GenAISupport

/// What is known of one polled server. It never changes: a new reading makes a new one.
final class RecordedServer: Sendable {
    struct Departed: Sendable {
        /// What the model reports until it is forgotten.
        var figures: Figures
        var since: ContinuousClock.Instant
    }

    /// The models within the limit.
    let reading: ServerReading
    /// The models that the server no longer lists.
    let departed: [String: Departed]
    /// The figures of all models beyond the limit, together.
    let overflow: Figures?

    init(_ reading: ServerReading, departed: [String: Departed], overflow: Figures?) {
        self.reading = reading
        self.departed = departed
        self.overflow = overflow
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

    /// - Parameter limit: the most models kept per server, and the most servers.
    init(limit: Int) {
        self.limit = max(limit, 1)
    }

    /// Takes over a sanitized reading.
    ///
    /// - Returns: whether all of it is within the limit.
    mutating func record(_ reading: ServerReading, at now: ContinuousClock.Instant) -> Bool {
        var reading = reading
        let overflow = takeOverflow(from: &reading)
        if let position = position(of: reading.server) {
            let departed = departed(of: servers[position], after: reading, at: now)
            servers[position] = RecordedServer(reading, departed: departed, overflow: overflow)
        } else {
            guard servers.count < limit else { return false }
            servers.append(RecordedServer(reading, departed: [:], overflow: overflow))
        }
        return overflow == nil
    }

    /// Forgets everything of a server.
    mutating func withdraw(_ server: ServerIdentity) {
        servers.removeAll { $0.reading.server == server }
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
        // Nothing is known of the models of a server that can't be reached.
        guard reading.isUp else { return [:] }
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

    private func takeOverflow(from reading: inout ServerReading) -> Figures? {
        guard reading.models.count > limit else { return nil }
        let rest = reading.models[limit...]
        reading.models.removeSubrange(limit...)
        return rest.dropFirst().reduce(rest[limit].figures) { $0.merged(with: $1.figures) }
    }
}

extension RecordedServer.Departed {
    /// Whether the model still reports 0.
    func isZero(at now: ContinuousClock.Instant) -> Bool {
        since.duration(to: now) < RecordedServers.departedLifetime
    }
}
