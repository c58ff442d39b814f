import Foundation

/// One conversation.
public struct Session: Codable, Sendable {
    /// Its id.
    public let id: String
    /// Whose it is.
    public let user: String?
    /// Its organization; `nil` in a host without organizations.
    public let organization: String?
    /// The assistant that talks in it, in the version with which it began; `nil`: the agent's own.
    public let assistant: AssistantVersion?
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
        case id, user, organization, assistant, status, metadata
        case createdAt = "created_at"
        case lastActivityAt = "last_activity_at"
        case endedAt = "ended_at"
    }
}

/// An assistant as it was at some time.
public struct AssistantVersion: Codable, Sendable, Equatable {
    /// The assistant.
    public let id: String
    /// Which version of it, from 1.
    public let version: Int
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
    /// The call that a message of role `tool` keeps; `nil`: it is of another role.
    public var toolCall: ToolCallRecord? { role == "tool" ? ToolCallRecord(content: content) : nil }
    /// Where its sound is kept, if it is.
    public let audioRef: String?
    /// The language of the words (BCP 47), when it is known. An interpreter's are always: who spoke is told by it.
    public let language: String?
    /// When it was said (RFC 3339).
    public let createdAt: String

    enum CodingKeys: String, CodingKey {
        case id, role, content, language
        case audioRef = "audio_ref"
        case sessionId = "session_id"
        case turnId = "turn_id"
        case createdAt = "created_at"
    }
}

/// Something that was said and has to be acted on: see `actions` in the config.
public struct Action: Codable, Sendable {
    /// Its id; later ones have later ids.
    public let id: String
    /// The session in which it was said.
    public let sessionId: String
    /// The turn in which it was said.
    public let turnId: String
    /// The message that says it.
    public let messageId: String
    /// What it is, as the config names it: `refill`, `follow_up_visit`, …
    public let type: String
    /// What is known of it, as the type's schema says.
    public let details: [String: JSONValue]
    /// How sure the language model was, 0–1.
    public let confidence: Double
    /// When it was found (RFC 3339).
    public let createdAt: String

    enum CodingKeys: String, CodingKey {
        case id, type, details, confidence
        case sessionId = "session_id"
        case turnId = "turn_id"
        case messageId = "message_id"
        case createdAt = "created_at"
    }

    /// One that the native half gave.
    init?(json: String) {
        guard let action = try? JSONDecoder().decode(Action.self, from: Data(json.utf8)) else { return nil }
        self = action
    }
}

/// What a conversation came to.
public struct ConversationSummary: Codable, Sendable {
    /// The session.
    public let sessionId: String
    /// A few sentences.
    public let text: String
    /// What matters, a line each.
    public let points: [String]
    /// What has to be acted on, in the order in which it was found.
    public let actions: [Action]
    /// The last message that it takes account of.
    public let until: String
    /// When it was written (RFC 3339).
    public let createdAt: String

    enum CodingKeys: String, CodingKey {
        case text, points, actions, until
        case sessionId = "session_id"
        case createdAt = "created_at"
    }
}

/// The sessions of an agent, their history and their sound.
///
/// With ``forUser(_:)``, or with a `user`, only that user's sessions are within reach; with ``of(_:)``, only those of one organization.
public struct Sessions: Sendable {
    let room: Room

    /// The sessions of one user.
    public func forUser(_ user: String) -> Sessions { Sessions(room: room.with("user", user)) }

    /// The sessions of one organization.
    public func of(_ organization: String) -> Sessions { Sessions(room: room.with("organization", organization)) }

    /// Starts a session before its first turn, with the assistant of this id in its current version.
    public func create(
        user: String? = nil, metadata: [String: JSONValue] = [:], assistant: String? = nil
    ) async throws -> Session {
        try await room.call(
            "create", ["user": JSONValue(user), "metadata": .object(metadata), "assistant": JSONValue(assistant)])
    }

    /// A session. Throws ``VoiceError`` of code `sessionNotFound`.
    public func get(_ id: String, user: String? = nil) async throws -> Session {
        try await room.call("get", ["id": .string(id), "user": JSONValue(user)])
    }

    /// Sessions, newest first: 1–100 of them, of one `status`, of one `assistant`, older than the session `before`.
    public func list(
        user: String? = nil, status: String? = nil, limit: Int = 20, before: String? = nil, assistant: String? = nil
    ) async throws -> Page<Session> {
        try await room.call(
            "list",
            [
                "user": JSONValue(user), "status": JSONValue(status), "limit": JSONValue(limit), "before": JSONValue(before),
                "assistant": JSONValue(assistant),
            ])
    }

