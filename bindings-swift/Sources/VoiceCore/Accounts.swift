import Foundation

/// Organizations, users and their API keys.
///
/// What concerns one organization needs ``of(_:)``, except on an agent that acts for somebody (``VoiceAgent/with(_:)``). What belongs to
/// another organization is answered exactly like what does not exist.
public struct Accounts: Sendable {
    let room: Room

    /// The users, keys and credentials of one organization.
    public func of(_ organization: String) -> Accounts { Accounts(room: room.with("organization", organization)) }

    /// Creates an organization.
    public func createOrganization(name: String) async throws -> Organization {
        try await room.call("create_organization", ["name": .string(name)])
    }

    /// An organization.
    public func organization(_ id: String) async throws -> Organization {
        try await room.call("organization", ["id": .string(id)])
    }

    /// Organizations, newest first: 1–100 of them, older than the one with the id `before`.
    public func organizations(limit: Int = 20, before: String? = nil) async throws -> Page<Organization> {
        try await room.call("organizations", ["limit": JSONValue(limit), "before": JSONValue(before)])
    }

    /// Deletes an organization with all that belongs to it; says how much was said.
    public func deleteOrganization(_ id: String) async throws -> Erased {
        try await room.call("delete_organization", ["id": .string(id)])
    }

    /// Whose key this is: ``VoiceError`` of code `invalidApiKey` for anything but a valid one. Counts against its rate limit.
    public func authenticate(key: String) async throws -> Principal {
        try await room.call("authenticate", ["key": .string(key)])
    }

    /// Whose key this is, and the user with it.
    public func logIn(key: String) async throws -> Login { try await room.call("log_in", ["key": .string(key)]) }

    /// Counts one more call of somebody who was authenticated before, as on a connection that stays open.
    public func admit(_ principal: Principal) async throws {
        try await room.run("admit", ["principal": JSONValue(encoding: principal)])
    }

    /// An access token (JWT) for somebody, valid for a time.
    ///
    /// - Parameter keys: `{"keys": [{"id": …, "hs256": SECRET}], "issuer": …, "audience": …, "leeway_seconds": …}`; in place of `hs256` also
    ///   `ed25519` with a private key, and `ed25519_public` with a public one, as PEM. The first signs, all verify.
    public func issueToken(keys: JSONValue, for principal: Principal, valid: Duration) async throws -> String {
        try await room.call(
            "issue_token",
            ["keys": keys, "principal": JSONValue(encoding: principal), "valid_seconds": JSONValue(valid)])
    }

    /// Whose access token this is: ``VoiceError`` of code `unauthorized` for anything but a valid one.
    public func authenticate(token: String, keys: JSONValue) async throws -> Principal {
        try await room.call("authenticate_token", ["keys": keys, "token": .string(token)])
    }

    /// Registers a user by e-mail address, with a first key that is shown this once.
    public func register(email: String) async throws -> Registered {
        try await room.call("register", ["email": .string(email)])
    }

    /// A user.
    public func user(_ id: String) async throws -> User { try await room.call("user", ["id": .string(id)]) }

    /// The user with an e-mail address.
    public func user(email: String) async throws -> User {
        try await room.call("user_by_email", ["email": .string(email)])
    }

    /// Users, newest first.
    public func users(limit: Int = 20, before: String? = nil) async throws -> Page<User> {
        try await room.call("users", ["limit": JSONValue(limit), "before": JSONValue(before)])
    }

    /// Deletes a user with their keys and everything they said; says how much that was.
    public func deleteUser(_ id: String) async throws -> Erased { try await room.call("delete_user", ["id": .string(id)]) }

    /// Makes a key, of the organization or of one of its users. Its secret is shown this once.
    public func createKey(
        user: String? = nil, name: String = "", rateLimit: KeyLimit? = nil, valid: Duration? = nil
    ) async throws -> NewAPIKey {
        try await room.call(
            "create_key",
            [
                "user": JSONValue(user), "name": .string(name), "valid_seconds": JSONValue(valid),
                "rate_limit": rateLimit.map { try JSONValue(encoding: $0) } ?? .null,
            ])
    }

    /// Keys, newest first, revoked and expired ones too; never a secret.
    public func keys(user: String? = nil, limit: Int = 20, before: String? = nil) async throws -> Page<APIKey> {
        try await room.call("keys", ["user": JSONValue(user), "limit": JSONValue(limit), "before": JSONValue(before)])
    }

    /// Makes a key in place of another, which is revoked in the same moment.
    public func rotateKey(_ id: String) async throws -> NewAPIKey { try await room.call("rotate_key", ["id": .string(id)]) }

    /// Revokes a key: from now on it opens nothing.
    public func revokeKey(_ id: String) async throws { try await room.run("revoke_key", ["id": .string(id)]) }

