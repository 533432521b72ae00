// Which engines are polled: those that are named, those of a file, and those that were found.

import Foundation
import GenAIOtel

/// The engines to poll. A value; what changes it hands the new list on.
struct TargetList: Sendable {
    let settings: EngineSettings
    /// Named by the environment and the command line.
    let named: [EngineTarget]
    private(set) var ofFile: [EngineTarget] = []
    /// What of the file is left out, and why.
    private(set) var problems: [String] = []
    /// Found on this machine, by port, with the number of rounds in a row in which each was down.
    private(set) var found: [Int: Int] = [:]

    /// Asked anew each time: addresses come and go.
    var machine: @Sendable () -> ThisMachine = { .current }

    /// Rounds of a minute that a found engine may be down: after an hour it is forgotten.
    static let patience = 60

    init(settings: EngineSettings, named: [EngineTarget]) {
        self.settings = settings
        self.named = named
    }

    /// The list that the command line and the environment ask for.
    ///
    /// - Throws: ``UsageProblem`` for an engine that is no URL, and for a file that can't be read.
    init(_ engines: [String], targetsFile: String?, environment: [String: String]) throws {
        let settings = EngineSettings(environment: environment)
        var named = settings.named
        for (index, text) in engines.enumerated() {
            let targets = settings.targets(text)
            // The text is not quoted: it may hold a password.
            guard !targets.isEmpty else {
                throw UsageProblem(
                    "--engine number \(index + 1) is no http or https URL, such as http://localhost:8000"
                )
            }
            named += targets
        }
        self.init(settings: settings, named: named)
        if let targetsFile {
            do {
                read(try TargetFile(contentsOf: targetsFile))
            } catch {
                throw UsageProblem("The file of targets \(targetsFile) can't be used: \(error)")
            }
        }
    }

    /// All of them. A found engine that has been named since counts as named.
    var targets: [EngineTarget] {
        guard !found.isEmpty else { return named + ofFile }
        let known = machine().ports(of: named + ofFile)
        return named + ofFile + found.keys.sorted().filter { !known.contains($0) }.flatMap(target)
    }

    /// Those of the places where nobody is polled yet.
    func open(_ candidates: [Candidate]) -> [Candidate] {
        let known = machine().ports(of: named + ofFile).union(found.keys)
        return candidates.filter { !known.contains($0.port) }
    }

    func target(ofPort port: Int) -> [EngineTarget] { settings.found(at: "http://localhost:\(port)") }

    mutating func read(_ file: TargetFile) {
        ofFile = settings.targets(of: file)
        problems = file.problems.map { "File of targets: \($0)" }
    }

    /// Takes over what a round has shown.
    ///
    /// - Parameters:
    ///   - new: the ports where an engine was recognised.
    ///   - isUp: whether the found engine of a port is up at present.
    mutating func finishRound(new: [Int], isUp: (_ port: Int) -> Bool) {
        for (port, rounds) in found {
            let rounds = isUp(port) ? 0 : rounds + 1
            found[port] = rounds < Self.patience ? rounds : nil
        }
        for port in new { found[port] = 0 }
    }
}

extension EngineTarget {
    /// What the readings of two engines must differ in; the library polls one of those that have it in common.
    var place: [String] {
        let parts = URLComponents(url: url, resolvingAgainstBaseURL: false) ?? URLComponents()
        let path = parts.percentEncodedPath
        var attributes = attributes.filter { !$0.value.isEmpty }
        attributes["model"] = attributes["model"] ?? parts.queryItems?.first { $0.name == "model" }?.value
        let port = parts.port ?? (parts.scheme == "https" ? 443 : 80)
        return [parts.host ?? "", String(port), ["", "/"].contains(path) ? "/metrics" : path]
            + attributes.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
    }
}

/// Something that whoever started the program has to change.
package struct UsageProblem: Error, CustomStringConvertible, Equatable {
    package var description: String

    package init(_ description: String) { self.description = description }
}
