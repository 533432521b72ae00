// What the fault probe tells the tests.

/// How a process fared whose collector misbehaved.
package struct FaultReport: Codable, Sendable {
    /// Whether the flush, or where there was none the shutdown, said that everything was delivered.
    package var isDelivered = false
    /// Whether the shutdown said so, and that all threads have ended.
    package var isShutDown = false
    /// From the beginning of the export that met the fault to its outcome.
    package var seconds = 0.0
    package var exportsDelivered = 0
    package var exportsFailed = 0
    package var pointsRejected = 0
    /// After a first export that went well, and after the shutdown.
    package var before = ProcessResources()
    package var after = ProcessResources()

    package init() {}
}
