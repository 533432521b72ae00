import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import EnginePoller

@Suite("Polling one engine over HTTP", .blocking)
struct TargetPollingTests {
    private static let vLLMPage = "vllm:num_requests_running{model_name=\"m\"} 3\n"
    private static let llamaPage = "llamacpp:requests_processing 1\nllamacpp:requests_deferred 2\n"
    private static let slots = #"[{"n_ctx":100,"is_processing":true,"n_prompt_tokens":50}]"#

    /// What reads one engine and what it is made with. Polls take place when the test asks for them.
    private struct Bench {
        let target: TargetPoll
        let time = ManualTimeSource()
        let log = LogRecorder()

        init(
            _ url: String,
            timeout: Duration = .seconds(10),
            bearerToken: String? = nil,
            headers: [String: String] = [:]
        )
            throws
        {
            let url = try #require(URL(string: url))
            let target = EngineTarget(url: url, bearerToken: bearerToken, headers: headers)
            let request = try #require(TargetRequest.requests(for: [target]).requests.first)
            self.target = TargetPoll(request, engine: nil, timeout: timeout, time, log.log())
        }

        func poll(_ cancellation: Cancellation = Cancellation()) throws -> ServerReading {
            try #require(target.read(cancellation))
        }
    }

    @Test("a target without a path is asked for /metrics, politely")
    func request() throws {
        let server = try LoopbackServer(always: .text(Self.vLLMPage))
        defer { server.stop() }
        let bench = try Bench(server.url)
        defer { bench.target.close() }
        let reading = try bench.poll()
        let identity = ServerIdentity(engine: "vllm", address: "127.0.0.1", port: server.port)
        #expect(reading == ServerReading(server: identity, models: [ModelReading(model: "m", requestsRunning: 3)]))
        let request = try #require(server.requests.first)
        #expect(request.method == "GET")
        #expect(request.target == "/metrics")
        #expect(request.headers["user-agent"] == PackageInfo.userAgent)
        #expect(request.headers["authorization"] == nil)
        #expect(bench.log.lines(.info) == ["The engine at http://127.0.0.1:\(server.port)/metrics is vllm"])
        #expect(bench.log.lines(.warning).isEmpty)
    }

    @Test(
        "paths and queries are kept",
        arguments: [
            ("/v1/metrics", "/v1/metrics"), ("/", "/metrics"), ("/prometheus/metrics", "/prometheus/metrics"),
            ("?x=1", "/metrics?x=1"), ("/a%20b/metrics?x=%26", "/a%20b/metrics?x=%26"),
        ]
    )
    func paths(given: String, asked: String) throws {
        let server = try LoopbackServer(always: .text(Self.vLLMPage))
        defer { server.stop() }
        let bench = try Bench(server.url + given)
        defer { bench.target.close() }
        #expect(try bench.poll().isUp)
        #expect(server.requests.map(\.target) == [asked])
    }

