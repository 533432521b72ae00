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

    @Test(
        "a value that says nothing never replaces one that was found out, and there is a warning",
        arguments: ["", " ", "$(POD_NAME)", "${POD_NAME}"]
    )
    func emptyValues(value: String) {
        for key in Resource.foundOut.keys {
            let environment = ["OTEL_RESOURCE_ATTRIBUTES": "\(key)=\(value),team=\(value)"]
            let configuration = GenAIConfiguration(environment: environment)
            let resource = Resource(configuration)
            #expect(resource.attributes.first { $0.key == key }?.value == Resource.foundOut[key], "\(key)")
            #expect(resource.attributes.contains { $0.key == "team" })
            #expect(
                configuration.validated().warnings == [
                    "The resource attribute \(key) is empty; the package's own value is kept"
                ]
            )
        }
        var configuration = GenAIConfiguration(environment: [:])
        configuration.resourceAttributes = ["service.instance.id": "mine", "service.name": value]
        #expect(Resource(configuration).text("service.instance.id") == "mine")
        #expect(Resource(configuration).text("service.name") == configuration.serviceName)
    }

    @Test("the instance is a random identifier that stays the same in a process")
    func instance() throws {
        let identifier = try #require(resource.text("service.instance.id"))
        #expect(UUID(uuidString: identifier) != nil)
        #expect(Resource(GenAIConfiguration(environment: [:])).text("service.instance.id") == identifier)
    }
}
