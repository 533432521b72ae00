import Foundation
import TestSupport
import Testing

@testable import EnginePoller

@Suite("Asking an engine once", .blocking)
struct TargetCheckTests {
    private func check(_ server: LoopbackServer) async throws -> ServerCheck {
        await EngineTarget(url: try #require(URL(string: server.url))).check()
    }

    @Test(
        "it tells engine, figures and version",
        arguments: [
            ("vllm:num_requests_running 1\n", "vllm", "/version", #"{"version":"0.32.0"}"#, "0.32.0"),
            ("aphrodite:num_requests_running 1\n", "aphrodite", "/version", #"{"version":"0.9"}"#, "0.9"),
            ("sglang:num_running_reqs 1\n", "sglang", "/server_info", #"{"tp_size":1,"version":"0.5.23"}"#, "0.5.23"),
            ("sglang:num_running_reqs 1\n", "sglang", "/get_server_info", #"{"version":"0.5.1"}"#, "0.5.1"),
            ("tgi_queue_size 1\n", "tgi", "/info", #"{"model_id":"m","version":"3.3.6"}"#, "3.3.6"),
            ("trtllm_num_requests_running 1\n", "tensorrt-llm", "/version", #"{"version":"1.2.0"}"#, "1.2.0"),
            (
                "llamacpp:requests_processing 1\n", "llama.cpp", "/props",
                #"{"total_slots":2,"build_info":"b11549-1a2b3c"}"#, "b11549-1a2b3c"
            ),
        ]
    )
    func version(page: String, engine: String, path: String, body: String, version: String) async throws {
        let server = try LoopbackServer { request in
            switch request.target {
            case "/metrics": .text(page)
            case path: .json(body)
            default: .text("no", status: 404)
            }
        }
        defer { server.stop() }
        let check = try await check(server)
        #expect(check.reading.isUp && check.reading.server.engine == engine)
        #expect(check.reading.models.count == 1)
        #expect(check.version == version)
    }

    @Test(
        "whoever listens can't put a word into a terminal",
        arguments: [#""a\u001b[2Jb""#, "7", "{}", "null", #""""#]
    )
    func hostileVersion(version: String) async throws {
        let server = try LoopbackServer { request in
            request.target == "/metrics" ? .text("vllm:num_requests_running 1\n") : .json(#"{"version":\#(version)}"#)
        }
        defer { server.stop() }
        let check = try await check(server)
        #expect(check.version == (version.contains("u001b") ? #"a\u{1B}[2Jb"# : nil))
        #expect(check.reading.isUp)
    }

    @Test("a long version is cut")
    func longVersion() async throws {
        let server = try LoopbackServer { request in
            let version = String(repeating: "9", count: 10_000)
            return request.target == "/metrics"
                ? .text("vllm:num_requests_running 1\n") : .json(#"{"version":"\#(version)"}"#)
        }
        defer { server.stop() }
        #expect(try await check(server).version?.count == 64)
    }

    @Test("what is missing besides is remarked")
    func remarks() async throws {
        let server = try LoopbackServer { request in
            request.target == "/metrics" ? .text("llamacpp:requests_processing 1\n") : .text("no", status: 501)
        }
        defer { server.stop() }
        let check = try await check(server)
        #expect(check.reading.isUp)
        #expect(check.remarks.contains { $0.contains("reporting no KV-cache usage") })
        #expect(check.version == nil)
    }

    @Test("why it can't be read stands in the reading, and only there")
    func problem() async throws {
        let server = try LoopbackServer(always: .text("no", status: 404))
        defer { server.stop() }
        let check = try await check(server)
        #expect(check.reading.problem?.hasPrefix("the answer is HTTP 404 (engines serve /metrics") == true)
        #expect(check.remarks.isEmpty)
        #expect(server.requests.map(\.target) == ["/metrics"])
    }

    @Test("a URL that can't be used is a problem, without its password")
    func unusable() async throws {
        let check = await EngineTarget(url: try #require(URL(string: "ftp://me:s3cret@host/"))).check()
        #expect(!check.reading.isUp)
        let problem = try #require(check.reading.problem)
        #expect(problem.contains("it is not polled") && !problem.contains("s3cret"))
    }
}
