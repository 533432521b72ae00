// An array that a snapshot can share at little cost for writers.

/// An array in pages. The first write after a copy was taken copies one page and the list of pages, not every element.
struct PagedArray<Element: Sendable>: Sendable {
    private static var pageSize: Int { 512 }

    private var pages: [[Element]] = []
    private(set) var count = 0

    var indices: Range<Int> { 0..<count }

    subscript(position: Int) -> Element {
        _read { yield pages[position / Self.pageSize][position % Self.pageSize] }
        _modify { yield &pages[position / Self.pageSize][position % Self.pageSize] }
    }

    mutating func append(_ element: Element) {
        if count % Self.pageSize == 0 {
            pages.append([])
            pages[pages.count - 1].reserveCapacity(Self.pageSize)
        }
        pages[count / Self.pageSize].append(element)
        count += 1
    }

    mutating func removeLast() {
        count -= 1
        pages[count / Self.pageSize].removeLast()
        if count % Self.pageSize == 0 { pages.removeLast() }
    }
}
