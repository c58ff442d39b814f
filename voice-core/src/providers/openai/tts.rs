//! Speech over HTTP.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::{Map, Value, json};

use super::{
    OpenAiConfig,
    call::{Adaptation, Adaptations, Endpoint, endpoint_builder},
    llm::number,
    voices,
};
use crate::{
    audio::Pcm,
    error::{Result, Stage},
    provider::{CallContext, ResultStream, SynthesisRequest, TextToSpeech, TtsCapabilities, VoicesPage, VoicesRequest},
    providers::http::{Pieces, Private, Said, speech_of_events, spoken},
};

/// The default model of this endpoint. It ends with the endpoint; the default for speech as such is
/// [`OpenAiRealtimeTts`](super::OpenAiRealtimeTts).
const MODEL: &str = "gpt-4o-mini-tts";

/// The default voice.
const VOICE: &str = "alloy";

/// The rate of OpenAI's headerless PCM.
const RATE: u32 = 24_000;

/// The most characters of one call, and of instructions.
const MOST_CHARACTERS: usize = 4096;

/// Models, by the beginning of their names, that take no instructions.
const WITHOUT_INSTRUCTIONS: &str = "tts-1";

/// The beginning of the id of a custom voice.
const CUSTOM_VOICE: &str = "voice_";

/// The voice as it stands in a request: its name, or an object with the id of a custom one.
pub(super) fn voice(voice: &str) -> Value {
    if voice.starts_with(CUSTOM_VOICE) { json!({ "id": voice }) } else { json!(voice) }
}

/// A speech synthesiser behind `POST /audio/speech`: OpenAI's until 6 January 2027, and that of compatible servers.
///
/// Default model `gpt-4o-mini-tts`, voice `alloy`; `tts-1` and every other name is accepted as it is. Yields 24 kHz sound
/// as it arrives; a compatible server may answer in WAV of any rate instead, or in events.
#[derive(Clone, Debug)]
pub struct OpenAiTts {
    endpoint: Endpoint,
    voice: String,
    instructions: Option<String>,
    speed: Option<f32>,
}

impl OpenAiTts {
    endpoint_builder!();

    /// A synthesiser of the server that `config` describes.
    #[must_use]
    pub fn with_config(config: OpenAiConfig) -> Self {
        Self {
            endpoint: Endpoint::new(config, MODEL, Stage::Tts),
            voice: VOICE.into(),
            instructions: None,
            speed: None,
        }
    }

    /// Sets the voice: a name such as `alloy`, or the `voice_…` id of a custom one.
    #[must_use]
    pub fn voice(mut self, voice: impl Into<String>) -> Self {
        self.voice = voice.into();
        self
    }

    /// Sets how to speak, in words (at most 4,096 characters). `tts-1` and `tts-1-hd` do not take it and are not sent it.
    #[must_use]
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// Sets the pace: 0.25–4.0, default 1.
    #[must_use]
    pub fn speed(mut self, speed: f32) -> Self {
        self.speed = Some(speed);
        self
    }

    fn body(&self, text: &str, adaptations: &Adaptations) -> Value {
        let dropped = |field: &str| adaptations.get(field) == Some(&Adaptation::Drop);
        let mut body = Map::new();
        body.insert("model".into(), json!(self.endpoint.model));
        body.insert("input".into(), json!(text));
        body.insert("voice".into(), voice(&self.voice));
        let pcm = self.endpoint.dialect().pcm_speech && !dropped("response_format");
        body.insert("response_format".into(), json!(if pcm { "pcm" } else { "wav" }));
        if let Some(instructions) = &self.instructions
            && !self.endpoint.model.starts_with(WITHOUT_INSTRUCTIONS)
            && !dropped("instructions")
        {
            body.insert("instructions".into(), json!(instructions));
        }
        if let Some(speed) = self.speed.filter(|_| !dropped("speed")) {
            body.insert("speed".into(), number(speed));
        }
        Value::Object(body)
    }
}

#[async_trait]
impl TextToSpeech for OpenAiTts {
    fn name(&self) -> &str {
        &self.endpoint.peer.provider
    }

    fn capabilities(&self) -> TtsCapabilities {
        TtsCapabilities { max_characters: MOST_CHARACTERS, ..TtsCapabilities::default() }
    }

    async fn synthesize(&self, request: SynthesisRequest, ctx: &CallContext) -> Result<ResultStream<Pcm>> {
        ctx.check()?;
        self.endpoint.warn_of_shutdown();
        if request.text.trim().is_empty() {
            return Ok(stream::empty().boxed());
        }
        let private: Private =
            [request.text.clone()].into_iter().chain(self.instructions.as_deref().map(Arc::from)).collect();
        let response = self
            .endpoint
            .send(&private, |adaptations| {
                let http = self.endpoint.request(Method::POST, "/audio/speech")?;
                Ok(http.json(&self.body(&request.text, adaptations)))
            })
            .await?;
        let peer = self.endpoint.peer.clone();
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_lowercase();
        if kind.starts_with("audio/mpeg") || kind.starts_with("audio/mp3") {
            return Err(peer.malformed("answered with MP3 where PCM or WAV was asked for"));
        }
        let rate = rate(&kind).unwrap_or(RATE);
        if !kind.starts_with("text/event-stream") {
            return spoken(response, rate, peer, &private).await;
        }
        Ok(speech_of_events(response, rate, peer, private, Events))
    }

    async fn voices(&self, _: VoicesRequest, ctx: &CallContext) -> Result<VoicesPage> {
        ctx.check()?;
        let is_first = self.endpoint.model.starts_with(WITHOUT_INSTRUCTIONS);
        self.endpoint.voices(if is_first { voices::FIRST } else { voices::SPEECH })
    }

    async fn warm_up(&self) -> Result<()> {
        self.endpoint.warm_up().await;
        Ok(())
    }
}

/// The rate that a media type names, as in `audio/pcm;rate=16000`.
fn rate(media_type: &str) -> Option<u32> {
    let (_, rest) = media_type.split_once("rate=")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok().filter(|r| (4_000..=384_000).contains(r))
}

/// Speech that comes as events.
struct Events;

impl Pieces for Events {
    fn read(&mut self, piece: &Value, name: &str, _: Duration) -> Said {
        if name == "error" || piece.get("error").is_some_and(|error| !error.is_null()) {
            return Said::Failed;
        }
        if piece.get("type").and_then(Value::as_str) == Some("speech.audio.done") {
            return Said::Done;
        }
        let sound = ["audio", "delta", "b64"].into_iter().find_map(|field| piece.get(field).and_then(Value::as_str));
        Said::Part(sound.map(str::to_owned), Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_may_name_the_rate() {
        assert_eq!(rate("audio/pcm;rate=16000"), Some(16_000));
        assert_eq!(rate("audio/l16; rate=22050; channels=1"), Some(22_050));
        assert_eq!(rate("audio/pcm"), None);
        assert_eq!(rate("audio/pcm;rate=7"), None);
    }

    #[test]
    fn a_custom_voice_is_an_object() {
        assert_eq!(voice("voice_123"), json!({"id": "voice_123"}));
        assert_eq!(voice("alloy"), json!("alloy"));
    }
}
