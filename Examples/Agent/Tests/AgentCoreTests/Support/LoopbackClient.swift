// Asks a server on loopback, without an HTTP client of the system.

import Foundation

struct HTTPAnswer: Sendable {
    var status: Int
    var headers: [String: String]
    var text: String
}

/// One GET, and the whole answer.
func get(_ path: String, port: Int, headers: [String: String] = [:]) async throws -> HTTPAnswer {
    // On a thread of its own: it blocks, and the server may need the last one of Swift's pool to answer.
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Result { try exchange(path, port, headers) }) }.start()
    }
}

private struct Failure: Error { var what: String }

private func exchange(_ path: String, _ port: Int, _ headers: [String: String]) throws -> HTTPAnswer {
    #if canImport(Darwin)
    let descriptor = socket(AF_INET, SOCK_STREAM, 0)
    #else
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #endif
    guard descriptor >= 0 else { throw Failure(what: "socket") }
    defer { close(descriptor) }
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let isConnected = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
    guard isConnected else { throw Failure(what: "connect") }
    let fields = headers.map { "\($0.key): \($0.value)\r\n" }.joined()
    let request = Array("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\(fields)\r\n".utf8)
    guard send(descriptor, request, request.count, 0) == request.count else { throw Failure(what: "send") }
    var received = Data()
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count >= 0 else { throw Failure(what: "receive") }
        if count == 0 { break }
        received.append(contentsOf: buffer[..<count])
    }
    return try answer(String(decoding: received, as: UTF8.self))
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
