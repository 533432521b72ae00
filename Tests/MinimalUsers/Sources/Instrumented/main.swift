// Starts the instrumentation, exports once, and stays.

import Foundation
import GenAIOtel

let start = ContinuousClock.now
let instrumentation = instrument()
let duration = start.duration(to: .now)
getServerMetrics()?.setRequestsRunning(1)
guard instrumentation.forceFlush() else { exit(1) }
print("ready", Int(duration / .nanoseconds(1)))
fflush(nil)
while true { sleep(1_000) }
