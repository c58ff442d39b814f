//! Turns: blocking, with a callback, and pulled.

use std::ffi::{c_char, c_void};

use voice_bridge::{AudioInput, ErrorRecord, EventRecord, EventStream, Input, Outcome, TurnOptions, runtime};

use crate::{
    agent::vc_agent,
    error::{ErrorOut, free, give_blocking, of, offer_blocking, run, vc_error, vc_status},
    event::vc_event,
    handle::{self, handles},
    host::{adopted_tools, vc_tool_vtable},
    memory::{UserData, cleared, copied, given, optional_text, put, put_before, text},
    reply::vc_reply,
    shown::{shown, shown_if},
};

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
    /// What the language model may call in this turn besides the agent's tools: the first of them, or NULL. They are copied, and each `drop` is
    /// called exactly once, when the last use is over, also when the turn fails.
    pub tools: *const vc_tool_vtable,
    /// How many.
    pub tool_count: usize,
}

impl vc_input {
    fn read(self) -> Outcome<Input> {
        let (length, sample_rate, channels) = (self.length, self.sample_rate, self.channels.max(1));
        let Self { text: typed, path, bytes, samples, samples_f32, .. } = self;
        let given = [typed.is_null(), path.is_null(), bytes.is_null(), samples.is_null(), samples_f32.is_null()];
        let audio = match given.map(|null| !null) {
            [true, false, false, false, false] => return Ok(Input::Text(text("text", typed)?)),
            [false, true, false, false, false] => AudioInput::Path(text("path", path)?.into()),
            [false, false, true, false, false] => AudioInput::Bytes(copied("bytes", bytes, length)?),
            [false, false, false, true, false] => {
                AudioInput::Pcm { samples: copied("samples", samples, length)?, sample_rate, channels }
            }
            [false, false, false, false, true] => {
                AudioInput::PcmF32 { samples: copied("samples_f32", samples_f32, length)?, sample_rate, channels }
            }
            given => {
                let given = given.into_iter().filter(|given| *given).count();
                let expected = "input: expected exactly one of text, path, bytes, samples and samples_f32";
                return Err(ErrorRecord::invalid(format!("{expected}, got {given}")));
            }
        };
        Ok(Input::Audio(audio))
    }
}

impl vc_turn_options {
    fn read(self) -> Outcome<TurnOptions> {
        // Taken over before anything can be found wrong.
        let tools = adopted_tools("options.tools", self.tools, self.tool_count);
        Ok(TurnOptions {
            session: optional_text("session", self.session)?,
            user: optional_text("user", self.user)?,
            language: optional_text("language", self.language)?,
            deadline_ms: (self.deadline_ms > 0).then_some(self.deadline_ms),
            speak: self.silent.then_some(false),
            assistant: optional_text("assistant", self.assistant)?,
            organization: optional_text("organization", self.organization)?,
            tools: tools?,
        })
    }
}

/// Runs one turn. `options` may be NULL. `*reply` is the caller's to free. Blocks; not on a thread of the library. To be able to cancel
/// it, use `vc_turn_start`.
#[unsafe(no_mangle)]
pub extern "C" fn vc_converse(
    agent: *const vc_agent,
    input: *const vc_input,
    options: *const vc_turn_options,
    reply: *mut *mut vc_reply,
    error: ErrorOut,
) -> vc_status {
    run(error, || {
        // Before anything can fail, so that the host gets its tools back.
        let options = given(options).read();
        let reply = cleared("reply", reply)?;
        runtime::may_block()?;
        put(reply, shown(handle::get(agent)?.turn(given(input).read()?, options?).wait()?));
        Ok(())
    })
}

/// Answers what is said in the audio file at `path`, in a fresh session. Otherwise like `vc_converse`.
#[unsafe(no_mangle)]
pub extern "C" fn vc_converse_file(
    agent: *const vc_agent,
    path: *const c_char,
    reply: *mut *mut vc_reply,
    error: ErrorOut,
) -> vc_status {
    give_blocking(("reply", reply), error, || {
        let file = Input::Audio(AudioInput::Path(text("path", path)?.into()));
        Ok(shown(handle::get(agent)?.turn(file, TurnOptions::default()).wait()?))
    })
}

/// A turn that runs by itself. The caller frees it with `vc_turn_free`.
pub struct vc_turn(());

