// One of libcurl's handles, with the connection that it keeps, and how a request goes through it.

#if os(Linux) && (arch(x86_64) || arch(arm64))
import Foundation

/// Sends one request after another and keeps the connection between them.
///
/// Driven through libcurl's multi interface although there is only one transfer, because that alone can be woken: a
/// cancellation takes effect at once, and the deadline is this package's own.
final class CurlConnection: @unchecked Sendable {
    // Sendable: whoever has taken it from the client's pool is the only one to use it, but for `wake()`, which
    // libcurl allows from any thread.

    private let library: CurlLibrary
    private let easy: CurlLibrary.Handle
    private let multi: CurlLibrary.Handle

    /// Nil if there is no memory left.
    init?(_ library: CurlLibrary) {
        guard let easy = library.easyInit() else { return nil }
        guard let multi = library.multiInit() else {
            library.easyCleanup(easy)
            return nil
        }
        self.library = library
        self.easy = easy
        self.multi = multi
    }

    deinit {
        library.easyCleanup(easy)
        _ = library.multiCleanup(multi)
    }

    /// Lets ``send(_:tls:answerLimit:until:isCancelled:)`` look at its cancellation.
    func wake() { _ = library.multiWakeup(multi) }

    /// Sends a request and blocks until there is an answer, the deadline has passed or `isCancelled` is true.
    func send(
        _ request: HTTPRequest,
        userAgent: String,
        tls: TLSFiles,
        answerLimit: Int,
        until deadline: ContinuousClock.Instant,
        isCancelled: () -> Bool
    ) -> Result<HTTPResponse, HTTPFailure> {
        let answer = CurlAnswer(bodyLimit: answerLimit)
        let fields = headerList(request, userAgent: userAgent)
        library.easyReset(easy)
        defer {
            // It points to the answer, the header and the body, which end here; the connection stays.
            library.easyReset(easy)
            library.listFree(fields)
        }
        setOptions(answer, tls)
        library.set(.httpHeader, of: easy, to: UnsafeRawPointer(fields))
        let body = request.body.map(CurlBody.init)
        setTarget(request, body)
        return withExtendedLifetime((answer, body)) {
            transfer(answer, until: deadline, isCancelled: isCancelled)
        }
    }

    private func transfer(
        _ answer: CurlAnswer,
        until deadline: ContinuousClock.Instant,
        isCancelled: () -> Bool
    ) -> Result<HTTPResponse, HTTPFailure> {
        guard library.multiAdd(multi, easy) == 0 else { return .failure(.other("libcurl has no memory")) }
        // A transfer that is taken out before its end loses its connection: nothing of it reaches the next one.
        defer { _ = library.multiRemove(multi, easy) }
        while true {
            var running: Int32 = 0
            guard library.multiPerform(multi, &running) == 0 else { return .failure(.other("libcurl has no memory")) }
            if let code = library.resultOfTransfer(in: multi) {
                if let failure = answer.failure { return .failure(failure) }
                return code == 0 ? .success(answer.response) : .failure(HTTPFailure(curl: code))
            }
            guard !isCancelled() else { return .failure(.cancelled) }
            let remaining = ContinuousClock.now.duration(to: deadline)
            guard remaining > .zero else { return .failure(.timedOut) }
            // libcurl's clock may stand still while the machine sleeps: the time left is looked at again now and then.
            let milliseconds = Int32(min(remaining, .seconds(60)) / .milliseconds(1)) + 1
            _ = library.multiPoll(multi, nil, 0, milliseconds, nil)
        }
    }

    private func setOptions(_ answer: CurlAnswer, _ tls: TLSFiles) {
        library.set(.noSignal, of: easy, to: 1)
        // http and https alone, also for what an environment's proxy might be.
        library.set(.protocols, of: easy, to: 1 | 2)
        library.set(.httpVersion, of: easy, to: 2)
        library.set(.tcpKeepAlive, of: easy, to: 1)
        // Do not wait for a name server that does not answer (7.87 and later).
        library.set(.quickExit, of: easy, to: 1)
        let receiver = Unmanaged.passUnretained(answer).toOpaque()
        library.set(.headerFunction, of: easy, to: CurlAnswer.headerFunction)
        library.set(.headerData, of: easy, to: receiver)
        library.set(.writeFunction, of: easy, to: CurlAnswer.writeFunction)
        library.set(.writeData, of: easy, to: receiver)
        if let file = tls.certificateAuthorities {
            library.set(.certificateAuthorities, of: easy, to: file)
            // These and no others: the system's store is a folder too.
            library.set(.certificateAuthorityFolder, of: easy, to: nil as UnsafeRawPointer?)
        }
        if let file = tls.clientCertificate { library.set(.clientCertificate, of: easy, to: file) }
        if let file = tls.clientKey { library.set(.clientKey, of: easy, to: file) }
        // Without a password, OpenSSL would ask for an encrypted key's on the terminal.
        library.set(.keyPassword, of: easy, to: "")
    }

    private func setTarget(_ request: HTTPRequest, _ body: CurlBody?) {
        library.set(.url, of: easy, to: request.endpoint.url.absoluteString)
        if let body {
            library.set(.post, of: easy, to: 1)
            library.set(.postFieldSize, of: easy, to: body.count)
            library.set(.readFunction, of: easy, to: CurlBody.readFunction)
            library.set(.readData, of: easy, to: Unmanaged.passUnretained(body).toOpaque())
        } else {
            library.set(.httpGet, of: easy, to: 1)
        }
        library.set(.customRequest, of: easy, to: request.method)
    }

    private func headerList(_ request: HTTPRequest, userAgent: String) -> OpaquePointer? {
        // A value that is empty needs a semicolon here, and no value at all keeps libcurl from sending its own: it would
        // wait a second for `100 Continue` before it sends a large body.
        let lines = request.fields(userAgent: userAgent).map {
            $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)"
        }
        return (lines + ["Expect:"]).reduce(nil) { list, line in library.listAppend(list, line) ?? list }
    }
}
#endif
