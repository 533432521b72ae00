// The ways in which the strict receiver can misbehave, and what shall become of an export that meets them.

import Testing

/// One misbehaviour.
struct Fault: Sendable {
    enum Outcome {
        /// The collector has taken it.
        case delivered
        /// It is sent again and arrives.
        case deliveredAgain
        /// It arrives if there is more than a second or two.
        case deliveredLate
        /// The collector will never take it: it is dropped, and nothing else is.
        case dropped
        /// The collector does not answer: it is kept until it does.
        case kept
        /// The collector wants to be left alone for a minute.
        case throttled
    }

    /// As the receiver's `--behave` takes it.
    let specification: String
    let outcome: Outcome
    /// Points that the receiver claims to have rejected.
    var rejectedPoints = 0

    static let all: [Fault] =
        [
            "ok", "warning=look out", "nullpartial", "empty", "slow=0.2", "stall=0.2", "drip=0.3", "protobuf",
            "continue", "headers=50000", "headers=2000000", "midreset", "truncate", "huge=6000000", "bomb=6000000",
            "bomb=20000000", "garbage",
        ].map { Fault(specification: $0, outcome: .delivered) }
        + [Fault(specification: "partial=1:bad", outcome: .delivered, rejectedPoints: 1)]
        + [
            "unavailable", "unavailable=1", "throttle=1", "status=502", "status=504", "close", "reset",
            "badhttp",
        ].map { Fault(specification: $0, outcome: .deliveredAgain) }
        + [Fault(specification: "throttle=date", outcome: .deliveredLate)]
        + [
            "status=400", "status=401", "status=404", "status=500", "redirect=http://127.0.0.1:9/", "html",
        ].map { Fault(specification: $0, outcome: .dropped) }
        + [Fault(specification: "hang", outcome: .kept), Fault(specification: "throttle=60", outcome: .throttled)]

    /// Whether a flush that has three seconds says that everything was delivered.
    var isDeliveredByFlush: Bool {
        switch outcome {
        case .delivered, .deliveredAgain, .deliveredLate: true
        case .dropped, .kept, .throttled: false
        }
    }

    /// Whether it arrives at all in a process that ends right away.
    var isDeliveredAtExit: Bool {
        switch outcome {
        case .delivered, .deliveredAgain: true
        case .deliveredLate, .dropped, .kept, .throttled: false
        }
    }

    /// What a finding of the receiver is about: not about what was sent, but that somebody hung up on an answer without
    /// end, or sent the same again because an answer got lost, both of which is right.
    static func isExpected(_ finding: String) -> Bool {
        finding.contains("client closed the connection") || finding.hasPrefix("repeat: ")
    }
}