handles!(vc_turn => Running);

pub(crate) struct Running(EventStream);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Takes what happens in a turn or in a live session: `event` or `error`, the other is NULL. The last call brings an event of kind
/// `VC_EVENT_DONE` (live: `VC_EVENT_ENDED`) or an error; there is always exactly one last call. Both handles belong to the library and
/// last for the call.
///
/// Called on threads of the library, one call after the other: it may take its time, which slows only this turn or session. The handle of the
/// turn or session is in its place before the first call. It may use accessors, `vc_turn_cancel`, and what of `vc_live_` does not block; a call
/// that blocks fails there with `VC_INTERNAL_ERROR`. It must not throw.
pub type vc_event_fn = Option<extern "C" fn(user_data: *mut c_void, event: *const vc_event, error: *const vc_error)>;

/// Tells the host what happens, if it wants to be told.
pub(crate) fn teller(
    on_event: vc_event_fn,
    user_data: *mut c_void,
) -> Option<impl FnMut(Outcome<EventRecord>) + Send + 'static> {
    let user_data = UserData::new(user_data, None);
    on_event.map(|on_event| {
        move |happened| {
            let user_data = &user_data;
            let (event, error) = match happened {
                Ok(event) => (shown(event), std::ptr::null_mut()),
                Err(error) => (std::ptr::null_mut(), shown(error)),
            };
            on_event(user_data.pointer, event, error);
            free(event);
            free(error);
        }
    })
}

/// Starts one turn and returns at once. `options` may be NULL. `*turn` is the caller's to free. Reads the file, if there is one; any
/// thread.
///
/// With `on_event` its events come to that, on threads of the library, and `user_data` must last until the last call has returned;
/// `vc_turn_wait` returns after that. `*turn` is there before the first call; if starting fails after that, it is NULL again. Without it (NULL)
/// they are pulled with `vc_turn_next`, or left alone: a turn of which nobody takes the events waits for that once there are many.
#[unsafe(no_mangle)]
pub extern "C" fn vc_turn_start(
    agent: *const vc_agent,
    input: *const vc_input,
    options: *const vc_turn_options,
    on_event: vc_event_fn,
    user_data: *mut c_void,
    turn: *mut *mut vc_turn,
    error: ErrorOut,
) -> vc_status {
    run(error, || {
        let options = given(options).read();
        let turn = cleared("turn", turn)?;
        let events = handle::get(agent)?.stream(given(input).read()?, options?)?;
        put_before(turn, Running(events.clone()), || match teller(on_event, user_data) {
            Some(told) => events.tell(told),
            None => {
                events.begin();
                Ok(())
            }
        })
    })
}

/// Waits for the next event. `*event` is the caller's to free; `VC_OK` with `*event == NULL`: the turn is over. Events that are there come
/// before the error that ends the turn. Blocks; not on a thread of the library; several threads take turns.
#[unsafe(no_mangle)]
pub extern "C" fn vc_turn_next(turn: *const vc_turn, event: *mut *mut vc_event, error: ErrorOut) -> vc_status {
    give_blocking(("event", event), error, || Ok(shown_if(handle::get(turn)?.0.next_batch(1).wait()?.pop())))
}

/// Waits for the end of a turn, past the events that nobody took. `reply` may be NULL; `*reply` is the caller's to free; every wait gives
/// one. Blocks; not on a thread of the library.
#[unsafe(no_mangle)]
pub extern "C" fn vc_turn_wait(turn: *const vc_turn, reply: *mut *mut vc_reply, error: ErrorOut) -> vc_status {
    offer_blocking(reply, error, || Ok(shown(handle::get(turn)?.0.reply().wait()?)))
}

/// Cancels a turn: it ends with `VC_CANCELLED`, and nothing is stored. Any thread, also in `on_event`; any number of times.
#[unsafe(no_mangle)]
pub extern "C" fn vc_turn_cancel(turn: *const vc_turn) {
    of(turn, (), |t| t.0.cancel());
}

/// Frees a turn, and cancels it if it is not over; `on_event` then still gets its last call. NULL and a second time are fine. Any
/// thread, also in `on_event`.
#[unsafe(no_mangle)]
pub extern "C" fn vc_turn_free(turn: *mut vc_turn) {
    free(turn);
}
