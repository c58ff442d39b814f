package voicecore

import kotlin.time.Duration.Companion.seconds
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.double
import kotlinx.serialization.json.int
import kotlinx.serialization.json.intOrNull
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put

/** The calls of the rooms, as scenarios write them: the arguments of the bridge, its records as values. */
internal class Rooms(private val agent: VoiceAgent, private val arguments: JsonObject) {
    private fun text(name: String): String? = arguments[name].text()
    private fun number(name: String) = arguments.getValue(name).jsonPrimitive.int
    private fun seconds(name: String) = arguments[name]?.jsonPrimitive?.double?.seconds
    private fun document(name: String) = arguments[name]?.jsonObject ?: JsonObject(emptyMap())
    private val id get() = text("id").orEmpty()
    private val user get() = text("user")
    private val limit get() = arguments["limit"]?.jsonPrimitive?.intOrNull ?: 20
    private val before get() = text("before")

    suspend fun call(room: String, method: String): JsonElement = when (room) {
        "sessions" -> sessions(method)
        "accounts" -> accounts(method)
        "assistants" -> assistants(method)
        "realtime" -> realtime(method)
        else -> audit(method)
    }

    private suspend fun sessions(method: String): JsonElement {
        val sessions = text("organization")?.let(agent.sessions::of) ?: agent.sessions
        return when (method) {
            "create" -> value(sessions.create(user, document("metadata"), text("assistant")))
            "get" -> value(sessions.get(id, user))
            "list" -> page(sessions.list(user, text("status"), limit, before), ::value)
            "history" -> page(sessions.history(id, user, limit, before), ::value)
            "set_metadata" -> done(sessions.setMetadata(id, document("metadata"), user))
            "end" -> done(sessions.end(id, user))
            "delete" -> done(sessions.delete(id, user))
            "greet" -> sessions.greet(id).let { JsonNull }
            "expire_idle" -> JsonPrimitive(sessions.expireIdle())
            else -> error("there is no method $method of sessions here")
        }
    }

    private suspend fun accounts(method: String): JsonElement {
        val accounts = text("organization")?.let(agent.accounts::of) ?: agent.accounts
        return when (method) {
            "create_organization" -> value(accounts.createOrganization(text("name")!!))
            "organizations" -> page(accounts.organizations(limit, before), ::value)
            "authenticate" -> value(accounts.authenticate(text("key")!!))
            "log_in" -> accounts.logIn(text("key")!!).let { login ->
                buildJsonObject { put("principal", value(login.principal)); put("user", login.user?.let(::value) ?: JsonNull) }
            }
            "issue_token" ->
                JsonPrimitive(accounts.issueToken(document("keys"), principal(document("principal")), seconds("valid_seconds")!!))
            "authenticate_token" -> value(accounts.authenticateToken(document("keys"), text("token")!!))
            "register" -> accounts.register(text("email")!!).let { new ->
                buildJsonObject { put("user", value(new.user)); put("key", value(new.key)); put("secret", new.secret) }
            }
            "user" -> value(accounts.user(id))
            "user_by_email" -> value(accounts.userByEmail(text("email")!!))
            "users" -> page(accounts.users(limit, before), ::value)
            "delete_user" -> accounts.deleteUser(id).let { gone ->
                buildJsonObject { put("sessions", gone.sessions); put("messages", gone.messages) }
            }
            "create_key" -> value(accounts.createKey(user, text("name").orEmpty(), rateLimit(), seconds("valid_seconds")))
            "keys" -> page(accounts.keys(user, limit, before), ::value)
            "rotate_key" -> value(accounts.rotateKey(id))
            "revoke_key" -> done(accounts.revokeKey(id))
            else -> error("there is no method $method of accounts here")
        }
    }

    private fun rateLimit(): KeyLimit? = arguments["rate_limit"]?.jsonObject?.let {
        KeyLimit(it.getValue("per_minute").jsonPrimitive.int, it.getValue("burst").jsonPrimitive.int)
    }

    private suspend fun assistants(method: String): JsonElement {
        val assistants = text("organization")?.let(agent.assistants::of) ?: agent.assistants
        return when (method) {
            "create" -> value(assistants.create(document("assistant")))
            "get" -> value(assistants.get(id))
            "version" -> value(assistants.version(id, number("version")))
            "list" -> page(assistants.list(limit, before), ::value)
            "update" -> value(assistants.update(id, document("assistant")))
            "patch" -> value(assistants.patch(id, document("fields")))
            "delete" -> done(assistants.delete(id))
            else -> error("there is no method $method of assistants here")
        }
    }

    private suspend fun audit(method: String): JsonElement = when (method) {
        "entries" ->
            page(agent.audit.entries(text("organization"), text("actor"), text("action"), text("target"), limit, before), ::value)
        "delete_older_than" -> JsonPrimitive(agent.audit.deleteOlderThan(seconds("age_seconds")!!))
        else -> error("there is no method $method of audit here")
    }

    private suspend fun realtime(method: String): JsonElement = when (method) {
        "client_secret" -> JsonPrimitive(agent.realtime.clientSecret(voice = text("voice"), valid = seconds("valid_seconds")).value)
        "answer_call" -> JsonPrimitive(agent.realtime.answerCall(text("offer").orEmpty()).sdp)
        else -> error("there is no method $method of realtime here")
    }
}

internal fun principal(json: JsonObject) =
    Principal(json["organization"].text()!!, json["user"].text(), json["actor"].text())

private fun done(@Suppress("UNUSED_PARAMETER") nothing: Unit): JsonElement = JsonNull

private fun <T> page(page: Page<T>, item: (T) -> JsonElement) = buildJsonObject {
    put("items", JsonArray(page.items.map(item))); put("has_more", page.hasMore)
}

private fun value(session: Session): JsonElement = buildJsonObject {
    put("id", session.id); put("user", session.user); put("organization", session.organization); put("status", session.status)
    put("metadata", session.metadata)
}

private fun value(message: Message): JsonElement = buildJsonObject {
    put("id", message.id); put("session_id", message.sessionId); put("role", message.role); put("content", message.content)
}

private fun value(principal: Principal): JsonElement = buildJsonObject {
    put("organization", principal.organization); put("user", principal.user); put("actor", principal.actor)
}

private fun value(organization: Organization): JsonElement = buildJsonObject {
    put("id", organization.id); put("name", organization.name)
}

private fun value(user: User): JsonElement = buildJsonObject {
    put("id", user.id); put("organization", user.organization); put("email", user.email)
}

private fun value(key: ApiKey): JsonElement = buildJsonObject {
    put("id", key.id); put("organization", key.organization); put("user", key.user); put("name", key.name)
    put("expires_at", key.expiresAt); put("revoked_at", key.revokedAt)
    put("rate_limit", key.rateLimit?.let { buildJsonObject { put("per_minute", it.perMinute); put("burst", it.burst) } } ?: JsonNull)
}

private fun value(new: NewApiKey): JsonElement = buildJsonObject { put("key", value(new.key)); put("secret", new.secret) }

private fun value(stored: StoredAssistant): JsonElement = JsonObject(
    stored.assistant + buildJsonObject {
        put("id", stored.id); put("organization", stored.organization); put("version", stored.version)
    },
)

private fun value(entry: AuditEntry): JsonElement = buildJsonObject {
    put("organization", entry.organization); put("actor", entry.actor); put("action", entry.action); put("target", entry.target)
    put("confirmed", entry.confirmed)
}
