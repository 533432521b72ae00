import Foundation
import GenAISupport
import TestSupport
import Testing

/// The HTTP clients of this package, which must all behave the same.
enum TestedClient: String, CaseIterable, CustomTestStringConvertible {
    case urlSession = "over URLSession"
    #if os(Linux)
    case curl = "over libcurl"
    #endif

    var testDescription: String { rawValue }

    func make(answerLimit: Int = HTTPClient.defaultAnswerLimit) throws -> any HTTPTransport {
        switch self {
        case .urlSession: HTTPClient(userAgent: "test/1", answerLimit: answerLimit)
        #if os(Linux)
        case .curl: try #require(CurlClient(userAgent: "test/1", answerLimit: answerLimit))
        #endif
        }
    }
}

@Suite("The HTTP clients, against a real server", .blocking)
struct HTTPClientTests {
    private func get(
        _ client: TestedClient,
        _ server: LoopbackServer,
        _ path: String = "/",
        within limit: Duration = .seconds(10),
        cancellation: Cancellation = Cancellation()
    ) throws -> Result<HTTPResponse, HTTPFailure> {
        let client = try client.make(answerLimit: 1000)
        defer { client.close() }
        let request = HTTPRequest(endpoint: try HTTPEndpoint(server.url + path))
        return client.send(request, deadline: .now + limit, cancellation: cancellation)
    }

