// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "agent",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "genai-agent", targets: ["genai-agent"])],
    dependencies: [
        .package(name: "genai-otel-swift", path: "../.."),
        .package(name: "live-page", path: "../LivePage"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .executableTarget(
            name: "genai-agent",
            dependencies: [
                "AgentCore",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            // Nobody looks up its symbols: without them it has less to load, and takes 1.4 MB less of memory.
            linkerSettings: [
                .unsafeFlags(
                    ["-use-ld=lld", "-Xlinker", "--no-export-dynamic"],
                    .when(platforms: [.linux], configuration: .release)
                )
            ]
        ),
        .target(
            name: "AgentCore",
            dependencies: [
                .product(name: "GenAIOtel", package: "genai-otel-swift"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "LivePage", package: "live-page"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            resources: [.embedInCode("Page/Files")]
        ),
        .testTarget(
            name: "AgentCoreTests",
            dependencies: ["AgentCore", "genai-agent", .product(name: "LivePage", package: "live-page")]
        ),
    ],
    swiftLanguageModes: [.v6]
)
