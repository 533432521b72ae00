// What a program was told on its command line and in its environment.

/// The values of a program's options: the command line's, else the environment's, else the defaults.
///
/// An option is given as `--name value` or `--name=value`, or as the variable that ``Option/variable(prefix:)`` names; an
/// empty variable counts as unset.
public struct CommandLineOptions: Sendable {
    /// One thing that can be set.
    public struct Option: Sendable {
        /// The name, in words joined by `-`.
        public var name: String
        /// What stands for the value in the usage text.
        public var placeholder: String
        /// What it sets, its default included.
        public var help: String

        /// An option.
        public init(_ name: String, _ placeholder: String, _ help: String) {
            self.name = name
            self.placeholder = placeholder
            self.help = help
        }

        /// The environment variable of the same meaning.
        public func variable(prefix: String) -> String {
            prefix + name.uppercased().split(separator: "-").joined(separator: "_")
        }
    }

    private let values: [String: (source: String, text: String)]

    /// Reads a command line.
    ///
    /// - Throws: ``UsageError`` for an unknown option, a value without an option and an option without a value.
    public init(
        _ options: [Option],
        arguments: [String],
        environment: [String: String],
        prefix: String
    ) throws(UsageError) {
        var values: [String: (source: String, text: String)] = [:]
        for option in options {
            let variable = option.variable(prefix: prefix)
            if let text = environment[variable], !text.isEmpty { values[option.name] = (variable, text) }
        }
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--help" || argument == "-h" { throw .helpWanted }
            guard argument.hasPrefix("--") else { throw .invalid("Unexpected argument '\(argument)'.") }
            let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard options.contains(where: { $0.name == name }) else { throw .invalid("Unknown option '--\(name)'.") }
            guard let text = parts.count == 2 ? String(parts[1]) : rest.popFirst() else {
                throw .invalid("Option '--\(name)' needs a value.")
            }
            values[name] = ("--\(name)", text)
        }
        self.values = values
    }

    /// The value of an option, or nil if it was not given.
    ///
    /// - Parameters:
    ///   - expected: what a value must be, for the message about one that is not.
    ///   - parse: gives nil for a text that is no value.
    public func value<Value>(
        _ name: String,
        expected: String,
        _ parse: (String) -> Value?
    ) throws(UsageError) -> Value? {
        guard let (source, text) = values[name] else { return nil }
        guard let value = parse(text) else { throw .invalid("\(source) is '\(text)', but must be \(expected).") }
        return value
    }

    /// The value of an option that takes any text.
    public func text(_ name: String) -> String? { values[name]?.text }

    /// The value of an option that takes a number within bounds.
    public func number<Number: LosslessStringConvertible & Comparable>(
        _ name: String,
        in range: ClosedRange<Number>,
        default fallback: Number
    ) throws(UsageError) -> Number {
        let expected = "a number from \(range.lowerBound) to \(range.upperBound)"
        return try value(name, expected: expected) { text in Number(text).flatMap { range.contains($0) ? $0 : nil } }
            ?? fallback
    }
}

extension CommandLineOptions {
    /// The text that tells which options there are.
    public static func usage(_ command: String, _ options: [Option], prefix: String) -> String {
        let names = options.map { "--\($0.name) <\($0.placeholder)>" }
        let width = names.map(\.count).max() ?? 0
        let lines = zip(options, names).map { option, name in
            "  " + name + String(repeating: " ", count: width - name.count + 2) + option.help
        }
        return """
            Usage: \(command) [options]

            \(lines.joined(separator: "\n"))

            Each can be set in the environment too: \(prefix) and the name, in capitals and with _ for -.
            """
    }
}
