//! Statuses and errors.

use std::ffi::c_char;

use voice_bridge::{ErrorRecord, Outcome, guard, runtime};

use crate::{
    handle::{self, Handle, handles},
    memory::{cleared, put},
    reply::vc_reply,
    shown::{Shown, shown, shown_if, text_if_of, text_of},
};

/// How a call ended. The numbers never change; the names are the codes that every language uses.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum vc_status {
    /// It worked.
    VC_OK = 0,
    /// An argument or the audio cannot be accepted; also: a handle that is NULL or freed.
    VC_VALIDATION_ERROR = 1,
    /// There is no valid login.
    VC_UNAUTHORIZED = 2,
    /// The API key of a user of the host is not valid.
    VC_INVALID_API_KEY = 3,
    /// A provider refused its key.
    VC_INVALID_PROVIDER_KEY = 4,
    /// There is no such session.
    VC_SESSION_NOT_FOUND = 5,
    /// Too many calls; `vc_error_retry_after_ms` may say how long to wait.
    VC_RATE_LIMIT_EXCEEDED = 6,
    /// The call makes no sense now: the config is wrong, the agent is closed, a model is missing, a file cannot be read.
    VC_INVALID_REQUEST = 7,
    /// Conversations could not be read or written.
    VC_STORAGE_ERROR = 8,
    /// A provider failed.
    VC_PROVIDER_ERROR = 9,
    /// It took too long.
    VC_TIMEOUT = 10,
    /// It was cancelled.
    VC_CANCELLED = 11,
    /// A defect, or a blocking call on a thread of the library.
    VC_INTERNAL_ERROR = 12,
}

use vc_status::*;

const CODES: [(&str, vc_status); 12] = [
    ("VALIDATION_ERROR", VC_VALIDATION_ERROR),
    ("UNAUTHORIZED", VC_UNAUTHORIZED),
    ("INVALID_API_KEY", VC_INVALID_API_KEY),
    ("INVALID_PROVIDER_KEY", VC_INVALID_PROVIDER_KEY),
    ("SESSION_NOT_FOUND", VC_SESSION_NOT_FOUND),
    ("RATE_LIMIT_EXCEEDED", VC_RATE_LIMIT_EXCEEDED),
    ("INVALID_REQUEST", VC_INVALID_REQUEST),
    ("STORAGE_ERROR", VC_STORAGE_ERROR),
    ("PROVIDER_ERROR", VC_PROVIDER_ERROR),
    ("TIMEOUT", VC_TIMEOUT),
    ("CANCELLED", VC_CANCELLED),
    ("INTERNAL_ERROR", VC_INTERNAL_ERROR),
];

/// Why a call failed. The caller frees it with `vc_error_free`; it holds no secret, no audio and nothing anybody said.
pub struct vc_error(());

handles!(vc_error => Shown<ErrorRecord>);

/// Where a function puts why it failed; NULL: the caller does not want to know. The header has it as what it is.
pub type ErrorOut = *mut *mut vc_error;

fn status_of(record: &ErrorRecord) -> vc_status {
    CODES.iter().find(|(code, _)| *code == record.code).map_or(VC_INTERNAL_ERROR, |(_, status)| *status)
}

/// Runs the body of a function that can fail: a panic becomes an error, and the error goes where the caller wants it.
pub(crate) fn run(error: ErrorOut, body: impl FnOnce() -> Outcome<()>) -> vc_status {
    put(error, std::ptr::null_mut());
    let outcome = guard(|| {
        #[cfg(feature = "testing")]
        crate::testing::panic_if_armed();
        body()
    });
    let Err(record) = outcome else { return VC_OK };
    let status = status_of(&record);
    if !error.is_null() {
        put(error, shown(record));
    }
    status
}

/// As [`run`], for a body that waits: on a thread of the library it fails before it has begun anything.
pub(crate) fn run_blocking(error: ErrorOut, body: impl FnOnce() -> Outcome<()>) -> vc_status {
    run(error, || {
        runtime::may_block()?;
        body()
    })
}

