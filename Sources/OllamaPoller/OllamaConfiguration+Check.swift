// Asks Ollama once, without a poller.

import Foundation
import GPUPoller

extension OllamaConfiguration {
    /// Asks Ollama once, as a poll would, and asks for its version too.
    ///
    /// It takes four seconds at most, and up to eight more where the GPU memory has to be detected. It runs on a thread of its
    /// own, so it blocks no thread of the task's executor.
    ///
    /// ```swift
    /// let check = await OllamaConfiguration().check()
    /// print("Ollama", check.version ?? "", check.reading.problem ?? "can be read")
    /// ```
    ///
    /// - Returns: the reading. It never throws: ``ServerReading/problem`` says why nothing could be read, and an unusable URL
    ///   is such a problem.
    public func check() async -> ServerCheck {
        await DetachedThread.value { self.checkNow() }
    }

    private func checkNow() -> ServerCheck {
        let (target, notes) = OllamaTarget.check(self)
        let problems = notes.filter { $0.level >= .warning }.map(\.text)
        guard let target else {
            let server = ServerIdentity(engine: "ollama", address: url.host ?? "", port: url.port ?? 0)
            return ServerCheck(reading: .down(server, because: problems.last))
        }
        let recorder = RemarkRecorder()
        let poll = OllamaPoll(
            target,
            detector: VRAMDetector(locations: GPULocations(environment: ProcessInfo.processInfo.environment)),
            processRoot: RunnerProcesses.systemRoot,
            calls: .shared,
            timeLimit: OllamaPoll.timeLimit,
            log: recorder.log,
            timeSource: SystemTimeSource()
        )
        defer { poll.close() }
        let cancellation = Cancellation()
        let server = ServerIdentity(engine: "ollama", address: target.endpoint.host, port: target.endpoint.port)
        let reading = poll.read(cancellation) ?? .down(server)
        let version = reading.isUp ? poll.version(until: .now + OllamaPoll.timeLimit, cancellation) : nil
        return ServerCheck(
            reading: reading,
            version: version.map { escapingControlCharacters(String($0.prefix(64))) },
            remarks: problems + recorder.remarks(besides: reading.problem)
        )
    }
}
