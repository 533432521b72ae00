// The loop of `watch`: draws a frame each second, and obeys keys and signals.

import Foundation

/// How to show it.
package struct WatchOutput: Sendable {
    package var isJSON = false
    /// One look, and the end.
    package var isOnce = false
    package var sortKey = SortKey.name

    package init() {}
}

/// `genai-agent watch`.
package enum WatchLoop {
    /// Shows what there is until the user, a signal or the end of the output ends it.
    ///
    /// - Throws: ``UsageProblem``.
    package static func run(
        _ options: WatchOptions,
        _ output: WatchOutput,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws {
        let watcher = try Watcher(options, environment: environment)
        // A thread of its own: the loop blocks, and Swift's pool may have a single thread, which looking around needs.
        await withCheckedContinuation { continuation in
            let thread = Thread {
                WatchRun(watcher, options, output, environment)?.show()
                continuation.resume()
            }
            thread.name = "watch"
            thread.start()
        }
    }
}

/// One run of `watch`, on a thread of its own.
private struct WatchRun {
    let watcher: Watcher
    let options: WatchOptions
    let output: WatchOutput
    let environment: [String: String]
    let signals: Signals
    let screen: Output

    /// Time from one frame to the next.
    private static let pace: Duration = .seconds(1)

    /// - Returns: nil if the system has no descriptors left.
    init?(_ watcher: Watcher, _ options: WatchOptions, _ output: WatchOutput, _ environment: [String: String]) {
        guard let signals = Signals([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP]) else { return nil }
        signal(SIGPIPE, SIG_IGN)
        self.watcher = watcher
        self.options = options
        self.output = output
        self.environment = environment
        self.signals = signals
        screen = Output(signals)
    }

    func show() {
        watcher.start()
        if output.isOnce {
            once()
        } else if Terminal.isOutput, !output.isJSON {
            full()
        } else {
            stream()
        }
        watcher.stop()
        signals.restore()
    }

    // MARK: Without a screen

    /// Rates need two polls: looks around, and waits for them.
    private func once() {
        let limit = ContinuousClock.now + .seconds(5)
        while !watcher.hasLookedAround, ContinuousClock.now < limit {
            guard pass(.milliseconds(50)) else { return }
        }
        let polls = watcher.view.servers.isEmpty && !options.discovers ? .milliseconds(1_500) : options.interval * 2.5
        guard pass(polls) else { return }
        screen.write(plain())
    }

    private func stream() {
        var isFirst = true
        while pass(Self.pace) {
            guard watcher.hasLookedAround else { continue }
            let text = (isFirst || output.isJSON ? "" : "\n") + plain()
            isFirst = false
            guard screen.write(text) else { return }
        }
    }

    /// Lets this time pass, with a stop in it if Ctrl-Z asks for one.
    ///
    /// - Returns: false if the program is to end.
    private func pass(_ time: Duration) -> Bool {
        let end = ContinuousClock.now + time
        while ContinuousClock.now < end {
            guard let number = wait(ContinuousClock.now.duration(to: end), keys: false).signal else { continue }
            if number == SIGTSTP { Signals.stopUntilContinued() }
            if Signals.isEnd(number) { return false }
        }
        return true
    }

    private func plain() -> String {
        let view = watcher.view.sorted(by: output.sortKey)
        if output.isJSON { return view.json + "\n" }
        let isTerminal = Terminal.isOutput
        var frame = Frame(view, theme: Theme(environment: environment, isTerminal: isTerminal))
        frame.isInteractive = false
        frame.sortKey = output.sortKey
        frame.clock = Self.clock
        frame.notes = watcher.notes
        let columns = isTerminal ? Terminal.size.columns : Int(environment["COLUMNS"] ?? "") ?? 120
        return frame.lines(Frame.Size(columns: columns, rows: .max / 2)).map(\.withoutTrailingBlanks)
            .joined(separator: "\n") + "\n"
    }

    // MARK: With a screen

    private func full() {
        let theme = Theme(environment: environment, isTerminal: true)
        let terminal = Terminal(screen, readsKeys: Terminal.isInput)
        terminal.enter()
        defer { terminal.leave() }
        var state = WatchScreen(sortKey: output.sortKey)
        var view = watcher.view
        var due = ContinuousClock.now
        while true {
            if ContinuousClock.now >= due {
                view = watcher.view
                due = max(due + Self.pace, .now)
            }
            let size = Terminal.size
            var frame = Frame(view, theme: theme)
            frame.sortKey = state.sortKey
            state.offset = min(state.offset, frame.lastOffset(size))
            frame.offset = state.offset
            frame.clock = Self.clock
            frame.notes = watcher.notes
            guard screen.write(Terminal.overwriting(frame.lines(size))) else { return }
            let event = wait(ContinuousClock.now.duration(to: due), keys: Terminal.isInput)
            if state.take(event.keys, rows: size.rows) { return }
            guard let number = event.signal else { continue }
            if Signals.isEnd(number) { return }
            if number == SIGTSTP {
                terminal.leave()
                Signals.stopUntilContinued()
                terminal.enter()
            }
        }
    }

    private static var clock: String {
        var now = time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        return String(format: "%02d:%02d:%02d", parts.tm_hour, parts.tm_min, parts.tm_sec)
    }

    /// Waits for a signal, a key or the end of this time.
    private func wait(_ time: Duration, keys: Bool) -> (signal: Int32?, keys: [UInt8]) {
        let milliseconds = Int32(clamping: Int((time / .milliseconds(1)).rounded(.up)))
        var descriptors = [pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0)]
        if keys { descriptors.append(pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)) }
        guard poll(&descriptors, nfds_t(descriptors.count), max(milliseconds, 0)) > 0 else {
            return (signals.next(), [])
        }
        var bytes: [UInt8] = []
        if keys, descriptors[1].revents != 0 {
            bytes = [UInt8](repeating: 0, count: 64)
            let count = read(STDIN_FILENO, &bytes, bytes.count)
            // The end of the input is the end of the terminal.
            bytes = count > 0 ? Array(bytes[..<count]) : [WatchScreen.quit]
        }
        return (signals.next(), bytes)
    }
}

