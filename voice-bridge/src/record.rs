//! Replies and events as plain owned records.

use std::{fmt, sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::json;
use voice_core::{
    Action, CallMetrics, Cost, LiveEvent, Pcm, Reply, Source, Timings, ToolCall, ToolCallRecord, TurnEvent, Usage,
    live::{LiveSummary, LiveTurn},
};

use crate::{ErrorRecord, Outcome};

/// A reply as every language sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ReplyRecord {
    inner: Arc<Reply>,
}

impl ReplyRecord {
    pub(crate) fn new(reply: Reply) -> Self {
        Self { inner: Arc::new(reply) }
    }

    /// The reply itself, for its plain fields.
    #[must_use]
    pub fn get(&self) -> &Reply {
        &self.inner
    }

    /// Why sound is missing although there is text.
    #[must_use]
    pub fn audio_error(&self) -> Option<ErrorRecord> {
        self.inner.audio_error.as_ref().map(Into::into)
    }

    /// Why the documents could not be searched, if they could not.
    #[must_use]
    pub fn knowledge_error(&self) -> Option<ErrorRecord> {
        self.inner.knowledge_error.as_ref().map(Into::into)
    }

    /// The sound as a file of `format` (`wav`, `ogg_opus`, `mp3`, `mu_law`, `a_law`, `pcm`).
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for an unknown format.
    pub fn encoded(&self, format: &str) -> Outcome<Vec<u8>> {
        let format = format.parse().map_err(ErrorRecord::from)?;
        Ok(self.inner.audio.encode(format)?.into())
    }

    /// Writes the sound to a file, in the format that its name says.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when the file cannot be written or its name says no known format.
    pub fn save(&self, path: &str) -> Outcome<()> {
        Ok(self.inner.audio.save(path)?)
    }

    /// Everything but the sound, as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.json().to_string()
    }

    fn json(&self) -> serde_json::Value {
        let reply = &self.inner;
        json!({
            "transcript": reply.transcript,
            "text": reply.text,
            "language": reply.language,
            "text_language": reply.text_language,
            "actions": reply.actions,
            "sources": reply.sources,
            "knowledge_error": self.knowledge_error(),
            "session_id": reply.session_id,
            "turn_id": reply.turn_id,
            "user_message_id": reply.user_message_id,
            "assistant_message_id": reply.assistant_message_id,
            "sample_rate": reply.audio.sample_rate(),
            "audio_seconds": reply.audio.duration().as_secs_f64(),
            "audio_error": self.audio_error(),
            "tool_calls": reply.tool_calls,
            "timings_ms": reply.timings,
            "usage": reply.usage,
            "cost": reply.cost,
        })
    }
}

/// An exchange of a live session that is over and stored. `Debug` leaves the words out.
#[derive(Clone, Serialize)]
pub struct LiveTurnRecord {
    /// The turn.
    pub turn_id: String,
    /// Why the agent spoke: `answer`, `greeting`, `said`, `reminder`, `farewell`, `tool_result`.
    pub kind: &'static str,
    /// What the user said or typed; empty when the agent spoke by itself.
    pub transcript: String,
    /// The language of the user, when it is known.
    pub language: Option<String>,
    /// The language of what was said, where an interpreter speaks; the user's own when something is said again.
    pub text_language: Option<String>,
    /// What the agent said and the user heard.
    pub text: String,
    /// The tools that the model called, in the order in which they were done.
    pub tool_calls: Vec<ToolCallRecord>,
    /// The passages of documents that the model was given to answer from.
    pub sources: Vec<Source>,
    /// Whether the user interrupted it.
    pub interrupted: bool,
    /// Why (part of) the sound is missing, if it is.
    pub audio_error: Option<ErrorRecord>,
    /// The user's stored message.
    pub user_message_id: Option<String>,
    /// The agent's stored message.
    pub assistant_message_id: Option<String>,
    /// From the end of the user's voice to the end of the user's turn, in milliseconds.
    pub end_of_utterance_delay_ms: Option<f64>,
    /// From the end of the user's voice to the first sound of the answer, in milliseconds.
    pub response_delay_ms: Option<f64>,
    /// When the stages of the answer came through.
    pub timings_ms: Timings,
    /// What was used since the exchange before.
    pub usage: Usage,
    /// What that cost, where every model that was called has a price.
    pub cost: Option<Cost>,
}

