// A small LLM server for tests: it measures what HTTP requests tell it, serves `/metrics`, and exports as the environment says.

import Dispatch
import Foundation
import GenAIOtel
import TestSupport

let routes = ProbeRoutes(instrumentation: instrument())
let server = try LoopbackServer(routes.answer)
print("listening on \(server.port)")
fflush(nil)

// SIGTERM ends it as it ends a service: with a last export.
signal(SIGTERM, SIG_IGN)
let source = DispatchSource.makeSignalSource(signal: SIGTERM, queue: .global())
source.setEventHandler { @Sendable in exit(0) }
source.resume()
dispatchMain()
