import Foundation
import GenAIOtel
import TestSupport
import Testing

@Suite("OTLPProtobufEncoder")
struct OTLPProtobufEncoderTests {
    private let resource = Resource(["service.name": .string("test"), "process.pid": .int(-7), "flag": .bool(false)])

    /// What both encodings of a snapshot say, for comparison.
    private func decoded(_ snapshot: MetricSnapshot) throws -> (protobuf: NSDictionary, json: NSDictionary) {
        let protobuf = try ProtobufMessage.decode(OTLPProtobufEncoder(resource: resource).encode(snapshot))
        let json = try JSONSerialization.jsonObject(with: Data(OTLPJSONEncoder(resource: resource).encode(snapshot)))
        return (protobuf as NSDictionary, Self.withoutEmptyLists(json) as? NSDictionary ?? [:])
    }

    /// In protobuf a list without elements leaves no trace. Numbers that Foundation reads as decimal ones become doubles.
    private static func withoutEmptyLists(_ node: Any) -> Any {
        switch node {
        case let decimal as NSDecimalNumber: return Double(decimal.description) ?? .nan
        case let list as [Any]: return list.map(withoutEmptyLists)
        case let object as [String: Any]:
            return object.filter { ($0.value as? [Any])?.isEmpty != true }.mapValues(withoutEmptyLists) as NSDictionary
        default: return node
        }
    }

    /// Where the two part.
    private static func difference(_ one: Any?, _ other: Any?, _ path: String) -> String? {
        if let one = one as? [Any], let other = other as? [Any], one.count == other.count {
            return one.indices.lazy.compactMap { difference(one[$0], other[$0], "\(path)[\($0)]") }.first
        }
        if let one = one as? [String: Any], let other = other as? [String: Any] {
            return Set(one.keys).union(other.keys).lazy.compactMap { difference(one[$0], other[$0], "\(path).\($0)") }
                .first
        }
        guard let left = one as? NSObject, let right = other as? NSObject, left.isEqual(right) else {
            return "\(path): \(String(reflecting: one)), \(String(reflecting: other))"
        }
        return nil
    }

    @Test("a gauge point is exactly these bytes")
    func bytes() {
        let point = NumberPoint([Attribute("model", .string("m"))], .int(5))
        let body = OTLPProtobufEncoder(resource: Resource([:])).encode(
            MetricSnapshot(time: 0x0102_0304_0506_0708, metrics: [Metric(.up, [point])])
        )
        let expected: [UInt8] = [
            0x0A, 0x20,  // data_points
            0x3A, 0x0C, 0x0A, 0x05, 0x6D, 0x6F, 0x64, 0x65, 0x6C, 0x12, 0x03, 0x0A, 0x01, 0x6D,  // attributes
            0x19, 8, 7, 6, 5, 4, 3, 2, 1,  // time_unix_nano
            0x31, 5, 0, 0, 0, 0, 0, 0, 0,  // as_int
        ]
        #expect(body.suffix(expected.count) == expected[...])
        // resource_metrics is all there is, and its length is written with four bytes.
        #expect(body[0] == 0x0A)
        let length = body[1...4].reversed().reduce(0) { $0 << 7 | Int($1 & 0x7F) }
        #expect(length == body.count - 5)
    }

    @Test("random snapshots say the same in both encodings", arguments: 0..<4 as Range<UInt64>)
    func sameAsJSON(seed: UInt64) throws {
        var snapshots = RandomSnapshots(seed: seed, time: 1_700_000_000_000_000_000)
        for number in 0..<100 {
            let snapshot = snapshots.next()
            let (protobuf, json) = try decoded(snapshot)
            guard protobuf.isEqual(json) else {
                let difference = Self.difference(protobuf, json, "$") ?? "nothing that can be named"
                Issue.record("seed \(seed), number \(number): \(difference)")
                return
            }
        }
    }

    @Test("what the estimate of the size falls short of is written all the same")
    func longAttributes() throws {
        let attributes = (0..<50).map { Attribute("key-\($0)", .string(String(repeating: "v", count: 256))) }
        let points = (0..<20).map { NumberPoint(attributes + [Attribute("n", .int($0))], .double(1)) }
        let (protobuf, json) = try decoded(MetricSnapshot(time: 9, metrics: [Metric(.kvCacheUsage, points)]))
        #expect(protobuf.isEqual(json))
    }
}
