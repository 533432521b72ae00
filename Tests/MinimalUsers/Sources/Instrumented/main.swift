// Starts the instrumentation, exports once, and stays. Prints what starting took, in nanoseconds.

import Foundation
import GenAIOtel

func processorNanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int(time.tv_sec) * 1_000_000_000 + Int(time.tv_nsec)
}

let start = (elapsed: ContinuousClock.now, processor: processorNanoseconds())
let instrumentation = instrument()
let elapsed = Int(start.elapsed.duration(to: .now) / .nanoseconds(1))
let processor = processorNanoseconds() - start.processor
getServerMetrics()?.setRequestsRunning(1)
guard instrumentation.forceFlush() else { exit(1) }
print("ready", elapsed, processor)
fflush(nil)
while true { sleep(1_000) }
