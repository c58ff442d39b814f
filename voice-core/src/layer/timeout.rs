//! Time-outs of one attempt.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::Service;
use crate::{
    error::{Error, ErrorKind, Result},
    provider::{CallContext, ResultStream},
    time::Alarm,
};

/// How long each part of one attempt may take. The deadline of the turn stands above all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TimeoutOptions {
    /// To open a connection, in milliseconds. Default 5,000. Watched by the provider's own client.
    pub connect_ms: u64,
    /// From the call to its first result, in milliseconds. Default 30,000. Where another provider of the list is ready, it is asked
    /// when this is over.
    pub first_byte_ms: u64,
    /// Between two results, in milliseconds. Default 15,000.
    pub idle_ms: u64,
}

impl TimeoutOptions {
    fn idle(&self) -> Duration {
        Duration::from_millis(self.idle_ms)
    }
}

impl Default for TimeoutOptions {
    fn default() -> Self {
        Self { connect_ms: 5_000, first_byte_ms: 30_000, idle_ms: 15_000 }
    }
}

/// Items of which the first comes within the first-byte time-out and every later one within the idle time-out, or an error instead.
pub(super) struct Timed<T> {
    /// Gone after its end.
    inner: Option<ResultStream<T>>,
    /// An item that came already.
    first: Option<T>,
    alarm: Alarm,
    /// Until when an item must have come; `None`: nobody waits.
    due: Option<Instant>,
    began: bool,
    options: TimeoutOptions,
}

impl<T> Timed<T> {
    /// Opens the stream and waits for its first item, which is then the next one that it yields.
    pub(super) async fn open<S: Service<Item = T>>(
        service: &S,
        request: S::Request,
        ctx: &CallContext,
        options: TimeoutOptions,
    ) -> Result<Self> {
        let due = Instant::now() + Duration::from_millis(options.first_byte_ms);
        let mut alarm = Alarm::default();
        let mut opening = pin!(service.open(request, ctx));
        let inner = poll_fn(|cx| match opening.as_mut().poll(cx) {
            Poll::Pending => alarm
                .poll(due, || due.min(Instant::now() + options.idle()), cx)
                .map(|()| Err(first_byte_error(options))),
            opened => opened,
        });
        let inner = Some(inner.await?);
        let mut timed = Self { inner, first: None, alarm, due: Some(due), began: false, options };
        timed.first = timed.next().await.transpose()?;
        Ok(timed)
    }
}

/// Nothing in it is pinned in place.
impl<T> Unpin for Timed<T> {}

impl<T> Stream for Timed<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        let this = &mut *self;
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        let item = match inner.as_mut().poll_next(cx) {
            Poll::Ready(item) => item,
            Poll::Pending => {
                let due = *this.due.get_or_insert_with(|| Instant::now() + this.options.idle());
                ready!(this.alarm.poll(due, || due.min(Instant::now() + this.options.idle()), cx));
                let late = if this.began { idle_error } else { first_byte_error };
                Some(Err(late(this.options)))
            }
        };
        (this.due, this.began) = (None, true);
        if !matches!(item, Some(Ok(_))) {
            (this.inner, this.alarm) = (None, Alarm::default());
        }
        Poll::Ready(item)
    }
}

pub(super) fn first_byte_error(options: TimeoutOptions) -> Error {
    Error::new(ErrorKind::FirstByteTimeout, format!("no answer came within {} ms", options.first_byte_ms))
}

pub(super) fn idle_error(options: TimeoutOptions) -> Error {
    Error::new(ErrorKind::IdleTimeout, format!("the answer stopped coming for {} ms", options.idle_ms))
}
