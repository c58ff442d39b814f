//! Providers, stores, tools and sinks of metrics that the host writes in C.

use std::{
    ffi::{c_char, c_void},
    sync::Arc,
};

use serde_json::{Value, json};
use voice_bridge::{
    ErrorRecord, Hosts, Outcome, Tool,
    host::{
        HostLlm, HostMetrics, HostStore, HostStt, HostTool, HostTts, HostTurnDetector, LlmAdaptor, LlmEvent,
        MetricsAdaptor, Pcm, Responder, Sound, StoreAdaptor, SttAdaptor, ToolAdaptor, Transcript, TtsAdaptor,
        TurnDetectorAdaptor,
    },
    runtime,
};

use crate::{
    answer::{opened, vc_responder, with_sound},
    memory::{UserData, c_text, copied, given, optional_text, pointer},
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
    /// Recognises one utterance of a live session while it is spoken; NULL: it transcribes whole utterances only. `language` as above.
    /// Answers now or later, on any thread: takes the sound by `vc_responder_read_sound` and sends interim transcripts by
    /// `vc_responder_send_transcript`, each with everything said so far, then, once the sound is over, a final one, then
    /// `vc_responder_finish`. Whatever fails costs no words: the utterance is then given to `transcribe`.
    pub listen: Option<extern "C" fn(user_data: *mut c_void, language: *const c_char, answer: *mut vc_responder)>,
    /// Gets ready before the first question (opens a connection, loads a model), when `vc_agent_warm_up` asks for it; NULL: it has nothing to get
    /// ready. Answers now or later, on any thread: `vc_responder_finish` once it is, or `vc_responder_fail`.
    pub warm_up: Option<extern "C" fn(user_data: *mut c_void, answer: *mut vc_responder)>,
}

/// What hears the end of turns, in the host. Threads as for `vc_stt_vtable`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vc_turn_detector_vtable {
    /// How logs name it.
    pub name: *const c_char,
    /// Handed to every function as it is.
    pub user_data: *mut c_void,
    /// Says how likely the speaker is done, given `count` mono samples of 16 kHz, which last for the call: the latest eight seconds at
    /// most of the turn, which end with a short silence. Called at every pause. Answers now or later, on any thread:
    /// `vc_responder_send_completeness`, then `vc_responder_finish`. When it fails or is late, the words alone tell.
    pub completeness:
        Option<extern "C" fn(user_data: *mut c_void, samples: *const i16, count: usize, answer: *mut vc_responder)>,
    /// Called exactly once, on any thread, when nothing uses `user_data` any more; may be NULL.
    pub drop: Option<extern "C" fn(user_data: *mut c_void)>,
    /// As `warm_up` of `vc_stt_vtable`.
    pub warm_up: Option<extern "C" fn(user_data: *mut c_void, answer: *mut vc_responder)>,
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
    /// thread: `vc_responder_send_text` piece by piece, what it used by `vc_responder_send_usage`, then `vc_responder_finish`. With `calls_tools` there is more: see README.md.
    pub generate: Option<extern "C" fn(user_data: *mut c_void, request_json: *const c_char, answer: *mut vc_responder)>,
    /// Called exactly once, on any thread, when nothing uses `user_data` any more; may be NULL.
    pub drop: Option<extern "C" fn(user_data: *mut c_void)>,
    /// Whether it can call tools, by `vc_responder_send_tool_call`; only then it is told of any.
    pub calls_tools: bool,
    /// As `warm_up` of `vc_stt_vtable`, for prompts that will begin with `system_prompt`, which lasts for the call.
    pub warm_up: Option<extern "C" fn(user_data: *mut c_void, system_prompt: *const c_char, answer: *mut vc_responder)>,
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
    /// As `warm_up` of `vc_stt_vtable`.
    pub warm_up: Option<extern "C" fn(user_data: *mut c_void, answer: *mut vc_responder)>,
    /// Lists its voices for `list` of the room `voices`; NULL: it does not say which it has. Those that do not speak `language` (BCP 47 or NULL,
    /// which lasts for the call) may be left out. Answers now or later, on any thread: a JSON array of objects with an `id` and whatever
    /// is known of `name`, `languages`, `gender`, `description`, `preview_url` and `labels` by `vc_responder_send_text`, then `vc_responder_finish`.
    pub voices: Option<extern "C" fn(user_data: *mut c_void, language: *const c_char, answer: *mut vc_responder)>,
    /// Speaks as `synthesize` does, as one of its voices: `voice_json` is `{"id", "settings"}`, without an id its own; all texts last for the
    /// call. NULL: it has one voice.
    pub synthesize_as: Option<
        extern "C" fn(
            user_data: *mut c_void,
            text: *const c_char,
            language: *const c_char,
            voice_json: *const c_char,
            answer: *mut vc_responder,
        ),
    >,
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

