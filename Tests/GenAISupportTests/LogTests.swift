import Foundation
import GenAISupport
import TestSupport
import Testing

@Suite("Log and FailureLog")
struct LogTests {
    private let recorder = LogRecorder()
    private let time = ManualTimeSource()

    @Test("lines below the level are neither written nor made")
    func level() {
        let log = recorder.log(.warning)
        let made = Monitor(0)
        func message() -> String {
            made.mutate { $0 += 1 }
            return "x"
        }
        log.debug(message())
        log.info(message())
        log.warning(message())
        log.error(message())
        #expect(recorder.lines.map(\.level) == [.warning, .error])
        #expect(made.read { $0 } == 2)
        recorder.log(nil).error("never")
        #expect(recorder.lines.count == 2)
    }

    @Test(
        "what could forge a line or move the cursor is written out",
        arguments: [
            ("a\nb", #"a\nb"#), ("\u{1b}[31m", #"\u{1B}[31m"#), ("\r\n", #"\r\n"#), ("\u{202E}x", #"\u{202E}x"#),
            ("\u{2028}", #"\u{2028}"#), ("plain é 🦙", "plain é 🦙"), ("", ""),
        ]
    )
    func escaping(given: String, expected: String) {
        recorder.log().info(given)
        #expect(recorder.messages == [expected])
    }

    @Test(
        "the time of a line is that which Foundation writes",
        arguments: [0, 951_782_400, 1_700_000_000, 4_102_444_799]
    )
    func timestamp(seconds: Int) {
        let date = Date(timeIntervalSince1970: Double(seconds))
        #expect(Log.timestamp(seconds) == date.formatted(.iso8601))
    }

    @Test("quotes are cut")
    func quotes() {
        #expect(quoted("abc\n", limit: 3) == "\"abc…\"")
        #expect(quoted("abc", limit: 3) == "\"abc\"")
    }

    @Test("a failure is logged at its start, once a minute with a count, and once when it is over")
    func failures() {
        let failures = FailureLog(log: recorder.log(), timeSource: time)
        failures.succeeded("fine")
        #expect(recorder.lines.isEmpty, "nothing was wrong")
        for _ in 0..<10 { failures.failed(.warning, "broken") }
        #expect(recorder.messages == ["broken"])
        time.advance(by: .seconds(60))
        failures.failed(.warning, "still broken")
        #expect(recorder.messages.last == "still broken (and 9 times since the last line about it)")
        failures.succeeded("works")
        failures.succeeded("works")
        #expect(recorder.lines(.info) == ["works (after 11 failures)"])
        #expect(recorder.lines.count == 3)
        failures.failed(.error, "again")
        #expect(recorder.lines.last?.level == .error)
    }
}
