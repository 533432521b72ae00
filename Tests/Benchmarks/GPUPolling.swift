// What reading GPUs costs, beside what the driver's library takes for itself.

import Foundation
import GPUPoller
import GenAIOtel
import TestSupport

enum GPUPolling {
    private static let gpus = 8

    /// Has the calls under way.
    private final class Caller: Sendable {}

    /// A look at eight GPUs through a real shared library whose own calls take next to nothing.
    static func run() throws -> [Table] {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let library = try FakeNVML(gpus, in: folder)
        var locations = GPULocations(environment: [:])
        locations.nvmlLibraries = [library.path]
        locations.graphicsCards = "\(folder.path)/none"
        let reader = Locked(GPUReader(locations: locations))
        let calls = DriverCalls()
        let caller = Caller()
        let collector = ServerMetricsCollector(cardinalityLimit: 2000, log: Log(level: nil))
        /// As the poller does it: a thread for the calls, and a reading of each GPU for the collector.
        func poll() -> Int {
            let outcome = calls.run(for: caller, limit: .seconds(5), cancellation: Cancellation()) { _ in
                reader.withLock { $0.read(now: .now) { false } }
            }
            guard case .done(let scan) = outcome else { return 0 }
            for reading in scan.readings { collector.record(reading) }
            return scan.readings.count
        }
        precondition(poll() == gpus, "the library was not read")
        var samples = Samples()
        for _ in 0..<21 {
            let polls = 200
            samples.values.append(processTime { for _ in 0..<polls { _ = poll() } } / Double(polls) / 1e3)
        }
        reader.withLock { $0.close() }
        return [
            Table(
                title: "A look at eight GPUs through NVML, processor time of all threads",
                rows: [Row("calls, readings, collector", .microseconds, samples, goals: [.value(200)])]
            )
        ]
    }

    /// A process at the default intervals: eight GPUs, an Ollama and two engines are polled, and exported once a minute.
    static func idle() throws -> [Table] {
        let page = """
            # TYPE vllm:num_requests_running gauge
            vllm:num_requests_running{model_name="m"} 3
            vllm:num_requests_waiting{model_name="m"} 1
            vllm:kv_cache_usage_perc{model_name="m"} 0.25

            """
        let server = try LoopbackServer { request in
            request.target.hasSuffix("/metrics") && request.method == "GET"
                ? .text(page) : .json(#"{"models":[{"name":"llama3.2","size_vram":1073741824}]}"#)
        }
        defer { server.stop() }
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let library = try FakeNVML(gpus, in: folder)
        let process = try ChildProcess(
            builtProduct("TrafficProbe"),
            environment: [
                "LD_LIBRARY_PATH": library.folder, "OTEL_EXPORTER_OTLP_ENDPOINT": server.url,
                "OLLAMA_BASE_URL": server.url,
                "GENAI_SERVER_METRICS_TARGETS": "\(server.url)/1/metrics,\(server.url)/2/metrics",
                "GENAI_LOG_LEVEL": "error",
            ]
        )
        defer { process.stop() }
        _ = process.waitForLine(containing: "listening on ")
        // What is done once, at the start, is not what an interval costs.
        Thread.sleep(forTimeInterval: 2)
        let calls = library.value(.calls)
        let before = OtherProcess.processorSeconds(process.pid)
        let start = ContinuousClock.now
        Thread.sleep(forTimeInterval: 125)
        let used = OtherProcess.processorSeconds(process.pid) - before
        let share = 100 * used / (start.duration(to: .now) / .seconds(1))
        precondition(library.value(.calls) > calls, "the GPUs were not read")
        return [
            Table(
                title: "At the default intervals, with eight GPUs, an Ollama, two engines and a collector",
                rows: [Row("processor time", .percentOfACore, Samples(values: [share]), goals: [.value(0.1)])]
            )
        ]
    }

    /// Nanoseconds of processor time of all threads.
    private static func processTime(_ body: () -> Void) -> Double {
        func now() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
            return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
        }
        let start = now()
        body()
        return now() - start
    }
}
