import Foundation
import TestSupport
import Testing

/// Every misbehaviour of the receiver, in both encodings, plain and gzip, in each of the four ways in which an export comes about; each case
/// in a process of its own, which tells what it holds before and after.
@Suite("Fault matrix, against a strict receiver that misbehaves", .serialized, .blocking)
struct FaultMatrixTests {
    enum Phase: String, CaseIterable, CustomTestStringConvertible {
        case periodic, flush, shutdown, exit
        var testDescription: String { rawValue }
    }

    /// How the requests are sent.
    struct Form: CustomTestStringConvertible {
        var encoding: String
        var compression: String
        var testDescription: String { "\(encoding) \(compression)" }

        static let all = ["http/json", "http/protobuf"].flatMap { encoding in
            ["none", "gzip"].map { Form(encoding: encoding, compression: $0) }
        }
    }

    /// One case: what the probe reported and what the receiver saw.
    private struct Case: Sendable {
        struct Request: Sendable {
            var status: Int?
            var points: Int
        }

        var fault: Fault
        var report = FaultReport()
        /// Those after the two exports that went well.
        var requests: [Request] = []
        /// What the receiver did not like about any request.
        var findings: [String] = []
        var hasEnded = false
        /// From the report to the process's end.
        var secondsToEnd = 0.0
    }

    @Test(
        "every fault ends as it should, and leaves nothing behind",
        Program.areThere(.receiver, .receiverPython),
        arguments: Phase.allCases,
        Form.all
    )
    func matrix(phase: Phase, form: Form) async throws {
        // Most of the time of a case is waiting: four at a time.
        let cases = try await withThrowingTaskGroup(of: Case.self) { group in
            var remaining = Fault.all[...]
            var done: [Case] = []
            func startNext() {
                guard let fault = remaining.popFirst() else { return }
                group.addTask {
                    try await onThreadOfItsOwn { try run(fault, phase, form) }
                }
            }
            for _ in 0..<4 { startNext() }
            while let finished = try await group.next() {
                done.append(finished)
                startNext()
            }
            return done
        }
        #expect(cases.count == Fault.all.count)
        for outcome in cases { check(outcome, phase, form) }
    }

    private func run(_ fault: Fault, _ phase: Phase, _ form: Form) throws -> Case {
        let receiver = try StrictReceiver(["ok", "ok", fault.specification])
        defer { receiver.process.stop() }
        let probe = try ChildProcess(
            builtProduct("FaultProbe"),
            [phase.rawValue],
            environment: [
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_EXPORTER_OTLP_COMPRESSION": form.compression,
                "OTEL_EXPORTER_OTLP_PROTOCOL": form.encoding,
                "OTEL_EXPORTER_OTLP_TIMEOUT": "4000", "GENAI_LOG_LEVEL": "none",
            ]
        )
        defer { probe.stop() }
        var result = Case(fault: fault)
        let line = try #require(probe.waitForLine(containing: "{"), "\(fault.specification): \(probe.lines)")
        let reported = ContinuousClock.now
        result.report = try JSONDecoder().decode(FaultReport.self, from: Data(line.utf8))
        result.hasEnded = probe.waitForEnd(.seconds(20))
        result.secondsToEnd = reported.duration(to: .now) / .seconds(1)
        // The receiver logs after it has answered, and the last answer may have been hung up on.
        let entries = try receiver.waitForEntries(3)
        result.requests = entries.dropFirst(2).map { Case.Request(status: $0.status, points: $0.points) }
        result.findings = entries.flatMap(\.findings).filter { !Fault.isExpected($0) }
        return result
    }

    private func check(_ outcome: Case, _ phase: Phase, _ form: Form) {
        let name: Comment = "\(outcome.fault.specification), \(phase), \(form.testDescription)"
        let report = outcome.report
        print(
            "fault matrix: \(name.rawValue):",
            "\(((phase == .exit ? outcome.secondsToEnd : report.seconds) * 100).rounded() / 100) s,",
            "\(outcome.requests.count) requests, delivered \(report.exportsDelivered), failed \(report.exportsFailed),",
            "RSS \(report.before.memory) -> \(report.after.memory), at most \(report.after.peakMemory) KiB"
        )
        #expect(outcome.hasEnded, name)
        #expect(outcome.findings == [], name)
        #expect(outcome.requests.allSatisfy { $0.points == 4 }, name)
        if phase == .exit {
            let arrived = outcome.requests.contains { $0.status == 200 }
            #expect(arrived || !outcome.fault.isDeliveredAtExit, name)
            return
        }
        checkDelivery(outcome, phase, name)
        #expect(report.after.threads == report.before.threads, name)
        #expect(report.after.descriptors == report.before.descriptors, name)
        // What an answer can cost at most is 4 MiB; the rest is the allocator's.
        #expect(report.after.peakMemory < report.before.peakMemory + 16_384, name)
    }

    private func checkDelivery(_ outcome: Case, _ phase: Phase, _ name: Comment) {
        let (fault, report) = (outcome.fault, outcome.report)
        // A later export arrives, unless the collector wants none for a minute.
        let recovers = fault.outcome != .throttled
        let isDelivered = phase == .periodic ? recovers : fault.isDeliveredByFlush
        #expect(report.isDelivered == isDelivered, name)
        #expect(report.isShutDown == (phase == .shutdown ? isDelivered : recovers), name)
        if recovers, phase != .shutdown {
            // Kept ones arrive too, so only what was refused is missing.
            #expect(report.exportsFailed == (fault.outcome == .dropped ? 1 : 0), name)
            #expect(report.exportsDelivered >= (fault.outcome == .dropped ? 1 : 2), name)
        } else {
            #expect(report.exportsDelivered == (isDelivered ? 1 : 0), name)
            #expect((report.exportsFailed == 0) == isDelivered, name)
        }
        #expect(report.pointsRejected == fault.rejectedPoints, name)
    }
}

/// Runs blocking work beside the tests.
private func onThreadOfItsOwn<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result
{
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Swift.Result { try work() }) }
    }
}
