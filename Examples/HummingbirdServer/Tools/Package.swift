// swift-tools-version: 6.2
// What the server's own package can't hold: `swift run` without a name needs the server to be its only executable.

import PackageDescription

let package = Package(
    name: "tools",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "load", targets: ["load"]),
        .library(name: "ExampleSupport", targets: ["ExampleSupport"]),
    ],
    dependencies: [
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0")
    ],
    targets: [
        .target(name: "ExampleSupport"),
        .executableTarget(
            name: "load",
            dependencies: [
                "ExampleSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)
