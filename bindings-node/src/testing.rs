//! For the tests: functions that fail on purpose, and the suite of the stores; not in a shipped addon.

use std::cell::Cell;

use napi_derive::napi;
use voice_bridge::ErrorRecord;

use crate::{
    host::{HostObject, HostObjects, adopted},
    message::Message,
    port::Port,
    run,
};

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

/// Makes the next function that this thread calls panic.
#[napi]
pub fn panic_next() {
    ARMED.set(true);
}

/// Whether a panic is still to come: nothing was called, or it has no guard.
#[napi]
pub fn armed() -> bool {
    ARMED.replace(false)
}

pub(crate) fn panic_if_armed() {
    if ARMED.replace(false) {
        // The guard above is the bridge's own; what it returns shows that the panic was met there.
        std::panic::resume_unwind(Box::new("on purpose"));
    }
}

/// Panics inside work on the library's threads.
#[napi]
pub fn panic_in_work(port: &Port, id: u32) -> napi::Result<()> {
    run(|| port.line.follow(id, voice_bridge::testing::panic_in_work(), |done, ()| done))
}

/// Fails with a code of the list.
#[napi]
pub fn fail_with(code: String) -> napi::Result<()> {
    run(|| voice_bridge::testing::fail_with(&code))
}

/// What every store of conversations must do.
#[napi]
pub fn store_cases() -> Vec<String> {
    voice_bridge::testing::store_cases().into_iter().map(str::to_owned).collect()
}

/// Tries a case on a store that is empty: why it does not hold, if it does not.
#[napi]
pub fn try_store(port: &Port, id: u32, case: String, store: HostObject) -> napi::Result<()> {
    run(|| {
        let hosts = adopted(&port.line, HostObjects { store: Some(store), ..HostObjects::default() })?;
        let store = hosts.store.ok_or_else(|| ErrorRecord::invalid("store: there is none"))?;
        let call = voice_bridge::testing::try_store(&case, store);
        port.line.follow(id, call, |done, text| Message { text, ..done })
    })
}
