//! The C binding of voice-core. `include/voice_core.h` is generated from these files; see README.md for how to use it.
//!
//! Handles are numbers in a table, not addresses (`handle.rs`): a stale, foreign or repeated handle is an error, never
//! undefined behaviour. Raw memory is touched only in `memory.rs` and where host functions are called.

mod agent;
mod answer;
mod error;
mod event;
mod handle;
mod host;
mod live;
mod log;
mod memory;
mod models;
mod reply;
mod shown;
#[cfg(feature = "testing")]
pub mod testing;
mod turn;
mod wire;

pub use agent::*;
pub use answer::*;
pub use error::*;
pub use event::*;
pub use host::*;
pub use live::*;
pub use log::*;
pub use memory::*;
pub use models::*;
pub use reply::*;
pub use turn::*;

use std::ffi::c_char;

use crate::error::value;

/// The version of the binary interface. A program built for another number must not go on: compare it with
/// `VC_ABI_VERSION`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_abi_version() -> u32 {
    VC_ABI_VERSION
}

/// The version of the binary interface that this header describes. It grows when a struct or a signature changes.
pub const VC_ABI_VERSION: u32 = 1;

/// The version of the library, for example `0.1.0`. Static text, never freed. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// How many handles exist that nobody has freed: 0 in a program that frees what it gets. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_live_handles() -> usize {
    value(0, handle::count)
}

/// Stops the library's threads without waiting for work that is under way; the next call starts them again. Not needed before
/// a program ends; of use before a shared library that links this one is unloaded. Any thread that is not the library's own.
#[unsafe(no_mangle)]
pub extern "C" fn vc_shutdown() {
    value((), voice_bridge::runtime::shutdown);
}