impl fmt::Debug for LiveTurnRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveTurnRecord")
            .field("turn_id", &self.turn_id)
            .field("kind", &self.kind)
            .field("transcript_characters", &self.transcript.chars().count())
            .field("characters", &self.text.chars().count())
            .field("interrupted", &self.interrupted)
            .finish_non_exhaustive()
    }
}

impl LiveTurnRecord {
    /// The exchange as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        json!(self).to_string()
    }
}

impl From<LiveTurn> for LiveTurnRecord {
    fn from(turn: LiveTurn) -> Self {
        Self {
            turn_id: turn.turn_id.to_string(),
            kind: turn.kind.as_str(),
            transcript: turn.transcript,
            language: turn.language,
            text_language: turn.text_language,
            text: turn.text,
            tool_calls: turn.tool_calls,
            sources: turn.sources,
            interrupted: turn.interrupted,
            audio_error: turn.audio_error.map(Into::into),
            user_message_id: turn.user_message_id.map(|id| id.to_string()),
            assistant_message_id: turn.assistant_message_id.map(|id| id.to_string()),
            end_of_utterance_delay_ms: turn.end_of_utterance_delay.map(ms),
            response_delay_ms: turn.response_delay.map(ms),
            timings_ms: turn.timings,
            usage: turn.usage,
            cost: turn.cost,
        }
    }
}

/// What a whole live session came to.
#[derive(Clone, Debug, Serialize)]
pub struct LiveSummaryRecord {
    /// The session.
    pub session_id: String,
    /// Why it ended: `host`, `agent_closed`, `silence`, `max_duration`, `end_call_phrase`, `goodbye`, `nobody_listens`,
    /// `connection_lost`, `session_gone`.
    pub reason: &'static str,
    /// How long it lasted, in seconds.
    pub duration_seconds: f64,
    /// How many exchanges were stored.
    pub turns: u32,
    /// How many of them the user interrupted.
    pub interruptions: u32,
    /// What was used in all of it.
    pub usage: Usage,
    /// What that cost, as in [`LiveTurnRecord`].
    pub cost: Option<Cost>,
}

impl LiveSummaryRecord {
    /// The summary as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        json!(self).to_string()
    }
}

impl From<LiveSummary> for LiveSummaryRecord {
    fn from(summary: LiveSummary) -> Self {
        Self {
            session_id: summary.session_id.to_string(),
            reason: summary.reason.as_str(),
            duration_seconds: summary.duration.as_secs_f64(),
            turns: summary.turns,
            interruptions: summary.interruptions,
            usage: summary.usage,
            cost: summary.cost,
        }
    }
}

/// Sources as JSON.
#[must_use]
pub fn sources_json(sources: &[Source]) -> String {
    json!(sources).to_string()
}

