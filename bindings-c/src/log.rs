//! The host's logger.

use std::{
    ffi::{c_char, c_void},
    sync::Arc,
};

use voice_bridge::logging;

use crate::{
    error::{ErrorOut, run, value, vc_status},
    memory::{UserData, c_text, text},
};

/// Takes a log record. Called on any thread, several at a time; must not call the library. The texts last for the call.
pub type vc_log_fn = Option<
    extern "C" fn(
        user_data: *mut c_void,
        level: *const c_char,
        target: *const c_char,
        message: *const c_char,
        fields_json: *const c_char,
    ),
>;

/// Sends log records of `level` (`error`, `warn`, `info`, `debug`, `trace`) and above to `log`, in place of an earlier function.
/// Records hold ids, stages, codes and times, never what was said.
///
/// `drop` (may be NULL) is called with `user_data` when it is no longer used, also when this call fails. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_log_set(
    level: *const c_char,
    log: vc_log_fn,
    user_data: *mut c_void,
    drop: Option<extern "C" fn(user_data: *mut c_void)>,
    error: ErrorOut,
) -> vc_status {
    run(error, || {
        let user_data = UserData::new(user_data, drop);
        let log = log.ok_or_else(|| voice_bridge::ErrorRecord::invalid("log: expected a function, got NULL"))?;
        let sink = move |level: &'static str, target: &str, message: &str, fields: &str| {
            let user_data = &user_data;
            let [level, target, message, fields] = [level, target, message, fields].map(c_text);
            log(user_data.pointer, level.as_ptr(), target.as_ptr(), message.as_ptr(), fields.as_ptr());
        };
        logging::set_sink(&text("level", level)?, Arc::new(sink))
    })
}

/// Stops sending log records. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_log_clear() {
    value((), logging::clear_sink);
}
