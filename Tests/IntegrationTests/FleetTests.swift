import Foundation
import TestSupport
import Testing

@Suite("Many servers behind one Collector, in a real Prometheus", .serialized, .blocking)
struct FleetTests {
    private struct Fleet {
        let prometheus: Prometheus
        let gateway: Collector
        let engines: SimulatedEngines

        func start(_ name: String) throws -> TrafficProbe {
            try TrafficProbe(
                exportingTo: "\(gateway.url)/v1/metrics",
                resource: "service.instance.id=\(name),k8s.pod.name=\(name)",
                polling: engines
            )
        }

        func expect(
            _ expression: String,
            by label: String = "",
            _ values: [String: Double],
            at location: SourceLocation = #_sourceLocation
        ) {
            let isSo = eventually(within: .seconds(20)) { (try? prometheus.query(expression, by: label)) == values }
            let found = (try? prometheus.query(expression, by: label)) ?? [:]
            #expect(isSo, "\(expression) gives \(found)", sourceLocation: location)
        }
    }

    @Test(
        "sums over three servers are right, and stay right when one is killed and another takes its place",
        Program.areThere(.prometheus, .collector)
    )
    func threeServers() throws {
        let prometheus = try Prometheus(
            configuration: Documentation.prometheusConfiguration("prometheus-otlp.yml"),
            files: Documentation.rules(),
            // A server that is gone counts for three seconds instead of five minutes.
            arguments: ["--query.lookback-delta=3s"]
        )
        defer { prometheus.process.stop() }
        let gateway = try Collector.gateway(to: prometheus.otlpEndpoint)
        defer { gateway.process.stop() }
        let engines = try SimulatedEngines()
        defer { engines.stop() }
        let fleet = Fleet(prometheus: prometheus, gateway: gateway, engines: engines)
        var servers: [String: TrafficProbe] = [:]
        defer { for server in servers.values { server.stop() } }
        for name in ["pod-1", "pod-2", "pod-3"] { servers[name] = try fleet.start(name) }

        try servers["pod-1"]?.setGauges("running=1&waiting=10&max=4&kv.llama=20")
        try servers["pod-2"]?.setGauges("running=2&waiting=20&max=4&kv.llama=90")
        try servers["pod-3"]?.setGauges("running=4&waiting=40&max=8&kv.llama=40")
        try servers["pod-1"]?.serveRequests(succeeded: 10, failed: 1)
        try servers["pod-2"]?.serveRequests(succeeded: 20, failed: 2)
        try servers["pod-3"]?.serveRequests(succeeded: 40, failed: 4)
        try expectThree(fleet)

        servers["pod-2"]?.killAtOnce()
        try servers["pod-1"]?.setGauges("running=3")
        try servers["pod-1"]?.serveRequests(succeeded: 5)
        try expectTwo(fleet)

        servers["pod-4"] = try fleet.start("pod-4")
        try servers["pod-4"]?.setGauges("running=8&waiting=0&max=8&kv.llama=10")
        fleet.expect(Self.running, by: "instance", ["pod-1": 3, "pod-3": 4, "pod-4": 8])
        fleet.expect(try DashboardFile().query("Running", "A"), ["": 15])
        fleet.expect(try DashboardFile().query("Capacity in use", "A"), ["": 75])
        #expect(prometheus.process.lines.filter { $0.contains("WARN") || $0.contains("ERROR") } == [])
        #expect(gateway.process.lines.filter { $0.contains("\twarn\t") || $0.contains("\terror\t") } == [])
    }