/// An action as JSON.
#[must_use]
pub fn action_json(action: &Action) -> String {
    json!(action).to_string()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// An event of a turn or of a live session as every language sees it. `Debug` says its kind alone: most events hold sound, words
/// or keys.
#[derive(Clone)]
#[non_exhaustive]
pub enum EventRecord {
    /// The turn was admitted.
    Started {
        /// The session, new or continued.
        session_id: String,
        /// This turn.
        turn_id: String,
    },
    /// What the user said.
    Transcript {
        /// Everything recognised so far.
        text: String,
        /// Whether this is the last word on it.
        is_final: bool,
        /// BCP 47, when the recogniser told.
        language: Option<String>,
    },
    /// The passages of documents that the model is given to answer from.
    Sources {
        /// The best first.
        sources: Vec<Source>,
    },
    /// The documents could not be searched; the turn goes on without them.
    KnowledgeFailed {
        /// Why.
        error: ErrorRecord,
    },
    /// The next piece of text.
    Text {
        /// The piece.
        delta: String,
    },
    /// The next piece of sound.
    Audio {
        /// Mono 16-bit sound.
        pcm: Pcm,
    },
    /// A provider call ended.
    Metrics {
        /// `stt`, `llm`, `tts`.
        stage: String,
        /// `provider/model`.
        provider: String,
        /// From the call to its first result, in milliseconds.
        first_result_ms: Option<f64>,
        /// From the call to its end, in milliseconds.
        total_ms: f64,
        /// Attempts made.
        attempts: u32,
        /// What it used.
        usage: Usage,
        /// What that cost, where it has a price.
        cost: Option<Cost>,
    },
    /// Speech failed; the turn goes on.
    AudioFailed {
        /// Why.
        error: ErrorRecord,
    },
    /// The turn is complete and stored.
    Done {
        /// Its reply.
        reply: ReplyRecord,
    },
    /// A live session is ready for sound.
    LiveStarted {
        /// The session, new or continued.
        session_id: String,
        /// The rate of the sound that is given out.
        sample_rate: u32,
    },
    /// What the user is doing changed.
    UserState {
        /// `listening`, `speaking`, `away`.
        state: &'static str,
    },
    /// What the agent is doing changed.
    AgentState {
        /// `listening`, `thinking`, `speaking`.
        state: &'static str,
    },
    /// A turn of the agent's begins: text and sound until its end are its own.
    TurnStarted {
        /// The turn.
        turn_id: String,
        /// Why the agent speaks, as in [`LiveTurnRecord`].
        kind: &'static str,
    },
    /// What the sound that follows says.
    Speaking {
        /// The words.
        text: String,
    },
    /// What the sound that follows says to fill the time that a tool takes; no part of the answer.
    Filler {
        /// The words.
        text: String,
    },
    /// The model calls a tool.
    ToolCall {
        /// The call.
        call: ToolCall,
    },
    /// A tool is done, or failed and the model is told why.
    ToolResult {
        /// The call, and what came of it.
        call: Box<ToolCallRecord>,
    },
    /// Sound that was given out and is not played yet is to be thrown away.
    Clear {
        /// Where in the session's sound the next sound begins, in seconds.
        position: f64,
    },
    /// The user interrupted the agent for good.
    Interrupted {
        /// The turn.
        turn_id: String,
        /// The words that were heard.
        heard: String,
    },
    /// The agent fell silent because the user seemed to interrupt, and now goes on.
    FalseInterruption,
    /// The user said something that did not ask for an answer.
    Backchannel {
        /// What it was.
        text: String,
    },
    /// Keys of the telephone that were pressed, once they are complete.
    Dtmf {
        /// The keys.
        keys: String,
    },
    /// An exchange is over and stored.
    TurnDone {
        /// The exchange.
        turn: Box<LiveTurnRecord>,
    },
    /// Something that was said has to be acted on. Live: told some time after its exchange.
    ActionDetected {
        /// What.
        action: Box<Action>,
    },
    /// Something failed; the live session goes on.
    Error {
        /// What.
        error: ErrorRecord,
    },
    /// The recording of the whole live session is kept.
    Recorded {
        /// Where it lies: `KEY#bytes=LENGTH&sha256=HEX`.
        recording: String,
    },
    /// The live session is over.
    Ended {
        /// What it came to.
        summary: LiveSummaryRecord,
    },
}

impl fmt::Debug for EventRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventRecord({})", self.kind())
    }
}

impl EventRecord {
    /// The record of an event; `None` for a kind that this version of the bridge does not know.
    pub(crate) fn new(event: TurnEvent) -> Option<Self> {
        Some(match event {
            TurnEvent::Started { session_id, turn_id } => {
                Self::Started { session_id: session_id.to_string(), turn_id: turn_id.to_string() }
            }
            TurnEvent::Transcript(t) => Self::Transcript { text: t.text, is_final: t.is_final, language: t.language },
            TurnEvent::Sources(sources) => Self::Sources { sources },
            TurnEvent::KnowledgeFailed(error) => Self::KnowledgeFailed { error: error.into() },
            TurnEvent::Text(delta) => Self::Text { delta: delta.0 },
            TurnEvent::Speaking(delta) => Self::Speaking { text: delta.0 },
            TurnEvent::Filler(delta) => Self::Filler { text: delta.0 },
            TurnEvent::Audio(pcm) => Self::Audio { pcm },
            TurnEvent::ToolCall(call) => Self::ToolCall { call: *call },
            TurnEvent::ToolResult(call) => Self::ToolResult { call },
            TurnEvent::Metrics(metrics) => Self::metrics(&metrics),
            TurnEvent::ActionDetected(action) => Self::ActionDetected { action },
            TurnEvent::AudioFailed(error) => Self::AudioFailed { error: error.into() },
            TurnEvent::Done(reply) => Self::Done { reply: ReplyRecord::new(*reply) },
            _ => return None,
        })
    }

