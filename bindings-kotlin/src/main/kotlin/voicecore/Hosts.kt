package voicecore

import kotlin.coroutines.cancellation.CancellationException
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.takeWhile
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
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
    /** What was said. */
    public val content: String,
)

/** What a language model is asked. */
public class Prompt(
    /** The instructions, the history, and last what the user said. */
    public val messages: List<PromptMessage>,
    /** The most tokens of the answer. */
    public val maxTokens: Int?,
    /** The sampling temperature, 0–2. */
    public val temperature: Double?,
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

/** Runs a host's code; whatever it throws reaches the library as a failure that it understands. */
private inline fun <T> hosted(work: () -> T): T = try {
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
            val request = Json.parseToJsonElement(requestJson).jsonObject
            val messages = request.getValue("messages").jsonArray.map {
                val message = it.jsonObject
                PromptMessage(
                    message.getValue("role").jsonPrimitive.content,
                    message.getValue("content").jsonPrimitive.content,
                )
            }
            val maxTokens: Int? = request["max_tokens"]?.let { Json.decodeFromJsonElement(it) }
            val temperature: Double? = request["temperature"]?.let { Json.decodeFromJsonElement(it) }
            host.generate(Prompt(messages, maxTokens, temperature)).takeWhile { answer.send(it) }.collect {}
        }
    }
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
