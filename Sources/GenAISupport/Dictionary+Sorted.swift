// Dictionaries in a fixed order, for what is shown, compared or sent.

extension Dictionary where Key == String {
    /// The entries by key. It sorts the keys alone: sorting the entries would compile a sort for each type of value.
    package var sortedByKey: [(key: String, value: Value)] {
        keys.sorted().compactMap { key in self[key].map { (key, $0) } }
    }
}
