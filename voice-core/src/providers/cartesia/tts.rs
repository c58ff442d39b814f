//! Sonic's voices over HTTP.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde::Serialize;
use serde_json::Value;

use super::{SERVER, WARM_UP, language, voices};
use crate::{
    audio::{Pcm, SpokenWord},
    error::{Result, Stage},
    provider::{CallContext, ResultStream, SynthesisRequest, TextToSpeech, TtsCapabilities, VoicesPage, VoicesRequest},
    providers::http::{Pieces, Private, Said, Server, server_builder, speech_of_events, spoken, text},
};

/// The default model.
const MODEL: &str = "sonic-3.5";

/// The default voice, the one of Cartesia's own examples.
const VOICE: &str = "6ccbfb76-1fc6-48f7-b71d-91ac6298247b";

/// The rate of the sound.
const RATE: u32 = 24_000;

/// A speech synthesiser behind `POST /tts/bytes`, which gives sound alone, as it is made: the smallest and soonest answer
/// over HTTP. Where somebody wants to know when each word is heard, as live sessions do, `POST /tts/sse` tells it.
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
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    add_timestamps: bool,
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
            add_timestamps: request.word_times,
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
        let path = if request.word_times { "/tts/sse" } else { "/tts/bytes" };
        let http = self.server.request(Method::POST, self.server.url(path)?)?.json(&self.body(&request));
        let response = self.server.send(http, &private).await.map_err(|refusal| refusal.error)?;
        let peer = self.server.peer.clone();
        if request.word_times {
            return Ok(speech_of_events(response, RATE, peer, private, Events));
        }
        spoken(response, RATE, peer, &private).await
    }

    async fn voices(&self, request: VoicesRequest, ctx: &CallContext) -> Result<VoicesPage> {
        ctx.check()?;
        let mut url = self.server.url("/voices")?;
        let language = request.language.as_deref().and_then(language::listed);
        let language = language.as_deref().map(|tag| ("language", tag));
        let after = request.after.as_deref().map(|id| ("starting_after", id));
        url.query_pairs_mut().extend_pairs([("limit", voices::PAGE)].into_iter().chain(language).chain(after));
        let (listed, page) = self.server.voices(self.server.request(Method::GET, url)?, "data").await?;
        let has_more = page.get("has_more").and_then(Value::as_bool).unwrap_or(false);
        let last = || listed.last().and_then(|entry| text(entry, "id"));
        let next = text(&page, "next_page").or_else(last).filter(|_| has_more).map(str::to_owned);
        Ok(VoicesPage::last(listed.iter().filter_map(voices::voice).collect()).with_next(next))
    }

    async fn warm_up(&self) -> Result<()> {
        self.server.warm_up(WARM_UP).await;
        Ok(())
    }
}

/// Sound and words that come as events.
struct Events;

impl Pieces for Events {
    fn read(&mut self, piece: &Value, name: &str, _: Duration) -> Said {
        match text(piece, "type").unwrap_or(name) {
            "chunk" => Said::Part(text(piece, "data").map(str::to_owned), Vec::new()),
            "timestamps" => Said::Part(None, words(&piece["word_timestamps"])),
            "done" => Said::Done,
            "error" => Said::Failed,
            // Whatever else is told later.
            _ => Said::Part(None, Vec::new()),
        }
    }
}

/// The words of an answer, whose times are seconds from the beginning of the sound.
fn words(times: &Value) -> Vec<SpokenWord> {
    let list = |field: &str| times[field].as_array().map(Vec::as_slice).unwrap_or_default();
    let seconds = |value: &Value| Duration::try_from_secs_f64(value.as_f64()?).ok();
    let times = list("start").iter().zip(list("end"));
    let words = list("words").iter().zip(times);
    words
        .filter_map(|(word, (start, end))| Some(SpokenWord::new(word.as_str()?, seconds(start)?, seconds(end)?)))
        .collect()
}
