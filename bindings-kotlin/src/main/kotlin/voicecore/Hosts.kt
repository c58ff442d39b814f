package voicecore

import kotlin.coroutines.cancellation.CancellationException
import kotlin.time.DurationUnit
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.takeWhile
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.decodeFromJsonElement
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import voicecore.ffi.AudioAnswer
import voicecore.ffi.HostFailure
import voicecore.ffi.HostLlm
import voicecore.ffi.HostStore
import voicecore.ffi.HostStt
import voicecore.ffi.HostTts
import voicecore.ffi.HostTurnDetector
import voicecore.ffi.SpokenSound
import voicecore.ffi.TextAnswer
import voicecore.ffi.TranscriptAnswer

/** What a recogniser of your own hears. */
public class Transcript(
    /** Everything recognised so far. */
    public val text: String,
    /** Whether this is the last word on it. */
    public val isFinal: Boolean = true,
    /** The language (BCP 47), when it is known. */
    public val language: String? = null,
)

/** One message of a prompt. */
public class PromptMessage(
    /** `system`, `user`, `assistant` or `tool`. */
    public val role: String,
    /** What was said; of a tool, its result. */
    public val content: String,
    /** The tools that the assistant calls with this message. Messages of the role `tool` that follow at once answer them. */
    public val toolCalls: List<ToolCall> = emptyList(),
    /** Of a tool: the call that it answers. */
    public val toolCallId: String? = null,
    /** Of a tool: its name. */
    public val name: String? = null,
    /** Of a tool: whether it failed. */
    public val failed: Boolean = false,
)

/** A tool, as a language model is told of it. */
public class ToolSpec(
    /** Its name. */
    public val name: String,
    /** What it does and when to call it. */
    public val description: String,
    /** The JSON schema of its arguments, an object. */
    public val parameters: JsonObject,
)

/** What a language model is asked. */
public class Prompt(
    /** The instructions, the history, and last what the user said. */
    public val messages: List<PromptMessage>,
    /** The most tokens of the answer. */
    public val maxTokens: Int?,
    /** The sampling temperature, 0–2. */
    public val temperature: Double?,
    /** The tools that the model may call. Only a [ToolCallingModel] is told of any. */
    public val tools: List<ToolSpec> = emptyList(),
    /** Whether it may call them now; else it shall answer in words. */
    public val mayCallTools: Boolean = tools.isNotEmpty(),
    /** Whether it may ask for several calls at once. */
    public val parallelToolCalls: Boolean = true,
)

/**
 * A recogniser of your own.
 *
 * The flow of every provider is collected on a background dispatcher and cancelled as soon as nobody wants its items: the turn was
 * cancelled, timed out, or was answered otherwise. Time-outs, retries and fallback are the library's.
 */
public fun interface SpeechToText {
    /** Transcribes 16 kHz mono samples: interim transcripts if any, then one that is final. */
    public fun transcribe(audio: Pcm, language: String?): Flow<Transcript>

    /**
     * Gets ready before it is asked for the first time: opens a connection, loads a model. [VoiceAgent.warmUp] calls it and waits for it;
     * what it throws is thrown there. Does nothing by default.
     */
    public suspend fun warmUp() {}
}

/** A recogniser of your own that recognises speech while it is spoken, too. */
public interface StreamingSpeechToText : SpeechToText {
    /**
     * Recognises one utterance of a live session while it is spoken: interim transcripts as they come, each with everything said so
     * far, then, once [sound] is over, one that is final. Whatever fails here costs no words: the utterance is then given to [transcribe].
     *
     * @param sound the utterance, 16 kHz mono, in pieces of any length. What is not collected waits; a recogniser that takes none for the
     *   idle time-out counts as failed. Collecting it again goes on where it was left
     */
    public fun listen(sound: Flow<Pcm>, language: String?): Flow<Transcript>
}

