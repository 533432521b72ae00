// The few socket calls that the loopback server needs.

import Foundation

enum TCPSocket {
    struct Failure: Error {
        let call: String
        let code = errno
    }

    /// A listening socket on ::1, at a port that the system chose.
    static func listenOnIPv6() throws -> (descriptor: Int32, port: Int) {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_addr = in6addr_loopback
        let descriptor = try bind(AF_INET6, at: &address)
        guard Foundation.listen(descriptor, 64) == 0 else { throw Failure(call: "listen") }
        return (descriptor, Int(UInt16(bigEndian: address.sin6_port)))
    }

    /// A listening socket on 127.0.0.1, at a port that the system chose.
    static func listen() throws -> (descriptor: Int32, port: Int) {
        let socket = try bind()
        guard Foundation.listen(socket.descriptor, 64) == 0 else { throw Failure(call: "listen") }
        return socket
    }

    /// A socket that has a port of 127.0.0.1 to itself, and does not listen.
    static func bind() throws -> (descriptor: Int32, port: Int) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let descriptor = try bind(AF_INET, at: &address)
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    /// - Parameter address: is given the port.
    private static func bind<Address>(_ family: Int32, at address: inout Address) throws -> Int32 {
        let descriptor = socket(family, stream, 0)
        guard descriptor >= 0 else { throw Failure(call: "socket") }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var length = socklen_t(MemoryLayout<Address>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                Foundation.bind(descriptor, address, length) | getsockname(descriptor, address, &length)
            }
        }
        guard status == 0 else {
            Foundation.close(descriptor)
            throw Failure(call: "bind")
        }
        return descriptor
    }

    /// Whether somebody listens at a port of 127.0.0.1.
    static func canConnect(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, stream, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        address.sin_port = UInt16(port).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static var stream: Int32 {
        #if canImport(Glibc)
        Int32(SOCK_STREAM.rawValue)
        #else
        SOCK_STREAM
        #endif
    }

    static func accept(_ listener: Int32) -> Int32? {
        let descriptor = Foundation.accept(listener, nil, nil)
        guard descriptor >= 0 else { return nil }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }

    static func read(_ descriptor: Int32) -> Data? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count > 0 ? Data(buffer[..<count]) : nil
    }

    static func send(_ data: Data, to descriptor: Int32) -> Bool {
        #if canImport(Darwin)
        let flags: Int32 = 0
        #else
        let flags = Int32(MSG_NOSIGNAL)
        #endif
        return data.withUnsafeBytes { bytes in
            var sent = 0
            while sent < bytes.count {
                let count = Foundation.send(descriptor, bytes.baseAddress! + sent, bytes.count - sent, flags)
                guard count > 0 else { return false }
                sent += count
            }
            return true
        }
    }

    /// Returns once the other side has closed its end, or the socket was shut down.
    static func waitForClose(_ descriptor: Int32) {
        while read(descriptor) != nil {}
    }

    /// Makes the next `close` send a reset instead of an orderly end.
    static func resetOnClose(_ descriptor: Int32) {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    static func shutDown(_ descriptor: Int32) {
        _ = Foundation.shutdown(descriptor, Int32(SHUT_RDWR))
    }

    static func close(_ descriptor: Int32) {
        _ = Foundation.close(descriptor)
    }
}
