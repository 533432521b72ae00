// Mends what code has set to something that can't be used.

import Foundation

extension GenAIConfiguration {
    /// The configuration with unusable values replaced by their defaults and unusable headers left out; what was mended
    /// stands in ``warnings``.
    func validated() -> GenAIConfiguration {
        var result = self
        Self.mend(&result.exportInterval, "exportInterval", Self.defaultExportInterval, &result.warnings)
        Self.mend(&result.exportTimeout, "exportTimeout", Self.defaultExportTimeout, &result.warnings)
        Self.mend(&result.otlp.timeout, "otlp.timeout", OTLPConfiguration.defaultTimeout, &result.warnings)
        Self.mend(&result.cardinalityLimit, "cardinalityLimit", atLeast: 1, &result.warnings)
        Self.mend(&result.otlp.outageBufferLimit, "otlp.outageBufferLimit", atLeast: 0, &result.warnings)
        Self.mend(&result.otlp.outageBufferByteLimit, "otlp.outageBufferByteLimit", atLeast: 0, &result.warnings)
        if result.serviceName.isEmpty { result.serviceName = Self.defaultServiceName }
        result.mendHeaders()
        return result
    }

    private static func mend(
        _ duration: inout Duration,
        _ name: String,
        _ fallback: Duration,
        _ warnings: inout [String]
    ) {
        if duration <= .zero {
            warnings.append("\(name) is \(duration), not more than 0; \(fallback) is used")
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

    /// A line break in a header's value would be a header of its own.
    private mutating func mendHeaders() {
        for (name, value) in otlp.headers where !HTTPHeader.isValid(name: name, value: value) {
            warnings.append("The OTLP header \(quoted(name)) has characters that a header can't have; it is left out")
            otlp.headers[name] = nil
        }
        for name in otlp.headers.keys where Self.reservedHeaders.contains(name.lowercased()) {
            warnings.append("The OTLP header \(quoted(name)) is set by the exporter itself; it is left out")
            otlp.headers[name] = nil
        }
    }

    /// What tells the receiver how to read the request.
    private static let reservedHeaders: Set = [
        "connection", "content-encoding", "content-length", "content-type", "expect", "host", "transfer-encoding",
    ]
}

/// Why OTLP export can't work as configured.
struct OTLPObstacle: Error, CustomStringConvertible {
    let description: String
}

extension OTLPConfiguration {
    /// The endpoint to post to; throws ``OTLPObstacle`` if that is none.
    func validEndpoint() throws -> HTTPEndpoint {
        do {
            return try HTTPEndpoint(endpoint.absoluteString)
        } catch {
            throw OTLPObstacle(description: "the endpoint \(error)")
        }
    }

    /// What to post with; throws ``OTLPObstacle`` if the certificate files can't be honoured.
    func transport(userAgent: String) throws -> any HTTPTransport {
        let tls = TLSFiles(
            certificateAuthorities: certificateFile,
            clientCertificate: clientCertificateFile,
            clientKey: clientKeyFile
        )
        do {
            return try HTTPTransports.libcurlFirst(userAgent: userAgent, tls: tls)
        } catch {
            throw OTLPObstacle(description: "\(error)")
        }
    }
}

extension Duration {
    /// Held between 0 and a year, so that arithmetic with it can't overflow.
    var withinAYear: Duration { min(max(self, .zero), .seconds(365 * 86_400)) }
}
