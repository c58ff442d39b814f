//! What hears that somebody has finished speaking.

use std::sync::Arc;

use async_trait::async_trait;

use super::CallContext;
use crate::{audio::Utterance, error::Result};

/// Hears from the sound of what was said whether the speaker is done or only pauses. One serves all sessions of an agent.
///
/// ```
/// use voice_core::{
///     Result, Utterance,
///     provider::{CallContext, TurnDetector},
/// };
///
/// /// Takes everything longer than two seconds to be complete.
/// struct Patient;
///
/// #[async_trait::async_trait]
/// impl TurnDetector for Patient {
///     fn name(&self) -> &str {
///         "patient"
///     }
///
///     async fn completeness(&self, said: Utterance, _: &CallContext) -> Result<f32> {
///         Ok(if said.duration().as_secs() >= 2 { 0.9 } else { 0.2 })
///     }
/// }
/// ```
#[async_trait]
pub trait TurnDetector: Send + Sync {
    /// Its name, for logs: `local/smart-turn`.
    fn name(&self) -> &str;

    /// How likely the speaker is done, 0–1, given the latest eight seconds at most of the turn, which end with a short
    /// silence. Asked at every pause; the turn does not end before the answer, but is not kept open for it longer than for any
    /// other pause (`max_delay_ms`): then it is dropped, as it is when the next pause comes.
    ///
    /// # Errors
    /// Whatever goes wrong: the words alone then tell.
    async fn completeness(&self, said: Utterance, ctx: &CallContext) -> Result<f32>;

    /// Makes it ready, so that the first question is answered as fast as the others.
    ///
    /// # Errors
    /// What [`completeness`](Self::completeness) would say.
    async fn warm_up(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl<T: TurnDetector + ?Sized> TurnDetector for Arc<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    async fn completeness(&self, said: Utterance, ctx: &CallContext) -> Result<f32> {
        (**self).completeness(said, ctx).await
    }

    async fn warm_up(&self) -> Result<()> {
        (**self).warm_up().await
    }
}
