package voicecore

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.concurrent.ConcurrentHashMap
import kotlin.coroutines.cancellation.CancellationException
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.DurationUnit
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.transformWhile
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.supervisorScope
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
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
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory

/** Plays the scenarios of `tests/conformance`; what they mean is told in the README there. */
class ConformanceTest {
    @TestFactory
    fun everyScenarioHolds(): List<DynamicTest> {
        val folder = File(System.getProperty("conformance", "../tests/conformance"))
        val files = folder.listFiles { file -> file.extension == "json" }!!.sorted()
            .associate { it.name to Json.parseToJsonElement(it.readText()).jsonObject }
        val scenarios = files.values.flatMap { it["scenarios"]?.jsonArray.orEmpty() }.map { it.jsonObject }
        val (impossible, possible) = scenarios.partition { s -> s["needs"]?.jsonArray.orEmpty().any { it.text() == "panic" } }
        impossible.forEach { println("n/a - ${it["name"].text()}: Kotlin has no panic") }
        return possible.map { scenario ->
            val name = scenario["name"].text()!!
            DynamicTest.dynamicTest(name) { reported(name) { Scenario(files.getValue("defaults.json"), scenario).play() } }
        }
    }

    private fun reported(name: String, play: suspend () -> Unit) = try {
        runBlocking(Dispatchers.Default) { withTimeout(60.seconds) { play() } }
        passed++
        println("ok - $name")
    } catch (e: Throwable) {
        failed++
        println("FAIL - $name: $e")
        throw e
    }

    companion object {
        private var passed = 0
        private var failed = 0

        @AfterAll
        @JvmStatic
        fun sumUp() = println("kotlin: $passed passed, $failed failed")
    }
}

/** How a step ended. */
private class Outcome(val value: JsonElement = JsonNull, val error: JsonElement = JsonNull, val events: JsonElement = JsonNull)

private class Scenario(private val defaults: JsonObject, private val scenario: JsonObject) {
    private val scripts = over("hosts").filterValues { it !is JsonNull }.mapValues { it.value.jsonObject }
    private val tools = scripts["tools"].orEmpty().mapValues { it.value.jsonObject }
    private val asked = ConcurrentHashMap((scripts - "tools").mapValues { (role, script) -> Asked(role, script) })
    private val saved = mutableMapOf<String, String>()
    private val sink = asked["metrics"]?.let(::ScriptedSink)
    private lateinit var agent: VoiceAgent

    private fun over(part: String): Map<String, JsonElement> =
        defaults.getValue(part).jsonObject + scenario[part]?.jsonObject.orEmpty()

    /** Tools by their names, which from now on are among the hosts. */
    private fun tools(scripts: Map<String, JsonObject>): List<Tool> = scripts.map { (name, script) ->
        val host = Asked("tool:$name", script)
        asked["tool:$name"] = host
        scriptedTool(name, script, host)
    }

    private fun toolsOf(step: JsonObject): List<Tool> = tools(step["tools"]?.jsonObject.orEmpty().mapValues { it.value.jsonObject })

    suspend fun play() {
        val build = scenario["build"]?.jsonObject
        try {
            agent = VoiceAgent.create(
                JsonObject(over("config")).toString(),
                asked["stt"]?.let { if (it.canListen) ScriptedListener(it) else ScriptedStt(it) },
                asked["llm"]?.let { if (it.callsTools) ScriptedToolModel(it) else if (it.reports) ScriptedReporter(it) else ScriptedLlm(it) },
                asked["tts"]?.let { if (it.hasVoices) ScriptedChoir(it) else ScriptedTts(it) },
                asked["store"]?.let(::ScriptedStore),
                tools(tools),
                asked["turn_detector"]?.let(::ScriptedDetector),
                sink,
            )
        } catch (e: VoiceException) {
            return match(build?.get("error") ?: throw e, value(e), "the error of building")
        }
        check(build == null) { "the agent was built" }
        agent.use {
            for (step in scenario.getValue("steps").jsonArray) {
                val copies = step.jsonObject["copies"]?.jsonPrimitive?.int ?: 1
                val kept = coroutineScope { (0 until copies).map { async { step(step, it) } }.awaitAll() }
                kept.forEach(saved::putAll)
            }
            after(scenario["after"] ?: return)
        }
    }

