// Keeps the TLS library of libcurl usable while the process exits.

/// OpenSSL, where libcurl and URLSession use it.
///
/// By default its first use installs an exit handler that cleans OpenSSL up. Exit handlers run in reverse order, so
/// this may happen before the last export, which then crashes over TLS. The clean-up does not wait for threads that are
/// using OpenSSL either: a process that exits soon after `instrument()` could crash or hang.
enum OpenSSL {
    /// Prevents the clean-up, if OpenSSL has not been used before. To be called before anything that may use OpenSSL.
    static func keepUntilTheEnd() { keptUntilTheEnd }

    private static let keptUntilTheEnd: Void = {
        #if os(Linux)
        typealias Initialize = @convention(c) (UInt64, UnsafeRawPointer?) -> Int32
        // Mostly it is loaded already, through URLSession's libcurl. Otherwise (in a plug-in, or if libcurl uses
        // another TLS library) libcurl has to be loaded, which takes longer.
        func find(in library: DynamicLibrary?) -> Initialize? { try? library?.function("OPENSSL_init_crypto") }
        let initialize = find(in: DynamicLibrary()) ?? find(in: try? DynamicLibrary("libcurl.so.4"))
        _ = initialize?(withoutExitHandler, nil)
        #endif
    }()

    /// `OPENSSL_INIT_NO_ATEXIT` (OpenSSL 1.1.1 and 3).
    private static let withoutExitHandler: UInt64 = 0x0008_0000
}
