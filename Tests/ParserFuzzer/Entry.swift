// Two ways in: with libFuzzer, when built by `Tests/fuzz`, and otherwise reading the files that are named, such as inputs on
// which the fuzzer has found something.

import Foundation

#if FUZZING
/// Called by libFuzzer with each input.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    FuzzedParser.read(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}

/// libFuzzer's own main function (FuzzerInterface.h). Its `main` is not used: the package manager makes one.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
    _ argumentCount: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ testOneInput: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

@main
struct Fuzzer {
    static func main() {
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        exit(runFuzzer(&count, &arguments, fuzz))
    }
}
#elseif DEBUG
@main
struct Replay {
    static func main() throws {
        for path in CommandLine.arguments.dropFirst() {
            FuzzedParser.read(Array(try Data(contentsOf: URL(fileURLWithPath: path))))
            print("\(path): read")
        }
    }
}
#else
@main
struct Refusal {
    static func main() {
        print("The parsers can be reached in a debug build only.")
        exit(2)
    }
}
#endif
