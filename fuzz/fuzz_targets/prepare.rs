//! Coverage-guided search for bytes that break `audio::prepare`.
//!
//! `cargo +nightly fuzz run prepare ../target/corpus -- -max_len=400000 -timeout=1 -rss_limit_mb=400` from this folder; what it finds
//! worth keeping it adds to the corpus. `tests/corpus/make.py` makes that.

#![no_main]

use voice_core::{Audio, AudioLimits, audio::prepare};

libfuzzer_sys::fuzz_target!(
    // A panic of a decoder that `prepare` catches is an answer like any other; libFuzzer's hook would end the search at it. One that
    // it does not catch still ends it.
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| {
        let _ = prepare(&Audio::from(bytes), &AudioLimits::default());
    }
);
