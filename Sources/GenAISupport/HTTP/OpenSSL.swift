// The TLS library below libcurl, and what it does when the process ends.

/// OpenSSL, where libcurl and URLSession use that.
///
/// The first to use it has it clean itself up when the process ends, unless told otherwise. Exit handlers run in reverse
/// order, so that may come before the last export, which then crashes over TLS. Nor does it wait for a thread that is using
/// OpenSSL in that moment: a process that ended within milliseconds of `instrument()` crashed or hung three times in a
/// hundred.
enum OpenSSL {
    /// Called before anything that may use OpenSSL: if nobody has used it yet, it stays usable until the process is gone.
    static func keepUntilTheEnd() { keptUntilTheEnd }

    private static let keptUntilTheEnd: Void = {
        #if os(Linux)
        typealias Initialize = @convention(c) (UInt64, UnsafeRawPointer?) -> Int32
        // URLSession's libcurl brings it along, unless this is in a plug-in, or that libcurl uses another TLS library. To load
        // libcurl just for this took a tenth of a millisecond.
        func find(in library: DynamicLibrary?) -> Initialize? { try? library?.function("OPENSSL_init_crypto") }
        let initialize = find(in: DynamicLibrary()) ?? find(in: try? DynamicLibrary("libcurl.so.4"))
        _ = initialize?(withoutExitHandler, nil)
        #endif
    }()

    /// `OPENSSL_INIT_NO_ATEXIT` (OpenSSL 1.1.1 and 3).
    private static let withoutExitHandler: UInt64 = 0x0008_0000
}
