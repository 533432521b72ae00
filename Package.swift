// swift-tools-version: 6.0

import PackageDescription

let package = Package(
    name: "genai-otel-swift",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "GenAIOtel", targets: ["GenAIOtel"]),
        .library(name: "OllamaPoller", targets: ["OllamaPoller"]),
        .library(name: "EnginePoller", targets: ["EnginePoller"]),
        .library(name: "GPUPoller", targets: ["GPUPoller"]),
        .executable(name: "server-metrics-example", targets: ["ServerMetricsExample"]),
        .executable(name: "ollama-example", targets: ["OllamaExample"]),
    ],
    targets: [
        .target(name: "GenAIOtel", dependencies: ["OllamaPoller", "EnginePoller", "GPUPoller", "GenAISupport"]),
        .target(name: "OllamaPoller", dependencies: ["EnginePoller", "GPUPoller", "GenAISupport"]),
        .target(name: "EnginePoller", dependencies: ["GenAISupport"]),
        .target(name: "GPUPoller", dependencies: ["GenAISupport"]),
        .target(name: "GenAISupport"),

        .executableTarget(
            name: "ServerMetricsExample",
            dependencies: ["GenAIOtel"],
            path: "Examples/ServerMetricsExample"
        ),
        .executableTarget(name: "OllamaExample", dependencies: ["OllamaPoller"], path: "Examples/OllamaExample"),

        .target(name: "TestSupport", dependencies: ["GenAIOtel", "GenAISupport"], path: "Tests/TestSupport"),
        .executableTarget(name: "ExitProbe", dependencies: ["GenAIOtel"], path: "Tests/ExitProbe"),
        .executableTarget(
            name: "FaultProbe",
            dependencies: ["GenAIOtel", "EnginePoller", "OllamaPoller", "TestSupport"],
            path: "Tests/FaultProbe"
        ),
        .executableTarget(
            name: "ParserFuzzer",
            dependencies: ["GenAIOtel", "EnginePoller", "OllamaPoller", "GPUPoller", "GenAISupport"],
            path: "Tests/ParserFuzzer"
        ),
        .executableTarget(
            name: "TrafficProbe",
            dependencies: ["GenAIOtel", "TestSupport"],
            path: "Tests/TrafficProbe"
        ),
        .testTarget(name: "GenAIOtelTests", dependencies: ["GenAIOtel", "ExitProbe", "TestSupport"]),
        .testTarget(name: "GenAISupportTests", dependencies: ["GenAISupport", "TestSupport"]),
        .testTarget(
            name: "OllamaPollerTests",
            dependencies: ["OllamaPoller", "GPUPoller", "TestSupport"],
            resources: [.copy("Fixtures")]
        ),
        .testTarget(name: "GPUPollerTests", dependencies: ["GPUPoller", "TestSupport"]),
        .testTarget(
            name: "EnginePollerTests",
            dependencies: ["EnginePoller", "GenAIOtel", "TestSupport"],
            resources: [.copy("Fixtures")]
        ),
        .testTarget(
            name: "IntegrationTests",
            dependencies: ["GenAIOtel", "Benchmarks", "ExitProbe", "FaultProbe", "TrafficProbe", "TestSupport"]
        ),
        .executableTarget(
            name: "Benchmarks",
            dependencies: ["GenAIOtel", "EnginePoller", "OllamaPoller", "GPUPoller", "AllocationCount", "TestSupport"],
            path: "Tests/Benchmarks"
        ),
        .target(name: "AllocationCount", path: "Tests/AllocationCount"),
    ],
    swiftLanguageModes: [.v6]
)
