package voicecore

import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import kotlinx.serialization.json.put

/**
 * Somebody whose credential was checked: an organization, or one user of it. See [VoiceAgent.withPrincipal].
 *
 * A host that knows its callers by means of its own makes one itself. It is no credential: whoever may make one reaches what it says.
 */
public data class Principal(
    /** The organization. */
    val organization: String,
    /** The user; `null`: the whole organization. */
    val user: String? = null,
    /** How the audit log names them, for example `key:ID`. */
    val actor: String? = null,
) {
    internal constructor(json: JsonObject) : this(json.id("organization"), json.text("user"), json.text("actor"))

    internal fun json() = buildJsonObject { put("organization", organization); put("user", user); put("actor", actor) }
}

/** The owner of users, assistants and sessions. Nothing of one is reachable from another. Times are RFC 3339, here and elsewhere. */
public class Organization internal constructor(json: JsonObject) {
    /** Its id. */
    public val id: String = json.id("id")

    /** What people call it. */
    public val name: String = json.id("name")

    /** When it was created. */
    public val createdAt: String = json.id("created_at")

    override fun toString(): String = "Organization(id=$id)"
}

/** A user of an organization. */
public class User internal constructor(json: JsonObject) {
    /** Their id. */
    public val id: String = json.id("id")

    /** Their organization. */
    public val organization: String = json.id("organization")

    /** Their e-mail address. */
    public val email: String = json.id("email")

    /** When they were registered. */
    public val createdAt: String = json.id("created_at")

    override fun toString(): String = "User(id=$id)"
}

/** How often a key may be used. */
public data class KeyLimit(
    /** How often a minute, in the long run. */
    val perMinute: Int,
    /** How often at once. */
    val burst: Int,
) {
    internal fun json() = buildJsonObject { put("per_minute", perMinute); put("burst", burst) }
}

/** An API key as it is kept: everything but the key. */
public class ApiKey internal constructor(json: JsonObject) {
    /** Its id. Not a secret. */
    public val id: String = json.id("id")

    /** The organization that it opens. */
    public val organization: String = json.id("organization")

    /** The user for whom it speaks; `null`: for the whole organization. */
    public val user: String? = json.text("user")

    /** What people call it. */
    public val name: String = json.id("name")

    /** The end of the key, to tell it from others. */
    public val hint: String = json.id("hint")

    /** A limit of its own; `null`: the agent's. */
    public val rateLimit: KeyLimit? = (json["rate_limit"] as? JsonObject)?.let { KeyLimit(it.number("per_minute"), it.number("burst")) }

    /** When it was made. */
    public val createdAt: String = json.id("created_at")

    /** When it ends; `null`: when it is revoked. */
    public val expiresAt: String? = json.text("expires_at")

    /** When it was revoked; `null`: it was not. */
    public val revokedAt: String? = json.text("revoked_at")

    override fun toString(): String = "ApiKey(id=$id, name=$name)"
}

/** A key that was just made. */
public class NewApiKey internal constructor(json: JsonObject) {
    /** What is kept of it. */
    public val key: ApiKey = ApiKey(json.inner("key"))

    /** `sk_` and 64 hexadecimal digits. Give it to its owner and forget it: only its hash is kept. */
    public val secret: String = json.id("secret")

    override fun toString(): String = "NewApiKey(key=$key)"
}

/** What opens a session of a browser's own with the speech-to-speech model, without the key. */
public class ClientSecret internal constructor(json: JsonObject) {
    /** The secret: give it to the browser, and forget it. */
    public val value: String = json.id("value")

    /** Until when a session may be begun with it; one that runs goes on. */
    public val expiresAt: String = json.id("expires_at")

    override fun toString(): String = "ClientSecret(expiresAt=$expiresAt)"
}

/** The answer to a browser's offer of a WebRTC connection. */
public class CallAnswer internal constructor(json: JsonObject) {
    /** The session description: give it to the browser. */
    public val sdp: String = json.id("sdp")

    /** What the provider calls the call, where it says. */
    public val callId: String? = json.text("call_id")
}

/** A user who was just registered. */
public class Registered internal constructor(json: JsonObject) {
    /** The user. */
    public val user: User = User(json.inner("user"))

    /** What is kept of their first key. */
    public val key: ApiKey = ApiKey(json.inner("key"))

