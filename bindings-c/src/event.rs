//! Events of turns and live sessions.

use std::ffi::c_char;

use voice_bridge::EventRecord;

use crate::{
    error::{free, of, vc_error},
    handle::handles,
    reply::vc_reply,
    shown::{Shown, shown, sound_of, text_of},
};

/// What kind of event it is, and so which accessors have something to say.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum vc_event_kind {
    /// A kind that this header does not know, or no event.
    VC_EVENT_OTHER = 0,
    /// The turn was admitted: `vc_event_json` has `session_id` and `turn_id`. Live: the session is ready for sound; `session_id` and
    /// `sample_rate`.
    VC_EVENT_STARTED = 1,
    /// What the user said so far: `vc_event_text`, `vc_event_is_final`.
    VC_EVENT_TRANSCRIPT = 2,
    /// The next piece of the answer: `vc_event_text`.
    VC_EVENT_TEXT = 3,
    /// The next piece of sound: `vc_event_samples`.
    VC_EVENT_AUDIO = 4,
    /// A provider call ended: `vc_event_json`.
    VC_EVENT_METRICS = 5,
    /// Speech failed, the turn goes on: `vc_event_error`.
    VC_EVENT_AUDIO_FAILED = 6,
    /// The turn is complete and stored: `vc_event_reply`.
    VC_EVENT_DONE = 7,
    /// Live: what the user is doing changed: `vc_event_text` is `listening`, `speaking` or `away`.
    VC_EVENT_USER_STATE = 8,
    /// Live: what the agent is doing changed: `vc_event_text` is `listening`, `thinking` or `speaking`.
    VC_EVENT_AGENT_STATE = 9,
    /// Live: a turn of the agent's begins: `vc_event_json` has `turn_id` and `kind` (`answer`, `greeting`, `said`, `reminder`, `farewell`, `tool_result`).
    VC_EVENT_TURN_STARTED = 10,
    /// What the sound that follows says: `vc_event_text`.
    VC_EVENT_SPEAKING = 11,
    /// Live: throw away the sound that was given out and is not played yet. What is still to be heard of it comes again.
    VC_EVENT_CLEAR = 12,
    /// Live: the user interrupted the agent: `vc_event_text` is what was heard.
    VC_EVENT_INTERRUPTED = 13,
    /// Live: the agent fell silent because the user seemed to interrupt, and now goes on.
    VC_EVENT_FALSE_INTERRUPTION = 14,
    /// Live: the user said something that did not ask for an answer: `vc_event_text`.
    VC_EVENT_BACKCHANNEL = 15,
    /// Live: keys of the telephone, once they are complete: `vc_event_text`.
    VC_EVENT_DTMF = 16,
    /// Live: an exchange is over and stored: `vc_event_json` has it as `turn`, with `kind`, `transcript`, `text`, `interrupted`, …
    VC_EVENT_TURN_DONE = 17,
    /// Live: something failed, the session goes on: `vc_event_error`.
    VC_EVENT_ERROR = 18,
    /// Live: the session is over: `vc_event_json` has its `summary`. The last event.
    VC_EVENT_ENDED = 19,
    /// The model calls a tool: `vc_event_text` is its name, `vc_event_json` has `id`, `name` and `arguments`.
    VC_EVENT_TOOL_CALL = 20,
    /// A tool is done, or failed and the model is told why: `vc_event_text` is its result, `vc_event_json` has `id`, `name`, `arguments`,
    /// `result`, `failed` and `elapsed_ms`.
    VC_EVENT_TOOL_RESULT = 21,
    /// What the sound that follows says to fill the time that a tool takes, no part of the answer: `vc_event_text`.
    VC_EVENT_FILLER = 22,
    /// Live: the recording of the whole session is kept: `vc_event_text` is where it lies, `KEY#bytes=LENGTH&sha256=HEX`. Told just
    /// before the end.
    VC_EVENT_RECORDED = 23,
    /// Something that was said has to be acted on: `vc_event_text` is its type, `vc_event_json` has it as `action`, with `type`,
    /// `details`, `confidence`, `message_id`, … Live: told some time after its exchange.
    VC_EVENT_ACTION_DETECTED = 24,
    /// The passages of documents that the model is given to answer from: `vc_event_json` has them as `sources`, the best first, each with
    /// `document_id`, `title`, `heading`, `passage`, `text` and `score`.
    VC_EVENT_SOURCES = 25,
    /// The documents could not be searched, the turn goes on without them: `vc_event_error`.
    VC_EVENT_KNOWLEDGE_FAILED = 26,
}

use vc_event_kind::*;

/// Something that happened in a turn or in a live session. The caller frees one from `vc_turn_next` and `vc_live_next` with
/// `vc_event_free`; the one that a callback gets is the library's.
pub struct vc_event(());

handles!(vc_event => Shown<EventRecord>);

