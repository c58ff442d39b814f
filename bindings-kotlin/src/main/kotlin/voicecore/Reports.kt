// Written by `cargo xtask gen` from the library's own. Do not edit.

package voicecore

import kotlin.time.Duration
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonObject

/**
 * A call of a provider. One that is tried after another failed has a report of its own; retries at one provider
 * share theirs.
 */
public data class CallReport(
    /** The session. */
    public val sessionId: String,
    /** The turn that it was a part of; `null` when what was heard or prepared came to nothing. */
    public val turnId: String?,
    /** The trace: one for each one-shot turn and each live session. */
    public val traceId: String,
    /** What is reported. */
    public val spanId: String,
    /** What it is a part of; `null`: it is the whole. */
    public val parentSpanId: String?,
    /** The stage that it served: `stt`, `llm` or `tts`. */
    public val stage: String,
    /** The provider and its model, for example `openai/gpt-transcribe`. */
    public val provider: String,
    /** When it began. */
    public val startedAt: String,
    /**
     * How long it took. Speech that is recognised while it is spoken counts from the end of the sound: before that
     * nobody waited.
     */
    public val duration: Duration,
    /** How long its first result took: TTFB, for the language model TTFT. `null`: there was none. */
    public val firstResult: Duration?,
    /** How many attempts this provider was given. */
    public val attempts: Long,
    /** What it used, as far as that was told before it ended. */
    public val usage: Usage,
    /** What that cost; `null` without a price, or when the provider did not say what was used. */
    public val cost: Cost?,
    /** Why it failed; `null`: it did not. `CANCELLED`: nobody wanted the rest, as after an interruption. */
    public val error: String?,
) : Report {
    internal constructor(json: JsonObject) : this(
        json.text("session_id").orEmpty(),
        json.text("turn_id"),
        json.text("trace_id").orEmpty(),
        json.text("span_id").orEmpty(),
        json.text("parent_span_id"),
        json.text("stage").orEmpty(),
        json.text("provider").orEmpty(),
        json.text("started_at").orEmpty(),
        json.lasting("duration_ms") ?: Duration.ZERO,
        json.lasting("first_result_ms"),
        json.whole("attempts"),
        Usage(json.getValue("usage").jsonObject),
        (json["cost"] as? JsonObject)?.let(::Cost),
        json.text("error"),
    )
}

/** A call of a tool. */
public data class ToolReport(
    /** The session. */
    public val sessionId: String,
    /** The turn whose model called it. */
    public val turnId: String?,
    /** The trace: one for each one-shot turn and each live session. */
    public val traceId: String,
    /** What is reported. */
    public val spanId: String,
    /** What it is a part of; `null`: it is the whole. */
    public val parentSpanId: String?,
    /** Its name; `null`: the model called for a tool that is not there. */
    public val name: String?,
    /** When it began. */
    public val startedAt: String,
    /** How long it took. */
    public val duration: Duration,
    /** Why it failed; `null`: it did not. */
    public val error: String?,
) : Report {
    internal constructor(json: JsonObject) : this(
        json.text("session_id").orEmpty(),
        json.text("turn_id"),
        json.text("trace_id").orEmpty(),
        json.text("span_id").orEmpty(),
        json.text("parent_span_id"),
        json.text("name"),
        json.text("started_at").orEmpty(),
        json.lasting("duration_ms") ?: Duration.ZERO,
        json.text("error"),
    )
}

