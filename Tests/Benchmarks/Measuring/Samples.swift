// Runs a piece of code many times and prints what one run costs.

/// Prints nanoseconds (the median of nine rounds) and allocations of one call.
func report(_ name: String, iterations: Int, _ body: () -> Void) {
    let rounds = (0..<9).map { _ in
        nanoseconds { for _ in 0..<iterations { body() } } / Double(iterations)
    }
    let allocations = AllocationCounter.count { for _ in 0..<1000 { body() } }
    printCosts(name, rounds, allocations.map { Double($0) / 1000 })
}

/// The same for something that needs a preparation, which is not measured, before each call.
func report(_ name: String, iterations: Int, prepare: () -> Void, _ body: () -> Void) {
    let rounds = (0..<iterations).map { _ in
        prepare()
        return nanoseconds(body)
    }
    prepare()
    printCosts(name, rounds, AllocationCounter.count(during: body).map { Double($0) })
}

private func nanoseconds(_ body: () -> Void) -> Double {
    let start = ContinuousClock.now
    body()
    return start.duration(to: .now) / .nanoseconds(1)
}

private func printCosts(_ name: String, _ rounds: [Double], _ allocations: Double?) {
    let median = rounds.sorted()[rounds.count / 2]
    let suffix = allocations.map { ", \(($0 * 100).rounded() / 100) allocations" } ?? ""
    print("\(name): \((median * 10).rounded() / 10) ns\(suffix)")
}
