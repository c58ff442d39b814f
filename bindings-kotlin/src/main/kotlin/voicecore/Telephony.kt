package voicecore

import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.jsonPrimitive

/** A call whose media stream began: what the carrier says of it. */
public class PhoneCall internal constructor(json: JsonObject) {
    /** Whose media stream it is: `twilio`, `plivo`, … */
    public val protocol: String = json.id("protocol")

    /** The carrier's name for the stream; `null` with Vonage, where a connection is one. */
    public val streamId: String? = json.text("stream_id")

    /** The carrier's name for the call. */
    public val callId: String? = json.text("call_id")

    /** The carrier's name for your account. */
    public val accountId: String? = json.text("account_id")

    /** Who calls, where the carrier says it here. */
    public val fromNumber: String? = json.text("from_number")

    /** Who is called, where the carrier says it here. */
    public val toNumber: String? = json.text("to_number")

    /** How samples are written: `mu_law`, `a_law` or `l16`. */
    public val encoding: String = json.id("encoding")

    /** Samples a second. */
    public val sampleRate: Int = json.number("sample_rate")

    /** What you gave the stream along: custom parameters, extra headers. */
    public val parameters: Map<String, JsonElement> = json["parameters"] as? JsonObject ?: emptyMap()

    /** Everything that the carrier said, as it said it. */
    public val details: Map<String, JsonElement> = json["details"] as? JsonObject ?: emptyMap()

    override fun toString(): String = "PhoneCall(protocol=$protocol, streamId=$streamId, callId=$callId)"
}

/** What is to be known of a telephone call before it is answered: whose it is, and whether it is the carrier that calls. */
public class Telephony internal constructor(private val room: Room) {
    /**
     * Reads a carrier's first messages: the call, or `null` for what comes before it. The message then goes to the session's wire as well.
     *
     * @throws VoiceException.Validation for any other message, and for a call whose encoding is not supported
     */
    public suspend fun read(message: String, protocol: String = "auto"): PhoneCall? =
        (room.call("read", "message" to message, "protocol" to protocol) as? JsonObject)?.let(::PhoneCall)

    /**
     * Whether Twilio signed a request: the header `X-Twilio-Signature`. [url] is the address as Twilio was given it (`wss://` for a media
     * stream), [params] are the fields of a form that was posted.
     */
    public suspend fun verifyTwilio(
        authToken: String,
        url: String,
        signature: String,
        params: Map<String, String> = emptyMap(),
    ): Boolean = room.call(
        "verify_twilio", "auth_token" to authToken, "url" to url, "signature" to signature, "params" to form(params),
    ).jsonPrimitive.boolean

    /** Whether Plivo signed a request: the headers `X-Plivo-Signature-V3` and `X-Plivo-Signature-V3-Nonce`; Vobiz has its own, made alike. */
    public suspend fun verifyPlivo(
        authToken: String,
        url: String,
        signature: String,
        nonce: String,
        params: Map<String, String> = emptyMap(),
    ): Boolean = room.call(
        "verify_plivo", "auth_token" to authToken, "url" to url, "signature" to signature, "nonce" to nonce, "params" to form(params),
    ).jsonPrimitive.boolean

    /**
     * Whether Telnyx signed a webhook within the last five minutes: the headers `telnyx-signature-ed25519` and `telnyx-timestamp`, and the
     * body as it came.
     */
    public suspend fun verifyTelnyx(publicKey: String, body: String, signature: String, timestamp: String): Boolean = room.call(
        "verify_telnyx", "public_key" to publicKey, "body" to body, "signature" to signature, "timestamp" to timestamp,
    ).jsonPrimitive.boolean

    private fun form(params: Map<String, String>) = JsonObject(params.mapValues { JsonPrimitive(it.value) })
}
