// What can be run by name.

/// A measurement that takes too long for the tests.
struct Benchmark {
    /// What the command line calls it.
    var name: String
    /// Whether it runs when no name is given: what takes minutes does not.
    var isQuick = true
    /// Reports in tables; what watches a long run prints by itself and returns none.
    var run: () throws -> [Table]

    init(_ name: String, isQuick: Bool = true, run: @escaping () throws -> [Table]) {
        (self.name, self.isQuick, self.run) = (name, isQuick, run)
    }
}
