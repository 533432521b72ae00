// Decodes protobuf by the tables of opentelemetry-proto, for comparison with JSON: nothing of the encoder's is used here.

import Foundation
import Testing

/// Decodes an `ExportMetricsServiceRequest` into what its JSON decodes into.
enum ProtobufMessage {
    private indirect enum Kind: Sendable {
        case string, bool, int64, enumeration, sint32, fixed64, sfixed64, double, hexadecimal
        case message(String)
        case packed(Kind)
        case uint64
    }

    private struct Field: Sendable {
        var name: String
        var kind: Kind
        var isList = false
    }

    private static func points(_ message: String) -> [UInt64: Field] {
        [1: Field(name: "dataPoints", kind: .message(message), isList: true)]
    }
    private static let temporality = Field(name: "aggregationTemporality", kind: .enumeration)
    private static let attributes = Field(name: "attributes", kind: .message("KeyValue"), isList: true)
    private static let times =
        [
            2: Field(name: "startTimeUnixNano", kind: .fixed64), 3: Field(name: "timeUnixNano", kind: .fixed64),
        ] as [UInt64: Field]
    private static let totals =
        [4: Field(name: "count", kind: .fixed64), 5: Field(name: "sum", kind: .double)] as [UInt64: Field]

    private static let exemplars = Field(name: "exemplars", kind: .message("Exemplar"), isList: true)

    private static let messages: [String: [UInt64: Field]] = [
        "Request": [1: Field(name: "resourceMetrics", kind: .message("ResourceMetrics"), isList: true)],
        "ResourceMetrics": [
            1: Field(name: "resource", kind: .message("Resource")),
            2: Field(name: "scopeMetrics", kind: .message("ScopeMetrics"), isList: true),
        ],
        "Resource": [1: attributes],
        "KeyValue": [1: Field(name: "key", kind: .string), 2: Field(name: "value", kind: .message("AnyValue"))],
        "AnyValue": [
            1: Field(name: "stringValue", kind: .string), 2: Field(name: "boolValue", kind: .bool),
            3: Field(name: "intValue", kind: .int64),
        ],
        "ScopeMetrics": [
            1: Field(name: "scope", kind: .message("Scope")),
            2: Field(name: "metrics", kind: .message("Metric"), isList: true),
        ],
        "Scope": [1: Field(name: "name", kind: .string), 2: Field(name: "version", kind: .string)],
        "Metric": [
            1: Field(name: "name", kind: .string), 2: Field(name: "description", kind: .string),
            3: Field(name: "unit", kind: .string), 5: Field(name: "gauge", kind: .message("Gauge")),
            7: Field(name: "sum", kind: .message("Sum")), 9: Field(name: "histogram", kind: .message("Histogram")),
            10: Field(name: "exponentialHistogram", kind: .message("Exponential")),
        ],
        "Gauge": points("Number"),
        "Sum": points("Number").merging([2: temporality, 3: Field(name: "isMonotonic", kind: .bool)]) { $1 },
        "Histogram": points("HistogramPoint").merging([2: temporality]) { $1 },
        "Exponential": points("ExponentialPoint").merging([2: temporality]) { $1 },
        "Number": times.merging([
            7: attributes, 4: Field(name: "asDouble", kind: .double), 6: Field(name: "asInt", kind: .sfixed64),
        ]) { $1 },
        "HistogramPoint": times.merging(totals) { $1 }.merging([
            9: attributes, 6: Field(name: "bucketCounts", kind: .packed(.fixed64)),
            7: Field(name: "explicitBounds", kind: .packed(.double)), 8: exemplars,
            11: Field(name: "min", kind: .double),
            12: Field(name: "max", kind: .double),
        ]) { $1 },
        "ExponentialPoint": times.merging(totals) { $1 }.merging([
            1: attributes, 6: Field(name: "scale", kind: .sint32), 7: Field(name: "zeroCount", kind: .fixed64),
            8: Field(name: "positive", kind: .message("Buckets")), 11: exemplars, 12: Field(name: "min", kind: .double),
            13: Field(name: "max", kind: .double),
        ]) { $1 },
        "Exemplar": [
            2: Field(name: "timeUnixNano", kind: .fixed64), 3: Field(name: "asDouble", kind: .double),
            4: Field(name: "spanId", kind: .hexadecimal), 5: Field(name: "traceId", kind: .hexadecimal),
        ],
        "Buckets": [1: Field(name: "offset", kind: .sint32), 2: Field(name: "bucketCounts", kind: .packed(.uint64))],
    ]

