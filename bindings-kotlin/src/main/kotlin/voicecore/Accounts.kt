package voicecore

import kotlin.time.Duration
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long

/**
 * Organizations, users and their API keys.
 *
 * What concerns one organization needs [of], except on an agent that acts for somebody ([VoiceAgent.withPrincipal]). What belongs to
 * another organization is answered exactly like what does not exist.
 */
public class Accounts internal constructor(private val room: Room) {
    /** The users, keys and credentials of one organization. */
    public fun of(organization: String): Accounts = Accounts(room.with("organization" to organization))

    /** Creates an organization. */
    public suspend fun createOrganization(name: String): Organization = room.one("create_organization", ::Organization, "name" to name)

    /** An organization. */
    public suspend fun organization(id: String): Organization = room.one("organization", ::Organization, "id" to id)

    /** Organizations, newest first: 1–100 of them, older than the one with the id [before]. */
    public suspend fun organizations(limit: Int = 20, before: String? = null): Page<Organization> =
        room.page("organizations", ::Organization, "limit" to limit, "before" to before)

    /** Deletes an organization with all that belongs to it; says how much was said. */
    public suspend fun deleteOrganization(id: String): Erased = room.one("delete_organization", ::Erased, "id" to id)

    /** Whose key this is: [VoiceException.InvalidApiKey] for anything but a valid one. Counts against its rate limit. */
    public suspend fun authenticate(key: String): Principal = room.one("authenticate", ::Principal, "key" to key)

    /** Whose key this is, and the user with it. */
    public suspend fun logIn(key: String): Login = room.one("log_in", ::Login, "key" to key)

    /** Counts one more call of somebody who was authenticated before, as on a connection that stays open. */
    public suspend fun admit(principal: Principal) {
        room.call("admit", "principal" to principal.json())
    }

    /**
     * An access token (JWT) for somebody, valid for a time.
     *
     * @param keys `{"keys": [{"id": …, "hs256": SECRET}], "issuer": …, "audience": …, "leeway_seconds": …}`; in place of `hs256` also `ed25519`
     *   with a private key, and `ed25519_public` with a public one, as PEM. The first signs, all verify
     */
    public suspend fun issueToken(keys: JsonObject, principal: Principal, valid: Duration): String =
        room.call("issue_token", "keys" to keys, "principal" to principal.json(), "valid_seconds" to valid).jsonPrimitive.content

    /** Whose access token this is: [VoiceException.Unauthorized] for anything but a valid one. */
    public suspend fun authenticateToken(keys: JsonObject, token: String): Principal =
        room.one("authenticate_token", ::Principal, "keys" to keys, "token" to token)

    /** Registers a user by e-mail address, with a first key that is shown this once. */
    public suspend fun register(email: String): Registered = room.one("register", ::Registered, "email" to email)

    /** A user. */
    public suspend fun user(id: String): User = room.one("user", ::User, "id" to id)

    /** The user with an e-mail address. */
    public suspend fun userByEmail(email: String): User = room.one("user_by_email", ::User, "email" to email)

    /** Users, newest first. */
    public suspend fun users(limit: Int = 20, before: String? = null): Page<User> =
        room.page("users", ::User, "limit" to limit, "before" to before)

    /** Deletes a user with their keys and everything they said; says how much that was. */
    public suspend fun deleteUser(id: String): Erased = room.one("delete_user", ::Erased, "id" to id)

    /** Makes a key, of the organization or of one of its users. Its secret is shown this once. */
    public suspend fun createKey(
        user: String? = null,
        name: String = "",
        rateLimit: KeyLimit? = null,
        valid: Duration? = null,
    ): NewApiKey = room.one(
        "create_key", ::NewApiKey, "user" to user, "name" to name, "rate_limit" to rateLimit?.json(), "valid_seconds" to valid,
    )

    /** Keys, newest first, revoked and expired ones too; never a secret. */
    public suspend fun keys(user: String? = null, limit: Int = 20, before: String? = null): Page<ApiKey> =
        room.page("keys", ::ApiKey, "user" to user, "limit" to limit, "before" to before)

    /** Makes a key in place of another, which is revoked in the same moment. */
    public suspend fun rotateKey(id: String): NewApiKey = room.one("rotate_key", ::NewApiKey, "id" to id)

    /** Revokes a key: from now on it opens nothing. */
    public suspend fun revokeKey(id: String) {
        room.call("revoke_key", "id" to id)
    }

