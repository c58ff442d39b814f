package voicecore

import java.util.concurrent.atomic.AtomicBoolean
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.DurationUnit
import kotlinx.coroutines.flow.Flow
import kotlinx.serialization.json.Json
import voicecore.ffi.Event

/**
 * A live conversation: push sound, collect events. Made by [VoiceAgent.live].
 *
 * Pushing never waits, and any thread may do it. The events must be taken: a session whose events nobody takes ends.
 *
 * ```kotlin
 * agent.live(inputRate = 16_000).use { live ->
 *     launch { microphone.collect(live::pushAudio) }
 *     live.events.collect { if (it is LiveEvent.Audio) track.write(it.pcm) }
 * }
 * ```
 */
public class LiveSession internal constructor(private val native: voicecore.ffi.LiveSession) : AutoCloseable {
    private val closed = AtomicBoolean()
    /** The stored session, whose history the conversation continues. */
    public val sessionId: String = native.sessionId()

    /**
     * What happens, to the end of the session. A collection that is given up leaves the session as it is, and the next one goes on
     * where it stopped.
     */
    public val events: Flow<LiveEvent> = Batches(native::nextBatch).flow(Event::live)

    /**
     * Takes the next sound of the user: interleaved 16-bit samples of the rate and channels that the session was started with, at
     * most ten seconds.
     *
     * @throws VoiceException.RateLimitExceeded when sound comes faster than it can be heard: push it again in a moment
     */
    public fun pushAudio(samples: ShortArray): Unit = translated { native.pushPcm(samples.toBytes()) }

    /**
     * Takes sound that comes over a network, with the time at which its sender took it, counted from any moment: RTP's or a media
     * stream's timestamp. Otherwise as [pushAudio].
     *
     * Frames may come late, twice, out of order, in bursts or never: what is in order is heard at once, a gap is waited for 60 ms at
     * most and then made up from the sound before it, and copies are dropped. A sender that begins to count anew is followed.
     */
    public fun pushAudioAt(at: Duration, samples: ShortArray): Unit =
        translated { native.pushPcmAt(at.toDouble(DurationUnit.SECONDS), samples.toBytes()) }

    /** As [pushAudio] for float samples, full scale ±1. */
    public fun pushAudio(samples: FloatArray): Unit = translated { native.pushPcmF32(samples.toBytes()) }

    /** Takes something that the user typed. It is answered at once; what the agent says is interrupted. */
    public fun pushText(text: String): Unit = translated { native.pushText(text) }

    /** Takes keys of the telephone: `0`–`9`, `*`, `#`, `A`–`D`. `#` or a pause completes them. */
    public fun pushDtmf(keys: String): Unit = translated { native.pushDtmf(keys) }

    /** Ends the user's turn now: push to talk. */
    public fun commit(): Unit = translated { native.commit() }

    /** Has the agent say something, after what it is saying now. It is stored as the agent's message. */
    public fun say(text: String, interruptible: Boolean = true): Unit = translated { native.say(text, interruptible) }

    /** Stops what the agent says or is about to say. What was heard of it is stored. */
    public fun interrupt(): Unit = translated { native.interrupt() }

    /** Holds the sound back until [resume]; what is not played yet is to be thrown away ([LiveEvent.Clear]) and comes again then. */
    public fun pause(): Unit = translated { native.pause() }

    /** Goes on after [pause]. */
    public fun resume(): Unit = translated { native.resume() }

    /**
     * Says how much of the session's sound was played so far. From then on only this tells what was heard; until then sound counts as
     * played when its time has passed.
     */
    public fun setPlaybackPosition(position: Duration): Unit =
        translated { native.setPlaybackPosition(position.toDouble(DurationUnit.SECONDS)) }

    /** Changes the language that is expected and spoken (BCP 47); `null`: it is detected. */
    public fun setLanguage(language: String?): Unit = translated { native.setLanguage(language) }

    /**
     * The session as frames for a connection of your own, a WebSocket for example: in place of [events]. [say], [interrupt] and the others
     * go on working beside it.
     *
     * @param protocol whose telephone call it is: `twilio`, `plivo`, `vobiz`, `exotel`, `telnyx` or `vonage`; `auto` tells it from the first
     *     messages. Default: a client that speaks this library's own protocol
     */
    public fun wire(protocol: String? = null): LiveWire =
        translated { LiveWire(if (protocol == null) native.wire() else native.phone(protocol)) }

    /** Ends the session: what is being said is stopped, what was heard is stored. Ending it again gives the same. */
    public suspend fun end(): LiveSummary = translated { LiveSummary(native.end()) }

    /** Has the session end without waiting for it. A second time is fine. */
    override fun close() {
        if (closed.compareAndSet(false, true)) native.letGo()
    }
}

