package voicecore

import java.math.BigDecimal
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import voicecore.ffi.Event

/** What a turn gave. It frees itself; nothing needs to be closed. */
public class Reply internal constructor(private val native: voicecore.ffi.Reply) {
    private val fields = native.fields()

    /** What the user said. */
    public val transcript: String get() = fields.transcript

    /** What the agent answered. */
    public val text: String get() = fields.text

    /** The language of the user's words (BCP 47), when the recogniser told. */
    public val language: String? get() = fields.language

    /** The language of the answer, where an interpreter speaks; the user's own when something is said again. */
    public val textLanguage: String? get() = fields.textLanguage

    /** What has to be acted on, where `actions.on_replies` in the config waits for it. */
    public val actions: List<Action> = fields.actionsJson.map(Action::of)

    /** The passages of documents that the model was given to answer from, the best first. */
    public val sources: List<Source> get() = spent.sources

    /** Why the documents could not be searched, if they could not: the answer does without them. */
    public val knowledgeError: VoiceException? = fields.knowledgeError?.let(VoiceException::of)

    /** The session, new or continued: give it to the next turn. */
    public val sessionId: String get() = fields.sessionId

    /** This turn. */
    public val turnId: String get() = fields.turnId

    /** The stored message of the user. */
    public val userMessageId: String get() = fields.userMessageId

    /** The stored message of the agent. */
    public val assistantMessageId: String get() = fields.assistantMessageId

    /** Why sound is missing or incomplete although there is text. */
    public val audioError: VoiceException? = fields.audioError?.let(VoiceException::of)

    /** The tools that the model called, in the order of its calls. */
    public val toolCalls: List<ToolCallRecord> = fields.toolCalls.map(::ToolCallRecord)

    private val spent by lazy { Spent(json) }

    /** What was used, as far as the providers say. */
    public val usage: Usage get() = spent.usage

    /** When the stages of the turn came through. */
    public val timings: Timings get() = spent.timings

    /** What it cost, where every model that was called has a price in the config. */
    public val cost: Cost? = fields.cost?.let(::Cost)

    /** Everything but the sound as JSON, with the times of every stage and what was used. */
    public val json: String by lazy { native.json() }

    /** The answer's sound. */
    public val audio: ReplyAudio = ReplyAudio(native, fields.sampleRate.toInt(), fields.audioSeconds.seconds)

    override fun toString(): String = "Reply(sessionId=$sessionId, turnId=$turnId)"
}

/** What the JSON of a reply, of an exchange or of a session says of its times, its sources and of what was used. */
internal class Spent(json: String) {
    private val told = Json.parseToJsonElement(json).jsonObject

    val usage: Usage get() = Usage(told.getValue("usage").jsonObject)
    val timings: Timings get() = Timings(told.getValue("timings_ms").jsonObject)
    val sources: List<Source> get() = told["sources"]?.jsonArray.orEmpty().map { Source(it.jsonObject) }
}

/** How much was used, as far as the providers say. */
public data class Usage(
    /** Tokens in the language model's prompt. */
    val inputTokens: Long,
    /** Of those, tokens that were served from a cache. */
    val cachedTokens: Long,
    /** Tokens that the language model wrote. */
    val outputTokens: Long,
    /** Speech that was transcribed. */
    val heard: Duration,
    /** Characters that were spoken. */
    val ttsCharacters: Long,
    /** Speech that was produced. */
    val spoken: Duration,
) {
    internal constructor(fields: voicecore.ffi.UsageFields) : this(
        fields.inputTokens.toLong(),
        fields.cachedTokens.toLong(),
        fields.outputTokens.toLong(),
        fields.sttSeconds.seconds,
        fields.ttsCharacters.toLong(),
        fields.ttsSeconds.seconds,
    )

    internal constructor(json: JsonObject) : this(
        json.whole("input_tokens"),
        json.whole("cached_tokens"),
        json.whole("output_tokens"),
        (json.real("stt_seconds") ?: 0.0).seconds,
        json.whole("tts_characters"),
        (json.real("tts_seconds") ?: 0.0).seconds,
    )
}

/** An amount of money. */
public data class Cost(
    /** The currency: three capital letters (ISO 4217). */
    val currency: String,
    /** The amount, exactly. */
    val amount: BigDecimal,
    /** The amount in millionths of the currency's unit, rounded to the nearest. */
    val micros: Long,
) {
    internal constructor(fields: voicecore.ffi.CostFields) : this(
        fields.currency,
        BigDecimal(fields.amount),
        fields.micros.toLong(),
    )

    internal constructor(json: JsonObject) : this(
        json.text("currency").orEmpty(),
        BigDecimal(json.text("amount") ?: "0"),
        json.whole("micros"),
    )
}

