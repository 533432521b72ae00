// What a llama.cpp server's slots tell about its KV cache, and what they can't tell.

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

/// What is known of the KV cache of a llama.cpp server, from poll to poll.
///
/// The slots either share one cache (the default since late 2025), and the `n_ctx` of each is that of the whole, or each has
/// a part of its own. No answer says which. Without `-np`, there are four slots that share. Whoever gives `-np`, gets parts,
/// unless `--kv-unified` is given, too. So four slots are taken for parts only when they hold more tokens than one `n_ctx`;
/// until then they have no usage, which is better than one that is up to four times too low.
struct LlamaCache {
    private var slotCount: Int?
    private var slotSize: Double?
    /// Whether the slots were seen to hold more than one of them can.
    private var hasParts: Bool
    private let isKnownToHaveParts: Bool
    /// Whether the number of tokens of a busy slot is told.
    private var tellsTokens = true
    /// Whether the slots can be asked.
    private var tellsSlots = true

    private static let defaultSlotCount = 4

    /// - Parameter hasParts: whether the slots are known to have parts of their own.
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

    /// What the slots of a busy server tell.
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
        // One that is unknown makes the sum unknown, and that of idle slots useless: it would be 0 for ever.
        tellsTokens = used.count == slots.count
        guard tellsTokens else { return reading }
        let tokens = used.reduce(0, +)
        if tokens > largest || sizes.contains(where: { $0 < largest }) { hasParts = true }
        set(&reading, tokens: tokens, size: sizes.reduce(0, +))
        return reading
    }

    /// What is known of a server that executes nothing, without asking it.
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
