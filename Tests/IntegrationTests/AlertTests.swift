import Foundation
import TestSupport
import Testing

@Suite("The Prometheus alerts, each seen to fire and to clear", .serialized, .blocking)
struct AlertTests {
    /// A server with two simulated engines and a Prometheus with the documented alerts, which fire after a second.
    private struct Setting {
        let prometheus: Prometheus
        let engines: SimulatedEngines
        let feed: Feed
        let probe: TrafficProbe
        let gpus: FakeNVML

        /// The values of the labels of the alerts that fire.
        func firing(_ alert: String, by label: String) -> Set<String> {
            let expression = "ALERTS{alertname=\"\(alert)\", alertstate=\"firing\"}"
            return Set(((try? prometheus.query(expression, by: label)) ?? [:]).keys)
        }

        /// The summaries of the alerts of this name that fire or are about to.
        func summaries(_ alert: String) throws -> Set<String> { try prometheus.summaries(alert) }

        /// Waits until the alert fires for exactly these values of a label, doing something again and again meanwhile.
        func expect(
            _ alert: String,
            by label: String,
            firesFor values: Set<String>,
            within limit: Duration = .seconds(40),
            while action: () throws -> Void = {},
            at location: SourceLocation = #_sourceLocation
        ) {
            let isSo = eventually(within: limit) {
                try? action()
                return firing(alert, by: label) == values
            }
            #expect(isSo, "\(alert) fires for \(firing(alert, by: label))", sourceLocation: location)
        }
    }

    private func withSetting(
        _ feed: Feed = .pushed,
        ollamaIsUp: Bool = true,
        engineIsUp: Bool = true,
        _ body: (Setting) throws -> Void
    ) throws {
        let engines = try SimulatedEngines(ollamaIsUp: ollamaIsUp, engineIsUp: engineIsUp)
        defer { engines.stop() }
        let folder = try TestSupport.TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let gpus = try FakeNVML(2, in: folder)
        if feed == .pushed {
            let prometheus = try Self.prometheus()
            defer { prometheus.process.stop() }
            let probe = try TrafficProbe(exportingTo: prometheus.otlpEndpoint, polling: engines, gpus: gpus)
            defer { probe.stop() }
            try body(Setting(prometheus: prometheus, engines: engines, feed: feed, probe: probe, gpus: gpus))
        } else {
            let probe = try TrafficProbe(polling: engines, gpus: gpus)
            defer { probe.stop() }
            let prometheus = try Self.prometheus(scraping: probe)
            defer { prometheus.process.stop() }
            try body(Setting(prometheus: prometheus, engines: engines, feed: feed, probe: probe, gpus: gpus))
        }
    }

    /// - Parameter probe: what it scrapes; without, it receives OTLP.
    private static func prometheus(scraping probe: TrafficProbe? = nil) throws -> Prometheus {
        var configuration = try Documentation.prometheusConfiguration(
            probe == nil ? "prometheus-otlp.yml" : "prometheus-scrape.yml"
        )
        if let probe {
            configuration.replace("server-1.internal:8080", with: probe.target)
            configuration.replace(/\n *- server-2.internal:8080/, with: { _ in "" })
        }
        // What was pushed is gone after three seconds instead of five minutes.
        return try Prometheus(
            configuration: configuration,
            files: Documentation.rules(holdingFor: "1s"),
            arguments: ["--query.lookback-delta=3s"]
        )
    }

    @Test(
        "KV cache above 90 %: the model's server and the model, and never Ollama's share of the GPU memory",
        Program.areThere(.prometheus),
        arguments: [Feed.scraped, .pushed]
    )
    func kvCache(feed: Feed) throws {
        try withSetting(feed) { setting in
            // The simulated Ollama says 93.75 %.
            let isMeasured = eventually {
                (try? setting.prometheus.query("gen_ai_server_models_loaded", by: "engine")) == ["ollama": 1]
            }
            #expect(isMeasured)
            try setting.probe.setGauges("kv.llama=90.5&kv.gpt-4=90")
            setting.expect("GenAIServerKVCacheNearlyFull", by: "model", firesFor: ["llama"])
            let summary = "llm-server: the KV cache of llama is 90 % full"
            #expect(try setting.summaries("GenAIServerKVCacheNearlyFull") == [summary])
            try setting.probe.setGauges("kv.llama=90")
            setting.expect("GenAIServerKVCacheNearlyFull", by: "model", firesFor: [])
        }
    }