    @Test("an answer arrives with status, headers and body", arguments: TestedClient.allCases)
    func answer(client: TestedClient) throws {
        let server = try LoopbackServer(always: .json(#"{"a":1}"#, status: 418))
        defer { server.stop() }
        let response = try get(client, server, "/path?q=1").get()
        #expect(response.status == 418)
        #expect(response.headers["content-type"] == "application/json")
        #expect(response.body == Array(#"{"a":1}"#.utf8))
        let request = try #require(server.requests.first)
        #expect(request.method == "GET")
        #expect(request.target == "/path?q=1")
        #expect(request.headers["user-agent"] == "test/1")
        #expect(request.headers["accept-encoding"] == "identity")
    }

    @Test("requests one after another share a connection", arguments: TestedClient.allCases)
    func keepAlive(client: TestedClient) throws {
        let server = try LoopbackServer(always: .text("ok"))
        defer { server.stop() }
        let client = try client.make()
        defer { client.close() }
        let request = HTTPRequest(
            method: "POST",
            endpoint: try HTTPEndpoint(server.url),
            headers: [HTTPHeader("Content-Type", "application/json")],
            body: Data("hello".utf8)
        )
        for _ in 0..<5 {
            let result = client.send(request, deadline: .now + .seconds(10), cancellation: Cancellation())
            #expect(try result.get().status == 200)
        }
        #expect(Set(server.requests.map(\.connection)) == [0])
        #expect(server.requests.allSatisfy { $0.body == Data("hello".utf8) })
        #expect(server.requests.allSatisfy { $0.headers["content-type"] == "application/json" })
    }

    @Test("a redirect is handed over, not followed", arguments: TestedClient.allCases, [301, 302, 303, 307, 308])
    func redirect(client: TestedClient, status: Int) throws {
        let target = try LoopbackServer(always: .text("caught"))
        defer { target.stop() }
        let server = try LoopbackServer(always: .response(status, headers: ["Location": target.url]))
        defer { server.stop() }
        #expect(try get(client, server).get().status == status)
        #expect(target.requests.isEmpty)
    }

    @Test("nobody listening is a refused connection", arguments: TestedClient.allCases)
    func refused(client: TestedClient) throws {
        let server = try LoopbackServer(always: .close)
        server.stop()
        #expect(throws: HTTPFailure.connectionRefused) { try get(client, server).get() }
    }

    @Test(
        "a closed or reset connection and bytes that are not HTTP are a lost connection",
        arguments: TestedClient.allCases
    )
    func lost(client: TestedClient) throws {
        let truncated = Data("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".utf8)
        let noHTTP = Data("\u{16}\u{3} this is not HTTP\r\n\r\n".utf8)
        for answer in [LoopbackAnswer.close, .reset, .raw(truncated), .raw(noHTTP)] {
            let server = try LoopbackServer(always: answer)
            defer { server.stop() }
            #expect(throws: HTTPFailure.connectionLost, "\(answer)") { try get(client, server).get() }
        }
    }

    @Test(
        "a kept connection that dies under a request is a lost connection at once, and the next request works",
        arguments: TestedClient.allCases
    )
    func keptConnectionDies(client kind: TestedClient) throws {
        for answer in [LoopbackAnswer.close, .reset] {
            let count = Monitor(0)
            let server = try LoopbackServer { _ in
                let number = count.mutate { count in
                    count += 1
                    return count
                }
                return number == 2 ? answer : .text("ok")
            }
            defer { server.stop() }
            let client = try kind.make()
            defer { client.close() }
            let endpoint = try HTTPEndpoint(server.url)
            let request = HTTPRequest(method: "POST", endpoint: endpoint, body: Data(repeating: 65, count: 70_000))
            let results = (0..<3).map { _ in
                client.send(request, deadline: .now + .seconds(10), cancellation: Cancellation())
            }
            #expect(try results[0].get().status == 200)
            #expect(throws: HTTPFailure.connectionLost) { try results[1].get() }
            #expect(try results[2].get().status == 200)
        }
    }

    @Test("the deadline holds against a server that hangs or drips", arguments: TestedClient.allCases)
    func deadline(client: TestedClient) throws {
        for answer in [LoopbackAnswer.hang, .drip(interval: .milliseconds(5))] {
            let server = try LoopbackServer(always: answer)
            defer { server.stop() }
            #expect(throws: HTTPFailure.timedOut) { try get(client, server, within: .milliseconds(150)).get() }
            #expect(eventually { server.openConnections == 0 }, "the connection is given up")
        }
    }

    @Test("a cancellation ends a request that is under way", arguments: TestedClient.allCases)
    func cancellation(client: TestedClient) throws {
        let cancellation = Cancellation()
        let server = try LoopbackServer { _ in
            cancellation.cancel()
            return .hang
        }
        defer { server.stop() }
        #expect(throws: HTTPFailure.cancelled) { try get(client, server, cancellation: cancellation).get() }
        #expect(throws: HTTPFailure.cancelled) { try get(client, server, cancellation: cancellation).get() }
        #expect(server.requests.count == 1)
    }

    @Test("an answer over the limit is refused, announced or not", arguments: TestedClient.allCases)
    func tooLarge(client: TestedClient) throws {
        let announced = LoopbackAnswer.response(200, body: Data(repeating: 32, count: 1001))
        for answer in [announced, .flood] {
            let server = try LoopbackServer(always: answer)
            defer { server.stop() }
            #expect(throws: HTTPFailure.answerTooLarge(limit: 1000)) { try get(client, server).get() }
            #expect(eventually { server.openConnections == 0 }, "the connection is given up")
        }
    }

    @Test("a client that was flooded goes on working, and can be closed", arguments: TestedClient.allCases)
    func afterFlood(client: TestedClient) throws {
        let server = try LoopbackServer { $0.target == "/flood" ? .flood : .text("ok") }
        defer { server.stop() }
        let client = try client.make(answerLimit: 1000)
        for path in ["/", "/flood", "/flood", "/"] {
            let request = HTTPRequest(endpoint: try HTTPEndpoint(server.url + path))
            let result = client.send(request, deadline: .now + .seconds(10), cancellation: Cancellation())
            if path == "/" {
                #expect(try result.get().body == Array("ok".utf8))
            } else {
                #expect(throws: HTTPFailure.answerTooLarge(limit: 1000)) { try result.get() }
            }
        }
        client.close()
        let request = HTTPRequest(endpoint: try HTTPEndpoint(server.url))
        let result = client.send(request, deadline: .now + .seconds(10), cancellation: Cancellation())
        #expect(throws: HTTPFailure.cancelled) { try result.get() }
        #expect(eventually { server.openConnections == 0 })
    }

    @Test("an answer that is compressed unasked is refused", arguments: TestedClient.allCases)
    func encoded(client: TestedClient) throws {
        let answer = LoopbackAnswer.response(200, headers: ["Content-Encoding": "gzip"], body: Data([1, 2]))
        let server = try LoopbackServer(always: answer)
        defer { server.stop() }
        #expect(throws: HTTPFailure.answerEncoded("gzip")) { try get(client, server).get() }
    }

    @Test("user info becomes an Authorization header and stays out of the URL", arguments: TestedClient.allCases)
    func userInfo(client: TestedClient) throws {
        let server = try LoopbackServer(always: .text("ok"))
        defer { server.stop() }
        let client = try client.make()
        defer { client.close() }
        let endpoint = try HTTPEndpoint("http://me:s3cret@127.0.0.1:\(server.port)/x?token=t0p#f")
        _ = client.send(HTTPRequest(endpoint: endpoint), deadline: .now + .seconds(10), cancellation: Cancellation())
        #expect(server.requests.first?.headers["authorization"] == "Basic bWU6czNjcmV0")
        #expect(server.requests.first?.target == "/x?token=t0p")
        #expect(endpoint.description == "http://127.0.0.1:\(server.port)/x")
    }

    @Test("a password challenge is handed over as an answer", arguments: TestedClient.allCases)
    func challenge(client: TestedClient) throws {
        let server = try LoopbackServer(always: .response(401, headers: ["WWW-Authenticate": "Basic realm=\"x\""]))
        defer { server.stop() }
        #expect(try get(client, server).get().status == 401)
    }
}
