//! Scribe: recognition of whole recordings, and of what is being spoken.

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use reqwest::{
    Method, Url,
    multipart::{Form, Part},
};
use serde_json::Value;

use super::{
    SERVER, WARM_UP,
    language::{language_only, tag},
    listening::Events,
};
use crate::{
    audio::Utterance,
    error::{Result, Stage},
    event::Transcript,
    provider::{
        CallContext, ListenRequest, ResultStream, SpeechToText, SpokenSound, SttCapabilities, TranscribeRequest,
    },
    providers::http::{Line, Live, LiveModels, Server, Terms, server_builder},
};

/// The default model.
const MODEL: &str = "scribe_v2";

const LIVE_MODELS: LiveModels = LiveModels {
    recorded: MODEL,
    only_live: |model| model.starts_with("scribe") && model.ends_with("_realtime"),
    default: Some("scribe_v2_realtime"),
};

/// The most terms that a live session takes, and the most characters of one.
const MOST_LIVE_KEYTERMS: usize = 50;
const MOST_LIVE_KEYTERM_CHARACTERS: usize = 20;

/// How the sound is sent: 16-bit samples, 16 kHz, mono, no header. The server need not decode it and answers sooner.
const FORMAT: &str = "pcm_s16le_16";

/// The fewest samples that the server accepts: 100 ms.
const FEWEST_SAMPLES: usize = 1600;

/// The most bytes of a transcript. It comes without the times of its words, so hours of speech stay far below.
const MOST_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// A speech recogniser: Scribe, behind `POST /v1/speech-to-text`, and behind its WebSocket in live sessions.
///
/// Default model `scribe_v2`. It detects the language unless one is named, and answers with the final transcript alone. What
/// is no speech, such as laughter, is not written down.
///
/// In live sessions `scribe_v2_realtime` recognises while it is spoken, over a WebSocket for each utterance whose end is told to the
/// server (`commit_strategy=manual`). Name another with [`live_model`](Self::live_model), or as the model, beside which recordings go to
/// `scribe_v2`. Words begin to come when about two seconds were said; the last ones come at once when the utterance is over.
///
/// The WebSocket for the next utterance is opened when a session begins and when an utterance is over. It waits for 12 s at most:
/// nothing but sound keeps it alive, and sound is paid for.
#[derive(Clone, Debug)]
pub struct ElevenLabsStt {
    server: Server,
    live: Live,
    keyterms: Terms,
    logging: bool,
}

impl ElevenLabsStt {
    server_builder!(SERVER, MODEL, Stage::Stt, Self::of, Self::renewed);

    fn of(server: Server) -> Self {
        Self { server, live: Live::default(), keyterms: Terms::default(), logging: true }.renewed()
    }

    /// Finds the models anew.
    fn renewed(mut self) -> Self {
        self.live.renew(&mut self.server, &LIVE_MODELS);
        self
    }

    /// Sets the model that recognises what is being spoken. Default `scribe_v2_realtime`; empty: none.
    #[must_use]
    pub fn live_model(mut self, model: impl Into<String>) -> Self {
        self.live.set_model(model);
        self.renewed()
    }

    /// Sets words and names to listen for, which costs more. Default: none. Recordings take 1000 of 50 characters each; in live sessions
    /// the first 50 of at most 20 characters count (<https://elevenlabs.io/docs/eleven-api/guides/how-to/speech-to-text/batch/keyterm-prompting>).
    #[must_use]
    pub fn keyterms<T: Into<String>>(mut self, terms: impl IntoIterator<Item = T>) -> Self {
        self.keyterms = Terms::of(terms);
        self
    }

    /// Sets whether the provider may keep what it is sent (`enable_logging`). Default true; only some plans may say no.
    #[must_use]
    pub fn logging(mut self, logging: bool) -> Self {
        self.logging = logging;
        self
    }

