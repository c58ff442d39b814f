//! Google.

use std::sync::Arc;

use super::{Place, reached::reached, settings::Settings};
use crate::{
    config::{ProviderConfig, invalid},
    error::Result,
    layer::TimeoutOptions,
    provider::{LanguageModel, SpeechToText, TextToSpeech},
    providers::google::{GeminiLlm, GoogleStt, GoogleTts},
};

/// What `api_key` may hold, by the setting `auth`.
const API_KEY: &str = "api_key";
const ACCESS_TOKEN: &str = "access_token";

/// A provider of Google Cloud: entered as the setting `auth` says, paid for by the project of the setting `project`.
macro_rules! cloud {
    ($type:ty, $provider:expr, $timeouts:expr, $place:expr, $settings:expr) => {{
        let token = $settings.one_of("auth", &[API_KEY, ACCESS_TOKEN])? == Some(ACCESS_TOKEN);
        let made = match &$provider.api_key {
            _ if !token => reached!($type, $provider, $timeouts),
            None => {
                return Err(invalid(format!(
                    "{}.settings.auth: the access token is missing; give it as `api_key`",
                    $place
                )));
            }
            Some(key) => {
                let mut made = <$type>::with_access_token(key.clone());
                if let Some(url) = &$provider.base_url {
                    made = made.base_url(url);
                }
                if let Some(model) = &$provider.model {
                    made = made.model(model);
                }
                made.connect_timeout(std::time::Duration::from_millis($timeouts.connect_ms))
            }
        };
        match $settings.text("project")? {
            Some(project) => made.project(project),
            None => made,
        }
    }};
}

pub(super) fn stt(provider: &ProviderConfig, timeouts: &TimeoutOptions, place: Place) -> Result<Arc<dyn SpeechToText>> {
    let mut settings = Settings::new(provider, place);
    let mut stt = cloud!(GoogleStt, provider, timeouts, place, settings);
    if let Some(language) = settings.text("language")? {
        stt = stt.language(language);
    }
    stt = stt.alternative_languages(settings.texts("alternative_languages", 3)?);
    stt = stt.phrases(settings.texts("phrases", 5000)?);
    settings.finish()?;
    Ok(Arc::new(stt))
}

pub(super) fn llm(
    provider: &ProviderConfig,
    timeouts: &TimeoutOptions,
    place: Place,
) -> Result<Arc<dyn LanguageModel>> {
    let mut settings = Settings::new(provider, place);
    let mut llm = reached!(GeminiLlm, provider, timeouts);
    if let Some(level) = settings.one_of("thinking_level", &["minimal", "low", "medium", "high"])? {
        llm = llm.thinking_level(level);
    }
    settings.finish()?;
    Ok(Arc::new(llm))
}

pub(super) fn tts(provider: &ProviderConfig, timeouts: &TimeoutOptions, place: Place) -> Result<Arc<dyn TextToSpeech>> {
    let mut settings = Settings::new(provider, place);
    let mut tts = cloud!(GoogleTts, provider, timeouts, place, settings);
    if let Some(voice) = &provider.voice {
        tts = tts.voice(voice);
    }
    if let Some(language) = settings.text("language")? {
        tts = tts.language(language);
    }
    if let Some(rate) = settings.number_by(["speaking_rate", "speed"], 0.25, 2.0)? {
        tts = tts.speaking_rate(rate);
    }
    if let Some(semitones) = settings.number("pitch", -20.0, 20.0)? {
        tts = tts.pitch(semitones);
    }
    if let Some(gain) = settings.number("volume_gain_db", -96.0, 16.0)? {
        tts = tts.volume_gain_db(gain);
    }
    settings.finish_voice()?;
    Ok(Arc::new(tts))
}
