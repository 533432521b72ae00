import Foundation
import GenAIOtel
import TestSupport
import Testing

/// The two encodings, judged by the official generated classes.
@Suite("OTLP's encodings, decoded by opentelemetry-proto", .blocking)
struct EncodingTests {
    @Test(
        "10 000 random snapshots are right in both encodings, and say the same",
        Program.areThere(.receiver, .receiverPython)
    )
    func sameMessage() throws {
        let folder = try TemporaryFolder()
        let resource = Resource(["service.name": .string("test"), "process.pid": .int(7)])
        let (json, protobuf) = (OTLPJSONEncoder(resource: resource), OTLPProtobufEncoder(resource: resource))
        var snapshots = RandomSnapshots(seed: 17, time: UInt64(Date().timeIntervalSince1970) * 1_000_000_000)
        var bodies = Data()
        for _ in 0..<10_000 {
            let snapshot = snapshots.next()
            for body in [json.encode(snapshot), protobuf.encode(snapshot)] {
                withUnsafeBytes(of: UInt32(body.count).littleEndian) { bodies.append(contentsOf: $0) }
                bodies.append(contentsOf: body)
            }
        }
        let file = "\(folder.path)/bodies"
        try bodies.write(to: URL(fileURLWithPath: file))
        let program = try folder.write(Self.program, to: "compare.py")
        let python = try ChildProcess(
            Program.receiverPython.requirePath(),
            [program, Program.receiver.requirePath(), file]
        )
        defer { python.stop() }
        let last = python.waitForLine(containing: "compared", limit: .seconds(300))
        #expect(last == "10000 compared, 0 differ", "\(python.lines.suffix(20))")
    }

    private static let program = """
        import importlib.util, struct, sys
        spec = importlib.util.spec_from_file_location("receiver", sys.argv[1])
        receiver = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(receiver)
        data, position, number, different = open(sys.argv[2], "rb").read(), 0, 0, 0

        def take():
            global position
            length, = struct.unpack_from("<I", data, position)
            position += 4 + length
            return data[position - length:position]

        while position < len(data):
            json, protobuf = receiver.check(take()), receiver.check_protobuf(take())
            number += 1
            if json["errors"] or protobuf["errors"] or json["message"] != protobuf["message"]:
                different += 1
                print(number, json["errors"][:3], protobuf["errors"][:3])
        print(number, "compared,", different, "differ")
        """
}
