import Foundation
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("Resource")
struct ResourceTests {
    private let resource = Resource(GenAIConfiguration(environment: ["OTEL_SERVICE_NAME": "mine"]))

    @Test("says who reports, each key once")
    func attributes() {
        #expect(resource.text("service.name") == "mine")
        #expect(resource.text("telemetry.sdk.language") == "swift")
        #expect(resource.text("telemetry.sdk.name") == "GenAIOtel")
        #expect(resource.text("telemetry.sdk.version") == PackageInfo.version)
        #expect(resource.text("telemetry.distro.name") == "genai-otel-swift")
        #expect(resource.text("os.type") != nil)
        #expect(resource.text("host.name") != nil)
        #expect(resource.attributes.contains(Attribute("process.pid", .int(Int(getpid())))))
        #expect(Set(resource.attributes.map(\.key)).count == resource.attributes.count)
        #expect(resource.text("host.id") == nil)
    }

    @Test("the instance is a random identifier that stays the same in a process")
    func instance() throws {
        let identifier = try #require(resource.text("service.instance.id"))
        #expect(UUID(uuidString: identifier) != nil)
        #expect(Resource(GenAIConfiguration(environment: [:])).text("service.instance.id") == identifier)
    }
}
