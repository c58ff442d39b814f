//! Providers, stores and tools that the host writes in C.

use std::{
    ffi::{c_char, c_void},
    sync::Arc,
};

use serde_json::{Value, json};
use voice_bridge::{
    ErrorRecord, Hosts, Outcome,
    host::{
        Answer, HostLlm, HostStore, HostStt, HostTool, HostTts, LlmAdaptor, LlmEvent, Pcm, Responder, StoreAdaptor,
        SttAdaptor, ToolAdaptor, Transcript, TtsAdaptor,
    },
    runtime,
};

use crate::{
    error::{of, value, vc_status},
    handle::{self, handles},
    memory::{UserData, c_text, copied, given, optional_text, pointer, text},
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
    /// thread: `vc_responder_send_text` piece by piece, then `vc_responder_finish`. With `calls_tools` there is more: see README.md.
    pub generate: Option<extern "C" fn(user_data: *mut c_void, request_json: *const c_char, answer: *mut vc_responder)>,
    /// Called exactly once, on any thread, when nothing uses `user_data` any more; may be NULL.
    pub drop: Option<extern "C" fn(user_data: *mut c_void)>,
    /// Whether it can call tools, by `vc_responder_send_tool_call`; only then it is told of any.
    pub calls_tools: bool,
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

/// A tool of the host, which the language model may call. Start from zeros. Threads as for `vc_stt_vtable`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vc_tool_vtable {
    /// Its name, one of a kind: 1–64 of `A–Z`, `a–z`, `0–9`, `_`, `-`.
    pub name: *const c_char,
    /// What it does and when to call it: all that the model knows of it.
    pub description: *const c_char,
    /// The JSON schema of its arguments, which are an object; NULL: it takes none.
    pub parameters_json: *const c_char,
    /// Handed to every function as it is.
    pub user_data: *mut c_void,
    /// Runs one call. `arguments_json` is an object that fits the schema, `context_json` is `{"session_id", "turn_id", "user", "timeout_ms"}`: whose
    /// call it is, and how long it may take; both last for the call. Answers now or later, on any thread: what the model is told by
    /// `vc_responder_send_text` (nothing: "done"), then `vc_responder_finish`. A failure is told to the model with its code and message,
    /// and the turn goes on. A tool that takes long asks `vc_responder_is_cancelled`, or has `vc_responder_on_cancel` tell it.
    pub call: Option<
        extern "C" fn(
            user_data: *mut c_void,
            arguments_json: *const c_char,
            context_json: *const c_char,
            answer: *mut vc_responder,
        ),
    >,
    /// Called exactly once, on any thread, when nothing uses `user_data` any more; may be NULL.
    pub drop: Option<extern "C" fn(user_data: *mut c_void)>,
    /// How long a call may take, in milliseconds; 0: 20,000.
    pub timeout_ms: u32,
    /// Whether a call runs to its end when its turn is cancelled or interrupted, for what must not be left half done.
    pub runs_on: bool,
    /// Whether no other call may run beside it.
    pub runs_alone: bool,
    /// Whether its work outlasts the turn of a live session: the agent goes on without it and tells the result later, when nobody speaks or
    /// with its next answer. Turns outside live sessions wait for it.
    pub in_background: bool,
}

/// The host's own objects. Start from zeros, and set the address of the first of each kind and how many there are; none: as the config says.
///
/// The config may name providers among others, by their numbers, to be tried in that order: `"llm": ["host/0", "openai/gpt-6-luna"]`;
/// those of a role that it does not name stand in place of what it says.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct vc_hosts {
    /// Speech to text.
    pub stt: *const vc_stt_vtable,
    /// How many.
    pub stt_count: usize,
    /// Language models.
    pub llm: *const vc_llm_vtable,
    /// How many.
    pub llm_count: usize,
    /// Text to speech.
    pub tts: *const vc_tts_vtable,
    /// How many.
    pub tts_count: usize,
    /// What the language model may call.
    pub tools: *const vc_tool_vtable,
    /// How many.
    pub tool_count: usize,
    /// Where conversations are kept; one or NULL.
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

/// Takes over the objects of one role, each with its table.
macro_rules! adopt {
    ($role:literal, $tables:expr, $count:expr, $function:ident) => {
        copied(concat!("hosts.", $role), $tables, $count).map(|tables| {
            let tables = tables.into_iter().map(|table| {
                let data = UserData::new(table.user_data, table.drop);
                (host_object($role, table.name, table.$function, data), table)
            });
            tables.collect::<Vec<_>>()
        })
    };
}

