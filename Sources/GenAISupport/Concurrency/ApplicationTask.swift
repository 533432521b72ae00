// Where asynchronous code of the application's runs.

package enum ApplicationTask {
    /// Starts code of the application's in a task of its own.
    ///
    /// On Linux each priority has threads of its own, so a host that keeps those of the default one busy does not delay it.
    package static func start(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task.detached(priority: .utility, operation: body)
    }
}
