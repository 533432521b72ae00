// libcurl, loaded at run time: the functions and constants that this package uses.

#if os(Linux) && (arch(x86_64) || arch(arm64))
import Foundation

/// The functions of libcurl (7.68 or later) that ``CurlConnection`` calls.
///
/// On Linux libcurl is there because FoundationNetworking needs it too, except for fully static programs.
///
/// `curl_easy_setopt` is variadic in C but is called here with fixed arguments. On x86-64, and on arm64 outside Apple's
/// systems, both ways pass integers and pointers alike. This file is not built for other architectures.
struct CurlLibrary: Sendable {
    typealias Handle = OpaquePointer
    typealias DataCallback = @convention(c) (UnsafeMutablePointer<UInt8>?, Int, Int, UnsafeMutableRawPointer?) -> Int

    let easyInit: @convention(c) () -> Handle?
    let easyReset: @convention(c) (Handle) -> Void
    let easyCleanup: @convention(c) (Handle) -> Void
    let multiInit: @convention(c) () -> Handle?
    let multiAdd: @convention(c) (Handle, Handle) -> Int32
    let multiRemove: @convention(c) (Handle, Handle) -> Int32
    let multiPerform: @convention(c) (Handle, UnsafeMutablePointer<Int32>) -> Int32
    let multiPoll:
        @convention(c) (Handle, UnsafeMutableRawPointer?, UInt32, Int32, UnsafeMutablePointer<Int32>?) -> Int32
    let multiWakeup: @convention(c) (Handle) -> Int32
    let multiCleanup: @convention(c) (Handle) -> Int32
    let listAppend: @convention(c) (OpaquePointer?, UnsafePointer<CChar>) -> OpaquePointer?
    let listFree: @convention(c) (OpaquePointer?) -> Void
    private let multiInfoRead: @convention(c) (Handle, UnsafeMutablePointer<Int32>) -> UnsafeRawPointer?
    private let setInteger: @convention(c) (Handle, Int32, Int) -> Int32
    private let setPointer: @convention(c) (Handle, Int32, UnsafeRawPointer?) -> Int32

    /// The library; nil if it is missing or too old.
    static let shared = try? CurlLibrary()

    private init() throws {
        let library = try DynamicLibrary("libcurl.so.4")
        easyInit = try library.function("curl_easy_init")
        easyReset = try library.function("curl_easy_reset")
        easyCleanup = try library.function("curl_easy_cleanup")
        setInteger = try library.function("curl_easy_setopt")
        setPointer = try library.function("curl_easy_setopt")
        multiInit = try library.function("curl_multi_init")
        multiAdd = try library.function("curl_multi_add_handle")
        multiRemove = try library.function("curl_multi_remove_handle")
        multiPerform = try library.function("curl_multi_perform")
        multiPoll = try library.function("curl_multi_poll")
        multiWakeup = try library.function("curl_multi_wakeup")
        multiInfoRead = try library.function("curl_multi_info_read")
        multiCleanup = try library.function("curl_multi_cleanup")
        listAppend = try library.function("curl_slist_append")
        listFree = try library.function("curl_slist_free_all")
        let globalInit: @convention(c) (Int) -> Int32 = try library.function("curl_global_init")
        OpenSSL.keepUntilTheEnd()
        guard globalInit(Self.globalDefault) == 0 else { throw DynamicLibrary.Missing() }
    }

    /// `CURL_GLOBAL_DEFAULT`.
    private static let globalDefault = 3
}

extension CurlLibrary {
    /// `CURLoption`s. The number also tells the type of the value.
    enum Option: Int32 {
        case quickExit = 322
        case httpGet = 80
        case post = 47
        case httpVersion = 84
        case noSignal = 99
        case protocols = 181
        case tcpKeepAlive = 213
        case writeData = 10001
        case url = 10002
        case readData = 10009
        case httpHeader = 10023
        case clientCertificate = 10025
        case keyPassword = 10026
        case headerData = 10029
        case customRequest = 10036
        case certificateAuthorities = 10065
        case clientKey = 10087
        case certificateAuthorityFolder = 10097
        case writeFunction = 20011
        case readFunction = 20012
        case headerFunction = 20079
        case postFieldSize = 30120
    }

    /// - Returns: false if this libcurl does not know the option.
    @discardableResult
    func set(_ option: Option, of handle: Handle, to value: Int) -> Bool {
        setInteger(handle, option.rawValue, value) == 0
    }

    /// libcurl copies strings. Anything else must outlive the transfer.
    @discardableResult
    func set(_ option: Option, of handle: Handle, to value: UnsafeRawPointer?) -> Bool {
        setPointer(handle, option.rawValue, value) == 0
    }

    @discardableResult
    func set(_ option: Option, of handle: Handle, to callback: DataCallback) -> Bool {
        set(option, of: handle, to: unsafeBitCast(callback, to: UnsafeRawPointer.self))
    }

    /// `CURLMsg` of multi.h. There is only one kind of message: a transfer has ended.
    private struct Message {
        var kind: Int32
        var easy: Handle?
        var result: Int32
    }

    /// The `CURLcode` of the handle's only transfer; nil while it is running.
    func resultOfTransfer(in multi: Handle) -> Int32? {
        var remaining: Int32 = 0
        return multiInfoRead(multi, &remaining)?.load(as: Message.self).result
    }
}
#endif
