//! What is sent to JavaScript.

use napi::bindgen_prelude::*;
use napi_derive::napi;
use voice_bridge::{ErrorRecord, EventRecord};

use crate::{
    agent::{Agent, Events},
    answer::{Answer, Sound},
    as_json,
    live::Live,
    reply::Reply,
};

/// Bytes that are copied into a `Buffer` of the engine's own memory.
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    /// 16-bit samples as they lie in memory everywhere: little-endian.
    pub(crate) fn of_samples(samples: &[i16]) -> Self {
        Self(samples.iter().flat_map(|sample| sample.to_le_bytes()).collect())
    }
}

impl TypeName for Bytes {
    fn type_name() -> &'static str {
        "Buffer"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ToNapiValue for Bytes {
    unsafe fn to_napi_value(env: sys::napi_env, bytes: Self) -> Result<sys::napi_value> {
        let buffer = BufferSlice::copy_from(&Env::from_raw(env), bytes.0)?;
        // SAFETY: both belong to the environment that asks.
        unsafe { ToNapiValue::to_napi_value(env, buffer) }
    }
}

/// One message through the port. `kind` says which of the other fields are there.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct Message {
    /// `done`: work ended. `ask`: a host object is asked. `warm_up`: it is to get ready. `voices`: it is to list its voices. `stop`: its answer is not wanted any more. `drop`: a host object is
    /// not used any more. `log`: a log record. `step`: the progress of a fetch.
    pub kind: &'static str,
    /// The number of the work, of the host object, or of the question.
    pub id: u32,
    /// Why the work failed: an error record as JSON.
    pub error: Option<String>,
    /// The result, the question or the record as text, usually JSON.
    pub text: Option<String>,
    /// The level or the method.
    pub name: Option<String>,
    /// An agent.
    pub agent: Option<Agent>,
    /// A turn to be pulled.
    pub stream: Option<Events>,
    /// A live session.
    pub live: Option<Live>,
    /// What happened in a turn or in a live session.
    pub events: Option<Vec<Event>>,
    /// What the client of a live session is to be sent.
    pub frames: Option<Vec<WireFrame>>,
    /// A reply; of work that failed, what had been said before.
    pub reply: Option<Reply>,
    /// Where the host object's answer goes.
    pub answer: Option<Answer>,
    /// The sound that the host object is to listen to.
    pub sound: Option<Sound>,
    /// The number of the question.
    pub question: Option<u32>,
    /// Encoded sound, or 16-bit samples.
    pub bytes: Option<Bytes>,
    /// Which of its voices the host object is to speak as, as JSON.
    pub voice: Option<String>,
}

impl Message {
    pub(crate) fn of(kind: &'static str, id: u32) -> Self {
        Self { kind, id, ..Self::default() }
    }

    pub(crate) fn failed(id: u32, error: &ErrorRecord) -> Self {
        Self { error: Some(as_json(error)), reply: error.reply.clone().map(Reply), ..Self::of("done", id) }
    }
}

/// A frame for the client of a live session: one of the two.
#[napi(object, object_from_js = false)]
pub struct WireFrame {
    /// A text frame.
    pub text: Option<String>,
    /// A binary frame.
    pub bytes: Option<Bytes>,
}

/// An event of a turn or of a live session.
#[napi(object, object_from_js = false)]
pub struct Event {
    /// The event as JSON.
    pub json: String,
    /// The sound of an audio event.
    pub pcm: Option<Bytes>,
    /// The reply of the last event.
    pub reply: Option<Reply>,
}

impl From<EventRecord> for Event {
    fn from(record: EventRecord) -> Self {
        let json = record.to_json();
        let (pcm, reply) = match record {
            EventRecord::Audio { pcm } => (Some(Bytes::of_samples(pcm.samples())), None),
            EventRecord::Done { reply } => (None, Some(Reply(reply))),
            _ => (None, None),
        };
        Self { json, pcm, reply }
    }
}
