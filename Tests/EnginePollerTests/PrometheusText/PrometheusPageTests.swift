import Foundation
import TestSupport
import Testing

@testable import EnginePoller

@Suite("Prometheus text: what is read and what is not", .blocking)
struct PrometheusPageTests {
    private struct Sample: Equatable {
        var name: String
        /// As `name=value`, with commas between them.
        var labels: String
        var value: Double
    }

    private static let names = MetricNames(metrics: ["m", "m_n_total"], prefixes: ["fam_", "other_"])

    private func samples(_ page: String) -> [Sample] { samples(Array(page.utf8)) }

    private func samples(_ bytes: [UInt8]) -> [Sample] {
        let page = PrometheusPage(bytes, Self.names)
        return Self.names.metrics.flatMap { name in
            page[name].map { sample in
                let replica = page.labels.replicas[page.labels.sets[sample.labels].replica]
                return Sample(name: name, labels: replica.name, value: sample.value)
            }
        }
    }

    private func families(_ page: String) -> [String] {
        let page = PrometheusPage(Array(page.utf8), Self.names)
        return ["fam_", "other_"].filter(page.hasPrefix)
    }

    private func sample(_ value: Double, _ labels: [String: String] = [:], name: String = "m") -> Sample {
        let labels = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return Sample(name: name, labels: labels.joined(separator: ","), value: value)
    }

    @Test(
        "a name, labels and a value",
        arguments: [
            "m{a=\"x\",b=\"y\"} 1.5",
            "m{a=\"x\",b=\"y\",} 1.5\n",
            "m { a = \"x\" , b\t=\t\"y\" } \t1.5 \n",
            "  m{b=\"y\",a=\"x\"} 1.5\r\n", "\u{FEFF}m{a=\"x\",b=\"y\"} 1.5",
            "m{a=\"x\",b=\"y\"} 1.5 1700000000000\n",
            "m{a=\"x\",b=\"y\"} 1.5 1700000000.25\r\n",
            "m{a=\"x\",b=\"y\"} 1.5 # {trace_id=\"}\"} 0.5 1700000000\n",
            "m{a=\"x\",b=\"y\"} 1.5 1700000000 # {} 1\n# EOF",
            "\n\n# TYPE m gauge\n\nm{a=\"x\",b=\"y\"} 15e-1\n\n",
        ]
    )
    func forms(page: String) {
        #expect(samples(page) == [sample(1.5, ["a": "x", "b": "y"])])
    }