    @Test(
        "GPUs: too hot, memory nearly full, errors of the memory, lost; each the one that it is, and again when it is well",
        Program.areThere(.prometheus),
        arguments: [Feed.scraped, .pushed]
    )
    func gpus(feed: Feed) throws {
        try withSetting(feed) { setting in
            let isMeasured = eventually(within: .seconds(20)) {
                let query = #"{__name__=~"hw_errors|hw_errors_total", error_type="uncorrected"}"#
                return (try? setting.prometheus.query(query, by: "hw_id").count) == 2
            }
            #expect(isMeasured)
            let gpu = FakeNVML.uuid(1)
            for (alert, slot, bad, good) in [
                ("GenAIServerGPUHot", .temperature, 91, 90),
                ("GenAIServerGPUMemoryNearlyFull", .used, 77 << 30, 76 << 30),
                ("GenAIServerGPULost", .powerCode, 15, 15),
                ("GenAIServerGPUErrors", .uncorrected, 1, 1),
            ] as [(String, FakeNVML.Slot, UInt64, UInt64)] {
                setting.expect(alert, by: "hw_id", firesFor: [])
                if slot == .uncorrected {
                    // It is found again, and its counter goes on.
                    setting.gpus.set(.powerCode, of: 1, to: 0)
                    setting.expect("GenAIServerGPULost", by: "hw_id", firesFor: [], within: .seconds(70))
                }
                setting.gpus.set(slot, of: 1, to: bad)
                setting.expect(alert, by: "hw_id", firesFor: [gpu])
                setting.gpus.set(slot, of: 1, to: good)
                if good != bad { setting.expect(alert, by: "hw_id", firesFor: []) }
            }
        }
    }

    @Test("more than 50 requests wait", Program.areThere(.prometheus))
    func queue() throws {
        try withSetting { setting in
            try setting.probe.setGauges("waiting=51")
            setting.expect("GenAIServerQueueLong", by: "job", firesFor: ["llm-server"])
            #expect(try setting.summaries("GenAIServerQueueLong") == ["llm-server: 51 requests wait"])
            try setting.probe.setGauges("waiting=50")
            setting.expect("GenAIServerQueueLong", by: "job", firesFor: [])
        }
    }

    @Test(
        "an engine is down, also one that was never up, which has no name; likewise an Ollama that was configured",
        Program.areThere(.prometheus)
    )
    func engineDown() throws {
        try withSetting(ollamaIsUp: false, engineIsUp: false) { setting in
            let engine = "\(setting.engines.enginePort)"
            let ollama = "\(setting.engines.ollamaPort)"
            setting.expect("GenAIServerEngineDown", by: "server_port", firesFor: [engine, ollama])
            let ollamaIsDown = "llm-server: the engine ollama at 127.0.0.1:\(ollama) is down"
            let nameless = try setting.summaries("GenAIServerEngineDown")
            #expect(nameless == ["llm-server: the engine at 127.0.0.1:\(engine) is down", ollamaIsDown])
            setting.engines.setUp(ollama: true, engine: true)
            setting.expect("GenAIServerEngineDown", by: "server_port", firesFor: [])
            setting.engines.setUp(ollama: false, engine: false)
            setting.expect("GenAIServerEngineDown", by: "server_port", firesFor: [engine, ollama])
            let named = try setting.summaries("GenAIServerEngineDown")
            #expect(named == ["llm-server: the engine tensorrt-llm at 127.0.0.1:\(engine) is down", ollamaIsDown])
            setting.engines.setUp(ollama: true, engine: true)
            setting.expect("GenAIServerEngineDown", by: "server_port", firesFor: [])
        }
    }

