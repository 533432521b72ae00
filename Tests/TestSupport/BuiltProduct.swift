// Finds the executables that are built with the tests.

import Foundation

/// The path of an executable of this package, next to the tests' own.
package func builtProduct(_ name: String) -> String {
    #if canImport(Darwin)
    // There the tests are a bundle that another program has loaded.
    let testBundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
    #else
    // Looking through all bundles ends the process with some builds of Swift 6.2.
    let testBundle: URL? = nil
    #endif
    let own = testBundle ?? Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
    return own.deletingLastPathComponent().appendingPathComponent(name).path
}
