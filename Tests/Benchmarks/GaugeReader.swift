// The reader of metrics pages as it was when it knew gauges alone: what reading everything is compared with.

import Foundation
import GenAISupport

/// Reads vLLM's gauges, in the way in which all engines' gauges were read.
struct GaugeReader: Sendable {
    private struct Sample {
        var name: String
        var labels: [String: String] = [:]
        var value: Double
    }

    private let metrics = Texts([
        "vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "vllm:num_requests_running",
        "vllm:num_requests_waiting", "vllm:num_requests_swapped", "sglang:token_usage", "sglang:full_token_usage",
        "sglang:swa_token_usage", "sglang:num_running_reqs", "sglang:num_queue_reqs", "tgi_batch_current_max_tokens",
        "tgi_batch_max_total_tokens", "tgi_batch_current_size", "tgi_queue_size", "llamacpp:kv_cache_usage_ratio",
        "llamacpp:requests_processing", "llamacpp:requests_deferred", "trtllm_kv_cache_utilization",
        "trtllm_num_requests_running", "trtllm_num_requests_waiting", "trtllm_max_num_active_requests",
        "nv_trt_llm_kv_cache_block_metrics", "nv_trt_llm_request_metrics", "lmdeploy:gpu_cache_usage_perc",
        "lmdeploy:num_requests_running", "lmdeploy:num_requests_waiting", "lmdeploy:num_api_requests_waiting",
        "gpu_cache_usage_perc", "num_requests_running", "num_requests_waiting", "num_request_max",
    ])
    private let families = Texts(["vllm:", "sglang:", "tgi_", "llamacpp:", "trtllm_", "nv_trt_llm_", "lmdeploy:"])
    private let labels = Texts(["model_name", "model", "engine", "dp_rank", "kv_cache_block_type", "request_type"])

    func read(_ page: [UInt8]) -> [ModelReading]? {
        var samples: [Sample] = []
        var found: Set<String> = []
        page.withUnsafeBufferPointer { page in
            var start = 0
            while start < page.count {
                let rest = page.baseAddress! + start
                let line = memchr(rest, 10, page.count - start).map { UnsafeRawPointer(rest).distance(to: $0) }
                let end = start + (line ?? page.count - start)
                readLine(UnsafeBufferPointer(rebasing: page[start..<end]), &samples, &found)
                start = end + 1
            }
        }
        guard found.contains("vllm:") else { return nil }
        var order: [String?] = []
        var byModel: [String?: [Sample]] = [:]
        for sample in samples where sample.name.hasPrefix("vllm:") {
            let model = sample.labels["model_name"]
            if byModel[model] == nil { order.append(model) }
            byModel[model, default: []].append(sample)
        }
        return order.map { reading(of: $0, byModel[$0] ?? []) }
    }

    private func reading(of model: String?, _ samples: [Sample]) -> ModelReading {
        func values(_ names: [String]) -> [Double] { samples.filter { names.contains($0.name) }.map(\.value) }
        func count(_ names: [String]) -> Int { Int(values(names).reduce(0, +)) }
        return ModelReading(
            model: model,
            kvCacheUsage: values(["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"]).max().map { $0 * 100 },
            requestsRunning: count(["vllm:num_requests_running"]),
            requestsWaiting: count(["vllm:num_requests_waiting", "vllm:num_requests_swapped"])
        )
    }

    private func readLine(_ line: UnsafeBufferPointer<UInt8>, _ samples: inout [Sample], _ found: inout Set<String>) {
        var cursor = Cursor(line: line)
        cursor.skipBlanks()
        let isComment = cursor.current == UInt8(ascii: "#")
        guard !isComment || cursor.take(Self.typeComment) || cursor.take(Self.helpComment) else { return }
        var family = cursor
        if let family = families.take(&family, where: { _ in true }) { found.insert(family) }
        guard !isComment, let name = metrics.take(&cursor, where: { $0 == UInt8(ascii: "{") || Cursor.isBlank($0) })
        else { return }
        var sample = Sample(name: name, value: 0)
        guard readLabels(&cursor, &sample.labels) else { return }
        cursor.skipBlanks()
        guard let value = Double(String(decoding: cursor.takeWord(), as: UTF8.self)), value.isFinite else { return }
        sample.value = value
        samples.append(sample)
    }

    private func readLabels(_ cursor: inout Cursor, _ result: inout [String: String]) -> Bool {
        cursor.skipBlanks()
        guard cursor.take(UInt8(ascii: "{")) else { return true }
        while true {
            cursor.skipBlanks()
            if cursor.take(UInt8(ascii: "}")) { return true }
            let wanted = labels.take(&cursor) { $0 == UInt8(ascii: "=") || Cursor.isBlank($0) }
            if wanted == nil { cursor.advance { $0 == UInt8(ascii: "=") || Cursor.isBlank($0) } }
            guard cursor.take(UInt8(ascii: "=")) else { return false }
            guard let value = cursor.takeQuoted() else { return false }
            if let wanted { result[wanted] = Self.unescaped(value) }
            guard cursor.take(UInt8(ascii: ",")) || cursor.current == UInt8(ascii: "}") else { return false }
        }
    }

    private static func unescaped(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> String {
        guard bytes.contains(UInt8(ascii: "\\")) else { return String(decoding: bytes, as: UTF8.self) }
        var result: [UInt8] = []
        var isEscaped = false
        for byte in bytes {
            isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
            if !isEscaped { result.append(byte) }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static let typeComment = Array("# TYPE ".utf8)
    private static let helpComment = Array("# HELP ".utf8)
}

/// A position in a line.
private struct Cursor {
    let line: UnsafeBufferPointer<UInt8>
    var position = 0

    static func isBlank(_ byte: UInt8?) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    var current: UInt8? { position < line.count ? line[position] : nil }

    mutating func skipBlanks() {
        while Self.isBlank(current) { position += 1 }
    }

    mutating func advance(to condition: (UInt8) -> Bool) {
        while let byte = current, !condition(byte) { position += 1 }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        position += 1
        return true
    }

    mutating func take(_ text: [UInt8]) -> Bool {
        guard line.count - position >= text.count else { return false }
        for index in text.indices where line[position + index] != text[index] { return false }
        position += text.count
        return true
    }

    /// Nil if a quote is missing.
    mutating func takeQuoted() -> Slice<UnsafeBufferPointer<UInt8>>? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        let start = position
        while true {
            advance { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }
            if current == UInt8(ascii: "\"") {
                defer { position += 1 }
                return line[start..<position]
            }
            guard take(UInt8(ascii: "\\")), current != nil else { return nil }
            position += 1
        }
    }

    mutating func takeWord() -> Slice<UnsafeBufferPointer<UInt8>> {
        let start = position
        advance { Self.isBlank($0) }
        return line[start..<position]
    }
}

/// Texts that a line may begin with, by their first byte.
private struct Texts: Sendable {
    private let entries: [[(text: String, bytes: [UInt8])]]

    init(_ texts: [String]) {
        var entries = [[(text: String, bytes: [UInt8])]](repeating: [], count: 256)
        for text in texts { entries[Int(text.utf8.first!)].append((text, Array(text.utf8))) }
        self.entries = entries
    }

    func take(_ cursor: inout Cursor, where next: (UInt8?) -> Bool) -> String? {
        guard let first = cursor.current else { return nil }
        for entry in entries[Int(first)] {
            var end = cursor
            if end.take(entry.bytes), next(end.current) {
                cursor = end
                return entry.text
            }
        }
        return nil
    }
}
