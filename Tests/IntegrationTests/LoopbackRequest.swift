// Asks a server on this machine.

import GenAISupport

/// Sends one request, over a connection of its own, and returns the answer.
func loopbackRequest(_ method: String, _ url: String) throws -> HTTPResponse {
    let client = URLSessionTransport(userAgent: "test")
    defer { client.close() }
    let request = HTTPRequest(method: method, endpoint: try HTTPEndpoint(url))
    return try client.send(request, timeout: .seconds(10), cancellation: Cancellation()).get()
}
