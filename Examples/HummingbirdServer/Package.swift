// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "hummingbird-server",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "HummingbirdServer", targets: ["HummingbirdServer"])],
    dependencies: [
        .package(name: "genai-otel-swift", path: "../.."),
        .package(name: "live-page", path: "../LivePage"),
        .package(name: "tools", path: "Tools"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .executableTarget(
            name: "HummingbirdServer",
            dependencies: [
                .product(name: "ExampleSupport", package: "tools"),
                .product(name: "GenAIOtel", package: "genai-otel-swift"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "LivePage", package: "live-page"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            resources: [.embedInCode("Page/Files")]
        ),
        .testTarget(
            name: "HummingbirdServerTests",
            dependencies: [
                "HummingbirdServer",
                // For the test that the package's names stand beside theirs.
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "ExampleClient", package: "tools"),
                .product(name: "ExampleSupport", package: "tools"),
                .product(name: "GenAIOtel", package: "genai-otel-swift"),
                .product(name: "Instrumentation", package: "swift-distributed-tracing"),
                .product(name: "LivePage", package: "live-page"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                // So that the load program is built, and run by the tests.
                .product(name: "load", package: "tools"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)
