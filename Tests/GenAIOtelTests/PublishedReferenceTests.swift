import Foundation
import GenAISupport
import Testing

@testable import GenAIOtel

@Suite struct PublishedReferenceTests {
    /// Counts how many of its kind there are.
    private final class Tracked: Sendable {
        let number: Int
        private let alive: Locked<Int>

        init(_ number: Int, _ alive: Locked<Int>) {
            (self.number, self.alive) = (number, alive)
            alive.withLock { $0 += 1 }
        }

        deinit { alive.withLock { $0 -= 1 } }
    }

    /// A class, so that threads can share what can't be copied.
    private final class Holder: Sendable {
        let reference = PublishedReference<Tracked>()
    }

    @Test("holds the object that was stored last, and only that one")
    func stores() {
        let alive = Locked(0)
        let holder = Holder()
        #expect(holder.reference.object == nil)
        holder.reference.store(Tracked(1, alive))
        holder.reference.store(Tracked(2, alive))
        #expect(holder.reference.object?.number == 2)
        #expect(alive.withLock { $0 } == 1)
        holder.reference.store(nil)
        #expect(holder.reference.object == nil)
        #expect(alive.withLock { $0 } == 0)
    }

    @Test("an object outlives its replacement while a reader holds it")
    func outlives() {
        let alive = Locked(0)
        let holder = Holder()
        holder.reference.store(Tracked(1, alive))
        let held = holder.reference.object
        holder.reference.store(nil)
        #expect(alive.withLock { $0 } == 1)
        #expect(held?.number == 1)
    }

    @Test("readers and writers on many threads see whole objects, and all of them go")
    func concurrency() async {
        let alive = Locked(0)
        let holder = Holder()
        await withTaskGroup(of: Void.self) { group in
            for writer in 0..<2 {
                group.addTask {
                    for step in 0..<2_000 { holder.reference.store(step % 3 == 0 ? nil : Tracked(writer, alive)) }
                }
            }
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<5_000 {
                        guard let object = holder.reference.object else { continue }
                        #expect((0..<2).contains(object.number))
                    }
                }
            }
        }
        holder.reference.store(nil)
        #expect(alive.withLock { $0 } == 0)
    }
}