    @Test("credentials go with every request and into no log line")
    func credentials() throws {
        let server = try LoopbackServer { request in
            request.target == "/metrics" ? .text(Self.llamaPage) : .response(401)
        }
        defer { server.stop() }
        let bench = try Bench(
            "http://me:s3cret@127.0.0.1:\(server.port)",
            bearerToken: "t0ken",
            headers: ["X-Key": "k3y"]
        )
        defer { bench.target.close() }
        #expect(try bench.poll().isUp)
        #expect(server.requests.map(\.target) == ["/metrics", "/props", "/slots", "/v1/models"])
        #expect(server.requests.allSatisfy { $0.headers["authorization"] == "Bearer t0ken" })
        #expect(server.requests.allSatisfy { $0.headers["x-key"] == "k3y" })
        server.stop()
        #expect(try bench.poll().isUp == false)
        let log = bench.log.messages.joined()
        #expect(bench.log.lines(.warning).count == 3)
        for secret in ["s3cret", "t0ken", "k3y", "bWU6"] { #expect(!log.contains(secret)) }
    }

    @Test("user info alone is Basic authorization")
    func basic() throws {
        let server = try LoopbackServer(always: .text(Self.vLLMPage))
        defer { server.stop() }
        let bench = try Bench("http://me:s3cret@127.0.0.1:\(server.port)")
        defer { bench.target.close() }
        #expect(try bench.poll().server.address == "127.0.0.1")
        #expect(server.requests.first?.headers["authorization"] == "Basic bWU6czNjcmV0")
    }

    @Test(
        "an answer that is no page of metrics is down, and the log says why",
        arguments: [
            (LoopbackAnswer.text("no", status: 500), "the answer is HTTP 500"),
            (.text("no", status: 401), "HTTP 401 (a bearer token"),
            (.text("no", status: 403), "HTTP 403 (a bearer token"),
            (.text("no", status: 404), "/v1/metrics"),
            (.json(#"{"error":"no"}"#, status: 501), "--metrics"),
            (.response(302, headers: ["Location": "/metrics/"]), "redirects are not followed"),
            (.text(""), "the answer is empty"),
            (.text("up 1\n"), "no metrics of a known engine"),
            (.json("[]"), "JSON"),
            (.text("<html>"), "web page"),
            (.close, "connection lost"), (.reset, "connection lost"),
            (.raw(Data("\u{16}\u{3}\r\n\r\n".utf8)), "connection lost"),
            (
                .raw(Data("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nvllm:num_requests_running 1".utf8)),
                "connection lost"
            ),
            (.flood, "larger than 4194304 bytes"),
            (.text("no", status: 400), "?model=NAME"),
            (.response(200, headers: ["Content-Encoding": "gzip"], body: Data([0x1F, 0x8B])), "a proxy compresses it"),
            (.text("http_request_duration_highr_seconds_count 3.0\n"), "--disable-log-stats"),
        ]
    )
    func failures(answer: LoopbackAnswer, reason: String) throws {
        let server = try LoopbackServer(always: answer)
        defer { server.stop() }
        let bench = try Bench(server.url)
        defer { bench.target.close() }
        let reading = try bench.poll()
        #expect(reading.withoutProblem == .down(ServerIdentity(engine: nil, address: "127.0.0.1", port: server.port)))
        #expect(reading.problem?.contains(reason) == true)
        let line = try #require(bench.log.lines(.warning).first)
        #expect(line.contains(reason))
        #expect(line.contains("http://127.0.0.1:\(server.port)/metrics can't be read"))
    }

    @Test("the hint is that of the engine that was last recognised")
    func hintOfEngine() throws {
        let page = Locked(LoopbackAnswer.text("sglang:num_running_reqs 1\n"))
        let server = try LoopbackServer { _ in page.withLock { $0 } }
        defer { server.stop() }
        let bench = try Bench(server.url)
        defer { bench.target.close() }
        #expect(try bench.poll().isUp)
        page.withLock { $0 = .text("no", status: 404) }
        #expect(try bench.poll().isUp == false)
        let hint = "(SGLang serves /metrics, and only if it is started with --enable-metrics)"
        #expect(bench.log.lines(.warning).first?.hasSuffix("HTTP 404 \(hint)") == true)
    }

    @Test("a page whose Content-Encoding is none is read", arguments: ["none", "utf-8", "", "identity"])
    func notEncoded(coding: String) throws {
        let answer = LoopbackAnswer.response(
            200,
            headers: ["Content-Encoding": coding],
            body: Data(Self.vLLMPage.utf8)
        )
        let server = try LoopbackServer(always: answer)
        defer { server.stop() }
        let bench = try Bench(server.url)
        defer { bench.target.close() }
        #expect(try bench.poll().models.first?.requestsRunning == 3)
    }

    @Test("a page that is redirected to the same host is read, and what is beside it is asked beside it")
    func redirected() throws {
        let server = try LoopbackServer { request in
            switch request.target {
            case "/llama/metrics": .response(307, headers: ["Location": "/llama/metrics/"])
            case "/llama/metrics/": .text(Self.llamaPage)
            case "/llama/slots": .json(Self.slots)
            case "/llama/v1/models": .json(#"{"data":[{"id":"tiny"}]}"#)
            default: .response(404)
            }
        }
        defer { server.stop() }
        let bench = try Bench(server.url + "/llama/metrics")
        defer { bench.target.close() }
        let model = try #require(try bench.poll().models.first)
        #expect(model.model == "tiny" && model.kvCacheUsage == 50 && model.requestsMax == 1)
        #expect(bench.log.lines(.warning).isEmpty)
    }

    @Test("nobody listening is down")
    func refused() throws {
        let bench = try Bench(RefusedPort.url)
        #expect(try bench.poll().isUp == false)
        #expect(bench.log.lines(.warning).first?.contains("connection refused (is the engine started") == true)
    }

    @Test("one deadline holds for the whole poll, against a server that hangs or drips")
    func deadline() throws {
        for answer in [LoopbackAnswer.hang, .drip(interval: .milliseconds(5))] {
            let server = try LoopbackServer(always: answer)
            defer { server.stop() }
            let bench = try Bench(server.url, timeout: .milliseconds(150))
            defer { bench.target.close() }
            #expect(try bench.poll().isUp == false)
            #expect(bench.log.lines(.warning).first?.contains("timed out") == true)
        }
    }

    @Test("a poll that is cancelled has no reading and logs nothing")
    func cancelled() throws {
        let cancellation = Cancellation()
        let server = try LoopbackServer { _ in
            cancellation.cancel()
            return .hang
        }
        defer { server.stop() }
        let bench = try Bench(server.url)
        defer { bench.target.close() }
        #expect(bench.target.read(cancellation) == nil)
        #expect(bench.log.lines.isEmpty)
    }

    @Test("down keeps the engine that was last seen; a repeated failure is logged once, and its end too")
    func recovery() throws {
        let page = Locked(LoopbackAnswer.text(Self.vLLMPage))
        let server = try LoopbackServer { _ in page.withLock { $0 } }
        defer { server.stop() }
        let bench = try Bench(server.url)
        defer { bench.target.close() }
        #expect(try bench.poll().isUp)
        page.withLock { $0 = .text("", status: 500) }
        for _ in 0..<3 {
            let identity = ServerIdentity(engine: "vllm", address: "127.0.0.1", port: server.port)
            #expect(try bench.poll().withoutProblem == .down(identity))
        }
        #expect(bench.log.lines(.warning).count == 1)
        bench.time.advance(by: .seconds(60))
        #expect(try bench.poll().isUp == false)
        #expect(bench.log.lines(.warning).count == 2)
        page.withLock { $0 = .text("sglang:num_running_reqs 1\n") }
        #expect(try bench.poll().server.engine == "sglang")
        let info = bench.log.lines(.info)
        #expect(info.count == 3)
        #expect(info[1].hasSuffix("is sglang"))
        #expect(info[2].contains("can be read again (after 4 failures)"))
    }

    // MARK: - Extra requests

    @Test("llama.cpp: slots every time, the model's name once a minute")
    func llamaDetails() throws {
        let server = try LoopbackServer { request in
            switch request.target {
            case "/metrics": .text(Self.llamaPage)
            case "/slots": .json(Self.slots)
            default: .json(#"{"data":[{"id":"tiny"}]}"#)
            }
        }
        defer { server.stop() }
        let bench = try Bench(server.url)
        defer { bench.target.close() }
        let expected = ModelReading(
            model: "tiny",
            kvCacheUsage: 50,
            requestsRunning: 1,
            requestsWaiting: 2,
            requestsMax: 1
        )
        for _ in 0..<3 { #expect(try bench.poll().models.map(\.gauges) == [expected]) }
        #expect(server.requests.count { $0.target == "/slots" } == 3)
        #expect(server.requests.count { $0.target == "/v1/models" } == 1)
        bench.time.advance(by: .seconds(60))
        #expect(try bench.poll().models.map(\.gauges) == [expected])
        #expect(server.requests.count { $0.target == "/v1/models" } == 2)
        #expect(bench.log.lines(.warning).isEmpty)
    }

    @Test("what is refused costs its own figures, one warning and one request a minute", arguments: [401, 404, 501])
    func refusedDetails(status: Int) throws {
        let server = try LoopbackServer { $0.target == "/metrics" ? .text(Self.llamaPage) : .response(status) }
        defer { server.stop() }
        let bench = try Bench(server.url)
        defer { bench.target.close() }
        let expected = ModelReading(model: nil, requestsRunning: 1, requestsWaiting: 2)
        for _ in 0..<3 { #expect(try bench.poll().models == [expected]) }
        #expect(server.requests.count { $0.target == "/slots" } == 1)
        bench.time.advance(by: .seconds(60))
        #expect(try bench.poll().models == [expected])
        #expect(server.requests.count { $0.target == "/slots" } == 2)
        #expect(server.requests.count { $0.target == "/v1/models" } == 2)
        let warnings = bench.log.lines(.warning)
        #expect(warnings.count == 2)
        #expect(warnings[0].contains("/slots: the answer is HTTP \(status)"))
        #expect(warnings[0].contains("; reporting no KV-cache usage"))
    }

    @Test("slots that do not answer cost their own figures and are asked for again")
    func lostDetail() throws {
        let server = try LoopbackServer { $0.target == "/metrics" ? .text(Self.llamaPage) : .close }
        defer { server.stop() }
        let bench = try Bench(server.url)
        defer { bench.target.close() }
        var asked = 0
        for _ in 0..<2 {
            #expect(try bench.poll().models == [ModelReading(model: nil, requestsRunning: 1, requestsWaiting: 2)])
            // libcurl tries again by itself when a kept connection is closed.
            let count = server.requests.count { $0.target == "/slots" }
            #expect(count > asked)
            asked = count
        }
        #expect(bench.log.lines(.warning).first?.contains("/slots: connection lost") == true)
    }

    @Test("slots that hang do not cost the poll its reading")
    func hangingDetail() throws {
        let server = try LoopbackServer { $0.target == "/metrics" ? .text(Self.llamaPage) : .hang }
        defer { server.stop() }
        let bench = try Bench(server.url, timeout: .seconds(3))
        defer { bench.target.close() }
        #expect(try bench.poll().models == [ModelReading(model: nil, requestsRunning: 1, requestsWaiting: 2)])
    }

    @Test("after a failure everything is asked for anew: another model may be served")
    func forgotten() throws {
        let isUp = Locked(true)
        let server = try LoopbackServer { request in
            guard isUp.withLock({ $0 }) else { return .close }
            if request.target == "/info" { return .json(#"{"model_id":"m","max_concurrent_requests":8}"#) }
            return .text("tgi_batch_current_size 1\n")
        }
        defer { server.stop() }
        let bench = try Bench(server.url)
        defer { bench.target.close() }
        #expect(try bench.poll().models == [ModelReading(model: "m", requestsRunning: 1, requestsMax: 8)])
        isUp.withLock { $0 = false }
        #expect(try bench.poll().isUp == false)
        isUp.withLock { $0 = true }
        #expect(try bench.poll().models == [ModelReading(model: "m", requestsRunning: 1, requestsMax: 8)])
        #expect(server.requests.count { $0.target == "/info" } == 2)
    }

    @Test("a page that ends in a slash: the rest is asked for beside it, not at the root")
    func slash() throws {
        let server = try LoopbackServer { request in
            switch request.target {
            case "/llama/metrics/": .text(Self.llamaPage)
            case "/llama/slots": .json(#"[{"id":0,"n_ctx":4096,"is_processing":true,"n_prompt_tokens":1024}]"#)
            case "/llama/v1/models": .json(#"{"data":[{"id":"tiny"}]}"#)
            default: .response(404)
            }
        }
        defer { server.stop() }
        let bench = try Bench(server.url + "/llama/metrics/")
        defer { bench.target.close() }
        let model = try #require(try bench.poll().models.first)
        #expect(model.model == "tiny" && model.kvCacheUsage == 25 && model.requestsMax == 1)
        #expect(bench.log.lines(.warning).isEmpty)
    }

    @Test("a llama.cpp router is asked about one model on every path, and not for its list")
    func router() throws {
        let server = try LoopbackServer { request in
            request.target.hasPrefix("/llm/metrics") ? .text(Self.llamaPage) : .json(Self.slots)
        }
        defer { server.stop() }
        let bench = try Bench(server.url + "/llm/metrics?model=a%2Fb&autoload=false")
        defer { bench.target.close() }
        #expect(try bench.poll().models.map(\.model) == ["a/b"])
        #expect(
            server.requests.map(\.target) == [
                "/llm/metrics?model=a%2Fb&autoload=false", "/llm/props?model=a%2Fb&autoload=false",
                "/llm/slots?model=a%2Fb&autoload=false",
            ]
        )
    }
}
