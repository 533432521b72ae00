// A small LLM server for tests: it measures what HTTP requests tell it, serves `/metrics`, and exports as the environment says.

import Dispatch
import Foundation
import GenAIOtel
import TestSupport

var configuration = GenAIConfiguration()
configuration.requests.objectives = [RequestObjective("interactive", timeToFirstToken: .seconds(10))]
let routes = ProbeRoutes(instrumentation: instrument(configuration))
let server = try LoopbackServer(routes.answer)
let port = server.port

// SIGTERM ends it as it ends a service: with a last export.
signal(SIGTERM, SIG_IGN)
let source = DispatchSource.makeSignalSource(signal: SIGTERM, queue: .global())
source.setEventHandler { @Sendable in exit(0) }
// Only now: a signal that comes before the source is in place would be ignored.
source.setRegistrationHandler { @Sendable [port] in
    print("listening on \(port)")
    fflush(nil)
}
source.resume()
dispatchMain()
