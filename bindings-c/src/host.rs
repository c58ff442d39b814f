//! Providers and stores that the host writes in C.

use std::{
    ffi::{CString, c_char, c_void},
    sync::Arc,
};

use voice_bridge::{
    ErrorRecord, Hosts, Outcome,
    host::{
        Answer, HostLlm, HostStore, HostStt, HostTts, LlmAdaptor, Pcm, Responder, StoreAdaptor, SttAdaptor, Transcript,
        TtsAdaptor,
    },
    runtime,
};

use crate::{
    error::{value, vc_status},
    handle::{self, handles},
    memory::{UserData, c_text, copied, given, optional_text, text},
};

/// A recogniser of the host. Its function is called on a thread of the library that it may keep busy, several calls at a time;
/// it must not throw, and must not make calls that block on this library.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vc_stt_vtable {
    /// How errors and metrics name it.
    pub name: *const c_char,
    /// Handed to every function as it is.
    pub user_data: *mut c_void,
    /// Transcribes `count` mono samples of 16 kHz, which last for the call. `language` is BCP 47 or NULL. Answers now or later, on
    /// any thread: `vc_responder_send_transcript` any number of times, the last one final, then `vc_responder_finish`.
    pub transcribe: Option<
        extern "C" fn(
            user_data: *mut c_void,
            samples: *const i16,
            count: usize,
            language: *const c_char,
            answer: *mut vc_responder,
        ),
    >,
    /// Called exactly once, on any thread, when nothing uses `user_data` any more; may be NULL.
    pub drop: Option<extern "C" fn(user_data: *mut c_void)>,
}

/// A language model of the host. Threads as for `vc_stt_vtable`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vc_llm_vtable {
    /// How errors and metrics name it.
    pub name: *const c_char,
    /// Handed to every function as it is.
    pub user_data: *mut c_void,
    /// Writes the answer to `{"messages": [{"role", "content"}], "max_tokens", "temperature"}`, a text that lasts for the call. Answers now or later, on any
    /// thread: `vc_responder_send_text` piece by piece, then `vc_responder_finish`.
    pub generate: Option<extern "C" fn(user_data: *mut c_void, request_json: *const c_char, answer: *mut vc_responder)>,
    /// Called exactly once, on any thread, when nothing uses `user_data` any more; may be NULL.
    pub drop: Option<extern "C" fn(user_data: *mut c_void)>,
}

/// A voice of the host. Threads as for `vc_stt_vtable`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vc_tts_vtable {
    /// How errors and metrics name it.
    pub name: *const c_char,
    /// Handed to every function as it is.
    pub user_data: *mut c_void,
    /// Speaks a text, which lasts for the call like `language` (BCP 47 or NULL). Answers now or later, on any thread:
    /// `vc_responder_send_audio` chunk by chunk, then `vc_responder_finish`.
    pub synthesize: Option<
        extern "C" fn(user_data: *mut c_void, text: *const c_char, language: *const c_char, answer: *mut vc_responder),
    >,
    /// Called exactly once, on any thread, when nothing uses `user_data` any more; may be NULL.
    pub drop: Option<extern "C" fn(user_data: *mut c_void)>,
}

/// A conversation store of the host: one function, JSON in and out. Threads as for `vc_stt_vtable`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vc_store_vtable {
    /// How errors name it.
    pub name: *const c_char,
    /// Handed to every function as it is.
    pub user_data: *mut c_void,
    /// Runs one method (README.md lists them); both texts last for the call. Answers now or later, on any thread: one JSON value by
    /// `vc_responder_send_text`, then `vc_responder_finish`.
    pub call: Option<
        extern "C" fn(
            user_data: *mut c_void,
            method: *const c_char,
            arguments_json: *const c_char,
            answer: *mut vc_responder,
        ),
    >,
    /// Called exactly once, on any thread, when nothing uses `user_data` any more; may be NULL.
    pub drop: Option<extern "C" fn(user_data: *mut c_void)>,
}

/// The host's own objects; NULL: as the config says. The config may name one among others, to be tried in that order:
/// `"llm": ["host/0", "openai/gpt-6-luna"]`; one that it does not name stands in place of what it says.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vc_hosts {
    /// Speech to text.
    pub stt: *const vc_stt_vtable,
    /// The language model.
    pub llm: *const vc_llm_vtable,
    /// Text to speech.
    pub tts: *const vc_tts_vtable,
    /// Where conversations are kept.
    pub store: *const vc_store_vtable,
}

/// A host's function with its name and its data.
struct HostObject<F> {
    name: String,
    call: F,
    data: Arc<UserData>,
}

