//! The ordered list of providers of one stage, with every layer around each.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::Stream;
use tokio::time::Instant;

use super::{Account, LayerOptions, Layers, Service, health::Health, retry, timeout::Timed};
use crate::{
    cost::{Cost, Ledger, Price, Usage},
    error::{Error, ErrorCode, ErrorKind, Result},
    event::CallMetrics,
    provider::CallContext,
    telemetry::MeasuredCall,
};

/// The providers of one stack (by [`Call::slot`]) whose streams broke in the middle.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Failed {
    any: u64,
    for_good: u64,
}

impl Failed {
    /// It is tried last.
    pub(crate) fn add(&mut self, slot: usize) {
        self.any |= bit(slot);
    }

    /// It failed with this: it is tried last, or, when the same request would only fail again, not at all.
    pub(crate) fn add_for(&mut self, slot: usize, error: &Error) {
        self.add(slot);
        if !error.retryable() {
            self.for_good |= bit(slot);
        }
    }

    fn has(self, slot: usize) -> bool {
        self.any & bit(slot) != 0
    }

    fn has_for_good(self, slot: usize) -> bool {
        self.for_good & bit(slot) != 0
    }
}

/// None of a slot beyond the sixty-fourth: it keeps its place.
fn bit(slot: usize) -> u64 {
    u32::try_from(slot).ok().and_then(|slot| 1_u64.checked_shl(slot)).unwrap_or(0)
}

/// The providers of one stage in the order in which they are tried.
pub(crate) struct Stack<S: Service> {
    pub(super) slots: Vec<Arc<Slot<S>>>,
    pub(super) options: LayerOptions,
}

pub(super) struct Slot<S> {
    pub(super) service: S,
    pub(super) health: Arc<Health>,
    pub(super) price: Option<Price>,
}

impl<S: Service> Stack<S> {
    pub(crate) fn new(services: impl IntoIterator<Item = (Account, S)>, layers: &Layers) -> Self {
        let slots = services
            .into_iter()
            .map(|(account, service)| {
                let price = layers.options.prices.of(service.name());
                Arc::new(Slot { service, health: layers.health(S::STAGE, account), price })
            })
            .collect();
        Self { slots, options: layers.options.clone() }
    }

    pub(crate) fn services(&self) -> impl Iterator<Item = &S> {
        self.slots.iter().map(|slot| &slot.service)
    }

    /// Opens a call at the first provider that yields an item (or a clean empty end).
    pub(crate) async fn open(&self, request: S::Request, ctx: &CallContext, failed: Failed) -> Result<Call<S>> {
        if self.slots.is_empty() {
            let stage = S::STAGE.as_str();
            let message = format!("the agent has no {stage} provider: configure `{stage}`");
            return Err(Error::new(ErrorKind::InvalidConfig, message).with_stage(S::STAGE));
        }
        let started = Instant::now();
        let mut attempts = 0;
        let mut last_error = None;
        let of = |broken: bool| {
            (0..self.slots.len()).filter(move |slot| failed.has(*slot) == broken && !failed.has_for_good(*slot))
        };
        let mut order = of(false).chain(of(true));
        while let Some(index) = order.next() {
            ctx.check()?;
            let slot = &self.slots[index];
            if !slot.service.serves(&request) {
                continue;
            }
            let Some(mut pass) = slot.health.breaker.admits() else { continue };
            let has_another = order.clone().any(|next| self.slots[next].is_ready(&request));
            let (mut measured, before) = (ctx.scope.call(S::STAGE, slot.service.name()), attempts);
            let opened = retry::open(
                &slot.service,
                slot.health.limiter.as_ref(),
                &request,
                ctx,
                self.options.retry,
                self.options.timeouts,
                has_another,
                &mut attempts,
            )
            .await;
            match opened {
                Ok(stream) => {
                    pass.answered();
                    let first_result = Instant::now();
                    measured.opened(first_result, attempts - before);
                    let mut call = Call {
                        stream: Some(stream),
                        slot: Arc::clone(slot),
                        index,
                        started,
                        first_result,
                        attempts,
                        usage: None,
                        ledger: ctx.ledger.clone(),
                        measured,
                    };
                    if let Some(usage) = S::asked(&request) {
                        call.uses(usage);
                    }
                    return Ok(call);
                }
                Err(error) => {
                    measured.failed(&error, attempts - before);
                    pass.give_back();
                    // Whom our own rate limit kept from being asked did not fail.
                    if attempts > before {
                        slot.failed(&error, attempts);
                    }
                    if !falls_back(&error) {
                        return Err(error);
                    }
                    last_error = Some(error);
                }
            }
        }
        Err(last_error.unwrap_or_else(|| self.resting(&request)))
    }

