import Foundation
import TestSupport
import Testing

#if os(Linux)
/// The stress of docs/reliability.md, some hundred sequences of it, in a process of its own: it uses the one instrumentation
/// that a process has, and counts threads.
@Suite("Stress", .serialized, .blocking)
struct StressTests {
    @Test("starts, stops and shutdowns in any order, from all sides at once, lock nothing up and leave nothing behind")
    func randomSequences() throws {
        let environment = ProcessInfo.processInfo.environment.merging(["STRESS_SEQUENCES": "320"]) { own, _ in own }
        let stress = try ChildProcess(builtProduct("Benchmarks"), ["stress"], environment: environment)
        defer { stress.stop() }
        #expect(stress.waitForEnd(.seconds(600)))
        #expect(stress.exitStatus == 0, "\(stress.lines.joined(separator: "\n"))")
        #expect(stress.waitForLine(containing: "Nothing was wrong.") != nil)
    }
}
#endif