    @Test(
        "a service reports no longer, or none ever did; a job that ends after a while is no service",
        Program.areThere(.prometheus)
    )
    func absent() throws {
        try withSetting { setting in
            let alert = "GenAIServerMetricsAbsent"
            setting.expect(alert, by: "job", firesFor: [])
            let other = try TrafficProbe(service: "other", exportingTo: setting.prometheus.otlpEndpoint)
            defer { other.stop() }
            let areBothThere = eventually {
                (try? setting.prometheus.query("gen_ai_server_requests_running{server_address=\"\"}", by: "job").count)
                    == 2
            }
            #expect(areBothThere)
            let batch = try TrafficProbe(service: "batch", exportingTo: setting.prometheus.otlpEndpoint)
            func reported(_ job: String) throws -> Double {
                let series = "gen_ai_server_requests_running{server_address=\"\", job=\"\(job)\"}"
                let values = try setting.prometheus.query("count_over_time((count(\(series)))[30s:1s])", by: "job")
                return values[""] ?? 0
            }
            #expect(eventually { (try? reported("batch") > 0) == true })
            batch.killAtOnce()
            #expect(eventually(within: .seconds(30)) { (try? reported("other") > 13) == true })
            other.killAtOnce()
            setting.expect(alert, by: "job", firesFor: ["other"])
            #expect(try setting.summaries(alert) == ["other: no server reports metrics"])
            #expect(try (1...9).contains(reported("batch")), "it was there, and for less than the alert wants")
            let back = try TrafficProbe(service: "other", exportingTo: setting.prometheus.otlpEndpoint)
            defer { back.stop() }
            setting.expect(alert, by: "job", firesFor: [])
        }
        let prometheus = try Self.prometheus()
        defer { prometheus.process.stop() }
        let expression = "ALERTS{alertname=\"GenAIServerMetricsAbsent\", alertstate=\"firing\"}"
        #expect(eventually(within: .seconds(20)) { (try? prometheus.query(expression, by: "job")) == ["": 1] })
        let probe = try TrafficProbe(exportingTo: prometheus.otlpEndpoint)
        defer { probe.stop() }
        #expect(eventually(within: .seconds(20)) { (try? prometheus.query(expression, by: "job")) == [:] })
    }

    @Test("more than a twentieth of the requests fail", Program.areThere(.prometheus))
    func errorRatio() throws {
        try withSetting { setting in
            let alert = "GenAIServerErrorRatioHigh"
            setting.expect(alert, by: "job", firesFor: ["llm-server"]) {
                try setting.probe.serveRequests(succeeded: 5, failed: 1)
            }
            setting.expect(alert, by: "job", firesFor: []) { try setting.probe.serveRequests(succeeded: 500) }
        }
    }

    @Test(
        "the budget of an objective burns fast, then slowly, then not; clients that have gone burn nothing",
        Program.areThere(.prometheus)
    )
    func objective() throws {
        try withSetting { setting in
            let (fast, slow) = ("GenAIServerObjectiveBurnsFast", "GenAIServerObjectiveBurnsSlowly")
            let label = "gen_ai_server_objective"
            try setting.probe.serveRequests(succeeded: 1)
            try setting.probe.serveRequests(succeeded: 0, failed: 500, error: "client_gone")
            let haveArrived = eventually(within: .seconds(20)) {
                let query = #"gen_ai_requests_total{error_type="client_gone"}"#
                return (try? setting.prometheus.query(query, by: "error_type")) == ["client_gone": 500]
            }
            #expect(haveArrived)
            #expect(setting.firing(fast, by: label).isEmpty && setting.firing(slow, by: label).isEmpty)
            setting.expect(fast, by: label, firesFor: ["interactive"]) {
                try setting.probe.serveRequests(succeeded: 3, failed: 1)
            }
            setting.expect(slow, by: label, firesFor: ["interactive"])
            #expect(try setting.summaries(fast).allSatisfy { $0.contains("miss the objective interactive") })
            setting.expect(fast, by: label, firesFor: []) {
                try setting.probe.serveRequests(succeeded: 9, failed: 1)
            }
            #expect(setting.firing(slow, by: label) == ["interactive"])
            setting.expect(slow, by: label, firesFor: []) { try setting.probe.serveRequests(succeeded: 500) }
        }
    }

