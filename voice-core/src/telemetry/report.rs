//! What is reported.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::{
    cost::{Cost, Usage},
    error::{ErrorCode, Stage},
    id::{AssistantId, OrganizationId, SessionId, TurnId},
    message::Timings,
    time::Timestamp,
};

/// One thing that was measured, when it is over.
///
/// In JSON an object with a `type` (`call`, `tool`, `turn` or `session`); durations are numbers of milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Report {
    /// A call of a provider.
    Call(CallReport),
    /// A call of a tool.
    Tool(ToolReport),
    /// A turn.
    Turn(Box<TurnReport>),
    /// A live session.
    Session(SessionReport),
}

/// Where a report stands in its trace, by the ids of the W3C's Trace Context: calls are children of their turn, the turns of a
/// live session are its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct TraceContext {
    /// The trace: one for each one-shot turn and each live session.
    #[schemars(with = "String")]
    pub trace_id: TraceId,
    /// What is reported.
    #[schemars(with = "String")]
    pub span_id: SpanId,
    /// What it is a part of; `None`: it is the whole.
    #[schemars(with = "Option<String>")]
    pub parent_span_id: Option<SpanId>,
}

/// The id of a trace: 16 bytes, never all zero; written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

/// The id of a span: 8 bytes, never all zero; written as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(u64);

impl TraceId {
    pub(super) fn new() -> Self {
        Self(rand::random_range(1..=u128::MAX))
    }

    /// The id as bytes, as a host's own OpenTelemetry library takes it.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl SpanId {
    pub(super) fn new() -> Self {
        Self(rand::random_range(1..=u64::MAX))
    }

