// Collects readings, and makes of them what is to be seen.

import GenAIOtel

/// The newest readings, and the last minute of each model. A value without clock or lock.
struct WatchState: Sendable {
    private struct Server: Sendable {
        var reading: ServerReading
        var furtherModels = 0
        var histories: [String?: History] = [:]
    }

    private var servers: [ServerIdentity: Server] = [:]
    private var gpus: [String: GPUReading] = [:]

    /// A server may list any number of models, under names of any length, and others at each poll.
    static let modelLimit = 128
    static let nameLimit = 256

    /// How many parts of the last minute a model's rates are told for.
    static let parts = 60

    /// - Parameter time: in seconds, on any clock that does not go back.
    mutating func record(_ reading: ServerReading, at time: Double) {
        var reading = reading
        let models = reading.models.count
        reading.models = reading.models.prefix(Self.modelLimit).map { model in
            var model = model
            model.model = model.model.map { TerminalText.cut($0, bytes: Self.nameLimit) }
            return model
        }
        var server = servers[reading.server] ?? Server(reading: reading)
        server.reading = reading
        server.furtherModels = models - reading.models.count
        // What is down or busy tells nothing of its models: they may be there again.
        if reading.isUp, !reading.isBusy {
            var histories: [String?: History] = [:]
            for model in reading.models {
                histories[model.model] = server.histories[model.model] ?? History()
                histories[model.model]?.record(model, at: time)
            }
            server.histories = histories
        }
        servers[reading.server] = server
    }

    func knows(_ server: ServerIdentity) -> Bool { servers[server] != nil }

    mutating func withdraw(_ server: ServerIdentity) { servers[server] = nil }

    mutating func record(_ gpu: GPUReading) { gpus[gpu.id] = gpu }

    mutating func withdraw(gpu id: String) { gpus[id] = nil }

    var readings: [ServerReading] { servers.values.map(\.reading) }

    var view: MachineView {
        MachineView(servers: servers.values.map(view), gpus: gpus.values.map(MachineView.GPU.init)).sorted(by: .name)
    }

    private func view(_ server: Server) -> MachineView.Server {
        let reading = server.reading
        var result = MachineView.Server(
            engine: reading.server.engine,
            address: reading.server.address,
            port: reading.server.port,
            path: reading.server.path,
            attributes: reading.server.attributes,
            state: .up,
            problem: reading.problem
        )
        if reading.isUp, !reading.isBusy {
            result.models = reading.models.map { model in
                MachineView.Model(model, server.histories[model.model] ?? History())
            }
            result.furtherModels = server.furtherModels > 0 ? server.furtherModels : nil
        }
        result.state = Self.state(of: reading)
        return result
    }

    private static func state(of reading: ServerReading) -> MachineView.Server.State {
        guard reading.isUp else { return .down }
        guard !reading.isBusy else { return .busy }
        let counts = reading.models.flatMap { [$0.requestsRunning, $0.requestsWaiting] }.compactMap { $0 }
        if counts.contains(where: { $0 > 0 }) { return .serving }
        return counts.isEmpty && !reading.models.isEmpty ? .up : .idle
    }
}

extension MachineView.Model {
    fileprivate init(_ model: ModelReading, _ history: History) {
        self.init(
            model: model.model,
            running: model.requestsRunning,
            waiting: model.requestsWaiting,
            max: model.requestsMax,
            peak: history.peakRequests,
            kvCachePercent: model.kvCacheUsage,
            vram: model.vram,
            inputTokensPerSecond: history.rate(\.inputTokens),
            outputTokensPerSecond: history.rate(\.outputTokens),
            firstTokenP50: history.quantile(0.5, \.timeToFirstToken),
            firstTokenP95: history.quantile(0.95, \.timeToFirstToken),
            perTokenP50: history.quantile(0.5, \.timePerOutputToken),
            outputHistory: history.rates(\.outputTokens, parts: WatchState.parts)
        )
    }
}

extension MachineView.GPU {
    fileprivate init(_ reading: GPUReading) {
        self.init(
            id: reading.id,
            name: reading.name,
            index: reading.index,
            isSlice: reading.parent != nil,
            utilization: reading.utilization,
            memoryUsage: reading.memoryUsage,
            memoryLimit: reading.memoryLimit,
            temperature: reading.temperature,
            power: reading.power
        )
    }
}
