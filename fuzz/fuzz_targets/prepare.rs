//! Coverage-guided search for bytes that break `audio::prepare`.
//!
//! `cargo +nightly fuzz run prepare ../target/corpus -- -max_len=400000 -timeout=1 -rss_limit_mb=400` from this folder.

#![no_main]

use voice_core::{Audio, AudioLimits, audio::prepare};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = prepare(&Audio::from(bytes), &AudioLimits::default());
});
