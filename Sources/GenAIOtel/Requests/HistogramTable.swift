// The histograms of one metric, laid out so that recording allocates nothing and snapshots delay it little.

/// A histogram of durations for each series of a metric; series are numbered from 0.
///
/// The numbers of all series are stored in pages. A snapshot shares the pages, and the next recording into a page
/// copies that page, a few kilobytes. With one array per series, each series would be allocated again after each
/// snapshot. With a single array, one recording would have to copy everything.
struct HistogramTable: Sendable {
    private static let seriesPerPage = 32

    /// Layout of one series within its page. Sum, minimum and maximum are in nanoseconds: integers add up exactly.
    private enum Word {
        static let count = 0
        static let sum = 1
        static let minimum = 2
        static let maximum = 3
        static let firstBucket = 4
    }

    /// The buckets' inclusive upper bounds, in seconds, ascending.
    let bounds: [Double]
    private let boundsInNanoseconds: [UInt64]
    private let wordsPerSeries: Int
    private var pages: [[UInt64]] = []
    /// The same values in exponential buckets; nil unless they are exported.
    private var exponential: ExponentialTable?
    private var exemplars: ExemplarTable

    init(bounds: [Double], isExponential: Bool = false) {
        exponential = isExponential ? ExponentialTable() : nil
        self.bounds = bounds
        boundsInNanoseconds = bounds.map { UInt64(($0 * 1e9).rounded()) }
        wordsPerSeries = Word.firstBucket + bounds.count + 1
        exemplars = ExemplarTable(buckets: bounds.count + 1)
    }

    /// Adds one value to the histogram of a series.
    ///
    /// - Parameter exemplar: where the value comes from, if it becomes an exemplar.
    mutating func record(nanoseconds: UInt64, in series: Int, exemplar: ExemplarTable.Source? = nil) {
        exponential?.record(nanoseconds: nanoseconds, in: series)
        let (page, place) = series.quotientAndRemainder(dividingBy: Self.seriesPerPage)
        while pages.count <= page {
            pages.append([UInt64](repeating: 0, count: wordsPerSeries * Self.seriesPerPage))
        }
        let bucket = boundsInNanoseconds.firstIndex { nanoseconds <= $0 } ?? boundsInNanoseconds.count
        let first = place * wordsPerSeries
        pages[page].withUnsafeMutableBufferPointer { page in
            let words = UnsafeMutableBufferPointer(rebasing: page[first..<first + wordsPerSeries])
            let isFirst = words[Word.count] == 0
            words[Word.count] += 1
            words[Word.sum] = words[Word.sum].addingSaturated(nanoseconds)
            words[Word.minimum] = isFirst ? nanoseconds : min(words[Word.minimum], nanoseconds)
            words[Word.maximum] = max(words[Word.maximum], nanoseconds)
            words[Word.firstBucket + bucket] += 1
        }
        if let exemplar { exemplars.record(nanoseconds, exemplar, bucket: bucket, in: series) }
    }

    /// One point for each series with a value.
    ///
    /// - Parameters:
    ///   - attributes: the attributes of each series, by its number.
    ///   - start: when counting began, in nanoseconds since 1970.
    ///   - exemplars: the interval from which exemplars are taken.
    func points(
        _ attributes: PagedArray<[Attribute]>,
        start: UInt64,
        exemplars interval: ExemplarTable.Interval
    ) -> [HistogramPoint] {
        attributes.indices.compactMap { series in
            var point = point(series, attributes[series], start)
            point?.exemplars = exemplars.exemplars(of: series, in: interval)
            return point
        }
    }

    private func point(_ series: Int, _ attributes: [Attribute], _ start: UInt64) -> HistogramPoint? {
        let (page, place) = series.quotientAndRemainder(dividingBy: Self.seriesPerPage)
        guard page < pages.count else { return nil }
        let first = place * wordsPerSeries
        let words = pages[page][first..<first + wordsPerSeries]
        guard words[first + Word.count] > 0 else { return nil }
        var point = HistogramPoint(
            attributes,
            bounds: bounds,
            bucketCounts: words[(first + Word.firstBucket)...],
            count: words[first + Word.count],
            sum: Self.seconds(words[first + Word.sum]),
            range: Self.seconds(words[first + Word.minimum])...Self.seconds(words[first + Word.maximum]),
            start: start
        )
        point.exponential = exponential?.buckets(of: series)
        return point
    }

    private static func seconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e9 }
}
