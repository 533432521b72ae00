// The other side of the soak: collector, Ollama and engine in one process, well most of the time.

import Foundation
import GenAISupport
import TestSupport

/// Answers exports and polls, a few of them badly; prints its port, and the number of polls now and then.
///
/// A process of its own, so that the soak measures the library alone.
struct SoakServer {
    private static let page = """
        # TYPE vllm:num_requests_running gauge
        vllm:num_requests_running{model_name="m"} 3
        vllm:num_requests_waiting{model_name="m"} 1
        vllm:kv_cache_usage_perc{model_name="m"} 0.25

        """
    private static let models = #"{"models":[{"name":"a","model":"a","size":2,"size_vram":1000000}]}"#

    /// Serves for as long as the process that started it is there.
    static func run() throws {
        let parent = getppid()
        let random = Locked(SeededGenerator(seed: 7))
        let polls = Locked(0)
        let targets = Locked([String: Int]())
        let server = try LoopbackServer(keepsRequests: false) { request in
            let earlier = targets.withLock { targets in
                defer { targets[request.target, default: 0] += 1 }
                return targets[request.target, default: 0]
            }
            // What the first floods cost, through URLSession and through libcurl, is to be there from the beginning: it is
            // not given back, and would look like growth.
            if earlier < 2 { return .torrent }
            let chance = random.withLock { Int.random(in: 0..<2000, using: &$0) }
            guard request.method != "POST" else { return fault(chance) ?? .json(#"{"partialSuccess":{}}"#) }
            let number = polls.withLock { polls in
                polls += 1
                return polls
            }
            if number % 1000 == 0 { say("polls \(number)") }
            return fault(chance) ?? (request.target.contains("api/ps") ? .json(models) : .text(page))
        }
        say("port \(server.port)")
        while getppid() == parent { _ = eventually(within: .seconds(1)) { false } }
    }

    /// One request in a hundred meets one.
    private static func fault(_ chance: Int) -> LoopbackAnswer? {
        switch chance {
        case 0..<4: .text("", status: 503)
        case 4..<8: .close
        case 8..<12: .reset
        case 12..<15: .text("", status: 400)
        case 15: .hang
        case 16: .endlessHead
        case 17: .response(200, headers: ["Content-Encoding": "gzip"], body: Data(repeating: 0, count: 1000))
        case 18: .raw(Data("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n".utf8))
        case 19: .torrent
        default: nil
        }
    }

    private static func say(_ line: String) {
        print(line)
        fflush(nil)
    }
}
