// Reads HTTP/1.1 requests from a socket.

import Foundation

struct HTTPRequestReader {
    let descriptor: Int32
    let connection: Int
    private var buffer = Data()

    init(descriptor: Int32, connection: Int) {
        self.descriptor = descriptor
        self.connection = connection
    }

    /// The next complete request; nil when the connection has ended.
    mutating func next() -> ReceivedRequest? {
        guard let head = readHead() else { return nil }
        let lines = head.components(separatedBy: "\r\n")
        let first = lines[0].split(separator: " ")
        guard first.count == 3 else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            headers[line[..<colon].lowercased()] = value
        }
        guard let body = read(Int(headers["content-length"] ?? "0") ?? 0) else { return nil }
        return ReceivedRequest(
            method: String(first[0]),
            target: String(first[1]),
            headers: headers,
            body: body,
            connection: connection
        )
    }

    private mutating func readHead() -> String? {
        let end = Data("\r\n\r\n".utf8)
        while true {
            if let range = buffer.range(of: end) {
                let head = buffer[..<range.lowerBound]
                buffer = Data(buffer[range.upperBound...])
                return String(decoding: head, as: UTF8.self)
            }
            guard let data = TCPSocket.read(descriptor) else { return nil }
            buffer += data
        }
    }

    private mutating func read(_ count: Int) -> Data? {
        while buffer.count < count {
            guard let data = TCPSocket.read(descriptor) else { return nil }
            buffer += data
        }
        defer { buffer = Data(buffer.dropFirst(count)) }
        return Data(buffer.prefix(count))
    }
}
