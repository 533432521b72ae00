// Makes requests of a configured target.

import Foundation

/// A checked target.
struct TargetRequest: Sendable, Equatable {
    /// A line to log.
    typealias Note = (level: LogLevel, text: String)

    /// The metrics page.
    private(set) var endpoint: HTTPEndpoint
    let headers: [HTTPHeader]
    let interval: Duration
    /// The identity of its readings, without the engine; unique among a poller's targets.
    let identity: ServerIdentity
    /// The model in the query.
    private(set) var model: String?
    /// Files that can be honoured.
    let tls: TLSFiles

    /// The targets that are usable and can be told apart. For each one that is left out there is a note, without secrets.
    static func requests(for targets: [EngineTarget]) -> (requests: [TargetRequest], notes: [Note]) {
        var requests: [TargetRequest] = []
        var notes: [Note] = []
        // Mostly all targets have the same files. They are read once.
        var files: [TLSFiles: Result<Void, TLSFiles.Unusable>] = [:]
        var pages: Set<[String]> = []
        var identities: Set<ServerIdentity> = []
        for target in targets {
            do {
                let request = try TargetRequest(target, &notes)
                let check =
                    files[request.tls]
                    ?? Result { () throws(TLSFiles.Unusable) in
                        try HTTPTransports.check(request.tls)
                    }
                files[request.tls] = check
                if case .failure(let unusable) = check {
                    notes.append((.error, "The engine at \(request.endpoint) is not polled: \(unusable)"))
                    continue
                }
                guard pages.insert(request.pageKey).inserted else {
                    notes.append((.warning, "The engine at \(request.endpoint) is configured twice; it is polled once"))
                    continue
                }
                guard identities.insert(request.identity).inserted else {
                    let text =
                        "A second engine at \(request.endpoint) is not polled: its metrics could not be told apart from those "
                        + "of the first; set different attributes"
                    notes.append((.warning, text))
                    continue
                }
                requests.append(request)
            } catch {
                notes.append((.warning, "An engine's URL \(error); it is not polled"))
            }
        }
        return (requests, notes)
    }

    private init(_ target: EngineTarget, _ notes: inout [Note]) throws {
        let given = try HTTPEndpoint(target.url.absoluteString)
        // An application's own client has the URL with /v1.
        let hasPath = !["", "/", "/v1", "/v1/"].contains(given.path)
        let endpoint = hasPath ? given : given.replacingPath("/metrics", keepingQuery: true)
        let parts = URLComponents(url: endpoint.url, resolvingAgainstBaseURL: false)
        let model = parts?.queryItems?.first { $0.name == "model" }?.value
        let path = parts?.percentEncodedPath
        // An attribute without a value is left out.
        var attributes = target.attributes.filter { !$0.value.isEmpty }
        for name in attributes.keys.sorted() where ServerIdentity.reservedAttributes.contains(name) {
            let text =
                "The attribute \(quoted(name)) of \(endpoint) has a name that this package uses itself; it is left out"
            notes.append((.warning, text))
            attributes[name] = nil
        }
        // As a router, llama.cpp serves the metrics of all models on one path.
        if let model, attributes["model"] == nil { attributes["model"] = model }

        self.endpoint = endpoint
        self.model = model
        tls = TLSFiles(certificateAuthorities: target.certificateFile)
        interval = target.interval
        identity = ServerIdentity(
            engine: nil,
            address: endpoint.host,
            port: endpoint.port,
            path: path == "/metrics" ? nil : path,
            attributes: attributes
        )
        var headers = [HTTPHeader("Accept", "text/plain;version=0.0.4,*/*;q=0.1")]
        var fields = target.headers.sortedByKey
        if let token = target.bearerToken { fields.append(("Authorization", "Bearer \(token)")) }
        for (name, value) in fields {
            guard HTTPHeader.isValid(name: name, value: value) else {
                let text = "The header \(quoted(name)) for \(endpoint) has characters that HTTP forbids; it is not sent"
                notes.append((.warning, text))
                continue
            }
            headers.append(HTTPHeader(name, value))
        }
        self.headers = headers
    }

    /// Everything that determines which page the server sends. The certificate file does not.
    private var pageKey: [String] {
        [endpoint.urlWithUserInfo.absoluteString] + headers.flatMap { [$0.name, $0.value] }
    }

    /// The identity of readings, once the engine is known.
    func identity(engine: String?) -> ServerIdentity {
        var identity = identity
        identity.engine = engine
        return identity
    }

    /// The request for one model of a llama.cpp router, which must not load it.
    func asking(for model: String) -> TargetRequest {
        var result = self
        result.endpoint = endpoint.addingQuery(["model": model, "autoload": "false"])
        result.model = model
        return result
    }

    /// The metrics page.
    var page: HTTPRequest { HTTPRequest(endpoint: endpoint, headers: headers) }

    /// A path beside the metrics page, also behind a proxy that serves the engine under some path.
    ///
    /// The query is kept: as a router, llama.cpp needs the model on every path.
    func sibling(_ path: String) -> HTTPRequest {
        let own = endpoint.path
        // Some servers use `/metrics/`.
        let page = own.hasSuffix("/") ? own.dropLast() : own[...]
        let base = page.hasSuffix("/metrics") ? page.dropLast("/metrics".count) : ""
        return HTTPRequest(endpoint: endpoint.replacingPath(base + path, keepingQuery: true), headers: headers)
    }
}
