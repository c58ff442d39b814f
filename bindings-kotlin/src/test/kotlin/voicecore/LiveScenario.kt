package voicecore

import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.DurationUnit
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.firstOrNull
import kotlinx.coroutines.flow.map
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.double
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put

/** One live session of a scenario, and what it told: in events, or in frames for a client. */
internal class LiveScenario(
    private val live: LiveSession,
    overWire: Boolean,
    phone: String?,
    private val after: suspend (JsonElement) -> Unit,
) {
    private val told = mutableListOf<LiveEvent>()
    private val frames = Frames()
    private val wire = if (overWire || phone != null) live.wire(phone) else null

    /** What is told as it is taken, by kind. */
    private val kinds: Flow<String> =
        wire?.frames?.map(frames::take) ?: live.events.map { event -> kind(event).also { told += event } }

    /** Plays a script; gives the summary. */
    suspend fun play(script: JsonArray): JsonElement {
        for ((n, action) in script.withIndex()) {
            val expected = action.jsonObject["error"]
            val failed = try {
                act(action.jsonObject)
                null
            } catch (e: VoiceException) {
                value(e)
            }
            check((failed == null) == (expected == null)) { "action $n: $failed" }
            if (expected != null) match(expected, failed!!, "action $n")
        }
        val summary = live.end()
        kinds.collect {}
        return buildJsonObject {
            put("session_id", summary.sessionId); put("reason", summary.reason); put("turns", summary.turns)
            put("interruptions", summary.interruptions); put("duration_seconds", summary.duration.toDouble(DurationUnit.SECONDS))
        }
    }

    private suspend fun act(action: JsonObject) {
        fun text(name: String) = action[name]?.jsonPrimitive?.content
        action["after"]?.let { return after(it) }
        // What never comes is waited for until the end.
        text("until")?.let { wanted -> return kinds.firstOrNull { it == wanted }.let {} }
        action["push"]?.let { return push(it.jsonObject, action) }
        action["send"]?.let { return wire!!.receive((it as? JsonPrimitive)?.content ?: it.toString()) }
        text("press")?.let { return wire!!.press(it) }
        text("text")?.let { return live.pushText(it) }
        text("dtmf")?.let { return live.pushDtmf(it) }
        text("say")?.let { return live.say(it, action["interruptible"]?.jsonPrimitive?.boolean ?: true) }
        text("language")?.let { return live.setLanguage(it) }
        action["played"]?.let { return live.setPlaybackPosition(it.jsonPrimitive.double.seconds) }
        when (text("do")) {
            "commit" -> live.commit()
            "interrupt" -> live.interrupt()
            "pause" -> live.pause()
            "resume" -> live.resume()
            else -> live.end()
        }
    }

    private fun push(sound: JsonObject, action: JsonObject) {
        val tone = sound.getValue("tone").jsonObject.mapValues { (_, number) -> number.jsonPrimitive.double.toInt() }
        val samples = tone(tone)
        val frame = tone.getValue("sample_rate") / 50 * tone.getValue("channels")
        val frames = samples.indices.step(frame).map { samples.copyOfRange(it, minOf(it + frame, samples.size)) }
        val at = action["at"]?.jsonPrimitive?.double?.seconds
        when {
            wire != null -> frames.forEach { wire.receive(it.toBytes()) }
            at != null -> timed(frames, action["shuffled"]?.jsonPrimitive?.boolean == true).forEach { (offset, piece) ->
                live.pushAudioAt(at + offset, piece)
            }
            sound["as"].text() == "f32" ->
                frames.forEach { piece -> live.pushAudio(FloatArray(piece.size) { piece[it] / 32768f }) }
            else -> frames.forEach(live::pushAudio)
        }
    }

    /** Frames with their times; the README says what shuffled ones are. */
    private fun timed(frames: List<ShortArray>, shuffled: Boolean): List<Pair<Duration, ShortArray>> {
        val inOrder = frames.mapIndexed { n, frame -> (n * 20).milliseconds to frame }
        if (!shuffled) return inOrder
        val swapped = inOrder.take(1) + inOrder.drop(1).chunked(2).flatMap { it.reversed() }
        return swapped.flatMap { listOf(it, it) }
    }

    fun value(): JsonElement = if (wire != null) frames.shown(wire.call) else buildJsonObject {
        val apart = setOf("metrics", "user_state", "agent_state")
        put("order", strings(told.map(::kind).filter { it !in apart }.distinct()))
        put("states", strings(told.filterIsInstance<LiveEvent.AgentState>().map { it.state }))
        val texts = told.filterIsInstance<LiveEvent.Transcript>().map { it.text }
        put("shown", strings(texts.filterIndexed { at, text -> at == 0 || text != texts[at - 1] }))
        put("finals", strings(told.filterIsInstance<LiveEvent.Transcript>().filter { it.isFinal }.map { it.text }))
        put("text", told.filterIsInstance<LiveEvent.Text>().joinToString("") { it.delta })
        put("spoken", told.filterIsInstance<LiveEvent.Speaking>().joinToString("") { it.text })
        put("audio_seconds", told.filterIsInstance<LiveEvent.Audio>().sumOf { it.pcm.size.toDouble() / it.sampleRate })
        put("keys", strings(told.filterIsInstance<LiveEvent.Dtmf>().map { it.keys }))
        put("turns", JsonArray(told.filterIsInstance<LiveEvent.TurnDone>().map { turn(it.turn) }))
        put("calls", strings(told.filterIsInstance<LiveEvent.ToolCall>().map { it.call.name }))
        put("results", JsonArray(told.filterIsInstance<LiveEvent.ToolResult>().map { value(it.call) }))
        put("fillers", strings(told.filterIsInstance<LiveEvent.Filler>().map { it.text }))
        put("recordings", strings(told.filterIsInstance<LiveEvent.Recorded>().map { it.recording }))
        put("errors", JsonArray(told.filterIsInstance<LiveEvent.Failed>().map { value(it.error) }))
    }

    private fun strings(all: List<String>) = JsonArray(all.map(::JsonPrimitive))

    private fun turn(turn: LiveTurn) = buildJsonObject {
        put("turn_id", turn.turnId); put("kind", turn.kind); put("transcript", turn.transcript); put("language", turn.language)
        put("text", turn.text); put("interrupted", turn.interrupted)
        put("tool_calls", JsonArray(turn.toolCalls.map(::value)))
        put("sources", JsonArray(turn.sources.map(::value)))
        put("user_message_id", turn.userMessageId); put("assistant_message_id", turn.assistantMessageId)
    }

    private fun kind(event: LiveEvent) = when (event) {
        is LiveEvent.Started -> "started"
        is LiveEvent.UserState -> "user_state"
        is LiveEvent.AgentState -> "agent_state"
        is LiveEvent.Transcript -> "transcript"
        is LiveEvent.TurnStarted -> "turn_started"
        is LiveEvent.Sources -> "sources"
        is LiveEvent.Text -> "text"
        is LiveEvent.Speaking -> "speaking"
        is LiveEvent.Filler -> "filler"
        is LiveEvent.ToolCall -> "tool_call"
        is LiveEvent.ToolResult -> "tool_result"
        is LiveEvent.Audio -> "audio"
        is LiveEvent.Clear -> "clear"
        is LiveEvent.Interrupted -> "interrupted"
        LiveEvent.FalseInterruption -> "false_interruption"
        is LiveEvent.Backchannel -> "backchannel"
        is LiveEvent.Dtmf -> "dtmf"
        is LiveEvent.Metrics -> "metrics"
        is LiveEvent.TurnDone -> "turn_done"
        is LiveEvent.ActionDetected -> "action_detected"
        is LiveEvent.Failed -> "error"
        is LiveEvent.Recorded -> "recorded"
        is LiveEvent.Ended -> "ended"
    }
}

