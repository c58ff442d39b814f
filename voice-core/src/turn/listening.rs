//! One utterance of a live session, recognised while it is spoken.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    driver::{Run, Sink},
    engine::Engine,
    machine::Outcome,
    parts::caught,
};
use crate::{
    audio::{Pcm, Utterance},
    error::{Error, ErrorKind, Result},
    layer::{Failed, Listened},
    provider::{CallContext, ListenRequest},
};

/// An utterance while it is spoken. The sound ends when its sender is dropped; the whole of it comes after that.
pub(crate) struct Spoken {
    pub(crate) sound: mpsc::UnboundedReceiver<Pcm>,
    pub(crate) whole: oneshot::Receiver<Utterance>,
}

impl Engine {
    /// Whether some provider recognises speech while it is spoken.
    pub(crate) fn can_listen(&self) -> bool {
        self.stt.as_ref().is_some_and(|stt| stt.can_listen())
    }

    /// Has the recogniser get ready for the first utterance of a live session.
    pub(crate) fn prepare_to_listen(&self, request: &ListenRequest) {
        if let Some(stt) = &self.stt {
            stt.prepare_to_listen(request);
        }
    }

    /// Recognises one utterance while it is spoken: interim transcripts go to the sink. If nobody listens, or listening fails,
    /// the sound's receiver is closed at once and the whole utterance is recognised when it is over. Without words in it, the
    /// transcript is empty. The deadline of a turn counts from the end of the utterance.
    ///
    /// A panic in a provider counts as a failure of listening, and comes back as `INTERNAL_ERROR` when it is repeated.
    pub(crate) async fn listen(
        &self,
        spoken: Spoken,
        request: ListenRequest,
        mut ctx: CallContext,
        sink: &Sink,
    ) -> Result<Outcome> {
        let Spoken { mut sound, whole } = spoken;
        let mut run = self.part(ctx.clone(), None, sink);
        let following = AssertUnwindSafe(run.follow(&mut sound, &request)).catch_unwind().await;
        sound.close();
        // The queue is let go of with its sound.
        drop(sound);
        let utterance = whole
            .await
            .map_err(|_| Error::new(ErrorKind::Cancelled, "the session ended in the middle of an utterance"))?;
        let failed = match following {
            Ok(Ok(())) => {
                run.machine.on_audio_ready(run.at());
                return Ok(run.machine.into_outcome());
            }
            Ok(Err(failed)) => failed,
            Err(_panic) => {
                tracing::error!("a recogniser panicked while it listened");
                Failed::default()
            }
        };
        ctx.deadline = Some(Instant::now() + self.settings.deadline);
        let figures = sink.figures();
        let whole = async {
            let mut run = self.part(ctx, None, &figures);
            run.recognise(self.recogniser()?, utterance, request.language, failed).await?;
            Ok(run.machine.into_outcome())
        };
        caught(whole).await
    }
}

impl Run<'_> {
    /// Passes sound on and takes words until the final ones. Without them it says who is to be tried last with the whole utterance.
    async fn follow(
        &mut self,
        sound: &mut mpsc::UnboundedReceiver<Pcm>,
        request: &ListenRequest,
    ) -> Result<(), Failed> {
        let stt = self.engine.stt.as_deref().ok_or_else(Failed::default)?;
        let mut listening = stt.listen(request, &self.ctx).await?;
        let mut failed = Failed::default();
        failed.add(listening.slot());
        loop {
            let wants_sound = listening.wants_sound();
            let came = tokio::select! {
                biased;
                came = listening.next() => came.map_err(|_| failed)?,
                pcm = sound.recv(), if wants_sound => {
                    match pcm {
                        Some(pcm) => listening.hear(pcm),
                        None => listening.end(),
                    }
                    continue;
                }
            };
            if let Listened::Words(words) = came {
                let is_final = words.is_final;
                let event = self.machine.on_transcript(words, self.at());
                self.sink.emit(event).await.map_err(|_| failed)?;
                if is_final {
                    return self.measured(listening.metrics()).await.map_err(|_| failed);
                }
            }
        }
    }
}