/// The host's objects. All are taken over before any is looked at, so that each `drop` is called whatever is wrong.
pub(crate) fn adopted(hosts: *const vc_hosts) -> Outcome<Hosts> {
    let hosts = given(hosts);
    let stt = adopt!("stt", hosts.stt, hosts.stt_count, transcribe);
    let llm = adopt!("llm", hosts.llm, hosts.llm_count, generate);
    let tts = adopt!("tts", hosts.tts, hosts.tts_count, synthesize);
    let tools = adopt!("tools", hosts.tools, hosts.tool_count, call);
    let store = adopt!("store", hosts.store, usize::from(!hosts.store.is_null()), call);
    let (mut all, (stt, llm, tts, tools)) = (Hosts::default(), (stt?, llm?, tts?, tools?));
    for (object, _) in stt {
        let host = object?;
        all.stt.push(Arc::new(SttAdaptor(host.name.clone(), host)));
    }
    for (object, table) in llm {
        let host = object?;
        all.llm.push(Arc::new(LlmAdaptor(host.name.clone(), host, table.calls_tools)));
    }
    for (object, _) in tts {
        let host = object?;
        all.tts.push(Arc::new(TtsAdaptor(host.name.clone(), host)));
    }
    for (object, table) in tools {
        all.tools.push(Arc::new(ToolAdaptor::new(&definition(&table)?, object?)?));
    }
    for (object, _) in store? {
        let host = object?;
        all.store = Some(Arc::new(StoreAdaptor(host.name.clone(), host)));
    }
    Ok(all)
}

/// A tool's definition as the bridge reads it.
fn definition(table: &vc_tool_vtable) -> Outcome<String> {
    let name = optional_text("hosts.tools.name", table.name)?;
    let parameters = optional_text("hosts.tools.parameters_json", table.parameters_json)?;
    let parameters = parameters.map(|json| serde_json::from_str::<Value>(&json)).transpose().map_err(|fault| {
        let name = name.as_deref().unwrap_or_default();
        ErrorRecord::invalid(format!("tools.{name}.parameters_json: it is no JSON: {fault}"))
    })?;
    let definition = json!({
        "name": name,
        "description": optional_text("hosts.tools.description", table.description)?,
        "parameters": parameters,
        "timeout_ms": (table.timeout_ms > 0).then_some(table.timeout_ms),
        "on_interruption": table.runs_on.then_some("run_on"),
        "parallel": !table.runs_alone,
        "background": table.in_background,
    });
    Ok(definition.to_string())
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
    fn generate(&self, request_json: String, answer: Responder<LlmEvent>) {
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
        self.ask(method.to_owned(), arguments_json, answer);
    }
}

impl HostObject<Ask> {
    fn ask(&self, first: String, second: String, answer: Responder<String>) {
        let (call, data) = (self.call, Arc::clone(&self.data));
        apart(move || call(data.pointer, c_text(&first).as_ptr(), c_text(&second).as_ptr(), opened(answer)));
    }
}

impl HostTool for HostObject<Ask> {
    fn call(&self, arguments_json: String, context_json: String, answer: Responder<String>) {
        self.ask(arguments_json, context_json, answer);
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

/// Sends a piece of text (language model, tool), or the JSON answer (store). `VC_CANCELLED`: nobody wants it any more, stop.
/// `VC_VALIDATION_ERROR`: no text, not UTF-8, or an ended or other answer. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_responder_send_text(answer: *const vc_responder, piece: *const c_char) -> vc_status {
    sent(answer, |answer| answer.send_text(text("piece", piece)?))
}

/// Sends a call of a tool (language model), its arguments as JSON. `id` tells the calls of an answer apart. Statuses as for
/// `vc_responder_send_text`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_responder_send_tool_call(
    answer: *const vc_responder,
    id: *const c_char,
    name: *const c_char,
    arguments_json: *const c_char,
) -> vc_status {
    sent(answer, |answer| {
        answer.send_tool_call(text("id", id)?, text("name", name)?, &text("arguments_json", arguments_json)?)
    })
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
    of(answer, true, Answer::is_over)
}

/// Has `callback(user_data)` called when nobody wants the answer any more, or it has ended: exactly once, on a thread of the library.
/// `VC_VALIDATION_ERROR`: there is no callback, or the answer had ended already, and it is not called. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_responder_on_cancel(
    answer: *const vc_responder,
    callback: Option<extern "C" fn(user_data: *mut c_void)>,
    user_data: *mut c_void,
) -> vc_status {
    value(vc_status::VC_INTERNAL_ERROR, || {
        let (Ok(answer), Some(_)) = (handle::get(answer), callback) else { return vc_status::VC_VALIDATION_ERROR };
        let Ok(handle) = runtime::handle() else { return vc_status::VC_INTERNAL_ERROR };
        let (unwanted, data) = (answer.cancellation(), UserData::new(user_data, callback));
        handle.spawn(async move {
            unwanted.cancelled().await;
            // Letting go of the data is what calls the host.
            apart(move || drop(data));
        });
        vc_status::VC_OK
    })
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
#[derive(Clone, Copy, Default)]
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

/// The answer failed; the handle is freed. `failure` may be NULL; it is copied. `VC_VALIDATION_ERROR`: it had ended already, or a
/// text is not UTF-8 (the answer fails without it). Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_responder_fail(answer: *mut vc_responder, failure: *const vc_failure) -> vc_status {
    value(vc_status::VC_INTERNAL_ERROR, || {
        let failure = given(failure);
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
