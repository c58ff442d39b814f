//! Replies.

use std::{
    ffi::{CString, c_char},
    sync::OnceLock,
};

use voice_bridge::{ReplyRecord, host::Pcm};

use crate::{
    error::{Failure, free, give, of, run, text_of, vc_error, vc_status},
    handle::{self, Handle, handles},
    memory::{bytes, c_text, pointer, put, text, vc_bytes},
};

/// What a turn gave. The caller frees it with `vc_reply_free`.
pub struct vc_reply {
    _opaque: [u8; 0],
}

handles!(vc_reply => Given);

pub(crate) struct Given {
    record: ReplyRecord,
    transcript: CString,
    text: CString,
    language: Option<CString>,
    session_id: CString,
    turn_id: CString,
    json: OnceLock<CString>,
}

impl Given {
    pub(crate) fn open(record: ReplyRecord) -> *mut vc_reply {
        let reply = record.get();
        handle::open(Self {
            transcript: c_text(&reply.transcript),
            text: c_text(&reply.text),
            language: reply.language.as_deref().map(c_text),
            session_id: c_text(&reply.session_id.to_string()),
            turn_id: c_text(&reply.turn_id.to_string()),
            json: OnceLock::new(),
            record,
        })
    }
}

/// The samples of an object's sound, which belong to it, with how many and how fast they are; NULL and 0 when there are none.
pub(crate) fn sound<H: Handle>(
    handle: *const H,
    count: *mut usize,
    sample_rate: *mut u32,
    read: impl FnOnce(&H::Object) -> Option<&Pcm>,
) -> *const i16 {
    put(count, 0);
    put(sample_rate, 0);
    of(handle, std::ptr::null(), |object| {
        let Some(pcm) = read(object) else { return std::ptr::null() };
        put(count, pcm.samples().len());
        put(sample_rate, pcm.sample_rate());
        if pcm.samples().is_empty() { std::ptr::null() } else { pcm.samples().as_ptr() }
    })
}

/// What the user said. Belongs to the reply. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_transcript(reply: *const vc_reply) -> *const c_char {
    text_of(reply, |r| &r.transcript)
}

/// What the agent answered. Belongs to the reply. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_text(reply: *const vc_reply) -> *const c_char {
    text_of(reply, |r| &r.text)
}

/// The session, new or continued: give it to the next turn. Belongs to the reply. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_session_id(reply: *const vc_reply) -> *const c_char {
    text_of(reply, |r| &r.session_id)
}

/// This turn. Belongs to the reply. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_turn_id(reply: *const vc_reply) -> *const c_char {
    text_of(reply, |r| &r.turn_id)
}

/// The language of the user's words (BCP 47), or NULL when the recogniser did not tell. Belongs to the reply. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_language(reply: *const vc_reply) -> *const c_char {
    of(reply, std::ptr::null(), |r| pointer(&r.language))
}

/// Everything but the sound, as JSON: texts, ids, timings in milliseconds, usage. Belongs to the reply. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_json(reply: *const vc_reply) -> *const c_char {
    text_of(reply, |r| r.json.get_or_init(|| c_text(&r.record.to_json())))
}

/// The answer's sound: mono 16-bit samples; `*count` of them, `*sample_rate` a second. NULL and 0 when there is none. Belongs to the
/// reply. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_samples(reply: *const vc_reply, count: *mut usize, sample_rate: *mut u32) -> *const i16 {
    sound(reply, count, sample_rate, |r| Some(&r.record.get().audio))
}

/// Why sound is missing although there is text, or NULL. The caller frees it with `vc_error_free`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_audio_error(reply: *const vc_reply) -> *mut vc_error {
    of(reply, std::ptr::null_mut(), |r| r.record.audio_error().map_or(std::ptr::null_mut(), Failure::open))
}

/// Writes the sound to a file, in the format that its name says (`.wav`, `.ogg`, …). Blocks; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_save_audio(
    reply: *const vc_reply,
    path: *const c_char,
    error: *mut *mut vc_error,
) -> vc_status {
    run(error, || handle::get(reply)?.record.save(&text("path", path)?))
}

/// The sound as a file's bytes; `format`: `wav`, `ogg_opus`, `mp3`, `mu_law`, `a_law`, `pcm`. `*result` is the caller's to free. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_encode_audio(
    reply: *const vc_reply,
    format: *const c_char,
    result: *mut *mut vc_bytes,
    error: *mut *mut vc_error,
) -> vc_status {
    give(("result", result), error, || Ok(bytes(handle::get(reply)?.record.encoded(&text("format", format)?)?)))
}

/// Frees a reply, and with it every text and sample that belongs to it. NULL and a second time are fine. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_reply_free(reply: *mut vc_reply) {
    free(reply);
}
