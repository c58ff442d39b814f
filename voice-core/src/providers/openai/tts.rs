//! Speech over HTTP.

use std::sync::Arc;

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{StreamExt, stream};
use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::{Map, Value, json};

use super::{
    OpenAiConfig,
    call::{Adaptation, Adaptations, Endpoint, endpoint_builder},
    llm::number,
};
use crate::{
    audio::Pcm,
    error::{Result, Stage},
    provider::{CallContext, ResultStream, SynthesisRequest, TextToSpeech, TtsCapabilities},
    providers::http::{Peer, Private, SoundReader, SseReader, spoken},
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
        let (events, sound) = (SseReader::new(response, peer.clone()), SoundReader::new(peer.clone(), rate));
        let speech = Events { events, sound, peer, private, ended: false };
        Ok(stream::unfold(speech, |mut s| async move { s.next().await.map(|item| (item, s)) }).boxed())
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
struct Events {
    events: SseReader,
    sound: SoundReader,
    peer: Peer,
    private: Private,
    ended: bool,
}

impl Events {
    async fn next(&mut self) -> Option<Result<Pcm>> {
        while !self.ended {
            let sound = match self.event().await {
                Ok(Some(bytes)) => self.sound.push(&bytes),
                Ok(None) => {
                    self.ended = true;
                    self.sound.finish()
                }
                Err(error) => Err(error),
            };
            match sound {
                Ok(None) => {}
                Ok(Some(pcm)) => return Some(Ok(pcm)),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }

    /// The bytes of the next event that holds sound; `None` when the server says that it is done.
    async fn event(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            let Some(event) = self.events.next().await.transpose()? else { return Err(self.peer.cut_short()) };
            if event.data.trim() == "[DONE]" {
                self.events.release();
                return Ok(None);
            }
            if event.data.trim().is_empty() {
                continue;
            }
            let value: Value = serde_json::from_str(&event.data).map_err(|_| {
                if event.complete {
                    self.peer.malformed("sent a piece of speech that is not JSON")
                } else {
                    self.peer.cut_short()
                }
            })?;
            if event.name == "error" || value.get("error").is_some_and(|e| !e.is_null()) {
                return Err(self.peer.reported(&value, &self.private));
            }
            if value.get("type").and_then(Value::as_str) == Some("speech.audio.done") {
                self.events.release();
                return Ok(None);
            }
            let piece = ["audio", "delta", "b64"].into_iter().find_map(|f| value.get(f).and_then(Value::as_str));
            if let Some(piece) = piece {
                let bytes = STANDARD.decode(piece).map_err(|_| self.peer.malformed("sent sound that is not base64"))?;
                return Ok(Some(bytes));
            }
        }
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
