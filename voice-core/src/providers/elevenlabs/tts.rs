//! Voices over HTTP.

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use reqwest::{Method, Url};
use serde::Serialize;
use serde_json::Value;

use super::{SERVER, WARM_UP, alignment::Aligned, language::language_only, voices};
use crate::{
    audio::Pcm,
    error::{Result, Stage},
    provider::{CallContext, ResultStream, SynthesisRequest, TextToSpeech, TtsCapabilities, VoicesPage, VoicesRequest},
    providers::http::{Private, Server, server_builder, speech_of_objects, spoken, text},
};

/// The default model, which is the API's own.
const MODEL: &str = "eleven_multilingual_v2";

/// The default voice, "George": the one of ElevenLabs' own examples.
const VOICE: &str = "JBFqnCBsd6RMkjVDRZzb";

/// The rate of the sound, which every plan may ask for.
const RATE: u32 = 24_000;

/// Its name in a request.
const FORMAT: &str = "pcm_24000";

/// The most characters of one call: what an account without a plan may send. Models take 5,000 and more.
const MOST_CHARACTERS: usize = 2500;

/// Models, by the beginning of their names, that cannot be told a language and may refuse a call that names one.
const WITHOUT_LANGUAGE: &[&str] = &["eleven_multilingual_v", "eleven_monolingual_v"];

/// The same, by their whole names: they speak English only.
const ENGLISH: &[&str] = &["eleven_flash_v2", "eleven_turbo_v2"];

/// Models, by the beginning of their names, that refuse a call which says what was spoken before.
const WITHOUT_CONTEXT: &str = "eleven_v3";

/// A speech synthesiser behind `POST /v1/text-to-speech/{voice}/stream`, and `…/stream/with-timestamps` where somebody wants to know
/// when each word is heard, as live sessions do.
///
/// Default model `eleven_multilingual_v2`, the API's own; `eleven_flash_v2_5` begins to speak sooner and costs less. Default
/// voice `JBFqnCBsd6RMkjVDRZzb` ("George"). Yields 24 kHz sound as it arrives. The language of the text is named to models
/// that can be told it, which the default one cannot. The pieces of an answer sound as one: each is sent with what was said before it,
/// except to `eleven_v3`, which takes none. What is not set of the settings is as the voice's owner set it.
#[derive(Clone, Debug)]
pub struct ElevenLabsTts {
    server: Server,
    voice: String,
    language: Option<String>,
    settings: VoiceSettings,
    logging: bool,
}

/// How a voice speaks, as it stands in a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct VoiceSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    stability: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    similarity_boost: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    style: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    use_speaker_boost: Option<bool>,
}

#[derive(Serialize)]
struct Body<'a> {
    text: &'a str,
    model_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    language_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice_settings: Option<&'a VoiceSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_text: Option<&'a str>,
}

impl ElevenLabsTts {
    server_builder!(SERVER, MODEL, Stage::Tts, Self::of);

    fn of(server: Server) -> Self {
        Self { server, voice: VOICE.into(), language: None, settings: VoiceSettings::default(), logging: true }
    }

    /// Sets the voice, by its id.
    #[must_use]
    pub fn voice(mut self, id: impl Into<String>) -> Self {
        self.voice = id.into();
        self
    }

    /// Sets the language (BCP 47) of texts whose language is not known. Default: the model hears it from the words.
    #[must_use]
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// Sets how even the voice is: 0 (much feeling) to 1 (monotonous), default 0.5.
    #[must_use]
    pub fn stability(mut self, stability: f64) -> Self {
        self.settings.stability = Some(stability);
        self
    }

    /// Sets how closely the voice is to match the original: 0–1, default 0.75.
    #[must_use]
    pub fn similarity_boost(mut self, boost: f64) -> Self {
        self.settings.similarity_boost = Some(boost);
        self
    }

    /// Sets how much the original's style is exaggerated: 0–1, default 0. Anything else takes longer.
    #[must_use]
    pub fn style(mut self, style: f64) -> Self {
        self.settings.style = Some(style);
        self
    }

    /// Sets the pace: 0.7–1.2, default 1.
    #[must_use]
    pub fn speed(mut self, speed: f64) -> Self {
        self.settings.speed = Some(speed);
        self
    }

    /// Sets whether likeness to the original is boosted, which takes a little longer. Default true.
    #[must_use]
    pub fn use_speaker_boost(mut self, boost: bool) -> Self {
        self.settings.use_speaker_boost = Some(boost);
        self
    }

