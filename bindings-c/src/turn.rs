//! Turns: blocking, streamed, and with a callback.

use std::{
    collections::VecDeque,
    ffi::{c_char, c_void},
    sync::{Arc, Condvar, Mutex, PoisonError},
};

use voice_bridge::{
    AudioInput, ErrorRecord, EventRecord, EventStream, Input, Outcome, ReplyRecord, TurnOptions, runtime,
};

use crate::{
    agent::vc_agent,
    error::{Failure, free, give, give_blocking, of, run_blocking, vc_error, vc_status},
    event::{Happening, vc_event},
    handle::{self, handles},
    memory::{UserData, copied, given, optional_text, put, text},
    reply::{Given, vc_reply},
};

/// How many events cross the border at a time: one wait serves all that are there.
pub(crate) const BATCH: usize = 16;

/// What a turn is about. Start from zeros and set exactly one of `text`, `path`, `bytes`, `samples` and `samples_f32`. Everything is
/// copied during the call.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct vc_input {
    /// Something typed.
    pub text: *const c_char,
    /// An audio file: WAV, MP3, Ogg, FLAC, M4A, WebM, …
    pub path: *const c_char,
    /// The bytes of such a file, `length` of them.
    pub bytes: *const u8,
    /// Interleaved 16-bit samples, `length` of them over all channels.
    pub samples: *const i16,
    /// Interleaved float samples, full scale ±1, `length` of them over all channels.
    pub samples_f32: *const f32,
    /// How many bytes or samples.
    pub length: usize,
    /// Samples a second; only for samples.
    pub sample_rate: u32,
    /// Channels; only for samples; 0 is 1.
    pub channels: u32,
}

/// How a turn is to be run. All zeros is the default, and so is NULL. Everything is copied during the call.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct vc_turn_options {
    /// The session to continue, or NULL. An unknown one starts a fresh session.
    pub session: *const c_char,
    /// Whose turn it is, or NULL.
    pub user: *const c_char,
    /// The language that is spoken (BCP 47), or NULL.
    pub language: *const c_char,
    /// The deadline in milliseconds; 0: the config's.
    pub deadline_ms: u64,
    /// Whether the answer is text only.
    pub silent: bool,
    /// Who answers in a fresh session: an assistant, by its id; or NULL.
    pub assistant: *const c_char,
    /// In which organization the turn is taken, by its id; or NULL.
    pub organization: *const c_char,
}

impl vc_input {
    fn read(self) -> Outcome<Input> {
        let given = [self.text.is_null(), self.path.is_null(), self.bytes.is_null(), self.samples.is_null()];
        let given = given.into_iter().filter(|null| !null).count() + usize::from(!self.samples_f32.is_null());
        if given != 1 {
            return Err(ErrorRecord::invalid(format!(
                "input: expected exactly one of text, path, bytes, samples and samples_f32, got {given}"
            )));
        }
        let (sample_rate, channels) = (self.sample_rate, self.channels.max(1));
        Ok(if !self.text.is_null() {
            Input::Text(text("text", self.text)?)
        } else {
            Input::Audio(if !self.path.is_null() {
                AudioInput::Path(text("path", self.path)?.into())
            } else if !self.bytes.is_null() {
                AudioInput::Bytes(copied("bytes", self.bytes, self.length)?)
            } else if !self.samples.is_null() {
                let samples = copied("samples", self.samples, self.length)?;
                AudioInput::Pcm { samples, sample_rate, channels }
            } else {
                let samples = copied("samples_f32", self.samples_f32, self.length)?;
                AudioInput::PcmF32 { samples, sample_rate, channels }
            })
        })
    }
}

impl vc_turn_options {
    fn read(self) -> Outcome<TurnOptions> {
        Ok(TurnOptions {
            session: optional_text("session", self.session)?,
            user: optional_text("user", self.user)?,
            language: optional_text("language", self.language)?,
            deadline_ms: (self.deadline_ms > 0).then_some(self.deadline_ms),
            speak: self.silent.then_some(false),
            assistant: optional_text("assistant", self.assistant)?,
            organization: optional_text("organization", self.organization)?,
        })
    }
}

fn converse(
    agent: *const vc_agent,
    input: Outcome<vc_input>,
    options: *const vc_turn_options,
    reply: *mut *mut vc_reply,
    error: *mut *mut vc_error,
) -> vc_status {
    give_blocking(("reply", reply), error, || {
        Ok(Given::open(handle::get(agent)?.turn(input?.read()?, given(options).read()?).wait()?))
    })
}

/// NULL stays an error that names the argument.
fn required<T>(name: &str, pointer: *const T) -> Outcome<()> {
    if pointer.is_null() { Err(ErrorRecord::invalid(format!("{name}: expected an address, got NULL"))) } else { Ok(()) }
}