/// What is told, in the host, what calls, turns and live sessions took, used and cost. Threads as for `vc_stt_vtable`, but one call at a time.
///
/// No turn waits for it: at most 2,048 reports do. What comes on top of that is dropped, as is what a call was given that fails or takes
/// longer than 30 seconds; `vc_agent_dropped_reports` counts it. `vc_agent_close` delivers what waits, within 5 seconds.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vc_metrics_vtable {
    /// Handed to every function as it is.
    pub user_data: *mut c_void,
    /// Takes what was measured since it was last called, in the order in which it ended: `reports_json`, which lasts for the call, is an array of
    /// 1 to 256 objects with a `type` (README.md tells of their keys): ids, times, amounts and codes of errors, never words. Ends by
    /// `vc_responder_finish` or `vc_responder_fail`, now or later, on any thread.
    pub record: Option<extern "C" fn(user_data: *mut c_void, reports_json: *const c_char, answer: *mut vc_responder)>,
    /// Lets go of what it still holds, and ends like `record`: the agent closes. May be NULL.
    pub flush: Option<extern "C" fn(user_data: *mut c_void, answer: *mut vc_responder)>,
    /// Called exactly once, on any thread, when nothing uses `user_data` any more; may be NULL.
    pub drop: Option<extern "C" fn(user_data: *mut c_void)>,
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
    /// What hears the end of turns in live sessions with `"turn_detection": "model"`; one, or NULL: the local one.
    pub turn_detector: *const vc_turn_detector_vtable,
    /// What is told what was measured; one or NULL.
    pub metrics: *const vc_metrics_vtable,
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
    let call = function.ok_or_else(|| ErrorRecord::invalid(format!("{role}: the function is NULL")))?;
    let name = optional_text(&format!("{role}.name"), name)?
        .unwrap_or_else(|| format!("host-{}", role.trim_start_matches("hosts.")));
    Ok(HostObject { name, call, data })
}