/// The kind of an event, and its text if it has one.
fn described(record: &EventRecord) -> (vc_event_kind, &str) {
    match record {
        EventRecord::Started { .. } | EventRecord::LiveStarted { .. } => (VC_EVENT_STARTED, ""),
        EventRecord::Transcript { text, .. } => (VC_EVENT_TRANSCRIPT, text),
        EventRecord::Text { delta } => (VC_EVENT_TEXT, delta),
        EventRecord::Audio { .. } => (VC_EVENT_AUDIO, ""),
        EventRecord::Metrics { .. } => (VC_EVENT_METRICS, ""),
        EventRecord::AudioFailed { .. } => (VC_EVENT_AUDIO_FAILED, ""),
        EventRecord::Done { .. } => (VC_EVENT_DONE, ""),
        EventRecord::UserState { state } => (VC_EVENT_USER_STATE, state),
        EventRecord::AgentState { state } => (VC_EVENT_AGENT_STATE, state),
        EventRecord::TurnStarted { .. } => (VC_EVENT_TURN_STARTED, ""),
        EventRecord::Speaking { text } => (VC_EVENT_SPEAKING, text),
        EventRecord::Filler { text } => (VC_EVENT_FILLER, text),
        EventRecord::ToolCall { call } => (VC_EVENT_TOOL_CALL, &call.name),
        EventRecord::ToolResult { call } => (VC_EVENT_TOOL_RESULT, &call.result),
        EventRecord::Clear { .. } => (VC_EVENT_CLEAR, ""),
        EventRecord::Interrupted { heard, .. } => (VC_EVENT_INTERRUPTED, heard),
        EventRecord::FalseInterruption => (VC_EVENT_FALSE_INTERRUPTION, ""),
        EventRecord::Backchannel { text } => (VC_EVENT_BACKCHANNEL, text),
        EventRecord::Dtmf { keys } => (VC_EVENT_DTMF, keys),
        EventRecord::TurnDone { .. } => (VC_EVENT_TURN_DONE, ""),
        EventRecord::ActionDetected { action } => (VC_EVENT_ACTION_DETECTED, &action.kind),
        EventRecord::Sources { .. } => (VC_EVENT_SOURCES, ""),
        EventRecord::KnowledgeFailed { .. } => (VC_EVENT_KNOWLEDGE_FAILED, ""),
        EventRecord::Error { .. } => (VC_EVENT_ERROR, ""),
        EventRecord::Recorded { recording } => (VC_EVENT_RECORDED, recording),
        EventRecord::Ended { .. } => (VC_EVENT_ENDED, ""),
        _ => (VC_EVENT_OTHER, ""),
    }
}

/// The kind of event. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_event_get_kind(event: *const vc_event) -> vc_event_kind {
    of(event, VC_EVENT_OTHER, |e| described(&e.record).0)
}

/// The transcript so far, the next piece of the answer, or what the kind says; empty for other kinds. Belongs to the event. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_event_text(event: *const vc_event) -> *const c_char {
    text_of(event, "text", |e| described(e).1.into())
}

/// Whether a transcript is the last word on it. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_event_is_final(event: *const vc_event) -> bool {
    of(event, false, |e| matches!(e.record, EventRecord::Transcript { is_final: true, .. }))
}

/// The event as JSON, sound left out (its length is there): `{"type": "transcript", …}`. Belongs to the event. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_event_json(event: *const vc_event) -> *const c_char {
    text_of(event, "json", |e| e.to_json().into())
}

/// A piece of sound: mono 16-bit samples; `*count` of them, `*sample_rate` a second. NULL and 0 for other kinds. Belongs to the
/// event. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_event_samples(event: *const vc_event, count: *mut usize, sample_rate: *mut u32) -> *const i16 {
    sound_of(event, count, sample_rate, |e| match e {
        EventRecord::Audio { pcm } => Some(pcm),
        _ => None,
    })
}

/// The reply of a turn that is done, or NULL. The caller frees it with `vc_reply_free`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_event_reply(event: *const vc_event) -> *mut vc_reply {
    of(event, std::ptr::null_mut(), |e| match &e.record {
        EventRecord::Done { reply } => shown(reply.clone()),
        _ => std::ptr::null_mut(),
    })
}

/// Why speech, a search of documents, or something in a live session failed; or NULL. The caller frees it with `vc_error_free`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_event_error(event: *const vc_event) -> *mut vc_error {
    of(event, std::ptr::null_mut(), |e| match &e.record {
        EventRecord::AudioFailed { error } | EventRecord::KnowledgeFailed { error } | EventRecord::Error { error } => {
            shown(error.clone())
        }
        _ => std::ptr::null_mut(),
    })
}

/// Frees an event. NULL and a second time are fine. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_event_free(event: *mut vc_event) {
    free(event);
}
