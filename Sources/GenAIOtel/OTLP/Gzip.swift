// Compresses request bodies with the system's zlib, loaded when first needed.

import Foundation

/// gzip (RFC 1952) through libz.
///
/// Loaded at run time, so that programs without compression need no libz.
struct Gzip: Sendable {
    private typealias VersionFunction = @convention(c) () -> UnsafePointer<CChar>?
    private typealias InitFunction =
        @convention(c) (
            UnsafeMutableRawPointer, Int32, Int32, Int32, Int32, Int32, UnsafePointer<CChar>?, Int32
        ) -> Int32
    private typealias StreamFunction = @convention(c) (UnsafeMutableRawPointer, Int32) -> Int32
    private typealias EndFunction = @convention(c) (UnsafeMutableRawPointer) -> Int32
    private typealias BoundFunction = @convention(c) (UnsafeMutableRawPointer, UInt) -> UInt

    private let version: VersionFunction
    private let initialize: InitFunction
    private let deflate: StreamFunction
    private let end: EndFunction
    private let bound: BoundFunction

    /// Nil where there is no libz.
    init?() {
        do {
            guard let library = Self.names.lazy.compactMap({ try? DynamicLibrary($0) }).first else { return nil }
            version = try library.function("zlibVersion")
            initialize = try library.function("deflateInit2_")
            deflate = try library.function("deflate")
            end = try library.function("deflateEnd")
            bound = try library.function("deflateBound")
        } catch {
            return nil
        }
    }

    /// The input as one gzip member; nil if zlib has no memory.
    func compress(_ input: [UInt8]) -> [UInt8]? {
        guard let count = UInt32(exactly: input.count) else { return nil }
        var stream = ZStream()
        // zlib checks the size of the structure, so a wrong layout fails here.
        let size = Int32(MemoryLayout<ZStream>.size)
        guard initialize(&stream, Self.level, 8, 15 + 16, 8, 0, version(), size) == 0 else { return nil }
        defer { _ = end(&stream) }
        let capacity = Int(bound(&stream, UInt(input.count)))
        return try? [UInt8](unsafeUninitializedCapacity: capacity) { output, initializedCount in
            try input.withUnsafeBufferPointer { input in
                stream.nextIn = input.baseAddress
                stream.availableIn = count
                stream.nextOut = output.baseAddress
                stream.availableOut = UInt32(clamping: capacity)
                guard deflate(&stream, Self.finish) == Self.streamEnd else { throw CompressionFailed() }
            }
            initializedCount = Int(stream.totalOut)
        }
    }

    private struct CompressionFailed: Error {}

    private static let names = ["libz.so.1", "libz.so", "libz.dylib", "libz.1.dylib"]
    private static let finish: Int32 = 4
    private static let streamEnd: Int32 = 1
    /// zlib's own default.
    private static let level: Int32 = 6
}

/// `z_stream` of zlib.h, field by field.
private struct ZStream {
    var nextIn: UnsafePointer<UInt8>?
    var availableIn: UInt32 = 0
    var totalIn: UInt = 0
    var nextOut: UnsafeMutablePointer<UInt8>?
    var availableOut: UInt32 = 0
    var totalOut: UInt = 0
    var message: UnsafePointer<CChar>?
    var state: OpaquePointer?
    var allocate: OpaquePointer?
    var free: OpaquePointer?
    var opaque: UnsafeMutableRawPointer?
    var dataType: Int32 = 0
    var checksum: UInt = 0
    var reserved: UInt = 0
}
