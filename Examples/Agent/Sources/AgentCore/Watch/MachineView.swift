// What is to be seen at one moment: what `watch` draws and `--json` prints.

/// All servers and GPUs at one moment. What nobody knows is nil, and is left out of the JSON.
package struct MachineView: Codable, Equatable, Sendable {
    package var servers: [Server] = []
    package var gpus: [GPU] = []
    /// What of the user's wishes could not be fulfilled.
    package var problems: [String] = []

    /// One polled server.
    package struct Server: Codable, Equatable, Sendable {
        package enum State: String, Codable, Sendable {
            /// Requests run or wait.
            case serving
            case idle
            /// It does not tell whether it does anything.
            case up
            /// It answers, but too late to tell its figures.
            case busy
            case down
        }

        package var engine: String?
        package var address: String
        package var port: Int
        package var path: String?
        package var attributes: [String: String] = [:]
        package var state: State
        /// Why it is down.
        package var problem: String?
        package var models: [Model] = []
        /// How many models it has besides, if that is more than is shown.
        package var furtherModels: Int?
    }

    /// One model of a server.
    package struct Model: Codable, Equatable, Sendable {
        package var model: String?
        package var running: Int?
        package var waiting: Int?
        package var max: Int?
        /// The most that ran and waited at once in the last minute.
        package var peak = 0
        /// 0 to 100.
        package var kvCachePercent: Double?
        /// Bytes of GPU memory.
        package var vram: Int?
        package var inputTokensPerSecond: Double?
        package var outputTokensPerSecond: Double?
        /// Of the last minute, in seconds.
        package var firstTokenP50: Double?
        package var firstTokenP95: Double?
        package var perTokenP50: Double?
        /// Output tokens per second in each twelfth of the last minute and finer, oldest first.
        package var outputHistory: [Double?] = []
    }

    /// One GPU, or a slice of one.
    package struct GPU: Codable, Equatable, Sendable {
        package var id: String
        package var name: String?
        package var index: Int?
        package var isSlice = false
        /// 0 to 1.
        package var utilization: Double?
        /// Bytes.
        package var memoryUsage: Int?
        package var memoryLimit: Int?
        /// Degrees Celsius.
        package var temperature: Double?
        /// Watts.
        package var power: Double?
    }
}

/// What servers and models are sorted by.
package enum SortKey: String, CaseIterable, Sendable {
    case name, requests, waiting, kv, tokens

    package var next: SortKey {
        let all = Self.allCases
        return all[((all.firstIndex(of: self) ?? 0) + 1) % all.count]
    }

    /// What counts, highest first; nil for the name.
    fileprivate func value(_ model: MachineView.Model) -> Double {
        switch self {
        case .name: 0
        case .requests: Double(model.running ?? 0) + Double(model.waiting ?? 0)
        case .waiting: Double(model.waiting ?? 0)
        case .kv: model.kvCachePercent ?? 0
        case .tokens: (model.outputTokensPerSecond ?? 0) + (model.inputTokensPerSecond ?? 0)
        }
    }
}

extension MachineView {
    /// The same, sorted; what is equal stands by name.
    package func sorted(by key: SortKey) -> MachineView {
        var result = self
        for index in result.servers.indices {
            result.servers[index].models.sort { left, right in
                let (one, other) = (key.value(left), key.value(right))
                return one != other ? one > other : (left.model ?? "") < (right.model ?? "")
            }
        }
        func value(_ server: Server) -> Double { server.models.map(key.value).max() ?? -1 }
        func name(_ server: Server) -> [String] {
            [server.engine ?? "~", server.address, String(1_000_000 + server.port), server.path ?? ""]
                + server.attributes.sorted { $0.key < $1.key }.map(\.value)
        }
        result.servers.sort { left, right in
            let (one, other) = (key == .name ? 0 : value(left), key == .name ? 0 : value(right))
            return one != other ? one > other : name(left).lexicographicallyPrecedes(name(right))
        }
        result.gpus.sort { ($0.index ?? 0, $0.id) < ($1.index ?? 0, $1.id) }
        return result
    }
}
