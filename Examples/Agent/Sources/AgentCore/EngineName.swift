// How engines call themselves.

enum EngineName {
    /// The name for people of an `engine` attribute; one that is not known is given as it is.
    static func of(_ engine: String) -> String { names[engine] ?? engine }

    private static let names = [
        "ollama": "Ollama", "vllm": "vLLM", "tgi": "TGI", "sglang": "SGLang", "tensorrt-llm": "TensorRT-LLM",
        "triton": "Triton", "lmdeploy": "LMDeploy", "nim": "NIM", "dynamo": "Dynamo", "aphrodite": "Aphrodite",
    ]
}
