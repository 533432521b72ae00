// The exemplars of one metric, laid out like its histograms.

/// The newest exemplar of each bucket of each series. Series are numbered from 0.
struct ExemplarTable: Sendable {
    /// Where an exemplar comes from.
    struct Source {
        /// On the collector's clock, in nanoseconds.
        var time: UInt64
        var trace: RequestTrace?
    }

    /// The time from which exemplars are taken. Turns times on the collector's clock into dates.
    struct Interval {
        /// The beginning, exclusive, on the collector's clock; nil for the start of the process.
        var start: UInt64?
        /// The date when the collector's clock stood at 0.
        var dateOfZero: UInt64

        func contains(_ time: UInt64) -> Bool { start.map { $0 < time } ?? true }

        func date(of time: UInt64) -> UInt64 { dateOfZero &+ time }
    }

    private struct Slot {
        /// In nanoseconds.
        var value: UInt64
        var time: UInt64
        var trace: RequestTrace?
    }

    /// A recording after a snapshot copies a page.
    private static let seriesPerPage = 8

    private let buckets: Int
    /// Empty until one of its series has an exemplar.
    private var pages: [[Slot?]] = []

    init(buckets: Int) {
        self.buckets = buckets
    }

    mutating func record(_ nanoseconds: UInt64, _ source: Source, bucket: Int, in series: Int) {
        let (page, place) = series.quotientAndRemainder(dividingBy: Self.seriesPerPage)
        while pages.count <= page { pages.append([]) }
        if pages[page].isEmpty { pages[page] = [Slot?](repeating: nil, count: buckets * Self.seriesPerPage) }
        pages[page][place * buckets + bucket] = Slot(value: nanoseconds, time: source.time, trace: source.trace)
    }

    /// The exemplars of a series in an interval, in the order of the buckets.
    func exemplars(of series: Int, in interval: Interval) -> [Exemplar] {
        let (page, place) = series.quotientAndRemainder(dividingBy: Self.seriesPerPage)
        guard page < pages.count, !pages[page].isEmpty else { return [] }
        return pages[page][place * buckets..<(place + 1) * buckets].compactMap { slot in
            guard let slot, interval.contains(slot.time) else { return nil }
            return Exemplar(value: Double(slot.value) / 1e9, time: interval.date(of: slot.time), trace: slot.trace)
        }
    }
}