    @Test(
        "what servers export while Prometheus is away waits in the gateway, and arrives with its own time",
        Program.areThere(.prometheus, .collector)
    )
    func outage() throws {
        let port = try freePort()
        let metricsPort = try freePort()
        let gateway = try Collector.gateway(to: Prometheus.otlpEndpoint(port: port), metricsPort: metricsPort)
        defer { gateway.process.stop() }
        let server = try TrafficProbe(exportingTo: "\(gateway.url)/v1/metrics")
        defer { server.stop() }
        func queueSize() -> Double {
            let page = try? loopbackRequest("GET", "http://127.0.0.1:\(metricsPort)/metrics").body
            let text = String(decoding: page ?? [], as: UTF8.self)
            return text.firstMatch(of: /(?m)^otelcol_exporter_queue_size\{.*\} (.+)$/).flatMap { Double($0.1) } ?? 0
        }
        for count in 1...3 {
            try server.setGauges("running=\(count)")
            let size = queueSize()
            // An export that says so takes about a thousand bytes.
            #expect(eventually(within: .seconds(20)) { queueSize() > size + 2_000 }, "\(size), then \(queueSize())")
        }

        let prometheus = try Prometheus(
            configuration: Documentation.prometheusConfiguration("prometheus-otlp.yml"),
            files: Documentation.rules(),
            port: port
        )
        defer { prometheus.process.stop() }
        // It was started when three requests ran: fewer are from before.
        for expression in [
            "min_over_time(\(Self.running)[5m]) <= bool 1", "max_over_time(\(Self.running)[5m]) == bool 3",
        ] {
            let isThere = eventually(within: .seconds(60)) { (try? prometheus.query(expression)) == ["": 1] }
            #expect(isThere, "\(expression): \(gateway.process.lines.suffix(3))")
        }
    }

    private static let running = "gen_ai_server_requests_running{server_address=\"\"}"

    private func expectThree(_ fleet: Fleet) throws {
        let dashboard = try DashboardFile()
        fleet.expect(Self.running, by: "instance", ["pod-1": 1, "pod-2": 2, "pod-3": 4])
        fleet.expect(Self.running, by: "k8s_pod_name", ["pod-1": 1, "pod-2": 2, "pod-3": 4])
        fleet.expect(try dashboard.query("Servers", "A"), ["": 3])
        fleet.expect(try dashboard.query("Running", "A"), ["": 7])
        fleet.expect(try dashboard.query("Waiting", "A"), ["": 70])
        fleet.expect(try dashboard.query("Capacity in use", "A"), ["": 43.75])
        fleet.expect(try dashboard.query("KV-cache usage per model", "A"), by: "model", ["llama": 90])
        fleet.expect("sum by (job) (gen_ai_requests_total{server_address=\"\"})", by: "job", ["llm-server": 77])
        fleet.expect(
            "sum by (error_type) (gen_ai_requests_total{server_address=\"\"})",
            by: "error_type",
            ["": 70, "Overloaded": 7]
        )
        fleet.expect("sum(gen_ai_server_request_duration_seconds_count{server_address=\"\"})", ["": 77])
        // Each of them polls the same engine: three views of it, none of which is in the sums above.
        fleet.expect(
            "count by (engine) (gen_ai_server_up == 1)",
            by: "engine",
            ["ollama": 3, "tensorrt-llm": 3, "vllm": 3]
        )
        fleet.expect(
            "max by (server_port) (gen_ai_server_requests_running{engine=\"tensorrt-llm\"})",
            by: "engine",
            ["": 5]
        )
    }

    private func expectTwo(_ fleet: Fleet) throws {
        let dashboard = try DashboardFile()
        fleet.expect(Self.running, by: "instance", ["pod-1": 3, "pod-3": 4])
        fleet.expect(try dashboard.query("Servers", "A"), ["": 2])
        fleet.expect(try dashboard.query("Running", "A"), ["": 7])
        fleet.expect(try dashboard.query("Waiting", "A"), ["": 50])
        fleet.expect(try dashboard.query("Capacity in use", "A"), ["": 100 * 7 / 12.0])
        fleet.expect(try dashboard.query("KV-cache usage per model", "A"), by: "model", ["llama": 40])
        fleet.expect(
            "sum by (instance) (gen_ai_requests_total{server_address=\"\"})",
            by: "instance",
            ["pod-1": 16, "pod-3": 44]
        )
        fleet.expect(
            "count by (engine) (gen_ai_server_up == 1)",
            by: "engine",
            ["ollama": 2, "tensorrt-llm": 2, "vllm": 2]
        )
    }
}
