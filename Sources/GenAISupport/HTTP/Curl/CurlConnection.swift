// One libcurl handle and its connection, and how a request is sent through it.

#if os(Linux) && (arch(x86_64) || arch(arm64))
import Foundation

/// Sends one request after another over one kept-alive connection.
///
/// Uses libcurl's multi interface although there is only one transfer, because only that can be woken up: so a
/// cancellation takes effect at once, and the deadline does not depend on libcurl's timeouts.
final class CurlConnection: @unchecked Sendable {
    // Sendable: only the thread that took it from the transport's pool uses it. The exception is `wake()`, which libcurl
    // allows on any thread.

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

    /// Makes a running `send` check its cancellation.
    func wake() { _ = library.multiWakeup(multi) }

    /// Sends a request and blocks until the answer is complete, the deadline has passed or `isCancelled` is true.
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
            // The handle points to the answer, the headers and the body, which end here. The connection stays open.
            library.easyReset(easy)
            library.listFree(fields)
        }
        setOptions(answer, tls)
        library.set(.httpHeader, of: easy, to: UnsafeRawPointer(fields))
        let body = request.body.map(CurlBody.init)
        setTarget(request, body)
        return withExtendedLifetime((answer, body)) {
            transfer(answer, until: deadline, isCancelled: isCancelled).considering(answer.response, of: request)
        }
    }

    private func transfer(
        _ answer: CurlAnswer,
        until deadline: ContinuousClock.Instant,
        isCancelled: () -> Bool
    ) -> Result<HTTPResponse, HTTPFailure> {
        guard library.multiAdd(multi, easy) == 0 else { return .failure(.other("libcurl has no memory")) }
        // Removing a transfer before its end closes its connection, so nothing of it reaches the next request.
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
            // Wait at most a minute at a time: libcurl's clock may stop while the machine is suspended.
            let milliseconds = Int32(min(remaining, .seconds(60)) / .milliseconds(1)) + 1
            _ = library.multiPoll(multi, nil, 0, milliseconds, nil)
        }
    }

    private func setOptions(_ answer: CurlAnswer, _ tls: TLSFiles) {
        library.set(.noSignal, of: easy, to: 1)
        // Only http and https.
        library.set(.protocols, of: easy, to: 1 | 2)
        library.set(.httpVersion, of: easy, to: 2)
        library.set(.tcpKeepAlive, of: easy, to: 1)
        // Do not wait for a name server that does not answer (libcurl 7.87 and later).
        library.set(.quickExit, of: easy, to: 1)
        let receiver = Unmanaged.passUnretained(answer).toOpaque()
        library.set(.headerFunction, of: easy, to: CurlAnswer.headerFunction)
        library.set(.headerData, of: easy, to: receiver)
        library.set(.writeFunction, of: easy, to: CurlAnswer.writeFunction)
        library.set(.writeData, of: easy, to: receiver)
        if let file = tls.certificateAuthorities {
            library.set(.certificateAuthorities, of: easy, to: file)
            // Trust only these: otherwise libcurl adds the system's folder of certificates.
            library.set(.certificateAuthorityFolder, of: easy, to: nil as UnsafeRawPointer?)
        }
        if let file = tls.clientCertificate { library.set(.clientCertificate, of: easy, to: file) }
        if let file = tls.clientKey { library.set(.clientKey, of: easy, to: file) }
        // Without a password set, OpenSSL would ask for it on the terminal if the key is encrypted.
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
        // libcurl's syntax: `Name;` sends an empty value, `Name:` removes libcurl's own header. With `Expect`, it would
        // wait a second for `100 Continue` before it sends a large body.
        let lines = request.fields(userAgent: userAgent).map {
            $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)"
        }
        return (lines + ["Expect:"]).reduce(nil) { list, line in library.listAppend(list, line) ?? list }
    }
}
#endif