    /** The key itself. Give it to them and forget it: only its hash is kept. */
    public val secret: String = json.id("secret")

    override fun toString(): String = "Registered(user=$user, key=$key)"
}

/** Who logged in. */
public class Login internal constructor(json: JsonObject) {
    /** Who it is, for [VoiceAgent.withPrincipal]. */
    public val principal: Principal = Principal(json.inner("principal"))

    /** The user; `null` for a key of a whole organization. */
    public val user: User? = (json["user"] as? JsonObject)?.let(::User)
}

/** How much was erased. */
public data class Erased(
    /** Sessions. */
    val sessions: Long,
    /** Messages in them. */
    val messages: Long,
) {
    internal constructor(json: JsonObject) : this(json.count("sessions"), json.count("messages"))
}

/** What cleaning up came to. */
public data class CleanedUp(
    /** Idle sessions that were marked as expired. */
    val expired: Long,
    /** Sessions that were deleted, with everything said in them. */
    val sessions: Long,
    /** Messages that were deleted from sessions that stay. */
    val messages: Long,
    /** Entries of the audit log that were deleted. */
    val auditEntries: Long,
) {
    internal constructor(json: JsonObject) :
        this(json.count("expired"), json.count("sessions"), json.count("messages"), json.count("audit_entries"))
}

/** That there is a credential for a provider; never what it is. */
public data class Credential(
    /** Which provider's. */
    val provider: String,
    /** When it was set. */
    val updatedAt: String,
) {
    internal constructor(json: JsonObject) : this(json.id("provider"), json.id("updated_at"))
}

/** An assistant that is kept, in one version. */
public class StoredAssistant internal constructor(json: JsonObject) {
    /** Its id. */
    public val id: String = json.id("id")

    /** Its organization; `null` in a host without organizations. */
    public val organization: String? = json.text("organization")

    /** Which version this is, from 1. */
    public val version: Int = json.number("version")

    /** Who it is and how it answers: the fields of `assistant` in the config document. */
    public val assistant: JsonObject = JsonObject(json - setOf("id", "organization", "version", "created_at", "updated_at"))

    /** When it was created. */
    public val createdAt: String = json.id("created_at")

    /** When this version was made. */
    public val updatedAt: String = json.id("updated_at")

    override fun toString(): String = "StoredAssistant(id=$id, version=$version)"
}

/** One change. Names ids only, never people, secrets or words. */
public data class AuditEntry(
    /** Its id. */
    val id: String,
    /** When. */
    val at: String,
    /** Where; `null`: outside of any. */
    val organization: String?,
    /** Who: `host`, `key:ID`, `user:ID` or `organization:ID`. */
    val actor: String,
    /** What was done, for example `key.revoke`. */
    val action: String,
    /** To what: usually an id. */
    val target: String,
    /**
     * Whether the change is known to have been made. `false` while it is being made, and for ever when that was broken off: then
     * it may have been made or not.
     */
    val confirmed: Boolean,
) {
    internal constructor(json: JsonObject) :
        this(
            json.id("id"),
            json.id("at"),
            json.text("organization"),
            json.id("actor"),
            json.id("action"),
            json.id("target"),
            json.text("confirmed").toBoolean(),
        )
}

/** What opens a conversation. */
public class Greeting internal constructor(json: JsonObject, sound: ByteArray?) {
    /** What was said. */
    public val text: String = json.id("text")

    /** How it sounds; empty when speech failed or the agent answers in writing only. */
    public val audio: Pcm = Pcm((sound ?: ByteArray(0)).toSamples(), json.number("sample_rate"))

    /** Why sound is missing or incomplete, as an error's code, for example `PROVIDER_ERROR`. */
    public val audioErrorCode: String? = (json["audio_error"] as? JsonObject)?.text("code")

    /** The session. */
    public val sessionId: String = json.id("session_id")

    /** The stored message. */
    public val messageId: String = json.id("message_id")
}

internal fun JsonObject.id(name: String): String = text(name).orEmpty()

private fun JsonObject.inner(name: String): JsonObject = getValue(name).jsonObject

internal fun JsonObject.number(name: String): Int = this[name]?.takeIf { it !is JsonNull }?.jsonPrimitive?.int ?: 0

private fun JsonObject.count(name: String): Long = this[name]?.jsonPrimitive?.long ?: 0
