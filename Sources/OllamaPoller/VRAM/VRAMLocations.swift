// Where the detection looks, so that tests can show it a machine of their own.

/// The places that GPU memory is read from.
package struct VRAMLocations: Sendable {
    /// Names or paths of NVIDIA's management library, tried in this order. WSL keeps it outside the usual folders.
    package var nvmlLibraries = ["libnvidia-ml.so.1", "libnvidia-ml.so", "/usr/lib/wsl/lib/libnvidia-ml.so.1"]
    /// The environment in which `nvidia-smi` runs; it is looked for on its `PATH`.
    package var environment: @Sendable () -> [String: String]
    /// The folder with a subfolder `card<N>` for each GPU.
    package var graphicsCards = "/sys/class/drm"
    /// The file that tells the machine's own memory.
    package var memoryInfo = "/proc/meminfo"

    /// - Parameter environment: asked for when it is needed; reading it takes longer than anything else in a start.
    package init(environment: @autoclosure @escaping @Sendable () -> [String: String]) {
        self.environment = environment
    }
}
