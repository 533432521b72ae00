// The parsers that read what comes from outside, by the first byte of an input.

// Only debug builds let a module's internals be seen.
#if DEBUG
import Foundation
import GenAISupport

@testable import EnginePoller
@testable import GenAIOtel
@testable import OllamaPoller

/// Reads an input with one of the parsers. A trap, a value out of range or endless work is what the fuzzer looks for.
enum FuzzedParser: UInt8, CaseIterable {
    case enginePage, slots, models, tgiInfo, loadedModels
    case answer, refusal, retryAfter
    case headerList, endpoint, environment
    case protobufAnswer, protobufRefusal

    static func read(_ input: [UInt8]) {
        guard let first = input.first else { return }
        allCases[Int(first) % allCases.count].read(Array(input.dropFirst()))
    }

    private func read(_ input: [UInt8]) {
        switch self {
        case .enginePage: read(asPages: input)
        case .slots: complete(with: .llamaSlots, input)
        case .models: complete(with: .llamaModels, input)
        case .tgiInfo: complete(with: .tgiInfo, input)
        case .loadedModels: check(LoadedModels(input)?.readings(ofTotal: 8e9) ?? [])
        case .answer: interpret(input, status: 200)
        case .refusal: interpret(input, status: 400)
        case .protobufAnswer: interpret(input, status: 200, type: "application/x-protobuf")
        case .protobufRefusal: interpret(input, status: 400, type: "application/x-protobuf")
        case .retryAfter: precondition(RetryAfter.delay(text(input), now: .now) ?? .zero >= .zero)
        case .headerList: configure("OTEL_EXPORTER_OTLP_HEADERS", input)
        case .endpoint: configure("OTEL_EXPORTER_OTLP_ENDPOINT", input)
        case .environment:
            // A name, a zero, and its value.
            let parts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
            configure(text(Array(parts[0])), Array(parts.dropFirst().first ?? []))
        }
    }

    /// Pages of one server, one after another, each after a zero; and what is exported of them.
    private func read(asPages input: [UInt8]) {
        let collector = ServerMetricsCollector(cardinalityLimit: 8, log: Log(level: nil))
        var delta = DeltaTemporality()
        for page in input.split(separator: 0) {
            let models = EnginePage(Array(page))?.models ?? []
            check(models)
            collector.record(ServerReading(server: ServerIdentity(engine: "e", address: "h", port: 1), models: models))
            let snapshot = collector.snapshot(time: .max)
            for metric in snapshot.metrics + delta.next(snapshot).metrics { check(metric) }
        }
    }

    private func check(_ metric: Metric) {
        for point in metric.points {
            switch point.value {
            case .int(let number): precondition(number >= 0)
            case .double(let number): precondition((0...100).contains(number))
            }
        }
        guard case .histogram(let points, _) = metric.data else { return }
        for point in points {
            let total = point.bucketCounts.reduce(UInt64(0)) { $0.addingSaturated($1) }
            precondition(point.count == total && point.sum >= 0 && point.sum.isFinite)
        }
    }

    private func text(_ input: [UInt8]) -> String { String(decoding: input, as: UTF8.self) }

    private func complete(with detail: EngineDetail, _ input: [UInt8]) {
        var model = ModelReading(model: nil)
        var cache = LlamaCache()
        if let answer = detail.decode(input, &cache) { model.complete(with: answer) }
        check([model])
    }

    private func check(_ models: [ModelReading]) {
        for element in models.flatMap({ $0.figures.elements + $0.replicas.flatMap(\.figures.elements) }) {
            switch element.value {
            case .int(let number): precondition(number >= 0)
            case .double(let number): precondition((0...100).contains(number))
            case .histogram(let histogram):
                precondition(histogram.isValid && histogram.sum >= 0)
            }
        }
    }

    private func interpret(_ input: [UInt8], status: Int, type: String = "application/json") {
        let response = HTTPResponse(status: status, headers: ["content-type": type], body: input)
        if case .delivered(let rejected, _) = OTLPAnswer(.success(response), now: .now) { precondition(rejected >= 0) }
    }

    private func configure(_ name: String, _ value: [UInt8]) {
        let configuration = GenAIConfiguration(environment: [name: text(value)]).validated()
        precondition(configuration.exportInterval > .zero && configuration.otlp.timeout > .zero)
        precondition(configuration.otlp.headers.allSatisfy { HTTPHeader.isValid(name: $0.key, value: $0.value) })
    }
}
#endif