/** What hears the end of turns, of your own: asked in live sessions whose config has `turnDetection = "model"`. */
public fun interface TurnDetector {
    /**
     * Says how likely the speaker is done, 0–1, given the latest eight seconds at most of the turn, 16 kHz mono, which end with a short
     * silence. Asked at every pause; when it fails, or takes longer than the longest pause, the words alone tell.
     */
    public suspend fun completeness(audio: Pcm): Double

    /** Gets ready before it is asked for the first time, as [SpeechToText.warmUp]. Does nothing by default. */
    public suspend fun warmUp() {}
}

/** A language model of your own. */
public fun interface LanguageModel {
    /** Writes the answer, piece by piece. */
    public fun generate(prompt: Prompt): Flow<String>

    /** Gets ready as [SpeechToText.warmUp], for prompts that will begin with [systemPrompt]. Does nothing by default. */
    public suspend fun warmUp(systemPrompt: String) {}
}

/** What a [ReportingModel] writes. */
public sealed interface Written {
    /** A piece of text. */
    public class Text(public val text: String) : Written

    /** A call of a tool. Its result is in the prompt of the next request. */
    public class Call(public val call: ToolCall) : Written

    /** What was used, for metrics and costs; usually at the end. What is said more than once adds up. */
    public class Usage(
        /** Tokens of the prompt. */
        public val inputTokens: Long,
        /** Tokens that the model wrote. */
        public val outputTokens: Long,
        /** Of those of the prompt, tokens that were served from a cache. */
        public val cachedTokens: Long = 0,
    ) : Written

    /** Why the model stopped. One that does not say was done, or called tools. When nothing was said, the error of the turn tells it. */
    public class Finished(public val reason: FinishReason) : Written
}

/** Why a language model stopped. */
public enum class FinishReason(internal val word: String) {
    /** It was done. */
    STOP("stop"),

    /** It waits for the results of the tools that it called. */
    TOOL_CALLS("tool_calls"),

    /** It reached the most tokens. */
    LENGTH("length"),

    /** The answer, or the rest of it, was withheld. */
    CONTENT_FILTER("content_filter"),

    /** Something else. */
    OTHER("other"),
}

/** A language model of your own that says more of its answer than its words: what was used, and why it stopped. */
public interface ReportingModel : LanguageModel {
    /** Writes the answer, piece by piece. */
    public fun answer(prompt: Prompt): Flow<Written>

    override fun generate(prompt: Prompt): Flow<String> = answer(prompt).filterIsInstance<Written.Text>().map { it.text }
}

/** A language model of your own that calls tools, too, by [Written.Call]. */
public interface ToolCallingModel : ReportingModel

/** A voice of your own. */
public fun interface TextToSpeech {
    /** Speaks a text, chunk by chunk; every chunk has the same rate. */
    public fun synthesize(text: String, language: String?): Flow<Pcm>

    /** Gets ready before it is asked for the first time, as [SpeechToText.warmUp]. Does nothing by default. */
    public suspend fun warmUp() {}
}

/** One of several voices, and how it is to speak. */
public class ChosenVoice(
    /** The voice, by its id; `null`: your own choice. */
    public val id: String?,
    /** How it is to speak: `stability`, `similarity`, `style`, `speed`, and whatever else of your own. */
    public val settings: JsonObject,
)

/** Several voices of your own. */
public interface ManyVoices : TextToSpeech {
    /** Lists them, for [Voices.list]. Those that do not speak [language] (BCP 47) may be left out. */
    public suspend fun voices(language: String?): List<Voice>

    /** Speaks a text as one of them, for [Voices.preview]. */
    public fun synthesize(text: String, language: String?, voice: ChosenVoice): Flow<Pcm>
}

/**
 * A conversation store of your own: one function, JSON in and out. Methods and arguments are listed in the README.
 */
public fun interface ConversationStore {
    /** Runs one method and gives its answer. */
    public suspend fun call(method: String, arguments: JsonObject): JsonElement
}

