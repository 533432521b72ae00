// What a collector's answer to an export means.

import Foundation

/// The meaning of an answer, or of its absence (OTLP specification, "OTLP/HTTP Response").
enum OTLPAnswer: Equatable {
    /// Accepted, all but `rejectedPoints`; `message` is the collector's remark, if it made one.
    case delivered(rejectedPoints: Int, message: String?)
    /// To be sent again, at the earliest after `delay` if the collector said so.
    case retryable(reason: String, delay: Duration?)
    /// Not accepted, and never will be.
    case refused(reason: String)

    /// - Parameters:
    ///   - now: the date, for a `Retry-After` that is a date.
    ///   - secrets: what the request carried and no message may repeat; only asked for if there is something to repeat.
    init(_ result: Result<HTTPResponse, HTTPFailure>, now: Date, secrets: @autoclosure () -> Secrets = Secrets()) {
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

    private init(_ response: HTTPResponse, now: Date, _ secrets: () -> Secrets) {
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

    private init(accepted response: HTTPResponse, _ secrets: () -> Secrets) {
        let type = response.headers["content-type"]?.lowercased() ?? ""
        guard !response.body.isEmpty, !type.hasPrefix("application/x-protobuf") else {
            self = .delivered(rejectedPoints: 0, message: nil)
            return
        }
        let data = Data(response.body)
        guard let json = try? JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed) else {
            // For instance a captive portal's page: whoever answered was no collector.
            self = .refused(
                reason: "status \(response.status), but not from a collector\(Self.excerpt(of: response, secrets))"
            )
            return
        }
        let partialSuccess = (json as? [String: Any])?["partialSuccess"] as? [String: Any]
        let message = partialSuccess?["errorMessage"] as? String
        self = .delivered(
            rejectedPoints: Self.count(partialSuccess?["rejectedDataPoints"]),
            message: message?.isEmpty == false ? message.map(secrets().hidden) : nil
        )
    }

    /// A 64-bit integer, which JSON carries as a string or a number; what is neither counts as none.
    private static func count(_ value: Any?) -> Int {
        switch value {
        case let text as String: Int(digits: text) ?? 0
        case let number as NSNumber: max(Int(exactly: number.doubleValue.rounded()) ?? 0, 0)
        default: 0
        }
    }

    private static func excerpt(of response: HTTPResponse, _ secrets: () -> Secrets) -> String {
        guard !response.body.isEmpty else { return "" }
        let secrets = secrets()
        let type = response.headers["content-type"].map { quoted(secrets.hidden(in: $0), limit: 50) }
        // Hidden before it is cut: half a secret is not to be seen either.
        let text = secrets.hidden(in: String(decoding: response.body.prefix(65_536), as: UTF8.self))
        return " (\(type ?? "no content type"): \(quoted(text)))"
    }
}
