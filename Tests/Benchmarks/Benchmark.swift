// What can be run by name.

/// A measurement that takes too long for the tests.
struct Benchmark {
    /// What the command line calls it.
    var name: String
    /// Whether it runs when no name is given: what takes minutes does not.
    var isQuick: Bool
    var run: () throws -> [Table]

    init(_ name: String, isQuick: Bool = true, run: @escaping () throws -> [Table]) {
        (self.name, self.isQuick, self.run) = (name, isQuick, run)
    }

    /// One that runs for minutes and prints by itself what it sees.
    init(_ name: String, printing run: @escaping () throws -> Void) {
        self.init(name, isQuick: false) {
            try run()
            return []
        }
    }
}
