// The files of the live page, embedded in the program: it runs in any folder.

import Hummingbird

/// A file and how it is served.
struct PageFile: Sendable {
    var path: String
    var contentType: String
    var bytes: [UInt8]

    static let all = [
        PageFile(path: "/", contentType: "text/html; charset=utf-8", bytes: PackageResources.page_html),
        PageFile(path: "/page.css", contentType: "text/css; charset=utf-8", bytes: PackageResources.page_css),
        script("page.js", PackageResources.page_js),
        script("prometheus.js", PackageResources.prometheus_js),
        script("history.js", PackageResources.history_js),
        script("chart.js", PackageResources.chart_js),
        PageFile(path: "/icon.svg", contentType: "image/svg+xml", bytes: PackageResources.icon_svg),
    ]

    private static func script(_ name: String, _ bytes: [UInt8]) -> PageFile {
        PageFile(path: "/\(name)", contentType: "text/javascript; charset=utf-8", bytes: bytes)
    }

    /// The page may load its own files and ask its own server, and nothing else.
    var headers: HTTPFields {
        var headers: HTTPFields = [.contentType: contentType, .cacheControl: "no-cache"]
        headers[.contentSecurityPolicy] =
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        headers[.xContentTypeOptions] = "nosniff"
        return headers
    }
}