/// As [`run`], for a body that makes something which the caller must take: its handle goes to `out`, NULL when there is none.
pub(crate) fn give<H: Handle>(
    (name, out): (&str, *mut *mut H),
    error: ErrorOut,
    body: impl FnOnce() -> Outcome<*mut H>,
) -> vc_status {
    run(error, || {
        let out = cleared(name, out)?;
        put(out, body()?);
        Ok(())
    })
}

/// As [`give`], for a body that waits.
pub(crate) fn give_blocking<H: Handle>(
    out: (&str, *mut *mut H),
    error: ErrorOut,
    body: impl FnOnce() -> Outcome<*mut H>,
) -> vc_status {
    give(out, error, || {
        runtime::may_block()?;
        body()
    })
}

/// As [`give_blocking`], for something that the caller may do without: then `out` is NULL.
pub(crate) fn offer_blocking<H: Handle>(
    out: *mut *mut H,
    error: ErrorOut,
    body: impl FnOnce() -> Outcome<*mut H>,
) -> vc_status {
    let mut unwanted = std::ptr::null_mut();
    let status = give_blocking(("out", if out.is_null() { &raw mut unwanted } else { out }), error, body);
    free(unwanted);
    status
}

/// Something of an object; `otherwise` for a handle that is none.
pub(crate) fn of<H: Handle, T: Copy>(handle: *const H, otherwise: T, read: impl FnOnce(&H::Object) -> T) -> T {
    value(otherwise, || handle::get(handle).map_or(otherwise, |object| read(&object)))
}

/// Frees a handle: NULL and a second time are fine.
pub(crate) fn free<H: Handle>(handle: *const H) {
    value((), || drop(handle::take(handle)));
}

/// Runs the body of a function that cannot say why it failed.
pub(crate) fn value<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    guard(|| {
        #[cfg(feature = "testing")]
        crate::testing::panic_if_armed();
        Ok(body())
    })
    .unwrap_or(otherwise)
}

/// The stable code, for example `VALIDATION_ERROR`. Belongs to the error; empty for NULL. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_error_code(error: *const vc_error) -> *const c_char {
    text_of(error, "code", |e| (&e.code).into())
}

/// The finer kind, for example `no_speech`. Belongs to the error; empty for NULL. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_error_kind(error: *const vc_error) -> *const c_char {
    text_of(error, "kind", |e| (&e.kind).into())
}

/// What happened and what to do, for people. Belongs to the error; empty for NULL. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_error_message(error: *const vc_error) -> *const c_char {
    text_of(error, "message", |e| (&e.detail).into())
}

/// The stage of the turn (`admit`, `audio`, `stt`, `llm`, `tts`, `store`), or NULL. Belongs to the error. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_error_stage(error: *const vc_error) -> *const c_char {
    text_if_of(error, "stage", |e| e.stage.as_deref().map(Into::into))
}

/// The provider that failed, or NULL. Belongs to the error. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_error_provider(error: *const vc_error) -> *const c_char {
    text_if_of(error, "provider", |e| e.provider.as_deref().map(Into::into))
}

/// The code as a status; `VC_OK` for NULL. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_error_status(error: *const vc_error) -> vc_status {
    of(error, VC_OK, |e| status_of(&e.record))
}

/// Whether the same call may succeed when made again. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_error_retryable(error: *const vc_error) -> bool {
    of(error, false, |e| e.record.retryable)
}

/// How long to wait before that, in milliseconds; -1: nobody said. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_error_retry_after_ms(error: *const vc_error) -> i64 {
    of(error, -1, |e| e.record.retry_after_ms.map_or(-1, |ms| i64::try_from(ms).unwrap_or(i64::MAX)))
}

/// What had been said before the failure, or NULL: there when saving the turn failed. The caller frees it with `vc_reply_free`. Any
/// thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_error_reply(error: *const vc_error) -> *mut vc_reply {
    of(error, std::ptr::null_mut(), |e| shown_if(e.record.reply.clone()))
}

/// The HTTP status with which a web host should answer; 0 for NULL. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_error_http_status(error: *const vc_error) -> u16 {
    of(error, 0, |e| e.record.http_status)
}

/// Frees an error. NULL and a second time are fine. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_error_free(error: *mut vc_error) {
    free(error);
}
