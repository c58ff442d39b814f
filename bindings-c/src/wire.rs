//! A live session as frames for a connection of the host's, a WebSocket for example.

use std::ffi::c_char;

use voice_bridge::{Frame, LiveWire};

use crate::{
    error::{ErrorOut, free, give, give_blocking, run, vc_status},
    handle::{self, handles},
    live::{patience, vc_live},
    memory::{bytes, copied, put, text, utf8, vc_bytes},
};

/// A live session as frames: text frames are JSON, binary frames are sound; `docs/schema/live-wire.schema.json` says what they hold.
/// The caller frees it with `vc_wire_free`.
pub struct vc_wire(());

handles!(vc_wire => LiveWire);

/// The session as frames for a connection of the caller's own, in place of `vc_live_next` and of events to a callback. The other calls of
/// the session go on working beside it. `*wire` is the caller's to free. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_wire(live: *const vc_live, wire: *mut *mut vc_wire, error: ErrorOut) -> vc_status {
    give(("wire", wire), error, || Ok(handle::open(handle::get(live)?.0.wire()?)))
}

/// The session as the frames of a carrier of telephone calls: `protocol` is `twilio`, `plivo`, `vobiz`, `exotel`, `telnyx` or `vonage`, or
/// `auto`: it is told from the first messages. The session is silent until the carrier says that its media stream begins, and ends when
/// the carrier says so. Otherwise as `vc_live_wire`.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_phone(
    live: *const vc_live,
    protocol: *const c_char,
    wire: *mut *mut vc_wire,
    error: ErrorOut,
) -> vc_status {
    give(("wire", wire), error, || Ok(handle::open(handle::get(live)?.0.phone(&text("protocol", protocol)?)?)))
}

/// What the carrier of a telephone call said of it, as JSON; README.md lists the fields. `*call` is the caller's to free. `VC_OK` with
/// `*call == NULL`: its media stream has not begun, or there is no carrier. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_wire_call(wire: *const vc_wire, call: *mut *mut vc_bytes, error: ErrorOut) -> vc_status {
    give(("call", call), error, || {
        Ok(handle::get(wire)?.call().map_or(std::ptr::null_mut(), |call| bytes(call.into_bytes())))
    })
}

/// Has the carrier of a telephone call press keys: `0`–`9`, `*`, `#`, `A`–`D`. They are sent with the next frames. Only Plivo takes them;
/// otherwise `VC_INVALID_REQUEST`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_wire_press(wire: *const vc_wire, keys: *const c_char, error: ErrorOut) -> vc_status {
    run(error, || handle::get(wire)?.press(&text("keys", keys)?))
}

/// Takes a message of the client's, `length` bytes; `binary` says which kind of frame it came in. What is wrong with it is told to the
/// client, and the session goes on. Never waits. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_wire_receive(
    wire: *const vc_wire,
    message: *const u8,
    length: usize,
    binary: bool,
    error: ErrorOut,
) -> vc_status {
    run(error, || {
        let wire = handle::get(wire)?;
        let message = copied("message", message, length)?;
        wire.receive(&if binary { Frame::Binary(message) } else { Frame::Text(utf8("message", message)?) })
    })
}

/// Waits for the next frame for the client, for at most `timeout_ms`; less than 0: for as long as it takes. `*frame` is the caller's to
/// free, `*binary` the kind of frame that it is to be sent in. `VC_OK` with `*frame == NULL`: the session is over, and its last frame
/// was taken; `VC_TIMEOUT`: there was none. Blocks; not on a thread of the library; several threads take turns.
#[unsafe(no_mangle)]
pub extern "C" fn vc_wire_next(
    wire: *const vc_wire,
    timeout_ms: i64,
    frame: *mut *mut vc_bytes,
    binary: *mut bool,
    error: ErrorOut,
) -> vc_status {
    give_blocking(("frame", frame), error, || {
        let next = handle::get(wire)?.next_within(1, patience(timeout_ms)).wait()?;
        Ok(next.into_iter().next().map_or(std::ptr::null_mut(), |next| {
            put(binary, matches!(next, Frame::Binary(_)));
            bytes(match next {
                Frame::Text(text) => text.into_bytes(),
                Frame::Binary(sound) => sound,
            })
        }))
    })
}

/// Frees it; the session goes on. NULL and a second time are fine. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_wire_free(wire: *mut vc_wire) {
    free(wire);
}