    fn resting(&self, request: &S::Request) -> Error {
        let message = format!("every provider of the {} stage is resting after repeated failures", S::STAGE);
        let error = Error::new(ErrorKind::CircuitOpen, message).with_stage(S::STAGE);
        let slots = self.slots.iter().filter(|slot| slot.service.serves(request));
        match slots.filter_map(|slot| slot.health.breaker.rest()).min() {
            Some(rest) => error.with_retry_after(rest),
            None => error,
        }
    }

    /// Whether a stream that broke in the middle can be gone on with: by another provider, or by the same if that may help.
    pub(crate) fn goes_on(&self, error: &Error, request: &S::Request, failed: Failed) -> bool {
        let mut others = self.slots.iter().enumerate().filter(|(index, _)| !failed.has(*index));
        falls_back(error) && (error.retryable() || others.any(|(_, slot)| slot.is_ready(request)))
    }
}

impl<S: Service> Slot<S> {
    /// Whether it would be asked at this moment.
    fn is_ready(&self, request: &S::Request) -> bool {
        self.service.serves(request) && !self.health.breaker.rests()
    }

    /// Counts a failure and says so in the log.
    pub(super) fn failed(&self, error: &Error, attempts: u32) {
        self.health.breaker.failed(error);
        tracing::warn!(
            stage = S::STAGE.as_str(), provider = self.service.name(), code = error.code().as_str(),
            kind = ?error.kind(), provider_status = error.provider_status(), attempts, "provider failed"
        );
    }
}

/// Whether another provider might do better with the same request.
fn falls_back(error: &Error) -> bool {
    !matches!(
        error.code(),
        ErrorCode::Cancelled | ErrorCode::ValidationError | ErrorCode::StorageError | ErrorCode::InternalError
    ) && error.kind() != ErrorKind::DeadlineExceeded
}

/// A call under way: the stream of its items, and what is known about it.
pub(crate) struct Call<S: Service> {
    /// Gone after its end or its first error, which frees what the provider holds for it.
    stream: Option<Timed<S::Item>>,
    slot: Arc<Slot<S>>,
    index: usize,
    started: Instant,
    first_result: Instant,
    attempts: u32,
    /// What it uses, as far as that is known.
    usage: Option<Usage>,
    ledger: Ledger,
    measured: MeasuredCall,
}

impl<S: Service> Call<S> {
    /// Which provider of the stack serves it.
    pub(crate) fn slot(&self) -> usize {
        self.index
    }

    /// Its figures as of now; final when the stream has ended.
    pub(crate) fn metrics(&self) -> CallMetrics {
        CallMetrics {
            stage: S::STAGE,
            provider: self.slot.service.name().to_owned(),
            first_result: Some(self.first_result - self.started),
            total: self.started.elapsed(),
            attempts: self.attempts,
            usage: self.usage.unwrap_or_default(),
            cost: self.cost(self.usage.as_ref()),
        }
    }

    fn cost(&self, usage: Option<&Usage>) -> Option<Cost> {
        self.slot.price.as_ref().and_then(|price| price.cost(usage))
    }

    fn uses(&mut self, usage: Usage) {
        let all = self.usage.get_or_insert_default();
        *all += usage;
        let all = *all;
        self.ledger.use_up(usage);
        self.ledger.charge(self.cost(Some(&usage)));
        self.measured.used(all, self.cost(Some(&all)));
    }
}

impl<S: Service> Stream for Call<S> {
    type Item = Result<S::Item>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(stream) = &mut this.stream else { return Poll::Ready(None) };
        let item = std::task::ready!(Pin::new(stream).poll_next(cx));
        if !matches!(item, Some(Ok(_))) {
            this.stream = None;
        }
        Poll::Ready(match item {
            Some(Err(error)) => {
                let error = error.with_stage(S::STAGE).with_provider(this.slot.service.name());
                this.slot.health.breaker.failed(&error);
                this.measured.end(Some(error.code()));
                Some(Err(error))
            }
            None => {
                this.slot.health.breaker.succeeded();
                if this.usage.is_none() {
                    this.ledger.charge(this.cost(None));
                    this.measured.used(Usage::default(), this.cost(None));
                }
                this.measured.end(None);
                None
            }
            Some(Ok(item)) => {
                if let Some(usage) = S::told(&item) {
                    this.uses(usage);
                }
                Some(Ok(item))
            }
        })
    }
}
