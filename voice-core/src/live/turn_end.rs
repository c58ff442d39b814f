//! Asks the model that hears whether the user is done, and keeps the sound that it is asked about.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{
    audio::{SPEECH_RATE, Utterance},
    error::{Error, ErrorKind},
    provider::{CallContext, TurnDetector},
};

/// The model is shown the latest eight seconds.
const LONGEST: usize = 8 * SPEECH_RATE as usize;

/// The end of the user's turn, as a model hears it.
pub(super) struct TurnEnd {
    detector: Arc<dyn TurnDetector>,
    /// The latest sound of the user's turn.
    said: Vec<i16>,
    asked: JoinSet<(u64, Option<f32>)>,
}

impl TurnEnd {
    pub(super) fn new(detector: Arc<dyn TurnDetector>) -> Self {
        Self { detector, said: Vec::new(), asked: JoinSet::new() }
    }

    /// More was said.
    pub(super) fn keep(&mut self, samples: &[i16]) {
        self.said.extend_from_slice(samples);
        let extra = self.said.len().saturating_sub(LONGEST);
        self.said.drain(..extra);
    }

    /// More was said, and then there was silence: asks about it, and takes `patience` for long enough to wait for the answer. What
    /// is still being asked does not matter any more.
    pub(super) fn ask(&mut self, segment: u64, samples: &[i16], patience: Duration) {
        self.keep(samples);
        self.asked.abort_all();
        let (detector, said) = (Arc::clone(&self.detector), Utterance::from_samples(self.said.as_slice()));
        let mut ctx = CallContext::new();
        let deadline = Instant::now() + patience;
        ctx.deadline = Some(deadline);
        self.asked.spawn(async move {
            let late = || Error::new(ErrorKind::FirstByteTimeout, format!("no answer within {patience:?}"));
            // A turn must not stay open for good, whatever becomes of the question.
            let asking = AssertUnwindSafe(detector.completeness(said, &ctx)).catch_unwind();
            let answer = match timeout_at(deadline, asking).await {
                Ok(answer) => answer.unwrap_or_else(|_| Err(Error::internal("the detector panicked"))),
                Err(_) => Err(late()),
            };
            if let Err(error) = &answer {
                tracing::warn!(detector = detector.name(), kind = ?error.kind(), %error, "the words alone tell the end");
            }
            (segment, answer.ok().map(|likely| if likely.is_finite() { likely.clamp(0.0, 1.0) } else { 0.5 }))
        });
    }

    /// The turn is over: what is said next is another.
    pub(super) fn forget(&mut self) {
        self.said.clear();
        self.asked.abort_all();
    }

    /// The next answer; never one that is not asked for any more. Pending while nothing is asked.
    pub(super) fn poll_judged(&mut self, cx: &mut Context<'_>) -> Poll<(u64, Option<f32>)> {
        loop {
            match ready!(self.asked.poll_join_next(cx)) {
                Some(Ok(answer)) => return Poll::Ready(answer),
                Some(Err(_)) => {}
                None => return Poll::Pending,
            }
        }
    }
}
