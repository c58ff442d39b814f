//! Local models.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Place, settings::Settings};
use crate::{
    config::{LocalConfig, ProviderConfig},
    error::Result,
    provider::{LanguageModel, SpeechToText, TextToSpeech},
    providers::local::{ModelDir, MoonshineStt, ThreadBudget},
};

pub(super) const NAME: &str = "local";

fn models(local: &LocalConfig) -> Result<ModelDir> {
    match &local.models {
        Some(path) => Ok(ModelDir::new(path)),
        None => ModelDir::locate(),
    }
}

fn threads(local: &LocalConfig) -> ThreadBudget {
    local.threads.and_then(NonZeroUsize::new).map_or_else(ThreadBudget::default, ThreadBudget::new)
}

pub(super) async fn stt(local: &LocalConfig, provider: &ProviderConfig, place: Place) -> Result<Arc<dyn SpeechToText>> {
    Settings::new(provider, place).finish()?;
    let models = models(local)?;
    Ok(Arc::new(MoonshineStt::tiny_en(&models)?.with_threads(threads(local))))
}

pub(super) async fn llm(_: &LocalConfig, provider: &ProviderConfig, place: Place) -> Result<Arc<dyn LanguageModel>> {
    Settings::new(provider, place).finish()?;
    Err(super::unknown(place, provider))
}

pub(super) async fn tts(_: &LocalConfig, provider: &ProviderConfig, place: Place) -> Result<Arc<dyn TextToSpeech>> {
    Settings::new(provider, place).finish()?;
    Err(super::unknown(place, provider))
}
