// Makes readings safe to export: what pollers hand on comes from the network.

import GenAISupport

extension ServerReading {
    /// The reading with names cut, figures in range, one entry per model, and no figures if the server is down.
    func sanitized() -> ServerReading {
        let server = server.sanitized()
        guard isUp else { return .down(server) }

        var models: [ModelReading] = []
        var positions: [String?: Int] = [:]
        for model in self.models.map({ $0.sanitized() }) {
            if let position = positions[model.model] {
                models[position] = models[position].merged(with: model)
            } else {
                positions[model.model] = models.count
                models.append(model)
            }
        }
        return ServerReading(server: server, modelsLoaded: modelsLoaded.map { max($0, 0) }, models: models)
    }
}

extension ServerIdentity {
    /// The identity with its parts cut, and without attributes that would replace those of this package.
    func sanitized() -> ServerIdentity {
        ServerIdentity(
            // To Prometheus an empty label is none.
            engine: engine.flatMap { $0.isEmpty ? nil : Attribute.cut($0) },
            address: Attribute.cut(address),
            port: port,
            path: path.flatMap { $0.isEmpty ? nil : Attribute.cut($0) },
            attributes: Dictionary(
                attributes.filter { !$0.value.isEmpty && !$0.key.isEmpty && !Self.ownAttributes.contains($0.key) }
                    .map { (Attribute.cut($0.key), Attribute.cut($0.value)) }
            ) { first, _ in first }
        )
    }

    private static let ownAttributes: Set = [
        "engine", "error.type", "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model",
        "gen_ai.token.type", "otel.metric.overflow", "server.address", "server.port", "url.path",
    ]
}

extension ModelReading {
    /// The entry with its name cut and its figures in range. An empty name counts as none.
    func sanitized() -> ModelReading {
        ModelReading(
            model: model?.isEmpty == false ? model.map(Attribute.cut) : nil,
            kvCacheUsage: kvCacheUsage.flatMap(\.asPercentage),
            vram: vram.map { max($0, 0) },
            requestsRunning: requestsRunning.map { max($0, 0) },
            requestsWaiting: requestsWaiting.map { max($0, 0) },
            requestsMax: requestsMax.map { max($0, 0) }
        )
    }

    /// Two entries as one: counts and bytes add up, of the usages the higher one counts.
    func merged(with other: ModelReading) -> ModelReading {
        func sum(_ figure: KeyPath<ModelReading, Int?>) -> Int? {
            guard let left = self[keyPath: figure], let right = other[keyPath: figure] else {
                return self[keyPath: figure] ?? other[keyPath: figure]
            }
            return left.addingAsCount(right)
        }
        return ModelReading(
            model: model,
            kvCacheUsage: [kvCacheUsage, other.kvCacheUsage].compactMap(\.self).max(),
            vram: sum(\.vram),
            requestsRunning: sum(\.requestsRunning),
            requestsWaiting: sum(\.requestsWaiting),
            requestsMax: sum(\.requestsMax)
        )
    }

    /// What a model that is gone reports: 0 for each figure it had. No maximum: queries divide by it.
    var zeroed: ModelReading {
        ModelReading(
            model: model,
            kvCacheUsage: kvCacheUsage.map { _ in 0 },
            vram: vram.map { _ in 0 },
            requestsRunning: requestsRunning.map { _ in 0 },
            requestsWaiting: requestsWaiting.map { _ in 0 }
        )
    }
}
