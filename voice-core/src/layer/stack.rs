//! The ordered list of providers of one stage, with every layer around each.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::Stream;
use tokio::time::Instant;

use super::{LayerOptions, Service, breaker::Breaker, rate_limit::RateLimiter, retry, timeout::Timed};
use crate::{
    cost::{Cost, Ledger, Price, Usage},
    error::{Error, ErrorCode, ErrorKind, Result},
    event::CallMetrics,
    provider::CallContext,
    telemetry::MeasuredCall,
};

/// The providers of one stack (by [`Call::slot`]) whose streams broke in the middle: they are tried last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Failed(u64);

impl Failed {
    pub(crate) fn add(&mut self, slot: usize) {
        self.0 |= bit(slot);
    }

    fn has(self, slot: usize) -> bool {
        self.0 & bit(slot) != 0
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
    pub(super) limiter: Option<Arc<RateLimiter>>,
    pub(super) breaker: Breaker,
    pub(super) price: Option<Price>,
}

impl<S: Service> Stack<S> {
    pub(crate) fn new(services: impl IntoIterator<Item = S>, options: &LayerOptions) -> Self {
        let slots = services
            .into_iter()
            .map(|service| {
                let limiter = options.rate_limit.map(|limit| Arc::new(RateLimiter::new(limit)));
                let price = options.prices.of(service.name());
                Arc::new(Slot { service, limiter, breaker: Breaker::new(options.circuit_breaker), price })
            })
            .collect();
        Self { slots, options: options.clone() }
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
        let of = |broken: bool| (0..self.slots.len()).filter(move |slot| failed.has(*slot) == broken);
        let order = of(false).chain(of(true));
        for index in order {
            ctx.check()?;
            let slot = &self.slots[index];
            if !slot.service.serves(&request) || !slot.breaker.admits() {
                continue;
            }
            let (mut measured, before) = (ctx.scope.call(S::STAGE, slot.service.name()), attempts);
            let opened = retry::open(
                &slot.service,
                slot.limiter.as_deref(),
                &request,
                ctx,
                self.options.retry,
                self.options.timeouts,
                &mut attempts,
            )
            .await;
            match opened {
                Ok(stream) => {
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
                    slot.failed(&error, attempts);
                    if !falls_back(&error) {
                        return Err(error);
                    }
                    last_error = Some(error);
                }
            }
        }
        Err(last_error.unwrap_or_else(|| {
            Error::new(
                ErrorKind::CircuitOpen,
                format!("every provider of the {} stage is resting after repeated failures", S::STAGE),
            )
            .with_stage(S::STAGE)
        }))
    }
}

impl<S: Service> Slot<S> {
    /// Counts a failure and says so in the log.
    pub(super) fn failed(&self, error: &Error, attempts: u32) {
        self.breaker.failed(error);
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
                this.slot.breaker.failed(&error);
                this.measured.end(Some(error.code()));
                Some(Err(error))
            }
            None => {
                this.slot.breaker.succeeded();
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