/** What happens in a live session, in order. [Ended] is the last. */
public sealed interface LiveEvent {
    /** The session is ready for sound; its own sound has this rate. */
    public data class Started(val sessionId: String, val sampleRate: Int) : LiveEvent

    /** What the user is doing changed: `listening`, `speaking`, or `away`, silent for so long that the reminder was spoken. */
    public data class UserState(val state: String) : LiveEvent

    /** What the agent is doing changed: `listening`, `thinking` or `speaking`. */
    public data class AgentState(val state: String) : LiveEvent

    /** What the user says: interim ones replace each other, the final one ends the user's turn. */
    public class Transcript(public val text: String, public val isFinal: Boolean, public val language: String?) : LiveEvent

    /** A turn of the agent's begins; [kind] is why it speaks: `answer`, `greeting`, `said`, `reminder`, `farewell` or `tool_result`. */
    public data class TurnStarted(val turnId: String, val kind: String) : LiveEvent

    /** The passages of documents that the model is given to answer from, the best first. */
    public class Sources(public val sources: List<Source>) : LiveEvent

    /** The next piece of the agent's text. */
    public class Text(public val delta: String) : LiveEvent

    /** What the sound that follows says. */
    public class Speaking(public val text: String) : LiveEvent

    /** What the sound that follows says to fill the time that a tool takes; it is not stored. */
    public class Filler(public val text: String) : LiveEvent

    /** The model calls a tool. */
    public class ToolCall(public val call: voicecore.ToolCall) : LiveEvent

    /** A tool is done, or failed and the model is told why. */
    public class ToolResult(public val call: ToolCallRecord) : LiveEvent

    /** The next sound, gapless with the one before: mono 16-bit samples. */
    public class Audio(public val pcm: ShortArray, public val sampleRate: Int) : LiveEvent

    /**
     * Throw away the sound that was given out and is not played yet. What is still to be heard of it comes again.
     *
     * The next sound begins [position] seconds into the session's sound: who counts what was played counts on from there.
     */
    public class Clear(public val position: Double) : LiveEvent

    /** The user interrupted the agent for good; [heard] are the words that were heard. */
    public class Interrupted(public val turnId: String, public val heard: String) : LiveEvent

    /** The agent fell silent because the user seemed to interrupt, and now goes on. */
    public data object FalseInterruption : LiveEvent

    /** The user said something that did not ask for an answer. */
    public class Backchannel(public val text: String) : LiveEvent

    /** Keys of the telephone that were pressed, once they are complete. */
    public class Dtmf(public val keys: String) : LiveEvent

    /** A provider call ended. */
    public data class Metrics(
        val stage: String,
        val provider: String,
        val firstResult: Duration?,
        val total: Duration,
        val attempts: Int,
        val usage: Usage,
        val cost: Cost?,
    ) : LiveEvent

    /** An exchange is over and stored. */
    public class TurnDone(public val turn: LiveTurn) : LiveEvent

    /** Something that was said has to be acted on. It is stored; told some time after its exchange. */
    public class ActionDetected(public val action: Action) : LiveEvent

    /** Something failed; the session goes on. */
    public class Failed(public val error: VoiceException) : LiveEvent

    /**
     * The recording of the whole session is kept (`recordings.live` in the config): [recording] is where it lies,
     * `KEY#bytes=LENGTH&sha256=HEX`. Told just before the end.
     */
    public data class Recorded(val recording: String) : LiveEvent

    /** The session is over. */
    public class Ended(public val summary: LiveSummary) : LiveEvent
}

/** An exchange of a live session that is over and stored. */
public class LiveTurn internal constructor(fields: voicecore.ffi.LiveTurnFields) {
    /** The turn. */
    public val turnId: String = fields.turnId

    /** Why the agent spoke: `answer`, `greeting`, `said`, `reminder`, `farewell` or `tool_result`. */
    public val kind: String = fields.kind

    /** What the user said or typed; empty when the agent spoke by itself. */
    public val transcript: String = fields.transcript

    /** The language of the user (BCP 47), when it is known. */
    public val language: String? = fields.language

    /** The language of what was said, where an interpreter speaks; the user's own when something is said again. */
    public val textLanguage: String? = fields.textLanguage

    /** What the agent said and the user heard: this is what is stored. */
    public val text: String = fields.text

    /** The tools that the model called, in the order in which they were done. */
    public val toolCalls: List<ToolCallRecord> = fields.toolCalls.map(::ToolCallRecord)

    /** Whether it was interrupted. */
    public val interrupted: Boolean = fields.interrupted

    /** Why (part of) the sound is missing, if it is. */
    public val audioError: VoiceException? = fields.audioError?.let(VoiceException::of)

