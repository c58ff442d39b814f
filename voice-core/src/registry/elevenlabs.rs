//! ElevenLabs.

use std::sync::Arc;

use super::{Place, reached::reached, settings::Settings};
use crate::{
    config::ProviderConfig,
    error::Result,
    layer::TimeoutOptions,
    provider::{SpeechToText, TextToSpeech},
    providers::elevenlabs::{ElevenLabsStt, ElevenLabsTts},
};

pub(super) fn stt(provider: &ProviderConfig, timeouts: &TimeoutOptions, place: Place) -> Result<Arc<dyn SpeechToText>> {
    let mut stt = reached!(ElevenLabsStt, provider, timeouts);
    let mut settings = Settings::new(provider, place);
    if let Some(model) = settings.text("live_model")? {
        stt = stt.live_model(model);
    }
    stt = stt.keyterms(settings.texts("keyterms", 1000)?);
    if let Some(logging) = settings.flag("enable_logging")? {
        stt = stt.logging(logging);
    }
    settings.finish()?;
    Ok(Arc::new(stt))
}

pub(super) fn tts(provider: &ProviderConfig, timeouts: &TimeoutOptions, place: Place) -> Result<Arc<dyn TextToSpeech>> {
    let mut tts = reached!(ElevenLabsTts, provider, timeouts);
    if let Some(voice) = &provider.voice {
        tts = tts.voice(voice);
    }
    let mut settings = Settings::new(provider, place);
    if let Some(language) = settings.text("language")? {
        tts = tts.language(language);
    }
    if let Some(stability) = settings.number("stability", 0.0, 1.0)? {
        tts = tts.stability(stability);
    }
    if let Some(boost) = settings.number_by(["similarity_boost", "similarity"], 0.0, 1.0)? {
        tts = tts.similarity_boost(boost);
    }
    if let Some(style) = settings.number("style", 0.0, 1.0)? {
        tts = tts.style(style);
    }
    if let Some(speed) = settings.number("speed", 0.7, 1.2)? {
        tts = tts.speed(speed);
    }
    if let Some(boost) = settings.flag("use_speaker_boost")? {
        tts = tts.use_speaker_boost(boost);
    }
    if let Some(logging) = settings.flag("enable_logging")? {
        tts = tts.logging(logging);
    }
    settings.finish_voice()?;
    Ok(Arc::new(tts))
}
