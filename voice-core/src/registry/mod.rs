//! Names to constructors: the only place that knows the concrete providers and stores.

mod stores;

use std::sync::Arc;

use crate::{
    config::{Config, LocalConfig, ProviderConfig, invalid},
    error::{Error, Result},
    layer::TimeoutOptions,
    provider::{LanguageModel, SpeechToText, TextToSpeech},
    store::ConversationStore,
};

/// Builds what a config names.
pub(crate) struct Registry {
    local: LocalConfig,
    timeouts: TimeoutOptions,
}

impl Registry {
    pub(crate) fn new(config: &Config) -> Self {
        Self { local: config.local.clone(), timeouts: config.timeouts }
    }

    pub(crate) async fn stt(&self, provider: &ProviderConfig) -> Result<Arc<dyn SpeechToText>> {
        Err(unknown("stt", provider))
    }

    pub(crate) async fn llm(&self, provider: &ProviderConfig) -> Result<Arc<dyn LanguageModel>> {
        Err(unknown("llm", provider))
    }

    pub(crate) async fn tts(&self, provider: &ProviderConfig) -> Result<Arc<dyn TextToSpeech>> {
        Err(unknown("tts", provider))
    }

    pub(crate) async fn store(&self, storage: Option<&str>) -> Result<Arc<dyn ConversationStore>> {
        stores::open(storage).await
    }
}

fn unknown(stage: &str, provider: &ProviderConfig) -> Error {
    invalid(format!("{stage}: there is no provider {:?}", provider.provider))
}