    /** The user's stored message. */
    public val userMessageId: String? = fields.userMessageId

    /** The agent's stored message. */
    public val assistantMessageId: String? = fields.assistantMessageId

    /** From the end of the user's voice to the end of the user's turn. */
    public val endOfUtteranceDelay: Duration? = fields.endOfUtteranceDelayMs?.milliseconds

    /** From the end of the user's voice to the first sound of the answer. */
    public val responseDelay: Duration? = fields.responseDelayMs?.milliseconds

    private val spent by lazy { Spent(fields.json) }

    /** The passages of documents that the model was given to answer from. */
    public val sources: List<Source> get() = spent.sources

    /** What was used since the exchange before, as far as the providers say. */
    public val usage: Usage get() = spent.usage

    /** When the stages of the exchange came through. */
    public val timings: Timings get() = spent.timings

    /** What was spent since the exchange before, where every model that was called has a price in the config. */
    public val cost: Cost? = fields.cost?.let(::Cost)

    /** Everything as JSON, with the times of every stage and what was used. */
    public val json: String = fields.json

    override fun toString(): String = "LiveTurn(turnId=$turnId, kind=$kind)"
}

/** What a whole live session came to. */
public class LiveSummary internal constructor(fields: voicecore.ffi.LiveSummaryFields) {
    /** The stored session. */
    public val sessionId: String = fields.sessionId

    /**
     * Why it ended: `host`, `agent_closed`, `silence`, `max_duration`, `end_call_phrase`, `goodbye`, `nobody_listens`: the events were
     * not taken, `connection_lost`: the speech-to-speech model is gone, or `session_gone`: the stored session was deleted meanwhile.
     */
    public val reason: String = fields.reason

    /** How long it lasted. */
    public val duration: Duration = fields.durationSeconds.seconds

    /** How many exchanges were stored. */
    public val turns: Int = fields.turns.toInt()

    /** How many of them were interrupted. */
    public val interruptions: Int = fields.interruptions.toInt()

    /** What all of it used, as far as the providers say. */
    public val usage: Usage by lazy { Spent(fields.json).usage }

    /** What all of it cost, where every model that was called has a price in the config. */
    public val cost: Cost? = fields.cost?.let(::Cost)

    /** Everything as JSON, with what was used. */
    public val json: String = fields.json

    override fun toString(): String = "LiveSummary(sessionId=$sessionId, reason=$reason, turns=$turns)"
}

/** The event as users see it; `null` for a kind that this version does not know. */
private fun Event.live(): LiveEvent? = when (this) {
    is Event.LiveStarted -> LiveEvent.Started(sessionId, sampleRate.toInt())
    is Event.UserState -> LiveEvent.UserState(state)
    is Event.AgentState -> LiveEvent.AgentState(state)
    is Event.Transcript -> LiveEvent.Transcript(text, isFinal, language)
    is Event.TurnStarted -> LiveEvent.TurnStarted(turnId, kind)
    is Event.Sources -> LiveEvent.Sources(Source.all(sourcesJson))
    is Event.Text -> LiveEvent.Text(delta)
    is Event.Speaking -> LiveEvent.Speaking(text)
    is Event.Filler -> LiveEvent.Filler(text)
    is Event.ToolCall -> LiveEvent.ToolCall(ToolCall(id, name, Json.parseToJsonElement(argumentsJson)))
    is Event.ToolResult -> LiveEvent.ToolResult(ToolCallRecord(call))
    is Event.Audio -> LiveEvent.Audio(pcm.toSamples(), sampleRate.toInt())
    is Event.Clear -> LiveEvent.Clear(position)
    is Event.Interrupted -> LiveEvent.Interrupted(turnId, heard)
    is Event.FalseInterruption -> LiveEvent.FalseInterruption
    is Event.Backchannel -> LiveEvent.Backchannel(text)
    is Event.Dtmf -> LiveEvent.Dtmf(keys)
    is Event.Metrics ->
        LiveEvent.Metrics(
            stage,
            provider,
            firstResultMs?.milliseconds,
            totalMs.milliseconds,
            attempts.toInt(),
            Usage(usage),
            cost?.let(::Cost),
        )
    is Event.TurnDone -> LiveEvent.TurnDone(LiveTurn(turn))
    is Event.ActionDetected -> LiveEvent.ActionDetected(Action.of(actionJson))
    is Event.Failed -> LiveEvent.Failed(VoiceException.of(error))
    is Event.Recorded -> LiveEvent.Recorded(recording)
    is Event.Ended -> LiveEvent.Ended(LiveSummary(summary))
    is Event.Started, is Event.KnowledgeFailed, is Event.AudioFailed, is Event.Done, is Event.Other -> null
}
