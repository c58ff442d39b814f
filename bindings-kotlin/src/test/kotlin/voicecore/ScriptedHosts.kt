package voicecore

import java.util.concurrent.atomic.AtomicInteger
import kotlin.coroutines.cancellation.CancellationException
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.DurationUnit
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.single
import kotlinx.coroutines.flow.takeWhile
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonObjectBuilder
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.double
import kotlinx.serialization.json.doubleOrNull
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import kotlinx.serialization.json.put

internal fun JsonElement?.text(): String? = this?.jsonPrimitive?.contentOrNull

private val REPORTS = setOf("usage", "finish_reason")

/** A host's script, and what it was asked. */
internal class Asked(private val role: String, private val script: JsonObject) {
    val calls = AtomicInteger()
    val listens = AtomicInteger()
    val warmUps = AtomicInteger()
    val cancelled = AtomicInteger()
    val canListen: Boolean get() = "listens" in script
    val name: String get() = "host/$role"
    val callsTools: Boolean get() = script["tools"]?.jsonPrimitive?.boolean ?: false

    val reports: Boolean get() = script["calls"]?.jsonArray.orEmpty().any { call -> call.jsonArray.any { it.jsonObject.keys.any(REPORTS::contains) } }

    /** Gets ready as the script says, if it says something. */
    suspend fun getReady(systemPrompt: String = "") {
        if ("warm_up" !in script) return
        play(nth("warm_up", warmUps)) { check(it["told"].text() == systemPrompt) { "told another system prompt" } }.collect()
    }

    fun next(): JsonArray = nth("calls", calls)

    val hasVoices: Boolean get() = "voices" in script

    /** The next script, if it is the one of this voice. */
    fun nextAs(voice: JsonElement): JsonArray {
        val (wanted, rest) = next().map { it.jsonObject }.partition { "speaks_as" in it }
        check(wanted.all { it.getValue("speaks_as") == voice }) { "asked for another voice" }
        return JsonArray(rest)
    }

    /** The voices that the script lists. */
    suspend fun voices(): JsonArray = play(script.getValue("voices").jsonArray) { it.getValue("json").jsonArray }.single()

    fun nextToHear(): JsonArray = nth("listens", listens)

    private fun nth(which: String, count: AtomicInteger): JsonArray {
        val call = count.getAndIncrement()
        val scripts = script.getValue(which).jsonArray
        return scripts[minOf(call, scripts.size - 1)].jsonArray
    }

    fun method(name: String): JsonArray {
        calls.incrementAndGet()
        return script.getValue("methods").jsonObject[name]?.jsonArray ?: JsonArray(listOf(JsonObject(mapOf("json" to JsonNull))))
    }

