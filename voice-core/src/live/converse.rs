//! The loop of a live session: does what is due, then what happens next.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use tokio::sync::oneshot;
use tokio_util::sync::WaitForCancellationFuture;

use super::{
    event::{EndReason, LiveSummary},
    handle::Command,
    inlet::Intake,
    recorder::Recorder,
    session::Driver,
    turn_taking::Input,
};
use crate::time::Alarm;

/// So many samples are heard before everything else is looked at, however fast they come.
const AT_ONCE: usize = 48_000;

/// Why the session is over, and who waits to hear of it.
pub(super) type Over = (EndReason, Option<oneshot::Sender<LiveSummary>>);

impl Driver {
    pub(super) async fn converse(&mut self, intake: &mut Intake) -> Over {
        let cancel = self.cancel.clone();
        let mut cancelled = pin!(cancel.cancelled());
        let mut alarm = Alarm::default();
        loop {
            if cancel.is_cancelled() {
                return (self.why_cancelled(), None);
            }
            self.give_out();
            if self.deaf {
                return (EndReason::NobodyListens, None);
            }
            if self.is_gone {
                return (EndReason::SessionGone, None);
            }
            if let Some(reason) = self.mind_the_time() {
                return (reason, None);
            }
            self.mind_the_line();
            self.mind_the_model();
            if self.talk.as_ref().is_some_and(|talk| talk.given_up) {
                return (EndReason::ConnectionLost, None);
            }
            self.say_what_waits();
            self.tell_results();
            let recording = self.recorder.as_ref().and_then(Recorder::due);
            let line = [self.jitter.due(), self.line_falls_silent(), recording].into_iter().flatten();
            let wake = line.chain(self.next_wake()).min().map(|at| self.started + at);
            let takes = self.takes_more();
            let happened = poll_fn(|cx| match (self.poll_happening(intake, cancelled.as_mut(), takes, cx), wake) {
                (Poll::Pending, Some(wake)) => alarm.poll(wake, || wake, cx).map(|()| None),
                (happened, _) => happened,
            });
            if let Some(over) = happened.await {
                return over;
            }
            self.tell(Input::Tick);
        }
    }

    /// Does what happens next. Ready when that changes what else is to be done, or ends the session. By hand, because nearly every
    /// frame of sound and every word of a model comes by here alone and finds a machine that sleeps: what is not looked at is not
    /// fetched.
    fn poll_happening(
        &mut self,
        intake: &mut Intake,
        mut cancelled: Pin<&mut WaitForCancellationFuture<'_>>,
        takes: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Over>> {
        let mut heard = 0;
        loop {
            match intake.poll_next(self.enough(), cx) {
                Poll::Ready(Some(Command::Audio(samples))) => {
                    heard += samples.len();
                    if self.hear(&samples) || heard >= AT_ONCE {
                        return Poll::Ready(None);
                    }
                    continue;
                }
                Poll::Ready(Some(Command::End(asked))) => return Poll::Ready(Some((EndReason::Host, Some(asked)))),
                Poll::Ready(Some(command)) => {
                    self.on_command(command);
                    return Poll::Ready(None);
                }
                Poll::Ready(None) => return Poll::Ready(Some((EndReason::Host, None))),
                Poll::Pending => {}
            }
            if cancelled.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Some((self.why_cancelled(), None)));
            }
            if !self.hearing.is_idle()
                && let Poll::Ready(news) = self.hearing.poll_next(cx)
            {
                self.on_news(news);
            } else if let Some(turn_end) = &mut self.turn_end
                && let Poll::Ready((segment, completeness)) = turn_end.poll_judged(cx)
            {
                self.tell(Input::Judged { segment, completeness });
            } else if let Some(talk) = &mut self.talk
                && let Poll::Ready(step) = talk.poll_next(cx)
            {
                self.on_step(step);
            } else if !self.tools.is_empty()
                && let Poll::Ready(Some(record)) = self.late.poll_recv(cx)
            {
                self.on_late(*record);
            } else if !self.saving.is_empty()
                && let Poll::Ready(Some(saved)) = self.saving.poll_join_next(cx)
            {
                self.on_saved(saved);
            } else if !self.looking.is_empty()
                && let Poll::Ready(Some(found)) = self.looking.poll_join_next(cx)
            {
                self.on_found(found);
            } else if let Some(production) = self.production.as_mut().filter(|_| takes)
                && let Poll::Ready(progress) = production.poll_next(cx)
            {
                // Most of what comes of an answer is words that are only passed on.
                if !self.on_progress(progress) && !self.deaf {
                    continue;
                }
            } else {
                return Poll::Pending;
            }
            return Poll::Ready(None);
        }
    }

    fn why_cancelled(&self) -> EndReason {
        if self.closing.is_cancelled() { EndReason::AgentClosed } else { EndReason::Host }
    }
}
