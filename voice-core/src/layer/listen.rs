//! Recognising speech while it is spoken, through the layers.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Failed, Service, Stack, SttService, TimeoutOptions,
    breaker::Pass,
    retry::PATIENCE,
    stack::Slot,
    timeout::{first_byte_error, idle_error},
};
use crate::{
    audio::Pcm,
    cost::{Cost, Ledger, Price, Usage},
    error::{Error, ErrorKind, Result, Stage},
    event::{CallMetrics, Transcript},
    provider::{CallContext, ListenRequest, ResultStream},
    telemetry::MeasuredCall,
};

/// How many pieces of sound a provider may leave waiting before the rest waits with us.
const WAITING: usize = 32;

impl Stack<SttService> {
    /// Whether some provider recognises speech while it is spoken.
    pub(crate) fn can_listen(&self) -> bool {
        self.services().any(|service| service.0.capabilities().streaming)
    }

    /// Begins to listen with the provider whose turn it is.
    ///
    /// # Errors
    /// When nobody listens: that provider recognises whole utterances only, or all that could failed to begin. Those are
    /// named, so that they are tried last with the whole utterance.
    pub(crate) async fn listen(&self, request: &ListenRequest, ctx: &CallContext) -> Result<Listening, Failed> {
        let mut failed = Failed::default();
        for (index, slot) in self.slots.iter().enumerate() {
            if !slot.service.0.capabilities().streaming {
                if slot.health.breaker.rests() {
                    continue;
                }
                return Err(failed);
            }
            let Some(pass) = slot.health.breaker.admits() else { continue };
            if let Ok(listening) = self.open_at(slot, index, pass, request, ctx).await {
                return Ok(listening);
            }
            failed.add(index);
        }
        Err(failed)
    }

    /// Has whoever would listen now get ready for the first utterance of a session.
    pub(crate) fn prepare_to_listen(&self, request: &ListenRequest) {
        let first = self.slots.iter().find(|slot| !slot.health.breaker.rests());
        if let Some(slot) = first.filter(|slot| slot.service.0.capabilities().streaming) {
            slot.service.0.prepare_to_listen(request);
        }
    }

    async fn open_at(
        &self,
        slot: &Arc<Slot<SttService>>,
        index: usize,
        mut pass: Pass,
        request: &ListenRequest,
        ctx: &CallContext,
    ) -> Result<Listening> {
        let timeouts = self.options.timeouts;
        let first_byte = Duration::from_millis(timeouts.first_byte_ms);
        let mut measured = ctx.scope.call(Stage::Stt, slot.service.0.listening_name());
        let (sound, taken) = mpsc::channel(WAITING);
        let taken = stream::unfold(taken, |mut taken| async move { taken.recv().await.map(|pcm| (pcm, taken)) });
        if let Some(limiter) = &slot.health.limiter {
            let has_another = self.slots[index + 1..].iter().any(|next| !next.health.breaker.rests());
            let patience = if has_another { PATIENCE.min(first_byte) } else { first_byte };
            let leave = limiter.acquire(ctx, Some(patience)).await.map_err(|error| named(error, slot));
            // Whom our own rate limit kept from being asked did not fail.
            leave.inspect_err(|error| measured.failed(error, 0))?;
        }
        let opened = timeout(first_byte, slot.service.0.listen(request.clone(), taken.boxed(), ctx)).await;
        let opened = opened.unwrap_or_else(|_| Err(first_byte_error(timeouts))).map_err(|error| named(error, slot));
        let stream = opened.inspect_err(|error| {
            measured.failed(error, 1);
            pass.give_back();
            slot.failed(error, 1);
        })?;
        Ok(Listening {
            stream,
            pass,
            sound: Some(sound),
            waiting: None,
            slot: Arc::clone(slot),
            index,
            timeouts,
            waited_since: Instant::now(),
            ended: None,
            usage: Usage::default(),
            price: self.options.prices.of(slot.service.0.listening_name()),
            ledger: ctx.ledger.clone(),
            measured,
        })
    }
}

fn named(error: Error, slot: &Slot<SttService>) -> Error {
    error.with_stage(Stage::Stt).with_provider(slot.service.0.listening_name())
}

/// One utterance that a provider listens to. Dropping it cancels.
pub(crate) struct Listening {
    stream: ResultStream<Transcript>,
    /// A probe is out until the first words.
    pass: Pass,
    /// Gone once the sound has ended, or the provider takes no more.
    sound: Option<mpsc::Sender<Pcm>>,
    /// Sound that the provider has not taken yet.
    waiting: Option<Pcm>,
    slot: Arc<Slot<SttService>>,
    index: usize,
    timeouts: TimeoutOptions,
    /// Since when nothing came and nothing was taken.
    waited_since: Instant,
    /// When the sound ended.
    ended: Option<Instant>,
    /// The sound that it was given, its price, and who pays once the words have come.
    usage: Usage,
    price: Option<Price>,
    ledger: Ledger,
    measured: MeasuredCall,
}

