// Asks a server over plain HTTP. It is made of what the server is made of, SwiftNIO, so that it costs no further package:
// a client with TLS would bring BoringSSL, which takes as long to build as the server.

import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// A client for a server on this machine, with a connection for each request.
public struct HTTPClient: Sendable {
    /// Why there is no whole answer, where the network gives no reason.
    public enum Failure: Error {
        case timedOut, incomplete, tooLarge
    }

    private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    private let host: String
    private let port: Int
    private let basePath: String

    /// A client for the server at an `http` URL; nil if it is none.
    public init?(url text: String) {
        guard let url = URL(string: text), url.scheme == "http" else { return nil }
        guard let host = url.host(), !host.isEmpty else { return nil }
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        port = url.port ?? 80
        basePath = url.path.hasSuffix("/") ? String(url.path.dropLast()) : url.path
    }

    /// Sends a request, a POST of JSON if it has a body, and hands on its answer as it comes.
    ///
    /// The connection closes when `receive` returns or throws, and when the task is cancelled.
    ///
    /// - Parameters:
    ///   - headers: further headers, valid ones.
    ///   - timeout: for all of it, from the connection to the answer's end.
    public func send<Result: Sendable>(
        _ path: String,
        json body: [UInt8]? = nil,
        headers: [String: String] = [:],
        timeout: Duration,
        _ receive: (inout Answer) async throws -> Result
    ) async throws -> Result {
        let connection = try await connect()
        let channel = connection.channel
        let end = channel.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            channel.pipeline.fireErrorCaught(Failure.timedOut)
            channel.close(promise: nil)
        }
        defer { end.cancel() }
        return try await connection.executeThenClose { inbound, outbound in
            try await outbound.write(.head(head(path, body, headers)))
            if let body { try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: body)))) }
            try await outbound.write(.end(nil))
            var answer = try await Answer(inbound.makeAsyncIterator())
            return try await receive(&answer)
        }
    }

    private func connect() async throws -> Connection {
        try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            // A server that is not there is a result, not a reason to wait.
            .connectTimeout(.seconds(5))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
    }

    private func head(_ path: String, _ body: [UInt8]?, _ further: [String: String]) -> HTTPRequestHead {
        var headers: HTTPHeaders = [
            "Host": host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)",
            "Connection": "close",
        ]
        if let body {
            headers.add(name: "Content-Type", value: "application/json")
            headers.add(name: "Content-Length", value: "\(body.count)")
        }
        for (name, value) in further { headers.add(name: name, value: value) }
        return HTTPRequestHead(
            version: .http1_1,
            method: body == nil ? .GET : .POST,
            uri: basePath + path,
            headers: headers
        )
    }
}
