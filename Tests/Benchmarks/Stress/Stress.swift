// Random calls of everything that starts and stops, from many threads at once: does anything crash, lock up or stay behind?

import Foundation
import GenAISupport
import TestSupport

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Rounds of some subjects and eight threads, each of which makes sequences of random calls; then everything is ended and
/// looked at.
struct Stress {
    static let threads = 8
    /// How many sequences a thread makes with the subjects of a round.
    private static let sequencesPerThread = 5
    private static let callsPerSequence = 3...8
    /// Loads and starts what is loaded and started but once.
    private static let warmUp = 160

    /// Environment: `STRESS_SEQUENCES`, for a shorter run.
    var sequences = ProcessInfo.processInfo.environment["STRESS_SEQUENCES"].flatMap(Int.init) ?? 20_000
    /// Environment: `STRESS_SEED`, for another one.
    var seed = ProcessInfo.processInfo.environment["STRESS_SEED"].flatMap(UInt64.init) ?? 1

    private let faults = Faults()
    private let calls = Locked(0)
    private let signs = Locked(0)

    func run() throws {
        // URLSession makes it when a session is invalidated for the first time, and keeps it.
        _ = URLSession.shared
        let folder = try SlowProgram()
        defer { folder.remove() }
        let first = try run(Self.warmUp, seed: seed, folder, looks: 0)
        print("| moment | sequences | calls | readings | threads | descriptors | child processes | RSS (KiB) |")
        print("|---|---|---|---|---|---|---|---|")
        report("before", 0, first)
        calls.withLock { $0 = 0 }
        signs.withLock { $0 = 0 }
        let last = try run(sequences, seed: seed + 1, folder, looks: 4, allowed: first)
        report("after", sequences, last)
        judge(first, last)
        let lines = faults.lines
        guard lines.isEmpty else {
            print("\nFailed, with the seed \(seed):\n" + lines.joined(separator: "\n"))
            exit(1)
        }
        print("\nNothing was wrong.")
    }

    /// - Parameter allowed: what may be there at the end.
    /// - Returns: what there is once everything has ended.
    private func run(
        _ sequences: Int,
        seed: UInt64,
        _ folder: SlowProgram,
        looks: Int,
        allowed: ProcessResources? = nil
    ) throws -> ProcessResources {
        let servers = try StressServers(seed: seed)
        let perRound = Self.threads * Self.sequencesPerThread
        let rounds = max(1, (sequences + perRound - 1) / perRound)
        var random = SeededGenerator(seed: seed)
        for round in 1...rounds {
            try self.round(servers, folder, seed: random.next()) {
                guard looks > 0, round % max(1, rounds / looks) == 0, round < rounds else { return }
                report("meanwhile", round * perRound, .now)
            }
        }
        servers.stop()
        // What ends does so on threads of others: those of Dispatch after five idle seconds.
        var now = ProcessResources.now
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline, !isSettled(now, allowed) {
            _ = eventually(within: .milliseconds(100)) { false }
            now = .now
        }
        return now
    }

    private func isSettled(_ now: ProcessResources, _ allowed: ProcessResources?) -> Bool {
        guard !threadNames().contains(where: { $0.hasPrefix("genai-") }), now.children == 0 else { return false }
        guard let allowed else { return now.threads <= 3 }
        return now.threads <= allowed.threads && now.descriptors <= allowed.descriptors
    }

    private func round(
        _ servers: StressServers,
        _ folder: SlowProgram,
        seed: UInt64,
        _ lookMeanwhile: () -> Void
    ) throws {
        let subjects = Subjects(servers: servers, slowProgram: folder.path, faults: faults, seed: seed)
        do {
            try Workers.run(Self.threads) { [calls] number, announce in
                var random = SeededGenerator(seed: seed &+ UInt64(number) &+ 1)
                for _ in 0..<Self.sequencesPerThread {
                    for _ in 0..<Int.random(in: Self.callsPerSequence, using: &random) {
                        let call = Call.random(using: &random)
                        announce(call.name)
                        call.make(subjects, &random)
                        calls.withLock { $0 += 1 }
                    }
                }
            }
            lookMeanwhile()
            try Workers.run(1) { _, announce in subjects.end(announce) }
        } catch {
            print("\nFailed, with the seed \(self.seed): \(error)")
            exit(1)
        }
        signs.withLock { $0 += subjects.ollamaStops.signs + subjects.engineStops.signs + subjects.ownStops.signs }
    }

    private func judge(_ first: ProcessResources, _ last: ProcessResources) {
        let left = threadNames().filter { $0.hasPrefix("genai-") }
        if !left.isEmpty { faults.note("threads are left: \(left.joined(separator: ", "))") }
        // libdispatch keeps workers for as long as it likes; Linux shows the end of `root.default-qos`.
        let names = threadNames().filter { !$0.contains("-qos") }
        if names.count > first.threads { faults.note("more threads than before: \(names.sorted())") }
        if last.descriptors > first.descriptors {
            faults.note("\(last.descriptors - first.descriptors) descriptors more than before")
        }
        if last.children > 0 { faults.note("\(last.children) child processes are left") }
    }

    private func report(_ moment: String, _ sequences: Int, _ now: ProcessResources) {
        print(
            "| \(moment) | \(sequences) | \(calls.withLock { $0 }) | \(signs.withLock { $0 }) | \(now.threads) "
                + "| \(now.descriptors) | \(now.children) | \(now.memory) |"
        )
        fflush(nil)
    }
}

/// A folder with an `nvidia-smi` that never answers, so that there are child processes to end.
private struct SlowProgram {
    let path = FileManager.default.temporaryDirectory.appending(path: "genai-stress-\(UUID().uuidString)").path

    init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let file = "\(path)/nvidia-smi"
        try Data("#!/bin/sh\nexec /bin/sleep 1000\n".utf8).write(to: URL(filePath: file))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}
