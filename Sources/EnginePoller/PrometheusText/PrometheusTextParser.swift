// Finds a few metrics in a Prometheus page of any size.

import Foundation

/// Reads the samples of certain metrics from a page in the Prometheus text format 0.0.4 or OpenMetrics 1.0.
///
/// Works on the page's bytes. A line that was not requested costs the search for its end and a comparison of its first
/// bytes, without an allocation. A malformed line costs only that line. Exemplars and timestamps are skipped; comments
/// only show that a family exists.
///
/// https://prometheus.io/docs/instrumenting/exposition_formats/
struct PrometheusTextParser: Sendable {
    private let metrics: PrefixTable
    private let families: PrefixTable
    private let labels: PrefixTable

    /// - Parameters:
    ///   - metrics: the full names of the samples to read.
    ///   - families: prefixes of names, whose occurrence is noted.
    ///   - labels: the labels whose values are kept.
    init(metrics: [String], families: [String] = [], labels: [String] = []) {
        self.metrics = PrefixTable(metrics)
        self.families = PrefixTable(families)
        self.labels = PrefixTable(labels)
    }

    /// The requested content of a page.
    struct Page {
        /// In the order of the page.
        var samples: [PrometheusSample] = []
        /// The requested prefixes that occur.
        var families: Set<String> = []
    }

    func parse(_ page: [UInt8]) -> Page {
        page.withUnsafeBufferPointer { parse($0) }
    }

    func parse(_ page: UnsafeBufferPointer<UInt8>) -> Page {
        var result = Page()
        var start = 0
        while start < page.count {
            let end = endOfLine(in: page, from: start)
            parseLine(UnsafeBufferPointer(rebasing: page[start..<trimmingCarriageReturn(page, start, end)]), &result)
            start = end + 1
        }
        return result
    }

    private func endOfLine(in page: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        guard let base = page.baseAddress,
            let found = memchr(base + start, Int32(UInt8.lineFeed), page.count - start)
        else { return page.count }
        return UnsafeRawPointer(base).distance(to: UnsafeRawPointer(found))
    }

    private func trimmingCarriageReturn(_ page: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> Int {
        end > start && page[end - 1] == .carriageReturn ? end - 1 : end
    }

    private func parseLine(_ line: UnsafeBufferPointer<UInt8>, _ result: inout Page) {
        var cursor = LineCursor(line)
        cursor.skipBlanks()
        if cursor.current == .hash {
            guard cursor.take(Self.typeComment) || cursor.take(Self.helpComment) else { return }
            noteFamily(at: cursor, &result)
            return
        }
        noteFamily(at: cursor, &result)
        guard let name = takeMetricName(&cursor) else { return }
        guard let labels = takeLabels(&cursor), let value = takeValue(&cursor), isRestWellFormed(&cursor) else {
            return
        }
        result.samples.append(PrometheusSample(name: name, labels: labels, value: value))
    }

    private func noteFamily(at cursor: LineCursor, _ result: inout Page) {
        var start = cursor
        if let family = families.take(from: &start, where: { _ in true }) { result.families.insert(family) }
    }

    /// Skips the line's name if it was requested in full: `requests` does not match `requests_total`.
    private func takeMetricName(_ cursor: inout LineCursor) -> String? {
        metrics.take(from: &cursor) { next in next == .leftBrace || next == .space || next == .tab }
    }

    private static let typeComment = Array("# TYPE ".utf8)
    private static let helpComment = Array("# HELP ".utf8)
}

// MARK: - Labels and values

extension PrometheusTextParser {
    /// `{name="value",...}` or nothing; nil if it is malformed.
    private func takeLabels(_ cursor: inout LineCursor) -> [String: String]? {
        cursor.skipBlanks()
        var result: [String: String] = [:]
        guard cursor.take(.leftBrace) else { return result }
        while true {
            cursor.skipBlanks()
            if cursor.take(.rightBrace) { return result }
            guard takeLabel(&cursor, into: &result) else { return nil }
            cursor.skipBlanks()
            guard cursor.take(.comma) || cursor.current == .rightBrace else { return nil }
        }
    }

    private func takeLabel(_ cursor: inout LineCursor, into result: inout [String: String]) -> Bool {
        let wanted = labels.take(from: &cursor) { next in next == .equals || next == .space || next == .tab }
        if wanted == nil {
            let start = cursor.position
            cursor.advance { $0 == .equals || $0 == .space || $0 == .tab || $0 == .quote }
            guard cursor.position > start else { return false }
        }
        cursor.skipBlanks()
        guard cursor.take(.equals) else { return false }
        cursor.skipBlanks()
        guard let value = takeQuoted(&cursor) else { return false }
        if let wanted { result[wanted] = unescaped(value) }
        return true
    }

    /// The bytes between two quotes, still escaped.
    private func takeQuoted(_ cursor: inout LineCursor) -> Slice<UnsafeBufferPointer<UInt8>>? {
        guard cursor.take(.quote) else { return nil }
        let start = cursor.position
        while true {
            cursor.advance { $0 == .quote || $0 == .backslash }
            if cursor.current == .quote {
                defer { cursor.advance() }
                return cursor.bytes(from: start)
            }
            guard cursor.take(.backslash), cursor.current != nil else { return nil }
            cursor.advance()
        }
    }

    /// The format has `\\`, `\"` and `\n`; before any other byte, a backslash is a backslash.
    private func unescaped(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> String {
        guard bytes.contains(.backslash) else { return String(decoding: bytes, as: UTF8.self) }
        var result: [UInt8] = []
        var isEscaped = false
        for byte in bytes {
            switch (isEscaped, byte) {
            case (false, .backslash):
                isEscaped = true
                continue
            case (true, UInt8(ascii: "n")): result.append(.lineFeed)
            case (true, .quote), (true, .backslash), (false, _): result.append(byte)
            case (true, _): result += [.backslash, byte]
            }
            isEscaped = false
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// A finite number; nil for `NaN`, `+Inf` and anything else.
    private func takeValue(_ cursor: inout LineCursor) -> Double? {
        cursor.skipBlanks()
        // Strings of up to fifteen bytes need no allocation. Only requested samples get here.
        guard let value = Double(String(decoding: cursor.takeWord(), as: UTF8.self)), value.isFinite else { return nil }
        return value
    }

    /// Nothing, a timestamp, an exemplar, or both. In a line with anything else, the value may be damaged too.
    private func isRestWellFormed(_ cursor: inout LineCursor) -> Bool {
        cursor.skipBlanks()
        if let next = cursor.current, next != .hash {
            guard Double(String(decoding: cursor.takeWord(), as: UTF8.self)) != nil else { return false }
            cursor.skipBlanks()
        }
        return cursor.current == nil || cursor.current == .hash
    }
}
