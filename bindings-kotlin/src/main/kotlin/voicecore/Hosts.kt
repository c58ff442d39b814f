package voicecore

import kotlin.coroutines.cancellation.CancellationException
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.takeWhile
import kotlinx.serialization.json.Json
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
}

/** A language model of your own. */
public fun interface LanguageModel {
    /** Writes the answer, piece by piece. */
    public fun generate(prompt: Prompt): Flow<String>
}

/** What a [ToolCallingModel] writes. */
public sealed interface Written {
    /** A piece of text. */
    public class Text(public val text: String) : Written

    /** A call of a tool. Its result is in the prompt of the next request. */
    public class Call(public val call: ToolCall) : Written
}

/** A language model of your own that calls tools, too. */
public interface ToolCallingModel : LanguageModel {
    /** Writes the answer, piece by piece. */
    public fun answer(prompt: Prompt): Flow<Written>

    override fun generate(prompt: Prompt): Flow<String> = answer(prompt).filterIsInstance<Written.Text>().map { it.text }
}

/** A voice of your own. */
public fun interface TextToSpeech {
    /** Speaks a text, chunk by chunk; every chunk has the same rate. */
    public fun synthesize(text: String, language: String?): Flow<Pcm>
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
) {
    internal fun lowered() = voicecore.ffi.Hosts(
        stt.map { voicecore.ffi.SttHost(nameOf(it, "stt"), SttHost(it)) },
        llm.map { voicecore.ffi.LlmHost(nameOf(it, "llm"), LlmHost(it), it is ToolCallingModel) },
        tts.map { voicecore.ffi.TtsHost(nameOf(it, "tts"), TtsHost(it)) },
        store?.let { voicecore.ffi.StoreHost(nameOf(it, "store"), StoreHost(it)) },
        tools.map { voicecore.ffi.ToolHost(it.definition.toString(), ToolHost(it)) },
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
}

internal class LlmHost(private val host: LanguageModel) : HostLlm {
    override suspend fun generate(requestJson: String, answer: TextAnswer): Unit = answer.use {
        hosted {
            val prompt = prompt(Json.parseToJsonElement(requestJson).jsonObject)
            val written = if (host is ToolCallingModel) host.answer(prompt) else host.generate(prompt).map { Written.Text(it) }
            written.takeWhile { answer.take(it) }.collect {}
        }
    }

    private fun TextAnswer.take(piece: Written): Boolean = when (piece) {
        is Written.Text -> send(piece.text)
        is Written.Call -> callTool(piece.call.id, piece.call.name, text(piece.call.arguments) ?: piece.call.arguments.toString())
    }

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
                .takeWhile { answer.send(it.samples.toBytes(), it.sampleRate.toUInt()) }.collect {}
        }
    }
}

internal class StoreHost(private val host: ConversationStore) : HostStore {
    override suspend fun call(method: String, argumentsJson: String): String = hosted {
        host.call(method, Json.parseToJsonElement(argumentsJson).jsonObject).toString()
    }
}
