import GenAISupport
import TestSupport
import Testing

@testable import EnginePoller

@Suite("From samples to figures", .blocking)
struct EnginePageTests {
    private func read(_ text: String) -> EnginePage? { EnginePage(Array(text.utf8)) }

    private func figures(_ text: String) -> ModelReading? { read(text)?.models.first }

    @Test("a page of no known engine is none")
    func unknown() {
        #expect(read("") == nil)
        #expect(read("process_open_fds 64\nnum_requests_running 5\nvllm 1\nmy_vllm:num_requests_running 1\n") == nil)
        #expect(read("<html>vllm:num_requests_running 4</html>") == nil)
    }

    @Test("an engine that has no figures yet is recognised by its other metrics, or by their types alone")
    func noFigures() throws {
        for text in ["vllm:cache_config_info{block_size=\"16\"} 1\n", "# TYPE vllm:num_requests_running gauge\n"] {
            let page = try #require(read(text))
            #expect(page.engine.name == "vllm")
            #expect(page.models.isEmpty)
        }
    }

    @Test("where a page has the marks of two engines, the one with figures counts")
    func twoEngines() {
        let text = "vllm:cache_config_info 1\nsglang:num_running_reqs{model_name=\"m\"} 2\n"
        #expect(read(text)?.engine.name == "sglang")
        #expect(read(text)?.models == [ModelReading(model: "m", requestsRunning: 2)])
    }

    @Test("models are kept apart, in the order of the page")
    func models() {
        let text = """
            vllm:num_requests_running{model_name="b"} 1
            vllm:num_requests_running{model_name="a"} 2
            vllm:num_requests_waiting{model_name="b"} 3
            """
        #expect(
            read(text)?.models == [
                ModelReading(model: "b", requestsRunning: 1, requestsWaiting: 3),
                ModelReading(model: "a", requestsRunning: 2),
            ]
        )
    }

    @Test("a model's name is handed on unescaped")
    func modelName() {
        #expect(figures(#"vllm:num_requests_running{model_name="Org/Model-\"q\""} 1"#)?.model == #"Org/Model-"q""#)
    }

    @Test("counts out of range are mended, and sums saturate")
    func counts() {
        func running(_ values: String...) -> Int? {
            let lines = values.enumerated().map { "vllm:num_requests_running{engine=\"\($0)\"} \($1)" }
            return figures(lines.joined(separator: "\n"))?.requestsRunning
        }
        #expect(running("-3") == 0)
        #expect(running("2.6") == 3)
        #expect(running("1e300") == .max)
        #expect(running("9.3e18", "9.3e18", "1") == .max)
        #expect(running("nan") == nil)
        #expect(running("nan", "4") == 4)
    }

    @Test("usage is in percent and clamped")
    func usage() {
        func usage(_ value: String) -> Double? { figures("vllm:kv_cache_usage_perc \(value)")?.kvCacheUsage }
        #expect(usage("0.5") == 50)
        #expect(usage("1.0000001") == 100)
        #expect(usage("1e308") == 100)
        #expect(usage("-0.1") == 0)
        #expect(usage("+Inf") == nil)
    }

    @Test("TGI's reservation is unknown without a limit to measure it by")
    func quotient() {
        func usage(_ limit: String) -> Double? {
            figures("tgi_queue_size 0\ntgi_batch_current_max_tokens 512\n\(limit)")?.kvCacheUsage
        }
        #expect(usage("tgi_batch_max_total_tokens 1024") == 50)
        #expect(usage("tgi_batch_max_total_tokens 0") == nil)
        #expect(usage("tgi_batch_max_total_tokens -1") == nil)
        #expect(usage("") == nil)
        #expect(figures("tgi_batch_max_total_tokens 1e-300\ntgi_batch_current_max_tokens 1e300")?.kvCacheUsage == 100)
    }

    @Test("a series that is there twice is not two replicas")
    func duplicates() {
        let line = "vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 4\n"
        #expect(figures(line + line)?.requestsRunning == 4)
    }

    @Test("a page of one metric in forty thousand series is read in good time")
    func hostile() throws {
        let models = (0..<20_000).map { "vllm:num_requests_running{model_name=\"\($0)\"} 1\n" }.joined()
        let replicas = (0..<20_000).map { "vllm:num_requests_running{engine=\"\($0)\"} 1\n" }.joined()
        let page = try #require(read(models + replicas))
        #expect(page.models.count == 20_001)
        #expect(page.models.last?.requestsRunning == 20_000)
    }
}
