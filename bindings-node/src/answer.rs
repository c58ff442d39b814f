//! Where a host object's answer goes.

use napi::bindgen_prelude::Int16Array;
use napi_derive::napi;
use voice_bridge::{
    ErrorRecord, Outcome, from_host,
    host::{Pcm, Responder, Transcript},
};

use crate::run;

/// What is answered.
pub(crate) enum Kind {
    Transcript(Responder<Transcript>),
    Text(Responder<String>),
    Audio(Responder<Pcm>),
}

/// An answer, given piece by piece and ended once. Letting go of it without an end is a failure.
#[napi]
pub struct Answer(Option<Kind>);

impl Answer {
    pub(crate) fn new(kind: Kind) -> Self {
        Self(Some(kind))
    }
}

fn other() -> Outcome<bool> {
    Err(ErrorRecord::internal("a piece of another kind of answer"))
}

#[napi]
impl Answer {
    /// Sends what was recognised so far. `false`: nobody wants it any more.
    #[napi]
    pub fn transcript(&self, text: String, is_final: bool, language: Option<String>) -> napi::Result<bool> {
        run(|| match &self.0 {
            Some(Kind::Transcript(answer)) => {
                let mut transcript = if is_final { Transcript::last(text) } else { Transcript::interim(text) };
                transcript.language = language;
                Ok(answer.send(transcript))
            }
            Some(_) => other(),
            None => Ok(false),
        })
    }

    /// Sends a piece of text. `false`: nobody wants it any more.
    #[napi]
    pub fn text(&self, piece: String) -> napi::Result<bool> {
        run(|| match &self.0 {
            Some(Kind::Text(answer)) => Ok(answer.send(piece)),
            Some(_) => other(),
            None => Ok(false),
        })
    }

    /// Sends a chunk of mono sound. `false`: nobody wants it any more.
    #[napi]
    pub fn audio(&self, samples: Int16Array, sample_rate: u32) -> napi::Result<bool> {
        run(|| match &self.0 {
            Some(Kind::Audio(answer)) => Ok(answer.send(Pcm::new(samples.to_vec(), sample_rate))),
            Some(_) => other(),
            None => Ok(false),
        })
    }

    /// The answer is complete.
    #[napi]
    pub fn finish(&mut self) -> napi::Result<()> {
        run(|| {
            match self.0.take() {
                Some(Kind::Transcript(answer)) => answer.finish(),
                Some(Kind::Text(answer)) => answer.finish(),
                Some(Kind::Audio(answer)) => answer.finish(),
                None => {}
            }
            Ok(())
        })
    }

    /// The answer failed.
    #[napi]
    pub fn fail(
        &mut self,
        detail: String,
        code: Option<String>,
        retryable: Option<bool>,
        retry_after_ms: Option<f64>,
    ) -> napi::Result<()> {
        run(|| {
            let error = from_host(code.as_deref(), &detail, retryable, retry_after_ms.map(|ms| ms as u64));
            match self.0.take() {
                Some(Kind::Transcript(answer)) => answer.fail(error),
                Some(Kind::Text(answer)) => answer.fail(error),
                Some(Kind::Audio(answer)) => answer.fail(error),
                None => {}
            }
            Ok(())
        })
    }
}
