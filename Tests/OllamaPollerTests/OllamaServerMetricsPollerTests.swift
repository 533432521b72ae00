import Foundation
import GPUPoller
import TestSupport
import Testing

@testable import OllamaPoller

@Suite("OllamaPoller, against a real server")
struct OllamaPollerTests {
    @Test("a reading comes at once: every model's share, its bytes, how many there are")
    func firstReading() throws {
        let body = answer(
            entry("llama3:8b", vram: 12 * gibibyte),
            entry("tiny", vram: 3 * gibibyte),
            entry("cpu", vram: 0)
        )
        let server = try LoopbackServer(always: .json(body))
        defer { server.stop() }
        let test = try TestPoller(server.url, maxVRAM: 24)
        #expect(!test.poller.isRunning)
        let reading = try test.firstReading()
        #expect(reading.server == ServerIdentity(engine: "ollama", address: "127.0.0.1", port: server.port))
        #expect(reading.isUp && reading.modelsLoaded == 3)
        #expect(reading.models.map(\.model) == ["llama3:8b", "tiny", "cpu"])
        #expect(reading.models.map(\.kvCacheUsage) == [50, 12.5, 0])
        #expect(reading.models.map(\.vram) == [12 * gibibyte, 3 * gibibyte, 0])
        #expect(test.poller.isRunning)
        let request = try #require(server.requests.first)
        #expect(request.method == "GET")
        #expect(request.target == "/api/ps")
        #expect(request.headers["authorization"] == nil)
    }

    @Test("an Ollama without a loaded model is up and has none")
    func empty() throws {
        let server = try LoopbackServer(always: .json(answer()))
        defer { server.stop() }
        let reading = try TestPoller(server.url).firstReading()
        #expect(reading.isUp)
        #expect(reading.modelsLoaded == 0)
        #expect(reading.models == [])
    }

    @Test("a path in the URL is kept, and user info is sent but not logged")
    func pathAndUserInfo() throws {
        let server = try LoopbackServer(always: .response(500))
        defer { server.stop() }
        let test = try TestPoller("http://me:s3cret@127.0.0.1:\(server.port)/ollama/")
        _ = try test.firstReading()
        #expect(server.requests.first?.target == "/ollama/api/ps")
        #expect(server.requests.first?.headers["authorization"] == "Basic bWU6czNjcmV0")
        #expect(!test.log.messages.isEmpty)
        #expect(!test.log.messages.joined().contains("s3cret"))
    }

    @Test("it polls at every interval, and neither between nor late")
    func interval() throws {
        let server = try LoopbackServer(always: .json(answer()))
        defer { server.stop() }
        let test = try TestPoller(server.url, interval: .seconds(5))
        _ = try test.firstReading()
        for number in 2...4 {
            #expect(test.time.waitForSleepers())
            test.time.advance(by: .milliseconds(4999))
            #expect(test.time.waitForSleepers(), "still asleep")
            #expect(test.time.timeUntilNextDeadline == .milliseconds(1))
            #expect(test.readings.all.count == number - 1)
            test.time.advance(by: .milliseconds(1))
            _ = try #require(test.readings.wait(for: number))
        }
        #expect(server.requests.count == 4)
    }

    @Test("on the machine's own clock it polls several times, too")
    func systemClock() throws {
        let server = try LoopbackServer(always: .json(answer()))
        defer { server.stop() }
        let poller = OllamaServerMetricsPoller(
            OllamaConfiguration(
                environment: ["OLLAMA_BASE_URL": server.url, "GENAI_OLLAMA_METRICS_INTERVAL": "0.02"]
            ),
            logLevel: nil,
            onReading: { _ in }
        )
        poller.start()
        #expect(server.waitForRequests(4))
        #expect(poller.stop())
    }

    @Test("an interval of 0 or less is no busy loop", arguments: [.zero, .seconds(-1)] as [Duration])
    func badInterval(interval: Duration) throws {
        let server = try LoopbackServer(always: .json(answer()))
        defer { server.stop() }
        let test = try TestPoller(server.url, interval: interval)
        _ = try test.firstReading()
        #expect(test.time.waitForSleepers())
        #expect(test.time.timeUntilNextDeadline == .seconds(5))
        #expect(test.log.lines(.warning).count == 1)
    }

    @Test("what the environment asks for is polled, and its warnings are logged at the first start only")
    func environment() throws {
        let server = try LoopbackServer(always: .json(answer(entry("a", vram: 8 * gibibyte))))
        defer { server.stop() }
        let environment = [
            "OLLAMA_HOST": "127.0.0.1:\(server.port)", "GENAI_OLLAMA_MAX_VRAM_GB": "16",
            "GENAI_OLLAMA_METRICS_INTERVAL": "often",
        ]
        let (readings, log) = (ReadingRecorder(), LogRecorder())
        let poller = OllamaServerMetricsPoller(
            OllamaConfiguration(environment: environment),
            logHandler: log.handler,
            onReading: readings.record
        )
        #expect(log.lines.isEmpty)
        for _ in 0..<2 {
            poller.start()
            #expect(readings.wait()?.models.first?.kvCacheUsage == 50)
            #expect(poller.stop())
        }
        #expect(log.lines(.warning).count == 1)
        #expect(log.lines(.warning).first?.contains("GENAI_OLLAMA_METRICS_INTERVAL") == true)
    }

    @Test("a URL that can't be polled is told, and nothing else happens")
    func badURL() throws {
        let test = try TestPoller("file:///s3cret")
        test.poller.start()
        #expect(!test.poller.isRunning)
        #expect(test.poller.stop())
        #expect(test.log.lines.map(\.level) == [.error])
        #expect(!test.log.messages.joined().contains("s3cret"))
    }

    @Test("GPU memory is detected on the poller's thread, once Ollama has answered")
    func detection() throws {
        let folder = try TemporaryFolder()
        try folder.writeScript("echo 24576", to: "nvidia-smi")
        var locations = GPULocations.nowhere
        locations.environment = { [path = folder.path] in ["PATH": path] }
        let isUp = Locked(false)
        let server = try LoopbackServer { _ in
            isUp.withLock { $0 } ? .json(answer(entry("a", vram: 12 * gibibyte))) : .response(503)
        }
        defer { server.stop() }
        let test = try TestPoller(server.url, locations: locations)
        #expect(try test.firstReading().isUp == false)
        #expect(test.log.lines(.info).isEmpty)
        isUp.withLock { $0 = true }
        #expect(try test.nextReading(2).models.first?.kvCacheUsage == 50)
        #expect(test.log.messages.contains("Auto-detected GPU VRAM: 24.0GB"))
    }

    @Test("an Ollama on another machine: one line says that its memory is assumed")
    func remote() throws {
        // No poller is started: there is no such machine.
        let configuration = OllamaConfiguration(environment: ["OLLAMA_BASE_URL": "http://gpu-box.example:11434"])
        let notes = OllamaTarget.check(configuration).notes
        #expect(notes.map(\.level) == [.info])
        #expect(notes.first?.text.contains("GENAI_OLLAMA_MAX_VRAM_GB") == true)
    }
}
