// Shows the collector's values: a table that refreshes in place on a terminal, a line a second elsewhere.

import Foundation
import GenAIOtel

struct LiveTable {
    private let isTerminal = isatty(STDOUT_FILENO) == 1
    private var linesShown = 0
    private var exportsSeen = 0
    private var lastPlainLine = ContinuousClock.now - .seconds(1)

    /// - Parameter exports: how many exports there were; after each the table begins anew, because one to the console has
    ///   been printed below it.
    mutating func show(_ metrics: ServerMetricsCollector, exports: Int, secondsLeft: Int) {
        if isTerminal {
            if exports != exportsSeen { linesShown = 0 }
            exportsSeen = exports
            showTable(metrics, secondsLeft: secondsLeft)
        } else if lastPlainLine.duration(to: .now) >= .seconds(1) {
            lastPlainLine = .now
            print(plainLine(metrics))
        }
        // Output to a pipe or file is buffered, and would come all at once at the end.
        fflush(nil)
    }

    private mutating func showTable(_ metrics: ServerMetricsCollector, secondsLeft: Int) {
        var lines = ["", "Simulated LLM server, \(secondsLeft) s to go (Ctrl-C ends it)", ""]
        for (model, usage) in metrics.kvCacheUsage.sorted(by: { $0.key < $1.key }) {
            lines.append(
                "  KV cache  \(padded(model, 12)) \(bar(usage)) \(leftPadded(String(format: "%.1f", usage), 5)) %"
            )
        }
        let capacity = metrics.requestsMax ?? 0
        let share = capacity > 0 ? Double(metrics.requestsRunning) / Double(capacity) * 100 : 0
        lines.append("  Requests  \(padded("running", 12)) \(bar(share)) \(metrics.requestsRunning) of \(capacity)")
        lines.append("  Requests  \(padded("waiting", 12)) \(metrics.requestsWaiting)")
        // Up over what was shown before, and each line cleared to its end.
        let up = linesShown > 0 ? "\u{1b}[\(linesShown)A" : ""
        print(up + lines.map { "\u{1b}[2K\($0)\n" }.joined(), terminator: "")
        linesShown = lines.count
    }

    private func plainLine(_ metrics: ServerMetricsCollector) -> String {
        let usages = metrics.kvCacheUsage.sorted { $0.key < $1.key }
            .map { "\($0.key) \(String(format: "%.1f", $0.value)) %" }
            .joined(separator: ", ")
        return "running \(metrics.requestsRunning), waiting \(metrics.requestsWaiting), "
            + "max \(metrics.requestsMax ?? 0); KV cache: \(usages)"
    }

    private func bar(_ percent: Double) -> String {
        let filled = Int((percent / 5).rounded())
        return String(repeating: "█", count: filled) + String(repeating: "░", count: 20 - filled)
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text.padding(toLength: width, withPad: " ", startingAt: 0)
    }

    private func leftPadded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(width - text.count, 0)) + text
    }
}
