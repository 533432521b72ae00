// The meaning of a collector's answer to an export.

import Foundation

/// The meaning of an answer, or of its absence (OTLP specification, "OTLP/HTTP Response").
enum OTLPAnswer: Equatable {
    /// Accepted, except for `rejectedPoints`. `message` is the collector's own message, if any.
    case delivered(rejectedPoints: Int, message: String?)
    /// To be sent again, after `delay` if the collector asked for one.
    case retryable(reason: String, delay: Duration?)
    /// Not accepted, and never will be.
    case refused(reason: String)

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
                self = .retryable(reason: "\(failure)", delay: nil)
            case .tlsFailed, .answerTooLarge, .answerEncoded:
                self = .refused(reason: "\(failure)")
            }
        }
    }

    private init(_ response: HTTPResponse, now: Date, _ secrets: Secrets) {
        switch response.status {
        case 200...299:
            self.init(accepted: response, secrets)
        case 429, 502, 503, 504:
            let delay = response.headers["retry-after"].flatMap { RetryAfter.delay($0, now: now) }
            self = .retryable(reason: "status \(response.status)", delay: delay)
        case 300...399:
            self = .refused(reason: "status \(response.status): redirects are not followed")
        default:
            self = .refused(reason: "status \(response.status)\(Self.excerpt(of: response, secrets))")
        }
    }

    private init(accepted response: HTTPResponse, _ secrets: Secrets) {
        let type = response.headers["content-type"]?.lowercased() ?? ""
        guard !response.body.isEmpty, !type.hasPrefix("application/x-protobuf") else {
            self = .delivered(rejectedPoints: 0, message: nil)
            return
        }
        let data = Data(response.body)
        guard let json = try? JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed) else {
            // Not a collector, but for instance a captive portal's page.
            self = .refused(
                reason: "status \(response.status), but not from a collector\(Self.excerpt(of: response, secrets))"
            )
            return
        }
        let partialSuccess = (json as? [String: Any])?["partialSuccess"] as? [String: Any]
        let message = partialSuccess?["errorMessage"] as? String
        self = .delivered(
            rejectedPoints: Self.count(partialSuccess?["rejectedDataPoints"]),
            message: message?.isEmpty == false ? message.map(secrets.hidden) : nil
        )
    }

    /// A 64-bit integer, which JSON has as a string or a number; 0 for anything else.
    private static func count(_ value: Any?) -> Int {
        switch value {
        case let text as String: Int(digits: text) ?? 0
        case let number as NSNumber: max(Int(exactly: number.doubleValue.rounded()) ?? 0, 0)
        default: 0
        }
    }

    private static func excerpt(of response: HTTPResponse, _ secrets: Secrets) -> String {
        guard !response.body.isEmpty else { return "" }
        let type = response.headers["content-type"].map { quoted(secrets.hidden(in: $0), limit: 50) }
        // Hide first, then cut: otherwise half of a secret could remain.
        let text = secrets.hidden(in: String(decoding: response.body.prefix(65_536), as: UTF8.self))
        return " (\(type ?? "no content type"): \(quoted(text)))"
    }
}
