import Foundation
import GenAISupport
import TestSupport
import Testing

/// A way for metrics to come into Prometheus, and with it the names that they have there.
enum Feed: String, CaseIterable, Sendable {
    /// `/metrics` is scraped.
    case scraped
    /// Over OTLP, through a sidecar and a gateway: names with suffixes for the unit.
    case pushed
    /// Likewise, and the recording rules add the plain names.
    case pushedAndRecorded
    /// No suffix at all, as Prometheus 3.6 and later can name what it receives over OTLP. The one at hand may be older, so
    /// it scrapes, and its relabelling makes the names.
    case withoutSuffixes
}

@Suite("The Grafana dashboard, against a real Prometheus", .serialized, .blocking)
struct DashboardTests {
    @Test(
        "every variable and every query finds data, whichever way it came",
        Program.areThere(.prometheus, .collector),
        arguments: Feed.allCases
    )
    func dashboard(feed: Feed) throws {
        let engines = try SimulatedEngines()
        defer { engines.stop() }
        let folder = try TestSupport.TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let gpus = try FakeNVML(2, in: folder)
        gpus.set(.utilization, of: 1, to: 97)
        try withPrometheus(fedBy: feed, polling: engines, gpus) { prometheus, probes in
            try probes[0].setGauges("running=3&waiting=2&max=4&kv.llama=72.5&kv.gpt-4=12")
            // A server without a maximum has no part in the share of the capacity.
            try probes[1].setGauges("running=40&waiting=1&kv.llama=35")
            try serveRequests(probes, until: prometheus)
            try expectNames(feed, prometheus)
            try expectSums(prometheus)
            try expectTables(prometheus)
            try expectExporterHealth(feed, prometheus)
            try expectConsole(prometheus, engines)
            if feed == .scraped || feed == .pushedAndRecorded { try expectDocumentedQueries(prometheus) }
            try DashboardCheck.expectNoProblems(prometheus)
            #expect(prometheus.process.lines.filter { $0.contains("WARN") || $0.contains("ERROR") } == [])
        }
    }

    @Test(
        "an application alone: only what others tell finds nothing, and the check passes",
        Program.areThere(.prometheus)
    )
    func applicationAlone() throws {
        let probe = try TrafficProbe()
        defer { probe.stop() }
        let prometheus = try scraping(probe)
        defer { prometheus.process.stop() }
        try probe.setGauges("running=3&waiting=2&max=4&kv.llama=72.5")
        let requests = "count(rate(gen_ai_requests_total[1m]) > 0)"
        let areCounted = eventually(within: .seconds(60)) {
            try? probe.serveRequests(succeeded: 4, failed: 1)
            return (try? prometheus.query(requests, by: "job")[""]) == 2
        }
        #expect(areCounted)
        try DashboardCheck.expectNoProblems(prometheus, isComplete: false)
        let running = try prometheus.query(DashboardFile().query("Running", "A"), by: "job")
        #expect(running == ["": 3])
        let console = try ConsolePage(prometheus)
        #expect(console.rows("engines") == [["none is polled"]])
        #expect(console.rows("services").map { Array($0.prefix(4)) } == [["llm-server", "1", "3", "2"]])
    }

    @Test(
        "a gateway that has no requests of its own: its overview is that of the engines",
        Program.areThere(.prometheus)
    )
    func gateway() throws {
        let engines = try SimulatedEngines()
        defer { engines.stop() }
        let probe = try TrafficProbe(polling: engines)
        defer { probe.stop() }
        let prometheus = try scraping(probe)
        defer { prometheus.process.stop() }
        func value(_ panel: String, _ reference: String) throws -> Double? {
            try prometheus.query(DashboardFile().query(panel, reference), by: "job")[""]
        }
        let isRunning = eventually(within: .seconds(30)) { ((try? value("Running", "B")) ?? 0) > 0 }
        #expect(isRunning)
        #expect(try value("Running", "A") == nil)
        #expect(try value("Waiting", "A") == nil)
        #expect(try value("Waiting", "B") == 1)
        #expect(try value("Capacity in use", "A") == nil)
        #expect(try value("Capacity in use", "B") == 25)
        // An own request, and the application is there beside them.
        try probe.serveRequests(succeeded: 1)
        #expect(eventually(within: .seconds(30)) { (try? value("Running", "A")) == 0 })
    }

    /// A Prometheus with the documented configuration that scrapes one server.
    private func scraping(_ probe: TrafficProbe) throws -> Prometheus {
        let configuration = try Documentation.prometheusConfiguration("prometheus-scrape.yml")
            .replacing("server-1.internal:8080", with: probe.target)
            .replacing(/\n *- server-2.internal:8080/, with: "")
        return try Self.prometheus(configuration)
    }

