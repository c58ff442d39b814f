package voicecore

import kotlin.time.Duration
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.int
import kotlinx.serialization.json.intOrNull
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long

/** Where an organization wants to be told of events. */
public class Webhook internal constructor(json: JsonObject) {
    /** Its id. */
    public val id: String = json.id("id")

    /** Its organization; `null` in a host without organizations. */
    public val organization: String? = json.text("organization")

    /** Where events are sent. It is not printed: it may hold a secret. */
    public val url: String = json.id("url")

    /** The names of the events that it wants; `session.*` stands for all whose name begins with `session.`; none: all. */
    public val events: List<String> = json.getValue("events").jsonArray.map { it.jsonPrimitive.content }

    /** What it is for, in the owner's words. */
    public val description: String = json.id("description")

    /** Whether anything is sent. */
    public val enabled: Boolean = json.getValue("enabled").jsonPrimitive.boolean

    /** Why the library disabled it, if it did: the receiver answered 410. */
    public val disabledBecause: String? = json.text("disabled_because")

    /** When it was created. */
    public val createdAt: String = json.id("created_at")

    /** When it was last changed. */
    public val updatedAt: String = json.id("updated_at")

    override fun toString(): String = "Webhook(id=$id, enabled=$enabled)"
}

/** A webhook with a secret that was just made. */
public class SignedWebhook internal constructor(json: JsonObject) {
    /** The webhook. */
    public val webhook: Webhook = Webhook(json.getValue("webhook").jsonObject)

    /** `whsec_` and 32 bytes in base64. Give it to the receiver and forget it: it is kept encrypted, and never given back. */
    public val secret: String = json.id("secret")

    override fun toString(): String = "SignedWebhook(webhook=$webhook)"
}

/** One attempt to deliver. */
public data class DeliveryAttempt(
    /** When it was begun. */
    val at: String,
    /** The HTTP status of the answer; `null`: there was none. */
    val status: Int?,
    /** How long it took, in milliseconds. */
    val durationMs: Long,
    /** What went wrong, if something did. */
    val error: String?,
) {
    internal constructor(json: JsonObject) : this(
        json.id("at"), (json["status"] as? JsonPrimitive)?.intOrNull, json.getValue("duration_ms").jsonPrimitive.long, json.text("error"),
    )
}

/** The telling of one event to one webhook. */
public class WebhookDelivery internal constructor(json: JsonObject) {
    /** Its id, which the receiver sees as `webhook-id`: the same in every attempt. */
    public val id: String = json.id("id")

    /** The webhook. */
    public val webhook: String = json.id("webhook")

    /** The organization of the webhook. */
    public val organization: String? = json.text("organization")

    /** The event. */
    public val event: String = json.id("event")

    /** The name of the event. */
    public val name: String = json.id("name")

    /** The session in which it happened. */
    public val session: String? = json.text("session")

    /** Where it stands: `pending`, `delivered` or `failed`. */
    public val status: String = json.id("status")

    /** What is sent: JSON, the same bytes in every attempt. It is not printed. */
    public val body: String = json.id("body")

    /** When the event was handed to this webhook. */
    public val createdAt: String = json.id("created_at")

    /** When the next attempt is due; of one that is over, when the last was. */
    public val dueAt: String = json.id("due_at")

    /** When it was delivered, or given up. */
    public val settledAt: String? = json.text("settled_at")

    /** How many attempts have counted since it was last asked for. */
    public val tries: Int = json.getValue("tries").jsonPrimitive.int

    /** The attempts, oldest first; of very many, the latest. */
    public val attempts: List<DeliveryAttempt> = json.getValue("attempts").jsonArray.map { DeliveryAttempt(it.jsonObject) }

    override fun toString(): String = "WebhookDelivery(id=$id, name=$name, status=$status)"
}

/**
 * Webhooks, and what was delivered to them: those of no organization, of one ([of]), or of whom the agent acts for. What becomes of
 * sessions and turns is told by itself: `session.started`, `session.ended`, `turn.completed`.
 */
