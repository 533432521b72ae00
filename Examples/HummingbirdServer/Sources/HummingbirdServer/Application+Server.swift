// Puts the server together: engine, metrics, routes.

import GenAIOtel
import Hummingbird
import LivePage
import Logging

/// What listens.
typealias ServerApplication = Application<RouterResponder<BasicRequestContext>>

extension ServerApplication {
    /// The server, not yet running.
    ///
    /// - Parameters:
    ///   - clock: what the models keep their pace by.
    ///   - onListening: told the address once connections are accepted.
    init(
        _ options: ServerOptions,
        instrumentation: GenAIInstrumentation,
        clock: any Clock<Duration> = ContinuousClock(),
        logger: Logger,
        onListening: @escaping @Sendable (_ url: String) -> Void = { _ in }
    ) {
        let metrics = instrumentation.serverMetrics
        metrics.setRequestsMax(options.concurrency)
        let engine = ModelEngine(
            models: options.models,
            concurrency: options.concurrency,
            queueLimit: options.queueLimit,
            speed: options.speed,
            errorShare: options.engineErrors,
            clock: clock,
            onCacheUsage: metrics.setKVCacheUsage
        )
        let router = Router(context: BasicRequestContext.self)
        router.add(middleware: APIErrorMiddleware())
        ChatController(engine: engine, metrics: metrics).addRoutes(to: router)
        router.get("healthz") { _, _ in "ok\n" }
        router.get("metrics") { request, _ in
            let format = MetricsFormat(request)
            let text = format == .openMetrics ? instrumentation.openMetricsText() : instrumentation.prometheusText()
            return Response(
                status: .ok,
                headers: [.contentType: format.contentType, .cacheControl: "no-store"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: text))
            )
        }
        router.addPage(PageFile.all)
        self.init(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname(options.host, port: options.port)),
            onServerRunning: { channel in
                guard let port = channel.localAddress?.port else { return }
                onListening("http://\(options.host.contains(":") ? "[\(options.host)]" : options.host):\(port)")
            },
            logger: logger
        )
    }
}
