// Who reports: the attributes of the process that all its metrics share.

import Foundation

/// The resource of everything that this process exports (OpenTelemetry resource semantic conventions).
package struct Resource: Sendable, Equatable {
    /// Sorted by key, each key once.
    package let attributes: [Attribute]

    package init(_ attributes: [String: AttributeValue]) {
        self.attributes = attributes.map { Attribute($0.key, $0.value) }.sorted { $0.key < $1.key }
    }

    /// What the package finds out by itself, then what the configuration says: the latter wins.
    package init(_ configuration: GenAIConfiguration) {
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
        attributes["host.name"] = Self.hostName.map { .string($0) }
        attributes["service.name"] = .string(configuration.serviceName)
        for (key, value) in configuration.resourceAttributes where !key.isEmpty { attributes[key] = .string(value) }
        self.init(attributes)
    }

    /// The value of a text attribute.
    func text(_ key: String) -> String? {
        guard case .string(let text) = attributes.first(where: { $0.key == key })?.value else { return nil }
        return text
    }

    /// One per process, so that replicas on one host, and a container that restarts with the same pid, don't collide.
    private static let instanceID = UUID().uuidString.lowercased()

    /// Not `ProcessInfo.hostName`, which may ask the network.
    private static var hostName: String? {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return nil }
        let name = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return name.isEmpty ? nil : name
    }

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
