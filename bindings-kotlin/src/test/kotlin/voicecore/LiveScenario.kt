package voicecore

import kotlin.time.Duration.Companion.seconds
import kotlin.time.DurationUnit
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.onEach
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.double
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put

/** One live session of a scenario, and what it told. */
internal class LiveScenario(private val live: LiveSession) {
    private val told = mutableListOf<LiveEvent>()
    private val events = live.events.onEach(told::add)

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
        events.collect {}
        return buildJsonObject {
            put("session_id", summary.sessionId); put("reason", summary.reason); put("turns", summary.turns)
            put("interruptions", summary.interruptions); put("duration_seconds", summary.duration.toDouble(DurationUnit.SECONDS))
        }
    }

    private suspend fun act(action: JsonObject) {
        fun text(name: String) = action[name]?.jsonPrimitive?.content
        text("until")?.let { kind -> return events.first { kind(it) == kind }.let {} }
        action["push"]?.let { return push(it.jsonObject) }
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

    private fun push(sound: JsonObject) {
        val tone = sound.getValue("tone").jsonObject.mapValues { (_, number) -> number.jsonPrimitive.double.toInt() }
        val samples = tone(tone)
        val frame = tone.getValue("sample_rate") / 50 * tone.getValue("channels")
        for (from in samples.indices step frame) {
            val piece = samples.copyOfRange(from, minOf(from + frame, samples.size))
            if (sound["as"]?.jsonPrimitive?.content == "f32") live.pushAudio(FloatArray(piece.size) { piece[it] / 32768f })
            else live.pushAudio(piece)
        }
    }

    fun value(): JsonElement = buildJsonObject {
        val apart = setOf("metrics", "user_state", "agent_state")
        put("order", strings(told.map(::kind).filter { it !in apart }.distinct()))
        put("states", strings(told.filterIsInstance<LiveEvent.AgentState>().map { it.state }))
        put("finals", strings(told.filterIsInstance<LiveEvent.Transcript>().filter { it.isFinal }.map { it.text }))
        put("text", told.filterIsInstance<LiveEvent.Text>().joinToString("") { it.delta })
        put("spoken", told.filterIsInstance<LiveEvent.Speaking>().joinToString("") { it.text })
        put("audio_seconds", told.filterIsInstance<LiveEvent.Audio>().sumOf { it.pcm.size.toDouble() / it.sampleRate })
        put("keys", strings(told.filterIsInstance<LiveEvent.Dtmf>().map { it.keys }))
        put("turns", JsonArray(told.filterIsInstance<LiveEvent.TurnDone>().map { turn(it.turn) }))
        put("calls", strings(told.filterIsInstance<LiveEvent.ToolCall>().map { it.call.name }))
        put("results", JsonArray(told.filterIsInstance<LiveEvent.ToolResult>().map { value(it.call) }))
        put("fillers", strings(told.filterIsInstance<LiveEvent.Filler>().map { it.text }))
        put("errors", JsonArray(told.filterIsInstance<LiveEvent.Failed>().map { value(it.error) }))
    }

    private fun strings(all: List<String>) = JsonArray(all.map(::JsonPrimitive))

    private fun turn(turn: LiveTurn) = buildJsonObject {
        put("turn_id", turn.turnId); put("kind", turn.kind); put("transcript", turn.transcript); put("language", turn.language)
        put("text", turn.text); put("interrupted", turn.interrupted)
        put("tool_calls", JsonArray(turn.toolCalls.map(::value)))
        put("user_message_id", turn.userMessageId); put("assistant_message_id", turn.assistantMessageId)
    }

    private fun kind(event: LiveEvent) = when (event) {
        is LiveEvent.Started -> "started"
        is LiveEvent.UserState -> "user_state"
        is LiveEvent.AgentState -> "agent_state"
        is LiveEvent.Transcript -> "transcript"
        is LiveEvent.TurnStarted -> "turn_started"
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
        is LiveEvent.Failed -> "error"
        is LiveEvent.Ended -> "ended"
    }
}