/// Answers what is said in an audio file, in a fresh session. `*reply` is the caller's to free. Blocks; not on a thread of the library.
#[unsafe(no_mangle)]
pub extern "C" fn vc_converse_file(
    agent: *const vc_agent,
    path: *const c_char,
    reply: *mut *mut vc_reply,
    error: *mut *mut vc_error,
) -> vc_status {
    converse(
        agent,
        required("path", path).map(|()| vc_input { path, ..vc_input::default() }),
        std::ptr::null(),
        reply,
        error,
    )
}

/// Answers what is said in the bytes of an audio file. Otherwise like `vc_converse_file`.
#[unsafe(no_mangle)]
pub extern "C" fn vc_converse_bytes(
    agent: *const vc_agent,
    bytes: *const u8,
    length: usize,
    reply: *mut *mut vc_reply,
    error: *mut *mut vc_error,
) -> vc_status {
    let input = required("bytes", bytes).map(|()| vc_input { bytes, length, ..vc_input::default() });
    converse(agent, input, std::ptr::null(), reply, error)
}

/// Answers what is said in `length` mono samples. Otherwise like `vc_converse_file`.
#[unsafe(no_mangle)]
pub extern "C" fn vc_converse_pcm(
    agent: *const vc_agent,
    samples: *const i16,
    length: usize,
    sample_rate: u32,
    reply: *mut *mut vc_reply,
    error: *mut *mut vc_error,
) -> vc_status {
    let input = required("samples", samples).map(|()| vc_input { samples, length, sample_rate, ..vc_input::default() });
    converse(agent, input, std::ptr::null(), reply, error)
}

/// Answers something typed. Otherwise like `vc_converse_file`.
#[unsafe(no_mangle)]
pub extern "C" fn vc_converse_text(
    agent: *const vc_agent,
    text: *const c_char,
    reply: *mut *mut vc_reply,
    error: *mut *mut vc_error,
) -> vc_status {
    converse(
        agent,
        required("text", text).map(|()| vc_input { text, ..vc_input::default() }),
        std::ptr::null(),
        reply,
        error,
    )
}

/// Runs one turn. `options` may be NULL. `*reply` is the caller's to free. Blocks; not on a thread of the library. To be able to cancel
/// it, use `vc_turn_start` or `vc_turn_stream`.
#[unsafe(no_mangle)]
pub extern "C" fn vc_turn_run(
    agent: *const vc_agent,
    input: *const vc_input,
    options: *const vc_turn_options,
    reply: *mut *mut vc_reply,
    error: *mut *mut vc_error,
) -> vc_status {
    converse(agent, Ok(given(input)), options, reply, error)
}

fn begun(agent: *const vc_agent, input: *const vc_input, options: *const vc_turn_options) -> Outcome<EventStream> {
    handle::get(agent)?.stream(given(input).read()?, given(options).read()?)
}

/// The events of a turn, to be pulled. The caller frees it with `vc_stream_free`.
pub struct vc_stream {
    _opaque: [u8; 0],
}

/// A turn that runs by itself. The caller frees it with `vc_call_free`.
pub struct vc_call {
    _opaque: [u8; 0],
}

handles!(vc_stream => Pulled, vc_call => Running);

pub(crate) struct Pulled {
    events: EventStream,
    ready: Mutex<VecDeque<EventRecord>>,
}

impl Drop for Pulled {
    fn drop(&mut self) {
        self.events.cancel();
    }
}

/// Prepares one turn as a stream of events; it begins with the first `vc_stream_next`. `options` may be NULL. `*stream` is the
/// caller's to free. Reads the file, if there is one; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_turn_stream(
    agent: *const vc_agent,
    input: *const vc_input,
    options: *const vc_turn_options,
    stream: *mut *mut vc_stream,
    error: *mut *mut vc_error,
) -> vc_status {
    give(("stream", stream), error, || {
        Ok(handle::open(Pulled { events: begun(agent, input, options)?, ready: Mutex::default() }))
    })
}

/// Waits for the next event. `*event` is the caller's to free; `VC_OK` with `*event == NULL`: the turn is over. Events that are there come
/// before the error that ends the turn. Blocks; not on a thread of the library; several threads take turns.
#[unsafe(no_mangle)]
pub extern "C" fn vc_stream_next(
    stream: *const vc_stream,
    event: *mut *mut vc_event,
    error: *mut *mut vc_error,
) -> vc_status {
    give_blocking(("event", event), error, || {
        let stream = handle::get(stream)?;
        let mut ready = stream.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.is_empty() {
            ready.extend(stream.events.next_batch(BATCH).wait()?);
        }
        Ok(ready.pop_front().map_or(std::ptr::null_mut(), Happening::open))
    })
}

/// Cancels the turn: nothing is stored, and `vc_stream_next` ends with `VC_CANCELLED`. Any thread, any number of times.
#[unsafe(no_mangle)]
pub extern "C" fn vc_stream_cancel(stream: *const vc_stream) {
    of(stream, (), |s| s.events.cancel());
}

