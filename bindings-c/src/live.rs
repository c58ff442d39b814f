//! Live sessions: pulled, or with a callback.

use std::{
    ffi::{c_char, c_void},
    time::Duration,
};

use voice_bridge::{LiveSession, Outcome, runtime};

use crate::{
    agent::vc_agent,
    error::{ErrorOut, free, give_blocking, offer_blocking, run, vc_status},
    event::vc_event,
    handle::{self, handles},
    host::{adopted_tools, vc_tool_vtable},
    memory::{bytes, cleared, copied, object, optional_text, put_before, text, vc_bytes},
    shown::shown_if,
    turn::{teller, vc_event_fn},
};

/// A live conversation. The caller frees it with `vc_live_free`.
pub struct vc_live(());

handles!(vc_live => Conversation);

pub(crate) struct Conversation(pub(crate) LiveSession);

impl Drop for Conversation {
    fn drop(&mut self) {
        // Whoever takes its events on another thread holds it, too.
        self.0.end().detach();
    }
}

/// Starts a live session: sound is pushed at any time, and events come at any time.
///
/// `options_json`: an object, or NULL; every key may be left out.
///
/// | key | meaning |
/// |---|---|
/// | `session`, `user`, `language`, `assistant`, `organization` | as for a turn |
/// | `config` | how turns are taken, in place of `live` in the agent's config; `{"turn_detection": "manual"}` is push to talk |
/// | `first_message` | what the agent says first |
/// | `input_rate`, `input_channels` | the sound that will be pushed; 16000 and 1 |
/// | `output_rate` | the rate of the sound that is given out; 24000 |
/// | `speak` | whether the agent speaks |
///
/// `tools` are what the language model may call in this session besides the agent's, `tool_count` of them, or NULL; they are copied, and each
/// `drop` is called exactly once, when the last use is over, also when this call fails.
///
/// With `on_event` the events come to it on threads of the library, one call after the other; the last call brings an event of kind
/// `VC_EVENT_ENDED` or an error, and `user_data` must last until it has returned. `*live` is there before the first call; if starting fails
/// after that, it is NULL again. Without it (NULL) they are pulled with `vc_live_next`. They must be taken: a session with hundreds of events
/// that nobody took ends. `*live` is the caller's to free. Blocks for a moment; not on a thread of the library.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_start(
    agent: *const vc_agent,
    options_json: *const c_char,
    tools: *const vc_tool_vtable,
    tool_count: usize,
    on_event: vc_event_fn,
    user_data: *mut c_void,
    live: *mut *mut vc_live,
    error: ErrorOut,
) -> vc_status {
    run(error, || {
        // Before anything can fail, so that the host gets its tools back.
        let tools = adopted_tools("tools", tools, tool_count);
        let live = cleared("live", live)?;
        runtime::may_block()?;
        let session = handle::get(agent)?.live(&object("options_json", options_json)?, tools?).wait()?;
        put_before(live, Conversation(session.clone()), || {
            teller(on_event, user_data).map_or(Ok(()), |told| session.tell(told))
        })
    })
}

/// Waits for the next event, for at most `timeout_ms`; less than 0: for as long as it takes. `*event` is the caller's to free; `VC_OK` with
/// `*event == NULL`: the session is over; `VC_TIMEOUT`: nothing happened. Blocks; not on a thread of the library; several threads
/// take turns.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_next(
    live: *const vc_live,
    timeout_ms: i64,
    event: *mut *mut vc_event,
    error: ErrorOut,
) -> vc_status {
    give_blocking(("event", event), error, || {
        let next = handle::get(live)?.0.next_within(1, patience(timeout_ms)).wait()?;
        Ok(shown_if(next.into_events().pop()))
    })
}

/// How long to wait; less than 0: for as long as it takes.
pub(crate) fn patience(timeout_ms: i64) -> Option<Duration> {
    u64::try_from(timeout_ms).ok().map(Duration::from_millis)
}

/// Does something with a session that never waits.
fn at_once(live: *const vc_live, error: ErrorOut, act: impl FnOnce(&LiveSession) -> Outcome<()>) -> vc_status {
    run(error, || act(&handle::get(live)?.0))
}

