// A program that sets a gauge and ends, in the way that its first argument names: for the tests of the last export.
// A second argument is the time until then, in microseconds.

import Dispatch
import Foundation
import GenAIOtel

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

let ending = CommandLine.arguments.dropFirst().first
if ending == "without-threads" { refuseThreads() }
if ending == "without-descriptors" { takeAllDescriptors() }
let instrumentation = ending == "crash-alone" ? nil : instrument()
getServerMetrics()?.setRequestsRunning(7)
if let delay = CommandLine.arguments.dropFirst(2).first.flatMap({ UInt32($0) }) { usleep(delay) }

switch ending {
case "return", "without-threads":
    break
case "without-descriptors":
    // Until a signal ends it: the poll's outcome is a line of the log.
    pause()
case "two-exits":
    for _ in 0..<2 { Thread.detachNewThread { exit(0) } }
    pause()
case "exit":
    exit(0)
case "own-request":
    let isDone = DispatchSemaphore(value: 0)
    let url = ProcessInfo.processInfo.environment["PROBE_URL"].flatMap { URL(string: $0) }
    guard let url else { exit(2) }
    URLSession.shared.dataTask(with: url) { @Sendable _, _, _ in isDone.signal() }.resume()
    isDone.wait()
case "crash", "crash-alone":
    // Not before each thread of the package has done its work once.
    while let instrumentation, !hasDelivered(instrumentation, readingsOf: ["ollama", "vllm"]) { usleep(10_000) }
    fatalError("The host crashes")
case "terminate":
    // As a service's signal handler does it: the default action of SIGTERM would end the process at once.
    signal(SIGTERM, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: SIGTERM, queue: .global())
    source.setEventHandler { @Sendable in exit(0) }
    // A signal that comes before the source is in place would be ignored.
    source.setRegistrationHandler { @Sendable in
        print("ready")
        fflush(nil)
    }
    source.resume()
    // Not dispatchMain(), whose end of the main thread's stack Address Sanitizer takes for an error now and then.
    while true { pause() }
case let other:
    print("unknown argument \(other ?? "")")
    exit(2)
}

/// Whether something has been exported, and a server of each of these engines has been read.
func hasDelivered(_ instrumentation: GenAIInstrumentation, readingsOf engines: [String]) -> Bool {
    guard instrumentation.exportStatistics.exportsDelivered > 0 else { return false }
    let text = instrumentation.prometheusText()
    return engines.allSatisfy { text.contains("engine=\"\($0)\"") }
}