    /// One that shows the documented console, too.
    private static func prometheus(_ configuration: String) throws -> Prometheus {
        try Prometheus(
            configuration: configuration,
            files: Documentation.rules(),
            arguments: ["--web.console.templates=\(Documentation.path("prometheus/consoles"))"]
        )
    }

    @Test("the dashboard is readable and complete in itself", Program.areThere(.prometheus))
    func file() throws { try DashboardCheck.expectNoProblems() }

    /// Lets requests end, a fifth of them with an error, until Prometheus has seen all of them and can compute rates.
    private func serveRequests(_ probes: [TrafficProbe], until prometheus: Prometheus) throws {
        let total = #"{__name__=~"gen_ai_requests(_total)?", server_address=""}"#
        var rounds = 0.0
        func serveRound() throws {
            for probe in probes { try probe.serveRequests(succeeded: 4, failed: 1) }
            rounds += 1
            let expected = ["": 8 * rounds, "Overloaded": 2 * rounds]
            let haveArrived = eventually(within: .seconds(60)) {
                (try? prometheus.query("sum by (error_type) (\(total))", by: "error_type")) == expected
            }
            #expect(haveArrived, "\(prometheus.process.lines.suffix(5))")
        }
        // The first round is where counting begins, the second is what a rate can be computed from.
        try serveRound()
        try serveRound()
        let areMeasured = eventually(within: .seconds(60)) {
            (try? prometheus.query("gen_ai_server_models_loaded", by: "engine")) == ["ollama": 1]
                && (try? prometheus.query("gen_ai_server_requests_max", by: "engine"))?["tensorrt-llm"] == 20
        }
        #expect(areMeasured)
    }

    /// That the feed is what it says.
    private func expectNames(_ feed: Feed, _ prometheus: Prometheus) throws {
        func exists(_ metric: String) throws -> Bool { try !prometheus.query(metric).isEmpty }
        let isPushed = feed == .pushed || feed == .pushedAndRecorded
        #expect(try exists("gen_ai_server_kv_cache_usage_percent") == isPushed)
        // Rules are evaluated in their own time.
        #expect(eventually { (try? exists("gen_ai_server_kv_cache_usage")) == (feed != .pushed) })
        #expect(try exists("gen_ai_requests_total") == (feed != .withoutSuffixes))
        #expect(try exists("gen_ai_requests") == (feed == .withoutSuffixes))
    }

