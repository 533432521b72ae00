import ExampleSupport
import Testing

@testable import HummingbirdServer

@Suite("Options")
struct OptionsTests {
    private func options(_ arguments: [String] = [], _ environment: [String: String] = [:]) throws -> ServerOptions {
        try ServerOptions(arguments: arguments, environment: environment)
    }

    @Test("the command line wins over the environment, and that over the default")
    func precedence() throws {
        #expect(try options() == ServerOptions())
        #expect(try options([], ["SERVER_PORT": "81", "SERVER_LOG_LEVEL": "debug"]).port == 81)
        let both = try options(["--port=82", "--queue", "3"], ["SERVER_PORT": "81", "SERVER_CONCURRENCY": "2"])
        #expect(both.port == 82)
        #expect(both.queueLimit == 3)
        #expect(both.concurrency == 2)
        #expect(try options([], ["SERVER_PORT": ""]).port == 8080)
    }

    @Test("models")
    func models() throws {
        let models = try options(["--models", "qwen2.5:7b=32/9.5,b=2/1"]).models
        #expect(
            models == [
                ModelProfile(name: "qwen2.5:7b", cacheBlocks: 32, tokensPerSecond: 9.5),
                ModelProfile(name: "b", cacheBlocks: 2, tokensPerSecond: 1),
            ]
        )
    }

    @Test(
        "what can't be used is refused, by name",
        arguments: [
            ["--bogus"], ["--bogus=1"], ["stray"], ["--port"], ["--port", "x"], ["--port", "65536"], ["--port", "-1"],
            ["--engine-errors", "1.1"],
            ["--speed", "0"], ["--speed", "nan"], ["--concurrency", "0"], ["--log-level", "loud"], ["--models", ""],
            ["--models", "a"], ["--models", "a=1/1"], ["--models", "a=9/0"], ["--models", "a=9/1,a=9/1"],
            ["--models", "=9/1"], ["--models", "a=9/1,"],
        ]
    )
    func refusals(arguments: [String]) throws {
        let name = arguments[0].split(separator: "=").first.map(String.init) ?? ""
        let error = #expect(throws: UsageError.self) { try options(arguments) }
        guard case .invalid(let message) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(message.contains(name))
    }

    @Test("the usage text names every option")
    func usage() {
        #expect(throws: UsageError.helpWanted) { try options(["--help"]) }
        for option in ServerOptions.options { #expect(ServerOptions.usage.contains("--\(option.name) <")) }
    }
}
