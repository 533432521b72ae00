// The engines that a file names: a URL on each line, or the JSON of Prometheus' file_sd.

import Foundation
import GenAIOtel

/// What a file of targets says.
package struct TargetFile: Equatable, Sendable {
    package struct Entry: Equatable, Sendable {
        /// A URL or `host:port`; checked, and never to be shown: it may hold a password.
        package var url: String
        package var attributes: [String: String] = [:]
    }

    package private(set) var entries: [Entry] = []
    /// One line for each part that is left out, twenty at most; none quotes the file.
    package private(set) var problems: [String] = []

    private static let problemLimit = 20

    package struct Unreadable: Error, CustomStringConvertible {
        package var description: String
    }

    /// Reads the text of a file.
    ///
    /// - Throws: ``Unreadable`` if it begins as JSON and is not that of file_sd, or if nothing in it can be used: a file
    ///   that was cut off must not end the polling of all its engines.
    package init(_ text: String) throws {
        // Some editors put a byte-order mark in front.
        let text = text.hasPrefix("\u{FEFF}") ? String(text.dropFirst()) : text
        switch text.first(where: { !$0.isWhitespace }) {
        case "[": try readJSON(text)
        case "{": throw Self.notFileSD
        default: readLines(text)
        }
        guard problems.isEmpty || !entries.isEmpty else {
            throw Unreadable(description: "it names no engine, but has something else in it")
        }
    }

    private static let notFileSD = Unreadable(
        description: "it is not the JSON of file_sd: a list of objects with targets and labels"
    )

    /// Reads a file of 4 MiB at most.
    package init(contentsOf path: String) throws {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw Unreadable(description: "it does not exist or can't be opened")
        }
        defer { try? file.close() }
        guard let data = try? file.read(upToCount: Self.sizeLimit + 1) ?? Data() else {
            throw Unreadable(description: "it can't be read")
        }
        guard data.count <= Self.sizeLimit else { throw Unreadable(description: "it is larger than 4 MiB") }
        try self.init(String(decoding: data, as: UTF8.self))
    }

    private static let sizeLimit = 4 * 1024 * 1024

    private mutating func readLines(_ text: String) {
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let entry = line.trimmingCharacters(in: .whitespaces)
            if entry.isEmpty || entry.hasPrefix("#") { continue }
            // A comment behind a URL begins with a blank, because a URL may have a fragment.
            let url = entry.split(maxSplits: 1, whereSeparator: \.isWhitespace)
            let rest = url.count > 1 ? url[1].trimmingCharacters(in: .whitespaces) : ""
            add(Entry(url: String(url[0])), "Line \(index + 1)", isWhole: rest.isEmpty || rest.hasPrefix("#"))
        }
    }

    private mutating func readJSON(_ text: String) throws {
        struct Group: Decodable {
            var targets: [String]
            var labels: [String: String]?
        }
        guard let groups = try? JSONDecoder().decode([Group].self, from: Data(text.utf8)) else {
            throw Self.notFileSD
        }
        for (index, group) in groups.enumerated() {
            let labels = group.labels ?? [:]
            let scheme = labels["__scheme__"] ?? "http"
            let path = labels["__metrics_path__"] ?? ""
            let query = labels.keys.sorted().compactMap { name -> URLQueryItem? in
                guard name.hasPrefix("__param_") else { return nil }
                return URLQueryItem(name: String(name.dropFirst("__param_".count)), value: labels[name])
            }
            var parts = URLComponents()
            parts.queryItems = query.isEmpty ? nil : query
            let attributes = labels.filter { !$0.key.hasPrefix("__") }
            for (number, target) in group.targets.enumerated() {
                let base = target.contains("://") ? target : "\(scheme)://\(target)"
                let url = base + (path.isEmpty || path.hasPrefix("/") ? path : "/\(path)") + (parts.string ?? "")
                add(
                    Entry(url: url, attributes: attributes),
                    "Target \(number + 1) of group \(index + 1)",
                    isWhole: true
                )
            }
        }
    }

    private mutating func add(_ entry: Entry, _ place: String, isWhole: Bool) {
        // The library's own rules; one entry must not be taken for several.
        let isUsable = isWhole && EngineSettings(environment: [:]).targets(entry.url).count == 1
        if isUsable {
            entries.append(entry)
        } else if problems.count < Self.problemLimit - 1 {
            problems.append("\(place) is no http or https URL; it is left out")
        } else if problems.count < Self.problemLimit {
            problems.append("\(place) and maybe more are no http or https URLs; they are left out")
        }
    }
}
