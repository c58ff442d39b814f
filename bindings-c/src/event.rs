//! Events of a turn.

use std::ffi::{CString, c_char};

use voice_bridge::EventRecord;

use crate::{
    error::{Failure, value, vc_error},
    handle::{self, handles},
    memory::{c_text, put},
    reply::{Given, vc_reply},
};

/// What kind of event it is, and so which accessors have something to say.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum vc_event_kind {
    /// A kind that this header does not know, or no event.
    VC_EVENT_OTHER = 0,
    /// The turn was admitted: `vc_event_json` has `session_id` and `turn_id`.
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
}

use vc_event_kind::*;

/// Something that happened in a turn. The caller frees one from `vc_stream_next` with `vc_event_free`; the one that a callback
/// gets is the library's.
pub struct vc_event {
    _opaque: [u8; 0],
}

handles!(vc_event => Happening);

pub(crate) struct Happening {
    record: EventRecord,
    text: CString,
    json: CString,
}

impl Happening {
    pub(crate) fn open(record: EventRecord) -> *mut vc_event {
        let text = match &record {
            EventRecord::Transcript { text, .. } | EventRecord::Text { delta: text } => c_text(text),
            _ => CString::default(),
        };
        handle::open(Self { text, json: c_text(&record.to_json()), record })
    }
}

/// The kind of event. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_event_get_kind(event: *const vc_event) -> vc_event_kind {
    value(VC_EVENT_OTHER, || {
        handle::get(event).map_or(VC_EVENT_OTHER, |e| match &e.record {
            EventRecord::Started { .. } => VC_EVENT_STARTED,
            EventRecord::Transcript { .. } => VC_EVENT_TRANSCRIPT,
            EventRecord::Text { .. } => VC_EVENT_TEXT,
            EventRecord::Audio { .. } => VC_EVENT_AUDIO,
            EventRecord::Metrics { .. } => VC_EVENT_METRICS,
            EventRecord::AudioFailed { .. } => VC_EVENT_AUDIO_FAILED,
            EventRecord::Done { .. } => VC_EVENT_DONE,
            _ => VC_EVENT_OTHER,
        })
    })
}

/// The transcript so far, or the next piece of the answer; empty for other kinds. Belongs to the event. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_event_text(event: *const vc_event) -> *const c_char {
    value(c"".as_ptr(), || handle::get(event).map_or(c"".as_ptr(), |e| e.text.as_ptr()))
}

/// Whether a transcript is the last word on it. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_event_is_final(event: *const vc_event) -> bool {
    value(false, || {
        handle::get(event).is_ok_and(|e| matches!(e.record, EventRecord::Transcript { is_final: true, .. }))
    })
}

/// The event as JSON, sound left out (its length is there): `{"type": "transcript", …}`. Belongs to the event. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_event_json(event: *const vc_event) -> *const c_char {
    value(c"".as_ptr(), || handle::get(event).map_or(c"".as_ptr(), |e| e.json.as_ptr()))
}

/// A piece of sound: mono 16-bit samples; `*count` of them, `*sample_rate` a second. NULL and 0 for other kinds. Belongs to the
/// event. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_event_samples(event: *const vc_event, count: *mut usize, sample_rate: *mut u32) -> *const i16 {
    value(std::ptr::null(), || {
        put(count, 0);
        put(sample_rate, 0);
        let Ok(event) = handle::get(event) else { return std::ptr::null() };
        let EventRecord::Audio { pcm } = &event.record else { return std::ptr::null() };
        put(count, pcm.samples().len());
        put(sample_rate, pcm.sample_rate());
        pcm.samples().as_ptr()
    })
}

/// The reply of a turn that is done, or NULL. The caller frees it with `vc_reply_free`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_event_reply(event: *const vc_event) -> *mut vc_reply {
    value(std::ptr::null_mut(), || match handle::get(event).as_deref() {
        Ok(Happening { record: EventRecord::Done { reply }, .. }) => Given::open(reply.clone()),
        _ => std::ptr::null_mut(),
    })
}

/// Why speech failed, or NULL. The caller frees it with `vc_error_free`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_event_error(event: *const vc_event) -> *mut vc_error {
    value(std::ptr::null_mut(), || match handle::get(event).as_deref() {
        Ok(Happening { record: EventRecord::AudioFailed { error }, .. }) => Failure::open(error.clone()),
        _ => std::ptr::null_mut(),
    })
}

/// Frees an event. NULL and a second time are fine. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_event_free(event: *mut vc_event) {
    value((), || drop(handle::take(event)));
}
