// NVIDIA GPUs, through the tool nvidia-smi, if the library can't be loaded.

import GenAISupport

/// Runs `nvidia-smi`, found on the `PATH`, without a shell.
struct NvidiaSMI: Sendable {
    /// Bytes, enough for thousands of GPUs.
    private static let outputLimit = 65_536
    /// Success, and two warnings with which the figures are still good: a damaged infoROM, and a lost GPU.
    private static let usableStatuses: Set<Int32> = [0, 14, 15]
    /// The queried fields, in this order.
    private static let fields = [
        "uuid", "name", "utilization.gpu", "memory.used", "memory.total", "temperature.gpu", "power.draw",
        "driver_version", "ecc.errors.corrected.aggregate.total", "ecc.errors.uncorrected.aggregate.total",
    ]
    /// The texts that stand for the memory of a GPU without memory of its own.
    private static let notAvailable: Set<Substring> = ["[N/A]", "[Not Supported]"]

    let environment: @Sendable () -> [String: String]
    let memoryInfo: String
    let limit: Duration
    /// An earlier process that even SIGKILL has not ended yet, because it hangs in the driver.
    private var stuck: ChildProcess?

    /// - Parameter memoryInfo: the file with the size of the machine's memory.
    init(environment: @escaping @Sendable () -> [String: String], memoryInfo: String, limit: Duration) {
        self.environment = environment
        self.memoryInfo = memoryInfo
        self.limit = limit
    }

    /// The memory of all NVIDIA GPUs in bytes; the machine's if they have none of their own.
    mutating func totalMemory(isCancelled: () -> Bool) throws(VRAMUnknown) -> UInt64 {
        let lines = try ask(for: ["memory.total"], isCancelled: isCancelled)
        var sum = VRAMSum()
        for line in lines { sum.add(Self.bytes(Self.trimmed(line)) ?? 0) }
        // Not if another GPU has memory: then this one more likely could not be read.
        if sum.isEmpty, lines.contains(where: { Self.notAvailable.contains(Self.trimmed($0)) }) {
            sum.add(MemoryInfo(memoryInfo)?.total ?? 0)
        }
        return try sum.total(orUnknown: "its output has no GPU's memory")
    }

    /// All NVIDIA GPUs and their figures, without slices and energy, which this query does not have.
    mutating func read(isCancelled: () -> Bool) throws(VRAMUnknown) -> [GPUReading] {
        let lines = try ask(for: Self.fields, isCancelled: isCancelled)
        var readings: [GPUReading] = []
        for line in lines {
            if let reading = reading(of: line, index: readings.count) { readings.append(reading) }
        }
        return readings
    }

    private mutating func ask(for fields: [String], isCancelled: () -> Bool) throws(VRAMUnknown) -> [Substring] {
        if let stuck, !stuck.reap() { throw VRAMUnknown("the previous nvidia-smi could not be killed") }
        stuck = nil
        let environment = environment()
        guard let executable = ExecutableSearch.find("nvidia-smi", path: environment["PATH"] ?? "") else {
            throw VRAMUnknown("not on the PATH")
        }
        switch ChildProcess.run(
            executable,
            ["--query-gpu=\(fields.joined(separator: ","))", "--format=csv,noheader,nounits"],
            // Numbers in the same format everywhere.
            environment: environment.merging(["LC_ALL": "C"]) { $1 },
            outputLimit: Self.outputLimit,
            timeLimit: limit,
            usableStatuses: Self.usableStatuses,
            isCancelled: isCancelled
        ) {
        case .success(let output):
            return String(decoding: output, as: UTF8.self).split(whereSeparator: \.isNewline)
        case .failure(let failure):
            if case .killed(_, let unreaped) = failure { stuck = unreaped }
            throw VRAMUnknown("\(executable) \(failure)")
        }
    }

    /// Nil for a line that is not about a GPU, such as a warning.
    private func reading(of line: Substring, index: Int) -> GPUReading? {
        var values = line.split(separator: ",", omittingEmptySubsequences: false).map(Self.trimmed)
        guard values.count >= Self.fields.count else { return nil }
        // A comma in the product's name.
        let surplus = values.count - Self.fields.count
        let name = values[1...1 + surplus].joined(separator: ", ")
        values.replaceSubrange(1...1 + surplus, with: [name[...]])
        let id = Self.text(values[0]) ?? "nvidia-\(index)"
        var reading = GPUReading(
            id: id,
            name: Self.text(values[1]),
            vendor: "NVIDIA",
            driverVersion: Self.text(values[7]),
            index: index
        )
        reading[.utilization] = Self.number(values[2]).map { $0 / 100 }
        setMemory(&reading, used: values[3], total: values[4])
        reading[.temperature] = Self.number(values[5])
        reading[.power] = Self.number(values[6])
        reading[.correctedErrors] = Self.number(values[8])
        reading[.uncorrectedErrors] = Self.number(values[9])
        return reading
    }

    private func setMemory(_ reading: inout GPUReading, used: Substring, total: Substring) {
        if Self.notAvailable.contains(total) {
            guard let memory = MemoryInfo(memoryInfo) else { return }
            reading.setMemory(used: memory.used.map { Double($0) }, of: Double(memory.total))
        } else {
            reading.setMemory(used: Self.bytes(used).map { Double($0) }, of: Self.bytes(total).map { Double($0) })
        }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var result = text.drop { $0 == " " }
        while result.last == " " { result.removeLast() }
        return result
    }

    /// The text; nil for `[N/A]`, `[Insufficient Permissions]`, `ERR!` and the like.
    private static func text(_ text: Substring) -> String? {
        text.isEmpty || text.hasPrefix("[") || text.hasPrefix("ERR!") ? nil : String(text)
    }

    /// Nil if the text is not a number. The figure's range decides whether the number is used.
    private static func number(_ text: Substring) -> Double? {
        guard let first = text.first, first.isNumber || first == "-" else { return nil }
        return Double(text)
    }

    /// The bytes for a number of mebibytes; nil for anything else.
    private static func bytes(_ text: Substring) -> UInt64? {
        guard let mebibytes = Int(digits: text.prefix { $0 != " " }) else { return nil }
        let (bytes, overflow) = UInt64(mebibytes).multipliedReportingOverflow(by: 1 << 20)
        return overflow ? nil : bytes
    }
}