    /// Sets whether the provider may keep what it is sent (`enable_logging`). Default true; only some plans may say no.
    #[must_use]
    pub fn logging(mut self, logging: bool) -> Self {
        self.logging = logging;
        self
    }

    fn address(&self, word_times: bool) -> Result<Url> {
        let mut url = self.server.url("/v1/text-to-speech")?;
        // An id is one segment of the path, whatever it holds.
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(&self.voice).push("stream");
            if word_times {
                path.push("with-timestamps");
            }
        }
        let mut query = url.query_pairs_mut();
        query.append_pair("output_format", FORMAT);
        if !self.logging {
            query.append_pair("enable_logging", "false");
        }
        drop(query);
        Ok(url)
    }

    /// The code to send for a text: two letters, or none.
    fn language_code<'a>(&'a self, request: &'a SynthesisRequest) -> Option<&'a str> {
        let model = self.server.model.as_str();
        if ENGLISH.contains(&model) || WITHOUT_LANGUAGE.iter().any(|begin| model.starts_with(begin)) {
            return None;
        }
        let known = request.language.as_deref().or(self.language.as_deref());
        known.map(language_only).filter(|language| language.len() == 2)
    }

    fn body<'a>(&'a self, request: &'a SynthesisRequest) -> Body<'a> {
        Body {
            text: &request.text,
            model_id: &self.server.model,
            language_code: self.language_code(request),
            voice_settings: (self.settings != VoiceSettings::default()).then_some(&self.settings),
            previous_text: request.previous_text.as_deref().filter(|_| !self.server.model.starts_with(WITHOUT_CONTEXT)),
        }
    }
}

#[async_trait]
impl TextToSpeech for ElevenLabsTts {
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
        let private: Private = std::iter::once(&request.text).chain(&request.previous_text).cloned().collect();
        let http = self.server.request(Method::POST, self.address(request.word_times)?)?.json(&self.body(&request));
        let response = self.server.send(http, &private).await.map_err(|refusal| refusal.error)?;
        let peer = self.server.peer.clone();
        if request.word_times {
            return Ok(speech_of_objects(response, RATE, peer, private, Aligned::default()));
        }
        spoken(response, RATE, peer, &private).await
    }

    async fn voices(&self, request: VoicesRequest, ctx: &CallContext) -> Result<VoicesPage> {
        ctx.check()?;
        let mut url = self.server.url("/v2/voices")?;
        // How many there are is costly to count, and nobody asks.
        let query = [("page_size", voices::PAGE), ("include_total_count", "false")];
        let next = request.after.as_deref().map(|token| ("next_page_token", token));
        url.query_pairs_mut().extend_pairs(query.into_iter().chain(next));
        let (listed, page) = self.server.voices(self.server.request(Method::GET, url)?, "voices").await?;
        let has_more = page.get("has_more").and_then(Value::as_bool).unwrap_or(false);
        let next = text(&page, "next_page_token").filter(|_| has_more).map(str::to_owned);
        Ok(VoicesPage::last(listed.iter().filter_map(voices::voice).collect()).with_next(next))
    }

    async fn warm_up(&self) -> Result<()> {
        self.server.warm_up(WARM_UP).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_named_to_models_that_can_be_told_it() {
        let code = |model: &str, language: Option<&str>| {
            let mut request = SynthesisRequest::new("a");
            request.language = language.map(str::to_owned);
            let tts = ElevenLabsTts::new("k").model(model).language("es-MX");
            tts.language_code(&request).map(str::to_owned)
        };
        assert_eq!(code("eleven_flash_v2_5", Some("hi-IN")).as_deref(), Some("hi"));
        assert_eq!(code("eleven_flash_v2_5", None).as_deref(), Some("es"));
        assert_eq!(code("eleven_flash_v2_5", Some("fil")), None, "two letters are taken, no three");
        assert_eq!(code("eleven_v3", Some("de")).as_deref(), Some("de"));
        for model in ["eleven_multilingual_v2", "eleven_flash_v2", "eleven_turbo_v2"] {
            assert_eq!(code(model, Some("hi")), None, "{model}");
        }
    }

    #[test]
    fn an_id_stays_one_segment_of_the_address() {
        let url = ElevenLabsTts::new("k").voice("../a b?c").address(false).unwrap();
        assert_eq!(url.path(), "/v1/text-to-speech/..%2Fa%20b%3Fc/stream");
        assert_eq!(
            ElevenLabsTts::new("k").voice("v").address(true).unwrap().path(),
            "/v1/text-to-speech/v/stream/with-timestamps"
        );
    }
}
