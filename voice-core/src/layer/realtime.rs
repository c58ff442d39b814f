//! A model that hears and speaks by itself, with what it costs and the client secrets that were made with it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::LayerOptions;
use crate::{
    cost::Price,
    error::Result,
    provider::{CallContext, ClientSecret, ClientSecretRequest, SpeechToSpeech},
};

/// How long before its end a client secret is not given out any more: the browser has so long to begin.
const MARGIN: Duration = Duration::from_secs(10);
/// How many client secrets are kept at most, each for other settings.
const MOST: usize = 256;

/// A place for one secret, which is made by one caller while the others wait.
type Place = Arc<tokio::sync::Mutex<Option<(ClientSecret, Instant)>>>;

pub(crate) struct Realtime {
    pub(crate) model: Arc<dyn SpeechToSpeech>,
    pub(crate) price: Option<Price>,
    secrets: Mutex<HashMap<String, Place>>,
}

impl Realtime {
    pub(crate) fn new(model: Arc<dyn SpeechToSpeech>, options: &LayerOptions) -> Self {
        let price = options.prices.of(model.name());
        Self { model, price, secrets: Mutex::default() }
    }

    /// A client secret, of which `key` tells the settings: one that was made before, while it has ten seconds left or more.
    pub(crate) async fn client_secret(
        &self,
        key: String,
        request: ClientSecretRequest,
        ctx: &CallContext,
    ) -> Result<ClientSecret> {
        let place = self.place(key);
        let mut kept = place.lock().await;
        if let Some((secret, until)) = &*kept
            && Instant::now() < *until
        {
            return Ok(secret.clone());
        }
        let (asked, valid) = (Instant::now(), request.valid);
        let secret = self.model.client_secret(request, ctx).await?;
        *kept = Some((secret.clone(), asked + valid.saturating_sub(MARGIN)));
        Ok(secret)
    }

    fn place(&self, key: String) -> Place {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        if secrets.len() >= MOST && !secrets.contains_key(&key) {
            let now = Instant::now();
            let in_use = |place: &Place| {
                place.try_lock().map_or(true, |kept| kept.as_ref().is_some_and(|(_, until)| now < *until))
            };
            secrets.retain(|_, place| in_use(place));
            if secrets.len() >= MOST {
                secrets.clear();
            }
        }
        Arc::clone(secrets.entry(key).or_default())
    }
}