/// Takes the next sound of the user: `length` interleaved samples over all channels, at most ten seconds. Never waits. Any thread.
///
/// `VC_RATE_LIMIT_EXCEEDED`: sound comes faster than it can be heard; push it again in a moment.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_push_audio(
    live: *const vc_live,
    samples: *const i16,
    length: usize,
    error: ErrorOut,
) -> vc_status {
    at_once(live, error, |live| live.push_audio(copied("samples", samples, length)?))
}

/// The same for sound that comes over a network, with the time at which its sender took it: seconds from any moment, such as RTP's
/// timestamp over its rate. Frames may come late, twice, out of order, in bursts or never: what is in order is heard at once, a gap
/// is waited for 60 ms at most and then made up, copies are dropped. Never waits. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_push_audio_at(
    live: *const vc_live,
    seconds: f64,
    samples: *const i16,
    length: usize,
    error: ErrorOut,
) -> vc_status {
    at_once(live, error, |live| live.push_audio_at(seconds, copied("samples", samples, length)?))
}

/// As `vc_live_push_audio` for float samples, full scale ±1.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_push_audio_f32(
    live: *const vc_live,
    samples: *const f32,
    length: usize,
    error: ErrorOut,
) -> vc_status {
    at_once(live, error, |live| live.push_audio_f32(&copied("samples", samples, length)?))
}

/// Takes something that the user typed. It is answered at once; what the agent says is interrupted. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_push_text(live: *const vc_live, typed: *const c_char, error: ErrorOut) -> vc_status {
    at_once(live, error, |live| live.push_text(&text("typed", typed)?))
}

/// Takes keys of the telephone: `0`–`9`, `*`, `#`, `A`–`D`. `#` or a pause completes them. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_push_dtmf(live: *const vc_live, keys: *const c_char, error: ErrorOut) -> vc_status {
    at_once(live, error, |live| live.push_dtmf(&text("keys", keys)?))
}

/// Ends the user's turn now: push to talk. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_commit(live: *const vc_live, error: ErrorOut) -> vc_status {
    at_once(live, error, LiveSession::commit)
}

/// Has the agent say something, after what it is saying now. `interruptible`: whether the user can interrupt it. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_say(
    live: *const vc_live,
    words: *const c_char,
    interruptible: bool,
    error: ErrorOut,
) -> vc_status {
    at_once(live, error, |live| live.say(&text("words", words)?, interruptible))
}

/// Stops what the agent says or is about to say. What was heard of it is stored. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_interrupt(live: *const vc_live, error: ErrorOut) -> vc_status {
    at_once(live, error, LiveSession::interrupt)
}

/// Holds the sound back until `vc_live_resume`; what is not played yet is to be thrown away (`VC_EVENT_CLEAR`) and comes again then. Any
/// thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_pause(live: *const vc_live, error: ErrorOut) -> vc_status {
    at_once(live, error, LiveSession::pause)
}

/// Goes on after `vc_live_pause`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_resume(live: *const vc_live, error: ErrorOut) -> vc_status {
    at_once(live, error, LiveSession::resume)
}

/// Says how many seconds of the session's sound were played so far. From then on only this tells what was heard; until then sound
/// counts as played when its time has passed. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_set_playback_position(live: *const vc_live, seconds: f64, error: ErrorOut) -> vc_status {
    at_once(live, error, |live| live.set_playback_position(seconds))
}

/// Changes the language that is expected and spoken (BCP 47); NULL: it is detected. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_set_language(live: *const vc_live, language: *const c_char, error: ErrorOut) -> vc_status {
    at_once(live, error, |live| live.set_language(optional_text("language", language)?))
}

/// Ends a session: what is being said is stopped, what was heard is stored. Its last events can be pulled afterwards. `summary` may be NULL;
/// `*summary` is the caller's to free, JSON with `session_id`, `reason`, `duration_seconds`, `turns`, `interruptions` and `usage`. Ending it
/// again gives the same. Blocks; not on a thread of the library.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_end(live: *const vc_live, summary: *mut *mut vc_bytes, error: ErrorOut) -> vc_status {
    offer_blocking(summary, error, || Ok(bytes(handle::get(live)?.0.end().wait()?.to_json().into_bytes())))
}

/// Frees a session, and ends it if it is not over. NULL and a second time are fine. Any thread, also in `on_event`.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_free(live: *mut vc_live) {
    free(live);
}