public class Webhooks internal constructor(private val room: Room) {
    /** The webhooks of one organization. */
    public fun of(organization: String): Webhooks = Webhooks(room.with("organization" to organization))

    /** Makes a webhook for these events, or for all. Its secret is shown this once. */
    public suspend fun create(
        url: String,
        events: List<String> = emptyList(),
        description: String = "",
        enabled: Boolean = true,
    ): SignedWebhook = room.one(
        "create", ::SignedWebhook, "url" to url, "events" to names(events), "description" to description,
        "enabled" to JsonPrimitive(enabled),
    )

    /** A webhook. */
    public suspend fun get(id: String): Webhook = room.one("get", ::Webhook, "id" to id)

    /** Webhooks, newest first. */
    public suspend fun list(limit: Int = 20, before: String? = null): Page<Webhook> =
        room.page("list", ::Webhook, "limit" to limit, "before" to before)

    /** Changes what is given; no events at all stand for all of them. */
    public suspend fun update(
        id: String,
        url: String? = null,
        events: List<String>? = null,
        description: String? = null,
        enabled: Boolean? = null,
    ): Webhook = room.one(
        "update", ::Webhook, "id" to id, "url" to url, "events" to events?.let(::names), "description" to description,
        "enabled" to enabled?.let(::JsonPrimitive),
    )

    /** Deletes a webhook with the log of its deliveries. */
    public suspend fun delete(id: String) {
        room.call("delete", "id" to id)
    }

    /** Makes a new secret, shown this once; the old one signs besides for [overlap] (24 hours by default). */
    public suspend fun rotateSecret(id: String, overlap: Duration? = null): SignedWebhook =
        room.one("rotate_secret", ::SignedWebhook, "id" to id, "overlap_seconds" to overlap)

    /** Sends an event `webhook.test`; ask for the [delivery] to see what became of it. */
    public suspend fun test(id: String): WebhookDelivery = room.one("test", ::WebhookDelivery, "id" to id)

    /** Deliveries with their attempts, newest first: of one webhook, `pending`, `delivered` or `failed`, of one event's name. */
    public suspend fun deliveries(
        webhook: String? = null,
        status: String? = null,
        name: String? = null,
        limit: Int = 20,
        before: String? = null,
    ): Page<WebhookDelivery> = room.page(
        "deliveries", ::WebhookDelivery, "webhook" to webhook, "status" to status, "name" to name, "limit" to limit, "before" to before,
    )

    /** A delivery with its attempts. */
    public suspend fun delivery(id: String): WebhookDelivery = room.one("delivery", ::WebhookDelivery, "id" to id)

    /** Delivers again what was delivered or has failed, with the same `webhook-id`. */
    public suspend fun redeliver(id: String): WebhookDelivery = room.one("redeliver", ::WebhookDelivery, "id" to id)

    /** Tells the webhooks of an event of your own. `false`: none is enabled. */
    public suspend fun send(name: String, data: JsonObject = JsonObject(emptyMap()), session: String? = null): Boolean =
        room.call("send", "name" to name, "data" to data, "session" to session).jsonPrimitive.boolean

    /**
     * Checks, for a receiver, that a message was signed with one of these secrets, within [tolerance] (five minutes by default). Leave
     * out messages whose id has come before.
     *
     * @param body what came, before anything read it as JSON
     * @throws VoiceError of code `UNAUTHORIZED` when it is not so
     */
    public suspend fun verify(
        secrets: List<String>,
        id: String,
        timestamp: String,
        signature: String,
        body: String,
        tolerance: Duration? = null,
    ) {
        room.call(
            "verify", "secrets" to names(secrets), "id" to id, "timestamp" to timestamp, "signature" to signature, "body" to body,
            "tolerance_seconds" to tolerance,
        )
    }

    private fun names(all: List<String>) = JsonArray(all.map(::JsonPrimitive))
}
