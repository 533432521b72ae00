import Foundation
import GPUPoller
import TestSupport
import Testing

@testable import OllamaPoller

@Suite("Start, stop and restart of the poller")
struct OllamaPollerLifeTests {
    @Test("started twice it is one thread")
    func startTwice() throws {
        let server = try LoopbackServer(always: .json(answer()))
        defer { server.stop() }
        let test = try TestPoller(server.url)
        _ = try test.firstReading()
        test.poller.start()
        #expect(test.time.waitForSleepers(1))
        _ = try test.nextReading(2)
        #expect(test.time.waitForSleepers(1))
        #expect(server.requests.count == 2)
    }

    @Test("stopped without having been started, nothing happens; stopped twice neither")
    func stopIdle() throws {
        let server = try LoopbackServer(always: .json(answer()))
        defer { server.stop() }
        let test = try TestPoller(server.url)
        #expect(test.poller.stop())
        _ = try test.firstReading()
        #expect(test.poller.stop())
        #expect(test.poller.stop())
        #expect(!test.poller.isRunning)
        #expect(eventually { server.openConnections == 0 }, "the connection is closed")
    }

    @Test("it can be started again, often")
    func restart() throws {
        let server = try LoopbackServer(always: .json(answer()))
        defer { server.stop() }
        let test = try TestPoller(server.url)
        for number in 1...20 {
            test.poller.start()
            #expect(test.readings.wait(for: number)?.isUp == true)
            #expect(test.poller.stop())
            #expect(!test.poller.isRunning)
        }
        #expect(server.requests.count == 20)
    }

    @Test("a stop ends a poll that hangs at once, and no reading comes of it")
    func stopWhileHanging() throws {
        let server = try LoopbackServer(always: .hang)
        defer { server.stop() }
        let test = try TestPoller(server.url, timeLimit: .seconds(5))
        test.poller.start()
        #expect(server.waitForRequests(1))
        #expect(test.poller.stop(timeout: .seconds(2)))
        #expect(test.readings.all.isEmpty)
        // URLSession lets go of it by itself, a second after the poll's own limit.
        #expect(eventually { server.openConnections == 0 })
    }

    @Test("a stop ends a detection that hangs")
    func stopWhileDetecting() throws {
        let folder = try TemporaryFolder()
        try folder.writeScript("echo > \(folder.path)/started; exec /bin/sleep 1000", to: "nvidia-smi")
        var locations = GPULocations.nowhere
        locations.environment = { [path = folder.path] in ["PATH": path] }
        let server = try LoopbackServer(always: .json(answer(entry("a", vram: 1))))
        defer { server.stop() }
        let test = try TestPoller(server.url, locations: locations)
        test.poller.start()
        #expect(eventually { folder.text("started") != nil })
        #expect(test.poller.stop(timeout: .seconds(4)), "before nvidia-smi's five seconds are over")
        #expect(test.readings.all.isEmpty)
    }

    @Test("a stop from within the closure does not wait for itself")
    func stopInside() throws {
        let server = try LoopbackServer(always: .json(answer()))
        defer { server.stop() }
        let poller = Locked<OllamaServerMetricsPoller?>(nil)
        let results = Monitor<[Bool]>([])
        let made = OllamaServerMetricsPoller(
            OllamaConfiguration(environment: ["OLLAMA_BASE_URL": server.url]),
            logLevel: nil
        ) {
            _ in
            let result = poller.withLock { $0 }?.stop()
            results.mutate { $0.append(result ?? true) }
        }
        poller.withLock { $0 = made }
        made.start()
        let first: Bool? = results.wait(until: .now + .seconds(60)) { $0.first }
        #expect(first == false)
        #expect(eventually { !made.isRunning })
        poller.withLock { $0 = nil }
    }

