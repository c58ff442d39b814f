import Foundation

/// Somebody whose credential was checked: an organization, or one user of it. See ``VoiceAgent/with(_:)``.
///
/// A host that knows its callers by means of its own makes one itself. It is no credential: whoever may make one reaches what it says.
public struct Principal: Codable, Sendable, Equatable {
    /// The organization.
    public var organization: String
    /// The user; `nil`: the whole organization.
    public var user: String?
    /// How the audit log names them, for example `key:ID`.
    public var actor: String?

    public init(organization: String, user: String? = nil, actor: String? = nil) {
        (self.organization, self.user, self.actor) = (organization, user, actor)
    }
}

/// The owner of users, assistants and sessions. Nothing of one is reachable from another. Times are RFC 3339, here and elsewhere.
public struct Organization: Codable, Sendable {
    /// Its id.
    public let id: String
    /// What people call it.
    public let name: String
    /// When it was created.
    public let createdAt: String

    enum CodingKeys: String, CodingKey {
        case id, name
        case createdAt = "created_at"
    }
}

/// A user of an organization.
public struct User: Codable, Sendable {
    /// Their id.
    public let id: String
    /// Their organization.
    public let organization: String
    /// Their e-mail address.
    public let email: String
    /// When they were registered.
    public let createdAt: String

    enum CodingKeys: String, CodingKey {
        case id, organization, email
        case createdAt = "created_at"
    }
}

/// How often a key may be used.
public struct KeyLimit: Codable, Sendable {
    /// How often a minute, in the long run.
    public var perMinute: Int
    /// How often at once.
    public var burst: Int

    public init(perMinute: Int, burst: Int) { (self.perMinute, self.burst) = (perMinute, burst) }

    enum CodingKeys: String, CodingKey {
        case burst
        case perMinute = "per_minute"
    }
}

/// An API key as it is kept: everything but the key.
public struct APIKey: Codable, Sendable {
    /// Its id. Not a secret.
    public let id: String
    /// The organization that it opens.
    public let organization: String
    /// The user for whom it speaks; `nil`: for the whole organization.
    public let user: String?
    /// What people call it.
    public let name: String
    /// The end of the key, to tell it from others.
    public let hint: String
    /// A limit of its own; `nil`: the agent's.
    public let rateLimit: KeyLimit?
    /// When it was made.
    public let createdAt: String
    /// When it ends; `nil`: when it is revoked.
    public let expiresAt: String?
    /// When it was revoked; `nil`: it was not.
    public let revokedAt: String?

    enum CodingKeys: String, CodingKey {
        case id, organization, user, name, hint
        case rateLimit = "rate_limit"
        case createdAt = "created_at"
        case expiresAt = "expires_at"
        case revokedAt = "revoked_at"
    }
}

/// A key that was just made.
public struct NewAPIKey: Codable, Sendable {
    /// What is kept of it.
    public let key: APIKey
    /// `sk_` and 64 hexadecimal digits. Give it to its owner and forget it: only its hash is kept.
    public let secret: String
}

/// A user who was just registered.
public struct Registered: Codable, Sendable {
    /// The user.
    public let user: User
    /// What is kept of their first key.
    public let key: APIKey
    /// The key itself. Give it to them and forget it: only its hash is kept.
    public let secret: String
}

/// Who logged in.
public struct Login: Codable, Sendable {
    /// Who it is, for ``VoiceAgent/with(_:)``.
    public let principal: Principal
    /// The user; `nil` for a key of a whole organization.
    public let user: User?
}

/// How much was erased.
public struct Erased: Codable, Sendable, Equatable {
    /// Sessions.
    public let sessions: Int
    /// Messages in them.
    public let messages: Int
}

/// What cleaning up came to.
public struct CleanedUp: Codable, Sendable, Equatable {
    /// Idle sessions that were marked as expired.
    public let expired: Int
    /// Sessions that were deleted, with everything said in them.
    public let sessions: Int
    /// Messages that were deleted from sessions that stay.
    public let messages: Int
    /// Entries of the audit log that were deleted.
    public let auditEntries: Int

    enum CodingKeys: String, CodingKey {
        case expired, sessions, messages
        case auditEntries = "audit_entries"
    }
}

/// That there is a credential for a provider; never what it is.
public struct Credential: Codable, Sendable {
    /// Which provider's.
    public let provider: String
    /// When it was set.
    public let updatedAt: String

    enum CodingKeys: String, CodingKey {
        case provider
        case updatedAt = "updated_at"
    }
}

/// An assistant that is kept, in one version.
public struct StoredAssistant: Codable, Sendable {
    /// Its id.
    public let id: String
    /// Its organization; `nil` in a host without organizations.
    public let organization: String?
    /// Which version this is, from 1.
    public let version: Int
    /// When it was created.
    public let createdAt: String
    /// When this version was made.
    public let updatedAt: String
    /// Who it is and how it answers: the fields of `assistant` in the config document, and those above.
    public let fields: [String: JSONValue]

    private struct Kept: Codable {
        let id: String
        let organization: String?
        let version: Int
        let created_at: String
        let updated_at: String
    }

    public init(from decoder: any Decoder) throws {
        let kept = try Kept(from: decoder)
        (id, organization, version) = (kept.id, kept.organization, kept.version)
        (createdAt, updatedAt) = (kept.created_at, kept.updated_at)
        fields = try decoder.singleValueContainer().decode([String: JSONValue].self)
    }

    public func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        try value.encode(fields)
    }
}

/// What opens a session of a browser's own with the speech-to-speech model, without the key.
public struct ClientSecret: Codable, Sendable, CustomStringConvertible {
    /// The secret: give it to the browser, and forget it.
    public let value: String
    /// Until when a session may be begun with it; one that runs goes on.
    public let expiresAt: String

    enum CodingKeys: String, CodingKey {
        case value
        case expiresAt = "expires_at"
    }

    /// Without the secret.
    public var description: String { "ClientSecret(expiresAt: \(expiresAt))" }
}

/// The answer to a browser's offer of a WebRTC connection.
public struct CallAnswer: Codable, Sendable {
    /// The session description: give it to the browser.
    public let sdp: String
    /// What the provider calls the call, where it says.
    public let callID: String?

    enum CodingKeys: String, CodingKey {
        case sdp
        case callID = "call_id"
    }
}

/// One change. Names ids only, never people, secrets or words.
public struct AuditEntry: Codable, Sendable {
    /// Its id.
    public let id: String
    /// When.
    public let at: String
    /// Where; `nil`: outside of any.
    public let organization: String?
    /// Who: `host`, `key:ID`, `user:ID` or `organization:ID`.
    public let actor: String
    /// What was done, for example `key.revoke`.
    public let action: String
    /// To what: usually an id.
    public let target: String
    /// Whether the change is known to have been made. `false` while it is being made, and for ever when that was broken off: then
    /// it may have been made or not.
    public let confirmed: Bool
}

/// What opens a conversation.
public struct Greeting: Sendable {
    /// What was said.
    public let text: String
    /// How it sounds; empty when speech failed or the agent answers in writing only.
    public let audio: Pcm
    /// The session.
    public let sessionID: String
    /// The stored message.
    public let messageID: String
}
