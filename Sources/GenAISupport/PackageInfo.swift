// What this package calls itself.

/// Name and version of this package, as sent to servers.
package enum PackageInfo {
    /// Semantic version of this package.
    package static let version = "0.1.0"

    /// The `User-Agent` with which pollers ask.
    package static let userAgent = "GenAIOtel-Swift/\(version)"
}
