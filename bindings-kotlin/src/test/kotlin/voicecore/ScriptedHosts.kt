package voicecore

import java.util.concurrent.atomic.AtomicInteger
import kotlin.coroutines.cancellation.CancellationException
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long

internal fun JsonElement?.text(): String? = this?.jsonPrimitive?.contentOrNull

/** A host's script, and what it was asked. */
internal class Asked(private val role: String, private val script: JsonObject) {
    val calls = AtomicInteger()
    val cancelled = AtomicInteger()
    val name: String get() = "host/$role"
    val callsTools: Boolean get() = script["tools"]?.jsonPrimitive?.boolean ?: false

    fun next(): JsonArray {
        val call = calls.getAndIncrement()
        val scripts = script.getValue("calls").jsonArray
        return scripts[minOf(call, scripts.size - 1)].jsonArray
    }

    fun method(name: String): JsonArray {
        calls.incrementAndGet()
        return script.getValue("methods").jsonObject[name]?.jsonArray ?: JsonArray(listOf(JsonObject(mapOf("json" to JsonNull))))
    }

    fun <T> play(script: JsonArray, item: (JsonObject) -> T): Flow<T> = flow {
        try {
            for (action in script.map { it.jsonObject }) {
                when {
                    "wait_ms" in action -> delay(action.getValue("wait_ms").jsonPrimitive.long)
                    "throw" in action -> error(action["throw"].text().orEmpty())
                    "fail" in action -> throw failure(action.getValue("fail").jsonObject)
                    "no_answer" in action -> throw ProviderException("no answer", retryable = false)
                    "hang" in action -> awaitCancellation()
                    else -> emit(item(action))
                }
            }
        } catch (e: CancellationException) {
            cancelled.incrementAndGet()
            throw e
        }
    }

    private fun failure(of: JsonObject) = ProviderException(
        of["message"].text().orEmpty(),
        of["code"].text() ?: "PROVIDER_ERROR",
        of["retryable"]?.jsonPrimitive?.boolean,
        of["retry_after_ms"]?.jsonPrimitive?.long?.milliseconds,
    )
}

internal class ScriptedStt(private val asked: Asked) : SpeechToText, Named {
    override val name get() = asked.name

    override fun transcribe(audio: Pcm, language: String?) = asked.play(asked.next()) {
        val text = it["transcript"].text().orEmpty()
            .replace("{samples}", audio.samples.size.toString()).replace("{language}", language ?: "none")
        Transcript(text, it.getValue("final").jsonPrimitive.boolean, it["language"].text())
    }
}

internal class ScriptedLlm(private val asked: Asked) : LanguageModel, Named {
    override val name get() = asked.name

    override fun generate(prompt: Prompt) = asked.play(asked.next()) {
        it["text"].text().orEmpty().replace("{count}", prompt.messages.size.toString())
            .replace("{system}", prompt.messages.first().content).replace("{last}", prompt.messages.last().content)
    }
}

internal class ScriptedToolModel(private val asked: Asked) : ToolCallingModel, Named {
    override val name get() = asked.name

    override fun answer(prompt: Prompt) = asked.play(asked.next()) {
        val call = it["tool_call"]?.jsonObject
        if (call != null) return@play Written.Call(ToolCall(call["id"].text()!!, call["name"].text()!!, call.getValue("arguments")))
        val said = it["text"].text().orEmpty().replace("{count}", prompt.messages.size.toString())
            .replace("{system}", prompt.messages.first().content).replace("{tools}", prompt.tools.joinToString(",") { it.name })
        Written.Text(said.replace("{last}", prompt.messages.last().content))
    }
}

/** A tool as its script says it is. */
internal fun scriptedTool(name: String, script: JsonObject, asked: Asked): Tool = tool(
    name,
    script["description"].text().orEmpty(),
    script["parameters"]?.jsonObject,
    script["timeout_ms"]?.jsonPrimitive?.long?.milliseconds ?: 20.seconds,
    if (script["on_interruption"].text() == "run_on") OnInterruption.RUN_ON else OnInterruption.CANCEL,
    script["parallel"]?.jsonPrimitive?.boolean ?: true,
    script["background"]?.jsonPrimitive?.boolean ?: false,
) { arguments ->
    var answer: Any? = null
    val result = asked.play(asked.next()) { action ->
        val text = action["result"].text() ?: return@play action.getValue("json")
        arguments.entries.fold(text.replace("{user}", user ?: "none")) { said, (key, value) ->
            said.replace("{$key}", if (value is JsonPrimitive) value.content else value.toString())
        }
    }
    result.collect { answer = it }
    answer
}

internal class ScriptedTts(private val asked: Asked) : TextToSpeech, Named {
    override val name get() = asked.name

    override fun synthesize(text: String, language: String?) = asked.play(asked.next()) {
        val rate = it.getValue("sample_rate").jsonPrimitive.int
        Pcm(ShortArray(it.getValue("audio_ms").jsonPrimitive.int * rate / 1000) { 1000 }, rate)
    }
}

internal class ScriptedStore(private val asked: Asked) : ConversationStore, Named {
    override val name get() = asked.name

    override suspend fun call(method: String, arguments: JsonObject): JsonElement =
        asked.play(asked.method(method)) { it["json"] ?: JsonNull }.last()

    private suspend fun Flow<JsonElement>.last(): JsonElement {
        var answer: JsonElement = JsonNull
        collect { answer = it }
        return answer
    }
}
