// GPU memory on Apple's systems.

#if canImport(Metal)
import Metal
#endif

enum AppleMetal {
    /// The memory in bytes that the GPU can use without slowing down. Apple GPUs share the machine's memory.
    static func totalMemory() throws(VRAMUnknown) -> UInt64 {
        #if canImport(Metal)
        var sum = VRAMSum()
        sum.add(MTLCreateSystemDefaultDevice()?.recommendedMaxWorkingSetSize ?? 0)
        return try sum.total(orUnknown: "no GPU")
        #else
        throw VRAMUnknown("not on this system")
        #endif
    }
}
