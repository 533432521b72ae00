import Foundation
import TestSupport
import Testing

@testable import OllamaPoller

@Suite("Asking an Ollama once", .serialized)
struct OllamaCheckTests {
    private func check(_ url: String) async throws -> ServerCheck {
        var configuration = OllamaConfiguration(environment: ["GENAI_OLLAMA_MAX_VRAM_GB": "8"])
        configuration.url = try #require(URL(string: url))
        configuration.readsRunners = false
        return await configuration.check()
    }

    @Test("it tells its models and its version")
    func up() async throws {
        let ollama = try SimulatedOllama([SimulatedOllama.Model("a", vram: 1 << 30)])
        defer { ollama.stop() }
        let check = try await check(ollama.url)
        #expect(check.reading.isUp && check.reading.modelsLoaded == 1)
        #expect(check.reading.models.map(\.kvCacheUsage) == [12.5])
        #expect(check.version == "0.33.0")
        #expect(check.remarks.isEmpty)
    }

    @Test("its version can't put a word into a terminal")
    func hostileVersion() async throws {
        let ollama = try SimulatedOllama()
        defer { ollama.stop() }
        ollama.answer("/api/version", .json(#"{"version":"1\u001b[2J"}"#))
        #expect(try await check(ollama.url).version == #"1\u{1B}[2J"#)
    }

    @Test("why it can't be read stands in the reading, and only there")
    func down() async throws {
        let server = try LoopbackServer(always: .text("no", status: 404))
        defer { server.stop() }
        let check = try await check(server.url)
        #expect(check.reading.problem?.contains("must be Ollama's base URL") == true)
        #expect(check.version == nil && check.remarks.isEmpty)
    }

    @Test("a URL that can't be used is a problem, without its password")
    func unusable() async throws {
        let check = try await check("ftp://me:s3cret@host/")
        let problem = try #require(check.reading.problem)
        #expect(problem.contains("Ollama is not polled") && !problem.contains("s3cret"))
    }
}
