import Foundation
import GenAISupport
import TestSupport
import Testing

#if os(Linux)
/// Swift's runtime stops all other threads by a signal before it reports a crash. Of a thread that blocks each signal that
/// the runtime can use, the report has nothing but a line that says so.
@Suite("The report of the host's crash", .blocking, .enabled(if: CrashReport.canBeWritten, CrashReport.whyNot))
struct CrashReportTests {
    @Test("shows all threads, those of the package by their names, and none that could not be stopped")
    func complete() throws {
        let server = try LoopbackServer { request in
            request.target == "/metrics" ? .text("vllm:num_requests_running{model_name=\"m\"} 1\n") : .json("{}")
        }
        defer { server.stop() }
        let report = try CrashReport(
            of: "crash",
            environment: [
                "OTEL_EXPORTER_OTLP_ENDPOINT": server.url, "OTEL_METRIC_EXPORT_INTERVAL": "100",
                "OLLAMA_BASE_URL": server.url, "GENAI_SERVER_METRICS_TARGETS": "\(server.url)/metrics",
            ]
        )
        #expect(report.problems == [])
        let names = report.threadsWithStack
        for name in ["ExitProbe", "genai-export", "genai-collect", "genai-engines", "genai-ollama"] {
            #expect(names.contains(name), "\(names)")
        }
    }

    @Test("is the same without the package, but for the package's threads")
    func withoutThePackage() throws {
        let report = try CrashReport(of: "crash-alone")
        #expect(report.problems == [])
        #expect(report.threadsWithStack == ["ExitProbe"])
    }
}

/// What Swift's runtime writes when the exit probe crashes.
private struct CrashReport {
    private let lines: [String]

    /// Lets the probe crash in one of its ways.
    init(of way: String, environment: [String: String] = [:]) throws {
        // All threads, without looking up the names of functions, which takes seconds.
        let settings = "enable=yes,preset=full,symbolicate=off,interactive=no,color=no"
        let process = try ChildProcess(
            builtProduct("ExitProbe"),
            [way],
            environment: environment.merging(["SWIFT_BACKTRACE": settings]) { _, own in own }
        )
        defer { process.stop() }
        _ = process.waitForLine(containing: "Backtrace took")
        lines = process.lines
    }

    /// Lines about threads whose stacks are missing.
    var problems: [String] { lines.filter { $0.contains("failed to suspend") } }

    /// Names of the threads that have an address at least, in the report's order.
    var threadsWithStack: [String] {
        var names: [String] = []
        var thread: String?
        for line in lines {
            if line.hasPrefix("Thread ") {
                thread = line.split(separator: "\"").dropFirst().first.map(String.init)
            } else if line.hasPrefix("0 "), line.contains("0x"), let name = thread {
                names.append(name)
                thread = nil
            }
        }
        return names
    }

    /// False where the toolchain has no `swift-backtrace`, and under a sanitizer, which handles crashes itself.
    static let canBeWritten: Bool = {
        if dlsym(nil, "__asan_init") != nil || dlsym(nil, "__tsan_init") != nil { return false }
        return (try? CrashReport(of: "crash-alone"))?.lines.contains { $0.contains("crashed:") } == true
    }()

    static let whyNot: Comment = "Swift's runtime writes no reports of crashes here: no swift-backtrace, or a sanitizer"
}
#endif
