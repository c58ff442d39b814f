//! OpenAI and servers that speak its wire format.

use std::{sync::Arc, time::Duration};

use super::{Place, settings::Settings};
use crate::{
    config::{ProviderConfig, invalid},
    error::{ErrorKind, Result},
    layer::TimeoutOptions,
    provider::{LanguageModel, SpeechToText, TextToSpeech},
    providers::openai::{self, OpenAiConfig, OpenAiLlm, OpenAiRealtimeTts, OpenAiStt, OpenAiTts, PRESETS},
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
            let preset = PRESETS.iter().find(|preset| preset.name == name);
            let config = OpenAiConfig::new(key.clone()).named(name);
            preset.map_or_else(|| config.clone(), |p| config.clone().base_url(p.base_url).dialect(p.dialect))
        }
        // A server of the host's own may need no key.
        (Err(_), _) if provider.base_url.is_some() => OpenAiConfig::local(name),
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

pub(super) fn tts(config: OpenAiConfig, provider: &ProviderConfig, place: Place) -> Result<Arc<dyn TextToSpeech>> {
    let mut settings = Settings::new(provider, place);
    let instructions = settings.text("instructions")?;
    let speed = settings.number("speed", 0.25, 4.0)?;
    settings.finish()?;
    let model = provider.model.as_deref().unwrap_or(OpenAiRealtimeTts::DEFAULT_MODEL);
    #[allow(clippy::cast_possible_truncation)]
    macro_rules! set {
        ($tts:expr) => {{
            let mut tts = $tts.model(model);
            if let Some(voice) = &provider.voice {
                tts = tts.voice(voice);
            }
            if let Some(instructions) = instructions {
                tts = tts.instructions(instructions);
            }
            if let Some(speed) = speed {
                tts = tts.speed(speed as f32);
            }
            Arc::new(tts)
        }};
    }
    Ok(if openai::speaks_over_realtime(model) {
        set!(OpenAiRealtimeTts::with_config(config))
    } else {
        set!(OpenAiTts::with_config(config))
    })
}
