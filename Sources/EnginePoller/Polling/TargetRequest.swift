// From a configured target to requests that can be sent.

import Foundation

/// A target whose parts are known to be usable.
struct TargetRequest: Sendable {
    /// The metrics page.
    var endpoint: HTTPEndpoint
    var headers: [HTTPHeader]
    var interval: Duration

    /// The usable ones among the targets, each once. A warning tells what is left out, without secrets.
    static func requests(for targets: [EngineTarget], _ log: Log) -> [TargetRequest] {
        var known: Set<URL> = []
        return targets.compactMap { target in
            do {
                let request = try TargetRequest(target, log)
                if known.insert(request.endpoint.url).inserted { return request }
                log.warning("the engine at \(request.endpoint) is configured twice; it is polled once")
            } catch {
                log.warning("an engine's URL \(error); it is not polled")
            }
            return nil
        }
    }

    private init(_ target: EngineTarget, _ log: Log) throws {
        let endpoint = try HTTPEndpoint(target.url.absoluteString)
        let hasPath = !endpoint.path.isEmpty && endpoint.path != "/"
        self.endpoint = hasPath ? endpoint : endpoint.replacingPath("/metrics", keepingQuery: true)
        interval = target.interval
        headers = [HTTPHeader("Accept", "text/plain;version=0.0.4,*/*;q=0.1")]
        var fields = target.headers.sorted { $0.key < $1.key }
        if let token = target.bearerToken { fields.append(("Authorization", "Bearer \(token)")) }
        for (name, value) in fields {
            guard HTTPHeader.isValid(name: name, value: value) else {
                log.warning(
                    "the header \(quoted(name)) for \(endpoint) has characters that HTTP forbids; it is not sent"
                )
                continue
            }
            headers.append(HTTPHeader(name, value))
        }
    }

    /// The metrics page.
    var page: HTTPRequest { HTTPRequest(endpoint: endpoint, headers: headers) }

    /// A path beside the metrics page, also behind a proxy that serves the engine under a path of its own.
    ///
    /// The query goes along: llama.cpp as a router wants to know for which model on every path.
    func sibling(_ path: String) -> HTTPRequest {
        let own = endpoint.path
        let base = own.hasSuffix("/metrics") ? own.dropLast("/metrics".count) : ""
        return HTTPRequest(endpoint: endpoint.replacingPath(base + path, keepingQuery: true), headers: headers)
    }

    /// The model that the query names.
    var model: String? {
        URLComponents(url: endpoint.url, resolvingAgainstBaseURL: false)?
            .queryItems?.first { $0.name == "model" }?.value
    }
}
