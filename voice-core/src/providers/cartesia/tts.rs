//! Sonic's voices over HTTP.

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde::Serialize;

use super::{SERVER, WARM_UP, language};
use crate::{
    audio::Pcm,
    error::{Result, Stage},
    provider::{CallContext, ResultStream, SynthesisRequest, TextToSpeech, TtsCapabilities},
    providers::http::{Private, Server, server_builder, spoken},
};

/// The default model.
const MODEL: &str = "sonic-3.5";

/// The default voice, the one of Cartesia's own examples.
const VOICE: &str = "6ccbfb76-1fc6-48f7-b71d-91ac6298247b";

/// The rate of the sound.
const RATE: u32 = 24_000;

/// A speech synthesiser behind `POST /tts/bytes`, which gives sound alone, as it is made: the smallest and soonest answer
/// over HTTP.
///
/// Default model `sonic-3.5`, voice `6ccbfb76-1fc6-48f7-b71d-91ac6298247b`. Yields 24 kHz sound as it arrives. The language of
/// the text is named when Sonic is known to speak it.
#[derive(Clone, Debug)]
pub struct CartesiaTts {
    server: Server,
    voice: String,
    language: Option<String>,
    manner: Manner,
}

/// How a voice speaks, as it stands in a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Manner {
    #[serde(skip_serializing_if = "Option::is_none")]
    volume: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emotion: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    model_id: &'a str,
    transcript: &'a str,
    voice: Voice<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    output_format: Format,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation_config: Option<&'a Manner>,
}

#[derive(Serialize)]
struct Voice<'a> {
    mode: &'static str,
    id: &'a str,
}

#[derive(Serialize)]
struct Format {
    container: &'static str,
    encoding: &'static str,
    sample_rate: u32,
}

impl CartesiaTts {
    server_builder!(SERVER, MODEL, Stage::Tts, Self::of);

    fn of(server: Server) -> Self {
        Self { server, voice: VOICE.into(), language: None, manner: Manner::default() }
    }

    /// Sets the voice, by its id.
    #[must_use]
    pub fn voice(mut self, id: impl Into<String>) -> Self {
        self.voice = id.into();
        self
    }

    /// Sets the language, by Cartesia's own code, of texts whose language is not known or not one that Sonic is known to
    /// speak. Default: the voice's own.
    #[must_use]
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// Sets the pace: 0.6–1.5, default 1.
    #[must_use]
    pub fn speed(mut self, speed: f64) -> Self {
        self.manner.speed = Some(speed);
        self
    }

    /// Sets the loudness: 0.5–2, default 1.
    #[must_use]
    pub fn volume(mut self, volume: f64) -> Self {
        self.manner.volume = Some(volume);
        self
    }

    /// Sets the feeling, such as `neutral`, `calm`, `content`, `sad`, `angry` or `scared`.
    #[must_use]
    pub fn emotion(mut self, emotion: impl Into<String>) -> Self {
        self.manner.emotion = Some(emotion.into());
        self
    }

    fn body<'a>(&'a self, request: &'a SynthesisRequest) -> Body<'a> {
        Body {
            model_id: &self.server.model,
            transcript: &request.text,
            voice: Voice { mode: "id", id: &self.voice },
            language: request.language.as_deref().and_then(language::spoken).or(self.language.as_deref()),
            output_format: Format { container: "raw", encoding: "pcm_s16le", sample_rate: RATE },
            generation_config: (self.manner != Manner::default()).then_some(&self.manner),
        }
    }
}

#[async_trait]
impl TextToSpeech for CartesiaTts {
    fn name(&self) -> &str {
        &self.server.peer.provider
    }

    fn capabilities(&self) -> TtsCapabilities {
        TtsCapabilities::default()
    }

    async fn synthesize(&self, request: SynthesisRequest, ctx: &CallContext) -> Result<ResultStream<Pcm>> {
        ctx.check()?;
        if request.text.trim().is_empty() {
            return Ok(stream::empty().boxed());
        }
        let private: Private = vec![request.text.clone()];
        let http = self.server.request(Method::POST, self.server.url("/tts/bytes")?)?.json(&self.body(&request));
        let response = self.server.send(http, &private).await.map_err(|refusal| refusal.error)?;
        spoken(response, RATE, self.server.peer.clone(), &private).await
    }

    async fn warm_up(&self) -> Result<()> {
        self.server.warm_up(WARM_UP).await;
        Ok(())
    }
}