/** What a live session told its client. */
private class Frames {
    private val order = linkedSetOf<String>()
    private val messages = linkedMapOf<String, List<JsonElement>>()
    private var samples = 0L
    private var next = 0L
    private var gapless = true

    /** Takes note of a frame; gives its type. */
    fun take(frame: WireFrame): String {
        val kind = when (frame) {
            is WireFrame.Text -> {
                val message = Json.parseToJsonElement(frame.text).jsonObject
                (message["type"] ?: message["event"]).text()!!.also { messages[it] = messages[it].orEmpty() + message }
            }
            is WireFrame.Binary -> {
                val position = ByteBuffer.wrap(frame.bytes).order(ByteOrder.LITTLE_ENDIAN).getLong()
                val count = (frame.bytes.size - Long.SIZE_BYTES) / Short.SIZE_BYTES
                gapless = gapless && position == next
                next = position + count
                samples += count
                "audio"
            }
        }
        if (kind != "user-state" && kind != "agent-state") order += kind
        return kind
    }

    fun shown(call: PhoneCall?): JsonElement = buildJsonObject {
        put("order", JsonArray(order.map(::JsonPrimitive))); put("samples", samples); put("gapless", gapless)
        put("call", call?.let { value(it) } ?: JsonNull)
        put("messages", JsonObject(messages.mapValues { JsonArray(it.value) }))
    }
}
