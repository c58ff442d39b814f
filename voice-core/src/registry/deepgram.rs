//! Deepgram.

use std::sync::Arc;

use super::{Place, reached::reached, settings::Settings};
use crate::{
    config::{ProviderConfig, invalid},
    error::Result,
    layer::TimeoutOptions,
    provider::{SpeechToText, TextToSpeech},
    providers::deepgram::{DeepgramStt, DeepgramTts},
};

pub(super) fn stt(provider: &ProviderConfig, timeouts: &TimeoutOptions, place: Place) -> Result<Arc<dyn SpeechToText>> {
    let mut settings = Settings::new(provider, place);
    let live_model = settings.text("live_model")?;
    let keyterms = settings.texts("keyterms", 1000)?;
    let smart_format = settings.flag("smart_format")?;
    let mip_opt_out = settings.flag("mip_opt_out")?;
    settings.finish()?;
    let mut stt = reached!(DeepgramStt, provider, timeouts);
    if let Some(model) = live_model {
        stt = stt.live_model(model);
    }
    stt = stt.keyterms(keyterms);
    if let Some(format) = smart_format {
        stt = stt.smart_format(format);
    }
    Ok(Arc::new(stt.mip_opt_out(mip_opt_out.unwrap_or(false))))
}

pub(super) fn tts(provider: &ProviderConfig, timeouts: &TimeoutOptions, place: Place) -> Result<Arc<dyn TextToSpeech>> {
    let mut settings = Settings::new(provider, place);
    let speed = settings.number("speed", 0.7, 1.5)?;
    let rate = settings.number("sample_rate", 8_000.0, 48_000.0)?;
    let mip_opt_out = settings.flag("mip_opt_out")?;
    settings.finish_voice()?;
    let mut tts = reached!(DeepgramTts, provider, timeouts);
    match (&provider.voice, &provider.model) {
        (Some(voice), Some(model)) if voice != model => {
            return Err(invalid(format!(
                "{place}: at Deepgram a voice is a model; give {voice:?} or {model:?}, not both"
            )));
        }
        (Some(voice), _) => tts = tts.voice(voice),
        _ => {}
    }
    #[allow(clippy::cast_possible_truncation)]
    if let Some(speed) = speed {
        tts = tts.speed(speed as f32);
    }
    if let Some(wanted) = rate {
        let known = DeepgramTts::SAMPLE_RATES;
        let rate = known.into_iter().find(|rate| f64::from(*rate) == wanted).ok_or_else(|| {
            invalid(format!(
                "{place}.settings.sample_rate: expected one of {}",
                known.map(|r| r.to_string()).join(", ")
            ))
        })?;
        tts = tts.sample_rate(rate);
    }
    Ok(Arc::new(tts.mip_opt_out(mip_opt_out.unwrap_or(false))))
}
