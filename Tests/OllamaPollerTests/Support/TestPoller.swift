// A poller with everything around it that a test looks at.

import Foundation
import GPUPoller
import TestSupport
import Testing

@testable import OllamaPoller

/// A poller of a loopback server, on a clock that the test moves, on a machine where no GPU is to be found.
final class TestPoller {
    let readings = ReadingRecorder()
    let log = LogRecorder()
    let time = ManualTimeSource()
    let poller: OllamaServerMetricsPoller

    init(
        _ url: String,
        interval: Duration = .seconds(5),
        maxVRAM: Double? = nil,
        timeLimit: Duration = .seconds(20),
        locations: GPULocations = .nowhere,
        processRoot: String = "/nowhere",
        environment: [String: String] = [:]
    ) throws {
        var configuration = OllamaConfiguration(environment: environment)
        configuration.url = try #require(URL(string: url))
        configuration.interval = interval
        configuration.maxVRAMGibibytes = maxVRAM
        poller = OllamaServerMetricsPoller(
            configuration,
            log: log.log(),
            timeSource: time,
            timeLimit: timeLimit,
            detector: VRAMDetector(locations: locations),
            processRoot: processRoot,
            calls: DriverCalls(),
            onReading: readings.record
        )
    }

    deinit { poller.stop() }

    /// Starts the poller and gives its first reading.
    func firstReading() throws -> ServerReading {
        poller.start()
        return try #require(readings.wait())
    }

    /// Lets one interval pass and gives the reading of this number.
    func nextReading(_ number: Int, after interval: Duration = .seconds(5)) throws -> ServerReading {
        #expect(time.waitForSleepers())
        time.advance(by: interval)
        return try #require(readings.wait(for: number))
    }
}

extension GPULocations {
    /// A machine without a GPU.
    static var nowhere: GPULocations {
        var locations = GPULocations(environment: [:])
        locations.nvmlLibraries = []
        locations.graphicsCards = "/nowhere"
        locations.memoryInfo = "/nowhere"
        return locations
    }
}

let gibibyte = 1 << 30

/// An answer of `/api/ps` with entries given as JSON.
func answer(_ entries: String...) -> String {
    #"{"models":[\#(entries.joined(separator: ","))]}"#
}

/// An entry of `/api/ps` as Ollama writes it, down to a date that no calendar will see.
func entry(_ name: String, vram: Int) -> String {
    """
    {"name":"\(name)","model":"\(name)","size":\(vram),"digest":"2ae6f6dd7a3d","details":{"parent_model":"",\
    "format":"gguf","family":"llama","families":["llama"],"parameter_size":"7.2B","quantization_level":"Q4_0"},\
    "expires_at":"2318-09-09T17:43:43.936212989+02:00","size_vram":\(vram),"context_length":4096}
    """
}
