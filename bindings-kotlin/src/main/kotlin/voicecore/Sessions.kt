package voicecore

import kotlin.time.Duration
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.double
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long

/** One conversation. */
public class Session internal constructor(json: JsonObject) {
    /** Its id. */
    public val id: String = json.text("id").orEmpty()

    /** Whose it is. */
    public val user: String? = json.text("user")

    /** Its organization; `null` in a host without organizations. */
    public val organization: String? = json.text("organization")

    /** The assistant that talks in it, in the version with which it began; `null`: the agent's own. */
    public val assistant: AssistantVersion? =
        (json["assistant"] as? JsonObject)?.let { AssistantVersion(it.id("id"), it.number("version")) }

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

/** An assistant as it was at some time. */
public data class AssistantVersion(
    /** The assistant. */
    val id: String,
    /** Which version of it, from 1. */
    val version: Int,
)

/** One stored message. */
public class Message internal constructor(internal val json: JsonObject) {
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

    /** The call that a message of role `tool` keeps; `null`: it is of another role. */
    public val toolCall: ToolCallRecord? = if (role == "tool") ToolCallRecord.of(content) else null

    /** Where its sound is kept, if it is. */
    public val audioRef: String? = json.text("audio_ref")

    /** The language of the words (BCP 47), when it is known. An interpreter's are always: who spoke is told by it. */
    public val language: String? = json.text("language")

    /** When it was said (RFC 3339). */
    public val createdAt: String = json.text("created_at").orEmpty()

    override fun toString(): String = "Message(id=$id, role=$role)"
}

/** Something that was said and has to be acted on: see `actions` in the config. */
public class Action internal constructor(json: JsonObject) {
    /** Its id; later ones have later ids. */
    public val id: String = json.text("id").orEmpty()

    /** The session in which it was said. */
    public val sessionId: String = json.text("session_id").orEmpty()

    /** The turn in which it was said. */
    public val turnId: String = json.text("turn_id").orEmpty()

    /** The message that says it. */
    public val messageId: String = json.text("message_id").orEmpty()

    /** What it is, as the config names it: `refill`, `follow_up_visit`, … */
    public val type: String = json.text("type").orEmpty()

    /** What is known of it, as the type's schema says. */
    public val details: JsonObject = json["details"] as? JsonObject ?: JsonObject(emptyMap())

    /** How sure the language model was, 0–1. */
    public val confidence: Double = json.getValue("confidence").jsonPrimitive.double

    /** When it was found (RFC 3339). */
    public val createdAt: String = json.text("created_at").orEmpty()

    override fun toString(): String = "Action(id=$id, type=$type)"

    internal companion object {
        fun of(json: String) = Action(Json.parseToJsonElement(json).jsonObject)
    }
}

/** What a conversation came to. */
public class ConversationSummary internal constructor(json: JsonObject) {
    /** The session. */
    public val sessionId: String = json.text("session_id").orEmpty()

    /** A few sentences. */
    public val text: String = json.text("text").orEmpty()

    /** What matters, a line each. */
    public val points: List<String> = json.getValue("points").jsonArray.map { it.jsonPrimitive.content }

    /** What has to be acted on, in the order in which it was found. */
    public val actions: List<Action> = json.getValue("actions").jsonArray.map { Action(it.jsonObject) }

    /** The last message that it takes account of. */
    public val until: String = json.text("until").orEmpty()

    /** When it was written (RFC 3339). */
    public val createdAt: String = json.text("created_at").orEmpty()

    override fun toString(): String = "ConversationSummary(sessionId=$sessionId, actions=${actions.size})"
}

/**
 * The sessions of an agent, their history and their sound.
 *
 * With [forUser], or with a `user`, only that user's sessions are within reach; with [of], only those of one organization.
 */
public class Sessions internal constructor(private val room: Room) {
    /** The sessions of one user. */
    public fun forUser(user: String): Sessions = Sessions(room.with("user" to user))

    /** The sessions of one organization. */
    public fun of(organization: String): Sessions = Sessions(room.with("organization" to organization))

    /** Starts a session before its first turn, with the assistant of this id in its current version. */
    public suspend fun create(
        user: String? = null,
        metadata: JsonObject = JsonObject(emptyMap()),
        assistant: String? = null,
    ): Session = room.one("create", ::Session, "user" to user, "metadata" to metadata, "assistant" to assistant)

