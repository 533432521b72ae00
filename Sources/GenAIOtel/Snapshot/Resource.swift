// The attributes of this process, which all its metrics share.

import Foundation

/// The resource of everything that this process exports (OpenTelemetry resource semantic conventions).
package struct Resource: Sendable, Equatable {
    /// Sorted by key, each key once.
    package let attributes: [Attribute]

    package init(_ attributes: [String: AttributeValue]) {
        self.attributes = attributes.map { Attribute($0.key, $0.value) }.sorted { $0.key < $1.key }
    }

    /// The package's own attributes and those of the configuration. The configuration wins, unless its value is empty.
    package init(_ configuration: GenAIConfiguration) {
        var attributes = Self.foundOut
        attributes["service.name"] = .string(configuration.serviceName)
        for (key, value) in configuration.resourceAttributes where !key.isEmpty {
            if attributes[key] == nil || !Self.saysNothing(value) { attributes[key] = .string(value) }
        }
        self.init(attributes)
    }

    /// Whether a value comes from a variable that was not set: it is empty, or a reference such as `$(NAME)`, which
    /// Kubernetes leaves as it is if there is no such variable.
    static func saysNothing(_ value: String) -> Bool {
        let text = value.trimmed()
        return text.isEmpty || text.hasPrefix("$(") && text.hasSuffix(")")
            || text.hasPrefix("${") && text.hasSuffix("}")
    }

    /// The attributes that this package finds out by itself, all but `service.name`.
    static var foundOut: [String: AttributeValue] {
        var attributes: [String: AttributeValue] = [
            "service.instance.id": .string(Self.instanceID),
            "telemetry.sdk.name": .string("GenAIOtel"),
            "telemetry.sdk.language": .string("swift"),
            "telemetry.sdk.version": .string(PackageInfo.version),
            "telemetry.distro.name": .string("genai-otel-swift"),
            "telemetry.distro.version": .string(PackageInfo.version),
            "os.type": .string(Self.osType),
            "process.pid": .int(Int(ProcessInfo.processInfo.processIdentifier)),
        ]
        attributes["host.name"] = HostName.current.map { .string($0) }
        return attributes
    }

    /// The value of a text attribute.
    func text(_ key: String) -> String? {
        guard case .string(let text) = attributes.first(where: { $0.key == key })?.value else { return nil }
        return text
    }

    /// One per process: a pid is not unique among replicas and restarted containers.
    private static let instanceID = UUID().uuidString.lowercased()

    private static var osType: String {
        #if canImport(Darwin)
        "darwin"
        #elseif os(Windows)
        "windows"
        #else
        "linux"
        #endif
    }
}
