// swift-tools-version: 6.0
// The smallest programs there are, to measure what this package costs those who use it.

import PackageDescription

let package = Package(
    name: "minimal-users",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "genai-otel-swift", path: "../..")],
    targets: [
        .executableTarget(
            name: "Instrumented",
            dependencies: [.product(name: "GenAIOtel", package: "genai-otel-swift")]
        ),
        .executableTarget(name: "URLSessionOnly"),
    ],
    swiftLanguageModes: [.v6]
)