    /// The record of a live session's event; `None` for a kind that this version of the bridge does not know.
    pub(crate) fn of_live(event: LiveEvent) -> Option<Self> {
        Some(match event {
            LiveEvent::Started { session_id, sample_rate } => {
                Self::LiveStarted { session_id: session_id.to_string(), sample_rate }
            }
            LiveEvent::UserState(state) => Self::UserState { state: state.as_str() },
            LiveEvent::AgentState(state) => Self::AgentState { state: state.as_str() },
            LiveEvent::Transcript(t) => Self::Transcript { text: t.text, is_final: t.is_final, language: t.language },
            LiveEvent::TurnStarted { turn_id, kind } => {
                Self::TurnStarted { turn_id: turn_id.to_string(), kind: kind.as_str() }
            }
            LiveEvent::Sources(sources) => Self::Sources { sources },
            LiveEvent::Text(delta) => Self::Text { delta: delta.0 },
            LiveEvent::Speaking(delta) => Self::Speaking { text: delta.0 },
            LiveEvent::Filler(delta) => Self::Filler { text: delta.0 },
            LiveEvent::Audio(pcm) => Self::Audio { pcm },
            LiveEvent::ToolCall(call) => Self::ToolCall { call: *call },
            LiveEvent::ToolResult(call) => Self::ToolResult { call },
            LiveEvent::Clear { position } => Self::Clear { position: position.as_secs_f64() },
            LiveEvent::Interrupted { turn_id, heard } => {
                Self::Interrupted { turn_id: turn_id.to_string(), heard: heard.0 }
            }
            LiveEvent::FalseInterruption => Self::FalseInterruption,
            LiveEvent::Backchannel(delta) => Self::Backchannel { text: delta.0 },
            LiveEvent::Dtmf(keys) => Self::Dtmf { keys: keys.0 },
            LiveEvent::Metrics(metrics) => Self::metrics(&metrics),
            LiveEvent::TurnDone(turn) => Self::TurnDone { turn: Box::new((*turn).into()) },
            LiveEvent::ActionDetected(action) => Self::ActionDetected { action },
            LiveEvent::Error(error) => Self::Error { error: error.into() },
            LiveEvent::Recorded { recording } => Self::Recorded { recording: recording.to_string() },
            LiveEvent::Ended(summary) => Self::Ended { summary: (*summary).into() },
            _ => return None,
        })
    }

    fn metrics(metrics: &CallMetrics) -> Self {
        Self::Metrics {
            stage: metrics.stage.as_str().to_owned(),
            provider: metrics.provider.clone(),
            first_result_ms: metrics.first_result.map(ms),
            total_ms: ms(metrics.total),
            attempts: metrics.attempts,
            usage: metrics.usage,
            cost: metrics.cost,
        }
    }

