// Sends one request and watches its answer come.

import ExampleClient
import Foundation

struct Client: Sendable {
    private struct Models: Decodable {
        struct Model: Decodable {
            var id: String
        }

        var data: [Model]
    }

    let http: HTTPClient

    /// The models that the server has.
    func models() async throws -> [String] {
        let body = try await http.send("/v1/models", timeout: .seconds(5)) { answer in try await answer.body() }
        return try JSONDecoder().decode(Models.self, from: Data(body)).data.map(\.id)
    }

    /// Sends a request. Its client goes away by cancelling it, which closes the connection.
    func send(_ planned: PlannedRequest) async -> Outcome {
        let start = ContinuousClock.now
        let answer = await withTaskGroup(of: Outcome?.self) { group in
            group.addTask { await receive(planned, start) }
            if let seconds = planned.hangUpAfter {
                group.addTask {
                    try? await Task.sleep(for: .seconds(seconds))
                    return nil
                }
            }
            let first = await group.next()
            group.cancelAll()
            return first ?? nil
        }
        return answer ?? Outcome(end: .hungUp, seconds: Self.seconds(since: start))
    }

    private func receive(_ planned: PlannedRequest, _ start: ContinuousClock.Instant) async -> Outcome {
        do {
            let body = try [UInt8](planned.body)
            return try await http.send(
                "/v1/chat/completions",
                json: body,
                headers: planned.headers,
                timeout: .seconds(300)
            ) { answer in
                var outcome = Outcome(end: .status(answer.status), seconds: 0)
                var events = EventCounter()
                while let part = try await answer.next() {
                    let tokens = events.tokens(in: part)
                    if tokens > 0, outcome.tokens == 0 { outcome.firstTokenSeconds = Self.seconds(since: start) }
                    outcome.tokens += tokens
                }
                let isComplete = !planned.isStream || answer.status != 200 || events.isDone
                if !isComplete { outcome.end = .failed("stream without an end") }
                outcome.seconds = Self.seconds(since: start)
                return outcome
            }
        } catch {
            return Outcome(end: .failed("\(type(of: error))"), seconds: Self.seconds(since: start))
        }
    }

    private static func seconds(since start: ContinuousClock.Instant) -> Double {
        start.duration(to: .now) / .seconds(1)
    }
}