    /// What the panels show, with all chosen.
    private func expectSums(_ prometheus: Prometheus) throws {
        func expect(_ panel: String, _ reference: String, _ value: Double, label: String = "", is key: String = "")
            throws
        {
            let expression = try DashboardFile().query(panel, reference)
            let values = try prometheus.query(expression, by: label)
            // Rates are quotients: their sums may be off by the last digit.
            #expect(
                abs((values[key] ?? .nan) - value) < 1e-9 * max(value, 1),
                "\(panel): \(expression) gives \(values)"
            )
        }
        try expect("Servers", "A", 2)
        try expect("Engines up", "A", 3)
        try expect("Engines up", "B", 3)
        // Ollama's share of the GPU memory is higher, and is something else.
        try expect("Fullest KV cache", "A", 72.5)
        try expect("Capacity in use", "A", 75)
        try expect("Running", "A", 43)
        try expect("Waiting", "A", 3)
        try expect("KV-cache usage per model", "A", 72.5, label: "model", is: "llama")
        try expect("KV-cache usage per model", "B", 62.5, label: "model", is: "mixtral")
        try expect("KV-cache usage per model", "B", 93.75, label: "model", is: "qwen:7b")
        try expect("Queue depth", "B", 1, label: "engine", is: "tensorrt-llm")
        try expect("Capacity utilisation", "A", 75, label: "job", is: "llm-server")
        try expect("Capacity utilisation", "B", 25, label: "engine", is: "tensorrt-llm")
        try expect("Throughput and running requests", "C", 43, label: "job", is: "llm-server")
        try expect("Throughput and running requests", "D", 5, label: "engine", is: "tensorrt-llm")
        try expect("GPU memory per model", "A", 8_053_063_680, label: "model", is: "qwen:7b")
        try expect("Prefix-cache hits", "A", 25, label: "gen_ai_request_model", is: "llama")
        try expect("Prefix-cache hits of the application", "A", 25, label: "gen_ai_request_model", is: "llama")
        // A fifth of the requests fails.
        let goodput = try prometheus.query(
            DashboardFile().query("Goodput", "A"),
            by: "gen_ai_server_objective"
        )
        #expect((75...85).contains(goodput["interactive"] ?? .nan))
        try expect("GPU utilisation", "A", 0.97, label: "hw_id", is: FakeNVML.uuid(1))
        try expect("GPU memory in use", "A", 0.25, label: "hw_id", is: FakeNVML.uuid(0))
        try expect("GPU temperature", "A", 60, label: "hw_id", is: FakeNVML.uuid(0))
        try expect("GPU power", "A", 300, label: "hw_id", is: FakeNVML.uuid(0))
        let failed = try #require(prometheus.query(DashboardFile().query("Failed", "A"), by: "job").first?.value)
        // What is extrapolated at both ends differs a little from series to series.
        #expect((15...25).contains(failed))
    }

    /// The tables, and what is shown for a single model: each figure stands in the line that it belongs to.
    private func expectTables(_ prometheus: Prometheus) throws {
        func column(_ panel: String, _ reference: String, by label: String) throws -> [String: Double] {
            try prometheus.query(DashboardFile().query(panel, reference), by: label)
        }
        let servers = try column("Servers side by side", "A", by: "instance")
        #expect(servers.values.sorted() == [3, 40])
        #expect(try column("Servers side by side", "B", by: "instance").values.sorted() == [4])
        #expect(try Set(column("Servers side by side", "H", by: "instance").keys) == Set(servers.keys))

        // The columns of gauges and those of counters name the engines alike, so that Grafana joins them.
        #expect(try column("Engines side by side", "A", by: "engine") == ["ollama": 1, "tensorrt-llm": 1, "vllm": 1])
        #expect(try column("Engines side by side", "B", by: "engine")["tensorrt-llm"] == 5)
        #expect(try column("Engines side by side", "E", by: "engine")["ollama"] == 93.75)
        let labels = try prometheus.series(DashboardFile().query("Engines side by side", "A")).keys.map(\.keys).map(
            Set.init
        )
        for reference in ["F", "G", "H", "I", "J"] {
            let series = try prometheus.series(DashboardFile().query("Engines side by side", reference))
            #expect(series.keys.map { $0["engine"] } == ["vllm"] && series.values.allSatisfy { $0 > 0 }, "\(reference)")
            #expect(series.keys.allSatisfy { labels.contains(Set($0.keys)) }, "\(reference): \(series)")
        }

        let fullest = try column("Models side by side", "A", by: "model")
        #expect(fullest == ["gpt-4": 12, "llama": 72.5, "mixtral": 62.5, "qwen:7b": 93.75])
        for reference in ["D", "E", "F", "G", "H", "I", "J"] {
            #expect(try Set(column("Models side by side", reference, by: "model").keys) == ["llama"], "\(reference)")
        }
        #expect(try (75...85).contains(column("Models side by side", "F", by: "model")["llama"] ?? .nan))

        let good = try column("Good requests of the model", "A", by: "gen_ai_server_objective")
        #expect(
            Set(good.keys) == ["interactive", "without an error"] && good.values.allSatisfy { (75...85).contains($0) }
        )
        #expect(try column("KV cache and queue of the model", "B", by: "engine")["tensorrt-llm"] == 5)
        #expect(try column("GPUs side by side", "A", by: "hw_id") == [FakeNVML.uuid(0): 0.5, FakeNVML.uuid(1): 0.97])
    }

    /// What is shown of the exporters: everything where they tell, and else that they don't.
    private func expectExporterHealth(_ feed: Feed, _ prometheus: Prometheus) throws {
        func values(_ panel: String, _ reference: String = "A", by label: String = "job") throws -> [String: Double] {
            try prometheus.query(DashboardFile().query(panel, reference), by: label)
        }
        let ages = try values("Age of the newest figures", by: "instance")
        #expect(ages.count == 2 && ages.values.allSatisfy { (0..<60).contains($0) }, "\(ages)")
        #expect(try values("Series of each process", by: "instance").count == 2)
        #expect(try values("Series over the limit") == ["none": 0])
        #expect(try values("Versions", by: "telemetry_distro_version").count == 1)
        #expect(try values("Alerts firing") == ["": 0])
        let isTold = feed == .pushed
        #expect(try values("Points lost per second") == [isTold ? "llm-server" : "not told": 0])
        let isScraped = feed == .scraped || feed == .withoutSuffixes
        #expect(try Set(values("Points delivered per second").keys) == [isTold ? "llm-server" : "not told"])
        #expect(try Set(values("Points that wait").keys).contains("llm-server") == isTold)
        #expect(try Set(values("Delivery and collection time").keys).contains("llm-server") == (isTold || isScraped))
        #expect(try Set(values("Delivery and collection time", "B").keys).contains("llm-server") == isTold)
    }

    /// What the console shows is what the dashboard shows.
    private func expectConsole(_ prometheus: Prometheus, _ engines: SimulatedEngines) throws {
        let console = try ConsolePage(prometheus)
        #expect(console.rows("alerts") == [["none"]])
        let service = try #require(console.rows("services").first)
        #expect(service.count == 12 && console.rows("services").count == 1)
        #expect(service.prefix(6) == ["llm-server", "2", "43", "3", "75 %", "72 %"], "\(service)")
        #expect(service[7].hasSuffix(" %") && service[8].hasSuffix(" %") && service[11].hasSuffix("s"), "\(service)")
        // Requests and tokens in and out.
        for index in [6, 9, 10] { #expect(Double(service[index]) ?? 0 > 0, "\(service)") }
        let rows = console.rows("engines")
        #expect(rows.map { $0[0].prefix { $0 != " " } } == ["ollama", "tensorrt-llm", "vllm"], "\(rows)")
        #expect(rows.allSatisfy { $0.count == 10 && $0[2] == "up" })
        #expect(rows[1][0] == "tensorrt-llm 127.0.0.1:\(engines.enginePort)")
        #expect(rows[1].suffix(7) == ["5", "1", "20", "62 %", "–", "–", "–"], "\(rows)")
        #expect(rows[0][6] == "94 %")
        #expect(Double(rows[2][7]) ?? 0 > 0 && Double(rows[2][8]) ?? 0 > 0 && rows[2][9].hasSuffix("s"), "\(rows)")
        #expect(try ConsolePage(prometheus, job: "other").rows("services") == [["no server reports"]])
    }

    /// Each finds something; they are written in the plain names.
    private func expectDocumentedQueries(_ prometheus: Prometheus) throws {
        let queries = try Documentation.queries("prometheus-and-grafana.md")
        #expect(queries.count > 10)
        for query in queries {
            let values = try prometheus.query(query)
            #expect(!values.isEmpty && values.values.allSatisfy(\.isFinite), "\(query) gives \(values)")
        }
    }

    /// Runs two servers, of which the first polls the engines and reads the GPUs, and what brings their metrics into a Prometheus.
    private func withPrometheus(
        fedBy feed: Feed,
        polling engines: SimulatedEngines,
        _ gpus: FakeNVML,
        _ body: (Prometheus, [TrafficProbe]) throws -> Void
    ) throws {
        switch feed {
        case .scraped, .withoutSuffixes:
            let probes = [try TrafficProbe(polling: engines, gpus: gpus), try TrafficProbe()]
            defer { for probe in probes { probe.stop() } }
            var configuration = try Documentation.prometheusConfiguration("prometheus-scrape.yml")
                .replacing("server-1.internal:8080", with: probes[0].target)
                .replacing("server-2.internal:8080", with: probes[1].target)
            if feed == .withoutSuffixes { configuration += Self.relabelling }
            let prometheus = try Self.prometheus(configuration)
            defer { prometheus.process.stop() }
            try body(prometheus, probes)
        case .pushed, .pushedAndRecorded:
            var configuration = try Documentation.prometheusConfiguration("prometheus-otlp.yml")
            if feed == .pushed { configuration.replace("- recording-rules.yml\n", with: "") }
            let prometheus = try Self.prometheus(configuration)
            defer { prometheus.process.stop() }
            let gateway = try Collector.gateway(to: prometheus.otlpEndpoint)
            defer { gateway.process.stop() }
            let sidecar = try Collector(
                file: Documentation.path("collector/sidecar.yml"),
                environment: ["GATEWAY_ENDPOINT": gateway.url]
            )
            defer { sidecar.process.stop() }
            // One tells of its exporter, if only one name for each gauge is there.
            let own = ["GENAI_EXPORT_OWN_METRICS": "\(feed == .pushed)"]
            let probes = [
                try TrafficProbe(
                    exportingTo: "\(sidecar.url)/v1/metrics",
                    polling: engines,
                    gpus: gpus,
                    environment: own
                ),
                try TrafficProbe(exportingTo: "\(gateway.url)/v1/metrics"),
            ]
            defer { for probe in probes { probe.stop() } }
            try body(prometheus, probes)
        }
    }

    private static let relabelling = #"""
          metric_relabel_configs:
          - {source_labels: [__name__], regex: "((gen_ai|hw)_.+)_total", target_label: __name__, replacement: "${1}"}
          - {source_labels: [__name__], regex: "(gen_ai_.+)_seconds_(.+)", target_label: __name__, replacement: "${1}_${2}"}

        """#
}
