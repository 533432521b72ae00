// Runs asynchronous code of the application.

package enum ApplicationTask {
    /// Starts code of the application in a task of its own.
    ///
    /// Not at the default priority: on Linux each priority has its own threads, and a busy host may occupy those of the default.
    package static func start(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task.detached(priority: .utility, operation: body)
    }
}
