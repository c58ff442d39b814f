//! Speech.

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use reqwest::{Method, Url};
use serde_json::json;

use super::{FACTS, MODELS, voices};
use crate::{
    audio::Pcm,
    error::{Result, Stage},
    provider::{CallContext, ResultStream, SynthesisRequest, TextToSpeech, TtsCapabilities, VoicesPage, VoicesRequest},
    providers::http::{Private, Server, server_builder, spoken},
};

/// The default voice, which is a model of its own.
const VOICE: &str = "aura-2-thalia-en";

/// The default rate.
const RATE: u32 = 24_000;

/// The most characters of one call.
const MOST_CHARACTERS: usize = 2000;

/// A speech synthesiser behind `POST /v1/speak`.
///
/// The voice is the model; default `aura-2-thalia-en`, and every other name is accepted as it is. Yields sound as it arrives, at
/// 24 kHz unless another rate is set.
#[derive(Clone, Debug)]
pub struct DeepgramTts {
    server: Server,
    rate: u32,
    speed: Option<f32>,
    mip_opt_out: bool,
}

impl DeepgramTts {
    server_builder!(FACTS, VOICE, Stage::Tts, Self::of);

    fn of(server: Server) -> Self {
        Self { server, rate: RATE, speed: None, mip_opt_out: false }
    }

    /// The rates that sound can have, in samples a second.
    pub const SAMPLE_RATES: [u32; 5] = [8_000, 16_000, 24_000, 32_000, 48_000];

    /// Sets the voice, such as `aura-2-thalia-en`: the same as [`model`](Self::model).
    #[must_use]
    pub fn voice(self, voice: impl Into<String>) -> Self {
        self.model(voice)
    }

    /// Sets the rate of the sound, one of [`SAMPLE_RATES`](Self::SAMPLE_RATES). Default 24,000 samples a second.
    #[must_use]
    pub fn sample_rate(mut self, rate: u32) -> Self {
        self.rate = rate;
        self
    }

    /// Sets the pace: 0.7–1.5; 1 is normal. Not every language has another one. Default: the voice's own.
    #[must_use]
    pub fn speed(mut self, speed: f32) -> Self {
        self.speed = Some(speed);
        self
    }

    /// Sets whether calls are kept out of Deepgram's program for the improvement of its models, which changes their price.
    /// Default: no.
    #[must_use]
    pub fn mip_opt_out(mut self, out: bool) -> Self {
        self.mip_opt_out = out;
        self
    }

    fn url(&self) -> Result<Url> {
        let mut url = self.server.url("/v1/speak")?;
        let mut query = url.query_pairs_mut();
        query
            .append_pair("model", &self.server.model)
            .append_pair("encoding", "linear16")
            .append_pair("container", "none")
            .append_pair("sample_rate", &self.rate.to_string());
        if let Some(speed) = self.speed {
            query.append_pair("speed", &speed.to_string());
        }
        if self.mip_opt_out {
            query.append_pair("mip_opt_out", "true");
        }
        drop(query);
        Ok(url)
    }
}

#[async_trait]
impl TextToSpeech for DeepgramTts {
    fn name(&self) -> &str {
        &self.server.peer.provider
    }

    fn capabilities(&self) -> TtsCapabilities {
        TtsCapabilities { max_characters: MOST_CHARACTERS, ..TtsCapabilities::default() }
    }

    async fn synthesize(&self, request: SynthesisRequest, ctx: &CallContext) -> Result<ResultStream<Pcm>> {
        ctx.check()?;
        if request.text.trim().is_empty() {
            return Ok(stream::empty().boxed());
        }
        let private: Private = vec![request.text.clone()];
        let http = self.server.request(Method::POST, self.url()?)?.json(&json!({"text": &*request.text}));
        let response = self.server.send(http, &private).await.map_err(|refusal| refusal.error)?;
        spoken(response, self.rate, self.server.peer.clone(), &private).await
    }

    async fn voices(&self, _: VoicesRequest, ctx: &CallContext) -> Result<VoicesPage> {
        ctx.check()?;
        let request = self.server.request(Method::GET, self.server.url(MODELS)?)?;
        let (listed, _) = self.server.voices(request, "tts").await?;
        Ok(VoicesPage::last(listed.iter().filter_map(voices::voice).collect()))
    }

    async fn warm_up(&self) -> Result<()> {
        self.server.warm_up(MODELS).await;
        Ok(())
    }
}
