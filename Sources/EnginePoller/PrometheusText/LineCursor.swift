// Reads one line of a Prometheus page from left to right, never past its end.

import Foundation

/// A position in a line of bytes. Every step checks the end of the line.
struct LineCursor {
    typealias Bytes = Slice<UnsafeBufferPointer<UInt8>>

    private let line: UnsafeBufferPointer<UInt8>
    private(set) var position = 0

    /// The bytes must outlive the cursor.
    init(_ line: UnsafeBufferPointer<UInt8>) {
        self.line = line
    }

    /// The byte at the cursor; nil at the end of the line.
    var current: UInt8? { position < line.count ? line[position] : nil }

    /// The bytes from `start` up to the cursor.
    func bytes(from start: Int) -> Bytes { line[start..<position] }

    mutating func advance() {
        if position < line.count { position += 1 }
    }

    /// Skips spaces and tabs.
    mutating func skipBlanks() {
        while let byte = current, byte == .space || byte == .tab { position += 1 }
    }

    /// Moves to the first byte from here on that satisfies `condition`, or to the end of the line.
    mutating func advance(to condition: (UInt8) -> Bool) {
        while let byte = current, !condition(byte) { position += 1 }
    }

    /// Skips `byte` if it comes next.
    mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        position += 1
        return true
    }

    /// Skips `text` if it comes next.
    mutating func take(_ text: [UInt8]) -> Bool {
        text.withUnsafeBufferPointer { take($0[...]) }
    }

    /// Skips `text` if it comes next.
    mutating func take(_ text: Bytes) -> Bool {
        guard line.count - position >= text.count else { return false }
        guard
            text.isEmpty
                || memcmp(line.baseAddress! + position, text.base.baseAddress! + text.startIndex, text.count) == 0
        else { return false }
        position += text.count
        return true
    }

    /// Skips everything up to the next blank and returns it.
    mutating func takeWord() -> Bytes {
        let start = position
        advance { $0 == .space || $0 == .tab }
        return bytes(from: start)
    }

    /// Skips the bytes between two quotes, and the quotes, and returns them, still escaped; nil if a quote is missing.
    mutating func takeQuoted() -> Bytes? {
        guard take(.quote) else { return nil }
        let start = position
        while true {
            advance { $0 == .quote || $0 == .backslash }
            if current == .quote {
                defer { advance() }
                return bytes(from: start)
            }
            guard take(.backslash), current != nil else { return nil }
            advance()
        }
    }
}

extension UInt8 {
    static let tab = UInt8(ascii: "\t")
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let space = UInt8(ascii: " ")
    static let quote = UInt8(ascii: "\"")
    static let hash = UInt8(ascii: "#")
    static let comma = UInt8(ascii: ",")
    static let equals = UInt8(ascii: "=")
    static let backslash = UInt8(ascii: "\\")
    static let leftBrace = UInt8(ascii: "{")
    static let rightBrace = UInt8(ascii: "}")
    static let colon = UInt8(ascii: ":")
    static let underscore = UInt8(ascii: "_")
}
