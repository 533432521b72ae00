// Shows the collector's values: a table that refreshes in place on a terminal, a line a second elsewhere.

import Foundation
import GenAIOtel

struct LiveTable {
    private var linesShown = 0
    private var widthShown = 0
    private var lastPlainLine = ContinuousClock.now - .seconds(1)

    mutating func show(_ metrics: ServerMetricsCollector, secondsLeft: Int) {
        if let terminal = Terminal() {
            // A terminal that was resized has wrapped the lines anew.
            if terminal.columns != widthShown { linesShown = 0 }
            widthShown = terminal.columns
            showTable(metrics, secondsLeft: secondsLeft, columns: terminal.columns)
        } else if lastPlainLine.duration(to: .now) >= .seconds(1) {
            lastPlainLine = .now
            print(plainLine(metrics))
        }
        // Output to a pipe or file is buffered, and would come all at once at the end.
        fflush(nil)
    }

    /// Takes the table away, so that something else can be printed in its place.
    mutating func clear() {
        guard linesShown > 0 else { return }
        print("\u{1b}[\(linesShown)A\u{1b}[J", terminator: "")
        fflush(nil)
        linesShown = 0
    }

    private mutating func showTable(_ metrics: ServerMetricsCollector, secondsLeft: Int, columns: Int) {
        // What is beside the bar takes 34 columns, and the last one stays free: some terminals wrap after it.
        let barWidth = min(max(columns - 35, 0), 20)
        let hint = columns > 52 ? " (Ctrl-C ends it)" : ""
        var lines = ["", "Simulated LLM server, \(secondsLeft) s to go\(hint)", ""]
        for (model, usage) in metrics.kvCacheUsage.sorted(by: { $0.key < $1.key }) {
            let number = leftPadded(String(format: "%.1f", usage), 5)
            lines.append("  KV cache  \(padded(model, 12)) \(bar(usage, barWidth)) \(number) %")
        }
        let (running, capacity) = (metrics.requestsRunning, metrics.requestsMax ?? 0)
        let share = capacity > 0 ? Double(running) / Double(capacity) * 100 : 0
        lines.append("  Requests  \(padded("running", 12)) \(bar(share, barWidth)) \(running) of \(capacity)")
        lines.append("  Requests  \(padded("waiting", 12)) \(metrics.requestsWaiting)")
        // Up over what was shown before, and each line cleared to its end. A line that wraps would be two.
        let up = linesShown > 0 ? "\u{1b}[\(linesShown)A" : ""
        print(up + lines.map { "\u{1b}[2K\($0.prefix(columns - 1))\n" }.joined(), terminator: "")
        linesShown = lines.count
    }

    private func plainLine(_ metrics: ServerMetricsCollector) -> String {
        let usages = metrics.kvCacheUsage.sorted { $0.key < $1.key }
            .map { "\($0.key) \(String(format: "%.1f", $0.value)) %" }
            .joined(separator: ", ")
        return "running \(metrics.requestsRunning), waiting \(metrics.requestsWaiting), "
            + "max \(metrics.requestsMax ?? 0); KV cache: \(usages)"
    }

    private func bar(_ percent: Double, _ width: Int) -> String {
        let filled = Int((min(percent, 100) / 100 * Double(width)).rounded())
        return String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text.padding(toLength: width, withPad: " ", startingAt: 0)
    }

    private func leftPadded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(width - text.count, 0)) + text
    }
}

/// The terminal that standard output is, as wide as it is now.
private struct Terminal {
    /// More than 1.
    let columns: Int

    /// Nil if standard output is no terminal, or one that can't move its cursor.
    init?() {
        let name = ProcessInfo.processInfo.environment["TERM"] ?? ""
        guard isatty(STDOUT_FILENO) == 1, !name.isEmpty, name != "dumb" else { return nil }
        var size = winsize()
        let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1
        columns = isKnown ? Int(size.ws_col) : 80
    }
}
