//! Cartesia.

use std::sync::Arc;

use super::{Place, reached::reached, settings::Settings};
use crate::{
    config::ProviderConfig,
    error::Result,
    layer::TimeoutOptions,
    provider::{SpeechToText, TextToSpeech},
    providers::cartesia::{CartesiaStt, CartesiaTts},
};

pub(super) fn stt(provider: &ProviderConfig, timeouts: &TimeoutOptions, place: Place) -> Result<Arc<dyn SpeechToText>> {
    let mut stt = reached!(CartesiaStt, provider, timeouts);
    let mut settings = Settings::new(provider, place);
    if let Some(model) = settings.text("live_model")? {
        stt = stt.live_model(model);
    }
    stt = stt.keyterms(settings.texts("keyterms", 100)?);
    settings.finish()?;
    Ok(Arc::new(stt))
}

pub(super) fn tts(provider: &ProviderConfig, timeouts: &TimeoutOptions, place: Place) -> Result<Arc<dyn TextToSpeech>> {
    let mut tts = reached!(CartesiaTts, provider, timeouts);
    if let Some(voice) = &provider.voice {
        tts = tts.voice(voice);
    }
    let mut settings = Settings::new(provider, place);
    if let Some(language) = settings.text("language")? {
        tts = tts.language(language);
    }
    if let Some(speed) = settings.number("speed", 0.6, 1.5)? {
        tts = tts.speed(speed);
    }
    if let Some(volume) = settings.number("volume", 0.5, 2.0)? {
        tts = tts.volume(volume);
    }
    if let Some(emotion) = settings.text("emotion")? {
        tts = tts.emotion(emotion);
    }
    settings.finish_voice()?;
    Ok(Arc::new(tts))
}
