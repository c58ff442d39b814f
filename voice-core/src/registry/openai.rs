//! OpenAI and servers that speak its wire format.

use std::{sync::Arc, time::Duration};

use super::{Place, settings::Settings};
use crate::{
    config::{ProviderConfig, invalid},
    error::{ErrorKind, Result},
    layer::TimeoutOptions,
    provider::{LanguageModel, SpeechToSpeech, SpeechToText, TextToSpeech},
    providers::openai::{
        self, Eagerness, OpenAiConfig, OpenAiLlm, OpenAiRealtime, OpenAiStt, PRESETS, SpeechOptions, VoiceDetection,
    },
};

/// How to reach the provider; `None`: it is not of this kind.
pub(super) fn config(provider: &ProviderConfig, timeouts: &TimeoutOptions) -> Result<Option<OpenAiConfig>> {
    let name = provider.provider.as_str();
    let known = PRESETS.iter().any(|preset| preset.name == name);
    if !known && provider.base_url.is_none() {
        return Ok(None);
    }
    let found = match name {
        "openai" => OpenAiConfig::from_env(),
        _ => OpenAiConfig::preset(name),
    };
    let mut config = match (found, &provider.api_key) {
        (Ok(config), _) => config,
        (Err(error), Some(key)) if error.kind() == ErrorKind::MissingProviderKey => {
            let config = OpenAiConfig::new(key.clone()).named(name);
            match PRESETS.iter().find(|preset| preset.name == name) {
                Some(preset) => config.base_url(preset.base_url).dialect(preset.dialect),
                None => config,
            }
        }
        // A server of the host's own may need no key.
        (Err(_), _) if provider.base_url.is_some() => OpenAiConfig::without_key(name),
        (Err(error), _) => return Err(error),
    };
    if let Some(key) = &provider.api_key {
        config = config.key(key.clone());
    }
    if let Some(url) = &provider.base_url {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(invalid("base_url: expected an address that begins with http:// or https://".into()));
        }
        config = config.base_url(url);
    }
    Ok(Some(config.connect_timeout(Duration::from_millis(timeouts.connect_ms))))
}

pub(super) fn stt(config: OpenAiConfig, provider: &ProviderConfig, place: Place) -> Result<Arc<dyn SpeechToText>> {
    let mut stt = OpenAiStt::with_config(config);
    if let Some(model) = &provider.model {
        stt = stt.model(model);
    }
    let mut settings = Settings::new(provider, place);
    if let Some(prompt) = settings.text("prompt")? {
        stt = stt.prompt(prompt);
    }
    if let Some(model) = settings.text("live_model")? {
        stt = stt.live_model(model);
    }
    settings.finish()?;
    Ok(Arc::new(stt))
}

pub(super) fn llm(config: OpenAiConfig, provider: &ProviderConfig, place: Place) -> Result<Arc<dyn LanguageModel>> {
    let mut llm = OpenAiLlm::with_config(config);
    if let Some(model) = &provider.model {
        llm = llm.model(model);
    }
    Settings::new(provider, place).finish()?;
    Ok(Arc::new(llm))
}

pub(super) fn realtime(
    config: OpenAiConfig,
    provider: &ProviderConfig,
    place: Place,
) -> Result<Arc<dyn SpeechToSpeech>> {
    let mut realtime = OpenAiRealtime::with_config(config);
    if let Some(model) = &provider.model {
        realtime = realtime.model(model);
    }
    if let Some(voice) = &provider.voice {
        realtime = realtime.voice(voice);
    }
    let mut settings = Settings::new(provider, place);
    if let Some(speed) = settings.number("speed", 0.25, 1.5)? {
        #[allow(clippy::cast_possible_truncation)]
        let speed = speed as f32;
        realtime = realtime.speed(speed);
    }
    if let Some(model) = settings.text("transcription_model")? {
        realtime = realtime.transcription(model);
    }
    if let Some(kind) = settings.one_of("noise_reduction", &["near_field", "far_field"])? {
        realtime = realtime.noise_reduction(kind);
    }
    if let Some(effort) = settings.one_of("reasoning_effort", &["minimal", "low", "medium", "high", "xhigh"])? {
        realtime = realtime.reasoning_effort(effort);
    }
    let detection = settings.one_of("turn_detection", &["server_vad", "semantic_vad"])?;
    let eagerness = settings.one_of("eagerness", &["auto", "low", "medium", "high"])?;
    settings.finish_voice()?;
    if detection == Some("semantic_vad") {
        realtime = realtime.voice_detection(VoiceDetection::Semantic(match eagerness {
            Some("low") => Eagerness::Low,
            Some("medium") => Eagerness::Medium,
            Some("high") => Eagerness::High,
            _ => Eagerness::Auto,
        }));
    }
    Ok(Arc::new(realtime))
}

pub(super) fn tts(config: OpenAiConfig, provider: &ProviderConfig, place: Place) -> Result<Arc<dyn TextToSpeech>> {
    let mut settings = Settings::new(provider, place);
    let instructions = settings.text("instructions")?;
    let speed = settings.number("speed", 0.25, 4.0)?;
    settings.finish_voice()?;
    #[allow(clippy::cast_possible_truncation)]
    let options = SpeechOptions {
        model: provider.model.clone(),
        voice: provider.voice.clone(),
        instructions: instructions.map(str::to_owned),
        speed: speed.map(|speed| speed as f32),
    };
    Ok(openai::text_to_speech(config, options))
}
