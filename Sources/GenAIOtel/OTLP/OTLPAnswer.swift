// The meaning of a collector's answer to an export.

import Foundation

/// The meaning of an answer, or of its absence (OTLP specification, "OTLP/HTTP Response").
enum OTLPAnswer: Equatable {
    /// Accepted, except for `rejectedPoints`. `message` is the collector's own message, if any.
    case delivered(rejectedPoints: Int, message: String?)
    /// To be sent again, after `delay` if the collector asked for one.
    case retryable(reason: String, delay: Duration?, errorType: String)
    /// Not accepted, and never will be.
    case refused(reason: String, errorType: String)

    /// `error.type` of a request without valid credentials.
    static let unauthorized = "401"

    /// - Parameters:
    ///   - now: the date, for a `Retry-After` that is a date.
    ///   - secrets: those of the request, which no message may repeat.
    init(_ result: Result<HTTPResponse, HTTPFailure>, now: Date, secrets: Secrets = Secrets()) {
        switch result {
        case .success(let response):
            self.init(response, now: now, secrets)
        case .failure(let failure):
            switch failure {
            case .timedOut, .cancelled, .connectionRefused, .connectionLost, .hostNotFound,
                .handshakeFailed, .other:
                self = .retryable(reason: "\(failure)", delay: nil, errorType: failure.errorType)
            case .tlsFailed, .answerTooLarge, .answerEncoded:
                self = .refused(reason: "\(failure)", errorType: failure.errorType)
            }
        }
    }

    private init(_ response: HTTPResponse, now: Date, _ secrets: Secrets) {
        let type = (100...599).contains(response.status) ? "\(response.status)" : "_OTHER"
        switch response.status {
        case 200...299:
            self.init(accepted: response, secrets)
        case 429, 502, 503, 504:
            let delay = response.headers["retry-after"].flatMap { RetryAfter.delay($0, now: now) }
            self = .retryable(reason: "status \(response.status)", delay: delay, errorType: type)
        case 300...399:
            self = .refused(reason: "status \(response.status): redirects are not followed", errorType: type)
        default:
            self = .refused(reason: "status \(response.status)\(Self.excerpt(of: response, secrets))", errorType: type)
        }
    }

    /// A 2xx: the export has arrived, whatever the body says, and is never sent again. The exception is a web page: it comes
    /// from something else, such as a captive portal.
    private init(accepted response: HTTPResponse, _ secrets: Secrets) {
        guard !Self.isWebPage(response) else {
            self = .refused(
                reason: "status \(response.status), but not from a collector\(Self.excerpt(of: response, secrets))",
                errorType: "web_page"
            )
            return
        }
        let partialSuccess = PartialSuccess(response)
        self = .delivered(
            rejectedPoints: max(partialSuccess.rejectedPoints, 0),
            message: partialSuccess.message.isEmpty ? nil : secrets.hidden(in: partialSuccess.message)
        )
    }

    private static func isWebPage(_ response: HTTPResponse) -> Bool {
        guard let type = response.headers["content-type"], !type.isEmpty else {
            let start = String(decoding: response.body.prefix(100), as: UTF8.self).trimmed().lowercased()
            return start.hasPrefix("<!doctype html") || start.hasPrefix("<html")
        }
        return ["text/html", "application/xhtml"].contains { type.trimmed().lowercased().hasPrefix($0) }
    }

    /// The text of an answer, for a log line: the message of a protobuf status, or else the beginning of the body.
    private static func excerpt(of response: HTTPResponse, _ secrets: Secrets) -> String {
        guard !response.body.isEmpty else { return "" }
        let type = response.headers["content-type"].map { quoted(secrets.hidden(in: $0), limit: 50) }
        // `google.rpc.Status`.
        let message = response.isProtobuf ? ProtobufReader.text(2, of: response.body.prefix(65_536)) : nil
        // Hide first, then cut: otherwise half of a secret could remain.
        let text = secrets.hidden(in: message ?? String(decoding: response.body.prefix(65_536), as: UTF8.self))
        return " (\(type ?? "no content type"): \(quoted(text)))"
    }
}

/// The partial success in an `ExportMetricsServiceResponse`: rejected points and message. Empty if the body is anything else.
private struct PartialSuccess {
    var rejectedPoints = 0
    var message = ""

    init(_ response: HTTPResponse) {
        if response.isProtobuf {
            let bytes = ProtobufReader.bytes(1, of: response.body[...]) ?? []
            rejectedPoints = ProtobufReader.integer(1, of: bytes)
            message = ProtobufReader.text(2, of: bytes) ?? ""
        } else {
            let json = try? JSONSerialization.jsonObject(with: Data(response.body), options: .fragmentsAllowed)
            let partialSuccess = (json as? [String: Any])?["partialSuccess"] as? [String: Any]
            rejectedPoints = Self.count(partialSuccess?["rejectedDataPoints"])
            message = partialSuccess?["errorMessage"] as? String ?? ""
        }
    }

    /// A 64-bit integer, which JSON has as a string or a number; 0 for anything else.
    private static func count(_ value: Any?) -> Int {
        switch value {
        case let text as String: Int(digits: text) ?? 0
        case let number as NSNumber: Int(exactly: number.doubleValue.rounded()) ?? 0
        default: 0
        }
    }
}

extension HTTPResponse {
    /// Whether the body is protobuf: collectors answer in the encoding of the request, and say in which.
    fileprivate var isProtobuf: Bool {
        let type = headers["content-type"]?.trimmed().lowercased() ?? ""
        return ["application/x-protobuf", "application/protobuf"].contains { type.hasPrefix($0) }
    }
}

extension HTTPFailure {
    /// The attribute `error.type`: one of a small set of words.
    fileprivate var errorType: String {
        switch self {
        case .timedOut: "timeout"
        case .cancelled: "cancelled"
        case .connectionRefused: "connection_refused"
        case .connectionLost: "connection_lost"
        case .hostNotFound: "host_not_found"
        case .handshakeFailed, .tlsFailed: "tls"
        case .answerTooLarge: "answer_too_large"
        case .answerEncoded: "answer_encoded"
        case .other: "_OTHER"
        }
    }
}
