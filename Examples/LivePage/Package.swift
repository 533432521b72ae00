// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "live-page",
    platforms: [.macOS(.v15)],
    products: [.library(name: "LivePage", targets: ["LivePage"])],
    dependencies: [.package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1")],
    targets: [
        .target(
            name: "LivePage",
            dependencies: [.product(name: "Hummingbird", package: "hummingbird")],
            resources: [.embedInCode("Files")]
        )
    ],
    swiftLanguageModes: [.v6]
)
