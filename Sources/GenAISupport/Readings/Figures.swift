// The figures that one server or one model reports, by their rows of the table.

/// A histogram that a server keeps, as it stands at one moment. A value: safe to pass between threads.
///
/// ```swift
/// // 7 values up to 0.1 s, 2 up to 1 s, none above; 1.9 s in all.
/// let durations = HistogramReading(bounds: [0.1, 1], bucketCounts: [7, 2, 0], sum: 1.9)
/// ```
public struct HistogramReading: Sendable, Hashable {
    /// The upper bounds of all buckets but the last, each inclusive, finite, 0 or more, and higher than the one before.
    /// Durations are in seconds.
    public var bounds: [Double]
    /// The number of values in each bucket: one more entry than there are bounds. Not cumulative, unlike in Prometheus' text.
    public var bucketCounts: [UInt64]
    /// The sum of all values, finite.
    public var sum: Double

    /// Makes a histogram. Nothing is checked here: one whose parts do not fit together is left out when it is recorded.
    ///
    /// - Parameters:
    ///   - bounds: the upper bounds of all buckets but the last: finite, 0 or more and ascending; in seconds for
    ///     durations.
    ///   - bucketCounts: the number of values in each bucket, not cumulative: one more entry than `bounds` has.
    ///   - sum: the sum of all values, finite.
    public init(bounds: [Double], bucketCounts: [UInt64], sum: Double) {
        self.bounds = bounds
        self.bucketCounts = bucketCounts
        self.sum = sum
    }

    /// The number of values in all buckets, at most `UInt64.max`.
    public var count: UInt64 { bucketCounts.reduce(0) { $0.addingSaturated($1) } }

    /// Whether the parts fit together.
    package var isValid: Bool {
        let rises = zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }
        return rises && bounds.allSatisfy { $0 >= 0 && $0.isFinite }
            && bucketCounts.count == bounds.count + 1 && sum.isFinite
    }
}

/// The value of a figure.
package enum FigureValue: Sendable, Equatable {
    case int(Int)
    case double(Double)
    // Indirect: otherwise every value would have the size of a histogram, and there are few histograms.
    indirect case histogram(HistogramReading)
}

extension FigureValue {
    /// The value, clamped to the range of its kind; nil if it means nothing.
    package func clamped(_ kind: Figure.Kind) -> FigureValue? {
        switch (self, kind) {
        case (.double(let number), .percentage): number.asPercentage.map { .double($0) }
        case (.int(let number), .count), (.int(let number), .sum): .int(max(number, 0))
        case (.histogram(let histogram), .histogram): histogram.isValid ? self : nil
        default: nil
        }
    }

    /// The sum of two values; nil if there is none: histograms with different bounds.
    package func sum(with other: FigureValue) -> FigureValue? { merged(with: other, .sum) }

    /// The values of two replicas as one; nil if they can't be: histograms with different bounds.
    fileprivate func merged(with other: FigureValue, _ merging: Figure.Merging) -> FigureValue? {
        switch (self, other, merging) {
        case (.int(let left), .int(let right), .sum): .int(left.addingAsCount(right))
        case (.int(let left), .int(let right), .maximum): .int(max(left, right))
        case (.double(let left), .double(let right), .sum): .double(left + right)
        case (.double(let left), .double(let right), .maximum): .double(max(left, right))
        case (.histogram(let left), .histogram(let right), _): left.added(to: right).map { .histogram($0) }
        default: nil
        }
    }
}

extension FigureValue {
    /// A histogram without buckets: valid ones have at least one.
    fileprivate static let unmergeable = FigureValue.histogram(
        HistogramReading(bounds: [], bucketCounts: [], sum: 0)
    )
}

extension HistogramReading {
    fileprivate func added(to other: HistogramReading) -> HistogramReading? {
        guard bounds == other.bounds, bucketCounts.count == other.bucketCounts.count else { return nil }
        return HistogramReading(
            bounds: bounds,
            bucketCounts: zip(bucketCounts, other.bucketCounts).map { $0.addingSaturated($1) },
            sum: min(max(sum + other.sum, -.greatestFiniteMagnitude), .greatestFiniteMagnitude)
        )
    }
}

/// Values by figure. A figure that is not reported has none.
package struct Figures: Sendable, Equatable {
    package struct Element: Sendable, Equatable {
        package var figure: Figure
        package var value: FigureValue
    }

    /// In the order of the table. A list and not an array of all figures, because a server reports few of them, for possibly
    /// tens of thousands of models.
    package private(set) var elements: [Element] = []

    package init() {}

    package var isEmpty: Bool { elements.isEmpty }

    package subscript(figure: Figure) -> FigureValue? {
        get { elements.first { $0.figure == figure }?.value }
        set {
            let position = elements.firstIndex { $0.figure.rawValue >= figure.rawValue } ?? elements.endIndex
            let isKnown = position < elements.endIndex && elements[position].figure == figure
            switch (newValue, isKnown) {
            case (let value?, true): elements[position].value = value
            case (let value?, false): elements.insert(Element(figure: figure, value: value), at: position)
            case (nil, true): elements.remove(at: position)
            case (nil, false): break
            }
        }
    }

    /// The figures with each value replaced by the result of `change`. Those with a nil result are left out.
    package func compactMap(_ change: (Figure, FigureValue) -> FigureValue?) -> Figures {
        var result = self
        result.elements = elements.compactMap { element in
            change(element.figure, element.value).map { Element(figure: element.figure, value: $0) }
        }
        return result
    }

    /// The figures, clamped to their ranges.
    package var clamped: Figures { compactMap { figure, value in value.clamped(figure.row.kind) } }

    /// The sums and histograms.
    package var counters: Figures { compactMap { figure, value in figure.row.kind.isCounter ? value : nil } }

    /// The gauges.
    package var withoutCounters: Figures { compactMap { figure, value in figure.row.kind.isCounter ? nil : value } }

    /// The figures that a model reports after it is gone.
    package var zeroed: Figures {
        compactMap { figure, value in
            switch value {
            case .int where figure.row.isZeroedWhenGone: .int(0)
            case .double where figure.row.isZeroedWhenGone: .double(0)
            default: nil
            }
        }
    }

    /// The figures of two replicas as one. Histograms that can't be added up become an invalid one. It stays invalid when more
    /// replicas are merged, and ``clamped`` leaves it out.
    package func merged(with other: Figures) -> Figures {
        var result = self
        for element in other.elements {
            guard let own = result[element.figure] else {
                result[element.figure] = element.value
                continue
            }
            result[element.figure] = own.merged(with: element.value, element.figure.row.merging) ?? .unmergeable
        }
        return result
    }

    /// These figures, and the other ones where a figure is missing here.
    package func completed(with other: Figures) -> Figures {
        var result = self
        for element in other.elements where result[element.figure] == nil { result[element.figure] = element.value }
        return result
    }

    package subscript(int figure: Figure) -> Int? {
        get { if case .int(let number) = self[figure] { number } else { nil } }
        set { self[figure] = newValue.map { .int($0) } }
    }

    package subscript(double figure: Figure) -> Double? {
        get { if case .double(let number) = self[figure] { number } else { nil } }
        set { self[figure] = newValue.map { .double($0) } }
    }

    package subscript(histogram figure: Figure) -> HistogramReading? {
        get { if case .histogram(let histogram) = self[figure] { histogram } else { nil } }
        set { self[figure] = newValue.map { .histogram($0) } }
    }
}
