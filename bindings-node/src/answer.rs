//! Where a host object's answer goes.

use napi::bindgen_prelude::Int16Array;
use napi_derive::napi;

use crate::run;

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

    /// Sends a chunk of mono sound. `false`: nobody wants it any more.
    #[napi]
    pub fn audio(&self, samples: Int16Array, sample_rate: u32) -> napi::Result<bool> {
        run(|| self.0.send_audio(samples.to_vec(), sample_rate))
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