    /// Keeps the organization's own credential for a provider, encrypted (`accounts.credentials_key` in the config). It is never given
    /// back.
    public func setCredential(provider: String, secret: String) async throws {
        try await room.run("set_credential", ["provider": .string(provider), "secret": .string(secret)])
    }

    /// For which providers there are credentials.
    public func credentials() async throws -> [Credential] { try await room.call("credentials") }

    /// Deletes the credential for a provider: the agent's own is used again.
    public func deleteCredential(provider: String) async throws {
        try await room.run("delete_credential", ["provider": .string(provider)])
    }
}

/// Assistants that are kept, each in all its versions: those of no organization, of one (``of(_:)``), or of whom the agent acts for. A
/// session keeps the version with which it began.
public struct Assistants: Sendable {
    let room: Room

    /// The assistants of one organization.
    public func of(_ organization: String) -> Assistants { Assistants(room: room.with("organization", organization)) }

    /// Keeps an assistant, in version 1: the fields of `assistant` in the config document.
    public func create(_ assistant: [String: JSONValue]) async throws -> StoredAssistant {
        try await room.call("create", ["assistant": .object(assistant)])
    }

    /// An assistant in its current version.
    public func get(_ id: String) async throws -> StoredAssistant { try await room.call("get", ["id": .string(id)]) }

    /// An assistant in one of its versions, also after it was deleted.
    public func version(_ version: Int, of id: String) async throws -> StoredAssistant {
        try await room.call("version", ["id": .string(id), "version": JSONValue(version)])
    }

    /// Assistants in their current version, newest first.
    public func list(limit: Int = 20, before: String? = nil) async throws -> Page<StoredAssistant> {
        try await room.call("list", ["limit": JSONValue(limit), "before": JSONValue(before)])
    }

    /// Replaces an assistant by the next version of it.
    public func update(_ id: String, to assistant: [String: JSONValue]) async throws -> StoredAssistant {
        try await room.call("update", ["id": .string(id), "assistant": .object(assistant)])
    }

    /// Changes the fields that are named, in a next version. `null` brings back a default.
    public func patch(_ id: String, fields: [String: JSONValue]) async throws -> StoredAssistant {
        try await room.call("patch", ["id": .string(id), "fields": .object(fields)])
    }

    /// Deletes an assistant: nobody can start with it any more.
    public func delete(_ id: String) async throws { try await room.run("delete", ["id": .string(id)]) }
}

/// The audit log: who changed what, and when.
public struct Audit: Sendable {
    let room: Room

    /// Entries, newest first, of one organization, actor, action or target.
    public func entries(
        organization: String? = nil, actor: String? = nil, action: String? = nil, target: String? = nil, limit: Int = 20,
        before: String? = nil
    ) async throws -> Page<AuditEntry> {
        try await room.call(
            "entries",
            [
                "organization": JSONValue(organization), "actor": JSONValue(actor), "action": JSONValue(action),
                "target": JSONValue(target), "limit": JSONValue(limit), "before": JSONValue(before),
            ])
    }

    /// Deletes entries older than `age`; says how many.
    public func deleteOlderThan(_ age: Duration) async throws -> Int {
        try await room.call("delete_older_than", ["age_seconds": JSONValue(age)])
    }
}

/// A browser's own way to the speech-to-speech model of the config's `realtime`. The key stays here.
///
/// A session that is begun so is held between the browser and the provider: nothing of it is heard or stored here.
public struct Realtime: Sendable {
    let room: Room

    /// What opens a session without the key. One of the same settings is given out again until 10 s before its end.
    public func clientSecret(
        assistant: String? = nil, instructions: String? = nil, voice: String? = nil, language: String? = nil,
        valid: Duration = .seconds(60), organization: String? = nil
    ) async throws -> ClientSecret {
        try await room.call(
            "client_secret",
            [
                "assistant": JSONValue(assistant), "instructions": JSONValue(instructions), "voice": JSONValue(voice),
                "language": JSONValue(language), "valid_seconds": JSONValue(valid), "organization": JSONValue(organization),
            ])
    }

    /// Answers a browser's offer of a WebRTC connection to the provider, so that it needs no secret at all.
    public func answerCall(
        _ offer: String, assistant: String? = nil, instructions: String? = nil, voice: String? = nil,
        language: String? = nil, organization: String? = nil
    ) async throws -> CallAnswer {
        try await room.call(
            "answer_call",
            [
                "offer": JSONValue(offer), "assistant": JSONValue(assistant), "instructions": JSONValue(instructions),
                "voice": JSONValue(voice), "language": JSONValue(language), "organization": JSONValue(organization),
            ])
    }
}
