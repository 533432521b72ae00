import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("OTLPAnswer: what an answer means")
struct OTLPAnswerTests {
    private let now = Date(timeIntervalSince1970: 784_111_777)  // Sun, 06 Nov 1994 08:49:37 GMT

    private func answer(
        _ status: Int,
        _ body: String = "",
        type: String? = "application/json",
        retryAfter: String? = nil
    )
        -> OTLPAnswer
    {
        var headers: [String: String] = [:]
        headers["content-type"] = type
        headers["retry-after"] = retryAfter
        return OTLPAnswer(.success(HTTPResponse(status: status, headers: headers, body: Array(body.utf8))), now: now)
    }

    private func isRefused(_ answer: OTLPAnswer) -> Bool {
        if case .refused = answer { true } else { false }
    }

    @Test(
        "2xx with nothing to complain about is delivered",
        arguments: [
            "", "{}", #"{"partialSuccess":null}"#, #"{"partialSuccess":{}}"#,
            #"{"partialSuccess":{"errorMessage":""}}"#,
            #"{"partialSuccess":{"rejectedDataPoints":"0"}}"#, #"{"unknown":[1,2]}"#, "[]", #""ok""#,
            #"{"partialSuccess":7}"#, #"{"partialSuccess":{"rejectedDataPoints":true,"errorMessage":3}}"#,
        ]
    )
    func delivered(body: String) {
        for status in [200, 202, 204] {
            #expect(answer(status, body) == .delivered(rejectedPoints: 0, message: nil) || body.contains("true"))
        }
    }

    @Test(
        "2xx is delivered whatever the body says: what has arrived is never sent again",
        arguments: [
            ("", nil), ("ok", "text/plain"), ("\n", nil), ("\n\0", "application/octet-stream"),
            ("\0", "application/x-protobuf"),
            ("<3", nil), ("{", "application/json"), ("<html>", "text/plain"), ("\u{1F}\u{8B}", "application/json"),
            (String(repeating: "[", count: 4 << 20), "application/json"),
        ] as [(String, String?)]
    )
    func otherContent(body: String, type: String?) {
        for status in [200, 202, 299] {
            #expect(answer(status, body, type: type) == .delivered(rejectedPoints: 0, message: nil))
        }
    }

    @Test("2xx whose body can't be had is delivered, unless its head says that it is a web page")
    func withoutBody() {
        var response = HTTPResponse(status: 200, headers: ["content-type": "application/json"])
        response.bodyFailure = .answerEncoded("gzip")
        #expect(OTLPAnswer(.success(response), now: now) == .delivered(rejectedPoints: 0, message: nil))
        response.headers["content-type"] = "text/html; charset=utf-8"
        #expect(isRefused(OTLPAnswer(.success(response), now: now)))
    }

    @Test(
        "partial success in protobuf, as long as it is sound",
        arguments: [
            ([0x0A, 0x06, 0x08, 0x05, 0x12, 0x02, 0x6E, 0x6F], 5, "no"), ([0x0A, 0x00], 0, nil),
            ([0x0A, 0x02, 0x08, 0x05], 5, nil),
            ([0x0A, 0x04, 0x12, 0x02, 0x6E, 0x6F], 0, "no"), ([0x0A, 0x06, 0x08, 0x05], 0, nil),
            // A negative number, an unknown field before, a varint without end, a group.
            ([0x0A, 0x0B, 0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], 0, nil),
            ([0x15, 0, 0, 0, 0, 0x19, 0, 0, 0, 0, 0, 0, 0, 0, 0x0A, 0x02, 0x08, 0x07], 7, nil),
            ([0x0A, 0x0C, 0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], 0, nil),
            ([0x0B], 0, nil),
        ] as [([UInt8], Int, String?)]
    )
    func protobufPartialSuccess(body: [UInt8], rejected: Int, message: String?) {
        let response = HTTPResponse(status: 200, headers: ["content-type": "application/x-protobuf"], body: body)
        #expect(OTLPAnswer(.success(response), now: now) == .delivered(rejectedPoints: rejected, message: message))
    }

    @Test("the message of a status in protobuf is quoted, not its bytes")
    func protobufStatus() {
        let body: [UInt8] = [0x08, 0x03, 0x12, 0x03] + Array("bad".utf8)
        let response = HTTPResponse(status: 400, headers: ["content-type": "application/x-protobuf"], body: body)
        #expect(
            OTLPAnswer(.success(response), now: now)
                == .refused(reason: #"status 400 ("application/x-protobuf": "bad")"#, errorType: "400")
        )
    }