    /// Whether no other event comes behind it.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Ended { .. })
    }

    /// The event as JSON, its kind as `type`; of sound the number of samples and the rate, of a reply what
    /// [`ReplyRecord::to_json`] gives.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut value = match self {
            Self::Started { session_id, turn_id } => json!({ "session_id": session_id, "turn_id": turn_id }),
            Self::Transcript { text, is_final, language } => {
                json!({ "text": text, "final": is_final, "language": language })
            }
            Self::Sources { sources } => json!({ "sources": sources }),
            Self::KnowledgeFailed { error } => json!({ "error": error }),
            Self::Text { delta } => json!({ "text": delta }),
            Self::Audio { pcm } => json!({ "samples": pcm.samples().len(), "sample_rate": pcm.sample_rate() }),
            Self::Metrics { stage, provider, first_result_ms, total_ms, attempts, usage, cost } => json!({
                "stage": stage, "provider": provider, "first_result_ms": first_result_ms, "total_ms": total_ms,
                "attempts": attempts, "usage": usage, "cost": cost,
            }),
            Self::AudioFailed { error } => json!({ "error": error }),
            Self::Done { reply } => json!({ "reply": reply.json() }),
            Self::LiveStarted { session_id, sample_rate } => {
                json!({ "session_id": session_id, "sample_rate": sample_rate })
            }
            Self::UserState { state } | Self::AgentState { state } => json!({ "state": state }),
            Self::TurnStarted { turn_id, kind } => json!({ "turn_id": turn_id, "kind": kind }),
            Self::Speaking { text } | Self::Filler { text } | Self::Backchannel { text } => json!({ "text": text }),
            Self::ToolCall { call } => json!(call),
            Self::ToolResult { call } => json!(call),
            Self::Clear { position } => json!({ "position": position }),
            Self::FalseInterruption => json!({}),
            Self::Interrupted { turn_id, heard } => json!({ "turn_id": turn_id, "heard": heard }),
            Self::Dtmf { keys } => json!({ "keys": keys }),
            Self::TurnDone { turn } => json!({ "turn": turn }),
            Self::ActionDetected { action } => json!({ "action": action }),
            Self::Error { error } => json!({ "error": error }),
            Self::Recorded { recording } => json!({ "recording": recording }),
            Self::Ended { summary } => json!({ "summary": summary }),
        };
        value["type"] = self.kind().into();
        value.to_string()
    }

    /// The kind of event, the same word in every language: `started`, `transcript`, `sources`, `text`, `speaking`, `filler`,
    /// `audio`, `tool_call`, `tool_result`, `metrics`, `action_detected`, `knowledge_failed`, `audio_failed`, `done`; of live sessions also `user_state`, `agent_state`, `turn_started`, `clear`,
    /// `interrupted`, `false_interruption`, `backchannel`, `dtmf`, `turn_done`, `error`, `recorded`, `ended`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } | Self::LiveStarted { .. } => "started",
            Self::Transcript { .. } => "transcript",
            Self::Sources { .. } => "sources",
            Self::KnowledgeFailed { .. } => "knowledge_failed",
            Self::Text { .. } => "text",
            Self::Audio { .. } => "audio",
            Self::Metrics { .. } => "metrics",
            Self::AudioFailed { .. } => "audio_failed",
            Self::Done { .. } => "done",
            Self::UserState { .. } => "user_state",
            Self::AgentState { .. } => "agent_state",
            Self::TurnStarted { .. } => "turn_started",
            Self::Speaking { .. } => "speaking",
            Self::Filler { .. } => "filler",
            Self::ToolCall { .. } => "tool_call",
            Self::ToolResult { .. } => "tool_result",
            Self::Clear { .. } => "clear",
            Self::Interrupted { .. } => "interrupted",
            Self::FalseInterruption => "false_interruption",
            Self::Backchannel { .. } => "backchannel",
            Self::Dtmf { .. } => "dtmf",
            Self::TurnDone { .. } => "turn_done",
            Self::ActionDetected { .. } => "action_detected",
            Self::Error { .. } => "error",
            Self::Recorded { .. } => "recorded",
            Self::Ended { .. } => "ended",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_words_and_no_keys_are_in_debug() {
        let turn = LiveTurnRecord {
            turn_id: "1".into(),
            kind: "answer",
            transcript: "my secret".into(),
            language: None,
            text_language: None,
            text: "your secret".into(),
            tool_calls: Vec::new(),
            sources: Vec::new(),
            interrupted: false,
            audio_error: None,
            user_message_id: None,
            assistant_message_id: None,
            end_of_utterance_delay_ms: None,
            response_delay_ms: None,
            timings_ms: Timings::default(),
            usage: Usage::default(),
            cost: None,
        };
        let shown = format!("{turn:?}");
        assert!(shown.contains("transcript_characters: 9") && !shown.contains("secret"), "{shown}");
        for (event, kind) in [
            (EventRecord::Dtmf { keys: "4711".into() }, "dtmf"),
            (EventRecord::Transcript { text: "my secret".into(), is_final: true, language: None }, "transcript"),
            (EventRecord::TurnDone { turn: Box::new(turn) }, "turn_done"),
        ] {
            assert_eq!(format!("{event:?}"), format!("EventRecord({kind})"));
        }
    }
}