    /** Makes one copy of a step; gives what it saves. */
    private suspend fun step(template: JsonElement, copy: Int): Map<String, String> {
        val text = saved.entries.fold(template.toString().replace("{n}", "$copy")) { t, (name, value) -> t.replace("{$name}", value) }
        val step = Json.parseToJsonElement(text).jsonObject
        val outcome = when (step["do"].text()) {
            "turn" -> turn(step)
            "stream" -> stream(step)
            "live" -> live(step)
            "sessions", "accounts", "assistants", "audit", "knowledge", "telephony", "webhooks", "realtime", "voices" -> caught {
                val acting = step["as"]?.let { agent.withPrincipal(principal(it.jsonObject)) } ?: agent
                Rooms(acting, step.getValue("arguments").jsonObject).call(step["do"].text()!!, step["method"].text()!!)
            }
            "close" -> caught { agent.shutDown().let { JsonNull } }
            "reports" -> Outcome(sink!!.reports(agent.droppedReports))
            "warm_up" -> caught { agent.warmUp().let { JsonNull } }
            "fail_with" -> caught { Testing.failWith(step["code"].text()!!).let { JsonNull } }
            else -> error("there is no step ${step["do"]}")
        }
        if ("abandon" in step) return emptyMap()
        val expect = step["expect"]?.jsonObject.orEmpty()
        check(outcome.error is JsonNull || "error" in expect) { "it failed: ${outcome.error}" }
        check(outcome.error !is JsonNull || "error" !in expect) { "it did not fail but gave ${outcome.value}" }
        expect["error"]?.let { match(it, outcome.error, "the error") }
        expect["reply"]?.let { match(it, outcome.value, "the reply") }
        expect["summary"]?.let { match(it, outcome.value, "the summary") }
        expect["value"]?.let { match(it, outcome.value, "the value") }
        expect["events"]?.let { match(it, outcome.events, "the events") }
        return step["save"]?.jsonObject.orEmpty().mapValues { (_, path) -> inner(outcome.value, path.text()!!).text()!! }
    }

    private suspend fun caught(work: suspend () -> JsonElement): Outcome = try {
        Outcome(work())
    } catch (e: VoiceException) {
        Outcome(error = value(e))
    } catch (e: CancellationException) {
        // Of the step's own coroutine; the scenario goes on.
        Outcome(error = JsonObject(mapOf("code" to JsonPrimitive("CANCELLED"))))
    }

    private suspend fun turn(step: JsonObject): Outcome = supervisorScope {
        val cancel = step["cancel"].text()
        val before = cancel?.let { asked[it] }?.calls?.get()
        val call = Options(step["options"])
        val turn = async {
            val tools = toolsOf(step)
            value(agent.converse(input(step), call.session, call.user, call.language, call.deadline, call.speak, tools = tools))
        }
        if (cancel != null) {
            while (before != null && asked.getValue(cancel).calls.get() == before) delay(1)
            turn.cancel()
        }
        caught { turn.await() }
    }

    private suspend fun stream(step: JsonObject): Outcome {
        val call = Options(step["options"])
        val (cancel, abandon) = step["cancel"].text() to step["abandon"].text()
        val seen = Seen()
        val outcome = coroutineScope {
            val reading = async {
                caught {
                    agent.turn(input(step), call.session, call.user, call.language, call.deadline, call.speak, tools = toolsOf(step))
                        .transformWhile { emit(it); "event:${kind(it)}" != abandon }
                        .collect {
                            seen.take(it)
                            if ("event:${kind(it)}" == cancel) currentCoroutineContext().cancel()
                        }
                    seen.reply
                }
            }
            reading.join()
            if (reading.isCancelled) Outcome(error = JsonObject(mapOf("code" to JsonPrimitive("CANCELLED")))) else reading.await()
        }
        return Outcome(outcome.value, outcome.error, seen.value())
    }

    private suspend fun live(step: JsonObject): Outcome {
        var events: JsonElement = JsonNull
        val outcome = caught {
            agent.live((step["options"] ?: JsonObject(emptyMap())).toString(), toolsOf(step)).use {
                val scenario = LiveScenario(it, step["wire"]?.jsonPrimitive?.boolean == true, step["phone"].text(), ::after)
                scenario.play(step["script"]?.jsonArray ?: JsonArray(emptyList())).also { events = scenario.value() }
            }
        }
        return Outcome(outcome.value, outcome.error, events)
    }

    private suspend fun after(expected: JsonElement) {
        var left = 500
        while (true) {
            val counts = JsonObject(asked.mapValues { (_, host) ->
                buildJsonObject {
                    put("calls", host.calls.get())
                    put("listens", host.listens.get())
                    put("warm_ups", host.warmUps.get())
                    put("cancelled", host.cancelled.get())
                }
            })
            val why = difference(expected, counts) ?: return
            check(left-- > 0) { "what the hosts saw: $why" }
            delay(10)
        }
    }
}

