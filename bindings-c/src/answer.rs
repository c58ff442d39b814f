//! Where a host object's answer goes.

use std::ffi::{c_char, c_void};

use voice_bridge::{
    Outcome,
    host::{Answer, Sound},
    runtime,
};

use crate::{
    error::{of, value, vc_status},
    handle::{self, handles},
    host::apart,
    memory::{UserData, copied, given, optional_text, put, room, text},
};

/// Where a host's answer goes. It ends with exactly one of `vc_responder_finish`, `vc_responder_fail` and `vc_responder_free`,
/// after which the handle is none. Any thread, also long after the host's function returned.
pub struct vc_responder {
    _opaque: [u8; 0],
}

/// What stands behind it: the answer, and of an utterance that is being spoken the sound.
pub(crate) struct Asked {
    answer: Answer,
    sound: Option<Sound>,
}

handles!(vc_responder => Asked);

pub(crate) fn opened(answer: impl Into<Answer>) -> *mut vc_responder {
    handle::open(Asked { answer: answer.into(), sound: None })
}

/// The same for an utterance that is being spoken.
pub(crate) fn with_sound(answer: impl Into<Answer>, sound: Sound) -> *mut vc_responder {
    handle::open(Asked { answer: answer.into(), sound: Some(sound) })
}

/// Runs `send` on the answer; `false`: nobody wants it any more.
fn sent(answer: *const vc_responder, send: impl FnOnce(&Answer) -> Outcome<bool>) -> vc_status {
    value(vc_status::VC_INTERNAL_ERROR, || match handle::get(answer).and_then(|asked| send(&asked.answer)) {
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

/// Sends what was used (language model), in tokens: of the prompt, of those the ones that came from a cache, and of the answer. What is sent
/// more than once adds up. Statuses as for `vc_responder_send_text`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_responder_send_usage(
    answer: *const vc_responder,
    input_tokens: u64,
    cached_tokens: u64,
    output_tokens: u64,
) -> vc_status {
    sent(answer, |answer| answer.send_usage(input_tokens, cached_tokens, output_tokens))
}

/// Sends why the model stopped (language model): `stop`, `tool_calls`, `length`, `content_filter` or `other`; a model that sends none was
/// done, or called tools. When nothing was said, the error of the turn tells the reason. `VC_VALIDATION_ERROR` also for any other word;
/// otherwise as for `vc_responder_send_text`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_responder_send_finish_reason(answer: *const vc_responder, reason: *const c_char) -> vc_status {
    sent(answer, |answer| answer.send_finish_reason(&text("reason", reason)?))
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

/// Sends when a word of the text is spoken (text to speech), in seconds from the beginning of its sound. It goes with the sound that is sent
/// next; words come in their order, each once, as they stand in the text. Live sessions then know to the word what was heard of an
/// interrupted answer. `VC_VALIDATION_ERROR` also for times below 0 and an end before the start; otherwise as for
/// `vc_responder_send_text`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_responder_send_word(
    answer: *const vc_responder,
    word: *const c_char,
    start: f64,
    end: f64,
) -> vc_status {
    sent(answer, |answer| answer.send_word(text("word", word)?, start, end))
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

/// Sends how likely the speaker is done, 0–1 (detector of the end of turns). `VC_VALIDATION_ERROR` also for what is no such number;
/// otherwise as for `vc_responder_send_text`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_responder_send_completeness(answer: *const vc_responder, completeness: f32) -> vc_status {
    sent(answer, |answer| answer.send_completeness(completeness.into()))
}

/// Takes the next sound of an utterance that is being spoken (`listen`): waits for some, copies at most `capacity` mono samples of
/// 16 kHz to `samples`, and sets `*count`. None: the sound is over, or nobody wants the words any more. What is not taken waits; taking
/// none for the idle time-out is a failure. `VC_VALIDATION_ERROR`: the answer has ended or is none of `listen`, a NULL, or no
/// room. Blocks; on any thread but that of a callback that must not wait.
#[unsafe(no_mangle)]
pub extern "C" fn vc_responder_read_sound(
    answer: *const vc_responder,
    samples: *mut i16,
    capacity: usize,
    count: *mut usize,
) -> vc_status {
    value(vc_status::VC_INTERNAL_ERROR, || {
        put(count, 0);
        let Ok(asked) = handle::get(answer) else { return vc_status::VC_VALIDATION_ERROR };
        let (Some(sound), Ok(room), false) = (&asked.sound, room("samples", samples, capacity), count.is_null()) else {
            return vc_status::VC_VALIDATION_ERROR;
        };
        let Ok(read) = sound.read(room) else { return vc_status::VC_INTERNAL_ERROR };
        put(count, read);
        vc_status::VC_OK
    })
}

/// Whether nobody wants the answer any more: the turn was cancelled, timed out, or answered otherwise. Also true for an answer
/// that has ended. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_responder_is_cancelled(answer: *const vc_responder) -> bool {
    of(answer, true, |asked| asked.answer.is_over())
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
        let (unwanted, data) = (answer.answer.cancellation(), UserData::new(user_data, callback));
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
    handle::take(answer).is_ok_and(|asked| end(&asked.answer))
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
