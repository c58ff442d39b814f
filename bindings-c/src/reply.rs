//! Replies.

use std::ffi::c_char;

use voice_bridge::ReplyRecord;

use crate::{
    error::{ErrorOut, free, give, of, run, vc_error, vc_status},
    handle::{self, handles},
    memory::{bytes, text, vc_bytes},
    shown::{Shown, shown_if, sound_of, text_if_of, text_of},
};

/// What a turn gave. The caller frees it with `vc_reply_free`.
pub struct vc_reply(());

handles!(vc_reply => Shown<ReplyRecord>);

/// What the user said. Belongs to the reply. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_transcript(reply: *const vc_reply) -> *const c_char {
    text_of(reply, "transcript", |r| (&r.get().transcript).into())
}

/// What the agent answered. Belongs to the reply. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_text(reply: *const vc_reply) -> *const c_char {
    text_of(reply, "text", |r| (&r.get().text).into())
}

/// The session, new or continued: give it to the next turn. Belongs to the reply. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_session_id(reply: *const vc_reply) -> *const c_char {
    text_of(reply, "session_id", |r| r.get().session_id.to_string().into())
}

/// This turn. Belongs to the reply. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_turn_id(reply: *const vc_reply) -> *const c_char {
    text_of(reply, "turn_id", |r| r.get().turn_id.to_string().into())
}

/// The language of the user's words (BCP 47), or NULL when the recogniser did not tell. Belongs to the reply. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_language(reply: *const vc_reply) -> *const c_char {
    text_if_of(reply, "language", |r| r.get().language.as_deref().map(Into::into))
}

/// Everything but the sound, as JSON: texts, ids, sources, timings in milliseconds, usage. Belongs to the
/// reply. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_json(reply: *const vc_reply) -> *const c_char {
    text_of(reply, "json", |r| r.to_json().into())
}

/// The answer's sound: mono 16-bit samples; `*count` of them, `*sample_rate` a second. NULL and 0 when there is none. Belongs to the
/// reply. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_samples(reply: *const vc_reply, count: *mut usize, sample_rate: *mut u32) -> *const i16 {
    sound_of(reply, count, sample_rate, |r| Some(&r.get().audio))
}

/// Why sound is missing although there is text, or NULL. The caller frees it with `vc_error_free`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_audio_error(reply: *const vc_reply) -> *mut vc_error {
    of(reply, std::ptr::null_mut(), |r| shown_if(r.record.audio_error()))
}

/// Why the documents could not be searched, if they could not; or NULL. The caller frees it with `vc_error_free`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_knowledge_error(reply: *const vc_reply) -> *mut vc_error {
    of(reply, std::ptr::null_mut(), |r| shown_if(r.record.knowledge_error()))
}

/// Writes the sound to a file, in the format that its name says (`.wav`, `.ogg`, …). Blocks; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_save_audio(reply: *const vc_reply, path: *const c_char, error: ErrorOut) -> vc_status {
    run(error, || handle::get(reply)?.record.save(&text("path", path)?))
}

/// The sound as a file's bytes; `format`: `wav`, `ogg_opus`, `mp3`, `mu_law`, `a_law`, `pcm`. `*result` is the caller's to free. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_encode_audio(
    reply: *const vc_reply,
    format: *const c_char,
    result: *mut *mut vc_bytes,
    error: ErrorOut,
) -> vc_status {
    give(("result", result), error, || Ok(bytes(handle::get(reply)?.record.encoded(&text("format", format)?)?)))
}

/// Frees a reply, and with it every text and sample that belongs to it. NULL and a second time are fine. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_free(reply: *mut vc_reply) {
    free(reply);
}
