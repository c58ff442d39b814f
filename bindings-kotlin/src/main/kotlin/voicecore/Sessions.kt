package voicecore

import kotlin.time.Duration
import kotlin.time.DurationUnit
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import voicecore.ffi.Agent

/** One conversation. */
public class Session internal constructor(json: JsonObject) {
    /** Its id. */
    public val id: String = json.text("id").orEmpty()

    /** Whose it is. */
    public val user: String? = json.text("user")

    /** `active`, `ended` or `expired`. */
    public val status: String = json.text("status").orEmpty()

    /** Your own data. */
    public val metadata: JsonObject = json["metadata"] as? JsonObject ?: JsonObject(emptyMap())

    /** When it was started (RFC 3339). */
    public val createdAt: String = json.text("created_at").orEmpty()

    /** When it last took a turn (RFC 3339). */
    public val lastActivityAt: String = json.text("last_activity_at").orEmpty()

    /** When it ended or expired (RFC 3339). */
    public val endedAt: String? = json.text("ended_at")

    override fun toString(): String = "Session(id=$id, status=$status)"
}

/** One stored message. */
public class Message internal constructor(json: JsonObject) {
    /** Its id. */
    public val id: String = json.text("id").orEmpty()

    /** The session it belongs to. */
    public val sessionId: String = json.text("session_id").orEmpty()

    /** The turn in which it was said. */
    public val turnId: String = json.text("turn_id").orEmpty()

    /** `user`, `assistant`, `system` or `tool`. */
    public val role: String = json.text("role").orEmpty()

    /** What was said. */
    public val content: String = json.text("content").orEmpty()

    /** When it was said (RFC 3339). */
    public val createdAt: String = json.text("created_at").orEmpty()

    override fun toString(): String = "Message(id=$id, role=$role)"
}

/** Part of a longer list. */
public class Page<T>(
    /** The items. */
    public val items: List<T>,
    /** Whether there are more beyond this page. */
    public val hasMore: Boolean,
)

/** The sessions of an agent and their history. With a `user`, only that user's sessions are within reach. */
public class Sessions internal constructor(private val native: Agent) {
    /** Starts a session before its first turn. */
    public suspend fun create(user: String? = null, metadata: JsonObject = JsonObject(emptyMap())): Session =
        Session(call("create", "user" to user, "metadata" to metadata).jsonObject)

    /** A session. Throws [VoiceException.SessionNotFound]. */
    public suspend fun get(id: String, user: String? = null): Session =
        Session(call("get", "id" to id, "user" to user).jsonObject)

    /** Sessions, newest first: 1–100 of them, older than the session [before]. */
    public suspend fun list(
        user: String? = null,
        status: String? = null,
        limit: Int = 20,
        before: String? = null,
    ): Page<Session> =
        page(call("list", "user" to user, "status" to status, "limit" to limit, "before" to before), ::Session)

    /** A session's latest messages (1–100, older than the message [before]), in the order they were said. */
    public suspend fun history(id: String, user: String? = null, limit: Int = 20, before: String? = null): Page<Message> =
        page(call("history", "id" to id, "user" to user, "limit" to limit, "before" to before), ::Message)

    /** Replaces a session's metadata. */
    public suspend fun setMetadata(id: String, metadata: JsonObject, user: String? = null) {
        call("set_metadata", "id" to id, "user" to user, "metadata" to metadata)
    }

    /** Ends a session: it takes no more turns. */
    public suspend fun end(id: String, user: String? = null) {
        call("end", "id" to id, "user" to user)
    }

    /** Deletes a session with its messages. */
    public suspend fun delete(id: String, user: String? = null) {
        call("delete", "id" to id, "user" to user)
    }

    /** Marks sessions as expired that were idle for too long; says how many. */
    public suspend fun expireIdle(): Long = call("expire_idle").jsonPrimitive.long

    /** Deletes sessions that have been over for longer than [age], with their messages; says how many. */
    public suspend fun deleteOver(age: Duration): Long =
        call("delete_over", "age_seconds" to age.toDouble(DurationUnit.SECONDS)).jsonPrimitive.long

    internal suspend fun call(method: String, arguments: JsonObject): JsonElement =
        Json.parseToJsonElement(translated { native.sessions(method, arguments.toString()) })

    private suspend fun call(method: String, vararg arguments: Pair<String, Any?>): JsonElement =
        call(method, JsonObject(arguments.toMap().mapValues { (_, value) -> element(value) }))

    private fun element(value: Any?): JsonElement = when (value) {
        null -> JsonNull
        is JsonElement -> value
        is Number -> JsonPrimitive(value)
        else -> JsonPrimitive(value.toString())
    }

    private fun <T> page(json: JsonElement, item: (JsonObject) -> T): Page<T> = Page(
        json.jsonObject.getValue("items").jsonArray.map { item(it.jsonObject) },
        json.jsonObject.getValue("has_more").jsonPrimitive.boolean,
    )
}

private fun JsonObject.text(name: String): String? = this[name]?.jsonPrimitive?.contentOrNull
