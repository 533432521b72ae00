// Makes readings safe to export: they come from the network.

import GenAISupport

extension ServerReading {
    /// The reading with names cut, figures in range, one entry per model, and no figures if the server is down.
    func sanitized() -> ServerReading {
        let server = server.sanitized()
        guard isUp else { return .down(server, because: problem) }
        guard !isBusy else { return .busy(server) }
        var models: [ModelReading] = []
        var positions: [String?: Int] = [:]
        for model in self.models {
            // An empty name counts as none.
            let name = model.model?.isEmpty == false ? model.model.map(Attribute.cut) : nil
            if let position = positions[name] {
                models[position].figures = models[position].figures.merged(with: model.figures.clamped)
                models[position].replicas += model.clampedReplicas
            } else {
                positions[name] = models.count
                var first = model
                first.model = name
                first.figures = model.figures.clamped
                first.replicas = model.clampedReplicas
                models.append(first)
            }
        }
        if models.count < self.models.count {
            for position in models.indices { models[position].figures = models[position].figures.clamped }
        }
        var result = ServerReading(server: server, models: models)
        result.figures = figures.clamped
        return result
    }
}

extension ModelReading {
    fileprivate var clampedReplicas: [ReplicaCounters] {
        replicas.map { ReplicaCounters(name: $0.name, startTime: $0.startTime, figures: $0.figures.clamped) }
    }
}

extension ServerIdentity {
    /// The identity with its parts cut, and without attributes that would replace those of this package.
    func sanitized() -> ServerIdentity {
        ServerIdentity(
            // To Prometheus, an empty label is the same as no label.
            engine: engine.flatMap { $0.isEmpty ? nil : Attribute.cut($0) },
            address: Attribute.cut(address),
            port: port,
            path: path.flatMap { $0.isEmpty ? nil : Attribute.cut($0) },
            attributes: usableAttributes
        )
    }

    /// Prometheus refuses a page on which a label stands twice, so names are compared as it sees them.
    private var usableAttributes: [String: String] {
        var names = Self.reservedNames
        var result: [String: String] = [:]
        for (key, value) in attributes.sorted(by: { $0.key < $1.key }) where !key.isEmpty && !value.isEmpty {
            let key = Attribute.cut(key)
            guard names.insert(PrometheusTextEncoder.prometheusName(key)).inserted else { continue }
            result[key] = Attribute.cut(value)
        }
        return result
    }

    /// `le` is the bound of a histogram's bucket.
    private static let reservedNames = Set(
        reservedAttributes.map { PrometheusTextEncoder.prometheusName($0) } + ["le"]
    )

    /// The attributes of a point (`server.address`, `server.port`, `url.path`: OpenTelemetry semantic conventions).
    ///
    /// - Parameters:
    ///   - engineKey: the attribute that names the engine.
    ///   - modelKey: the attribute that names the model, if there is one.
    func pointAttributes(_ engineKey: String, _ modelKey: String, model: String?) -> [Attribute] {
        var result = engine.map { [Attribute(engineKey, .string($0))] } ?? []
        result += [Attribute("server.address", .string(address)), Attribute("server.port", .int(port))]
        if let path { result.append(Attribute("url.path", .string(path))) }
        for (key, value) in attributes.sorted(by: { $0.key < $1.key }) where model == nil || key != modelKey {
            result.append(Attribute(key, .string(value)))
        }
        if let model { result.append(Attribute(modelKey, .string(model))) }
        return result
    }
}
