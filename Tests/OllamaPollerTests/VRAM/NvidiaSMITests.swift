import Foundation
import TestSupport
import Testing

@testable import OllamaPoller

@Suite("nvidia-smi, as a real program on a private PATH")
struct NvidiaSMITests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func total(_ script: String, limit: Duration = .seconds(30)) throws -> UInt64 {
        try folder.writeScript(script, to: "nvidia-smi")
        var nvidiaSMI = NvidiaSMI(environment: { [path = folder.path] in ["PATH": path] }, limit: limit)
        return try nvidiaSMI.totalMemory { false }
    }

    @Test("the lines of several GPUs are added up; the program is asked what it shall be asked")
    func several() throws {
        let script = "echo \"$@\" > \(folder.path)/arguments\necho 24576\necho '  8192 '"
        #expect(try total(script) == 32 << 30)
        #expect(folder.text("arguments") == "--query-gpu=memory.total --format=csv,noheader,nounits\n")
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
        var nvidiaSMI = NvidiaSMI(environment: { [path = folder.path] in ["PATH": path] }, limit: .seconds(600))
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
