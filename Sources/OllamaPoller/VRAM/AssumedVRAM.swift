// What is assumed where GPU memory can't be found out.

/// The heuristic: percentages then tell whether a model grows or shrinks, not how full the GPU is.
package enum AssumedVRAM {
    /// 8 GiB, as the Python package `genai-otel-instrument` assumes.
    package static let bytes: UInt64 = 8 << 30
}
