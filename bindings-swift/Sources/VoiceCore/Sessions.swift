import Foundation
import VoiceCoreNative

/// A JSON value of the host's own, kept with a session.
public indirect enum JSONValue: Codable, Sendable, Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    public init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let string = try? value.decode(String.self) {
            self = .string(string)
        } else if let array = try? value.decode([JSONValue].self) {
            self = .array(array)
        } else {
            self = .object(try value.decode([String: JSONValue].self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        switch self {
        case .null: try value.encodeNil()
        case .bool(let bool): try value.encode(bool)
        case .number(let number): try value.encode(number)
        case .string(let string): try value.encode(string)
        case .array(let array): try value.encode(array)
        case .object(let object): try value.encode(object)
        }
    }
}

/// One conversation.
public struct Session: Codable, Sendable {
    /// Its id.
    public let id: String
    /// Whose it is.
    public let user: String?
    /// `active`, `ended` or `expired`.
    public let status: String
    /// Your own data.
    public let metadata: [String: JSONValue]
    /// When it was started (RFC 3339).
    public let createdAt: String
    /// When it last took a turn (RFC 3339).
    public let lastActivityAt: String
    /// When it ended or expired (RFC 3339).
    public let endedAt: String?

    enum CodingKeys: String, CodingKey {
        case id, user, status, metadata
        case createdAt = "created_at"
        case lastActivityAt = "last_activity_at"
        case endedAt = "ended_at"
    }
}

/// One stored message.
public struct Message: Codable, Sendable {
    /// Its id.
    public let id: String
    /// The session it belongs to.
    public let sessionId: String
    /// The turn in which it was said.
    public let turnId: String
    /// `user`, `assistant`, `system` or `tool`.
    public let role: String
    /// What was said.
    public let content: String
    /// When it was said (RFC 3339).
    public let createdAt: String

    enum CodingKeys: String, CodingKey {
        case id, role, content
        case sessionId = "session_id"
        case turnId = "turn_id"
        case createdAt = "created_at"
    }
}

/// Part of a longer list.
public struct Page<Item: Codable & Sendable>: Codable, Sendable {
    /// The items.
    public let items: [Item]
    /// Whether there are more beyond this page.
    public let hasMore: Bool

    enum CodingKeys: String, CodingKey {
        case items
        case hasMore = "has_more"
    }
}

/// The sessions of an agent and their history. With a `user`, only that user's sessions are within reach.
public struct Sessions: Sendable {
    private let native: Agent

    init(_ native: Agent) { self.native = native }

    /// Starts a session before its first turn.
    public func create(user: String? = nil, metadata: [String: JSONValue] = [:]) async throws -> Session {
        try await call("create", ["user": text(user), "metadata": .object(metadata)])
    }

    /// A session. Throws ``VoiceError`` of code `sessionNotFound`.
    public func get(_ id: String, user: String? = nil) async throws -> Session {
        try await call("get", ["id": .string(id), "user": text(user)])
    }

    /// Sessions, newest first: 1–100 of them, older than the session `before`.
    public func list(
        user: String? = nil, status: String? = nil, limit: Int = 20, before: String? = nil
    ) async throws -> Page<Session> {
        try await call(
            "list",
            ["user": text(user), "status": text(status), "limit": .number(Double(limit)), "before": text(before)])
    }

    /// A session's latest messages (1–100, older than the message `before`), in the order they were said.
    public func history(
        _ id: String, user: String? = nil, limit: Int = 20, before: String? = nil
    ) async throws -> Page<Message> {
        try await call(
            "history",
            ["id": .string(id), "user": text(user), "limit": .number(Double(limit)), "before": text(before)])
    }

    /// Replaces a session's metadata.
    public func setMetadata(_ id: String, to metadata: [String: JSONValue], user: String? = nil) async throws {
        let _: JSONValue = try await call(
            "set_metadata", ["id": .string(id), "user": text(user), "metadata": .object(metadata)])
    }

    /// Ends a session: it takes no more turns.
    public func end(_ id: String, user: String? = nil) async throws {
        let _: JSONValue = try await call("end", ["id": .string(id), "user": text(user)])
    }

    /// Deletes a session with its messages.
    public func delete(_ id: String, user: String? = nil) async throws {
        let _: JSONValue = try await call("delete", ["id": .string(id), "user": text(user)])
    }

    /// Marks sessions as expired that were idle for too long; says how many.
    public func expireIdle() async throws -> Int { try await call("expire_idle", [:]) }

    /// Deletes sessions that have been over for longer than `age`, with their messages; says how many.
    public func deleteOver(_ age: Duration) async throws -> Int {
        try await call("delete_over", ["age_seconds": .number(Double(age.milliseconds) / 1000)])
    }

    private func text(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }

    private func call<T: Decodable>(_ method: String, _ arguments: [String: JSONValue]) async throws -> T {
        let arguments = String(decoding: try JSONEncoder().encode(arguments), as: UTF8.self)
        let answer = try await awaited { try await native.sessions(method: method, argumentsJson: arguments) }
        return try JSONDecoder().decode(T.self, from: Data(answer.utf8))
    }
}
