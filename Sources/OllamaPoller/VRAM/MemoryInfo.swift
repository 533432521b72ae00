// The machine's memory, which GPUs without their own memory use.

import GenAISupport

enum MemoryInfo {
    /// `MemTotal` of a file like `/proc/meminfo`, in bytes.
    static func total(_ path: String) -> UInt64? {
        guard let text = SmallFile.text(path) else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix("MemTotal:") {
            let kibibytes = line.dropFirst("MemTotal:".count).split(separator: " ").first.flatMap { Int(digits: $0) }
            let (bytes, overflow) = UInt64(kibibytes ?? 0).multipliedReportingOverflow(by: 1024)
            return overflow || bytes == 0 ? nil : bytes
        }
        return nil
    }
}