    /// A session's latest messages (1–100, older than the message `before`), in the order they were said.
    public func history(
        _ id: String, user: String? = nil, limit: Int = 20, before: String? = nil
    ) async throws -> Page<Message> {
        try await room.call(
            "history",
            ["id": .string(id), "user": JSONValue(user), "limit": JSONValue(limit), "before": JSONValue(before)])
    }

    /// Messages with all the words of a text, newest first, in every session within reach or in one.
    public func search(
        _ text: String, session: String? = nil, limit: Int = 20, before: String? = nil
    ) async throws -> Page<Message> {
        try await room.call(
            "search",
            ["text": .string(text), "session": JSONValue(session), "limit": JSONValue(limit), "before": JSONValue(before)])
    }

    /// A whole conversation, written out: `json`, `text`, or captions as `vtt` or `srt`.
    public func export(_ id: String, format: String = "json") async throws -> String {
        try await room.call("export", ["id": .string(id), "format": .string(format)])
    }

    /// Speaks and stores the first message of a session's assistant. `nil`: it has none, or the conversation has gone on.
    public func greet(_ id: String) async throws -> Greeting? {
        struct Fields: Decodable {
            let text, session_id, message_id: String
            let sample_rate: Int
        }
        let answer = try await room.answer("greet", ["id": .string(id)])
        guard let fields = try JSONDecoder().decode(Fields?.self, from: Data(answer.json.utf8)) else { return nil }
        let audio = Pcm(samples: [Int16](littleEndian: answer.sound ?? Data()), sampleRate: fields.sample_rate)
        return Greeting(text: fields.text, audio: audio, sessionID: fields.session_id, messageID: fields.message_id)
    }

    /// What was found in a session that has to be acted on, newest first: see `actions` in the config.
    public func actions(
        _ id: String, type: String? = nil, limit: Int = 20, before: String? = nil
    ) async throws -> Page<Action> {
        try await room.call(
            "actions",
            ["id": .string(id), "type": JSONValue(type), "limit": JSONValue(limit), "before": JSONValue(before)])
    }

    /// What a conversation came to, in the words of the language model, with everything that has to be acted on. It is kept, and written
    /// anew only when more was said since. `nil`: nobody has said anything.
    public func summary(_ id: String) async throws -> ConversationSummary? {
        try await room.call("summary", ["id": .string(id)])
    }

    /// The sound of a message as it is kept: a file. `nil`: none was kept, or it was deleted.
    public func recording(of message: Message) async throws -> Data? {
        try await room.answer("recording", ["id": .string(message.sessionId), "message": JSONValue(encoding: message)]).sound
    }

    /// An address at which anybody who has it can hear a message for that long (a week at most). `nil`: none was kept, or the store
    /// gives no addresses.
    public func recordingURL(of message: Message, valid: Duration) async throws -> String? {
        try await room.call(
            "recording_url",
            ["id": .string(message.sessionId), "message": JSONValue(encoding: message), "valid_seconds": JSONValue(valid)])
    }

    /// Replaces a session's metadata.
    public func setMetadata(_ id: String, to metadata: [String: JSONValue], user: String? = nil) async throws {
        try await room.run("set_metadata", ["id": .string(id), "user": JSONValue(user), "metadata": .object(metadata)])
    }

    /// Ends a session: it takes no more turns.
    public func end(_ id: String, user: String? = nil) async throws {
        try await room.run("end", ["id": .string(id), "user": JSONValue(user)])
    }

    /// Deletes a session with its messages.
    public func delete(_ id: String, user: String? = nil) async throws {
        try await room.run("delete", ["id": .string(id), "user": JSONValue(user)])
    }

    /// Deletes every session of this view's user with everything said in them; says how much.
    public func eraseUser() async throws -> Erased { try await room.call("erase_user") }

    /// Marks sessions as expired that were idle for too long; says how many.
    public func expireIdle() async throws -> Int { try await room.call("expire_idle") }

    /// Deletes sessions that have been over for longer than `age`, with their messages; says how many.
    public func deleteOver(_ age: Duration) async throws -> Int {
        try await room.call("delete_over", ["age_seconds": JSONValue(age)])
    }

    /// Deletes messages that are older than `age`, whatever becomes of their sessions; says how many.
    public func deleteMessages(olderThan age: Duration) async throws -> Int {
        try await room.call("delete_messages_older_than", ["age_seconds": JSONValue(age)])
    }

    /// Expires idle sessions and deletes what `retention` in the config says is too old.
    public func cleanUp() async throws -> CleanedUp { try await room.call("clean_up") }
}
