//! Listing the voices of a provider: in the same slots as speech, and measured nowhere, as nobody waits for it to speak.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};

use super::{Service, Stack, TtsService, retry};
use crate::{
    error::{Error, Result, Stage},
    provider::{CallContext, ResultStream, TextToSpeech, VoicesPage, VoicesRequest},
};

/// A provider of voices, as the layers see it: a request opens a stream of one page.
struct Listing(Arc<dyn TextToSpeech>);

#[async_trait]
impl Service for Listing {
    type Request = VoicesRequest;
    type Item = VoicesPage;
    const STAGE: Stage = Stage::Tts;

    fn name(&self) -> &str {
        self.0.name()
    }

    async fn open(&self, request: VoicesRequest, ctx: &CallContext) -> Result<ResultStream<VoicesPage>> {
        let page = self.0.voices(request, ctx).await?;
        Ok(stream::once(std::future::ready(Ok(page))).boxed())
    }
}

impl Stack<TtsService> {
    /// A page of the voices of the first provider, under its rate limit, with retries and time-outs. Whether it works says nothing
    /// about speech: the circuit breaker is not asked and not told.
    pub(crate) async fn voices(&self, request: VoicesRequest, ctx: &CallContext) -> Result<VoicesPage> {
        let slot = self.slots.first().ok_or_else(|| Error::internal("nobody is asked for voices"))?;
        let (service, limiter) = (Listing(Arc::clone(&slot.service.0)), slot.health.limiter.as_ref());
        let (retry, timeouts) = (self.options.retry, self.options.timeouts);
        let mut opened = retry::open(&service, limiter, &request, ctx, retry, timeouts, false, &mut 0).await?;
        opened.next().await.unwrap_or_else(|| Err(Error::internal("a list of voices has no page")))
    }

    /// The provider of this number alone, as it stands in the list.
    pub(crate) fn only(&self, index: usize) -> Self {
        Self { slots: self.slots.get(index).into_iter().cloned().collect(), options: self.options.clone() }
    }
}
