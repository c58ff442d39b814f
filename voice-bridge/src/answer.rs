//! Where the answer of a host object goes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use voice_core::{
    Error, ErrorKind, Pcm, Result, ToolCall, Transcript,
    provider::{LlmEvent, ResultStream},
};

use crate::{ErrorRecord, Outcome, from_host};

/// Where a host's answer goes: items, then [`finish`](Responder::finish) or [`fail`](Responder::fail). Dropping it without
/// either is a failure ("the host gave no answer").
pub struct Responder<T> {
    items: Option<mpsc::UnboundedSender<Result<T>>>,
    cancelled: CancellationToken,
}

impl<T: Send + 'static> Responder<T> {
    pub(crate) fn new() -> (Self, ResultStream<T>) {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let cancelled = CancellationToken::new();
        let stop = cancelled.clone().drop_guard();
        let stream = futures_util::stream::poll_fn(move |cx| {
            // Dropping the stream tells the host that nobody wants the rest.
            let _held = &stop;
            receiver.poll_recv(cx)
        });
        (Self { items: Some(sender), cancelled }, stream.boxed())
    }

    /// Hands over one item. `false`: nobody wants it any more, so the host should stop.
    pub fn send(&self, item: T) -> bool {
        self.items.as_ref().is_some_and(|items| items.send(Ok(item)).is_ok())
    }

    /// The answer is complete.
    pub fn finish(mut self) {
        self.items = None;
    }

    /// The answer failed.
    pub fn fail(mut self, error: Error) {
        if let Some(items) = self.items.take() {
            let _nobody_waits = items.send(Err(error));
        }
    }

    /// Cancelled when nobody wants the answer any more.
    #[must_use]
    pub fn cancellation(&self) -> CancellationToken {
        self.cancelled.clone()
    }
}

impl<T> Drop for Responder<T> {
    fn drop(&mut self) {
        if let Some(items) = self.items.take() {
            let error = Error::new(ErrorKind::ProviderFailed, "the host's object gave no answer").with_retryable(false);
            let _nobody_waits = items.send(Err(error));
        }
    }
}

enum Kind {
    Transcript(Responder<Transcript>),
    Text(Responder<String>),
    Written(Responder<LlmEvent>),
    Audio(Responder<Pcm>),
}

/// The answer to a question of any role, as a handle that a host may keep for as long as it likes: what comes after its end is
/// dropped. Dropping it before is a failure, as with a [`Responder`].
pub struct Answer {
    kind: Mutex<Option<Kind>>,
    cancelled: CancellationToken,
}

macro_rules! of_responders {
    ($($kind:ident of $item:ty),*) => {
        $(impl From<Responder<$item>> for Answer {
            fn from(responder: Responder<$item>) -> Self {
                let cancelled = responder.cancellation();
                Self { kind: Mutex::new(Some(Kind::$kind(responder))), cancelled }
            }
        })*
    };
}

of_responders!(Transcript of Transcript, Text of String, Written of LlmEvent, Audio of Pcm);

impl Answer {
    fn lock(&self) -> MutexGuard<'_, Option<Kind>> {
        self.kind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over everything recognised so far. `false`: nobody wants it any more, so the host should stop.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the answer consists of something else; the same holds for the other items.
    pub fn send_transcript(&self, text: String, is_final: bool, language: Option<String>) -> Outcome<bool> {
        match &*self.lock() {
            Some(Kind::Transcript(answer)) => {
                let mut transcript = if is_final { Transcript::last(text) } else { Transcript::interim(text) };
                transcript.language = language;
                Ok(answer.send(transcript))
            }
            other => unfit(other.as_ref()),
        }
    }

    /// Hands over a piece of text, a store's JSON, or (a piece of) a tool's result.
    ///
    /// # Errors
    /// As for [`send_transcript`](Self::send_transcript).
    pub fn send_text(&self, piece: String) -> Outcome<bool> {
        match &*self.lock() {
            Some(Kind::Text(answer)) => Ok(answer.send(piece)),
            // A model's pieces are never empty; that one is still wanted.
            Some(Kind::Written(_)) if piece.is_empty() => Ok(!self.cancelled.is_cancelled()),
            Some(Kind::Written(answer)) => Ok(answer.send(LlmEvent::Text(piece))),
            other => unfit(other.as_ref()),
        }
    }

    /// Hands over a language model's call of a tool: `arguments_json` as the model wrote it, usually a JSON object. Text that is no
    /// JSON goes on as it is, and the model is told that it does not fit.
    ///
    /// # Errors
    /// As for [`send_transcript`](Self::send_transcript).
    pub fn send_tool_call(&self, id: String, name: String, arguments_json: &str) -> Outcome<bool> {
        match &*self.lock() {
            Some(Kind::Written(answer)) => {
                let arguments = serde_json::from_str(arguments_json).unwrap_or_else(|_| arguments_json.into());
                Ok(answer.send(LlmEvent::ToolCall(ToolCall::new(id, name, arguments))))
            }
            other => unfit(other.as_ref()),
        }
    }

    /// Hands over a chunk of mono sound.
    ///
    /// # Errors
    /// As for [`send_transcript`](Self::send_transcript).
    pub fn send_audio(&self, samples: Vec<i16>, sample_rate: u32) -> Outcome<bool> {
        match &*self.lock() {
            Some(Kind::Audio(answer)) => Ok(answer.send(Pcm::new(samples, sample_rate))),
            other => unfit(other.as_ref()),
        }
    }

    /// The answer is complete. `false`: it had ended already.
    pub fn finish(&self) -> bool {
        match self.lock().take() {
            Some(Kind::Transcript(answer)) => answer.finish(),
            Some(Kind::Text(answer)) => answer.finish(),
            Some(Kind::Written(answer)) => answer.finish(),
            Some(Kind::Audio(answer)) => answer.finish(),
            None => return false,
        }
        true
    }

    /// The answer failed, for the reason that [`from_host`] understands. `false`: it had ended already.
    pub fn fail(&self, code: Option<&str>, detail: &str, retryable: Option<bool>, retry_after_ms: Option<u64>) -> bool {
        let error = from_host(code, detail, retryable, retry_after_ms);
        match self.lock().take() {
            Some(Kind::Transcript(answer)) => answer.fail(error),
            Some(Kind::Text(answer)) => answer.fail(error),
            Some(Kind::Written(answer)) => answer.fail(error),
            Some(Kind::Audio(answer)) => answer.fail(error),
            None => return false,
        }
        true
    }

    /// Ends it without an answer, as dropping it does.
    pub fn abandon(&self) {
        drop(self.lock().take());
    }

    /// Whether nobody wants the answer any more, or it has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.cancelled.is_cancelled() || self.lock().is_none()
    }

    /// Cancelled when nobody wants the answer any more.
    #[must_use]
    pub fn cancellation(&self) -> CancellationToken {
        self.cancelled.clone()
    }
}

fn unfit(other: Option<&Kind>) -> Outcome<bool> {
    match other {
        None => Ok(false),
        Some(_) => Err(ErrorRecord::invalid("this is not what the answer consists of")),
    }
}
