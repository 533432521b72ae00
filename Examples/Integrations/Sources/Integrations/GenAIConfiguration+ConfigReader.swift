// Reads the settings with swift-configuration.

import Configuration
import GenAIOtel

extension GenAIConfiguration {
    /// Each variable is a key: `OTEL_SERVICE_NAME` is `otel.service.name`.
    init(_ reader: ConfigReader) {
        self.init { variable in
            let key = ConfigKey(variable.lowercased().split(separator: "_").map(String.init))
            // All are secrets: headers and tokens are, and a URL may hold a password.
            return reader.string(forKey: key, isSecret: true)
                ?? reader.stringArray(forKey: key, isSecret: true)?.joined(separator: ",")
                ?? reader.double(forKey: key, isSecret: true).map { Int(exactly: $0)?.description ?? "\($0)" }
        }
    }
}
