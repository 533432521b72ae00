// Asks a server on this machine.

import Foundation
import GenAISupport

/// Sends one request, over a connection of its own, and returns the answer.
func loopbackRequest(
    _ method: String,
    _ url: String,
    headers: [HTTPHeader] = [],
    body: Data? = nil
) throws -> HTTPResponse {
    let client = URLSessionTransport(userAgent: "test")
    defer { client.close() }
    let request = HTTPRequest(method: method, endpoint: try HTTPEndpoint(url), headers: headers, body: body)
    return try client.send(request, timeout: .seconds(60), cancellation: Cancellation()).get()
}
