//! Time-outs of one attempt.

use std::{future::Future, time::Duration};

use futures_util::{StreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use super::Service;
use crate::{
    error::{Error, ErrorKind, Result},
    provider::{CallContext, ResultStream},
};

/// How long each part of one attempt may take. The deadline of the turn stands above all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TimeoutOptions {
    /// To open a connection, in milliseconds. Default 5,000. Watched by the provider's own client.
    pub connect_ms: u64,
    /// From the call to its first result, in milliseconds. Default 30,000.
    pub first_byte_ms: u64,
    /// Between two results, in milliseconds. Default 15,000.
    pub idle_ms: u64,
}

impl Default for TimeoutOptions {
    fn default() -> Self {
        Self { connect_ms: 5_000, first_byte_ms: 30_000, idle_ms: 15_000 }
    }
}

/// Opens a stream whose first item must come within the first-byte time-out and every later one within the idle time-out.
pub(super) async fn open<S: Service>(
    service: &S,
    request: S::Request,
    ctx: &CallContext,
    options: TimeoutOptions,
) -> Result<ResultStream<S::Item>> {
    let first_by = Instant::now() + Duration::from_millis(options.first_byte_ms);
    let idle = Duration::from_millis(options.idle_ms);
    let inner = within(first_by, first_byte_error(options), service.open(request, ctx)).await??;

    // One timer per item, made only while waiting: an item that is already there costs none.
    let timed = stream::unfold((inner, Some(first_by)), move |(mut inner, first_by)| async move {
        let (by, error) = match first_by {
            Some(by) => (by, first_byte_error(options)),
            None => (Instant::now() + idle, idle_error(options)),
        };
        match within(by, error, inner.next()).await {
            Ok(item) => item.map(|item| (item, (inner, None))),
            Err(error) => Some((Err(error), (stream::empty().boxed(), None))),
        }
    });
    Ok(timed.boxed())
}

async fn within<T>(by: Instant, error: Error, future: impl Future<Output = T>) -> Result<T> {
    timeout_at(by, future).await.map_err(|_| error)
}

pub(super) fn first_byte_error(options: TimeoutOptions) -> Error {
    Error::new(ErrorKind::FirstByteTimeout, format!("no answer came within {} ms", options.first_byte_ms))
}

pub(super) fn idle_error(options: TimeoutOptions) -> Error {
    Error::new(ErrorKind::IdleTimeout, format!("the answer stopped coming for {} ms", options.idle_ms))
}
