import Testing

@testable import GenAIOtel

@Suite("OutageBuffer")
struct OutageBufferTests {
    private func entry(_ number: Int, bytes: Int = 10) -> OutageBuffer.Entry {
        OutageBuffer.Entry(number: number, time: UInt64(number), body: [UInt8](repeating: 1, count: bytes), points: 1)
    }

    /// A buffer with entries 1, 2, ... of ten bytes.
    private func buffer(entryLimit: Int = 3, byteLimit: Int = 1000, holding count: Int = 0) -> OutageBuffer {
        var buffer = OutageBuffer(entryLimit: entryLimit, byteLimit: byteLimit)
        for number in 0..<count { _ = buffer.append(entry(number + 1)) }
        return buffer
    }

    @Test("entries come out in the order in which they went in, up to the number that is asked for")
    func order() {
        var buffer = buffer(holding: 3)
        #expect(buffer.takeFirst(upTo: 2)?.number == 1)
        #expect(buffer.takeFirst(upTo: 2)?.number == 2)
        #expect(buffer.takeFirst(upTo: 2) == nil)
        #expect(buffer.takeFirst(upTo: 3)?.number == 3)
        #expect(buffer.takeFirst(upTo: .max) == nil)
        #expect(buffer.byteCount == 0)
    }

    @Test("beyond the number, the oldest goes")
    func number() {
        var buffer = buffer(holding: 3)
        #expect(buffer.append(entry(4)).map(\.number) == [1])
        #expect(buffer.entries.map(\.number) == [2, 3, 4])
    }

    @Test("beyond the size, as many of the oldest go as must")
    func size() {
        var buffer = buffer(entryLimit: 10, byteLimit: 50, holding: 5)
        #expect(buffer.append(entry(6, bytes: 25)).map(\.number) == [1, 2, 3])
        #expect(buffer.byteCount == 45)
    }

    @Test("the newest is there to be tried once, whatever its size; what was tried and is too large is not kept")
    func large() throws {
        var buffer = buffer(byteLimit: 50, holding: 2)
        #expect(buffer.append(entry(3, bytes: 51)).map(\.number) == [1, 2])
        let large = buffer.takeFirst(upTo: .max)
        #expect(large?.number == 3)
        #expect(buffer.putBack(try #require(large)).map(\.number) == [3])
        #expect(buffer.entries.isEmpty)
    }

    @Test("an entry that is put back is the oldest again, and goes if newer ones have filled the buffer meanwhile")
    func putBack() throws {
        var buffer = buffer(holding: 3)
        let taken = buffer.takeFirst(upTo: .max)
        let first = try #require(taken)
        #expect(buffer.putBack(first).isEmpty)
        #expect(buffer.entries.map(\.number) == [1, 2, 3])
        _ = buffer.takeFirst(upTo: .max)
        #expect(buffer.append(entry(4)).isEmpty)
        #expect(buffer.putBack(first).map(\.number) == [1])
        #expect(buffer.entries.map(\.number) == [2, 3, 4])
    }

    @Test("without a limit for later nothing is put back, and one entry waits for its turn")
    func off() throws {
        var buffer = buffer(entryLimit: 0, holding: 1)
        let taken = buffer.takeFirst(upTo: .max)
        let first = try #require(taken)
        #expect(buffer.append(entry(2)).isEmpty)
        #expect(buffer.putBack(first) == [first])
        #expect(buffer.entries.map(\.number) == [2])
        #expect(buffer.append(entry(3)).map(\.number) == [2])
    }
}
