// What a request's headers tell the metrics.

import GenAIOtel
import HTTPTypes
import Hummingbird

extension Request {
    /// Who asks. Each name makes series of its own, so this header belongs to the gateway that knows the clients: a server
    /// that clients reach directly takes the tenant from their key instead.
    var tenant: String? { headers[.tenant] }

    /// The trace that the caller has begun (W3C Trace Context).
    var trace: RequestTrace? { headers[.traceParent].flatMap(RequestTrace.init(traceParent:)) }
}

extension HTTPField.Name {
    // Both are valid names: tokens of RFC 9110.
    static let tenant = HTTPField.Name("X-Tenant")!
    static let traceParent = HTTPField.Name("traceparent")!
}
