import Foundation

/// A document that answers are drawn from, but for its text.
public struct KnowledgeDocument: Codable, Sendable, CustomStringConvertible {
    /// Its id.
    public let id: String
    /// Its organization; `nil` in a host without organizations.
    public let organization: String?
    /// Which version this is, from 1: every change makes the next.
    public let version: Int
    /// Its title, which the model is told with every passage.
    public let title: String
    /// How its text was given: `text`, `markdown` or `html`.
    public let format: String
    /// Where it is from, in the owner's words: an address, the name of a file.
    public let source: String?
    /// Your own data.
    public let metadata: [String: JSONValue]
    /// How many bytes its text has.
    public let bytes: Int
    /// Tells its content from any other: a SHA-256 in hexadecimal.
    public let hash: String
    /// When it was added (RFC 3339).
    public let createdAt: String
    /// When this version was made (RFC 3339).
    public let updatedAt: String

    /// Without what its owner wrote.
    public var description: String { "KnowledgeDocument(id: \(id), version: \(version))" }

    private enum CodingKeys: String, CodingKey {
        case id, organization, version, title, format, source, metadata, bytes, hash
        case createdAt = "created_at"
        case updatedAt = "updated_at"
    }
}

/// A passage of a document that the language model was given to answer from.
public struct Source: Codable, Sendable, CustomStringConvertible {
    /// The document.
    public let documentID: String
    /// The title of the document.
    public let title: String
    /// The headings under which the passage stands, with ` › ` between them; empty: none.
    public let heading: String
    /// Which passage of the document it is, from 0.
    public let passage: Int
    /// What it says. It is not printed.
    public let text: String
    /// How much of what was asked is in it, 0–1.
    public let score: Double

    /// Without what it says.
    public var description: String { "Source(documentID: \(documentID), passage: \(passage), score: \(score))" }

    private enum CodingKeys: String, CodingKey {
        case title, heading, passage, text, score
        case documentID = "document_id"
    }

    /// Those that the native half gave.
    static func all(_ json: String) -> [Source] {
        (try? JSONDecoder().decode([Source].self, from: Data(json.utf8))) ?? []
    }

    /// Those of a reply or of an exchange.
    static func all(in json: String) -> [Source] {
        struct Holder: Decodable { let sources: [Source] }
        return (try? JSONDecoder().decode(Holder.self, from: Data(json.utf8)))?.sources ?? []
    }
}

/// Documents that answers are drawn from: those of no organization, of one (``of(_:)``), or of whom the agent acts for. Assistants name
/// them in `knowledge`, the config in `knowledge.documents`. A change is followed at the next turn.
public struct Knowledge: Sendable {
    let room: Room

    /// The documents of one organization.
    public func of(_ organization: String) -> Knowledge { Knowledge(room: room.with("organization", organization)) }

    /// Adds a document; `format` is `text` (the default), `markdown` or `html`. One with this content that is there already is given back
    /// as it is.
    public func add(
        _ title: String, text: String, format: String? = nil, source: String? = nil, metadata: [String: JSONValue]? = nil
    ) async throws -> KnowledgeDocument {
        try await room.call(
            "add",
            [
                "title": .string(title), "text": .string(text), "format": JSONValue(format), "source": JSONValue(source),
                "metadata": metadata.map(JSONValue.object) ?? .null,
            ])
    }

    /// A document.
    public func get(_ id: String) async throws -> KnowledgeDocument { try await room.call("get", ["id": .string(id)]) }

    /// The text of a document, as it is searched: of a page, the Markdown that was made of it.
    public func text(_ id: String) async throws -> String { try await room.call("text", ["id": .string(id)]) }

    /// Documents, newest first.
    public func list(limit: Int = 20, before: String? = nil) async throws -> Page<KnowledgeDocument> {
        try await room.call("list", ["limit": JSONValue(limit), "before": JSONValue(before)])
    }

    /// Changes what is given; an empty `source` takes it away.
    public func update(
        _ id: String, title: String? = nil, text: String? = nil, format: String? = nil, source: String? = nil,
        metadata: [String: JSONValue]? = nil
    ) async throws -> KnowledgeDocument {
        try await room.call(
            "update",
            [
                "id": .string(id), "title": JSONValue(title), "text": JSONValue(text), "format": JSONValue(format),
                "source": JSONValue(source), "metadata": metadata.map(JSONValue.object) ?? .null,
            ])
    }

    /// Deletes a document. Assistants that name it do without it from their next turn on.
    public func delete(_ id: String) async throws { try await room.run("delete", ["id": .string(id)]) }

    /// The passages of these documents, or of all, that a turn would find, the best first.
    public func search(
        _ text: String, documents: [String]? = nil, topK: Int? = nil, minScore: Double? = nil
    ) async throws -> [Source] {
        try await room.call(
            "search",
            [
                "text": .string(text), "documents": documents.map { .array($0.map(JSONValue.string)) } ?? .null,
                "top_k": topK.map { JSONValue($0) } ?? .null, "min_score": minScore.map(JSONValue.number) ?? .null,
            ])
    }
}
