//! Recognition: of whole recordings, and of what is being spoken.

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use reqwest::{Method, Url, header::CONTENT_TYPE};
use serde_json::Value;

use super::{FACTS, MODELS, language, listening::Events};
use crate::{
    error::{Result, Stage},
    event::Transcript,
    provider::{
        CallContext, ListenRequest, ResultStream, SpeechToText, SpokenSound, SttCapabilities, TranscribeRequest,
    },
    providers::http::{Line, Live, LiveModels, Peer, Private, Server, Terms, Upload, server_builder},
};

/// The default model.
const MODEL: &str = "nova-3";

/// How the names of models begin that recognise only what is being spoken; recordings go to the default one.
const LIVE_ONLY: &str = "flux-";

const LIVE_MODELS: LiveModels =
    LiveModels { recorded: MODEL, only_live: |model| model.starts_with(LIVE_ONLY), default: None };

/// The model that hears several languages among them.
const LIVE_MULTILINGUAL: &str = "flux-general-multi";

/// The models for every language, which find out by themselves which one they hear.
const DETECTING: &[&str] = &["nova-3", "nova-3-general", "nova-2", "nova-2-general"];

/// How the names of models begin that take terms to listen for as `keyterm`; older ones take `keywords`.
const WITH_KEYTERMS: &[&str] = &["nova-3", LIVE_ONLY];

/// The containers in which recordings are sent as they came, by file extension.
const UPLOAD: &[&str] = &["wav", "mp3", "flac", "ogg", "webm", "m4a"];

/// The most bytes of an answer; one word takes about 150.
const MOST_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// A speech recogniser behind `POST /v1/listen`, and behind its WebSocket in live sessions.
///
/// Default model `nova-3`; every other name is accepted as it is. A recording goes out as it came when that is the smaller upload,
/// otherwise as 16 kHz mono WAV. Without a language the models for every language (`nova-3`, `nova-2`) find it out; more specialised
/// ones expect English then.
///
/// In live sessions the same model recognises while it is spoken, over a WebSocket for each utterance whose end is told to the
/// server. Flux can do so instead: name it with [`live_model`](Self::live_model), or as the model, beside which recordings
/// go to `nova-3`. It also tells how likely the speaker is done.
///
/// The WebSocket for the next utterance is opened when a session begins and when an utterance is over, so that the first words wait for
/// nothing. It waits for a minute at most, and goes with the session. Nothing is opened for Flux before somebody speaks.
#[derive(Clone, Debug)]
pub struct DeepgramStt {
    server: Server,
    live: Live,
    keyterms: Terms,
    smart_format: bool,
    mip_opt_out: bool,
}

impl DeepgramStt {
    server_builder!(FACTS, MODEL, Stage::Stt, Self::of, Self::renewed);

    fn of(server: Server) -> Self {
        Self { server, live: Live::default(), keyterms: Terms::default(), smart_format: true, mip_opt_out: false }
            .renewed()
    }

    /// Sets the model that recognises what is being spoken. Default: the same one; empty: none.
    #[must_use]
    pub fn live_model(mut self, model: impl Into<String>) -> Self {
        self.live.set_model(model);
        self.renewed()
    }

    /// Sets words and names to listen for. Default: none.
    #[must_use]
    pub fn keyterms<T: Into<String>>(mut self, terms: impl IntoIterator<Item = T>) -> Self {
        self.keyterms = Terms::of(terms);
        self
    }

    /// Sets whether numbers, dates, amounts and the like are written in their usual form. Default: yes; otherwise there is
    /// punctuation only. Flux has its own way of writing.
    #[must_use]
    pub fn smart_format(mut self, format: bool) -> Self {
        self.smart_format = format;
        self
    }

    /// Sets whether calls are kept out of Deepgram's program for the improvement of its models, which changes their price.
    /// Default: no.
    #[must_use]
    pub fn mip_opt_out(mut self, out: bool) -> Self {
        self.mip_opt_out = out;
        self
    }

    /// Finds the models anew.
    fn renewed(mut self) -> Self {
        self.live.renew(&mut self.server, &LIVE_MODELS);
        self
    }

    /// What every way of recognising says of its model.
    fn describe(&self, url: &mut Url, model: &str) {
        let mut query = url.query_pairs_mut();
        query.append_pair("model", model);
        let name = if WITH_KEYTERMS.iter().any(|known| model.starts_with(known)) { "keyterm" } else { "keywords" };
        for term in self.keyterms.iter() {
            query.append_pair(name, term);
        }
        if self.mip_opt_out {
            query.append_pair("mip_opt_out", "true");
        }
        if !model.starts_with(LIVE_ONLY) {
            query.append_pair(if self.smart_format { "smart_format" } else { "punctuate" }, "true");
        }
    }