/// Frees a stream, and cancels its turn if it is not over. NULL and a second time are fine. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_stream_free(stream: *mut vc_stream) {
    free(stream);
}

/// Takes what happens in a turn or in a live session: `event` or `error`, the other is NULL. The last call brings an event of kind
/// `VC_EVENT_DONE` (live: `VC_EVENT_ENDED`) or an error; there is always exactly one last call. Both handles belong to the library and
/// last for the call.
///
/// Called on a thread of the library that serves this turn or session alone, one call after the other: it may take its time, which
/// slows only that one; it may use accessors, `vc_call_cancel`, and what of `vc_live_` does not block; a call that blocks fails there with
/// `VC_INTERNAL_ERROR`. It must not throw.
pub type vc_event_fn = Option<extern "C" fn(user_data: *mut c_void, event: *const vc_event, error: *const vc_error)>;

pub(crate) struct Running {
    events: EventStream,
    end: Arc<End>,
}

#[derive(Default)]
struct End {
    outcome: Mutex<Option<Outcome<ReplyRecord>>>,
    reached: Condvar,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.events.cancel();
    }
}

/// Tells the host one thing that happened.
pub(crate) fn told(function: vc_event_fn, user_data: &UserData, item: Result<EventRecord, ErrorRecord>) {
    let Some(function) = function else { return };
    match item {
        Ok(record) => {
            let event = Happening::open(record);
            function(user_data.pointer, event, std::ptr::null());
            drop(handle::take(event));
        }
        Err(record) => {
            let error = Failure::open(record);
            function(user_data.pointer, std::ptr::null(), error);
            drop(handle::take(error));
        }
    }
}

/// Pulls a turn to its end.
fn followed(events: &EventStream, mut tell: impl FnMut(EventRecord)) -> Outcome<ReplyRecord> {
    let handle = runtime::handle()?;
    loop {
        let batch = handle.block_on(events.next_batch(BATCH))?;
        if batch.is_empty() {
            return Err(ErrorRecord::internal("the turn ended without a reply"));
        }
        for record in batch {
            if let EventRecord::Done { reply } = &record {
                let reply = reply.clone();
                tell(record);
                return Ok(reply);
            }
            tell(record);
        }
    }
}

/// Starts one turn and returns at once; `on_event` (may be NULL) gets its events on a thread of the library. `options` may be NULL.
/// `*call` is the caller's to free.
///
/// `user_data` must last until the last call of `on_event` has returned; `vc_call_wait` returns after that. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_turn_start(
    agent: *const vc_agent,
    input: *const vc_input,
    options: *const vc_turn_options,
    on_event: vc_event_fn,
    user_data: *mut c_void,
    call: *mut *mut vc_call,
    error: *mut *mut vc_error,
) -> vc_status {
    give(("call", call), error, || {
        let events = begun(agent, input, options)?;
        let end = Arc::new(End::default());
        let (running, told_to, reached) = (events.clone(), UserData::new(user_data, None), Arc::clone(&end));
        runtime::handle()?.spawn_blocking(move || {
            let outcome = voice_bridge::guard(|| followed(&running, |record| told(on_event, &told_to, Ok(record))));
            if let Err(record) = &outcome {
                told(on_event, &told_to, Err(record.clone()));
            }
            *reached.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            reached.reached.notify_all();
        });
        Ok(handle::open(Running { events, end }))
    })
}

/// Waits for the end of a turn. `reply` may be NULL; `*reply` is the caller's to free; every wait gives one. Blocks; not on a thread of
/// the library.
#[unsafe(no_mangle)]
pub extern "C" fn vc_call_wait(
    call: *const vc_call,
    reply: *mut *mut vc_reply,
    error: *mut *mut vc_error,
) -> vc_status {
    run_blocking(error, || {
        put(reply, std::ptr::null_mut());
        let call = handle::get(call)?;
        let outcome = call.end.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = call.end.reached.wait_while(outcome, |o| o.is_none()).unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = outcome.clone() {
            let record = outcome?;
            if !reply.is_null() {
                put(reply, Given::open(record));
            }
        }
        Ok(())
    })
}

/// Cancels a turn: it ends with `VC_CANCELLED`, and nothing is stored. Any thread, also in `on_event`; any number of times.
#[unsafe(no_mangle)]
pub extern "C" fn vc_call_cancel(call: *const vc_call) {
    of(call, (), |c| c.events.cancel());
}

/// Frees a call, and cancels its turn if it is not over; `on_event` then still gets its last call. NULL and a second time are
/// fine. Any thread, also in `on_event`.
#[unsafe(no_mangle)]
pub extern "C" fn vc_call_free(call: *mut vc_call) {
    free(call);
}