    @Test("a sample without labels")
    func noLabels() {
        #expect(
            samples("m 4\nm{} 5\nm\t6\nm:n_total 7") == [sample(4), sample(5), sample(6), sample(7, name: "m_n_total")]
        )
    }

    @Test("names are matched as a whole")
    func wholeNames() {
        #expect(samples("mm 1\nm_created 2\nm:n 3\nxm 4\nm:n_total_by_reason{a=\"x\"} 5\nM 6\n").isEmpty)
    }

    @Test(
        "numbers in all their forms",
        arguments: [
            ("0", 0), ("-0.0", 0), ("+3", 3), ("1e3", 1000), ("4.866260992E+09", 4_866_260_992), (".5", 0.5),
            ("0.17391304347826086", 0.17391304347826086), ("9223372036854775807", 0x1p63),
            ("1e308", 1e308), ("00012", 12),
        ]
    )
    func numbers(text: String, value: Double) {
        #expect(samples("m \(text)\n") == [sample(value)])
    }

    @Test(
        "what is no finite number is no sample",
        arguments: [
            "nan", "NaN", "NAN", "-nan", "-nan(ind)", "nan(snan)", "inf", "+Inf", "-Inf", "Infinity", "1e999", "", "x",
            "1_0",
            "1,5", "--1", "0x", "1e", "\u{661}",
        ]
    )
    func noNumbers(text: String) {
        #expect(samples("m \(text)\nm 1\n") == [sample(1)])
    }

    @Test("escapes in label values")
    func escapes() {
        #expect(samples(#"m{a="q\"b\\s\nn",b="C:\dir\"} 1"#).isEmpty, "the last quote is escaped")
        #expect(samples(#"m{a="q\"b\\s\nn",b="C:\dir\\"} 1"#) == [sample(1, ["a": "q\"b\\s\nn", "b": #"C:\dir\"#])])
        #expect(samples(#"m{a="{}, =#",b=""} 1"#) == [sample(1, ["a": "{}, =#", "b": ""])])
        #expect(samples("m{a=\"modèle/🦙\"} 1") == [sample(1, ["a": "modèle/🦙"])])
    }

    @Test("bytes that are not UTF-8 are replaced")
    func notUTF8() {
        let page = Array("m{a=\"x".utf8) + [0xFF, 0xC3] + Array("\"} 1\n".utf8)
        #expect(samples(page).map(\.labels) == ["a=x\u{FFFD}\u{FFFD}"])
    }

    @Test(
        "a bad line costs that line",
        arguments: [
            "m{a=\"x\" 1", "m{a=\"x} 1", "m{a=x} 1", "m{=\"x\"} 1", "m{a} 1", "m{a=\"x\"b=\"y\"} 1", "m{a=\"x\"", "m{",
            "m", "m ",
            "m 1 2 3", "m 1 soon", "m 1x", "m{,} 1", "{\"m\"} 1", "m{a=\"\\", "m 1 garbage # {}", "\u{0}",
            "m{a=\"x\"}} 1",
        ]
    )
    func badLines(line: String) {
        #expect(samples("m 1\n\(line)\nm 2\n") == [sample(1), sample(2)])
    }

    @Test("the last line needs no end, and no prefix of a page is trouble")
    func truncated() throws {
        let page = Array("# TYPE m gauge\r\nm{a=\"x\\\"\",b=\"y\"} 12.5 170 # {t=\"1\"} 0.5\r\nm 7".utf8)
        #expect(samples(page).count == 2)
        for length in page.indices {
            #expect(samples(Array(page[..<length])).count <= 2)
        }
    }

    @Test("families are noted from samples and from comments, whatever follows their beginning")
    func families() {
        #expect(families("fam_x 1\n") == ["fam_"])
        #expect(families("# TYPE fam_x gauge\n") == ["fam_"])
        #expect(families("# HELP fam_x About x.\n") == ["fam_"])
        #expect(families("# fam_x\nx_fam_ 1\nfam 1\nx{a=\"fam_\"} 1\n").isEmpty)
        #expect(families("other:x 1\nfam_y 1\n") == ["fam_", "other_"])
    }

    @Test(
        "a colon counts as an underscore, and Ray's prefix is none",
        arguments: ["m:n_total", "m_n_total", "ray_m:n_total", "ray_m_n_total"]
    )
    func names(name: String) {
        #expect(samples("# HELP \(name) Text.\n\(name){a=\"x\"} 3\n") == [sample(3, ["a": "x"], name: "m_n_total")])
        #expect(families(name.replacing("m", with: "fam") + " 1") == ["fam_"])
    }

    @Test("lines that differ in nothing but their bound, or in more")
    func likeTheLineBefore() {
        let page = PrometheusPage(
            Array(
                """
                m{a="x",le="1",b="y"} 1
                m{a="x",le="+Inf",b="y"} 2
                m{a="x",le="2"} 3
                m{a="x",le="3",b="z"} 4
                m{a="x",le="a\\"b",b="z"} 5
                m{b="y",a="x"} 6
                m{a="x",b="y"} 7
                m 8
                m{le="5"} 9
                m{a="x",b="y",} 10
                """.utf8
            ),
            Self.names
        )
        let samples = page["m"]
        #expect(samples.map(\.value) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        #expect(
            samples.map { $0.bound.map(\.description) } == [
                "1.0", "inf", "2.0", "3.0", "nan", nil, nil, nil, "5.0", nil,
            ]
        )
        let replicas = samples.map { page.labels.replicas[page.labels.sets[$0.labels].replica].name }
        #expect(
            replicas == [
                "a=x,b=y", "a=x,b=y", "a=x", "a=x,b=z", "a=x,b=z", "a=x,b=y", "a=x,b=y", "", "", "a=x,b=y",
            ]
        )
        #expect(Set(samples.map(\.labels)).count == 4)
    }

    @Test("a page without lines, with one endless line and with a thousand buckets")
    func extremes() {
        #expect(samples("").isEmpty)
        #expect(samples(String(repeating: "\n", count: 10_000)).isEmpty)
        #expect(samples("m " + String(repeating: "9", count: 1_000_000)).isEmpty)
        #expect(samples("m{a=\"" + String(repeating: "x", count: 1_000_000)).isEmpty)
        let buckets = (0..<1000).map { "m_bucket{a=\"x\",le=\"\($0)\"} \($0)\n" }.joined()
        #expect(samples(buckets + "m 1\n" + buckets) == [sample(1)])
    }

    @Test("labels of a dozen replicas by turns, with and without bounds, stay apart")
    func manyReplicas() {
        let names = MetricNames(metrics: ["m", "m_bucket"], prefixes: [])
        let lines = (0..<36).map { number in
            let replica = "e=\"\(number % 12)\""
            let bound = "le=\"\(number)\""
            return number % 2 == 0 ? "m{\(replica)} \(number)" : "m_bucket{\(replica),\(bound),z=\"1\"} \(number)"
        }
        let page = PrometheusPage(Array(lines.joined(separator: "\n").utf8), names)
        func replica(_ sample: PrometheusPage.Sample) -> String {
            page.labels.replicas[page.labels.sets[sample.labels].replica].name
        }
        #expect(page["m"].map(\.value) == stride(from: 0, to: 36, by: 2).map(Double.init))
        #expect(page["m"].allSatisfy { replica($0) == "e=\(Int($0.value) % 12)" && $0.bound == nil })
        #expect(page["m_bucket"].map(\.bound) == stride(from: 1, to: 36, by: 2).map(Double.init))
        #expect(page["m_bucket"].allSatisfy { replica($0) == "e=\(Int($0.value) % 12),z=1" })
    }

    @Test("of many metrics each is found, and none that only ends alike")
    func manyNames() {
        let asked = (0..<200).map { "e_metric_\($0)_seconds_bucket_total" }
        let names = MetricNames(metrics: asked, prefixes: ["e_"])
        func match(_ name: String) -> MetricNames.Match {
            Array(name.utf8).withUnsafeBufferPointer { names.match($0[...]) }
        }
        for (position, name) in asked.enumerated() {
            #expect(match(name).metric == position)
            #expect(match("ray_" + name.replacingOccurrences(of: "e_m", with: "e:m")).metric == position)
            #expect(match("f" + name.dropFirst()).metric == nil)
            #expect(match(name + "s").metric == nil)
            #expect(match(name).prefix == 0)
        }
    }
}