/** The sound of a reply. */
public class ReplyAudio internal constructor(
    private val native: voicecore.ffi.Reply,
    /** Samples a second. */
    public val sampleRate: Int,
    /** How long it lasts; zero when there is none. */
    public val duration: Duration,
) {
    /** Mono samples; copied from the library at each call. */
    public fun samples(): ShortArray = native.pcm().toSamples()

    /** The bytes of a file: `wav`, `ogg_opus`, `mp3`, `mu_law`, `a_law` or `pcm`. */
    public fun encoded(format: String = "wav"): ByteArray = translated { native.encoded(format) }

    /** Writes a file in the format that its name says. */
    public suspend fun save(path: String): Unit = withContext(Dispatchers.IO) { translated { native.save(path) } }
}

/** What happens in a turn. The last event of a turn that succeeds is [Done]; a turn that fails ends its flow with an exception. */
public sealed interface TurnEvent {
    /** The turn was admitted. */
    public data class Started(val sessionId: String, val turnId: String) : TurnEvent

    /** Everything recognised so far; a later transcript replaces an earlier one. */
    public class Transcript(public val text: String, public val isFinal: Boolean, public val language: String?) : TurnEvent

    /** The passages of documents that the model is given to answer from, the best first. */
    public class Sources(public val sources: List<Source>) : TurnEvent

    /** The documents could not be searched; the turn goes on without them. */
    public class KnowledgeFailed(public val error: VoiceException) : TurnEvent

    /** The next piece of the answer's text. */
    public class Text(public val delta: String) : TurnEvent

    /** What the sound that follows says. */
    public class Speaking(public val text: String) : TurnEvent

    /** What the sound that follows says to fill the time that a tool takes. No part of the answer; it is not stored. */
    public class Filler(public val text: String) : TurnEvent

    /** The model calls a tool. */
    public class ToolCall(public val call: voicecore.ToolCall) : TurnEvent

    /** A tool is done, or failed and the model is told why. */
    public class ToolResult(public val call: ToolCallRecord) : TurnEvent

    /** The next piece of the answer's sound, gapless with the one before: mono 16-bit samples. */
    public class Audio(public val pcm: ShortArray, public val sampleRate: Int) : TurnEvent

    /** A provider call ended. */
    public data class Metrics(
        val stage: String,
        val provider: String,
        val firstResult: Duration?,
        val total: Duration,
        val attempts: Int,
        val usage: Usage,
        val cost: Cost?,
    ) : TurnEvent

    /** Something that was said has to be acted on. Told only where `actions.on_replies` in the config waits for it. */
    public class ActionDetected(public val action: Action) : TurnEvent

    /** Speech failed; the turn goes on without (the rest of) its sound. */
    public class AudioFailed(public val error: VoiceException) : TurnEvent

    /** The turn is complete and stored. */
    public class Done(public val reply: Reply) : TurnEvent
}

/** The event as users see it; `null` for a kind that this version does not know. */
internal fun Event.raised(): TurnEvent? = when (this) {
    is Event.Started -> TurnEvent.Started(sessionId, turnId)
    is Event.Transcript -> TurnEvent.Transcript(text, isFinal, language)
    is Event.Sources -> TurnEvent.Sources(Source.all(sourcesJson))
    is Event.KnowledgeFailed -> TurnEvent.KnowledgeFailed(VoiceException.of(error))
    is Event.Text -> TurnEvent.Text(delta)
    is Event.Speaking -> TurnEvent.Speaking(text)
    is Event.Filler -> TurnEvent.Filler(text)
    is Event.ToolCall -> TurnEvent.ToolCall(ToolCall(id, name, Json.parseToJsonElement(argumentsJson)))
    is Event.ToolResult -> TurnEvent.ToolResult(ToolCallRecord(call))
    is Event.Audio -> TurnEvent.Audio(pcm.toSamples(), sampleRate.toInt())
    is Event.Metrics ->
        TurnEvent.Metrics(
            stage,
            provider,
            firstResultMs?.milliseconds,
            totalMs.milliseconds,
            attempts.toInt(),
            Usage(usage),
            cost?.let(::Cost),
        )
    is Event.ActionDetected -> TurnEvent.ActionDetected(Action.of(actionJson))
    is Event.AudioFailed -> TurnEvent.AudioFailed(VoiceException.of(error))
    is Event.Done -> TurnEvent.Done(Reply(reply))
    // Only live sessions tell the others.
    else -> null
}