/// What comes of listening.
pub(crate) enum Listened {
    /// Room for more sound.
    Ready,
    /// Words: a final transcript is the last thing that comes.
    Words(Transcript),
}

impl Listening {
    /// Which provider of the stack listens.
    pub(crate) fn slot(&self) -> usize {
        self.index
    }

    /// Whether it wants sound.
    pub(crate) fn wants_sound(&self) -> bool {
        self.waiting.is_none() && self.ended.is_none()
    }

    /// Gives it sound; only when it [wants](Self::wants_sound) some.
    pub(crate) fn hear(&mut self, pcm: Pcm) {
        self.waited_since = Instant::now();
        self.usage.stt_seconds += pcm.duration().as_secs_f64();
        self.waiting = Some(pcm).filter(|_| self.sound.is_some());
    }

    /// The utterance is over.
    pub(crate) fn end(&mut self) {
        let now = Instant::now();
        (self.sound, self.ended, self.waited_since) = (None, Some(now), now);
        self.measured.counts_from_now();
    }

    /// The next thing that comes of it. Dropping the future loses nothing.
    ///
    /// # Errors
    /// What the provider says; `TIMEOUT` when it is waited for in vain; `PROVIDER_ERROR` (kind `MalformedResponse`) when it
    /// ends without a final transcript, or gives one before the end of the sound.
    pub(crate) async fn next(&mut self) -> Result<Listened> {
        let came = self.step().await.map_err(|error| named(error, &self.slot));
        match &came {
            Ok(Listened::Words(words)) if words.is_final => {
                self.slot.health.breaker.succeeded();
                self.ledger.use_up(self.usage);
                self.ledger.charge(self.cost());
                self.measured.came();
                self.measured.used(self.usage, self.cost());
                self.measured.end(None);
            }
            Ok(Listened::Words(_)) => self.pass.answered(),
            Ok(Listened::Ready) => {}
            Err(error) => {
                self.measured.failed(error, 1);
                self.pass.give_back();
                self.slot.failed(error, 1);
            }
        }
        self.waited_since = Instant::now();
        came
    }

    async fn step(&mut self) -> Result<Listened> {
        let is_waited_for = self.waiting.is_some() || self.ended.is_some();
        let late = self.waited_since + Duration::from_millis(self.timeouts.idle_ms);
        tokio::select! {
            biased;
            item = self.stream.next() => match item.transpose()? {
                Some(words) if words.is_final && self.ended.is_none() => Err(malformed("before the speaker was done")),
                Some(words) => Ok(Listened::Words(words)),
                None => Err(malformed("without a final transcript")),
            },
            taken = hand_over(self.sound.as_ref(), &mut self.waiting), if self.waiting.is_some() => {
                if !taken {
                    // It takes no more; what it has to say about that comes by itself.
                    (self.sound, self.waiting) = (None, None);
                }
                Ok(Listened::Ready)
            }
            () = sleep_until(late), if is_waited_for => Err(idle_error(self.timeouts)),
        }
    }

    /// Its figures when the final transcript has come. They count from the end of the sound: before that nobody waited.
    pub(crate) fn metrics(&self) -> CallMetrics {
        let waited = self.ended.map(|ended| ended.elapsed()).unwrap_or_default();
        CallMetrics {
            stage: SttService::STAGE,
            provider: self.slot.service.0.listening_name().to_owned(),
            first_result: Some(waited),
            total: waited,
            attempts: 1,
            usage: self.usage,
            cost: self.cost(),
        }
    }

    fn cost(&self) -> Option<Cost> {
        self.price.as_ref().and_then(|price| price.cost(Some(&self.usage)))
    }
}

/// Waits for room and gives the sound away; `false` when there never will be any. Dropping the future loses nothing.
async fn hand_over(sound: Option<&mpsc::Sender<Pcm>>, waiting: &mut Option<Pcm>) -> bool {
    let Some(sound) = sound else { return false };
    let Ok(room) = sound.reserve().await else { return false };
    if let Some(pcm) = waiting.take() {
        room.send(pcm);
    }
    true
}

fn malformed(when: &str) -> Error {
    Error::new(ErrorKind::MalformedResponse, format!("the recogniser's stream ended {when}"))
}