    @Test("a stop that has to wait too long says so; the next one that no thread is left")
    func busyClosure() throws {
        let server = try LoopbackServer(always: .json(answer()))
        defer { server.stop() }
        let (isBusy, mayGo, count) = (Monitor(false), Monitor(false), Locked(0))
        let configuration = OllamaConfiguration(environment: ["OLLAMA_BASE_URL": server.url])
        let poller = OllamaServerMetricsPoller(configuration, logLevel: nil) { _ in
            count.withLock { $0 += 1 }
            isBusy.mutate { $0 = true }
            let _: Bool? = mayGo.wait(until: .now + .seconds(60)) { $0 ? true : nil }
        }
        poller.start()
        let _: Bool? = isBusy.wait(until: .now + .seconds(60)) { $0 ? true : nil }
        #expect(!poller.stop(timeout: .milliseconds(20)))
        #expect(poller.isRunning)
        poller.start()
        #expect(eventually { count.withLock { $0 } == 2 }, "a new thread does not wait for the old one")
        #expect(!poller.stop(timeout: .milliseconds(20)), "the old one counts, too")
        mayGo.mutate { $0 = true }
        #expect(poller.stop())
        #expect(!poller.isRunning)
    }

    @Test("starts and stops from many threads at once end in what came last")
    func race() throws {
        let server = try LoopbackServer(always: .json(answer()))
        defer { server.stop() }
        let test = try TestPoller(server.url)
        let (poller, readings) = (test.poller, test.readings)
        DispatchQueue.concurrentPerform(iterations: 64) { number in
            if number.isMultiple(of: 2) { poller.start() } else { poller.stop() }
        }
        #expect(poller.stop())
        #expect(!poller.isRunning)
        let before = readings.all.count
        poller.start()
        #expect(readings.wait(for: before + 1) != nil)
        #expect(poller.stop())
        #expect(readings.all.count == before + 1)
    }

    @Test("starts beside stops that wait for nothing neither end the process nor leave a thread")
    func startBesideStop() throws {
        let server = try LoopbackServer(always: .json(answer()))
        defer { server.stop() }
        let test = try TestPoller(server.url)
        let poller = test.poller
        DispatchQueue.concurrentPerform(iterations: 4) { number in
            for _ in 0..<50 {
                if number.isMultiple(of: 2) { poller.start() } else { poller.stop(timeout: .zero) }
            }
        }
        #expect(poller.stop(timeout: .seconds(20)))
        #expect(!poller.isRunning)
    }

    @Test("closed: start does nothing, and says nothing")
    func closed() throws {
        let server = try LoopbackServer(always: .json(answer()))
        defer { server.stop() }
        let test = try TestPoller(server.url)
        test.poller.close()
        test.poller.start()
        #expect(!test.poller.isRunning)
        #expect(test.poller.stop())
        #expect(server.requests.isEmpty && test.log.lines.isEmpty)
    }

    @Test("requestStop does not wait; nothing is polled after it")
    func requestStop() throws {
        let server = try LoopbackServer(always: .json(answer()))
        defer { server.stop() }
        let test = try TestPoller(server.url)
        _ = try test.firstReading()
        test.poller.requestStop()
        #expect(eventually { !test.poller.isRunning })
        test.time.advance(by: .seconds(60))
        #expect(server.requests.count == 1)
    }

    @Test("a poller that nobody holds any more ends by itself")
    func dropped() throws {
        let server = try LoopbackServer(always: .json(answer()))
        defer { server.stop() }
        let readings = ReadingRecorder()
        var poller: OllamaServerMetricsPoller? = OllamaServerMetricsPoller(
            OllamaConfiguration(environment: ["OLLAMA_BASE_URL": server.url]),
            logLevel: nil,
            onReading: readings.record
        )
        poller?.start()
        #expect(readings.wait() != nil)
        poller = nil
        #expect(eventually { server.openConnections == 0 })
    }

    #if os(Linux)
    @Test("the thread has its name")
    func threadName() throws {
        let server = try LoopbackServer(always: .json(answer()))
        defer { server.stop() }
        let names = Monitor<[String]>([])
        let configuration = OllamaConfiguration(environment: ["OLLAMA_BASE_URL": server.url])
        let poller = OllamaServerMetricsPoller(configuration, logLevel: nil) { _ in
            let name = try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
            names.mutate { $0.append(name ?? "") }
        }
        poller.start()
        let name: String? = names.wait(until: .now + .seconds(60)) { $0.first }
        #expect(name == "genai-ollama\n")
        #expect(poller.stop())
    }
    #endif
}
