// A real HTTP server on 127.0.0.1 that answers as a test tells it to, also badly.

import Foundation
import GenAISupport

/// A request that ``LoopbackServer`` has received.
package struct ReceivedRequest: Sendable {
    package var method: String
    /// Path and query.
    package var target: String
    /// Names in lower case.
    package var headers: [String: String]
    package var body: Data
    /// Which TCP connection it came on, counted from 0.
    package var connection: Int
}

/// What the server does with a request.
package enum LoopbackAnswer: Sendable {
    /// A complete answer with `Content-Length`.
    case response(Int, headers: [String: String] = [:], body: Data = Data())
    /// Exactly these bytes, then the connection is closed.
    case raw(Data)
    /// Nothing, until the client leaves.
    case hang
    /// The connection is closed without an answer.
    case close
    /// The connection is reset without an answer.
    case reset
    /// Headers, then one byte of the body at each interval for as long as the client stays.
    case drip(interval: Duration)
    /// Headers, then bytes without end for as long as the client stays: 64 kB each millisecond, as over a fast network.
    ///
    /// Without a pause, libcurl on Linux may read on and on in one call, and for as long as it does, no other request of
    /// the process makes progress: URLSession has one queue for all.
    case flood
    /// The same without any pause.
    case torrent
    /// A head that never ends, without a pause.
    case endlessHead
    /// One line of a head that never ends, without a pause.
    case endlessHeadLine
    /// `100 Continue` again and again, without a pause.
    case endlessInterimAnswers

    package static func json(_ text: String, status: Int = 200) -> LoopbackAnswer {
        .response(status, headers: ["Content-Type": "application/json"], body: Data(text.utf8))
    }

    package static func text(_ text: String, status: Int = 200) -> LoopbackAnswer {
        .response(status, headers: ["Content-Type": "text/plain"], body: Data(text.utf8))
    }
}

