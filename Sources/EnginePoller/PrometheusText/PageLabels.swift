// What the labels of a page's samples mean: which model and replica a sample belongs to.

/// The meaning of a label.
enum LabelRole {
    /// The bound of a histogram's bucket.
    case bound
    /// The model.
    case model
    /// One of several views of the same replica, such as the ranks that compute one model together. The largest value counts.
    case view
    /// A part of a count, or a value that a figure is computed from.
    case part
    /// Anything else: a replica of the model.
    case replica

    init(_ name: LineCursor.Bytes) {
        // By length first, so that most names need no comparison.
        self =
            switch name.count {
            case 2 where name.elementsEqual("le".utf8): .bound
            case 5 where name.elementsEqual("model".utf8), 10 where name.elementsEqual("model_name".utf8): .model
            default:
                if Self.views.contains(where: { $0.count == name.count && name.elementsEqual($0) }) {
                    .view
                } else {
                    Self.parts.contains { $0.count == name.count && name.elementsEqual($0) } ? .part : .replica
                }
            }
    }

    private static let views = bytes("tp_rank", "pp_rank", "moe_ep_rank", "priority", "pid")
    private static let parts = bytes(
        "is_streaming",
        "cache_source",
        "finished_reason",
        "finish_reason",
        "err",
        "method",
        "kv_cache_block_type",
        "request_type",
        "num_gpu_blocks",
        "block_size",
        "kv_cache_size_tokens"
    )

    private static func bytes(_ names: String...) -> [[UInt8]] { names.map { Array($0.utf8) } }
}

/// A replica of a model. Samples of one replica are added up.
struct Replica: Hashable, Sendable {
    /// Nil if the page does not name the model.
    var model: String?
    /// All labels that tell replicas apart, as `name=value`, in the order of their names, with commas between them. One text
    /// instead of a dictionary, because the longest lines, about the configuration, have two dozen of them.
    var name: String
}

/// The distinct sets of labels on a page, without bounds and views.
///
/// Most lines have the same labels as the line before, except for the bound. They are compared as bytes; only new ones are
/// decoded.
struct PageLabels {
    /// The labels of a sample.
    struct Set {
        /// Its position in ``PageLabels/replicas``.
        var replica: Int
        /// The values of the labels that are parts, by their names.
        var parts: [String: String]
    }

    fileprivate typealias Label = (role: LabelRole, name: LineCursor.Bytes, value: LineCursor.Bytes)

    /// The bytes of a line's labels before and after the value of its bound.
    private struct Form {
        var head: LineCursor.Bytes
        /// Nil without a bound; then `head` is all of the labels.
        var tail: LineCursor.Bytes?
        var set: Int
    }

    private(set) var sets: [Set] = []
    private(set) var replicas: [Replica] = []
    private var setPositions: [ByteKey: Int] = [:]
    private var replicaPositions: [Replica: Int] = [:]
    /// The positions of replicas by the bytes of their labels.
    private var replicaKeys: [ByteKey: Int] = [:]
    /// The forms of the last lines. Several are kept, because the lines of a few replicas, with and without a bound, alternate.
    private var forms: [Form] = []
    private var lastForm = 0
    private static let formLimit = 8
    /// Reused from line to line.
    private var labels: [Label] = []
    private var key = ByteKey()

    init() {
        // As many as vLLM's page has, so that these arrays need not grow.
        setPositions.reserveCapacity(24)
        sets.reserveCapacity(24)
    }

    /// Skips `{name="value",...}` or nothing.
    ///
    /// - Returns: the position of the labels' set, and the bound, NaN for one that is no number; nil if they are malformed.
    mutating func take(_ cursor: inout LineCursor) -> (set: Int, bound: Double?)? {
        cursor.skipBlanks()
        return takeKnown(&cursor) ?? takeNew(&cursor)
    }

    /// Forgets the bytes of the last lines, which end with the page.
    mutating func forgetBytes() {
        forms = []
        labels = []
    }

    private mutating func takeKnown(_ cursor: inout LineCursor) -> (set: Int, bound: Double?)? {
        guard !forms.isEmpty else { return nil }
        if let result = take(forms[lastForm], &cursor) { return result }
        for position in forms.indices where position != lastForm {
            guard let result = take(forms[position], &cursor) else { continue }
            lastForm = position
            return result
        }
        return nil
    }

    private func take(_ form: Form, _ cursor: inout LineCursor) -> (set: Int, bound: Double?)? {
        var end = cursor
        guard end.take(form.head) else { return nil }
        guard let tail = form.tail else {
            cursor = end
            return (form.set, nil)
        }
        let start = end.position
        end.advance { $0 == .quote || $0 == .backslash }
        let bound = end.bytes(from: start)
        guard end.take(tail) else { return nil }
        cursor = end
        return (form.set, Self.bound(bound))
    }

    private mutating func remember(_ form: Form) {
        if forms.count < Self.formLimit {
            lastForm = forms.count
            forms.append(form)
        } else {
            lastForm = (lastForm + 1) % Self.formLimit
            forms[lastForm] = form
        }
    }