private class Options(json: JsonElement?) {
    private val options = json?.jsonObject.orEmpty()
    val session = options["session"].text()
    val user = options["user"].text()
    val language = options["language"].text()
    val deadline = options["deadline_ms"]?.jsonPrimitive?.long?.milliseconds
    val speak = options["speak"]?.jsonPrimitive?.boolean ?: true
}

private fun input(step: JsonObject): TurnInput {
    val input = step.getValue("input").jsonObject
    input["text"]?.let { return Text(it.text()!!) }
    input["path"]?.let { return Audio.file(it.text()!!) }
    input["hex"]?.let { hex -> return Audio.bytes(hex.text()!!.chunked(2).map { it.toInt(16).toByte() }.toByteArray()) }
    val tone = input.getValue("tone").jsonObject.mapValues { (_, number) -> number.jsonPrimitive.int }
    val (rate, channels) = tone.getValue("sample_rate") to tone.getValue("channels")
    val samples = tone(tone)
    return when (input["as"].text()) {
        "pcm" -> Audio.pcm(samples, rate, channels)
        "f32" -> Audio.pcm(FloatArray(samples.size) { samples[it] / 32768f }, rate, channels)
        else -> Audio.bytes(wav(samples, rate, channels))
    }
}

internal fun tone(tone: Map<String, Int>): ShortArray {
    val (rate, channels, amplitude) = listOf("sample_rate", "channels", "amplitude").map(tone::getValue)
    return ShortArray(tone.getValue("seconds") * rate * channels) {
        (if (it / channels / 40 % 2 == 0) amplitude else -amplitude).toShort()
    }
}

private fun wav(samples: ShortArray, rate: Int, channels: Int): ByteArray {
    val file = ByteBuffer.allocate(44 + samples.size * 2).order(ByteOrder.LITTLE_ENDIAN)
    file.put("RIFF".toByteArray()).putInt(36 + samples.size * 2).put("WAVEfmt ".toByteArray()).putInt(16)
    file.putShort(1).putShort(channels.toShort()).putInt(rate).putInt(rate * channels * 2)
    file.putShort((channels * 2).toShort()).putShort(16).put("data".toByteArray()).putInt(samples.size * 2)
    file.asShortBuffer().put(samples)
    return file.array()
}

/** What a stream told, as the scenarios speak of it. */
private class Seen {
    private val order = linkedSetOf<String>()
    private val transcripts = mutableListOf<JsonElement>()
    private val text = StringBuilder()
    private val metrics = sortedSetOf<String>()
    private val used = mutableListOf<Usage>()
    private val calls = mutableListOf<String>()
    private val results = mutableListOf<JsonElement>()
    private val fillers = mutableListOf<String>()
    private var seconds = 0.0
    private var audioFailed: JsonElement = JsonNull
    var reply: JsonElement = JsonNull

    fun take(event: TurnEvent) {
        if (event !is TurnEvent.Metrics) order += kind(event)
        when (event) {
            is TurnEvent.Transcript -> transcripts += buildJsonObject {
                put("text", event.text); put("final", event.isFinal); put("language", event.language)
            }
            is TurnEvent.Text -> text.append(event.delta)
            is TurnEvent.Audio -> seconds += event.pcm.size.toDouble() / event.sampleRate
            is TurnEvent.Metrics -> {
                metrics += event.stage
                used += event.usage
            }
            is TurnEvent.AudioFailed -> audioFailed = value(event.error)
            is TurnEvent.Done -> reply = value(event.reply)
            is TurnEvent.Filler -> fillers += event.text
            is TurnEvent.ToolCall -> calls += event.call.name
            is TurnEvent.ToolResult -> results += value(event.call)
            is TurnEvent.Started, is TurnEvent.Sources, is TurnEvent.KnowledgeFailed, is TurnEvent.Speaking,
            is TurnEvent.ActionDetected,
            -> Unit
        }
    }

    fun value() = buildJsonObject {
        put("order", JsonArray(order.map(::JsonPrimitive)))
        put("transcripts", JsonArray(transcripts))
        put("text", text.toString())
        put("audio_seconds", seconds)
        put("metrics", JsonArray(metrics.map(::JsonPrimitive)))
        put("used", buildJsonObject {
            put("input_tokens", used.sumOf { it.inputTokens })
            put("cached_tokens", used.sumOf { it.cachedTokens })
            put("output_tokens", used.sumOf { it.outputTokens })
        })
        put("audio_failed", audioFailed)
        put("calls", JsonArray(calls.map(::JsonPrimitive)))
        put("results", JsonArray(results))
        put("fillers", JsonArray(fillers.map(::JsonPrimitive)))
    }
}

