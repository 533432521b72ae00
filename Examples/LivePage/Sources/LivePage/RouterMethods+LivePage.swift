// Serves the files of a page.

import Hummingbird

extension RouterMethods {
    /// Serves a page's files, each at its path.
    public func addPage(_ files: [PageFile]) {
        for file in files {
            get(RouterPath(file.path)) { _, _ in
                let body = ResponseBody(byteBuffer: ByteBuffer(bytes: file.bytes))
                return Response(status: .ok, headers: file.headers, body: body)
            }
        }
    }
}

extension PageFile {
    fileprivate var headers: HTTPFields {
        var headers: HTTPFields = [.contentType: contentType, .cacheControl: "no-cache"]
        headers[.contentSecurityPolicy] = Self.contentSecurityPolicy
        headers[.xContentTypeOptions] = "nosniff"
        return headers
    }

    /// A page may load its own files and ask its own server, and nothing else.
    private static let contentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