/// Serves HTTP/1.1 with keep-alive on a port of its own until ``stop()``.
package final class LoopbackServer: Sendable {
    package typealias Handler = @Sendable (ReceivedRequest) -> LoopbackAnswer

    private struct State {
        var requests: [ReceivedRequest] = []
        var connections: [Int: Int32] = [:]
        var nextConnection = 0
        var threads = 0
        var isStopped = false
    }

    package let port: Int
    /// As in a URL.
    private let host: String
    private let listener: Int32
    private let handler: Handler
    private let keepsRequests: Bool
    private let state = Monitor(State())

    /// Starts serving at once.
    ///
    /// - Parameters:
    ///   - keepsRequests: whether ``requests`` holds them; not for a server that is asked without end.
    ///   - isIPv6: whether it listens on ::1 and not on 127.0.0.1.
    package init(keepsRequests: Bool = true, isIPv6: Bool = false, _ handler: @escaping Handler) throws {
        self.handler = handler
        self.keepsRequests = keepsRequests
        (listener, port) = isIPv6 ? try TCPSocket.listenOnIPv6() : try TCPSocket.listen()
        host = isIPv6 ? "[::1]" : "127.0.0.1"
        run(serve)
    }

    package convenience init(always answer: LoopbackAnswer) throws {
        try self.init { _ in answer }
    }

    package var url: String { "http://\(host):\(port)" }
    package var requests: [ReceivedRequest] { state.read { $0.requests } }
    package var openConnections: Int { state.read { $0.connections.count } }

    /// Waits up to `limit` until `count` requests have come in all.
    package func waitForRequests(_ count: Int, limit: Duration = .seconds(60)) -> Bool {
        state.wait(until: .now + limit) { $0.requests.count >= count ? true : nil } ?? false
    }

    /// Closes every connection and waits until no thread of the server is left.
    package func stop() {
        let first = state.mutate { state in
            defer { state.isStopped = true }
            // Shutting down wakes the threads that read or write; each closes its own descriptor.
            for descriptor in state.connections.values { TCPSocket.shutDown(descriptor) }
            return !state.isStopped
        }
        if first { TCPSocket.shutDown(listener) }
        let _: Bool? = state.wait(until: .now + .seconds(60)) { $0.threads == 0 ? true : nil }
    }

    private func run(_ body: @escaping @Sendable () -> Void) {
        state.mutate { $0.threads += 1 }
        let thread = Thread { [self] in
            body()
            state.mutate { $0.threads -= 1 }
        }
        thread.name = "loopback-server"
        thread.start()
    }

    private func serve() {
        while let descriptor = TCPSocket.accept(listener) {
            let number: Int? = state.mutate { state in
                guard !state.isStopped else { return nil }
                defer { state.nextConnection += 1 }
                state.connections[state.nextConnection] = descriptor
                return state.nextConnection
            }
            guard let number else {
                TCPSocket.close(descriptor)
                break
            }
            run { [self] in converse(descriptor, number) }
        }
        TCPSocket.close(listener)
    }

    private func converse(_ descriptor: Int32, _ number: Int) {
        var reader = HTTPRequestReader(descriptor: descriptor, connection: number)
        while let request = reader.next() {
            if keepsRequests { state.mutate { $0.requests.append(request) } }
            guard perform(handler(request), on: descriptor) else { break }
        }
        state.mutate { state in
            state.connections[number] = nil
            // Under the lock, so that `stop()` never shuts down a descriptor that has been given to somebody else.
            TCPSocket.close(descriptor)
        }
    }

    /// - Returns: whether the connection stays open.
    private func perform(_ answer: LoopbackAnswer, on descriptor: Int32) -> Bool {
        switch answer {
        case .response(let status, let headers, let body):
            var head = "HTTP/1.1 \(status) Status\r\nContent-Length: \(body.count)\r\n"
            for (name, value) in headers { head += "\(name): \(value)\r\n" }
            return TCPSocket.send(Data((head + "\r\n").utf8) + body, to: descriptor)
        case .raw(let data):
            _ = TCPSocket.send(data, to: descriptor)
            return false
        case .hang:
            TCPSocket.waitForClose(descriptor)
            return false
        case .close:
            return false
        case .reset:
            TCPSocket.resetOnClose(descriptor)
            return false
        case .drip(let interval):
            var isOpen = TCPSocket.send(Data("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".utf8), to: descriptor)
            while isOpen, !isStopped(within: interval) { isOpen = TCPSocket.send(Data(" ".utf8), to: descriptor) }
            return false
        case .flood:
            let block = Data(repeating: UInt8(ascii: " "), count: 65_536)
            var isOpen = TCPSocket.send(Data("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".utf8), to: descriptor)
            while isOpen, !isStopped(within: .milliseconds(1)) { isOpen = TCPSocket.send(block, to: descriptor) }
            return false
        case .torrent:
            sendEndlessly(
                Data(repeating: 32, count: 65_536),
                after: "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
                descriptor
            )
            return false
        case .endlessHead:
            let field = "X-Field: \(String(repeating: "x", count: 8000))\r\n"
            sendEndlessly(Data(field.utf8), after: "HTTP/1.1 200 OK\r\n", descriptor)
            return false
        case .endlessHeadLine:
            sendEndlessly(Data(repeating: 120, count: 65_536), after: "HTTP/1.1 200 OK\r\nX-Field: ", descriptor)
            return false
        case .endlessInterimAnswers:
            sendEndlessly(Data("HTTP/1.1 100 Continue\r\n\r\n".utf8), after: "", descriptor)
            return false
        }
    }

    private func sendEndlessly(_ block: Data, after beginning: String, _ descriptor: Int32) {
        var isOpen = TCPSocket.send(Data(beginning.utf8), to: descriptor)
        while isOpen, !state.read({ $0.isStopped }) { isOpen = TCPSocket.send(block, to: descriptor) }
    }

    private func isStopped(within interval: Duration) -> Bool {
        state.wait(until: .now + interval) { $0.isStopped ? true : nil } ?? false
    }
}
