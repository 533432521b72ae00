// The files that the live pages of several programs share, embedded in the program: it runs in any folder.

/// A file of a page and how it is served.
public struct PageFile: Sendable {
    /// Where it is served.
    public var path: String
    /// Its media type.
    public var contentType: String
    /// Its content.
    public var bytes: [UInt8]

    /// A file of a program's own.
    public init(path: String, contentType: String, bytes: [UInt8]) {
        self.path = path
        self.contentType = contentType
        self.bytes = bytes
    }

    /// A page; `/` is its path.
    public static func page(_ bytes: [UInt8]) -> PageFile {
        PageFile(path: "/", contentType: "text/html; charset=utf-8", bytes: bytes)
    }

    /// A script, which is a module.
    public static func script(_ name: String, _ bytes: [UInt8]) -> PageFile {
        PageFile(path: "/\(name)", contentType: "text/javascript; charset=utf-8", bytes: bytes)
    }

    /// A style sheet.
    public static func style(_ name: String, _ bytes: [UInt8]) -> PageFile {
        PageFile(path: "/\(name)", contentType: "text/css; charset=utf-8", bytes: bytes)
    }

    /// The look, the icon, the charts, what reads Prometheus' text and what shows figures.
    public static let shared = [
        style("page.css", PackageResources.page_css),
        script("prometheus.js", PackageResources.prometheus_js),
        script("chart.js", PackageResources.chart_js),
        script("show.js", PackageResources.show_js),
        PageFile(path: "/icon.svg", contentType: "image/svg+xml", bytes: PackageResources.icon_svg),
    ]
}
