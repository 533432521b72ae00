// Sends one request and watches its answer come.

import AsyncHTTPClient
import Foundation
import NIOCore

struct Client: Sendable {
    private struct Models: Decodable {
        struct Model: Decodable {
            var id: String
        }

        var data: [Model]
    }

    private static let answerLimit = 4 << 20

    let url: String
    let http: HTTPClient

    /// The models that the server has.
    func models() async throws -> [String] {
        let response = try await http.execute(HTTPClientRequest(url: "\(url)/v1/models"), timeout: .seconds(5))
        let body = try await response.body.collect(upTo: Self.answerLimit)
        return try JSONDecoder().decode(Models.self, from: Data(body.readableBytesView)).data.map(\.id)
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
        var outcome = Outcome(end: .failed("no answer"), seconds: 0)
        do {
            var request = HTTPClientRequest(url: "\(url)/v1/chat/completions")
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: try planned.body))
            let response = try await http.execute(request, timeout: .seconds(300))
            var events = EventCounter()
            for try await part in response.body {
                let tokens = events.tokens(in: part)
                if tokens > 0, outcome.tokens == 0 { outcome.firstTokenSeconds = Self.seconds(since: start) }
                outcome.tokens += tokens
            }
            let isComplete = !planned.isStream || response.status != .ok || events.isDone
            outcome.end = isComplete ? .status(response.status.code) : .failed("stream without an end")
        } catch {
            outcome.end = .failed("\(type(of: error))")
        }
        outcome.seconds = Self.seconds(since: start)
        return outcome
    }

    private static func seconds(since start: ContinuousClock.Instant) -> Double {
        start.duration(to: .now) / .seconds(1)
    }
}
