// Makes one request with URLSession, and stays.

import Foundation

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

guard let url = ProcessInfo.processInfo.environment["PROBE_URL"].flatMap({ URL(string: $0) }) else { exit(2) }
let isDone = DispatchSemaphore(value: 0)
URLSession.shared.dataTask(with: url) { _, _, _ in isDone.signal() }.resume()
isDone.wait()
print("ready")
fflush(nil)
while true { sleep(1_000) }