    /// The id as bytes, as a host's own OpenTelemetry library takes it.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

macro_rules! hexadecimal {
    ($($name:ident, $width:literal;)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{:0", $width, "x}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}

hexadecimal! {
    TraceId, 32;
    SpanId, 16;
}

/// A call of a provider. One that is tried after another failed has a report of its own; retries at one provider share theirs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct CallReport {
    /// The session.
    pub session_id: SessionId,
    /// The turn that it was a part of; `None` when what was heard or prepared came to nothing.
    pub turn_id: Option<TurnId>,
    /// Where it stands in its trace.
    #[serde(flatten)]
    pub trace: TraceContext,
    /// The stage that it served: `stt`, `llm` or `tts`.
    #[schemars(with = "String")]
    pub stage: Stage,
    /// The provider and its model, for example `openai/gpt-transcribe`.
    pub provider: String,
    /// When it began.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
    /// How long it took. Speech that is recognised while it is spoken counts from the end of the sound: before that nobody waited.
    #[serde(rename = "duration_ms", serialize_with = "ms")]
    #[schemars(with = "f64")]
    pub duration: Duration,
    /// How long its first result took: TTFB, for the language model TTFT. `None`: there was none.
    #[serde(rename = "first_result_ms", serialize_with = "some_ms")]
    #[schemars(with = "Option<f64>")]
    pub first_result: Option<Duration>,
    /// How many attempts this provider was given.
    pub attempts: u32,
    /// What it used, as far as that was told before it ended.
    pub usage: Usage,
    /// What that cost; `None` without a price, or when the provider did not say what was used.
    pub cost: Option<Cost>,
    /// Why it failed; `None`: it did not. `CANCELLED`: nobody wanted the rest, as after an interruption.
    #[schemars(with = "Option<String>")]
    pub error: Option<ErrorCode>,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct ToolReport {
    /// The session.
    pub session_id: SessionId,
    /// The turn whose model called it.
    pub turn_id: Option<TurnId>,
    /// Where it stands in its trace.
    #[serde(flatten)]
    pub trace: TraceContext,
    /// Its name; `None`: the model called for a tool that is not there.
    pub name: Option<String>,
    /// When it began.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
    /// How long it took.
    #[serde(rename = "duration_ms", serialize_with = "ms")]
    #[schemars(with = "f64")]
    pub duration: Duration,
    /// Why it failed; `None`: it did not.
    #[schemars(with = "Option<String>")]
    pub error: Option<ErrorCode>,
}

/// A turn, one-shot or of a live session.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct TurnReport {
    /// The session; `None` when the turn failed before it was let into one.
    pub session_id: Option<SessionId>,
    /// The turn.
    pub turn_id: TurnId,
    /// The organization of the session.
    pub organization_id: Option<OrganizationId>,
    /// The assistant of the session.
    pub assistant_id: Option<AssistantId>,
    /// Whose session it is: the host's own name for the user.
    pub user: Option<String>,
    /// Where it stands in its trace.
    #[serde(flatten)]
    pub trace: TraceContext,
    /// Whether it was a turn of a live session.
    pub live: bool,
    /// Why the agent spoke, as [`SpeechKind`](crate::live::SpeechKind) writes it: `answer`, `greeting`, …; or `preview`, of a voice; or
    /// `summary`, of a conversation.
    #[schemars(with = "String")]
    pub kind: &'static str,
    /// When it began; in a live session, when the user's voice ended.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
    /// How long it took, until its answer was stored or, in a live session, was heard to its end.
    #[serde(rename = "duration_ms", serialize_with = "ms")]
    #[schemars(with = "f64")]
    pub duration: Duration,
    /// When each stage of the answer came through.
    pub timings: Timings,
    /// Time to first audio: from the start of the turn to the first sound of the answer.
    #[serde(rename = "first_audio_ms", serialize_with = "some_ms")]
    #[schemars(with = "Option<f64>")]
    pub first_audio: Option<Duration>,
    /// From the end of the user's voice to the end of the user's turn, in a live session.
    #[serde(rename = "end_of_utterance_delay_ms", serialize_with = "some_ms")]
    #[schemars(with = "Option<f64>")]
    pub end_of_utterance_delay: Option<Duration>,
    /// How many calls of tools there were.
    pub tool_calls: u32,
    /// Whether the user interrupted it.
    pub interrupted: bool,
    /// What it used.
    pub usage: Usage,
    /// What that cost; `None` unless every model that was called has a price.
    pub cost: Option<Cost>,
    /// Why it failed; `None`: it did not.
    #[schemars(with = "Option<String>")]
    pub error: Option<ErrorCode>,
}

/// A live session.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct SessionReport {
    /// The stored session.
    pub session_id: SessionId,
    /// Its organization.
    pub organization_id: Option<OrganizationId>,
    /// Its assistant.
    pub assistant_id: Option<AssistantId>,
    /// Whose it is: the host's own name for the user.
    pub user: Option<String>,
    /// Where it stands in its trace.
    #[serde(flatten)]
    pub trace: TraceContext,
    /// When it began.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
    /// How long it lasted.
    #[serde(rename = "duration_ms", serialize_with = "ms")]
    #[schemars(with = "f64")]
    pub duration: Duration,
    /// Why it ended, as [`EndReason`](crate::live::EndReason) writes it: `host`, `goodbye`, …
    #[schemars(with = "String")]
    pub reason: &'static str,
    /// How many exchanges were stored.
    pub turns: u32,
    /// How many of them the user interrupted.
    pub interruptions: u32,
    /// What was used in all of it.
    pub usage: Usage,
    /// What that cost; `None` unless every model that was called has a price.
    pub cost: Option<Cost>,
}

/// Milliseconds, to a tenth of a microsecond.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e7).round() / 1e4
}

fn ms<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(millis(*duration))
}

fn some_ms<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(millis).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_the_w3c_writes_them() {
        assert_eq!(TraceId(0xab).to_string(), "000000000000000000000000000000ab");
        assert_eq!(SpanId(0xab).to_string(), "00000000000000ab");
        assert_ne!(TraceId::new(), TraceId::new());
        assert_eq!(SpanId(1).to_bytes(), [0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
