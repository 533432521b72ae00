// Replaces unusable settings.

import Foundation

extension GenAIConfiguration {
    /// The configuration with unusable values replaced by their defaults and unusable headers left out, each with an
    /// entry in ``warnings``.
    func validated() -> GenAIConfiguration {
        var result = self
        Self.mend(&result.exportInterval, "exportInterval", Self.defaultExportInterval, &result.warnings)
        Self.mend(&result.exportTimeout, "exportTimeout", Self.defaultExportTimeout, &result.warnings)
        Self.mend(&result.otlp.timeout, "otlp.timeout", OTLPConfiguration.defaultTimeout, &result.warnings)
        Self.mend(&result.cardinalityLimit, "cardinalityLimit", atLeast: 1, &result.warnings)
        Self.mend(&result.otlp.outageBufferLimit, "otlp.outageBufferLimit", atLeast: 0, &result.warnings)
        Self.mend(&result.otlp.outageBufferByteLimit, "otlp.outageBufferByteLimit", atLeast: 0, &result.warnings)
        Self.mend(&result.otlp.maxPointsPerExport, "otlp.maxPointsPerExport", &result.warnings)
        Self.mend(&result.otlp.maxBytesPerExport, "otlp.maxBytesPerExport", &result.warnings)
        if result.serviceName.isEmpty { result.serviceName = Self.defaultServiceName }
        result.requests = result.requests.validated(&result.warnings)
        if result.requests.providerName == nil { result.requests.providerName = result.serviceName }
        result.mendHeaders()
        result.mendResourceAttributes()
        result.checkPath()
        return result
    }

    private static func mend(
        _ duration: inout Duration,
        _ name: String,
        _ fallback: Duration,
        _ warnings: inout [String]
    ) {
        if duration <= .zero {
            warnings.append("\(name) is \(duration) but must be more than 0; using \(fallback)")
            duration = fallback
        } else {
            duration = duration.withinAYear
        }
    }

    private static func mend(_ number: inout Int, _ name: String, atLeast least: Int, _ warnings: inout [String]) {
        guard number < least else { return }
        warnings.append("\(name) is \(number), less than \(least); \(least) is used")
        number = least
    }

    private static func mend(_ limit: inout Int?, _ name: String, _ warnings: inout [String]) {
        guard let number = limit, number < 1 else { return }
        warnings.append("\(name) is \(number), less than 1; exports are not split")
        limit = nil
    }

    /// Warns if `v1/metrics` is in the path twice, which no collector has.
    private mutating func checkPath() {
        let path = otlp.endpoint.path
        guard exporters.contains(.otlp), path.hasSuffix("/v1/metrics/v1/metrics") else { return }
        warnings.append(
            "The OTLP endpoint ends in /v1/metrics/v1/metrics: leave /v1/metrics out of OTEL_EXPORTER_OTLP_ENDPOINT, to which it is appended"
        )
    }

    /// Keeps the attributes that this package finds out by itself if the configuration has an empty value for them. With an
    /// empty `service.instance.id`, replicas would overwrite each other's series.
    private mutating func mendResourceAttributes() {
        let foundOut = Set(Resource.foundOut.keys).union(["service.name"])
        for key in resourceAttributes.keys.sorted() where foundOut.contains(key) {
            guard let value = resourceAttributes[key], Resource.saysNothing(value) else { continue }
            warnings.append("The resource attribute \(key) is empty; the package's own value is kept")
            resourceAttributes[key] = nil
        }
    }

    /// Leaves unusable headers out: a line break in a value would begin another header.
    private mutating func mendHeaders() {
        for (name, value) in otlp.headers where !HTTPHeader.isValid(name: name, value: value) {
            warnings.append("The OTLP header \(quoted(name)) has characters that HTTP forbids; it is not sent")
            otlp.headers[name] = nil
        }
        for name in otlp.headers.keys where OTLPConfiguration.reservedHeaders.contains(name.lowercased()) {
            warnings.append("The OTLP header \(quoted(name)) is set by the exporter itself; yours is not sent")
            otlp.headers[name] = nil
        }
        mendHeaderNames()
    }

    /// Keeps one header of each name, whatever the case of its letters: what was set in code wins over the environment.
    private mutating func mendHeaderNames() {
        for (_, names) in Dictionary(grouping: otlp.headers.keys.sorted(), by: { $0.lowercased() })
        where names.count > 1 {
            let own = names.filter { otlp.headers[$0] != otlp.environmentHeaders[$0] }
            for name in names where name != own.last ?? names.last { otlp.headers[name] = nil }
        }
    }
}

extension OTLPConfiguration {
    /// Whether a header can be sent, and is not one that the exporter sets itself.
    static func isUsableHeader(_ name: String, _ value: String) -> Bool {
        HTTPHeader.isValid(name: name, value: value) && !reservedHeaders.contains(name.lowercased())
    }

    /// Headers that tell the receiver how to read the request.
    static let reservedHeaders: Set = [
        "connection", "content-encoding", "content-length", "content-type", "expect", "host", "transfer-encoding",
    ]
}
