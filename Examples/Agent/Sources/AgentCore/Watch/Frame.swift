// Draws one frame: a pure function from what is to be seen to lines.

import Foundation

/// One frame of `watch`.
package struct Frame: Sendable {
    /// The size of a terminal.
    package struct Size: Equatable, Sendable {
        package var columns: Int
        package var rows: Int

        package init(columns: Int, rows: Int) {
            self.columns = columns
            self.rows = rows
        }
    }

    package var view: MachineView
    package var theme: Theme
    package var sortKey = SortKey.name
    /// How many lines the list is scrolled up.
    package var offset = 0
    /// What stands at the top at the right: the time.
    package var clock = ""
    /// What to show while there is nothing to see.
    package var notes: [String] = []
    /// Whether keys are read.
    package var isInteractive = true

    package init(_ view: MachineView, theme: Theme) {
        self.view = view
        self.theme = theme
    }

    /// The lines of a screen of this size, none of them wider, with escape codes for colours where the theme has them.
    package func lines(_ size: Size) -> [String] {
        let lines = unclipped(size)
        return size.columns < Self.fewestColumns ? lines.map { TerminalText.clip($0, size.columns) } : lines
    }

    /// Below that, lines are cut off at the right.
    private static let fewestColumns = 80

    private func unclipped(_ size: Size) -> [String] {
        let columns = max(size.columns, 20)
        let body = body(columns)
        let head = [head(columns), ""]
        let foot = isInteractive ? ["", foot(columns)] : []
        let room = max(size.rows - head.count - foot.count, 1)
        guard isInteractive, body.count > room else {
            let filler = isInteractive ? [String](repeating: "", count: max(room - body.count, 0)) : []
            return (head + body + filler + foot).suffix(isInteractive ? size.rows : .max)
        }
        let start = min(max(offset, 0), body.count - room + 1)
        var shown = Array(body[start..<min(start + room - 1, body.count)])
        let below = body.count - start - shown.count
        shown.append(theme.paint(below > 0 ? "  \(below) more lines below" : "  the end", .faint))
        return (head + shown + foot).suffix(size.rows)
    }

    /// The largest ``offset`` that shows anything new.
    package func lastOffset(_ size: Size) -> Int {
        let room = max(size.rows - 4, 1)
        let count = body(max(size.columns, 20)).count
        return count > room ? count - room + 1 : 0
    }

    // MARK: Parts

    private func head(_ columns: Int) -> String {
        let servers = view.servers
        let down = servers.count { $0.state == .down }
        var parts = [quantity(servers.count, "server")]
        parts.append(quantity(servers.reduce(0) { $0 + $1.models.count }, "model"))
        parts.append(quantity(view.gpus.count, "GPU"))
        if down > 0 { parts.append("\(down) down") }
        let title = "genai-agent"
        let text = "  " + parts.joined(separator: ", ")
        let room = columns - title.count - clock.count - 1
        return theme.paint(title, .strong) + fit(text, max(room, 0)) + " " + theme.paint(clock, .faint)
    }

    private func foot(_ columns: Int) -> String {
        let keys = "q quit  s sort: \(sortKey.rawValue)  j k scroll"
        let legend = "TTFT: to the first token, of the last minute; TPOT: per token"
        let room = columns - keys.count
        let isRoomy = room >= legend.count + 2
        return theme.paint(
            fit(keys + (isRoomy ? String(repeating: " ", count: room - legend.count) + legend : ""), columns),
            .faint
        )
    }

    private func body(_ columns: Int) -> [String] {
        let problems = view.problems.flatMap { wrapped("  " + $0, columns) }.map { theme.paint($0, .attention) }
        return list(columns) + (problems.isEmpty ? [] : [""] + problems)
    }

    private func list(_ columns: Int) -> [String] {
        if view.servers.isEmpty, view.gpus.isEmpty { return notes.flatMap { wrapped($0, columns) } }
        var lines: [String] = []
        let table = ModelTable(columns: columns, theme: theme)
        let sorted = view.sorted(by: sortKey)
        if view.servers.contains(where: { !$0.models.isEmpty }) { lines.append(table.header) }
        for server in sorted.servers {
            lines += title(server, columns)
            lines += server.models.map(table.line)
            if let count = server.furtherModels {
                lines.append(theme.paint(fit("  \(quantity(count, "further model"))", columns), .faint))
            }
        }
        if view.servers.isEmpty { lines += notes.flatMap { wrapped($0, columns) } }
        if !view.gpus.isEmpty {
            if !lines.isEmpty { lines.append("") }
            let gpus = GPUTable(columns: columns, theme: theme)
            lines.append(gpus.header)
            lines += sorted.gpus.map(gpus.line)
        }
        return lines
    }

    private func title(_ server: MachineView.Server, _ columns: Int) -> [String] {
        let name = server.engine.map(EngineName.of) ?? "unknown"
        let host = server.address.contains(":") ? "[\(server.address)]" : server.address
        var place = "\(host):\(server.port)\(server.path ?? "")"
        for (key, value) in server.attributes.sorted(by: { $0.key < $1.key }) { place += "  \(key)=\(value)" }
        let (sign, style) = sign(of: server.state)
        let state = server.state == .serving || server.state == .up ? "" : "  " + word(for: server)
        let room = columns - 2 - name.count - 2
        let rest = TerminalText.harmless(place)
        let line =
            theme.paint(sign, style) + " " + theme.paint(TerminalText.harmless(name), .strong) + "  "
            + theme.paint(fit(rest, min(TerminalText.width(rest), max(room - state.count, 0))), .plain)
            + theme.paint(state, server.state == .down ? .bad : .faint)
        guard let problem = server.problem else { return [line] }
        return [line]
            + TerminalText.wrap(TerminalText.harmless(problem), columns - 2).map { "  " + fitted($0, columns - 2) }
    }

    private func word(for server: MachineView.Server) -> String {
        if server.state == .idle, server.models.isEmpty { return "no model loaded" }
        return server.state == .busy ? "busy: tells no figures at present" : server.state.rawValue
    }

    private func sign(of state: MachineView.Server.State) -> (String, Theme.Style) {
        switch state {
        case .serving, .up: (theme.up, .good)
        case .idle: (theme.idle, .good)
        case .busy: (theme.up, .attention)
        case .down: (theme.down, .bad)
        }
    }

    private func wrapped(_ text: String, _ columns: Int) -> [String] {
        guard !text.isEmpty else { return [""] }
        let indent = String(text.prefix { $0 == " " })
        return TerminalText.wrap(TerminalText.harmless(text), columns - indent.count).map {
            indent + fitted($0, columns - indent.count)
        }
    }

    /// Cut, but not filled up.
    private func fitted(_ text: String, _ columns: Int) -> String {
        fit(text, min(TerminalText.width(text), columns))
    }

    private func fit(_ text: String, _ columns: Int) -> String {
        TerminalText.fit(text, columns, ellipsis: theme.ellipsis)
    }

    private func quantity(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}

/// The columns of the list of models, and their widths: name, bars and sparkline share what is left.
private struct ModelTable {
    let theme: Theme
    private let name, requestBar, cacheBar, spark: Int
    private static let requests = 8
    private static let figure = 5

    init(columns: Int, theme: Theme) {
        self.theme = theme
        // Two blanks, five figures, the texts of the two bars, and what stands between all of them.
        let fixed = 2 + (Self.figure + 1) * 5 + (1 + 1 + Self.requests) + (1 + 1 + 4) + 1
        let rest = max(columns - fixed, 0)
        requestBar = min(max(rest / 6, 3), 20)
        cacheBar = min(max(rest / 7, 3), 20)
        let names = max(rest - requestBar - cacheBar - rest / 5, 0)
        // Longer names are rare, and a longer curve is always welcome.
        name = min(names, max(44, rest - requestBar - cacheBar - WatchState.parts))
        spark = max(rest - requestBar - cacheBar - name, 0)
    }

    var header: String {
        let figures = ["out/s", "in/s", "TTFT", "p95", "TPOT"].map { fit($0, Self.figure, alignsRight: true) }
        let text =
            [
                "  " + fit("MODEL", name), fit("run+wait/max", requestBar + 1 + Self.requests),
                fit("KV cache", cacheBar + 5),
            ]
            + figures + [fit(spark >= 12 ? "out/s, 1 min" : "1 min", spark)]
        return theme.paint(text.joined(separator: " "), .faint)
    }

    func line(_ model: MachineView.Model) -> String {
        let label = model.model.map(TerminalText.harmless) ?? "(model not told)"
        let figures = [
            number(model.outputTokensPerSecond), number(model.inputTokensPerSecond), seconds(model.firstTokenP50),
            seconds(model.firstTokenP95), seconds(model.perTokenP50),
        ]
        let parts =
            [
                "  " + fit(label, name), requests(model), cache(model),
            ] + figures.map { fit($0, Self.figure, alignsRight: true) } + [sparkline(model)]
        return parts.joined(separator: " ")
    }

    private func requests(_ model: MachineView.Model) -> String {
        let (running, waiting) = (model.running, model.waiting)
        let text =
            running == nil && waiting == nil
            ? theme.none
            : [
                FigureText.count(running, none: theme.none),
                (waiting ?? 0) > 0 ? "+" + FigureText.count(waiting, none: "") : "",
                model.max.map { "/" + FigureText.count($0, none: "") } ?? "",
            ].joined()
        // Without a maximum, a full bar is the most of the last minute.
        let scale = Swift.max(model.max ?? model.peak, (running ?? 0).clampedSum(waiting ?? 0), 1)
        let bar = Bar(theme, requestBar).parts(
            (share(running, scale), theme.full, .good),
            (share(waiting, scale), theme.half, .attention)
        )
        return bar + " " + fit(text, Self.requests)
    }

    private func share(_ count: Int?, _ scale: Int) -> Double { Double(count ?? 0) / Double(scale) }

    private func cache(_ model: MachineView.Model) -> String {
        let style: Theme.Style = (model.kvCachePercent ?? 0) >= 90 ? .bad : .accent
        let bar = Bar(theme, cacheBar).parts(((model.kvCachePercent ?? 0) / 100, theme.full, style))
        return bar + " " + fit(FigureText.percent(model.kvCachePercent, none: theme.none), 4, alignsRight: true)
    }

    private func sparkline(_ model: MachineView.Model) -> String {
        guard spark > 0 else { return "" }
        let values = Sparkline.thinned(model.outputHistory, to: spark)
        return theme.paint(Sparkline.text(values, theme), .accent)
    }

    private func number(_ value: Double?) -> String { FigureText.number(value, none: theme.none) }
    private func seconds(_ value: Double?) -> String {
        FigureText.seconds(value, none: theme.none, isUnicode: theme.isUnicode)
    }
    private func fit(_ text: String, _ columns: Int, alignsRight: Bool = false) -> String {
        TerminalText.fit(text, columns, alignsRight: alignsRight, ellipsis: theme.ellipsis)
    }
}

/// The columns of the list of GPUs.
private struct GPUTable {
    let theme: Theme
    private let name, useBar, memoryBar: Int
    private static let memory = 15

    init(columns: Int, theme: Theme) {
        self.theme = theme
        let fixed = 2 + 1 + (1 + 4 + 2) + (1 + Self.memory + 2) + (6 + 1) + 6
        let rest = max(columns - fixed, 0)
        name = min(rest / 2, 40)
        useBar = min((rest - name) / 2, 30)
        memoryBar = min(rest - name - useBar, 30)
    }

    var header: String {
        let text =
            ["  " + fit("GPU", name + 1), fit("busy", useBar + 7), fit("memory", memoryBar + Self.memory + 3)].joined()
            + fit("temp", 6, alignsRight: true) + " " + fit("power", 6, alignsRight: true)
        return theme.paint(text, .faint)
    }

    func line(_ gpu: MachineView.GPU) -> String {
        let index = gpu.index.map { "\($0) " } ?? ""
        let label = index + (gpu.isSlice ? "slice of " : "") + (gpu.name.map(TerminalText.harmless) ?? "GPU")
        let use = gpu.utilization.map { $0 * 100 }
        let share = gpu.memoryLimit.flatMap { limit in gpu.memoryUsage.map { Double($0) / Double(Swift.max(limit, 1)) }
        }
        let parts = [
            "  " + fit(label, name) + " ",
            Bar(theme, useBar).parts(((use ?? 0) / 100, theme.full, .good)) + " "
                + fit(FigureText.percent(use, none: theme.none), 4, alignsRight: true) + "  ",
            Bar(theme, memoryBar).parts((share ?? 0, theme.full, (share ?? 0) >= 0.95 ? .bad : .accent)) + " "
                + fit(FigureText.memory(gpu.memoryUsage, of: gpu.memoryLimit, none: theme.none), Self.memory) + "  ",
            fit(gpu.temperature.map { String(format: "%.0f", $0) + theme.degree } ?? theme.none, 6, alignsRight: true)
                + " ",
            fit(gpu.power.map { String(format: "%.0f W", $0) } ?? theme.none, 6, alignsRight: true),
        ]
        return parts.joined()
    }

    private func fit(_ text: String, _ columns: Int, alignsRight: Bool = false) -> String {
        TerminalText.fit(text, columns, alignsRight: alignsRight, ellipsis: theme.ellipsis)
    }
}

/// A horizontal bar of several parts.
private struct Bar {
    let theme: Theme
    let columns: Int

    init(_ theme: Theme, _ columns: Int) {
        self.theme = theme
        self.columns = columns
    }

    /// Whatever is more than nothing takes a column, where there is room.
    func parts(_ parts: (share: Double, sign: String, style: Theme.Style)...) -> String {
        var result = ""
        var used = 0
        for part in parts {
            let share = part.share.isFinite ? min(max(part.share, 0), 1) : 0
            let wanted = share > 0 ? max(Int((share * Double(columns)).rounded()), 1) : 0
            let width = min(wanted, columns - used)
            used += width
            result += theme.paint(String(repeating: part.sign, count: width), part.style)
        }
        return result + theme.paint(String(repeating: theme.empty, count: columns - used), .faint)
    }
}

/// A curve in one line.
enum Sparkline {
    /// The mean of each part; nil where nothing is known.
    static func thinned(_ values: [Double?], to count: Int) -> [Double?] {
        guard count > 0, !values.isEmpty else { return [Double?](repeating: nil, count: max(count, 0)) }
        return (0..<count).map { part in
            let start = part * values.count / count
            let end = max((part + 1) * values.count / count, start + 1)
            let known = values[start..<min(end, values.count)].compactMap { $0 }
            return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
        }
    }

    /// One sign for each value, the highest of them at the top; what is not known is blank.
    static func text(_ values: [Double?], _ theme: Theme) -> String {
        let top = values.compactMap { $0 }.max() ?? 0
        let levels = theme.levels
        return values.map { value -> String in
            guard let value else { return " " }
            guard top > 0, value > 0 else { return levels[0] }
            return levels[min(Int(value / top * Double(levels.count)), levels.count - 1)]
        }.joined()
    }
}

extension Int {
    /// Servers may tell any number.
    func clampedSum(_ other: Int) -> Int {
        let (sum, isTooLarge) = addingReportingOverflow(other)
        return isTooLarge ? .max : sum
    }
}
