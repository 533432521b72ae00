// The files of the live page.

import LivePage

extension PageFile {
    static let all =
        shared + [
            page(PackageResources.page_html),
            script("page.js", PackageResources.page_js),
            script("history.js", PackageResources.history_js),
        ]
}