    /** A session. Throws [VoiceException.SessionNotFound]. */
    public suspend fun get(id: String, user: String? = null): Session = room.one("get", ::Session, "id" to id, "user" to user)

    /** Sessions, newest first: 1–100 of them, of one [status], of one [assistant], older than the session [before]. */
    public suspend fun list(
        user: String? = null,
        status: String? = null,
        limit: Int = 20,
        before: String? = null,
        assistant: String? = null,
    ): Page<Session> = room.page(
        "list", ::Session, "user" to user, "status" to status, "limit" to limit, "before" to before, "assistant" to assistant,
    )

    /** A session's latest messages (1–100, older than the message [before]), in the order they were said. */
    public suspend fun history(id: String, user: String? = null, limit: Int = 20, before: String? = null): Page<Message> =
        room.page("history", ::Message, "id" to id, "user" to user, "limit" to limit, "before" to before)

    /** Messages with all the words of a [text], newest first, in every session within reach or in one. */
    public suspend fun search(text: String, session: String? = null, limit: Int = 20, before: String? = null): Page<Message> =
        room.page("search", ::Message, "text" to text, "session" to session, "limit" to limit, "before" to before)

    /** A whole conversation, written out: `json`, `text`, or captions as `vtt` or `srt`. */
    public suspend fun export(id: String, format: String = "json"): String =
        room.call("export", "id" to id, "format" to format).jsonPrimitive.content

    /** Speaks and stores the first message of a session's assistant. `null`: it has none, or the conversation has gone on. */
    public suspend fun greet(id: String): Greeting? {
        val answer = room.answer("greet", "id" to id)
        return (Json.parseToJsonElement(answer.json) as? JsonObject)?.let { Greeting(it, answer.sound) }
    }

    /** What was found in a session that has to be acted on, newest first: see `actions` in the config. */
    public suspend fun actions(id: String, type: String? = null, limit: Int = 20, before: String? = null): Page<Action> =
        room.page("actions", ::Action, "id" to id, "type" to type, "limit" to limit, "before" to before)

    /**
     * What a conversation came to, in the words of the language model, with everything that has to be acted on. It is kept, and written
     * anew only when more was said since. `null`: nobody has said anything.
     */
    public suspend fun summary(id: String): ConversationSummary? =
        (room.call("summary", "id" to id) as? JsonObject)?.let(::ConversationSummary)

    /** The sound of a message as it is kept: a file. `null`: none was kept, or it was deleted. */
    public suspend fun recording(message: Message): ByteArray? =
        room.answer("recording", "id" to message.sessionId, "message" to message.json).sound

    /**
     * An address at which anybody who has it can hear a message for that long (a week at most). `null`: none was kept, or the store
     * gives no addresses.
     */
    public suspend fun recordingUrl(message: Message, valid: Duration): String? =
        room.call("recording_url", "id" to message.sessionId, "message" to message.json, "valid_seconds" to valid)
            .takeIf { it !is JsonNull }?.jsonPrimitive?.contentOrNull

    /** Replaces a session's metadata. */
    public suspend fun setMetadata(id: String, metadata: JsonObject, user: String? = null) {
        room.call("set_metadata", "id" to id, "user" to user, "metadata" to metadata)
    }

    /** Ends a session: it takes no more turns. */
    public suspend fun end(id: String, user: String? = null) {
        room.call("end", "id" to id, "user" to user)
    }

    /** Deletes a session with its messages. */
    public suspend fun delete(id: String, user: String? = null) {
        room.call("delete", "id" to id, "user" to user)
    }

    /** Deletes every session of this view's user with everything said in them; says how much. */
    public suspend fun eraseUser(): Erased = room.one("erase_user", ::Erased)

    /** Marks sessions as expired that were idle for too long; says how many. */
    public suspend fun expireIdle(): Long = room.call("expire_idle").jsonPrimitive.long

    /** Deletes sessions that have been over for longer than [age], with their messages; says how many. */
    public suspend fun deleteOver(age: Duration): Long = room.call("delete_over", "age_seconds" to age).jsonPrimitive.long

    /** Deletes messages that are older than [age], whatever becomes of their sessions; says how many. */
    public suspend fun deleteMessagesOlderThan(age: Duration): Long =
        room.call("delete_messages_older_than", "age_seconds" to age).jsonPrimitive.long

    /** Expires idle sessions and deletes what `retention` in the config says is too old. */
    public suspend fun cleanUp(): CleanedUp = room.one("clean_up", ::CleanedUp)
}
