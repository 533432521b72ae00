// llama.cpp as a router: a server that starts another server for each model.

import Foundation
import GenAISupport

/// Reads the loaded models of a llama.cpp router, each by its own page.
///
/// Polling never loads a model: only models that `GET /models` lists as loaded are asked, and with `autoload=false`.
struct LlamaRouter {
    fileprivate struct Model {
        var request: TargetRequest
        var details: DetailReader
        /// When it began to count, if it was loaded between two polls.
        var startTime: Date?
    }

    private let request: TargetRequest
    private let timeSource: any TimeSource
    private let log: Log
    private var models: [String: Model] = [:]
    private var lastListing: Date?

    /// The most models that are asked; a router has four at a time by default.
    private static let modelLimit = 64

    init(_ request: TargetRequest, _ timeSource: any TimeSource, _ log: Log) {
        self.request = request
        self.timeSource = timeSource
        self.log = log
    }

    /// - Returns: nil if the server is no router.
    mutating func read(_ exchange: TargetExchange) -> Result<[ModelReading], TargetProblem>? {
        let answer: HTTPResponse
        switch exchange.send(request.sibling("/models")) {
        case .success(let response): answer = response
        case .failure(let problem): return problem.isRefusal ? nil : .failure(problem)
        }
        guard let loaded = Listing.loadedModels(answer.body) else { return nil }
        update(loaded.prefix(Self.modelLimit))
        var readings: [ModelReading] = []
        var problems: [TargetProblem] = []
        for name in loaded.prefix(Self.modelLimit) {
            switch models[name]?.read(name, exchange) {
            case .success(let reading): readings.append(reading)
            case .failure(.noAnswer(.cancelled)): return .failure(.noAnswer(.cancelled))
            case .failure(let problem):
                problems.append(problem)
                // The model is there even if its figures can't be read.
                readings.append(ModelReading(model: name))
            case nil: break
            }
        }
        // If all of them refuse, for example because of a missing key, somebody has to mend it.
        if let problem = problems.first, problems.count == readings.count, problem.isRefusal {
            return .failure(problem)
        }
        return .success(readings)
    }

    private mutating func update(_ loaded: ArraySlice<String>) {
        var former = models
        models = [:]
        for name in loaded {
            let request = request.asking(for: name)
            models[name] =
                former.removeValue(forKey: name)
                ?? Model(
                    request: request,
                    details: DetailReader(request, timeSource, log),
                    startTime: lastListing
                )
        }
        lastListing = Date(timeIntervalSince1970: Double(timeSource.unixNanoseconds) / 1e9)
    }
}

extension LlamaRouter.Model {
    fileprivate mutating func read(_ name: String, _ exchange: TargetExchange) -> Result<ModelReading, TargetProblem> {
        switch exchange.readPage(request) {
        case .success(var page):
            details.complete(&page, exchange)
            var reading = page.models.first ?? ModelReading(model: name)
            reading.model = name
            reading.startTime = startTime
            for index in reading.replicas.indices { reading.replicas[index].startTime = startTime }
            return .success(reading)
        case .failure(let problem):
            return .failure(problem)
        }
    }
}

/// The answer of a router's `/models`. A server of one model lists it without a state.
private struct Listing: Decodable {
    struct Entry: Decodable {
        var id: Lenient<String>?
        var status: Lenient<Status>?
    }

    struct Status: Decodable { var value: Lenient<String>? }

    var data: [Lenient<Entry>]

    /// The names of the loaded models; nil if the answer is not that of a router.
    static func loadedModels(_ body: [UInt8]) -> [String]? {
        guard let listing = try? JSONDecoder().decode(Listing.self, from: Data(body)) else { return nil }
        let entries = listing.data.compactMap(\.value)
        guard entries.isEmpty || entries.contains(where: { $0.status?.value?.value != nil }) else { return nil }
        var names = Set<String>()
        return entries.filter { $0.status?.value?.value?.value == "loaded" }.compactMap { $0.id?.value }
            .filter { names.insert($0).inserted }
    }
}
