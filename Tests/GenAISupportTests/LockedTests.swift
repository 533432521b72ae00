import Foundation
import GenAISupport
import Testing

@Suite struct LockedTests {
    private final class Tracked: Sendable {
        let isGone: Locked<Bool>

        init(_ isGone: Locked<Bool>) { self.isGone = isGone }

        deinit { isGone.withLock { $0 = true } }
    }

    private struct Failure: Error {}

    @Test("no addition is lost")
    func exclusion() async {
        let count = Locked(0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<5_000 { count.withLock { $0 += 1 } }
                }
            }
        }
        #expect(count.withLock { $0 } == 40_000)
    }

    @Test("copies refer to one value, which goes with the last of them")
    func lifetime() {
        let isGone = Locked(false)
        var first: Locked<Tracked?>? = Locked(Tracked(isGone))
        var second = first
        first = nil
        #expect(second?.withLock { $0 != nil } == true)
        #expect(!isGone.withLock { $0 })
        second = nil
        #expect(isGone.withLock { $0 })
    }

    @Test("a value whose last copy is used under its own lock stays until the body has returned")
    func lastUse() {
        let isGone = Locked(false)
        var holder: Locked<Tracked?>? = Locked(Tracked(isGone))
        let wasThere = holder?.withLock { value in
            holder = nil
            return value != nil && !isGone.withLock { $0 }
        }
        #expect(wasThere == true)
        #expect(isGone.withLock { $0 })
    }

    @Test("a body that throws gives the lock back")
    func throwing() {
        let count = Locked(0)
        #expect(throws: Failure.self) {
            try count.withLock { value in
                value = 1
                throw Failure()
            }
        }
        #expect(count.withLock { $0 } == 1)
    }

    @Test("values of any size and alignment find their place")
    func alignment() {
        let bytes = Locked(UInt8(1))
        let wide = Locked(SIMD16<Double>(repeating: 2))
        let nothing = Locked(())
        bytes.withLock { $0 += 1 }
        wide.withLock { $0 += 1 }
        nothing.withLock { _ in }
        #expect(bytes.withLock { $0 } == 2)
        #expect(wide.withLock { $0 } == SIMD16(repeating: 3))
    }
}