/// Takes the data over first: a fault in the rest still gives it back.
fn host_object<F>(role: &str, name: *const c_char, function: Option<F>, data: UserData) -> Outcome<HostObject<F>> {
    let data = Arc::new(data);
    let call = function.ok_or_else(|| ErrorRecord::invalid(format!("hosts.{role}: the function is NULL")))?;
    let name = optional_text(&format!("hosts.{role}.name"), name)?.unwrap_or_else(|| format!("host-{role}"));
    Ok(HostObject { name, call, data })
}

/// Reads one table of host functions, if it is there.
macro_rules! adopt {
    ($hosts:ident . $role:ident, $function:ident) => {
        // SAFETY: NULL, or documented as a complete table that stays as it is during the call.
        unsafe { $hosts.$role.as_ref() }.map(|table| {
            let data = UserData::new(table.user_data, table.drop);
            host_object(stringify!($role), table.name, table.$function, data)
        })
    };
}

const NO_HOSTS: vc_hosts =
    vc_hosts { stt: std::ptr::null(), llm: std::ptr::null(), tts: std::ptr::null(), store: std::ptr::null() };

/// The host's objects. All are taken over before any is looked at, so that each `drop` is called whatever is wrong.
pub(crate) fn adopted(hosts: *const vc_hosts) -> Outcome<Hosts> {
    let hosts = given(hosts, NO_HOSTS);
    let stt = adopt!(hosts.stt, transcribe);
    let llm = adopt!(hosts.llm, generate);
    let tts = adopt!(hosts.tts, synthesize);
    let store = adopt!(hosts.store, call);
    Ok(Hosts {
        stt: stt.transpose()?.map(|h| Arc::new(SttAdaptor(h.name.clone(), h)) as _).into_iter().collect(),
        llm: llm.transpose()?.map(|h| Arc::new(LlmAdaptor(h.name.clone(), h)) as _).into_iter().collect(),
        tts: tts.transpose()?.map(|h| Arc::new(TtsAdaptor(h.name.clone(), h)) as _).into_iter().collect(),
        store: store.transpose()?.map(|h| Arc::new(StoreAdaptor(h.name.clone(), h)) as _),
    })
}

/// Runs host code where it may block without holding up the library.
fn apart(work: impl FnOnce() + Send + 'static) {
    // Without threads the answer is dropped with `work`, and its asker learns that none came.
    if let Ok(handle) = runtime::handle() {
        handle.spawn_blocking(work);
    }
}

type Transcribe = extern "C" fn(*mut c_void, *const i16, usize, *const c_char, *mut vc_responder);
type Generate = extern "C" fn(*mut c_void, *const c_char, *mut vc_responder);
type Ask = extern "C" fn(*mut c_void, *const c_char, *const c_char, *mut vc_responder);

fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr())
}

impl HostStt for HostObject<Transcribe> {
    fn transcribe(&self, samples: Arc<[i16]>, language: Option<String>, answer: Responder<Transcript>) {
        let (call, data) = (self.call, Arc::clone(&self.data));
        apart(move || {
            let language = language.as_deref().map(c_text);
            let answer = opened(answer);
            call(data.pointer, samples.as_ptr(), samples.len(), pointer(&language), answer);
        });
    }
}

impl HostLlm for HostObject<Generate> {
    fn generate(&self, request_json: String, answer: Responder<String>) {
        let (call, data) = (self.call, Arc::clone(&self.data));
        apart(move || call(data.pointer, c_text(&request_json).as_ptr(), opened(answer)));
    }
}

impl HostTts for HostObject<Ask> {
    fn synthesize(&self, text: String, language: Option<String>, answer: Responder<Pcm>) {
        let (call, data) = (self.call, Arc::clone(&self.data));
        apart(move || {
            let language = language.as_deref().map(c_text);
            call(data.pointer, c_text(&text).as_ptr(), pointer(&language), opened(answer));
        });
    }
}

impl HostStore for HostObject<Ask> {
    fn call(&self, method: &'static str, arguments_json: String, answer: Responder<String>) {
        let (call, data) = (self.call, Arc::clone(&self.data));
        apart(move || {
            let answer = opened(answer);
            call(data.pointer, c_text(method).as_ptr(), c_text(&arguments_json).as_ptr(), answer);
        });
    }
}

/// Where a host's answer goes. It ends with exactly one of `vc_responder_finish`, `vc_responder_fail` and `vc_responder_free`,
/// after which the handle is none. Any thread, also long after the host's function returned.
pub struct vc_responder {
    _opaque: [u8; 0],
}

handles!(vc_responder => Answer);

fn opened(answer: impl Into<Answer>) -> *mut vc_responder {
    handle::open(answer.into())
}

