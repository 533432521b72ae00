// The KV cache of a llama.cpp server, as far as its slots show it.

import GenAISupport

/// The answer of `/props`, as far as it is read.
struct LlamaProps: Decodable {
    var totalSlots: Lenient<Double>?
    /// False with `--no-slots`.
    var endpointSlots: Lenient<Bool>?
    var defaultGenerationSettings: Lenient<Settings>?

    struct Settings: Decodable { var nCtx: Lenient<Double>? }
}

/// One slot of `/slots`, as far as it is read.
struct LlamaSlot: Decodable {
    var nCtx: Lenient<Double>?
    var isProcessing: Lenient<Bool>?
    var nPromptTokens: Lenient<Double>?

    private enum CodingKeys: String, CodingKey {
        case nCtx = "n_ctx"
        case isProcessing = "is_processing"
        case nPromptTokens = "n_prompt_tokens"
    }

    /// Tokens of the prompt and the answer so far. An idle slot has none, even if it does not say so. For a busy slot
    /// without the field (llama.cpp until mid-2026) the number is unknown.
    var usedTokens: Double? { isProcessing?.value == false ? 0 : nPromptTokens?.value.map { max($0, 0) } }

    var contextSize: Double? { (nCtx?.value).flatMap { $0 > 0 ? $0 : nil } }
}

/// The state of a llama.cpp server's KV cache, from poll to poll.
///
/// Either the slots share one cache (the default since late 2025), and the `n_ctx` of each is the size of the whole. Or each
/// slot has a part of its own, and `n_ctx` is the size of the part. No answer says which. Without `-np`, there are four slots
/// that share. With `-np`, there are parts, unless `--kv-unified` is given too.
///
/// So four slots count as parts only after they have held more tokens than one `n_ctx`. Until then no usage is reported: that
/// is better than a usage that is up to four times too low.
struct LlamaCache {
    private var slotCount: Int?
    private var slotSize: Double?
    /// Whether the slots are known to have parts of their own.
    private var hasParts: Bool
    private let isKnownToHaveParts: Bool
    /// Whether busy slots report their number of tokens.
    private var tellsTokens = true
    /// Whether the server answers for its slots.
    private var tellsSlots = true

    private static let defaultSlotCount = 4

    /// - Parameter hasParts: whether that is known from the start.
    init(hasParts: Bool = false) {
        self.hasParts = hasParts
        isKnownToHaveParts = hasParts
    }

    mutating func learn(_ props: LlamaProps) -> ModelReading {
        let count = (props.totalSlots?.value).map { Int(countNearest: $0) }
        let size = props.defaultGenerationSettings?.value?.nCtx?.value.flatMap { $0 > 0 ? $0 : nil }
        forgetIfOther(count, size)
        slotCount = count ?? slotCount
        slotSize = size ?? slotSize
        tellsSlots = props.endpointSlots?.value ?? tellsSlots
        return ModelReading(model: nil, requestsMax: count)
    }

    /// The reading of a busy server's slots.
    mutating func reading(of slots: [LlamaSlot]) -> ModelReading {
        var reading = ModelReading(model: nil, requestsMax: slots.isEmpty ? nil : slots.count)
        if !slots.isEmpty, slots.allSatisfy({ $0.isProcessing?.value != nil }) {
            reading.requestsRunning = slots.count { $0.isProcessing?.value == true }
        }
        let sizes = slots.compactMap(\.contextSize)
        guard let largest = sizes.max(), sizes.count == slots.count else { return reading }
        forgetIfOther(slots.count, largest)
        tellsSlots = true
        slotCount = slots.count
        slotSize = largest
        let used = slots.compactMap(\.usedTokens)
        // One unknown slot makes the sum unknown. Then an idle server reports no usage either: it would be 0 for ever.
        tellsTokens = used.count == slots.count
        guard tellsTokens else { return reading }
        let tokens = used.reduce(0, +)
        if tokens > largest || sizes.contains(where: { $0 < largest }) { hasParts = true }
        set(&reading, tokens: tokens, size: sizes.reduce(0, +))
        return reading
    }

    /// The reading of a server that executes nothing, without asking it.
    var idle: ModelReading {
        var reading = ModelReading(model: nil, requestsMax: slotCount)
        guard tellsSlots, tellsTokens, let slotCount, let slotSize else { return reading }
        set(&reading, tokens: 0, size: Double(slotCount) * slotSize)
        return reading
    }

    /// To be called when the slots could not be read.
    mutating func slotsAreRefused() { tellsSlots = false }

    private func set(_ reading: inout ModelReading, tokens: Double, size: Double) {
        guard hasParts || slotCount != Self.defaultSlotCount, size > 0, size.isFinite else { return }
        reading.kvCacheUsage = (tokens / size * 100).asPercentage
        reading.kvCacheTokens = Int(countNearest: tokens)
        reading.kvCacheSize = Int(countNearest: size)
    }

    /// Another server may have started at the address.
    private mutating func forgetIfOther(_ count: Int?, _ size: Double?) {
        if let count, let slotCount, count != slotCount { self = LlamaCache(hasParts: isKnownToHaveParts) }
        if let size, let slotSize, size != slotSize { self = LlamaCache(hasParts: isKnownToHaveParts) }
    }
}