    /** Keeps the organization's own credential for a provider, encrypted (`accounts.credentials_key` in the config). It is never given back. */
    public suspend fun setCredential(provider: String, secret: String) {
        room.call("set_credential", "provider" to provider, "secret" to secret)
    }

    /** For which providers there are credentials. */
    public suspend fun credentials(): List<Credential> = room.call("credentials").jsonArray.map { Credential(it.jsonObject) }

    /** Deletes the credential for a provider: the agent's own is used again. */
    public suspend fun deleteCredential(provider: String) {
        room.call("delete_credential", "provider" to provider)
    }
}

/**
 * Assistants that are kept, each in all its versions: those of no organization, of one ([of]), or of whom the agent acts for. A session
 * keeps the version with which it began.
 */
public class Assistants internal constructor(private val room: Room) {
    /** The assistants of one organization. */
    public fun of(organization: String): Assistants = Assistants(room.with("organization" to organization))

    /** Keeps an assistant, in version 1: the fields of `assistant` in the config document. */
    public suspend fun create(assistant: JsonObject): StoredAssistant = room.one("create", ::StoredAssistant, "assistant" to assistant)

    /** An assistant in its current version. */
    public suspend fun get(id: String): StoredAssistant = room.one("get", ::StoredAssistant, "id" to id)

    /** An assistant in one of its versions, also after it was deleted. */
    public suspend fun version(id: String, version: Int): StoredAssistant =
        room.one("version", ::StoredAssistant, "id" to id, "version" to version)

    /** Assistants in their current version, newest first. */
    public suspend fun list(limit: Int = 20, before: String? = null): Page<StoredAssistant> =
        room.page("list", ::StoredAssistant, "limit" to limit, "before" to before)

    /** Replaces an assistant by the next version of it. */
    public suspend fun update(id: String, assistant: JsonObject): StoredAssistant =
        room.one("update", ::StoredAssistant, "id" to id, "assistant" to assistant)

    /** Changes the fields that are named, in a next version. `null` brings back a default. */
    public suspend fun patch(id: String, fields: JsonObject): StoredAssistant =
        room.one("patch", ::StoredAssistant, "id" to id, "fields" to fields)

    /** Deletes an assistant: nobody can start with it any more. */
    public suspend fun delete(id: String) {
        room.call("delete", "id" to id)
    }
}

/** The audit log: who changed what, and when. */
public class Audit internal constructor(private val room: Room) {
    /** Entries, newest first, of one organization, actor, action or target. */
    public suspend fun entries(
        organization: String? = null,
        actor: String? = null,
        action: String? = null,
        target: String? = null,
        limit: Int = 20,
        before: String? = null,
    ): Page<AuditEntry> = room.page(
        "entries", ::AuditEntry, "organization" to organization, "actor" to actor, "action" to action, "target" to target,
        "limit" to limit, "before" to before,
    )

    /** Deletes entries older than [age]; says how many. */
    public suspend fun deleteOlderThan(age: Duration): Long = room.call("delete_older_than", "age_seconds" to age).jsonPrimitive.long
}

/**
 * A browser's own way to the speech-to-speech model of the config's `realtime`. The key stays here.
 *
 * A session that is begun so is held between the browser and the provider: nothing of it is heard or stored here.
 */
public class Realtime internal constructor(private val room: Room) {
    /** What opens a session without the key. One of the same settings is given out again until 10 s before its end. */
    public suspend fun clientSecret(
        assistant: String? = null,
        instructions: String? = null,
        voice: String? = null,
        language: String? = null,
        valid: Duration? = null,
        organization: String? = null,
    ): ClientSecret = room.one(
        "client_secret", ::ClientSecret, "assistant" to assistant, "instructions" to instructions, "voice" to voice,
        "language" to language, "valid_seconds" to valid, "organization" to organization,
    )

    /** Answers a browser's offer of a WebRTC connection to the provider, so that it needs no secret at all. */
    public suspend fun answerCall(
        offer: String,
        assistant: String? = null,
        instructions: String? = null,
        voice: String? = null,
        language: String? = null,
        organization: String? = null,
    ): CallAnswer = room.one(
        "answer_call", ::CallAnswer, "offer" to offer, "assistant" to assistant, "instructions" to instructions, "voice" to voice,
        "language" to language, "organization" to organization,
    )
}
