// One message of a conversation.

/// A message, whose content may be a text, a list of text parts or, for an assistant's, nothing.
struct ChatMessage: Decodable {
    enum Role: String, Decodable, CaseIterable {
        case system, developer, user, assistant, tool
    }

    private struct Part: Decodable {
        var type: String
        var text: String?
    }

    var role: Role
    var text: String

    private enum CodingKeys: String, CodingKey {
        case role, content
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let name = try container.decode(String.self, forKey: .role)
        guard let role = Role(rawValue: name) else {
            let known = Role.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
            throw DecodingError.dataCorruptedError(
                forKey: .role,
                in: container,
                debugDescription: "Unknown role '\(name)': must be one of \(known)."
            )
        }
        self.role = role
        text = try Self.text(in: container, role: role)
    }

    private static func text(in container: KeyedDecodingContainer<CodingKeys>, role: Role) throws -> String {
        if let text = try? container.decode(String.self, forKey: .content) { return text }
        if role == .assistant, (try? container.decodeNil(forKey: .content)) ?? true { return "" }
        let parts = try container.decode([Part].self, forKey: .content)
        return try parts.map { part in
            guard part.type == "text", let text = part.text else {
                throw DecodingError.dataCorruptedError(
                    forKey: .content,
                    in: container,
                    debugDescription: "Only parts of type 'text' are supported."
                )
            }
            return text
        }.joined(separator: "\n")
    }
}
