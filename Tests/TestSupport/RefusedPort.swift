// Where a connection is always refused.

import Foundation

/// A port of 127.0.0.1 at which nobody listens for as long as the process lives.
///
/// The port of a server that was stopped may be that of another test's server a moment later, which answers.
package enum RefusedPort {
    package static let number: Int = {
        guard let socket = try? TCPSocket.bind() else { fatalError("no port can be bound") }
        return socket.port
    }()

    package static var url: String { "http://127.0.0.1:\(number)" }
}
