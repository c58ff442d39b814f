//! Ink: transcription of whole recordings.

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
};
use crate::{
    error::{Result, Stage},
    event::Transcript,
    provider::{CallContext, ResultStream, SpeechToText, SttCapabilities, TranscribeRequest},
    providers::http::{Private, Server, server_builder},
};

/// The default model, the one for recordings.
const MODEL: &str = "ink-whisper";

/// The most bytes of a transcript.
const MOST_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// A speech recogniser behind `POST /stt`.
///
/// Default model `ink-whisper`. It does not detect languages: without one named, English is expected. The answer is the final
/// transcript alone.
#[derive(Clone, Debug)]
pub struct CartesiaStt {
    server: Server,
}

impl CartesiaStt {
    server_builder!(SERVER, MODEL, Stage::Stt, Self::of);

    fn of(server: Server) -> Self {
        Self { server }
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
        SttCapabilities::default()
    }

    async fn transcribe(&self, request: TranscribeRequest, ctx: &CallContext) -> Result<ResultStream<Transcript>> {
        ctx.check()?;
        let http = self.server.request(Method::POST, self.server.url("/stt")?)?.multipart(self.form(&request));
        let response = self.server.send(http, &Private::new()).await.map_err(|refusal| refusal.error)?;
        let body = self.server.peer.read_all(response, MOST_ANSWER_BYTES).await?;
        Ok(stream::iter([Ok(self.read(&body)?)]).boxed())
    }

    async fn warm_up(&self) -> Result<()> {
        self.server.warm_up(WARM_UP).await;
        Ok(())
    }
}