    fn form(&self, request: &TranscribeRequest) -> Form {
        let mut form = Form::new()
            .text("model_id", self.server.model.clone())
            .text("file_format", FORMAT)
            .text("timestamps_granularity", "none")
            .text("tag_audio_events", "false");
        if let Some(language) = request.language.as_deref().map(language_only).filter(|l| !l.is_empty()) {
            form = form.text("language_code", language.to_owned());
        }
        for term in self.keyterms.iter() {
            form = form.text("keyterms", term.to_owned());
        }
        // Last, so that a server which reads in order knows everything when the sound arrives.
        form.part("file", Part::bytes(samples(&request.audio)).file_name("speech.pcm"))
    }

    /// An address; whether the provider may keep what goes there is said in its query.
    fn url(&self, server: &Server, path: &str) -> Result<Url> {
        let mut url = server.url(path)?;
        if !self.logging {
            url.query_pairs_mut().append_pair("enable_logging", "false");
        }
        Ok(url)
    }

    fn line(&self, server: &Server, request: &ListenRequest) -> Result<Line<Events>> {
        let language = request.language.as_deref().map(language_only).filter(|language| !language.is_empty());
        let mut url = self.url(server, "/v1/speech-to-text/realtime")?;
        let mut query = url.query_pairs_mut();
        query.append_pair("model_id", &server.model).append_pair("audio_format", "pcm_16000");
        query.append_pair("commit_strategy", "manual");
        match language {
            Some(language) => _ = query.append_pair("language_code", language),
            None => {
                _ = query.append_pair("include_timestamps", "true").append_pair("include_language_detection", "true")
            }
        }
        let short = self.keyterms.iter().filter(|term| term.chars().count() <= MOST_LIVE_KEYTERM_CHARACTERS);
        for term in short.take(MOST_LIVE_KEYTERMS) {
            query.append_pair("keyterms", term);
        }
        drop(query);
        let wire = Events { detects: language.is_none() };
        Ok(Line {
            server: server.clone(),
            url,
            private: self.keyterms.private(),
            kept: Some(request.kept.clone()),
            wire,
        })
    }

    fn read(&self, body: &[u8]) -> Result<Transcript> {
        let peer = &self.server.peer;
        let value: Value = serde_json::from_slice(body).map_err(|_| peer.malformed("answered with broken JSON"))?;
        if ["error", "detail"].iter().any(|field| value.get(field).is_some_and(|e| !e.is_null())) {
            return Err(peer.reported(&value, &self.keyterms.private()));
        }
        let text = value.get("text").and_then(Value::as_str);
        let transcript =
            Transcript::last(text.ok_or_else(|| peer.malformed("answered with JSON that holds no text"))?.trim());
        Ok(match value.get("language_code").and_then(Value::as_str).and_then(tag) {
            Some(language) => transcript.with_language(language),
            None => transcript,
        })
    }
}

/// The sound as it is sent, filled up with silence when it is shorter than the server accepts.
fn samples(audio: &Utterance) -> Vec<u8> {
    let mut bytes: Vec<u8> = audio.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    bytes.resize(bytes.len().max(FEWEST_SAMPLES * 2), 0);
    bytes
}

#[async_trait]
impl SpeechToText for ElevenLabsStt {
    fn name(&self) -> &str {
        &self.server.peer.provider
    }

    fn capabilities(&self) -> SttCapabilities {
        let streaming = self.live.server().is_some();
        SttCapabilities { streaming, detects_language: true, ..SttCapabilities::default() }
    }

    async fn transcribe(&self, request: TranscribeRequest, ctx: &CallContext) -> Result<ResultStream<Transcript>> {
        ctx.check()?;
        let url = self.url(&self.server, "/v1/speech-to-text")?;
        let http = self.server.request(Method::POST, url)?.multipart(self.form(&request));
        let response = self.server.send(http, &self.keyterms.private()).await.map_err(|refusal| refusal.error)?;
        let body = self.server.peer.read_all(response, MOST_ANSWER_BYTES).await?;
        Ok(stream::iter([Ok(self.read(&body)?)]).boxed())
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
        self.server.warm_up(WARM_UP).await;
        Ok(())
    }
}