    @Test(
        "partial success counts the rejected points, given as a string or a number",
        arguments: [
            (#""5""#, 5), ("5", 5), (#""9223372036854775807""#, Int.max), (#""99999999999999999999""#, 0), ("-5", 0),
            (#""-5""#, 0), (#""x""#, 0), ("null", 0), ("[1]", 0), ("2.0", 2),
        ]
    )
    func partialSuccess(count: String, expected: Int) {
        let body = #"{"partialSuccess":{"rejectedDataPoints":\#(count),"errorMessage":"too old"}}"#
        #expect(answer(200, body) == .delivered(rejectedPoints: expected, message: "too old"))
    }

    @Test("a web page is refused, with or without a type")
    func webPages() {
        for type in ["text/html", " Text/HTML;charset=utf-8", "application/xhtml+xml"] {
            #expect(isRefused(answer(200, "", type: type)))
        }
        #expect(isRefused(answer(200, "\n<!DOCTYPE html><p>", type: nil)))
        #expect(isRefused(answer(200, "<HTML>", type: nil)))
    }

    @Test("a web page is quoted, escaped and short")
    func captivePortal() {
        let page = "<html>\n" + String(repeating: "x", count: 5_000)
        guard case .refused(let reason, _) = answer(200, page, type: "text/html") else {
            Issue.record("taken for a delivery")
            return
        }
        #expect(reason.contains("text/html"))
        #expect(reason.contains(#"<html>\n"#))
        #expect(reason.count < 300)
    }

    @Test("429, 502, 503 and 504 are sent again", arguments: [429, 502, 503, 504])
    func retryable(status: Int) {
        #expect(answer(status, "{}") == .retryable(reason: "status \(status)", delay: nil, errorType: "\(status)"))
        #expect(
            answer(status, retryAfter: "7")
                == .retryable(reason: "status \(status)", delay: .seconds(7), errorType: "\(status)")
        )
    }

    @Test(
        "any other status is refused",
        arguments: [300, 301, 307, 308, 400, 401, 403, 404, 408, 413, 415, 500, 501, 505]
    )
    func refused(status: Int) {
        #expect(isRefused(answer(status, "no")))
    }

    @Test("failures of the connection are sent again, what is wrong with the answer is not")
    func failures() {
        for failure in [
            HTTPFailure.timedOut, .connectionRefused, .connectionLost, .hostNotFound, .handshakeFailed, .other("7"),
        ] {
            guard case .retryable("\(failure)", nil, _) = OTLPAnswer(.failure(failure), now: now) else {
                Issue.record("\(failure) is not sent again")
                continue
            }
        }
        for failure in [HTTPFailure.tlsFailed, .answerTooLarge(limit: 1), .answerEncoded("gzip")] {
            #expect(isRefused(OTLPAnswer(.failure(failure), now: now)))
        }
    }

    @Test("random answers never trap and never count below zero")
    func fuzz() {
        var generator = SeededGenerator(seed: 7)
        let seeds = [
            #"{"partialSuccess":{"rejectedDataPoints":"5","errorMessage":"x"}}"#,
            #"{"partialSuccess":{"rejectedDataPoints":1e9}}"#,
        ]
        for round in 0..<3_000 {
            var body = Array(seeds[round % 2].utf8)
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                body[Int.random(in: body.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            let response = HTTPResponse(status: 200, headers: ["content-type": "application/json"], body: body)
            if case .delivered(let rejected, _) = OTLPAnswer(.success(response), now: now) { #expect(rejected >= 0) }
        }
    }

    @Test(
        "Retry-After: seconds or a date; anything else is ignored",
        arguments: [
            ("0", 0), ("120", 120), (" 5 ", 5), ("Sun, 06 Nov 1994 08:49:47 GMT", 10),
            ("Sun, 06 Nov 1994 08:49:00 GMT", 0),
            ("-1", nil), ("1.5", nil), ("", nil), ("soon", nil), ("Sun, 06 Nox 1994 08:49:47 GMT", nil),
            ("Sun, 99 Nov 19999999999999999999 08:49:47 GMT", nil), ("999999999999999999999999", 365 * 86_400),
            ("Sun, 06 Nov 2094 9000000000000000000:00:00 GMT", nil), ("Sun, 06 Nov 9999 23:59:60 GMT", 365 * 86_400),
            ("Sun, 9000000000000000000 Nov 2094 00:00:00 GMT", nil), ("Sun, 06 Nov 2094 00:99:00 GMT", nil),
        ] as [(String, Int?)]
    )
    func retryAfter(value: String, expected: Int?) {
        #expect(RetryAfter.delay(value, now: now) == expected.map { .seconds($0) })
    }

    @Test("back-off doubles up to its limit, half of it random; what the server asks for wins")
    func backOff() {
        let longest = RetryPolicy(random: { 1 })
        let delays = (1...6).map { longest.delay(afterFailures: $0, requested: nil) }
        #expect(delays == [.milliseconds(500), .seconds(1), .seconds(2), .seconds(4), .seconds(5), .seconds(5)])
        let shortest = RetryPolicy(random: { 0 })
        #expect(shortest.delay(afterFailures: 2, requested: nil) == .milliseconds(500))
        #expect(shortest.delay(afterFailures: .max, requested: nil) == .milliseconds(2_500))
        #expect(shortest.delay(afterFailures: 3, requested: .seconds(9)) == .seconds(9))
        #expect(shortest.delay(afterFailures: 2, requested: .zero) == .milliseconds(500), "nobody is hurried")
    }
}