    @Test(
        "conditions that take a quarter of an hour, asked of made series: who fires, and who comes near it",
        Program.areThere(.prometheus)
    )
    func conditions() throws {
        let prometheus = try Prometheus(
            configuration: Documentation.prometheusConfiguration("prometheus-otlp.yml"),
            files: Documentation.rules(holdingFor: "1s"),
            arguments: ["--web.console.templates=\(Documentation.path("prometheus/consoles"))"]
        )
        defer { prometheus.process.stop() }
        let engine = ["server.address": "10.0.0.1", "server.port": "8000"]
        let polled = engine.merging(["engine": "vllm", "model": "llama"]) { $1 }
        let counted = engine.merging(["gen_ai.provider.name": "vllm", "gen_ai.request.model": "llama"]) { $1 }
        let output = counted.merging(["gen_ai.token.type": "output"]) { $1 }

        func capacity(_ job: String, running: Double, waiting: Double, max: Double?, _ labels: [String: String] = [:]) {
            made[job, default: []] += [
                .gauge("gen_ai.server.requests.running", labels) { _ in running },
                .gauge("gen_ai.server.requests.waiting", labels) { _ in waiting },
            ]
            if let max { made[job]?.append(.gauge("gen_ai.server.requests.max", labels) { _ in max }) }
        }
        var made: [String: [MadeSeries]] = [:]
        capacity("full", running: 8, waiting: 3, max: 8)
        capacity("full-engine", running: 19, waiting: 1, max: 20, polled)
        capacity("busy", running: 8, waiting: 0, max: 8)
        capacity("roomy", running: 7, waiting: 3, max: 8)
        capacity("boundless", running: 8, waiting: 3, max: nil)

        func generation(_ job: String, running: @escaping (Double) -> Double, tokens: @escaping (Double) -> Double) {
            made[job] = [
                .gauge("gen_ai.server.requests.running", polled, running),
                .sum("gen_ai.server.tokens", "{token}", output, tokens),
            ]
        }
        // By seconds; now it is 1 500.
        generation("stuck", running: { _ in 3 }, tokens: { 100 + min($0, 300) })
        generation("at-work", running: { _ in 3 }, tokens: { 100 + $0 })
        generation("without-work", running: { _ in 0 }, tokens: { _ in 500 })
        generation("idle-in-between", running: { (1000...1060).contains($0) ? 0 : 1 }, tokens: { _ in 500 })
        generation("embeddings", running: { _ in 3 }, tokens: { _ in 0 })

        for (job, preemptions) in [("preempts", 0.3), ("preempts-rarely", 0.15)] {
            made[job] = [
                .sum("gen_ai.server.preemptions", "{preemption}", counted) { $0 * preemptions },
                .sum("gen_ai.requests", "{request}", counted) { $0 * 2 },
            ]
        }
        func exported(_ job: String, failed: @escaping (Double) -> Double) {
            let name = "otel.sdk.exporter.metric_data_point.exported"
            made[job] = [
                .sum(name, "{data_point}", [:]) { 50 * $0 },
                .sum(name, "{data_point}", ["error.type": "413"], failed),
            ]
        }
        exported("loses", failed: { $0 })
        exported("lost-once", failed: { min($0, 60) })
        made["down"] = [.gauge("gen_ai.server.up", polled) { _ in 0 }]
        let (running, kv) = ("gen_ai.server.requests.running", "gen_ai.server.kv_cache.usage")
        made["overflows"] = [.gauge(kv, unit: "%", ["otel.metric.overflow": "true"]) { _ in 50 }]
        made["named-so"] = [
            .gauge(kv, unit: "%", ["model": "otel.metric.overflow"]) { _ in 50 }, .gauge(running) { _ in 1 },
        ]

        let now = Date().timeIntervalSince1970
        try MadeSeries.push(made, to: prometheus.otlpEndpoint, until: now, seconds: 1500)
        func firing(_ alert: String) throws -> Set<String> {
            try Set(prometheus.query(prometheus.condition(of: alert), by: "job", at: now).keys)
        }
        #expect(try firing("GenAIServerCapacityFull") == ["full", "full-engine"])
        #expect(try firing("GenAIServerEngineStuck") == ["stuck"])
        #expect(try firing("GenAIServerPreemptionsHigh") == ["preempts"])
        #expect(try firing("GenAIServerExportLosesPoints") == ["loses"])
        #expect(try firing("GenAIServerSeriesOverflow") == ["overflows"])
        #expect(try firing("GenAIServerEngineDown") == ["down"])
        let others = ["QueueLong", "KVCacheNearlyFull", "GPUHot"].map { "GenAIServer" + $0 }
        #expect(try others.filter { try !firing($0).isEmpty } == [])

        let summaries = [
            ("EngineDown", "down", "the engine vllm at 10.0.0.1:8000 is down"),
            ("EngineStuck", "stuck", "the engine vllm at 10.0.0.1:8000 runs 3 requests and makes no tokens"),
            ("CapacityFull", "full", "100% of the capacity is in use, and requests wait"),
            ("CapacityFull", "full-engine", "95% of the capacity is in use for llama (vllm), and requests wait"),
            ("ExportLosesPoints", "loses", "metrics are lost (413)"),
            ("PreemptionsHigh", "preempts", "vllm preempts 15% of the requests for llama"),
            ("SeriesOverflow", "overflows", "the cardinality limit is reached, and new models share one series"),
        ]
        for (alert, job, summary) in summaries {
            var found: Set<String> = []
            let isSo = eventually(within: .seconds(20)) {
                found = (try? prometheus.summaries("GenAIServer\(alert)", of: job)) ?? []
                return found == ["\(job): \(summary)"]
            }
            #expect(isSo, "\(alert): \(found)")
        }

        // The console lists them, the critical ones first.
        let listed = summaries.enumerated().map { index, alert in
            ["GenAIServer\(alert.0)", index < 2 ? "critical" : "warning", alert.1]
        }
        var console = try ConsolePage(prometheus)
        let areListed = eventually(within: .seconds(20)) {
            guard let page = try? ConsolePage(prometheus) else { return false }
            console = page
            return page.rows("alerts") == listed
        }
        #expect(areListed, "\(console.rows("alerts"))")
        let down = console.rows("engines")
        #expect(down.map { Array($0.prefix(3)) } == [["vllm 10.0.0.1:8000", "down", "down"]], "\(down)")
    }