    fun <T> play(script: JsonArray, hear: suspend (Double) -> Unit = {}, item: (JsonObject) -> T): Flow<T> = flow {
        try {
            for (action in script.map { it.jsonObject }) {
                when {
                    "hear" in action -> hear(action.getValue("hear").jsonPrimitive.doubleOrNull ?: Double.POSITIVE_INFINITY)
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

internal open class ScriptedStt(protected val asked: Asked) : SpeechToText, Named {
    override val name get() = asked.name

    override fun transcribe(audio: Pcm, language: String?): Flow<Transcript> =
        asked.play(asked.next()) { transcript(it, audio.samples.size, language) }

    override suspend fun warmUp() = asked.getReady()

    protected fun transcript(action: JsonObject, samples: Int, language: String?): Transcript {
        val text = action["transcript"].text().orEmpty()
            .replace("{samples}", samples.toString()).replace("{language}", language ?: "none")
        return Transcript(text, action.getValue("final").jsonPrimitive.boolean, action["language"].text())
    }
}

internal class ScriptedListener(asked: Asked) : ScriptedStt(asked), StreamingSpeechToText {
    override fun listen(sound: Flow<Pcm>, language: String?): Flow<Transcript> {
        var samples = 0
        val hear: suspend (Double) -> Unit = { seconds ->
            sound.takeWhile { samples += it.samples.size; samples < seconds * 16_000 }.collect()
        }
        return asked.play(asked.nextToHear(), hear) { transcript(it, samples, language) }
    }
}

internal class ScriptedDetector(private val asked: Asked) : TurnDetector, Named {
    override val name get() = asked.name

    override suspend fun completeness(audio: Pcm): Double =
        asked.play(asked.next()) { it.getValue("completeness").jsonPrimitive.double }.single()

    override suspend fun warmUp() = asked.getReady()
}

internal class ScriptedLlm(private val asked: Asked) : LanguageModel, Named {
    override val name get() = asked.name

    override suspend fun warmUp(systemPrompt: String) = asked.getReady(systemPrompt)

    override fun generate(prompt: Prompt) = asked.play(asked.next()) {
        it["text"].text().orEmpty().replace("{count}", prompt.messages.size.toString())
            .replace("{system}", prompt.messages.first().content).replace("{last}", prompt.messages.last().content)
    }
}

internal open class ScriptedReporter(private val asked: Asked) : ReportingModel, Named {
    override val name get() = asked.name

    override suspend fun warmUp(systemPrompt: String) = asked.getReady(systemPrompt)

    override fun answer(prompt: Prompt) = asked.play(asked.next()) {
        val call = it["tool_call"]?.jsonObject
        if (call != null) return@play Written.Call(ToolCall(call["id"].text()!!, call["name"].text()!!, call.getValue("arguments")))
        it["finish_reason"].text()?.let { word -> return@play Written.Finished(FinishReason.entries.first { it.word == word }) }
        it["usage"]?.jsonObject?.let { used ->
            fun tokens(name: String) = used[name]?.jsonPrimitive?.long ?: 0
            return@play Written.Usage(tokens("input_tokens"), tokens("output_tokens"), tokens("cached_tokens"))
        }
        val said = it["text"].text().orEmpty().replace("{count}", prompt.messages.size.toString())
            .replace("{system}", prompt.messages.first().content).replace("{tools}", prompt.tools.joinToString(",") { it.name })
        Written.Text(said.replace("{last}", prompt.messages.last().content))
    }
}

internal class ScriptedToolModel(asked: Asked) : ScriptedReporter(asked), ToolCallingModel

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

internal open class ScriptedTts(protected val asked: Asked) : TextToSpeech, Named {
    override val name get() = asked.name

    override suspend fun warmUp() = asked.getReady()

    override fun synthesize(text: String, language: String?) = speakAs(JsonNull)

    protected fun speakAs(voice: JsonElement) = asked.play(asked.nextAs(voice)) {
        val rate = it.getValue("sample_rate").jsonPrimitive.int
        val words = it["words"]?.jsonArray.orEmpty().map { word -> word.jsonArray }.map { (text, start, end) ->
            SpokenWord(text.text()!!, start.jsonPrimitive.double.seconds, end.jsonPrimitive.double.seconds)
        }
        Pcm(ShortArray(it.getValue("audio_ms").jsonPrimitive.int * rate / 1000) { 1000 }, rate, words)
    }
}

internal class ScriptedChoir(asked: Asked) : ScriptedTts(asked), ManyVoices {
    override suspend fun voices(language: String?) = asked.voices().map { it.jsonObject }.map { voice ->
        Voice(
            voice["id"].text()!!,
            voice["name"].text() ?: voice["id"].text()!!,
            voice["languages"]?.jsonArray.orEmpty().map { it.text()!! },
            voice["gender"].text(),
            voice["description"].text(),
            voice["preview_url"].text(),
            voice["labels"]?.jsonObject.orEmpty().mapValues { it.value.text()!! },
        )
    }

    override fun synthesize(text: String, language: String?, voice: ChosenVoice) =
        speakAs(buildJsonObject { put("id", voice.id); put("settings", voice.settings) })
}

internal class ScriptedSink(private val asked: Asked) : MetricsSink {
    private val told = java.util.Collections.synchronizedList(mutableListOf<Report>())
    private val flushes = AtomicInteger()

    override suspend fun record(reports: List<Report>) {
        told += reports
        asked.play(asked.next()) {}.collect()
    }

    override suspend fun flush() {
        flushes.incrementAndGet()
    }

    /** What it was told, as the scenarios speak of it. */
    fun reports(dropped: Long) = buildJsonObject {
        put("told", JsonArray(told.map(::value)))
        put("flushes", flushes.get())
        put("dropped", dropped)
    }
}

private fun value(report: Report): JsonObject = when (report) {
    is CallReport -> buildJsonObject {
        traced("call", report.traceId, report.spanId, report.parentSpanId, report.startedAt, report.duration)
        put("session_id", report.sessionId); put("turn_id", report.turnId); put("stage", report.stage)
        put("provider", report.provider); put("first_result_ms", report.firstResult.ms()); put("attempts", report.attempts)
        put("usage", value(report.usage)); put("cost", report.cost?.let(::value) ?: JsonNull); put("error", report.error)
    }
    is ToolReport -> buildJsonObject {
        traced("tool", report.traceId, report.spanId, report.parentSpanId, report.startedAt, report.duration)
        put("session_id", report.sessionId); put("turn_id", report.turnId); put("name", report.name); put("error", report.error)
    }
    is TurnReport -> buildJsonObject {
        traced("turn", report.traceId, report.spanId, report.parentSpanId, report.startedAt, report.duration)
        put("session_id", report.sessionId); put("turn_id", report.turnId); put("organization_id", report.organizationId)
        put("assistant_id", report.assistantId); put("user", report.user); put("live", report.live); put("kind", report.kind)
        put("timings", buildJsonObject {
            put("transcript", report.timings.transcript.ms()); put("total", report.timings.total.ms())
        })
        put("first_audio_ms", report.firstAudio.ms()); put("end_of_utterance_delay_ms", report.endOfUtteranceDelay.ms())
        put("tool_calls", report.toolCalls); put("interrupted", report.interrupted); put("usage", value(report.usage))
        put("cost", report.cost?.let(::value) ?: JsonNull); put("error", report.error)
    }
    is SessionReport -> buildJsonObject {
        traced("session", report.traceId, report.spanId, report.parentSpanId, report.startedAt, report.duration)
        put("session_id", report.sessionId); put("organization_id", report.organizationId)
        put("assistant_id", report.assistantId); put("user", report.user); put("reason", report.reason)
        put("turns", report.turns); put("interruptions", report.interruptions); put("usage", value(report.usage))
        put("cost", report.cost?.let(::value) ?: JsonNull)
    }
}

private fun JsonObjectBuilder.traced(
    type: String, trace: String, span: String, parent: String?, startedAt: String, duration: Duration,
) {
    put("type", type); put("trace_id", trace); put("span_id", span); put("parent_span_id", parent)
    put("started_at", startedAt); put("duration_ms", duration.ms())
}

internal fun value(usage: Usage): JsonObject = buildJsonObject {
    put("input_tokens", usage.inputTokens); put("cached_tokens", usage.cachedTokens); put("output_tokens", usage.outputTokens)
    put("stt_seconds", usage.heard.toDouble(DurationUnit.SECONDS)); put("tts_characters", usage.ttsCharacters)
    put("tts_seconds", usage.spoken.toDouble(DurationUnit.SECONDS))
}

private fun Duration?.ms(): Double? = this?.toDouble(DurationUnit.MILLISECONDS)

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
