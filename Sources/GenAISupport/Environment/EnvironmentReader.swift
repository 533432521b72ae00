// Reads environment variables: one function per kind of value, one warning per unusable value.

import Foundation

/// Reads settings from environment variables by OpenTelemetry's rules.
///
/// An empty value counts as unset. An unusable value is ignored, with an entry in ``warnings`` that names the variable and
/// says what is used instead.
package struct EnvironmentReader {
    private struct Problem {
        var text: String
        /// Nil until it is known.
        var consequence: String?
    }

    private let value: (String) -> String?
    private var problems: [Problem] = []

    /// One line for each unusable value, in the order of reading.
    package var warnings: [String] { problems.map { "\($0.text); \($0.consequence ?? "it is ignored")" } }

    package init(_ environment: [String: String]) {
        self.init { environment[$0] }
    }

    /// - Parameter value: gives a variable's value by its name; nil if it is unset.
    package init(_ value: @escaping (String) -> String?) {
        self.value = value
    }

    /// Adds a warning that the value of a variable can't be used.
    ///
    /// - Parameter consequence: what happens instead; nil if ``setting(_:consequence:read:)`` will add it.
    package mutating func warn(_ name: String, _ problem: String, consequence: String? = nil) {
        problems.append(Problem(text: "\(name) \(problem)", consequence: consequence))
    }

    /// Reads a setting from one variable or several. Warnings about them say what is used instead.
    ///
    /// - Parameters:
    ///   - fallback: the setting if no variable has a usable value.
    ///   - consequence: describes the setting that is used, for the warning.
    package mutating func setting<Value>(
        _ fallback: Value,
        consequence: (Value) -> String = { "\($0) is used" },
        read: (inout EnvironmentReader) -> Value?
    ) -> Value {
        let known = problems.count
        let value = read(&self) ?? fallback
        for index in known..<problems.count where problems[index].consequence == nil {
            problems[index].consequence = consequence(value)
        }
        return value
    }

    /// ``setting(_:consequence:read:)`` of a time.
    package mutating func duration(
        _ fallback: Duration,
        read: (inout EnvironmentReader) -> Duration?
    ) -> Duration {
        setting(fallback, consequence: { "\($0.inSeconds) is used" }, read: read)
    }

    /// The value without surrounding white space; nil if it is unset or empty.
    package func text(_ name: String) -> String? {
        let value = value(name)?.trimmed()
        return value?.isEmpty == false ? value : nil
    }

    /// `true` or `false` in any case.
    package mutating func boolean(_ name: String) -> Bool? {
        switch text(name)?.lowercased() {
        case nil: return nil
        case "true": return true
        case "false": return false
        case let other?:
            warn(name, "is \(quoted(other)), neither \"true\" nor \"false\"")
            return nil
        }
    }

    /// A whole number of milliseconds greater than 0.
    package mutating func milliseconds(_ name: String) -> Duration? {
        guard let text = text(name) else { return nil }
        guard let number = Int(digits: text), number > 0, number <= Duration.year.components.seconds * 1000 else {
            warn(name, "is \(quoted(text)), not a whole number of milliseconds from 1 to 31536000000")
            return nil
        }
        return .milliseconds(number)
    }

    /// A decimal number of seconds greater than 0.
    package mutating func seconds(_ name: String) -> Duration? {
        positiveNumber(name, "number of seconds", upTo: Duration.year / .seconds(1)).map { .seconds($0) }
    }

    /// A finite decimal number greater than 0 and at most `limit`.
    package mutating func positiveNumber(_ name: String, _ what: String, upTo limit: Double) -> Double? {
        guard let text = text(name) else { return nil }
        guard let number = Double(text), number.isFinite, number > 0, number <= limit else {
            warn(name, "is \(quoted(text)), not a \(what) greater than 0")
            return nil
        }
        return number
    }

    /// One of several words, in any case.
    package mutating func word<Value>(_ name: String, _ words: KeyValuePairs<String, Value>) -> Value? {
        guard let text = text(name) else { return nil }
        let word = text.lowercased()
        // By position: a generic search through the collection would noticeably slow down `instrument()`.
        for position in words.startIndex..<words.endIndex where words[position].key == word {
            return words[position].value
        }
        warn(name, "is \(quoted(text)), not one of \(words.map(\.key).joined(separator: ", "))")
        return nil
    }

    /// The parts of a list, by default a comma-separated one, trimmed, without empty ones.
    package func list(_ name: String, isSeparator: (Character) -> Bool = { $0 == "," }) -> [String] {
        (text(name) ?? "").split(whereSeparator: isSeparator)
            .map { $0.trimmed() }
            .filter { !$0.isEmpty }
    }

    /// `k=v,k2=v2`: split at the first `=`, trimmed and percent-decoded.
    ///
    /// Values may be secrets, so a warning gives only the number or the key of an entry.
    package mutating func keyValueList(_ name: String) -> [(key: String, value: String)] {
        var result: [(key: String, value: String)] = []
        for (index, entry) in list(name).enumerated() {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                .map { $0.trimmed() }
            guard parts.count == 2, let key = parts[0].removingPercentEncoding, !key.isEmpty else {
                warn(
                    name,
                    "has an entry (number \(index + 1)) that is not key=value",
                    consequence: "it is left out"
                )
                continue
            }
            guard let value = parts[1].removingPercentEncoding else {
                warn(
                    name,
                    "has a value (of \(quoted(key))) with broken percent-encoding",
                    consequence: "it is left out"
                )
                continue
            }
            result.append((key, value))
        }
        return result
    }

    /// An http or https URL.
    package mutating func endpoint(_ name: String) -> HTTPEndpoint? {
        guard let text = text(name) else { return nil }
        do {
            return try HTTPEndpoint(text)
        } catch {
            // The value is not quoted: it may contain a password.
            warn(name, "\(error)")
            return nil
        }
    }
}