/**
 * Your own objects, any number for each role.
 *
 * In a list of providers of the config, `"host/0"` is the first of that role, `"host/1"` the second; a role that the config does not name
 * so has its objects in place of what the config says, tried in their order.
 */
public class Hosts(
    /** Speech to text. */
    public val stt: List<SpeechToText> = emptyList(),
    /** Language models. */
    public val llm: List<LanguageModel> = emptyList(),
    /** Text to speech. */
    public val tts: List<TextToSpeech> = emptyList(),
    /** Where conversations are kept. */
    public val store: ConversationStore? = null,
    /** What the language model may call. */
    public val tools: List<Tool> = emptyList(),
    /** What hears the end of turns; default: the model `smart-turn`. */
    public val turnDetector: TurnDetector? = null,
    /** What is told what was measured. */
    public val metrics: MetricsSink? = null,
) {
    internal fun lowered() = voicecore.ffi.Hosts(
        stt.map { voicecore.ffi.SttHost(nameOf(it, "stt"), SttHost(it), it is StreamingSpeechToText) },
        llm.map { voicecore.ffi.LlmHost(nameOf(it, "llm"), LlmHost(it), it is ToolCallingModel) },
        tts.map { voicecore.ffi.TtsHost(nameOf(it, "tts"), TtsHost(it), it is ManyVoices) },
        turnDetector?.let { voicecore.ffi.TurnDetectorHost(nameOf(it, "turn-detector"), TurnDetectorHost(it)) },
        store?.let { voicecore.ffi.StoreHost(nameOf(it, "store"), StoreHost(it)) },
        tools.map(Tool::lowered),
        metrics?.let(::MetricsHost),
    )

    /** How errors and metrics name a host's object: as it names itself, else by its class. */
    private fun nameOf(host: Any, role: String): String = when {
        host is Named -> host.name
        else -> "host/" + (host::class.simpleName ?: role)
    }
}

/** Runs a host's code; whatever it throws reaches the library as a failure that it understands. */
internal inline fun <T> hosted(work: () -> T): T = try {
    work()
} catch (e: CancellationException) {
    throw e
} catch (e: ProviderException) {
    val after = e.retryAfter?.inWholeMilliseconds?.coerceAtLeast(0)?.toULong()
    throw HostFailure.Failed(e.code, e.message.orEmpty(), e.retryable, after)
} catch (e: Throwable) {
    throw HostFailure.Failed(null, "${e.javaClass.simpleName}: ${e.message}", null, null)
}

internal class SttHost(private val host: SpeechToText) : HostStt {
    override suspend fun transcribe(pcm: ByteArray, language: String?, answer: TranscriptAnswer): Unit = answer.use {
        hosted {
            host.transcribe(Pcm(pcm.toSamples(), 16_000), language)
                .takeWhile { answer.send(it.text, it.isFinal, it.language) }.collect {}
        }
    }

    override suspend fun listen(sound: SpokenSound, language: String?, answer: TranscriptAnswer): Unit = answer.use {
        sound.use {
            val spoken = flow { while (true) emit(Pcm((sound.next() ?: break).toSamples(), 16_000)) }
            hosted {
                // Only asked of one that listens.
                (host as StreamingSpeechToText).listen(spoken, language)
                    .takeWhile { answer.send(it.text, it.isFinal, it.language) }.collect {}
            }
        }
    }

    override suspend fun warmUp(): Unit = hosted { host.warmUp() }
}

internal class TurnDetectorHost(private val host: TurnDetector) : HostTurnDetector {
    override suspend fun completeness(pcm: ByteArray): Double = hosted { host.completeness(Pcm(pcm.toSamples(), 16_000)) }

    override suspend fun warmUp(): Unit = hosted { host.warmUp() }
}

