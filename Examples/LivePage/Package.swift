// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "live-page",
    products: [.library(name: "LivePage", targets: ["LivePage"])],
    targets: [.target(name: "LivePage", resources: [.embedInCode("Files")])],
    swiftLanguageModes: [.v6]
)