/** A turn, one-shot or of a live session. */
public data class TurnReport(
    /** The session; `null` when the turn failed before it was let into one. */
    public val sessionId: String?,
    /** The turn. */
    public val turnId: String,
    /** The organization of the session. */
    public val organizationId: String?,
    /** The assistant of the session. */
    public val assistantId: String?,
    /** Whose session it is: the host's own name for the user. */
    public val user: String?,
    /** The trace: one for each one-shot turn and each live session. */
    public val traceId: String,
    /** What is reported. */
    public val spanId: String,
    /** What it is a part of; `null`: it is the whole. */
    public val parentSpanId: String?,
    /** Whether it was a turn of a live session. */
    public val live: Boolean,
    /**
     * Why the agent spoke, as `SpeechKind` writes it: `answer`, `greeting`, …; or `preview`, of a voice; or
     * `summary`, of a conversation.
     */
    public val kind: String,
    /** When it began; in a live session, when the user's voice ended. */
    public val startedAt: String,
    /** How long it took, until its answer was stored or, in a live session, was heard to its end. */
    public val duration: Duration,
    /** When each stage of the answer came through. */
    public val timings: Timings,
    /** Time to first audio: from the start of the turn to the first sound of the answer. */
    public val firstAudio: Duration?,
    /** From the end of the user's voice to the end of the user's turn, in a live session. */
    public val endOfUtteranceDelay: Duration?,
    /** How many calls of tools there were. */
    public val toolCalls: Long,
    /** Whether the user interrupted it. */
    public val interrupted: Boolean,
    /** What it used. */
    public val usage: Usage,
    /** What that cost; `null` unless every model that was called has a price. */
    public val cost: Cost?,
    /** Why it failed; `null`: it did not. */
    public val error: String?,
) : Report {
    internal constructor(json: JsonObject) : this(
        json.text("session_id"),
        json.text("turn_id").orEmpty(),
        json.text("organization_id"),
        json.text("assistant_id"),
        json.text("user"),
        json.text("trace_id").orEmpty(),
        json.text("span_id").orEmpty(),
        json.text("parent_span_id"),
        json.truth("live"),
        json.text("kind").orEmpty(),
        json.text("started_at").orEmpty(),
        json.lasting("duration_ms") ?: Duration.ZERO,
        Timings(json.getValue("timings").jsonObject),
        json.lasting("first_audio_ms"),
        json.lasting("end_of_utterance_delay_ms"),
        json.whole("tool_calls"),
        json.truth("interrupted"),
        Usage(json.getValue("usage").jsonObject),
        (json["cost"] as? JsonObject)?.let(::Cost),
        json.text("error"),
    )
}

/**
 * When the stages of a turn came through, each measured from the start of the turn. `null`: did not happen. Written
 * in JSON, every field is a number of milliseconds.
 */
public data class Timings(
    /** The audio was decoded. */
    public val audioReady: Duration?,
    /** The transcript was final. */
    public val transcript: Duration?,
    /** The documents were searched. */
    public val searched: Duration?,
    /** The language model's first token came. */
    public val firstToken: Duration?,
    /** The first sentence was complete and went to speech. */
    public val firstSentence: Duration?,
    /** The first chunk of sound came: time to first audio. */
    public val firstAudio: Duration?,
    /** The text was complete. */
    public val textDone: Duration?,
    /** The last chunk of sound came. */
    public val audioDone: Duration?,
    /** Both messages were saved. */
    public val stored: Duration?,
    /** Everything was done. */
    public val total: Duration,
) {
    internal constructor(json: JsonObject) : this(
        json.lasting("audio_ready"),
        json.lasting("transcript"),
        json.lasting("searched"),
        json.lasting("first_token"),
        json.lasting("first_sentence"),
        json.lasting("first_audio"),
        json.lasting("text_done"),
        json.lasting("audio_done"),
        json.lasting("stored"),
        json.lasting("total") ?: Duration.ZERO,
    )
}

/** A live session. */
public data class SessionReport(
    /** The stored session. */
    public val sessionId: String,
    /** Its organization. */
    public val organizationId: String?,
    /** Its assistant. */
    public val assistantId: String?,
    /** Whose it is: the host's own name for the user. */
    public val user: String?,
    /** The trace: one for each one-shot turn and each live session. */
    public val traceId: String,
    /** What is reported. */
    public val spanId: String,
    /** What it is a part of; `null`: it is the whole. */
    public val parentSpanId: String?,
    /** When it began. */
    public val startedAt: String,
    /** How long it lasted. */
    public val duration: Duration,
    /** Why it ended, as `EndReason` writes it: `host`, `goodbye`, … */
    public val reason: String,
    /** How many exchanges were stored. */
    public val turns: Long,
    /** How many of them the user interrupted. */
    public val interruptions: Long,
    /** What was used in all of it. */
    public val usage: Usage,
    /** What that cost; `null` unless every model that was called has a price. */
    public val cost: Cost?,
) : Report {
    internal constructor(json: JsonObject) : this(
        json.text("session_id").orEmpty(),
        json.text("organization_id"),
        json.text("assistant_id"),
        json.text("user"),
        json.text("trace_id").orEmpty(),
        json.text("span_id").orEmpty(),
        json.text("parent_span_id"),
        json.text("started_at").orEmpty(),
        json.lasting("duration_ms") ?: Duration.ZERO,
        json.text("reason").orEmpty(),
        json.whole("turns"),
        json.whole("interruptions"),
        Usage(json.getValue("usage").jsonObject),
        (json["cost"] as? JsonObject)?.let(::Cost),
    )
}
