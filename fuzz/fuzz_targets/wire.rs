//! Coverage-guided search for frames that break the wire of live sessions: what a client sends comes from anywhere.
//!
//! `cargo +nightly fuzz run wire -- -max_len=4096` from this folder.

#![no_main]

use voice_core::live::wire::{ClientMessage, Frame, ServerMessage};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = std::str::from_utf8(bytes).ok().map(|text| Frame::Text(text.to_owned()));
    for frame in text.into_iter().chain([Frame::Binary(bytes.to_vec())]) {
        if let Ok(said) = ClientMessage::from_frame(&frame) {
            assert!(ClientMessage::from_frame(&said.to_frame()).is_ok_and(|again| again == said), "{said:?}");
        }
        if let Ok(told) = ServerMessage::from_frame(&frame) {
            assert!(ServerMessage::from_frame(&told.to_frame()).is_ok(), "{told:?}");
        }
    }
});
