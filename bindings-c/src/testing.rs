//! Functions that fail on purpose, for the tests; not in the header and not in a shipped library.

use std::{cell::Cell, ffi::c_char};

use crate::{
    error::{ErrorOut, run, vc_status},
    memory::text,
};

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

/// Makes the next function that this thread calls panic.
#[unsafe(no_mangle)]
pub extern "C" fn vc_testing_panic_next() {
    ARMED.set(true);
}

/// Whether a panic is still to come: nothing was called, or it has no guard.
#[unsafe(no_mangle)]
pub extern "C" fn vc_testing_armed() -> bool {
    ARMED.replace(false)
}

pub(crate) fn panic_if_armed() {
    if ARMED.replace(false) {
        // The guard above is the bridge's own; what it returns shows that the panic was met there.
        std::panic::resume_unwind(Box::new("on purpose"));
    }
}

/// Panics inside work on the library's threads.
#[unsafe(no_mangle)]
pub extern "C" fn vc_testing_panic_in_work(error: ErrorOut) -> vc_status {
    run(error, || voice_bridge::testing::panic_in_work().wait())
}

/// Fails with a code of the list.
#[unsafe(no_mangle)]
pub extern "C" fn vc_testing_fail_with(code: *const c_char, error: ErrorOut) -> vc_status {
    run(error, || voice_bridge::testing::fail_with(&text("code", code)?))
}
