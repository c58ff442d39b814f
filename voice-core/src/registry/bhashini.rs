//! Bhashini and AI4Bharat.

use std::{sync::Arc, time::Duration};

use super::{Place, settings::Settings};
use crate::{
    config::{ProviderConfig, invalid},
    error::Result,
    layer::TimeoutOptions,
    provider::{SpeechToText, TextToSpeech},
    providers::bhashini::{BhashiniStt, BhashiniTts, key_from_env, user_id_from_env},
    secret::Secret,
};

/// Who is called.
enum Api {
    Ulca,
    Dhruva,
    Ai4Bharat,
}

/// Who is called; an address and nothing to enter it with mean a server of the host's own.
fn api(provider: &ProviderConfig, settings: &mut Settings<'_>, place: Place) -> Result<(Api, Option<Secret>)> {
    let user_id = settings.text("user_id")?.map(Secret::from);
    let api = match settings.text("api")? {
        Some("ulca") => Api::Ulca,
        Some("dhruva") => Api::Dhruva,
        Some("ai4bharat") => Api::Ai4Bharat,
        Some(_) => return Err(invalid(format!("{place}.settings.api: expected ulca, dhruva or ai4bharat"))),
        None if provider.base_url.is_some() && provider.api_key.is_none() && user_id.is_none() => Api::Ai4Bharat,
        None => Api::Ulca,
    };
    Ok((api, user_id))
}

/// The key for `provider`.
fn key(provider: &ProviderConfig) -> Result<Secret> {
    provider.api_key.clone().map_or_else(key_from_env, Ok)
}

/// What recognisers and voices are told alike.
macro_rules! told {
    ($made:ident, $provider:ident, $timeouts:ident, $settings:ident) => {
        if let Some(url) = &$provider.base_url {
            $made = $made.base_url(url);
        }
        if let Some(model) = &$provider.model {
            $made = $made.model(model);
        }
        if let Some(language) = $settings.text("language")? {
            $made = $made.language(language);
        }
        if let Some(id) = $settings.text("pipeline_id")? {
            $made = $made.pipeline_id(id);
        }
        $made = $made.connect_timeout(Duration::from_millis($timeouts.connect_ms));
    };
}

pub(super) fn stt(provider: &ProviderConfig, timeouts: &TimeoutOptions, place: Place) -> Result<Arc<dyn SpeechToText>> {
    let mut settings = Settings::new(provider, place);
    let mut stt = match api(provider, &mut settings, place)? {
        (Api::Ulca, user_id) => BhashiniStt::new(user_id.map_or_else(user_id_from_env, Ok)?, key(provider)?),
        (Api::Dhruva, _) => BhashiniStt::direct(key(provider)?),
        (Api::Ai4Bharat, _) => BhashiniStt::self_hosted(provider.base_url.as_deref().ok_or_else(|| {
            invalid(format!("{place}.base_url: expected the address of the server of AI4Bharat's models"))
        })?),
    };
    told!(stt, provider, timeouts, settings);
    stt = stt.post_processors(settings.texts("post_processors", 16)?);
    settings.finish()?;
    Ok(Arc::new(stt))
}

pub(super) fn tts(provider: &ProviderConfig, timeouts: &TimeoutOptions, place: Place) -> Result<Arc<dyn TextToSpeech>> {
    let mut settings = Settings::new(provider, place);
    let mut tts = match api(provider, &mut settings, place)? {
        (Api::Ulca, user_id) => BhashiniTts::new(user_id.map_or_else(user_id_from_env, Ok)?, key(provider)?),
        (Api::Dhruva, _) => BhashiniTts::direct(key(provider)?),
        (Api::Ai4Bharat, _) => {
            return Err(invalid(format!(
                "{place}: a server of AI4Bharat's own is spoken to for recognition only; for voices give a key, or set \
                 settings.api to ulca or dhruva"
            )));
        }
    };
    told!(tts, provider, timeouts, settings);
    if let Some(voice) = &provider.voice {
        tts = tts.voice(voice);
    }
    if let Some(speed) = settings.number("speed", 0.1, 10.0)? {
        tts = tts.speed(speed);
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    if let Some(rate) = settings.number("sample_rate", 8_000.0, 48_000.0)? {
        tts = tts.sample_rate(rate as u32);
    }
    settings.finish_voice()?;
    Ok(Arc::new(tts))
}
