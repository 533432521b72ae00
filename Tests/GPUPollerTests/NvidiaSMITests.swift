import Foundation
import TestSupport
import Testing

@testable import GPUPoller

@Suite("nvidia-smi, as a real program on a private PATH")
struct NvidiaSMITests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func nvidiaSMI(limit: Duration = .seconds(30)) -> NvidiaSMI {
        NvidiaSMI(
            environment: { [path = folder.path] in ["PATH": path] },
            memoryInfo: "\(folder.path)/meminfo",
            limit: limit
        )
    }

    private func total(_ script: String, limit: Duration = .seconds(30)) throws -> UInt64 {
        try folder.writeScript(script, to: "nvidia-smi")
        var nvidiaSMI = nvidiaSMI(limit: limit)
        return try nvidiaSMI.totalMemory { false }
    }

    private func readings(_ script: String) throws -> [GPUReading] {
        try folder.writeScript(script, to: "nvidia-smi")
        var nvidiaSMI = nvidiaSMI()
        return try nvidiaSMI.read { false }
    }

    @Test("the lines of several GPUs are added up; the program is asked what it shall be asked")
    func several() throws {
        let script = "echo \"$@\" > \(folder.path)/arguments\necho 24576\necho '  8192 '"
        #expect(try total(script) == 32 << 30)
        #expect(folder.text("arguments") == "--query-gpu=memory.total --format=csv,noheader,nounits\n")
    }

    @Test("figures with a warning beside them, exit status 14 or 15, count", arguments: [14, 15])
    func warnings(status: Int) throws {
        let script = "echo 16280; echo 'WARNING: infoROM is corrupted at gpu 0000:0B:00.0'; exit \(status)"
        #expect(try total(script) == 16_280 << 20)
    }

    @Test("where no GPU has memory of its own, it is the machine's", arguments: ["[N/A]", "[Not Supported]"])
    func unified(text: String) throws {
        try folder.write("MemTotal:       127600748 kB\n", to: "meminfo")
        #expect(try total("echo '\(text)'") == 127_600_748 << 10)
        #expect(try total("echo '\(text)'; echo 24576") == 24 << 30, "beside a GPU that has some, one was not read")
        #expect(throws: VRAMUnknown.self) { try total("echo '[Insufficient Permissions]'") }
    }

    @Test("all figures of two GPUs; what is not told, and what makes no sense, is left out")
    func figures() throws {
        let script = """
            echo "$@" > \(folder.path)/arguments
            echo 'GPU-a, NVIDIA H100 80GB HBM3, 97, 40960, 81920, 61, 512.50, 570.1, 3, 1'
            echo 'GPU-b, Tesla M40, [N/A], 100, 200, [N/A], ERR!, 570.1, [Not Supported], [Insufficient Permissions]'
            echo 'GPU-c, Odd, Card, 4294967295, 300, 200, 9999, -1, 570.1, -1, nan'
            echo 'WARNING: infoROM is corrupted at gpu 0000:0B:00.0'
            exit 14
            """
        let readings = try readings(script)
        #expect(
            folder.text("arguments")
                == "--query-gpu=uuid,name,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw,driver_version,"
                + "ecc.errors.corrected.aggregate.total,ecc.errors.uncorrected.aggregate.total "
                + "--format=csv,noheader,nounits\n"
        )
        try #require(readings.count == 3)
        var first = GPUReading(
            id: "GPU-a",
            name: "NVIDIA H100 80GB HBM3",
            vendor: "NVIDIA",
            driverVersion: "570.1",
            index: 0
        )
        first.utilization = 0.97
        first.memoryUsage = 40 << 30
        first.memoryLimit = 80 << 30
        first.memoryUtilization = 0.5
        first.temperature = 61
        first.power = 512.5
        first.correctedErrors = 3
        first.uncorrectedErrors = 1
        #expect(readings[0] == first)
        var second = GPUReading(id: "GPU-b", name: "Tesla M40", vendor: "NVIDIA", driverVersion: "570.1", index: 1)
        second.memoryUsage = 100 << 20
        second.memoryLimit = 200 << 20
        second.memoryUtilization = 0.5
        #expect(readings[1] == second)
        var third = GPUReading(id: "GPU-c", name: "Odd, Card", vendor: "NVIDIA", driverVersion: "570.1", index: 2)
        third.memoryLimit = 200 << 20
        #expect(readings[2] == third)
    }

    @Test("a GPU that shares the machine's memory")
    func unifiedFigures() throws {
        try folder.write("MemTotal: 1000 kB\nMemAvailable: 250 kB\n", to: "meminfo")
        let reading = try #require(
            readings("echo 'GPU-a, NVIDIA GB10, 5, [N/A], [N/A], 40, 11.00, 580.1, [N/A], [N/A]'").first
        )
        #expect(reading.memoryLimit == 1000 << 10)
        #expect(reading.memoryUtilization == 0.75)
        #expect(reading.correctedErrors == nil)
    }

    @Test("lines that tell no memory are left out")
    func notAvailable() throws {
        let script =
            "echo '[N/A]'\necho '[Insufficient Permissions]'\necho 24576\necho -5\necho 99999999999999999999\necho"
        #expect(try total(script) == 24 << 30)
    }

    @Test(
        "what is no answer leaves the memory unknown",
        arguments: [
            ("echo '[N/A]'", "has no GPU's memory"),
            ("echo 'NVIDIA-SMI has failed'; printf '\\377\\000\\n'", "has no GPU's memory"),
            ("true", "has no GPU's memory"),
            ("echo 24576; exit 1", "ended with status 1"),
            ("echo 24576; kill -9 $$", "ended by signal 9"),
            ("exec /usr/bin/head -c 100000000 /dev/zero", "printed too much"),
        ]
    )
    func unusable(script: String, reason: String) {
        let error = #expect(throws: VRAMUnknown.self) { try total(script) }
        #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
    }

    @Test("one that hangs is given up, and neither it nor what it started stays behind")
    func hang() throws {
        let script = "/bin/sleep 1000 & echo $$ $! > \(folder.path)/ids; wait"
        let error = #expect(throws: VRAMUnknown.self) {
            // The limit counts from the start, and the script needs a moment to write down who is to be looked for.
            try total(script, limit: .seconds(1))
        }
        #expect(error?.reason.contains("took too long") == true)
        let ids = try #require(folder.text("ids")).split(whereSeparator: \.isWhitespace).compactMap { pid_t($0) }
        try #require(ids.count == 2)
        #expect(kill(ids[0], 0) == -1 && errno == ESRCH, "it is reaped")
        #expect(eventually { hasEnded(ids[1]) })
    }

    @Test("a cancellation ends it long before its time")
    func cancelled() throws {
        try folder.writeScript("echo $$ > \(folder.path)/id; exec /bin/sleep 1000", to: "nvidia-smi")
        var nvidiaSMI = nvidiaSMI(limit: .seconds(600))
        let error = #expect(throws: VRAMUnknown.self) {
            try nvidiaSMI.totalMemory { folder.text("id")?.hasSuffix("\n") == true }
        }
        #expect(error?.reason.contains("was cancelled") == true)
        let text = try #require(folder.text("id"))
        let id = try #require(pid_t(text.trimmingCharacters(in: .newlines)))
        #expect(kill(id, 0) == -1 && errno == ESRCH, "it is reaped")
    }

    @Test("it is looked for on the PATH, in absolute folders only, and must be executable")
    func search() throws {
        #expect(ExecutableSearch.find("nvidia-smi", path: folder.path) == nil)
        try folder.write("echo 1", to: "a/nvidia-smi")
        try FileManager.default.createDirectory(
            atPath: "\(folder.path)/b/nvidia-smi",
            withIntermediateDirectories: true
        )
        let script = try folder.writeScript("echo 1", to: "c/nvidia-smi")
        let path = ["", "relative", "\(folder.path)/a", "\(folder.path)/b", "\(folder.path)/c"].joined(separator: ":")
        #expect(ExecutableSearch.find("nvidia-smi", path: path) == script)
    }
}

/// Gone, or dead and waiting for its new parent to notice.
private func hasEnded(_ id: pid_t) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8) else { return true }
    return status.contains(") Z ")
}
