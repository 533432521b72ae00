// The command line.

import AgentCore
import ArgumentParser
import Foundation

@main
struct Program: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "genai-agent",
        abstract: "Shows and exports what the LLM servers and GPUs of this machine do.",
        discussion: """
            Reads Ollama, vLLM, SGLang, TGI, llama.cpp, TensorRT-LLM, Triton, LMDeploy, NIM and Dynamo, and NVIDIA, AMD and Apple \
            GPUs. The OTEL_ and GENAI_ variables of GenAIOtel set the rest: where to export to, credentials, intervals.
            """,
        // The library's, with which it is released.
        version: "0.1.0",
        subcommands: [WatchCommand.self, RunCommand.self, CheckCommand.self],
        defaultSubcommand: WatchCommand.self
    )
}

/// Which engines to poll.
struct EngineOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "An engine to poll. Can be given several times, and beside GENAI_SERVER_METRICS_TARGETS.",
            valueName: "url"
        )
    )
    var engine: [String] = []

    @Option(
        help: ArgumentHelp(
            "A file of engines: a URL on each line, or the JSON of Prometheus' file_sd.",
            valueName: "file"
        ),
        completion: .file()
    )
    var targetsFile: String?
}

/// Ends the program as a wrong command line does.
func asUsage<Result>(_ body: () async throws -> Result) async throws -> Result {
    do { return try await body() } catch let problem as UsageProblem { throw ValidationError(problem.description) }
}
