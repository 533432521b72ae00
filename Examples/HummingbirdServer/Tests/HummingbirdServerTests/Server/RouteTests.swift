import LivePage
import Testing

@testable import HummingbirdServer

extension ServerTests {
    @Suite("The other routes")
    struct RouteTests {
        @Test("models, health and metrics")
        func routes() async throws {
            try await RunningServer.with { server in
                let models = try await server.get("/v1/models").object
                let names = (models["data"] as? [[String: Any]])?.map { $0["id"] as? String }
                #expect(names == ["small", "large"])
                let health = try await server.get("/healthz")
                #expect(health.status == 200)
                #expect(health.text == "ok\n")
                let metrics = try await server.get("/metrics")
                #expect(metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
                #expect(metrics.text == server.instrumentation.prometheusText())
                let values = PrometheusValues(metrics.text)
                #expect(values.running == 0)
                #expect(values.waiting == 0)
                #expect(values.sum("gen_ai_server_requests_max") == 8)
                #expect(values.kvCacheUsage("small") == 0)
                #expect(values.kvCacheUsage("large") == 0)
            }
        }

        @Test(
            "who asks for OpenMetrics gets it",
            arguments: [
                "application/openmetrics-text", "application/openmetrics-text; version=1.0.0; charset=utf-8",
                "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            ]
        )
        func openMetrics(accept: String) async throws {
            try await RunningServer.with { server in
                let metrics = try await server.get("/metrics", headers: ["Accept": accept])
                let type = "application/openmetrics-text; version=1.0.0; charset=utf-8"
                #expect(metrics.headers["content-type"] == type)
                #expect(metrics.text == server.instrumentation.openMetricsText())
                let other = try await server.get("/metrics", headers: ["Accept": "text/plain, */*"])
                #expect(other.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            }
        }

        @Test("a route of the API that does not exist is an error in the API's form")
        func unknownRoute() async throws {
            try await RunningServer.with { server in
                let answer = try await server.get("/v1/embeddings")
                #expect(answer.status == 404)
                let error = try answer.object["error"] as? [String: Any]
                #expect(error?["type"] as? String == "invalid_request_error")
            }
        }

        @Test("the page's files are there, whole, and may load nothing from elsewhere")
        func page() async throws {
            try await RunningServer.with { server in
                for file in PageFile.all {
                    let answer = try await server.get(file.path)
                    #expect(answer.status == 200)
                    #expect(answer.headers["content-type"] == file.contentType)
                    #expect(Array(answer.text.utf8) == file.bytes)
                    #expect(answer.headers["content-security-policy"]?.hasPrefix("default-src 'none';") == true)
                    // Of addresses only the name of SVG's namespace may be there.
                    let addresses = answer.text.split(separator: "//").dropFirst().filter { !$0.hasPrefix(" ") }
                    #expect(addresses.allSatisfy { $0.hasPrefix("www.w3.org/2000/svg") }, "\(file.path)")
                }
            }
        }
    }
}
