//! Where a host object's answer goes.

use napi::bindgen_prelude::{Int16Array, Uint8Array};
use napi_derive::napi;

use crate::{
    message::{Bytes, Message},
    port::Port,
    run,
};

/// An answer, given piece by piece and ended once. Letting go of it without an end is a failure.
#[napi]
pub struct Answer(pub(crate) voice_bridge::host::Answer);

#[napi]
impl Answer {
    /// Sends what was recognised so far. `false`: nobody wants it any more.
    #[napi]
    pub fn transcript(&self, text: String, is_final: bool, language: Option<String>) -> napi::Result<bool> {
        run(|| self.0.send_transcript(text, is_final, language))
    }

    /// Sends a piece of text. `false`: nobody wants it any more.
    #[napi]
    pub fn text(&self, piece: String) -> napi::Result<bool> {
        run(|| self.0.send_text(piece))
    }

    /// Sends a model's call of a tool. `false`: nobody wants it any more.
    #[napi]
    pub fn tool_call(&self, id: String, name: String, arguments: String) -> napi::Result<bool> {
        run(|| self.0.send_tool_call(id, name, &arguments))
    }

    /// Sends what a model has used, in tokens. `false`: nobody wants it any more.
    #[napi]
    pub fn usage(&self, input: f64, cached: f64, output: f64) -> napi::Result<bool> {
        run(|| self.0.send_usage(input as u64, cached as u64, output as u64))
    }

    /// Sends why a model stopped. `false`: nobody wants it any more.
    #[napi]
    pub fn finish_reason(&self, reason: String) -> napi::Result<bool> {
        run(|| self.0.send_finish_reason(&reason))
    }

    /// Sends when a word is spoken, in seconds from the beginning; it goes with the next sound. `false`: nobody wants it any more.
    #[napi]
    pub fn word(&self, text: String, start: f64, end: f64) -> napi::Result<bool> {
        run(|| self.0.send_word(text, start, end))
    }

    /// Sends a chunk of mono sound. `false`: nobody wants it any more.
    #[napi]
    pub fn audio(&self, samples: Int16Array, sample_rate: u32) -> napi::Result<bool> {
        run(|| self.0.send_audio(samples.to_vec(), sample_rate))
    }

    /// The same as bytes of 16-bit samples, which may be cut within a sample.
    #[napi]
    pub fn audio_bytes(&self, pcm: Uint8Array, sample_rate: u32) -> napi::Result<bool> {
        run(|| self.0.send_audio_bytes(&pcm, sample_rate))
    }

    /// Sends how likely a speaker is done, 0–1. `false`: nobody wants it any more.
    #[napi]
    pub fn completeness(&self, likely: f64) -> napi::Result<bool> {
        run(|| self.0.send_completeness(likely))
    }

    /// The answer is complete. `false`: it had ended already.
    #[napi]
    pub fn finish(&self) -> napi::Result<bool> {
        run(|| Ok(self.0.finish()))
    }

    /// The answer failed. `false`: it had ended already.
    #[napi]
    pub fn fail(
        &self,
        detail: String,
        code: Option<String>,
        retryable: Option<bool>,
        retry_after_ms: Option<f64>,
    ) -> napi::Result<bool> {
        run(|| Ok(self.0.fail(code.as_deref(), &detail, retryable, retry_after_ms.map(|ms| ms as u64))))
    }
}

/// The sound of an utterance that is being spoken.
#[napi]
pub struct Sound(pub(crate) voice_bridge::host::Sound);

#[napi]
impl Sound {
    /// Waits for the next sound: the bytes of 16-bit samples; none: it is over.
    #[napi]
    pub fn next(&self, port: &Port, id: u32) -> napi::Result<()> {
        run(|| {
            port.line.follow(id, self.0.next(), |done, piece| Message {
                bytes: piece.into_samples().map(|samples| Bytes::of_samples(&samples)),
                ..done
            })
        })
    }
}
