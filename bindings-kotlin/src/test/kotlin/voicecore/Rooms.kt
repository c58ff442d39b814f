package voicecore

import kotlin.time.Duration.Companion.seconds
import kotlin.time.DurationUnit
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.booleanOrNull
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.double
import kotlinx.serialization.json.int
import kotlinx.serialization.json.intOrNull
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put

/** The calls of the rooms, as scenarios write them: the arguments of the bridge, its records as values. */
internal class Rooms(private val agent: VoiceAgent, private val arguments: JsonObject) {
    private fun text(name: String): String? = arguments[name].text()
    private fun number(name: String) = arguments.getValue(name).jsonPrimitive.int
    private fun seconds(name: String) = arguments[name]?.jsonPrimitive?.double?.seconds
    private fun flag(name: String) = arguments[name]?.jsonPrimitive?.booleanOrNull
    private fun names(name: String) = arguments[name]?.jsonArray?.map { it.jsonPrimitive.content }
    private fun document(name: String) = arguments[name]?.jsonObject ?: JsonObject(emptyMap())
    private val id get() = text("id").orEmpty()
    private val user get() = text("user")
    private val limit get() = arguments["limit"]?.jsonPrimitive?.intOrNull ?: 20
    private val before get() = text("before")

    suspend fun call(room: String, method: String): JsonElement = when (room) {
        "sessions" -> sessions(method)
        "accounts" -> accounts(method)
        "assistants" -> assistants(method)
        "knowledge" -> knowledge(method)
        "telephony" -> telephony(method)
        "webhooks" -> webhooks(method)
        "realtime" -> realtime(method)
        "voices" -> voices(method)
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
            "actions" -> page((user?.let(sessions::forUser) ?: sessions).actions(id, text("type"), limit, before), ::value)
            "summary" -> sessions.summary(id)?.let(::value) ?: JsonNull
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

    private suspend fun knowledge(method: String): JsonElement {
        val knowledge = text("organization")?.let(agent.knowledge::of) ?: agent.knowledge
        val metadata = arguments["metadata"]?.jsonObject
        return when (method) {
            "add" -> value(knowledge.add(text("title").orEmpty(), text("text").orEmpty(), text("format"), text("source"), metadata))
            "get" -> value(knowledge.get(id))
            "text" -> JsonPrimitive(knowledge.text(id))
            "list" -> page(knowledge.list(limit, before), ::value)
            "update" -> value(knowledge.update(id, text("title"), text("text"), text("format"), text("source"), metadata))
            "delete" -> done(knowledge.delete(id))
            "search" -> {
                val (top, least) = arguments["top_k"]?.jsonPrimitive?.int to arguments["min_score"]?.jsonPrimitive?.double
                JsonArray(knowledge.search(text("text").orEmpty(), names("documents"), top, least).map(::value))
            }
            else -> error("there is no method $method of knowledge here")
        }
    }

    private suspend fun audit(method: String): JsonElement = when (method) {
        "entries" ->
            page(agent.audit.entries(text("organization"), text("actor"), text("action"), text("target"), limit, before), ::value)
        "delete_older_than" -> JsonPrimitive(agent.audit.deleteOlderThan(seconds("age_seconds")!!))
        else -> error("there is no method $method of audit here")
    }

    private suspend fun telephony(method: String): JsonElement {
        fun given(name: String) = text(name).orEmpty()
        val params = document("params").mapValues { it.value.jsonPrimitive.content }
        val calls = agent.telephony
        return when (method) {
            "read" -> calls.read(given("message"), text("protocol") ?: "auto")?.let { value(it) } ?: JsonNull
            "verify_twilio" -> JsonPrimitive(calls.verifyTwilio(given("auth_token"), given("url"), given("signature"), params))
            "verify_plivo" ->
                JsonPrimitive(calls.verifyPlivo(given("auth_token"), given("url"), given("signature"), given("nonce"), params))
            "verify_telnyx" ->
                JsonPrimitive(calls.verifyTelnyx(given("public_key"), given("body"), given("signature"), given("timestamp")))
            else -> error("there is no method $method of telephony here")
        }
    }

    private suspend fun webhooks(method: String): JsonElement {
        val webhooks = text("organization")?.let(agent.webhooks::of) ?: agent.webhooks
        return when (method) {
            "create" -> value(webhooks.create(text("url")!!, names("events").orEmpty(), text("description").orEmpty(), flag("enabled") ?: true))
            "get" -> value(webhooks.get(id))
            "list" -> page(webhooks.list(limit, before), ::value)
            "update" -> value(webhooks.update(id, text("url"), names("events"), text("description"), flag("enabled")))
            "delete" -> done(webhooks.delete(id))
            "rotate_secret" -> value(webhooks.rotateSecret(id, seconds("overlap_seconds")))
            "test" -> value(webhooks.test(id))
            "deliveries" -> page(webhooks.deliveries(text("webhook"), text("status"), text("name"), limit, before), ::value)
            "delivery" -> value(webhooks.delivery(id))
            "redeliver" -> value(webhooks.redeliver(id))
            "send" -> JsonPrimitive(webhooks.send(text("name")!!, document("data"), text("session")))
            "verify" -> done(
                webhooks.verify(
                    names("secrets")!!, id, text("timestamp")!!, text("signature")!!, text("body")!!, seconds("tolerance_seconds"),
                ),
            )
            else -> error("there is no method $method of webhooks here")
        }
    }

    private suspend fun voices(method: String): JsonElement {
        val voices = text("organization")?.let(agent.voices::of) ?: agent.voices
        return when (method) {
            "list" -> page(voices.list(text("provider"), text("language"), arguments["limit"]?.jsonPrimitive?.intOrNull ?: 10_000), ::value)
            "preview" -> value(
                voices.preview(
                    text("voice"), text("provider"), arguments["settings"]?.jsonObject, text("text"), text("language"),
                    text("format") ?: "wav",
                ),
            )
            else -> error("there is no method $method of voices here")
        }
    }

    private suspend fun realtime(method: String): JsonElement = when (method) {
        "client_secret" -> JsonPrimitive(agent.realtime.clientSecret(voice = text("voice"), valid = seconds("valid_seconds")).value)
        "answer_call" -> JsonPrimitive(agent.realtime.answerCall(text("offer").orEmpty()).sdp)
        else -> error("there is no method $method of realtime here")
    }
}

internal fun value(voice: Voice): JsonElement = buildJsonObject {
    put("id", voice.id); put("name", voice.name); put("languages", JsonArray(voice.languages.map(::JsonPrimitive)))
    put("gender", voice.gender); put("description", voice.description); put("preview_url", voice.previewUrl)
    put("labels", JsonObject(voice.labels.mapValues { JsonPrimitive(it.value) }))
}

internal fun value(preview: VoicePreview): JsonElement = buildJsonObject {
    put("provider", preview.provider); put("voice", preview.voice); put("text", preview.text); put("language", preview.language)
    put("media_type", preview.mediaType); put("sample_rate", preview.sampleRate)
    put("audio_seconds", preview.duration.toDouble(DurationUnit.SECONDS)); put("usage", value(preview.usage))
    put("cost", preview.cost?.let { value(it) } ?: JsonNull)
}

internal fun value(call: PhoneCall): JsonElement = buildJsonObject {
    put("protocol", call.protocol); put("stream_id", call.streamId); put("call_id", call.callId); put("account_id", call.accountId)
    put("from_number", call.fromNumber); put("to_number", call.toNumber); put("encoding", call.encoding)
    put("sample_rate", call.sampleRate); put("parameters", JsonObject(call.parameters)); put("details", JsonObject(call.details))
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
    put("language", message.language)
}

private fun value(action: Action): JsonElement = buildJsonObject {
    put("id", action.id); put("session_id", action.sessionId); put("message_id", action.messageId); put("type", action.type)
    put("details", action.details); put("confidence", action.confidence)
}

private fun value(summary: ConversationSummary): JsonElement = buildJsonObject {
    put("session_id", summary.sessionId); put("text", summary.text); put("until", summary.until)
    put("points", JsonArray(summary.points.map(::JsonPrimitive))); put("actions", JsonArray(summary.actions.map(::value)))
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

private fun value(document: KnowledgeDocument): JsonElement = buildJsonObject {
    put("id", document.id); put("organization", document.organization); put("version", document.version); put("title", document.title)
    put("format", document.format); put("source", document.source); put("metadata", document.metadata); put("bytes", document.bytes)
    put("hash", document.hash)
}

internal fun value(source: Source): JsonElement = buildJsonObject {
    put("document_id", source.documentId); put("title", source.title); put("heading", source.heading); put("passage", source.passage)
    put("text", source.text); put("score", source.score)
}

private fun value(entry: AuditEntry): JsonElement = buildJsonObject {
    put("organization", entry.organization); put("actor", entry.actor); put("action", entry.action); put("target", entry.target)
    put("confirmed", entry.confirmed)
}

private fun value(webhook: Webhook): JsonElement = buildJsonObject {
    put("id", webhook.id); put("organization", webhook.organization); put("url", webhook.url); put("description", webhook.description)
    put("events", JsonArray(webhook.events.map(::JsonPrimitive))); put("enabled", webhook.enabled)
    put("disabled_because", webhook.disabledBecause)
}

private fun value(new: SignedWebhook): JsonElement = buildJsonObject { put("webhook", value(new.webhook)); put("secret", new.secret) }

private fun value(delivery: WebhookDelivery): JsonElement = buildJsonObject {
    put("id", delivery.id); put("webhook", delivery.webhook); put("event", delivery.event); put("name", delivery.name)
    put("organization", delivery.organization); put("session", delivery.session); put("status", delivery.status)
    put("body", delivery.body); put("tries", delivery.tries); put("settled_at", delivery.settledAt)
    put(
        "attempts",
        JsonArray(
            delivery.attempts.map {
                buildJsonObject { put("status", it.status); put("duration_ms", it.durationMs); put("error", it.error) }
            },
        ),
    )
}