    fn recorded_url(&self, tag: Option<&str>) -> Result<Url> {
        let mut url = self.server.url("/v1/listen")?;
        self.describe(&mut url, &self.server.model);
        match tag.and_then(language::code) {
            Some(code) => _ = url.query_pairs_mut().append_pair("language", &code),
            None if detects(&self.server.model) => _ = url.query_pairs_mut().append_pair("detect_language", "true"),
            None => {}
        }
        Ok(url)
    }

    fn line(&self, server: &Server, request: &ListenRequest) -> Result<Line<Events>> {
        let url = self.live_url(server, request.language.as_deref())?;
        // Nothing keeps a connection to Flux alive on which nothing is said.
        let kept = (!server.model.starts_with(LIVE_ONLY)).then(|| request.kept.clone());
        Ok(Line { server: server.clone(), url, private: self.keyterms.private(), kept, wire: Events })
    }

    fn live_url(&self, server: &Server, tag: Option<&str>) -> Result<Url> {
        let flux = server.model.starts_with(LIVE_ONLY);
        let mut url = server.url(if flux { "/v2/listen" } else { "/v1/listen" })?;
        self.describe(&mut url, &server.model);
        let mut query = url.query_pairs_mut();
        query.append_pair("encoding", "linear16").append_pair("sample_rate", "16000");
        let code = tag.and_then(language::code);
        if flux {
            if let Some(code) = code.filter(|_| server.model == LIVE_MULTILINGUAL) {
                query.append_pair("language_hint", &code);
            }
        } else {
            // The end of an utterance is ours to tell; pauses inside one end nothing.
            query.append_pair("interim_results", "true").append_pair("endpointing", "false");
            // A language is not detected while it is spoken, but these models hear several at once.
            if let Some(code) = code.or_else(|| detects(&server.model).then(|| "multi".to_owned())) {
                query.append_pair("language", &code);
            }
        }
        drop(query);
        Ok(url)
    }
}

fn detects(model: &str) -> bool {
    DETECTING.contains(&model)
}

/// The transcript of a recording.
fn transcript(body: &[u8], peer: &Peer, private: &Private) -> Result<Transcript> {
    let value: Value = serde_json::from_slice(body).map_err(|_| peer.malformed("answered with broken JSON"))?;
    if ["error", "err_code", "err_msg", "category"].iter().any(|key| value.get(key).is_some_and(|e| !e.is_null())) {
        return Err(peer.reported(&value, private));
    }
    let channel = value.pointer("/results/channels/0");
    let alternatives = channel.and_then(|c| c.get("alternatives")).and_then(Value::as_array);
    let alternatives = alternatives.ok_or_else(|| peer.malformed("answered with JSON that holds no transcript"))?;
    let text = alternatives.first().and_then(|a| a.get("transcript")).and_then(Value::as_str).unwrap_or_default();
    let last = Transcript::last(text.trim());
    let detected = value.pointer("/results/channels/0/detected_language");
    let spoken = detected.or_else(|| alternatives.first()?.pointer("/languages/0")).and_then(Value::as_str);
    Ok(match spoken {
        Some(code) => last.with_language(code),
        None => last,
    })
}

#[async_trait]
impl SpeechToText for DeepgramStt {
    fn name(&self) -> &str {
        &self.server.peer.provider
    }

    fn capabilities(&self) -> SttCapabilities {
        SttCapabilities {
            streaming: self.live.server().is_some(),
            detects_language: detects(&self.server.model),
            ..SttCapabilities::default()
        }
    }

    async fn transcribe(&self, request: TranscribeRequest, ctx: &CallContext) -> Result<ResultStream<Transcript>> {
        ctx.check()?;
        let upload = Upload::of(&request.audio, UPLOAD);
        let private = self.keyterms.private();
        let http = self.server.request(Method::POST, self.recorded_url(request.language.as_deref())?)?;
        let http = http.header(CONTENT_TYPE, upload.media_type).body(upload.bytes);
        let response = self.server.send(http, &private).await.map_err(|refusal| refusal.error)?;
        let body = self.server.peer.read_all(response, MOST_ANSWER_BYTES).await?;
        let transcript = transcript(&body, &self.server.peer, &private)?;
        Ok(stream::iter([Ok(transcript)]).boxed())
    }

    async fn listen(
        &self,
        request: ListenRequest,
        sound: SpokenSound,
        ctx: &CallContext,
    ) -> Result<ResultStream<Transcript>> {
        ctx.check()?;
        let server = self.live.required(&self.server.peer)?;
        self.line(server, &request)?.listen(sound).await
    }

    fn prepare_to_listen(&self, request: &ListenRequest) {
        if let Some(Ok(line)) = self.live.server().map(|server| self.line(server, request)) {
            line.prepare();
        }
    }

    fn listening_name(&self) -> &str {
        &self.live.server().unwrap_or(&self.server).peer.provider
    }

    async fn warm_up(&self) -> Result<()> {
        self.server.warm_up(MODELS).await;
        Ok(())
    }
}
