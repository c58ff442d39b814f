//! Ink: recognition of whole recordings, and of what is being spoken.

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use reqwest::{
    Body, Method,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue},
    multipart::{Form, Part},
};
use serde_json::Value;

use super::{
    SERVER, WARM_UP,
    language::{heard, tag},
    listening::Events,
};
use crate::{
    error::{Result, Stage},
    event::Transcript,
    provider::{
        CallContext, ListenRequest, ResultStream, SpeechToText, SpokenSound, SttCapabilities, TranscribeRequest,
    },
    providers::http::{Line, Live, LiveModels, Private, Server, Terms, server_builder},
};

/// The default model, the one for recordings.
const MODEL: &str = "ink-whisper";

/// The most bytes of a transcript.
const MOST_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// How the names of models begin that recognise only what is being spoken; recordings go to the default one.
const LIVE_ONLY: &str = "ink-2";

/// How the names of models begin that take no terms to listen for.
const WITHOUT_KEYTERMS: &str = "ink-whisper";

const LIVE_MODELS: LiveModels =
    LiveModels { recorded: MODEL, only_live: |model| model.starts_with(LIVE_ONLY), default: None };

/// The most terms that a connection takes, and the most characters of all of them.
const MOST_KEYTERMS: usize = 100;
const MOST_KEYTERM_CHARACTERS: usize = 1200;

/// A speech recogniser behind `POST /stt`, and behind the WebSocket `/stt/websocket` in live sessions.
///
/// Default model `ink-whisper`. It does not detect languages: without one named, English is expected. The answer to a recording is
/// the final transcript alone.
///
/// In live sessions the same model recognises while it is spoken, over a WebSocket for each utterance whose end is told to the
/// server. `ink-2`, which hears English, can do so instead: name it with [`live_model`](Self::live_model), or as the model, beside which
/// recordings go to `ink-whisper`.
///
/// The WebSocket for the next utterance is opened when a session begins and when an utterance is over. It waits for 16 s at most:
/// nothing but sound keeps it alive, and sound is paid for.
#[derive(Clone, Debug)]
pub struct CartesiaStt {
    server: Server,
    live: Live,
    keyterms: Terms,
}

impl CartesiaStt {
    server_builder!(SERVER, MODEL, Stage::Stt, Self::of, Self::renewed);

    fn of(server: Server) -> Self {
        Self { server, live: Live::default(), keyterms: Terms::default() }.renewed()
    }

    /// Finds the models anew.
    fn renewed(mut self) -> Self {
        self.live.renew(&mut self.server, &LIVE_MODELS);
        self
    }

    /// Sets the model that recognises what is being spoken. Default: the same one; empty: none.
    #[must_use]
    pub fn live_model(mut self, model: impl Into<String>) -> Self {
        self.live.set_model(model);
        self.renewed()
    }

    /// Sets words and names to listen for in live sessions, with `ink-2` and newer models. Default: none. The first 100 count, of 1200
    /// characters together (<https://docs.cartesia.ai/use-the-api/stt/keyterms>).
    #[must_use]
    pub fn keyterms<T: Into<String>>(mut self, terms: impl IntoIterator<Item = T>) -> Self {
        self.keyterms = Terms::of(terms);
        self
    }

    fn line(&self, server: &Server, request: &ListenRequest) -> Result<Line<Events>> {
        let mut url = server.url("/stt/websocket")?;
        let mut query = url.query_pairs_mut();
        query
            .append_pair("model", &server.model)
            .append_pair("encoding", "pcm_s16le")
            .append_pair("sample_rate", "16000");
        if let Some(language) = request.language.as_deref().and_then(heard) {
            query.append_pair("language", language);
        }
        let takes_terms = !server.model.starts_with(WITHOUT_KEYTERMS);
        let mut room = MOST_KEYTERM_CHARACTERS;
        for term in self.keyterms.iter().take(MOST_KEYTERMS).filter(|_| takes_terms) {
            let Some(left) = room.checked_sub(term.chars().count()) else { break };
            room = left;
            query.append_pair("keyterm", term);
        }
        drop(query);
        // That is how Cartesia has spaces; a plus sign is `%2B` already.
        let query = url.query().map(|query| query.replace('+', "%20"));
        url.set_query(query.as_deref());
        let private = self.keyterms.private();
        Ok(Line { server: server.clone(), url, private, kept: Some(request.kept.clone()), wire: Events })
    }

    fn form(&self, request: &TranscribeRequest) -> Form {
        let sound = request.audio.to_wav();
        let length = sound.len() as u64;
        let file = Part::stream_with_length(Body::from(sound), length)
            .file_name("speech.wav")
            .headers(HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("audio/wav"))]));
        let mut form = Form::new().text("model", self.server.model.clone());
        if let Some(language) = request.language.as_deref().and_then(heard) {
            form = form.text("language", language.to_owned());
        }
        // Last, so that a server which reads in order knows everything when the sound arrives.
        form.part("file", file)
    }

    fn read(&self, body: &[u8]) -> Result<Transcript> {
        let peer = &self.server.peer;
        let value: Value = serde_json::from_slice(body).map_err(|_| peer.malformed("answered with broken JSON"))?;
        if ["error", "error_code"].iter().any(|field| value.get(field).is_some_and(|e| !e.is_null())) {
            return Err(peer.reported(&value, &Private::new()));
        }
        let text = value.get("text").and_then(Value::as_str);
        let transcript =
            Transcript::last(text.ok_or_else(|| peer.malformed("answered with JSON that holds no text"))?.trim());
        Ok(match value.get("language").and_then(Value::as_str).and_then(tag) {
            Some(language) => transcript.with_language(language),
            None => transcript,
        })
    }
}

#[async_trait]
impl SpeechToText for CartesiaStt {
    fn name(&self) -> &str {
        &self.server.peer.provider
    }

    fn capabilities(&self) -> SttCapabilities {
        SttCapabilities { streaming: self.live.server().is_some(), ..SttCapabilities::default() }
    }

    async fn transcribe(&self, request: TranscribeRequest, ctx: &CallContext) -> Result<ResultStream<Transcript>> {
        ctx.check()?;
        let http = self.server.request(Method::POST, self.server.url("/stt")?)?.multipart(self.form(&request));
        let response = self.server.send(http, &Private::new()).await.map_err(|refusal| refusal.error)?;
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
