package voicecore

import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.double
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

/** A voice that a provider has. */
public data class Voice(
    /** What names it in a config (`voice`), in an assistant (`voice_id`) and for a preview. */
    val id: String,
    /** What people call it. */
    val name: String = id,
    /** The languages that it speaks (BCP 47), its own first. None: the provider does not say; usually those of its model. */
    val languages: List<String> = emptyList(),
    /** As what it is heard: `female`, `male` or `neutral`; `null`: the provider does not say. */
    val gender: String? = null,
    /** What the provider says of it, in a sentence. */
    val description: String? = null,
    /** An address at which anybody hears it, without a key. */
    val previewUrl: String? = null,
    /** What else the provider says of it, by the provider's own names: `accent`, `age`, `use_case`, … */
    val labels: Map<String, String> = emptyMap(),
) {
    internal constructor(json: JsonObject) : this(
        json.id("id"),
        json.id("name"),
        json.getValue("languages").jsonArray.map { it.jsonPrimitive.content },
        json.text("gender"),
        json.text("description"),
        json.text("preview_url"),
        json.getValue("labels").jsonObject.mapValues { it.value.jsonPrimitive.content },
    )

    internal fun json(): JsonObject = JsonObject(
        mapOf(
            "id" to JsonPrimitive(id),
            "name" to JsonPrimitive(name),
            "languages" to JsonArray(languages.map(::JsonPrimitive)),
            "gender" to JsonPrimitive(gender),
            "description" to JsonPrimitive(description),
            "preview_url" to JsonPrimitive(previewUrl),
            "labels" to JsonObject(labels.mapValues { JsonPrimitive(it.value) }),
        ),
    )
}

/** How a voice sounds. */
public class VoicePreview internal constructor(json: JsonObject, sound: ByteArray?) {
    /** Who spoke: the provider and its model, for example `elevenlabs/eleven_flash_v2_5`. */
    public val provider: String = json.id("provider")

    /** The voice that was asked for; `null`: the provider's own. */
    public val voice: String? = json.text("voice")

    /** What was said. */
    public val text: String = json.id("text")

    /** In which language (BCP 47), if that was known. */
    public val language: String? = json.text("language")

    /** What kind of file it is, for example `audio/wav`. */
    public val mediaType: String = json.id("media_type")

    /** How many samples a second the voice makes. */
    public val sampleRate: Int = json.number("sample_rate")

    /** How long it lasts. */
    public val duration: Duration = json.getValue("audio_seconds").jsonPrimitive.double.seconds

    /** What was used. */
    public val usage: Usage = Usage(json.getValue("usage").jsonObject)

    /** What that cost; `null` without a price. */
    public val cost: Cost? = (json["cost"] as? JsonObject)?.let(::Cost)

    /** The sound, as a file. */
    public val file: ByteArray = sound ?: ByteArray(0)

    override fun toString(): String = "VoicePreview(provider=$provider, voice=$voice, duration=$duration)"
}

/** The voices of the agent's text to speech, and of every other that its assistants may name. */
public class Voices internal constructor(private val room: Room) {
    /** With the credentials of one organization. */
    public fun of(organization: String): Voices = Voices(room.with("organization" to organization))

    /**
     * The voices of a provider, in its order: all of its pages, at most [limit] (1–10,000).
     *
     * @param provider one of the agent's own list, by the name in its config or that of errors (`elevenlabs`), else any that an assistant
     *   may name; default: the first of the agent's own
     * @param language only those that can be asked to speak it (BCP 47); voices of which no language is known are always there
     * @throws VoiceException of code `INVALID_REQUEST` when the provider does not say which voices it has
     */
    public suspend fun list(provider: String? = null, language: String? = null, limit: Int = 10_000): Page<Voice> =
        room.page("list", ::Voice, "provider" to provider, "language" to language, "limit" to limit)

    /**
     * Has a voice speak a few words, at the price of speech. Nothing is stored.
     *
     * @param voice which, by its id; default: the provider's own
     * @param provider whose, as in [list]
     * @param settings how it is to speak, above what the config says: `stability`, `similarity`, `style`, `speed`, as far as the provider has
     *   them, and what only it knows
     * @param text what it says: 1–500 characters; default: a short greeting in its language
     * @param language the language of the text (BCP 47)
     * @param format of the file: `wav`, `ogg_opus`, `mp3`, `mu_law`, `a_law` or `pcm`
     */
    public suspend fun preview(
        voice: String? = null,
        provider: String? = null,
        settings: JsonObject? = null,
        text: String? = null,
        language: String? = null,
        format: String = "wav",
    ): VoicePreview {
        val answer = room.answer(
            "preview", "voice" to voice, "provider" to provider, "settings" to settings, "text" to text, "language" to language,
            "format" to format,
        )
        return VoicePreview(Json.parseToJsonElement(answer.json).jsonObject, answer.sound)
    }
}
