// The agent's HTTP interface.

import Foundation
import GenAIOtel
import Hummingbird
import HummingbirdCore
import LivePage
import Logging
import NIOCore
import NIOPosix

typealias AgentServer = Application<RouterResponder<BasicRequestContext>>

extension AgentServer {
    /// The server, not yet running.
    ///
    /// - Parameters:
    ///   - token: what whoever reads the metrics has to show; nil for nothing.
    ///   - isReady: whether what is polled has answered, or had its time to.
    ///   - limits: what clients may take.
    ///   - onListening: told the address once connections are accepted.
    init(
        _ address: ListenAddress,
        token: BearerToken?,
        instrumentation: GenAIInstrumentation,
        isReady: @escaping @Sendable () -> Bool,
        limits: ClientLimits,
        logger: Logger,
        onListening: @escaping @Sendable (_ address: ListenAddress) -> Void
    ) {
        let router = Router(context: BasicRequestContext.self)
        router.get("healthz") { _, _ in Self.text("ok\n") }
        router.get("readyz") { _, _ in
            isReady()
                ? Self.text("ok\n") : Self.text("not yet: the first poll is under way\n", status: .serviceUnavailable)
        }
        router.get("metrics") { request, _ in
            if let token, !token.isIn(request.headers[.authorization]) {
                var refusal = Self.text("A bearer token is missing, or it is another one.\n", status: .unauthorized)
                refusal.headers[.wwwAuthenticate] = "Bearer realm=\"genai-agent\""
                return refusal
            }
            let format = MetricsFormat(request)
            let text = format == .openMetrics ? instrumentation.openMetricsText() : instrumentation.prometheusText()
            return Self.text(text, type: format.contentType)
        }
        // No secret in them: whoever gets here reads nothing without the token.
        router.addPage(PageFile.all)
        self.init(
            router: router,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [IdleStateHandler(allTimeout: limits.idleTime), IdleCloser()]
                )
            ),
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: address.port),
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connections, logger: logger)
            ),
            onServerRunning: { channel in
                onListening(ListenAddress(host: address.host, port: channel.localAddress?.port ?? address.port))
            },
            eventLoopGroupProvider: .shared(eventLoops),
            logger: logger
        )
    }

    private static func text(
        _ text: String,
        status: HTTPResponse.Status = .ok,
        type: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(
            status: status,
            headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text))
        )
    }
}

/// One thread serves everybody: a scrape takes milliseconds. NIO's own group has one for each processor, and machines with
/// GPUs have many.
private let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: 1)

/// What clients may take.
struct ClientLimits: Sendable {
    /// Time without a byte in either direction. Prometheus keeps its connection from one scrape to the next, mostly a minute.
    var idleTime: TimeAmount = .seconds(75)
    /// Those beyond wait until one is closed.
    var connections = 256
}

/// Closes a connection on which nothing moves, even one whose client has asked and does not read the answer.
private final class IdleCloser: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }
}
