// Asks an engine once, without a poller.

import Foundation

extension EngineTarget {
    /// Asks the engine once, as a poll would, and asks for its version too.
    ///
    /// It takes two seconds at most, and two more if the engine tells a version. It runs on a thread of its own, so it blocks
    /// no thread of the task's executor.
    ///
    /// ```swift
    /// let check = await EngineTarget(url: url).check()
    /// print(check.reading.server.engine ?? "unknown", check.reading.problem ?? "can be read")
    /// ```
    ///
    /// - Returns: the reading. It never throws: ``ServerReading/problem`` says why nothing could be read, and an unusable
    ///   target is such a problem.
    public func check() async -> ServerCheck {
        await DetachedThread.value { self.checkNow() }
    }

    private func checkNow() -> ServerCheck {
        let (requests, notes) = TargetRequest.requests(for: [self])
        guard let request = requests.first else {
            let server = ServerIdentity(engine: nil, address: url.host ?? "", port: url.port ?? 0)
            return ServerCheck(reading: .down(server, because: notes.first?.text))
        }
        let recorder = RemarkRecorder()
        let poll = TargetPoll(
            request,
            engine: nil,
            timeout: EngineServerMetricsPoller.pollTimeout,
            SystemTimeSource(),
            recorder.log
        )
        defer { poll.close() }
        let reading = poll.read(Cancellation()) ?? .down(request.identity)
        return ServerCheck(
            reading: reading,
            version: version(of: reading, request),
            remarks: notes.map(\.text) + recorder.remarks(besides: reading.problem)
        )
    }

    private func version(of reading: ServerReading, _ request: TargetRequest) -> String? {
        guard reading.isUp, let row = Engine.known.first(where: { $0.name == reading.server.engine })?.version
        else { return nil }
        let transport = HTTPTransports.libcurlFirst(userAgent: PackageInfo.userAgent, checked: request.tls)
        defer { transport.close() }
        let exchange = TargetExchange(
            transport: transport,
            deadline: .now + EngineServerMetricsPoller.pollTimeout,
            cancellation: Cancellation()
        )
        for path in row.paths {
            if case .success(let answer) = exchange.send(request.sibling(path)) { return row.decode(answer.body) }
        }
        return nil
    }
}
