// The files of the live page.

import Hummingbird
import LivePage

extension PageFile {
    static let all =
        shared + [
            page(PackageResources.page_html),
            script("page.js", PackageResources.page_js),
            script("history.js", PackageResources.history_js),
        ]

    var headers: HTTPFields {
        var headers: HTTPFields = [.contentType: contentType, .cacheControl: "no-cache"]
        headers[.contentSecurityPolicy] = Self.contentSecurityPolicy
        headers[.xContentTypeOptions] = "nosniff"
        return headers
    }
}
