// Starts a child process with posix_spawn: no shell, and nothing inherited that it does not need.

import GenAISupport

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension ChildProcess {
    /// Starts `executable` with its output in the pipe; its input and errors are `/dev/null`.
    static func spawn(
        _ executable: String,
        _ arguments: [String],
        environment: [String: String],
        output pipe: OutputPipe
    ) -> Result<pid_t, Failure> {
        #if canImport(Darwin)
        var attributes: posix_spawnattr_t?
        var actions: posix_spawn_file_actions_t?
        #else
        var attributes = posix_spawnattr_t()
        var actions = posix_spawn_file_actions_t()
        #endif
        posix_spawnattr_init(&attributes)
        posix_spawn_file_actions_init(&actions)
        defer {
            posix_spawnattr_destroy(&attributes)
            posix_spawn_file_actions_destroy(&actions)
        }

        var flags = Int32(POSIX_SPAWN_SETPGROUP) | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
        // Its own process group, so that its children can be killed with it.
        posix_spawnattr_setpgroup(&attributes, 0)
        // Otherwise the child would inherit the signals that this thread blocks and that the host ignores.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)

        // The output first: if the host has closed its own input or errors, the pipe may have that number.
        posix_spawn_file_actions_adddup2(&actions, pipe.writeEnd, STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        #if canImport(Darwin)
        flags |= Int32(POSIX_SPAWN_CLOEXEC_DEFAULT)
        #else
        closeOthers(&actions)
        #endif
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var id: pid_t = 0
        let code = withCStrings([executable] + arguments) { arguments in
            withCStrings(environment.map { "\($0)=\($1)" }) { environment in
                posix_spawn(&id, executable, &actions, &attributes, arguments, environment)
            }
        }
        return code == 0 ? .success(id) : .failure(.notStarted(code: code))
    }

    #if !canImport(Darwin)
    private typealias AddCloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32

    /// Makes the child close all but the standard descriptors: the host's may lack close-on-exec.
    private static func closeOthers(_ actions: inout posix_spawn_file_actions_t) {
        // glibc has it since 2.34, musl does not.
        if let addCloseFrom: AddCloseFrom = try? DynamicLibrary().function("posix_spawn_file_actions_addclosefrom_np") {
            _ = addCloseFrom(&actions, 3)
        } else {
            let descriptors = SmallFile.names(inFolder: "/proc/self/fd").compactMap { Int(digits: $0) }
            for descriptor in descriptors where descriptor > 2 {
                posix_spawn_file_actions_addclose(&actions, Int32(clamping: descriptor))
            }
        }
    }
    #endif
}

/// Passes the strings in C's form: an array of pointers that ends with a null pointer.
private func withCStrings<Result>(_ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result) -> Result {
    let pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    return body(pointers + [nil])
}
