// The name and version of this package.

/// Name and version of this package, as sent to servers.
package enum PackageInfo {
    /// Semantic version of this package.
    package static let version = "0.1.0"

    /// The `User-Agent` of the pollers.
    package static let userAgent = "GenAIOtel-Swift/\(version)"
}
