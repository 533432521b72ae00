// The files of the live page.

import LivePage

extension PageFile {
    static let all =
        shared + [
            page(PackageResources.agent_html),
            style("agent.css", PackageResources.agent_css),
            script("agent.js", PackageResources.agent_js),
            script("view.js", PackageResources.view_js),
        ]
}
