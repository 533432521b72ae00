// Asks a server on loopback, without an HTTP client of the system.

import Foundation

struct HTTPAnswer: Sendable {
    var status: Int
    var headers: [String: String]
    var text: String
}

/// One GET, and the whole answer.
func get(_ path: String, port: Int, headers: [String: String] = [:]) async throws -> HTTPAnswer {
    try await onThread { try exchange(path, port, headers) }
}

/// Runs what blocks on a thread of its own: the server may need the last one of Swift's pool to answer.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Result { try body() }) }.start()
    }
}

private struct Failure: Error { var what: String }

private func exchange(_ path: String, _ port: Int, _ headers: [String: String]) throws -> HTTPAnswer {
    let connection = try LoopbackConnection(port: port)
    let fields = headers.map { "\($0.key): \($0.value)\r\n" }.joined()
    try connection.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\(fields)\r\n")
    var received = Data()
    while let bytes = try connection.receive() { received.append(bytes) }
    return try answer(String(decoding: received, as: UTF8.self))
}

/// A connection whose calls block, for ten seconds at most.
final class LoopbackConnection: Sendable {
    private let descriptor: Int32

    init(port: Int) throws {
        #if canImport(Darwin)
        descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #else
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #endif
        guard descriptor >= 0 else { throw Failure(what: "socket") }
        setLimit(.seconds(10))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let descriptor = descriptor
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { throw Failure(what: "connect") }
    }

    deinit { close(descriptor) }

    /// How long a call may take from now on.
    func setLimit(_ limit: Duration) {
        let parts = limit.components
        var time = timeval()
        time.tv_sec = .init(parts.seconds)
        time.tv_usec = .init(parts.attoseconds / 1_000_000_000_000)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    func send(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard send(bytes[...]) == bytes.count else { throw Failure(what: "send") }
    }

    /// How much of it could be sent.
    private func send(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.withUnsafeBytes { bytes in
            #if canImport(Darwin)
            Foundation.send(descriptor, bytes.baseAddress, bytes.count, 0)
            #else
            Foundation.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            #endif
        }
    }

    /// Asks for a page again and again, and reads no answer, until nothing more fits on the way for a second, or the other
    /// side has closed the connection.
    func askWithoutReading(_ path: String) {
        setLimit(.milliseconds(200))
        let requests = Array(String(repeating: "GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n", count: 100).utf8)
        var rest = requests[...]
        var attempts = 0
        while attempts < 5 {
            let count = send(rest)
            if count < 0, errno != EAGAIN { break }
            attempts = count > 0 ? 0 : attempts + 1
            rest = rest.dropFirst(max(count, 0))
            if rest.isEmpty { rest = requests[...] }
        }
        setLimit(.seconds(10))
    }

    /// What comes next; nil once the other side has closed it.
    func receive() throws -> Data? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count >= 0 else { throw Failure(what: "receive") }
        return count == 0 ? nil : Data(buffer[..<count])
    }
}

private func answer(_ text: String) throws -> HTTPAnswer {
    guard let end = text.range(of: "\r\n\r\n") else { throw Failure(what: "no head") }
    let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
    let status = lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    let headers = lines.dropFirst().compactMap { line -> (String, String)? in
        guard let colon = line.firstIndex(of: ":") else { return nil }
        return (line[..<colon].lowercased(), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces))
    }
    return HTTPAnswer(
        status: status ?? 0,
        headers: Dictionary(headers) { first, _ in first },
        text: String(text[end.upperBound...])
    )
}
