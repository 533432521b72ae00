// Finds the executables that are built with the tests.

import Foundation

/// The path of an executable of this package, next to the tests' own.
package func builtProduct(_ name: String) -> String {
    let testBundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
    let own = testBundle ?? Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
    return own.deletingLastPathComponent().appendingPathComponent(name).path
}
