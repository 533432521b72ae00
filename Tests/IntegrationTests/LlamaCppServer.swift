// The real llama.cpp server with a tiny random model, if this machine has one.

import Foundation
import GenAISupport
import TestSupport

/// A running llama.cpp server with two slots.
struct LlamaCppServer {
    let port: Int
    /// Nil for one that another process has started, and ends.
    private let process: ChildProcess?

    /// A Python with the modules xllamacpp, gguf and numpy, and the script that serves with them at the port it is given.
    private static let program: (python: String, script: String)? = {
        let environment = ProcessInfo.processInfo.environment
        guard let python = environment["LLAMACPP_PYTHON"], let script = environment["LLAMACPP_SERVER"] else {
            return nil
        }
        return (python, script)
    }()

    static var isAvailable: Bool { program != nil }

    struct Unavailable: Error, CustomStringConvertible {
        var description: String
    }

    /// - Parameter port: where it listens; without, where it likes.
    init(port: Int? = nil) throws {
        guard let program = Self.program else {
            throw Unavailable(description: "no LLAMACPP_PYTHON or LLAMACPP_SERVER")
        }
        self.port = try port ?? freePort()
        let process = try ChildProcess(program.python, [program.script, String(self.port)])
        self.process = process
        guard process.waitForLine(containing: "listening on") != nil, process.waitForPort(self.port) else {
            process.stop()
            throw Unavailable(description: process.lines.suffix(5).joined(separator: "\n"))
        }
    }

    /// Starts one as the child of another process, with the arguments of a server of the file as Ollama's runners have them.
    /// It ends with that process.
    init(childOf parent: RunnerParent, servingAs file: String) throws {
        guard let program = Self.program else {
            throw Unavailable(description: "no LLAMACPP_PYTHON or LLAMACPP_SERVER")
        }
        let port = try freePort()
        (self.port, process) = (port, nil)
        // The script takes the file from its second argument, and makes its own without.
        let model = URL(fileURLWithPath: program.python).deletingLastPathComponent()
            .appendingPathComponent("tiny-random.gguf").path
        try parent.start(
            "'\(program.python)' '\(program.script)' \(port) '\(model)' --model '\(file)' --port \(port) --host 127.0.0.1 -np 2"
        )
        guard eventually(within: .seconds(60), { (try? loopbackRequest("GET", url + "/health"))?.status == 200 }) else {
            throw Unavailable(description: "it does not answer")
        }
    }

    var url: String { "http://127.0.0.1:\(port)" }

    func stop() { process?.stop() }

    /// What requests took, as their answers tell.
    struct Tokens: Equatable {
        /// Of prompts, also those that were in the cache.
        var input = 0
        var cachedInput = 0
        var output = 0

        static func + (one: Tokens, other: Tokens) -> Tokens {
            Tokens(
                input: one.input + other.input,
                cachedInput: one.cachedInput + other.cachedInput,
                output: one.output + other.output
            )
        }
    }

    /// Sends requests at once, waits for all answers, and adds up what they tell.
    func complete(_ count: Int) throws -> Tokens {
        struct Answer: Decodable {
            struct Timings: Decodable { let cacheN: Int }
            let tokensEvaluated: Int
            let tokensPredicted: Int
            let timings: Timings
        }
        let answers = Monitor<[Tokens?]>([])
        let url = "\(url)/completion"
        for number in 0..<count {
            // Some begin alike, and so find each other in the cache.
            let prompt = String(repeating: "once upon a time ", count: 1 + number % 3)
            let body = Data(#"{"prompt":"\#(prompt)","n_predict":\#(50 + number),"ignore_eos":true}"#.utf8)
            let thread = Thread {
                let headers = [HTTPHeader("Content-Type", "application/json")]
                let response = try? loopbackRequest("POST", url, headers: headers, body: body)
                let decoder = JSONDecoder()
                decoder.keyDecodingStrategy = .convertFromSnakeCase
                let answer = response.flatMap { try? decoder.decode(Answer.self, from: Data($0.body)) }
                let tokens = answer.map {
                    Tokens(input: $0.tokensEvaluated, cachedInput: $0.timings.cacheN, output: $0.tokensPredicted)
                }
                answers.mutate { $0.append(tokens) }
            }
            thread.start()
        }
        let all = answers.wait(until: .now + .seconds(120)) { $0.count == count ? $0 : nil }
        guard let all, !all.contains(nil) else { throw Unavailable(description: "not all requests were answered") }
        return all.compactMap(\.self).reduce(Tokens(), +)
    }

    /// Sends requests at once, each on a thread of its own, and returns what says how many have been answered.
    func load(_ count: Int) throws -> Monitor<Int> {
        let answered = Monitor(0)
        let endpoint = try HTTPEndpoint("\(url)/completion")
        let body = Data(#"{"prompt":"once upon a time","n_predict":900,"ignore_eos":true}"#.utf8)
        for _ in 0..<count {
            let thread = Thread {
                let client = URLSessionTransport(userAgent: "integration-test")
                let headers = [HTTPHeader("Content-Type", "application/json")]
                let request = HTTPRequest(method: "POST", endpoint: endpoint, headers: headers, body: body)
                let answer = client.send(request, timeout: .seconds(120), cancellation: Cancellation())
                if case .success(let answer) = answer, answer.status == 200 { answered.mutate { $0 += 1 } }
                client.close()
            }
            thread.start()
        }
        return answered
    }
}
