import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("GPUs in the collector")
struct GPUTests {
    private let time = ManualTimeSource()
    private let log = LogRecorder()
    private let collector: ServerMetricsCollector

    init() {
        collector = ServerMetricsCollector(cardinalityLimit: 4, log: log.log(), timeSource: time)
    }

    private func gpu(_ id: String = "GPU-0", energy: Double? = nil) -> GPUReading {
        var reading = GPUReading(id: id, name: "H100", vendor: "NVIDIA", driverVersion: "570", index: 0)
        reading.energy = energy
        return reading
    }

    private var snapshot: MetricSnapshot { collector.snapshot(time: time.unixNanoseconds) }

    private func metric(_ name: String) -> Metric? { snapshot.metrics.first { $0.descriptor.name == name } }

    @Test("every figure under the conventions' name, kind and unit")
    func names() throws {
        var reading = gpu()
        reading.utilization = 0.97
        reading.memoryUtilization = 0.25
        reading.memoryUsage = 20
        reading.memoryLimit = 80
        reading.temperature = 61.5
        reading.power = 512.5
        reading.energy = 1000
        reading.correctedErrors = 3
        reading.uncorrectedErrors = 1
        collector.record(reading)
        let identity = [
            "hw.id=GPU-0", "hw.name=H100", "hw.vendor=NVIDIA", "hw.driver_version=570", "hw.gpu.index=0",
        ]
        let points = snapshot.metrics.filter { $0.descriptor.name.hasPrefix("hw.") }.flatMap { metric in
            metric.points.map { point in
                let kind =
                    switch metric.data {
                    case .gauge: "gauge"
                    case .sum(_, .cumulative): "sum"
                    case .upDownSum: "up-down sum"
                    default: "?"
                    }
                let attributes = point.attributes.map { attribute in
                    switch attribute.value {
                    case .string(let text): "\(attribute.key)=\(text)"
                    case .int(let number): "\(attribute.key)=\(number)"
                    case .bool: "?"
                    }
                }
                #expect(Array(attributes.prefix(5)) == identity)
                let rest = attributes.dropFirst(5).joined(separator: " ")
                return "\(metric.descriptor.name) \(kind) \(metric.descriptor.unit) \(rest) \(point.value)"
            }
        }
        #expect(
            points == [
                "hw.gpu.utilization gauge 1 hw.gpu.task=general double(0.97)",
                "hw.gpu.memory.utilization gauge 1  double(0.25)",
                "hw.gpu.memory.usage up-down sum By  int(20)",
                "hw.gpu.memory.limit up-down sum By  int(80)",
                "hw.temperature gauge Cel hw.type=gpu double(61.5)",
                "hw.power gauge W hw.type=gpu double(512.5)",
                "hw.energy sum J hw.type=gpu double(1000.0)",
                "hw.errors sum {error} hw.type=gpu error.type=corrected int(3)",
                "hw.errors sum {error} hw.type=gpu error.type=uncorrected int(1)",
            ]
        )
    }

    @Test("what is not told, or out of range, has no point; what has no id is no GPU")
    func absent() {
        var reading = gpu()
        reading.utilization = 1.5
        reading.temperature = .nan
        reading.power = .infinity
        reading.memoryUsage = -1
        reading.correctedErrors = -1
        collector.record(reading)
        collector.record(GPUReading(id: ""))
        #expect(snapshot.metrics.allSatisfy { !$0.descriptor.name.hasPrefix("hw.") })
        #expect(collector.gpus.map(\.id) == ["GPU-0"])
    }

    @Test("energy goes on where it was when the driver begins anew, and while the GPU is away")
    func energy() throws {
        func energy() -> NumberPoint? { metric("hw.energy")?.points.first }
        collector.record(gpu(energy: 1000))
        let start = energy()?.start
        time.advance(by: .seconds(60))
        collector.record(gpu(energy: 1500))
        #expect(energy()?.value == .double(1500))
        #expect(energy()?.accumulated == .double(500))
        collector.record(gpu(energy: 20))
        #expect(energy()?.value == .double(1520))
        collector.record(gpu())
        #expect(energy() == nil)
        collector.withdraw(gpu: "GPU-0")
        #expect(collector.gpus.isEmpty)
        collector.record(gpu(energy: 5))
        #expect(energy()?.value == .double(1525))
        #expect(energy()?.start == start)
    }

    @Test("delta temporality: sums are differences, also over an absence; up-down sums stay what they are")
    func delta() throws {
        var temporality = DeltaTemporality()
        func next() -> MetricSnapshot {
            time.advance(by: .seconds(10))
            return temporality.next(snapshot)
        }
        func energy(_ snapshot: MetricSnapshot) -> NumberValue? {
            let metric = snapshot.metrics.first { $0.descriptor.name == "hw.energy" }
            if let metric { #expect(metric.data.isDelta) }
            return metric?.points.first?.value
        }
        var reading = gpu(energy: 1000)
        reading.memoryUsage = 7
        collector.record(reading)
        let first = next()
        #expect(energy(first) == nil, "what was counted before it was seen is nobody's")
        let memory = first.metrics.first { $0.descriptor.name == "hw.gpu.memory.usage" }
        #expect(memory?.points.first?.value == .int(7))
        if case .upDownSum = memory?.data {} else { Issue.record("not an up-down sum") }
        collector.record(gpu(energy: 1100))
        #expect(energy(next()) == .double(100))
        collector.withdraw(gpu: "GPU-0")
        #expect(energy(next()) == nil)
        collector.record(gpu(energy: 1130))
        #expect(energy(next()) == .double(30))
        collector.record(gpu(energy: 10))
        #expect(energy(next()) == .double(10))
    }

    @Test("an up-down sum is cumulative and not monotonic as OTLP JSON, and a gauge as Prometheus text")
    func encodings() throws {
        var reading = gpu(energy: 2.5)
        reading.memoryUsage = 7
        reading.uncorrectedErrors = 1
        collector.record(reading)
        let json = String(decoding: OTLPJSONEncoder(resource: Resource([:])).encode(snapshot), as: UTF8.self)
        let beginning =
            #""name":"hw.gpu.memory.usage","description":"GPU memory that is used","unit":"By","#
            + #""sum":{"aggregationTemporality":2,"#
        #expect(json.contains(beginning))
        #expect(json.contains(#"{"key":"hw.gpu.index","value":{"intValue":"0"}}"#))
        let text = PrometheusTextEncoder(resource: Resource([:])).encode(snapshot)
        let labels = #"hw_id="GPU-0",hw_name="H100",hw_vendor="NVIDIA",hw_driver_version="570",hw_gpu_index="0""#
        for line in [
            "# TYPE hw_gpu_memory_usage gauge", "hw_gpu_memory_usage{\(labels)} 7", "# TYPE hw_energy_total counter",
            #"hw_energy_total{\#(labels),hw_type="gpu"} 2.5"#,
            #"hw_errors_total{\#(labels),hw_type="gpu",error_type="uncorrected"} 1"#,
        ] {
            #expect(text.contains("\(line)\n"), "\(line)")
        }
        #expect(ConsoleExporter.text(snapshot, serviceName: "s").contains("hw.gpu.memory.usage"))
    }

    @Test("texts are cut; GPUs beyond the limit are left out with one warning, unless one is gone")
    func limits() {
        collector.record(GPUReading(id: String(repeating: "x", count: 300), name: String(repeating: "n", count: 300)))
        #expect(collector.gpus.first?.id.count == 256 && collector.gpus.first?.name?.count == 256)
        for number in 1...6 { collector.record(gpu("GPU-\(number)")) }
        #expect(collector.gpus.count == 4)
        #expect(log.lines(.warning) == ["More GPUs than the cardinality limit (4) allows: new ones are left out"])
        collector.withdraw(gpu: String(repeating: "x", count: 300))
        collector.record(gpu("GPU-5"))
        #expect(collector.gpus.map(\.id) == ["GPU-1", "GPU-2", "GPU-3", "GPU-5"])
    }
}

extension MetricData {
    fileprivate var isDelta: Bool {
        if case .sum(_, .delta) = self { true } else { false }
    }
}

@Suite("GPUs through instrument()", .enabled(if: FakeNVML.compiler != nil, "there is no C compiler"))
struct GPUConfigurationTests {
    @Test("on by default, and off by its variable; the interval has one too")
    func environment() {
        #expect(GenAIConfiguration(environment: [:]).gpus?.interval == .seconds(5))
        #expect(GenAIConfiguration(environment: ["GENAI_ENABLE_GPU_METRICS": "false"]).gpus == nil)
        let configuration = GenAIConfiguration(environment: ["GENAI_GPU_COLLECTION_INTERVAL": "0"])
        #expect(configuration.gpus?.interval == .seconds(5))
        #expect(configuration.warnings.count == 1)
    }
}
