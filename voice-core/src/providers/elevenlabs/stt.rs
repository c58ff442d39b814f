//! Scribe: transcription of whole recordings.

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::Value;

use super::{
    SERVER, WARM_UP,
    language::{language_only, tag},
};
use crate::{
    audio::Utterance,
    error::{Result, Stage},
    event::Transcript,
    provider::{CallContext, ResultStream, SpeechToText, SttCapabilities, TranscribeRequest},
    providers::http::{Private, Server, server_builder},
};

/// The default model.
const MODEL: &str = "scribe_v2";

/// How the sound is sent: 16-bit samples, 16 kHz, mono, no header. The server need not decode it and answers sooner.
const FORMAT: &str = "pcm_s16le_16";

/// The fewest samples that the server accepts: 100 ms.
const FEWEST_SAMPLES: usize = 1600;

/// The most bytes of a transcript. It comes without the times of its words, so hours of speech stay far below.
const MOST_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// A speech recogniser: Scribe, behind `POST /v1/speech-to-text`.
///
/// Default model `scribe_v2`. It detects the language unless one is named, and answers with the final transcript alone. What
/// is no speech, such as laughter, is not written down.
#[derive(Clone, Debug)]
pub struct ElevenLabsStt {
    server: Server,
    logging: bool,
}

impl ElevenLabsStt {
    server_builder!(SERVER, MODEL, Stage::Stt, Self::of);

    fn of(server: Server) -> Self {
        Self { server, logging: true }
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
        // Last, so that a server which reads in order knows everything when the sound arrives.
        form.part("file", Part::bytes(samples(&request.audio)).file_name("speech.pcm"))
    }

    fn read(&self, body: &[u8]) -> Result<Transcript> {
        let peer = &self.server.peer;
        let value: Value = serde_json::from_slice(body).map_err(|_| peer.malformed("answered with broken JSON"))?;
        if ["error", "detail"].iter().any(|field| value.get(field).is_some_and(|e| !e.is_null())) {
            return Err(peer.reported(&value, &Private::new()));
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
        SttCapabilities { detects_language: true, ..SttCapabilities::default() }
    }

    async fn transcribe(&self, request: TranscribeRequest, ctx: &CallContext) -> Result<ResultStream<Transcript>> {
        ctx.check()?;
        let mut url = self.server.url("/v1/speech-to-text")?;
        if !self.logging {
            url.query_pairs_mut().append_pair("enable_logging", "false");
        }
        let http = self.server.request(Method::POST, url)?.multipart(self.form(&request));
        let response = self.server.send(http, &Private::new()).await.map_err(|refusal| refusal.error)?;
        let body = self.server.peer.read_all(response, MOST_ANSWER_BYTES).await?;
        Ok(stream::iter([Ok(self.read(&body)?)]).boxed())
    }

    async fn warm_up(&self) -> Result<()> {
        self.server.warm_up(WARM_UP).await;
        Ok(())
    }
}