/// Runs `send` on the answer; `false`: nobody wants it any more.
fn sent(answer: *const vc_responder, send: impl FnOnce(&Answer) -> Outcome<bool>) -> vc_status {
    value(vc_status::VC_INTERNAL_ERROR, || match handle::get(answer).and_then(|answer| send(&answer)) {
        Ok(true) => vc_status::VC_OK,
        Ok(false) => vc_status::VC_CANCELLED,
        Err(_) => vc_status::VC_VALIDATION_ERROR,
    })
}

/// Sends a piece of text (language model), or the JSON answer (store). `VC_CANCELLED`: nobody wants it any more, stop.
/// `VC_VALIDATION_ERROR`: no text, not UTF-8, or an ended or other answer. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_responder_send_text(answer: *const vc_responder, piece: *const c_char) -> vc_status {
    sent(answer, |answer| answer.send_text(text("piece", piece)?))
}

/// Sends a transcript (speech to text): everything recognised so far. `language` is BCP 47 or NULL. Statuses as for
/// `vc_responder_send_text`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_responder_send_transcript(
    answer: *const vc_responder,
    transcript: *const c_char,
    is_final: bool,
    language: *const c_char,
) -> vc_status {
    sent(answer, |answer| {
        answer.send_transcript(text("transcript", transcript)?, is_final, optional_text("language", language)?)
    })
}

/// Sends a chunk of sound (text to speech): `count` mono samples, `sample_rate` a second, copied. Statuses as for
/// `vc_responder_send_text`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_responder_send_audio(
    answer: *const vc_responder,
    samples: *const i16,
    count: usize,
    sample_rate: u32,
) -> vc_status {
    sent(answer, |answer| answer.send_audio(copied("samples", samples, count)?, sample_rate))
}

/// Whether nobody wants the answer any more: the turn was cancelled, timed out, or answered otherwise. Also true for an answer
/// that has ended. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_responder_is_cancelled(answer: *const vc_responder) -> bool {
    value(true, || handle::get(answer).map_or(true, |answer| answer.is_over()))
}

/// Ends an answer and frees its handle. `false`: it had ended already.
fn ended(answer: *const vc_responder, end: impl FnOnce(&Answer) -> bool) -> bool {
    handle::take(answer).is_ok_and(|answer| end(&answer))
}

fn unless_ended(ended: bool) -> vc_status {
    if ended { vc_status::VC_OK } else { vc_status::VC_VALIDATION_ERROR }
}

/// The answer is complete; the handle is freed. `VC_VALIDATION_ERROR`: it had ended already. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_responder_finish(answer: *mut vc_responder) -> vc_status {
    value(vc_status::VC_INTERNAL_ERROR, || unless_ended(ended(answer, Answer::finish)))
}

/// What a host's object says went wrong. Start from zeros.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vc_failure {
    /// A code of the library, or NULL for `PROVIDER_ERROR`. The library acts on it: `TIMEOUT` and `RATE_LIMIT_EXCEEDED` are tried again.
    pub code: *const c_char,
    /// What happened, for people and logs: nothing that was said. NULL: "failed".
    pub message: *const c_char,
    /// 1: trying again may help; -1: it cannot; 0: as the code says.
    pub retryable: i8,
    /// How long to wait before that, in milliseconds; 0: nobody said.
    pub retry_after_ms: u64,
}

const NO_FAILURE: vc_failure =
    vc_failure { code: std::ptr::null(), message: std::ptr::null(), retryable: 0, retry_after_ms: 0 };

/// The answer failed; the handle is freed. `failure` may be NULL; it is copied. `VC_VALIDATION_ERROR`: it had ended already, or a
/// text is not UTF-8 (the answer fails without it). Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_responder_fail(answer: *mut vc_responder, failure: *const vc_failure) -> vc_status {
    value(vc_status::VC_INTERNAL_ERROR, || {
        let failure = given(failure, NO_FAILURE);
        let (code, message) = (optional_text("code", failure.code), optional_text("message", failure.message));
        let good = code.is_ok() && message.is_ok();
        let failed = ended(answer, |answer| {
            answer.fail(
                code.ok().flatten().as_deref(),
                message.ok().flatten().as_deref().unwrap_or("failed"),
                (failure.retryable != 0).then_some(failure.retryable > 0),
                (failure.retry_after_ms > 0).then_some(failure.retry_after_ms),
            )
        });
        unless_ended(failed && good)
    })
}

/// Gives no answer: a failure in itself. NULL and a second time are fine. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_responder_free(answer: *mut vc_responder) {
    value((), || {
        ended(answer, |answer| {
            answer.abandon();
            true
        });
    });
}
