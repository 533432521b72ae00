// The machine's memory: GPUs without memory of their own use it.

import GenAISupport

/// A file like `/proc/meminfo`.
struct MemoryInfo {
    /// In bytes.
    let total: UInt64
    /// The memory that is no longer available, in bytes; nil if the file does not tell.
    let used: UInt64?

    /// Nil if the file does not tell the total.
    init?(_ path: String) {
        guard let text = SmallFile.text(path), let total = Self.bytes("MemTotal:", text), total > 0 else { return nil }
        self.total = total
        let available = Self.bytes("MemAvailable:", text)
        used = available.flatMap { $0 <= total ? total - $0 : nil }
    }

    private static func bytes(_ name: String, _ text: String) -> UInt64? {
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            guard let kibibytes = line.dropFirst(name.count).split(separator: " ").first.flatMap({ Int(digits: $0) })
            else { return nil }
            let (bytes, overflow) = UInt64(kibibytes).multipliedReportingOverflow(by: 1024)
            return overflow ? nil : bytes
        }
        return nil
    }
}