/// Takes over the objects of one role, each with its table.
macro_rules! adopt {
    ($role:literal, $tables:expr, $count:expr, $function:ident) => {
        copied(concat!("hosts.", $role), $tables, $count).map(|tables| {
            let tables = tables.into_iter().map(|table| {
                let data = UserData::new(table.user_data, table.drop);
                (host_object(concat!("hosts.", $role), table.name, table.$function, data), table)
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
    let tools = adopted_tools("hosts.tools", hosts.tools, hosts.tool_count);
    let store = adopt!("store", hosts.store, usize::from(!hosts.store.is_null()), call);
    let detectors = usize::from(!hosts.turn_detector.is_null());
    let detector = adopt!("turn_detector", hosts.turn_detector, detectors, completeness);
    let sink = copied("hosts.metrics", hosts.metrics, usize::from(!hosts.metrics.is_null()))
        .map(|tables| tables.first().map(|table| (*table, Arc::new(UserData::new(table.user_data, table.drop)))));
    let (mut all, (stt, llm, tts)) = (Hosts { tools: tools?, ..Hosts::default() }, (stt?, llm?, tts?));
    for (object, table) in stt {
        let host = object?;
        let stt = Recogniser { host, listen: table.listen, warm_up: table.warm_up };
        all.stt.push(Arc::new(SttAdaptor(stt.host.name.clone(), stt, table.listen.is_some())));
    }
    for (object, table) in detector? {
        let detector = Prepared { host: object?, warm_up: table.warm_up };
        all.turn_detector = Some(Arc::new(TurnDetectorAdaptor(detector.host.name.clone(), detector)));
    }
    for (object, table) in llm {
        let llm = Prepared { host: object?, warm_up: table.warm_up };
        all.llm.push(Arc::new(LlmAdaptor(llm.host.name.clone(), llm, table.calls_tools)));
    }
    for (object, table) in tts {
        let (warm_up, voices, speak_as) = (table.warm_up, table.voices, table.synthesize_as);
        let tts = Speaker { host: object?, warm_up, voices, speak_as };
        all.tts.push(Arc::new(TtsAdaptor::new(tts.host.name.clone(), tts, speak_as.is_some())));
    }
    for (object, _) in store? {
        let host = object?;
        all.store = Some(Arc::new(StoreAdaptor(host.name.clone(), host)));
    }
    if let Some((table, data)) = sink? {
        let record = table.record.ok_or_else(|| ErrorRecord::invalid("hosts.metrics: the function is NULL"))?;
        all.metrics = Some(Arc::new(MetricsAdaptor(Sink { record, flush: table.flush, data })));
    }
    Ok(all)
}

/// The host's tools, which came in the argument `role`. All are taken over before any is looked at.
pub(crate) fn adopted_tools(role: &str, tables: *const vc_tool_vtable, count: usize) -> Outcome<Vec<Arc<dyn Tool>>> {
    let tables = copied(role, tables, count)?.into_iter().map(|table| {
        let data = UserData::new(table.user_data, table.drop);
        (host_object(role, table.name, table.call, data), table)
    });
    let tools: Vec<_> = tables.collect();
    tools
        .into_iter()
        .map(|(object, table)| Ok(Arc::new(ToolAdaptor::new(&definition(role, &table)?, object?)?) as _))
        .collect()
}

/// A tool's definition as the bridge reads it.
fn definition(role: &str, table: &vc_tool_vtable) -> Outcome<String> {
    let text = |key: &str, text| optional_text(&format!("{role}.{key}"), text);
    let name = text("name", table.name)?;
    let parameters = text("parameters_json", table.parameters_json)?;
    let parameters = parameters.map(|json| serde_json::from_str::<Value>(&json)).transpose().map_err(|fault| {
        let name = name.as_deref().unwrap_or_default();
        ErrorRecord::invalid(format!("tools.{name}.parameters_json: it is no JSON: {fault}"))
    })?;
    let definition = json!({
        "name": name,
        "description": text("description", table.description)?,
        "parameters": parameters,
        "timeout_ms": (table.timeout_ms > 0).then_some(table.timeout_ms),
        "on_interruption": table.runs_on.then_some("run_on"),
        "parallel": !table.runs_alone,
        "background": table.in_background,
    });
    Ok(definition.to_string())
}

/// Runs host code where it may block without holding up the library.
pub(crate) fn apart(work: impl FnOnce() + Send + 'static) {
    // Without threads the answer is dropped with `work`, and its asker learns that none came.
    if let Ok(handle) = runtime::handle() {
        handle.spawn_blocking(work);
    }
}

type Transcribe = extern "C" fn(*mut c_void, *const i16, usize, *const c_char, *mut vc_responder);
type Listen = extern "C" fn(*mut c_void, *const c_char, *mut vc_responder);
type Judge = extern "C" fn(*mut c_void, *const i16, usize, *mut vc_responder);
type Generate = extern "C" fn(*mut c_void, *const c_char, *mut vc_responder);
type Flush = extern "C" fn(*mut c_void, *mut vc_responder);
type Ask = extern "C" fn(*mut c_void, *const c_char, *const c_char, *mut vc_responder);
type SpeakAs = extern "C" fn(*mut c_void, *const c_char, *const c_char, *const c_char, *mut vc_responder);
type WarmUp = extern "C" fn(*mut c_void, *mut vc_responder);
type WarmUpFor = extern "C" fn(*mut c_void, *const c_char, *mut vc_responder);

/// A host's object that may have something to get ready.
struct Prepared<F, W> {
    host: HostObject<F>,
    warm_up: Option<W>,
}

impl<F> HostObject<F> {
    /// Has it get ready, if it has a function for that.
    fn get_ready(&self, warm_up: Option<WarmUp>, answer: Responder<()>) {
        let Some(warm_up) = warm_up else { return answer.finish() };
        let data = Arc::clone(&self.data);
        apart(move || warm_up(data.pointer, opened(answer)));
    }
}

/// A recogniser, which may be one that listens.
struct Recogniser {
    host: HostObject<Transcribe>,
    listen: Option<Listen>,
    warm_up: Option<WarmUp>,
}

impl HostStt for Recogniser {
    fn transcribe(&self, samples: Arc<[i16]>, language: Option<String>, answer: Responder<Transcript>) {
        let (call, data) = (self.host.call, Arc::clone(&self.host.data));
        apart(move || {
            let language = language.as_deref().map(c_text);
            let answer = opened(answer);
            call(data.pointer, samples.as_ptr(), samples.len(), pointer(&language), answer);
        });
    }

    fn listen(&self, sound: Sound, language: Option<String>, answer: Responder<Transcript>) {
        // Without the function nobody asks.
        let Some(listen) = self.listen else { return };
        let data = Arc::clone(&self.host.data);
        apart(move || {
            let language = language.as_deref().map(c_text);
            listen(data.pointer, pointer(&language), with_sound(answer, sound));
        });
    }

    fn warm_up(&self, answer: Responder<()>) {
        self.host.get_ready(self.warm_up, answer);
    }
}

impl HostTurnDetector for Prepared<Judge, WarmUp> {
    fn completeness(&self, samples: Arc<[i16]>, answer: Responder<f32>) {
        let (call, data) = (self.host.call, Arc::clone(&self.host.data));
        apart(move || call(data.pointer, samples.as_ptr(), samples.len(), opened(answer)));
    }

    fn warm_up(&self, answer: Responder<()>) {
        self.host.get_ready(self.warm_up, answer);
    }
}

impl HostLlm for Prepared<Generate, WarmUpFor> {
    fn generate(&self, request_json: String, answer: Responder<LlmEvent>) {
        let (call, data) = (self.host.call, Arc::clone(&self.host.data));
        apart(move || call(data.pointer, c_text(&request_json).as_ptr(), opened(answer)));
    }

    fn warm_up(&self, system_prompt: String, answer: Responder<()>) {
        let Some(warm_up) = self.warm_up else { return answer.finish() };
        let data = Arc::clone(&self.host.data);
        apart(move || warm_up(data.pointer, c_text(&system_prompt).as_ptr(), opened(answer)));
    }
}

/// A voice, which may be several.
struct Speaker {
    host: HostObject<Ask>,
    warm_up: Option<WarmUp>,
    voices: Option<Listen>,
    speak_as: Option<SpeakAs>,
}

impl HostTts for Speaker {
    fn synthesize(&self, text: String, language: Option<String>, answer: Responder<Pcm>) {
        let (call, data) = (self.host.call, Arc::clone(&self.host.data));
        apart(move || {
            let language = language.as_deref().map(c_text);
            call(data.pointer, c_text(&text).as_ptr(), pointer(&language), opened(answer));
        });
    }

    fn synthesize_as(&self, text: String, language: Option<String>, voice_json: String, answer: Responder<Pcm>) {
        // Without the function nobody asks.
        let Some(speak_as) = self.speak_as else { return };
        let data = Arc::clone(&self.host.data);
        apart(move || {
            let (text, language, voice) = (c_text(&text), language.as_deref().map(c_text), c_text(&voice_json));
            speak_as(data.pointer, text.as_ptr(), pointer(&language), voice.as_ptr(), opened(answer));
        });
    }

    fn voices(&self, language: Option<String>, answer: Responder<String>) {
        let Some(voices) = self.voices else { return answer.finish() };
        let data = Arc::clone(&self.host.data);
        apart(move || {
            let language = language.as_deref().map(c_text);
            voices(data.pointer, pointer(&language), opened(answer));
        });
    }

    fn warm_up(&self, answer: Responder<()>) {
        self.host.get_ready(self.warm_up, answer);
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

/// A sink of metrics.
struct Sink {
    record: Generate,
    flush: Option<Flush>,
    data: Arc<UserData>,
}

impl HostMetrics for Sink {
    fn record(&self, reports_json: String, answer: Responder<String>) {
        let (record, data) = (self.record, Arc::clone(&self.data));
        apart(move || record(data.pointer, c_text(&reports_json).as_ptr(), opened(answer)));
    }

    fn flush(&self, answer: Responder<String>) {
        let Some(flush) = self.flush else { return answer.finish() };
        let data = Arc::clone(&self.data);
        apart(move || flush(data.pointer, opened(answer)));
    }
}