extension String {
    fileprivate var withoutTrailingBlanks: String {
        String(self[..<(lastIndex { $0 != " " }.map(index(after:)) ?? startIndex)])
    }
}

/// What keys have done to the view.
struct WatchScreen: Equatable {
    var sortKey = SortKey.name
    var offset = 0

    static let quit = UInt8(ascii: "q")

    /// Obeys keys.
    ///
    /// - Returns: whether to end.
    mutating func take(_ keys: [UInt8], rows: Int) -> Bool {
        var rest = keys[...]
        while let key = rest.popFirst() {
            switch key {
            case Self.quit, UInt8(ascii: "Q"), 0x03, 0x04: return true
            case UInt8(ascii: "s"):
                sortKey = sortKey.next
                offset = 0
            case UInt8(ascii: "j"): offset += 1
            case UInt8(ascii: "k"): offset = max(offset - 1, 0)
            case UInt8(ascii: " "): offset += max(rows - 6, 1)
            case UInt8(ascii: "g"): offset = 0
            case 0x1B:
                // Arrow keys come as three bytes; whatever else begins like that is no key of this program.
                let code = rest.prefix(2)
                rest = rest.dropFirst(2)
                if Array(code) == Array("[B".utf8) { offset += 1 }
                if Array(code) == Array("[A".utf8) { offset = max(offset - 1, 0) }
            default: break
            }
        }
        return false
    }
}

extension MachineView {
    /// One line. Names are escaped as JSON escapes them, and so is what terminals act on.
    var json: String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
        return text.unicodeScalars.reduce(into: "") { result, scalar in
            if scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format {
                // The 1 in front keeps the zeros.
                for unit in String(scalar).utf16 {
                    result += "\\u" + String(0x1_0000 + UInt32(unit), radix: 16).suffix(4)
                }
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
    }
}
