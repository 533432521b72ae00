// The places where GPUs are searched. Tests replace them.

/// The places that GPUs are read from.
package struct GPULocations: Sendable {
    /// Names or paths of NVIDIA's management library, tried in this order. WSL keeps it outside the usual folders.
    package var nvmlLibraries = ["libnvidia-ml.so.1", "libnvidia-ml.so", "/usr/lib/wsl/lib/libnvidia-ml.so.1"]
    /// The environment of `nvidia-smi`. The tool is searched on its `PATH`.
    package var environment: @Sendable () -> [String: String]
    /// The folder with a subfolder `card<N>` for each GPU.
    package var graphicsCards = "/sys/class/drm"
    /// The file with the size of the machine's memory.
    package var memoryInfo = "/proc/meminfo"

    /// - Parameter environment: evaluated only when needed, because reading it would slow down `instrument()`.
    package init(environment: @autoclosure @escaping @Sendable () -> [String: String]) {
        self.environment = environment
    }
}
