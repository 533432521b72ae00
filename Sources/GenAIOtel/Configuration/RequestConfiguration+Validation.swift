// Replaces unusable settings of tracked requests.

extension RequestConfiguration {
    /// The settings with unusable values left out or replaced, each with a warning.
    func validated(_ warnings: inout [String]) -> RequestConfiguration {
        var result = self
        if providerName?.isEmpty == true { result.providerName = nil }
        result.allowedAttributes = Self.usable(allowedAttributes, &warnings)
        result.objectives = Self.usable(objectives, &warnings)
        Self.mend(&result.durationBounds, "durationBounds", Self.defaultDurationBounds, &warnings)
        Self.mend(
            &result.timeToFirstTokenBounds,
            "timeToFirstTokenBounds",
            Self.defaultTimeToFirstTokenBounds,
            &warnings
        )
        Self.mend(
            &result.timePerOutputTokenBounds,
            "timePerOutputTokenBounds",
            Self.defaultTimePerOutputTokenBounds,
            &warnings
        )
        return result
    }

    private static func usable(_ keys: [String], _ warnings: inout [String]) -> [String] {
        // Keys are compared as Prometheus will see them.
        var known: Set<String> = []
        return keys.filter { key in
            let name = PrometheusTextEncoder.prometheusName(key)
            if key.isEmpty || reservedNames.contains(name) || reservedPrefixes.contains(where: name.hasPrefix) {
                warnings.append(
                    "requests.allowedAttributes has \(quoted(key)), which is reserved or no label name; it is ignored"
                )
                return false
            }
            guard known.insert(name).inserted else {
                warnings.append("requests.allowedAttributes has \(quoted(key)) twice; one of them is used")
                return false
            }
            return true
        }
    }

    /// The keys that can't be allowed, as Prometheus names them. `le` and `quantile` are Prometheus' own; `job` and `instance`
    /// come from the scrape.
    private static let reservedNames: Set = ["error_type", "model", "engine", "le", "quantile", "job", "instance"]
    private static let reservedPrefixes = ["gen_ai_", "server_", "otel_", "service_", "_"]

    private static func usable(_ objectives: [RequestObjective], _ warnings: inout [String]) -> [RequestObjective] {
        var known: Set<String> = []
        return objectives.filter { objective in
            let limits = [objective.timeToFirstToken, objective.timePerOutputToken, objective.duration]
            let problem =
                if objective.name.isEmpty {
                    "no name"
                } else if limits.contains(where: { $0.map { $0 <= .zero } ?? false }) {
                    "a limit that is not more than 0"
                } else if !known.insert(Attribute.cut(objective.name)).inserted {
                    "the name of another one"
                } else {
                    String?.none
                }
            if let problem {
                warnings.append("The objective \(quoted(objective.name)) has \(problem); it is left out")
            }
            return problem == nil
        }
    }

    private static func mend(
        _ bounds: inout [Double],
        _ name: String,
        _ fallback: [Double],
        _ warnings: inout [String]
    ) {
        let isUsable =
            !bounds.isEmpty && bounds.count <= mostBounds && bounds.allSatisfy { $0 > 0 && $0 <= longestBound }
            && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }
        guard !isUsable else { return }
        warnings.append(
            "requests.\(name) is not 1 to \(mostBounds) ascending numbers of seconds above 0; the default is used"
        )
        bounds = fallback
    }

    /// More would make a series of every request too large.
    private static let mostBounds = 200
    /// In seconds: a year.
    private static let longestBound = 31_536_000.0
}
