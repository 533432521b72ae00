// GPU memory through the tool nvidia-smi, where NVIDIA's library can't be loaded.

import GenAISupport

/// Runs `nvidia-smi`, found on the `PATH`, without a shell.
struct NvidiaSMI {
    private static let arguments = ["--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    /// Bytes, enough for thousands of GPUs.
    private static let outputLimit = 65_536

    let environment: @Sendable () -> [String: String]
    let limit: Duration
    /// An earlier process that even SIGKILL has not ended yet, because it hangs in the driver.
    private var stuck: ChildProcess?

    init(environment: @escaping @Sendable () -> [String: String], limit: Duration) {
        self.environment = environment
        self.limit = limit
    }

    /// The memory of all NVIDIA GPUs in bytes.
    mutating func totalMemory(isCancelled: () -> Bool) throws(VRAMUnknown) -> UInt64 {
        if let stuck, !stuck.reap() { throw VRAMUnknown("the previous nvidia-smi could not be killed") }
        stuck = nil
        let environment = environment()
        guard let executable = ExecutableSearch.find("nvidia-smi", path: environment["PATH"] ?? "") else {
            throw VRAMUnknown("not on the PATH")
        }
        switch ChildProcess.run(
            executable,
            Self.arguments,
            // Numbers in the same format everywhere.
            environment: environment.merging(["LC_ALL": "C"]) { $1 },
            outputLimit: Self.outputLimit,
            timeLimit: limit,
            isCancelled: isCancelled
        ) {
        case .success(let output):
            return try Self.sum(ofLines: output)
        case .failure(let failure):
            if case .killed(_, let unreaped) = failure { stuck = unreaped }
            throw VRAMUnknown("\(executable) \(failure)")
        }
    }

    /// Adds up one number of mebibytes per line; other lines (`[N/A]`, `[Insufficient Permissions]`) are skipped.
    private static func sum(ofLines output: [UInt8]) throws(VRAMUnknown) -> UInt64 {
        var sum = VRAMSum()
        for line in String(decoding: output, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let text = line.drop { $0 == " " }.prefix { $0 != " " }
            guard let mebibytes = Int(digits: text) else { continue }
            let (bytes, overflow) = UInt64(mebibytes).multipliedReportingOverflow(by: 1 << 20)
            if !overflow { sum.add(bytes) }
        }
        return try sum.total(orUnknown: "its output has no GPU's memory")
    }
}
