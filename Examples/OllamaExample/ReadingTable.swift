// Shows readings as a table.

import Foundation
import OllamaPoller

struct ReadingTable {
    let url: URL

    func show(_ reading: ServerReading) {
        let time = Date.now.formatted(date: .omitted, time: .standard)
        let address = reading.server.address
        // As in a URL: the port must not look like a part of an IPv6 address.
        let server = "\(address.contains(":") ? "[\(address)]" : address):\(reading.server.port)"
        guard reading.isUp else {
            print("\(time)  \(server) is down: is Ollama running? Start it with `ollama serve`; I go on looking.")
            return
        }
        guard reading.modelsLoaded != nil else {
            print("\(time)  \(server) is up, but too busy to list its models.")
            return
        }
        guard !reading.models.isEmpty else {
            print("\(time)  \(server) is up, no model is loaded. Try `ollama run <model>`.")
            return
        }
        print("\(time)  \(server) is up, models loaded: \(reading.modelsLoaded ?? 0)")
        // A column of which no model tells anything is left out.
        let columns = Self.columns.filter { column in reading.models.contains { column.text($0) != nil } }
        print(row("MODEL", columns.map(\.title)))
        for model in reading.models {
            print(row(printable(model.model ?? ""), columns.map { $0.text(model) ?? "unknown" }))
        }
    }

    private struct Column: Sendable {
        var title: String
        var text: @Sendable (ModelReading) -> String?
    }

    /// The last three are known where Ollama's runners can be read.
    private static let columns = [
        Column(title: "GPU MEMORY") { $0.kvCacheUsage.map { String(format: "%.1f %%", $0) } },
        Column(title: "GPU BYTES") { $0.vram.map { "\($0)" } },
        Column(title: "ALL BYTES") { $0.size.map { "\($0)" } },
        Column(title: "CONTEXT") { $0.contextLength.map { "\($0)" } },
        Column(title: "RUNNING") { model in model.requestsRunning.map { share($0, of: model.requestsMax) } },
        Column(title: "KV TOKENS") { model in model.kvCacheTokens.map { share($0, of: model.kvCacheSize) } },
        Column(title: "WRITTEN") { $0.outputTokens.map { "\($0)" } },
    ]

    private static func share(_ number: Int, of most: Int?) -> String {
        most.map { "\(number) of \($0)" } ?? "\(number)"
    }

    private func row(_ name: String, _ cells: [String]) -> String {
        "  " + name.padded(to: 40) + cells.map { $0.padded(to: 15, onLeft: true) }.joined()
    }

    /// Names come from the server: what would move the cursor must not get to a terminal.
    private func printable(_ name: String) -> String {
        String(String.UnicodeScalarView(name.unicodeScalars.prefix(40).map { $0.properties.isWhitespace ? " " : $0 }))
            .filter { !$0.unicodeScalars.contains { $0.properties.generalCategory == .control } }
    }
}

extension String {
    fileprivate func padded(to width: Int, onLeft: Bool = false) -> String {
        let padding = String(repeating: " ", count: max(0, width - count))
        return onLeft ? padding + self : self + padding
    }
}