    private mutating func takeNew(_ cursor: inout LineCursor) -> (set: Int, bound: Double?)? {
        labels.removeAll(keepingCapacity: true)
        let start = cursor.position
        var bound: LineCursor.Bytes?
        guard cursor.take(.leftBrace) else { return (set(), nil) }
        while true {
            cursor.skipBlanks()
            if cursor.take(.rightBrace) { break }
            guard let label = takeLabel(&cursor) else { return nil }
            switch label.role {
            case .bound: bound = label.value
            case .view: break
            case .model, .part, .replica: labels.append(label)
            }
            cursor.skipBlanks()
            guard cursor.take(.comma) || cursor.current == .rightBrace else { return nil }
        }
        let all = cursor.bytes(from: start)
        let position = set()
        remember(
            Form(
                head: bound.map { all.base[start..<$0.startIndex] } ?? all,
                tail: bound.map { all.base[$0.endIndex..<cursor.position] },
                set: position
            )
        )
        return (position, bound.map(Self.bound))
    }

    private func takeLabel(_ cursor: inout LineCursor) -> Label? {
        let start = cursor.position
        cursor.advance { $0 == .equals || $0 == .space || $0 == .tab || $0 == .quote }
        let name = cursor.bytes(from: start)
        guard !name.isEmpty else { return nil }
        cursor.skipBlanks()
        guard cursor.take(.equals) else { return nil }
        cursor.skipBlanks()
        return cursor.takeQuoted().map { (LabelRole(name), name, $0) }
    }

    /// The position of the set of the current ``labels``.
    private mutating func set() -> Int {
        // On most pages the labels are in the order of their names.
        let isSorted = zip(labels, labels.dropFirst()).allSatisfy { !$1.name.lexicographicallyPrecedes($0.name) }
        if !isSorted { labels.sort { $0.name.lexicographicallyPrecedes($1.name) } }
        key.bytes.removeAll(keepingCapacity: true)
        for label in labels { key.append(label) }
        if let position = setPositions[key] { return position }
        sets.append(newSet())
        setPositions[key] = sets.count - 1
        return sets.count - 1
    }

    private mutating func newSet() -> Set {
        var parts: [String: String] = [:]
        var replicaKey = ByteKey()
        for label in labels {
            if label.role == .part {
                parts[String(decoding: label.name, as: UTF8.self)] = Self.unescaped(label.value)
            } else {
                replicaKey.append(label)
            }
        }
        if let position = replicaKeys[replicaKey] { return Set(replica: position, parts: parts) }
        let position = replica()
        replicaKeys[replicaKey] = position
        return Set(replica: position, parts: parts)
    }

    /// The position of the replica of the current ``labels``.
    private mutating func replica() -> Int {
        var model: String?
        var name: [UInt8] = []
        for label in labels {
            switch label.role {
            case .model:
                // TensorRT-LLM writes `undefined` for a name that it does not know. `model_name` comes last, and wins.
                let value = Self.unescaped(label.value)
                if !value.isEmpty, value != "undefined" { model = value }
            case .replica:
                if !name.isEmpty { name.append(.comma) }
                name += label.name
                name.append(.equals)
                Self.appendUnescaped(label.value, to: &name)
            case .bound, .view, .part: break
            }
        }
        let replica = Replica(model: model, name: String(decoding: name, as: UTF8.self))
        if let position = replicaPositions[replica] { return position }
        replicas.append(replica)
        replicaPositions[replica] = replicas.count - 1
        return replicas.count - 1
    }

    private static func bound(_ bytes: LineCursor.Bytes) -> Double { PrometheusNumber.read(bytes) ?? .nan }

    private static func unescaped(_ bytes: LineCursor.Bytes) -> String {
        guard bytes.contains(.backslash) else { return String(decoding: bytes, as: UTF8.self) }
        var result: [UInt8] = []
        appendUnescaped(bytes, to: &result)
        return String(decoding: result, as: UTF8.self)
    }

    /// The format has `\\`, `\"` and `\n`; before any other byte, a backslash is a backslash.
    private static func appendUnescaped(_ bytes: LineCursor.Bytes, to result: inout [UInt8]) {
        guard bytes.contains(.backslash) else {
            result += bytes
            return
        }
        var isEscaped = false
        for byte in bytes {
            switch (isEscaped, byte) {
            case (false, .backslash):
                isEscaped = true
                continue
            case (true, UInt8(ascii: "n")): result.append(.lineFeed)
            case (true, .quote), (true, .backslash), (false, _): result.append(byte)
            case (true, _): result += [.backslash, byte]
            }
            isEscaped = false
        }
    }
}

extension ByteKey {
    fileprivate mutating func append(_ label: PageLabels.Label) {
        bytes += label.name
        bytes.append(.equals)
        bytes += label.value
        // A separator: an unescaped quote ends a value, so none contains it.
        bytes.append(.quote)
    }
}