private fun kind(event: TurnEvent) = when (event) {
    is TurnEvent.Started -> "started"
    is TurnEvent.Transcript -> "transcript"
    is TurnEvent.Sources -> "sources"
    is TurnEvent.KnowledgeFailed -> "knowledge_failed"
    is TurnEvent.Text -> "text"
    is TurnEvent.Speaking -> "speaking"
    is TurnEvent.Filler -> "filler"
    is TurnEvent.ToolCall -> "tool_call"
    is TurnEvent.ToolResult -> "tool_result"
    is TurnEvent.Audio -> "audio"
    is TurnEvent.Metrics -> "metrics"
    is TurnEvent.ActionDetected -> "action_detected"
    is TurnEvent.AudioFailed -> "audio_failed"
    is TurnEvent.Done -> "done"
}

internal fun value(error: VoiceException): JsonObject = buildJsonObject {
    put("code", error.code); put("kind", error.kind); put("stage", error.stage); put("message", error.message)
    put("retryable", error.retryable); put("retry_after_ms", error.retryAfter?.inWholeMilliseconds)
    put("provider", error.provider); put("http_status", error.httpStatus)
    put("reply", error.reply?.let(::value) ?: JsonNull)
}

internal fun value(call: ToolCallRecord): JsonObject = buildJsonObject {
    put("id", call.id); put("name", call.name); put("arguments", call.arguments); put("result", call.result)
    put("failed", call.failed); put("elapsed_ms", call.elapsed.inWholeMilliseconds)
}

private fun value(reply: Reply): JsonObject = buildJsonObject {
    put("transcript", reply.transcript); put("text", reply.text); put("language", reply.language)
    put("session_id", reply.sessionId); put("turn_id", reply.turnId)
    put("user_message_id", reply.userMessageId); put("assistant_message_id", reply.assistantMessageId)
    put("sample_rate", reply.audio.sampleRate); put("audio_seconds", reply.audio.duration.toDouble(DurationUnit.SECONDS))
    put("audio_error", reply.audioError?.let(::value) ?: JsonNull)
    put("knowledge_error", reply.knowledgeError?.let(::value) ?: JsonNull)
    put("sources", JsonArray(reply.sources.map(::value)))
    put("tool_calls", JsonArray(reply.toolCalls.map(::value)))
    put("usage", value(reply.usage))
    put("cost", reply.cost?.let(::value) ?: JsonNull)
}

internal fun value(cost: Cost) = buildJsonObject {
    put("currency", cost.currency); put("amount", cost.amount.toPlainString()); put("micros", cost.micros)
}

/** The field at a path, `items.0.id`; of an empty path the value itself. */
private fun inner(value: JsonElement, path: String): JsonElement = path.split(".").filter { it.isNotEmpty() }
    .fold(value) { found, name -> if (found is JsonArray) found[name.toInt()] else found.jsonObject.getValue(name) }

internal fun match(expected: JsonElement, found: JsonElement, what: String) {
    difference(expected, found)?.let { error("$what: $it; found $found") }
}

/** The first difference, with its path; `null` when it matches. */
private fun difference(expected: JsonElement, found: JsonElement?): String? {
    val no = "expected $expected, found $found"
    return when {
        expected is JsonObject && expected.keys.any { it.startsWith("$") } ->
            no.takeUnless { expected.all { (rule, value) -> holds(rule, value.jsonPrimitive, found) } }
        expected is JsonObject && found !is JsonObject -> no
        expected is JsonObject -> expected.firstNotNullOfOrNull { (key, value) ->
            difference(value, (found as JsonObject)[key])?.let { "$key: $it" }
        }
        expected is JsonArray && found is JsonArray && expected.size == found.size ->
            expected.indices.firstNotNullOfOrNull { n -> difference(expected[n], found[n])?.let { "[$n]: $it" } }
        expected is JsonPrimitive && found is JsonPrimitive && !expected.isString && !found.isString &&
            expected.doubleOrNull != null && expected.doubleOrNull == found.doubleOrNull -> null
        expected is JsonNull && found == null -> null
        else -> no.takeUnless { expected == found }
    }
}

private fun holds(rule: String, value: JsonPrimitive, found: JsonElement?): Boolean = when (rule) {
    "\$contains" -> value.content in (found as? JsonPrimitive)?.contentOrNull.orEmpty()
    "\$length" -> value.int == ((found as? JsonArray)?.size ?: found.text()?.let { it.codePointCount(0, it.length) })
    "\$min" -> (found as? JsonPrimitive)?.doubleOrNull?.let { it >= value.double } == true
    "\$max" -> (found as? JsonPrimitive)?.doubleOrNull?.let { it <= value.double } == true
    else -> false
}