    static func decode(_ bytes: [UInt8]) throws -> [String: Any] { try decode("Request", bytes[...]) }

    private static func decode(_ name: String, _ bytes: ArraySlice<UInt8>) throws -> [String: Any] {
        let fields = try #require(messages[name])
        var rest = bytes
        var result: [String: Any] = [:]
        while !rest.isEmpty {
            let tag = try varint(&rest)
            let field = try #require(fields[tag >> 3], "\(name) has no field \(tag >> 3)")
            let value = try value(field.kind, wireType: tag & 7, &rest)
            if field.isList {
                result[field.name] = (result[field.name] as? [Any] ?? []) + [value]
            } else {
                #expect(result[field.name] == nil, "\(field.name) twice")
                result[field.name] = value
            }
        }
        return result
    }

    private static func value(_ kind: Kind, wireType: UInt64, _ rest: inout ArraySlice<UInt8>) throws -> Any {
        switch (kind, wireType) {
        case (.bool, 0): return try varint(&rest) == 1
        case (.int64, 0): return "\(Int64(bitPattern: try varint(&rest)))"
        case (.uint64, 0): return "\(try varint(&rest))"
        case (.enumeration, 0): return Int(try varint(&rest))
        case (.sint32, 0):
            let bits = try varint(&rest)
            return Int(bits >> 1) ^ -Int(bits & 1)
        case (.fixed64, 1): return "\(try eightBytes(&rest))"
        case (.sfixed64, 1): return "\(Int64(bitPattern: try eightBytes(&rest)))"
        case (.double, 1): return Double(bitPattern: try eightBytes(&rest))
        case (.string, 2):
            let bytes = try delimited(&rest)
            return try #require(String(validating: bytes, as: UTF8.self))
        case (.hexadecimal, 2):
            // In JSON they are digits, in protobuf bytes.
            return try delimited(&rest).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        case (.message(let name), 2): return try decode(name, delimited(&rest))
        case (.packed(let kind), 2):
            var numbers = try delimited(&rest)
            var result: [Any] = []
            while !numbers.isEmpty {
                let wireType: UInt64 = if case .uint64 = kind { 0 } else { 1 }
                result.append(try value(kind, wireType: wireType, &numbers))
            }
            return result
        default: throw Unexpected(wireType: wireType)
        }
    }

    private struct Unexpected: Error { var wireType: UInt64 }
    private struct TooShort: Error {}

    // Without `#require`, which takes a hundred times as long as what it checks.

    private static func varint(_ rest: inout ArraySlice<UInt8>) throws -> UInt64 {
        var result: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = rest.popFirst() else { throw TooShort() }
            result |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { break }
        }
        return result
    }

    private static func eightBytes(_ rest: inout ArraySlice<UInt8>) throws -> UInt64 {
        guard rest.count >= 8 else { throw TooShort() }
        defer { rest = rest.dropFirst(8) }
        return rest.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    }

    private static func delimited(_ rest: inout ArraySlice<UInt8>) throws -> ArraySlice<UInt8> {
        let length = Int(try varint(&rest))
        guard length <= rest.count else { throw TooShort() }
        defer { rest = rest.dropFirst(length) }
        return rest.prefix(length)
    }
}
