// swift-tools-version: 6.2
// What the server's own package can't hold: `swift run` without a name needs the server to be its only executable.

import PackageDescription

let package = Package(
    name: "tools",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "load", targets: ["load"]),
        .library(name: "ExampleClient", targets: ["ExampleClient"]),
        .library(name: "ExampleSupport", targets: ["ExampleSupport"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2")
    ],
    targets: [
        .target(
            name: "ExampleClient",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]
        ),
        .target(name: "ExampleSupport"),
        .executableTarget(name: "load", dependencies: ["ExampleClient", "ExampleSupport"]),
    ],
    swiftLanguageModes: [.v6]
)
