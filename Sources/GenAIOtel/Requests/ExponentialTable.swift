// The exponential histograms of one metric, laid out like the explicit ones.

import Foundation

/// A histogram with exponential buckets for each series of a metric (OpenTelemetry metrics SDK, "Base2 Exponential Bucket
/// Histogram Aggregation"). Series are numbered from 0.
///
/// A series begins with the finest buckets and merges neighbours, two to one, whenever its values span too many.
struct ExponentialTable: Sendable {
    static let mostBuckets = 160
    static let finestScale = 20

    /// Few, because these series are large and a recording after a snapshot copies a page. A page is about as large as one of
    /// ``HistogramTable``.
    private static let seriesPerPage = 4

    /// Layout of one series within its page. Signed numbers are kept as their bits.
    private enum Word {
        /// How often neighbours were merged.
        static let merges = 0
        static let lowest = 1
        /// Number of buckets in use; 0 before the first value.
        static let length = 2
        static let zeros = 3
        static let firstBucket = 4
        static let count = firstBucket + mostBuckets
    }

    private var pages: [[UInt64]] = []

    /// Adds one value to the histogram of a series.
    mutating func record(nanoseconds: UInt64, in series: Int) {
        let (page, place) = series.quotientAndRemainder(dividingBy: Self.seriesPerPage)
        while pages.count <= page {
            pages.append([UInt64](repeating: 0, count: Word.count * Self.seriesPerPage))
        }
        let first = place * Word.count
        pages[page].withUnsafeMutableBufferPointer { page in
            let words = UnsafeMutableBufferPointer(rebasing: page[first..<first + Word.count])
            if nanoseconds == 0 {
                words[Word.zeros] = words[Word.zeros].addingSaturated(1)
            } else {
                Self.count(Self.finestBucket(nanoseconds), in: words)
            }
        }
    }

    /// The bucket at the finest scale. A right shift gives the bucket at a coarser scale. The upper bound is inclusive.
    private static func finestBucket(_ nanoseconds: UInt64) -> Int {
        let power = log2(Double(nanoseconds) / 1e9) * Double(1 << finestScale)
        return Int(power.rounded(.up)) - 1
    }

    private static func count(_ finestBucket: Int, in words: UnsafeMutableBufferPointer<UInt64>) {
        var merges = Int(words[Word.merges])
        let length = Int(words[Word.length])
        let lowest = length == 0 ? finestBucket : Int(Int64(bitPattern: words[Word.lowest]))
        var newLowest = min(lowest, finestBucket >> merges)
        var newHighest = max(lowest + max(length, 1) - 1, finestBucket >> merges)
        var moreMerges = 0
        while newHighest - newLowest >= mostBuckets {
            newLowest >>= 1
            newHighest >>= 1
            moreMerges += 1
        }
        merges += moreMerges
        let buckets = UnsafeMutableBufferPointer(rebasing: words[Word.firstBucket...])
        move(buckets, length, from: lowest, to: newLowest, merging: moreMerges)
        let bucket = (finestBucket >> merges) - newLowest
        buckets[bucket] = buckets[bucket].addingSaturated(1)
        words[Word.merges] = UInt64(merges)
        words[Word.lowest] = UInt64(bitPattern: Int64(newLowest))
        words[Word.length] = UInt64(newHighest - newLowest + 1)
    }

    /// Merges neighbours the given number of times, and moves the buckets if the lowest one changes.
    private static func move(
        _ buckets: UnsafeMutableBufferPointer<UInt64>,
        _ length: Int,
        from lowest: Int,
        to newLowest: Int,
        merging merges: Int
    ) {
        guard lowest != newLowest || merges > 0 else { return }
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: mostBuckets) { new in
            new.initialize(repeating: 0)
            for position in 0..<length {
                let place = ((lowest + position) >> merges) - newLowest
                new[place] = new[place].addingSaturated(buckets[position])
            }
            _ = buckets.update(from: new)
        }
    }

    /// The buckets of a series; nil if it has no value.
    func buckets(of series: Int) -> ExponentialBuckets? {
        let (page, place) = series.quotientAndRemainder(dividingBy: Self.seriesPerPage)
        guard page < pages.count else { return nil }
        let first = place * Word.count
        let words = pages[page][first..<first + Word.count]
        let length = Int(words[first + Word.length])
        guard length > 0 || words[first + Word.zeros] > 0 else { return nil }
        let start = first + Word.firstBucket
        return ExponentialBuckets(
            scale: Self.finestScale - Int(words[first + Word.merges]),
            offset: Int(Int64(bitPattern: words[first + Word.lowest])),
            counts: words[start..<start + length],
            zeroCount: words[first + Word.zeros]
        )
    }
}

extension ExponentialBuckets {
    /// The count since `earlier`, an older value of the same series, without empty buckets at the ends.
    func subtracting(_ earlier: ExponentialBuckets) -> ExponentialBuckets {
        let merges = earlier.scale - scale
        // They only ever get coarser.
        guard merges >= 0 else { return self }
        var counts = Array(counts)
        for (position, count) in earlier.counts.enumerated() {
            let place = ((earlier.offset + position) >> merges) - offset
            if counts.indices.contains(place) { counts[place] = counts[place].subtractingSaturated(count) }
        }
        let first = counts.firstIndex { $0 > 0 } ?? 0
        let end = counts.lastIndex { $0 > 0 }.map { $0 + 1 } ?? 0
        return ExponentialBuckets(
            scale: scale,
            offset: offset + first,
            counts: counts[first..<end],
            zeroCount: zeroCount.subtractingSaturated(earlier.zeroCount)
        )
    }
}
