// A program whose collector misbehaves, for the fault matrix: exports twice to a collector that is well, then once more in
// the way that the argument names, and tells on standard output how it fared. With two arguments, `ollama` or `engine` and
// a URL, it polls a hostile server instead.

import Foundation
import GenAIOtel
import TestSupport

/// The values that are exported: a name that needs escaping, and each kind of number.
func setGauges(_ instrumentation: GenAIInstrumentation) {
    instrumentation.serverMetrics.setKVCacheUsage(model: "a \"name\"\n🦙", percent: 33.3)
    instrumentation.serverMetrics.setRequestsMax(5)
}

/// - Returns: whether `condition` came to hold within twenty seconds.
func wait(for condition: () -> Bool) -> Bool { eventually(within: .seconds(20), condition) }

/// As one line of JSON.
func print(_ report: FaultReport) throws {
    print(String(decoding: try JSONEncoder().encode(report), as: UTF8.self))
    fflush(nil)
}

if CommandLine.arguments.count == 3 {
    let polls = Polls(url: CommandLine.arguments[2])
    try CommandLine.arguments[1] == "ollama" ? polls.ollama() : polls.engine()
    exit(0)
}

var configuration = GenAIConfiguration()
configuration.ollama = nil

// What loads and starts but once (libraries, Foundation's own threads) is there afterwards.
let first = instrument(configuration)
setGauges(first)
let isWellAtFirst = first.forceFlush(timeout: .seconds(20)) && first.shutdown(timeout: .seconds(20))
guard isWellAtFirst else { exit(3) }

// A thread that has ended is gone from the system's list a moment later.
_ = eventually(within: .seconds(2)) { ProcessResources.now.threads == 1 }
var report = FaultReport()
report.before = .now
let phase = CommandLine.arguments.last
if phase == "periodic" { configuration.exportInterval = .milliseconds(200) }
let instrumentation = instrument(configuration)
setGauges(instrumentation)
let start = ContinuousClock.now
switch phase {
case "periodic":
    // Whatever becomes of the export that meets the fault, a later one arrives.
    report.isDelivered = wait { instrumentation.exportStatistics.exportsDelivered >= 2 }
case "flush":
    report.isDelivered = instrumentation.forceFlush(timeout: .seconds(3))
case "shutdown":
    report.isDelivered = instrumentation.shutdown(timeout: .seconds(3))
default:
    // Ends with the last export still to come.
    try print(report)
    exit(0)
}
report.seconds = start.duration(to: .now) / .seconds(1)
instrumentation.serverMetrics.setRequestsRunning(1)
report.isShutDown = instrumentation.shutdown(timeout: .seconds(3))
report.exportsDelivered = instrumentation.exportStatistics.exportsDelivered
report.exportsFailed = instrumentation.exportStatistics.exportsFailed
report.pointsRejected = instrumentation.exportStatistics.pointsRejected
_ = eventually(within: .seconds(2)) { ProcessResources.now.threads <= report.before.threads }
report.after = .now
try print(report)