    @Test("Prometheus evaluates every rule of the files as they are", Program.areThere(.prometheus))
    func rules() throws {
        let prometheus = try Prometheus(
            configuration: Documentation.prometheusConfiguration("prometheus-otlp.yml"),
            files: Documentation.rules()
        )
        defer { prometheus.process.stop() }
        struct Answer: Decodable {
            struct Rule: Decodable {
                var name: String
                var health: String
                var duration: Double?
                var labels: [String: String]?
                var annotations: [String: String]?
            }
            struct Group: Decodable { var rules: [Rule] }
            struct Groups: Decodable { var groups: [Group] }
            var data: Groups
        }
        func rules() throws -> [Answer.Rule] {
            let answer = try JSONDecoder().decode(Answer.self, from: Data(prometheus.get("/api/v1/rules").body))
            return answer.data.groups.flatMap(\.rules)
        }
        #expect(eventually(within: .seconds(20)) { (try? rules().allSatisfy { $0.health == "ok" }) == true })
        let alerts = try rules().filter { $0.duration != nil }
        #expect(alerts.count == 16)
        for alert in alerts {
            #expect(alert.duration ?? 0 >= 60, "\(alert.name)")
            #expect(["warning", "critical"].contains(alert.labels?["severity"]), "\(alert.name)")
            #expect(alert.annotations?["summary"] != nil && alert.annotations?["description"] != nil, "\(alert.name)")
            // A random number of a process tells nobody anything.
            #expect(alert.annotations?["summary"]?.contains("$labels.job") == true, "\(alert.name)")
            #expect(alert.annotations?["summary"]?.contains("$labels.instance") == false, "\(alert.name)")
            #expect(
                alert.annotations?["runbook_url"]?.hasSuffix("#\(alert.name.lowercased())") == true,
                "\(alert.name)"
            )
        }
    }
}