internal class LlmHost(private val host: LanguageModel) : HostLlm {
    override suspend fun generate(requestJson: String, answer: TextAnswer): Unit = answer.use {
        hosted {
            val prompt = prompt(Json.parseToJsonElement(requestJson).jsonObject)
            val written = if (host is ReportingModel) host.answer(prompt) else host.generate(prompt).map { Written.Text(it) }
            written.takeWhile { answer.take(it) }.collect {}
        }
    }

    override suspend fun warmUp(systemPrompt: String): Unit = hosted { host.warmUp(systemPrompt) }

    private fun TextAnswer.take(piece: Written): Boolean = when (piece) {
        is Written.Text -> send(piece.text)
        is Written.Call -> callTool(piece.call.id, piece.call.name, text(piece.call.arguments) ?: piece.call.arguments.toString())
        is Written.Usage -> used(tokens(piece.inputTokens), tokens(piece.cachedTokens), tokens(piece.outputTokens))
        is Written.Finished -> finished(piece.reason.word)
    }

    private fun tokens(count: Long): ULong = count.coerceAtLeast(0).toULong()

    private fun text(value: JsonElement?): String? = (value as? JsonPrimitive)?.takeIf { it.isString }?.content

    private fun prompt(request: JsonObject): Prompt {
        val tools = request["tools"]?.jsonArray.orEmpty().map { it.jsonObject }.map {
            ToolSpec(text(it["name"]).orEmpty(), text(it["description"]).orEmpty(), it.getValue("parameters").jsonObject)
        }
        return Prompt(
            request.getValue("messages").jsonArray.map { message(it.jsonObject) },
            request["max_tokens"]?.let { Json.decodeFromJsonElement<Int>(it) },
            request["temperature"]?.let { Json.decodeFromJsonElement<Double>(it) },
            tools,
            text(request["tool_choice"]) == "auto",
            request["parallel_tool_calls"]?.jsonPrimitive?.boolean ?: true,
        )
    }

    private fun message(message: JsonObject) = PromptMessage(
        text(message["role"]).orEmpty(),
        text(message["content"]).orEmpty(),
        message["tool_calls"]?.jsonArray.orEmpty().map { it.jsonObject }.map {
            ToolCall(text(it["id"]).orEmpty(), text(it["name"]).orEmpty(), it.getValue("arguments"))
        },
        text(message["tool_call_id"]),
        text(message["name"]),
        message["failed"]?.jsonPrimitive?.boolean ?: false,
    )
}

internal class TtsHost(private val host: TextToSpeech) : HostTts {
    override suspend fun synthesize(text: String, language: String?, answer: AudioAnswer): Unit = answer.use {
        hosted {
            host.synthesize(text, language)
                .takeWhile { answer.take(it) }.collect {}
        }
    }

    override suspend fun synthesizeAs(text: String, language: String?, voiceJson: String, answer: AudioAnswer): Unit = answer.use {
        hosted {
            val voice = Json.parseToJsonElement(voiceJson).jsonObject
            val chosen = ChosenVoice(voice.text("id"), voice.getValue("settings").jsonObject)
            // Only asked of one that has several.
            (host as ManyVoices).synthesize(text, language, chosen)
                .takeWhile { answer.take(it) }.collect {}
        }
    }

    private fun AudioAnswer.take(chunk: Pcm): Boolean {
        chunk.words.forEach { word(it.text, it.start.toDouble(DurationUnit.SECONDS), it.end.toDouble(DurationUnit.SECONDS)) }
        return send(chunk.samples.toBytes(), chunk.sampleRate.toUInt())
    }

    override suspend fun voices(language: String?): String? =
        hosted { (host as? ManyVoices)?.voices(language)?.let { all -> JsonArray(all.map(Voice::json)).toString() } }

    override suspend fun warmUp(): Unit = hosted { host.warmUp() }
}

internal class StoreHost(private val host: ConversationStore) : HostStore {
    override suspend fun call(method: String, argumentsJson: String): String = hosted {
        host.call(method, Json.parseToJsonElement(argumentsJson).jsonObject).toString()
    }
}
