// A door for the benchmarks: they measure what a poll does with a page, from outside the module.

/// What a metrics page says.
package enum EngineFigures {
    /// The engine and the figures of its models; nil if no engine is recognised.
    package static func read(_ page: [UInt8]) -> (engine: String, models: [ModelReading])? {
        EnginePage(page).map { ($0.engine.name, $0.models) }
    }
}
