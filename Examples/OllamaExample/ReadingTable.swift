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
        guard !reading.models.isEmpty else {
            print("\(time)  \(server) is up, no model is loaded. Try `ollama run <model>`.")
            return
        }
        print("\(time)  \(server) is up, models loaded: \(reading.modelsLoaded ?? 0)")
        print(row("MODEL", "GPU MEMORY", "BYTES"))
        for model in reading.models {
            let share = model.kvCacheUsage.map { String(format: "%.1f %%", $0) }
            print(row(printable(model.model ?? ""), share ?? "unknown", model.vram.map { "\($0)" } ?? "unknown"))
        }
    }

    private func row(_ name: String, _ share: String, _ bytes: String) -> String {
        "  " + name.padded(to: 40) + share.padded(to: 12, onLeft: true) + bytes.padded(to: 20, onLeft: true)
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
