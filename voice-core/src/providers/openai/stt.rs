//! Transcription: of whole recordings, and of what is being spoken.

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use reqwest::{
    Body, Method,
    header::CONTENT_TYPE,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

use super::{
    OpenAiConfig,
    call::{Adaptation, Adaptations, Endpoint, endpoint_builder},
    realtime::LiveTranscription,
    transcription,
};
use crate::{
    error::{ErrorKind, Result, Stage},
    event::Transcript,
    provider::{
        CallContext, ListenRequest, ResultStream, SpeechToText, SpokenSound, SttCapabilities, TranscribeRequest,
    },
    providers::http::{Private, SseReader, Upload},
};

/// The default model, which OpenAI names as the successor of whisper-1.
const MODEL: &str = "gpt-transcribe";

/// Its sibling for what is being spoken.
const LIVE_MODEL: &str = "gpt-live-transcribe";

/// The models that transcribe only what is being spoken; recordings go to the default one.
const LIVE_ONLY: &[&str] = &[LIVE_MODEL, "gpt-realtime-whisper"];

/// The most bytes of a transcript that comes whole; verbose JSON of five minutes stays far below.
const MOST_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// What a family of transcription models understands.
#[derive(Clone, Copy)]
struct Family {
    /// A part of the model's name.
    name: &'static str,
    /// It streams its transcript.
    streams: bool,
    /// It takes its hint as a list, `languages[]`.
    language_list: bool,
    /// The format that tells most.
    format: &'static str,
    /// It must be told to cut long recordings.
    needs_chunking: bool,
    /// It takes words that guide it.
    prompt: bool,
}

/// A model about which nothing is known.
const PLAIN: Family =
    Family { name: "", streams: false, language_list: false, format: "json", needs_chunking: false, prompt: true };

/// The families, the first match counts; the last matches every name.
const FAMILIES: &[Family] = &[
    Family { name: "diarize", streams: true, needs_chunking: true, prompt: false, ..PLAIN },
    Family { name: "gpt-transcribe", streams: true, language_list: true, ..PLAIN },
    Family { name: "gpt-live-transcribe", streams: true, language_list: true, ..PLAIN },
    Family { name: "gpt-4o", streams: true, ..PLAIN },
    Family { name: "gpt-realtime-whisper", prompt: false, ..PLAIN },
    // Only the verbose form names the language and says how sure Whisper is that anybody speaks.
    Family { name: "whisper", format: "verbose_json", ..PLAIN },
    PLAIN,
];

/// A speech recogniser behind `POST /audio/transcriptions`: OpenAI's, or that of any compatible server.
///
/// Default model `gpt-transcribe`; `whisper-1` and every other name is accepted as it is. The recording goes out as it
/// came when the server accepts its container and it is the smaller upload, otherwise as 16 kHz mono WAV. Models that
/// stream yield interim transcripts; an answer that comes whole all the same is read as well.
///
/// What is being spoken in a live session goes over the Realtime API instead (`/realtime?intent=transcription`), where there is
/// a model for it: OpenAI's `gpt-live-transcribe` beside `gpt-transcribe`, or the one that [`live_model`](Self::live_model)
/// names. The end of an utterance is told to the server. Connections stay open between utterances (the server allows 60
/// minutes; they are renewed before).
#[derive(Clone, Debug)]
pub struct OpenAiStt {
    endpoint: Endpoint,
    prompt: Option<String>,
    /// What listens while it is spoken, when somebody named it.
    live_model: Option<String>,
    /// The same server with the model that listens, if one does.
    live: Option<Endpoint>,
    live_transcription: LiveTranscription,
}

impl OpenAiStt {
    endpoint_builder!(Self::renewed);

    /// A recogniser of the server that `config` describes.
    #[must_use]
    pub fn with_config(config: OpenAiConfig) -> Self {
        let endpoint = Endpoint::new(config, MODEL, Stage::Stt);
        let live_transcription = LiveTranscription::new();
        Self { endpoint, prompt: None, live_model: None, live: None, live_transcription }.renewed()
    }

    /// Sets the model that recognises what is being spoken, over the Realtime API of the same server. Default
    /// `gpt-live-transcribe` at OpenAI beside `gpt-transcribe`, none otherwise; empty: none.
    #[must_use]
    pub fn live_model(mut self, model: impl Into<String>) -> Self {
        self.live_model = Some(model.into());
        self.renewed()
    }

    /// Finds the models anew. Open connections carry the old settings, so a changed recogniser begins without any.
    fn renewed(mut self) -> Self {
        if LIVE_ONLY.contains(&self.endpoint.model.as_str()) {
            let model = std::mem::replace(&mut self.endpoint.model, MODEL.into());
            self.endpoint = self.endpoint.change(|_, _| ());
            self.live_model.get_or_insert(model);
        }
        let by_default = (self.endpoint.config.is_official() && self.endpoint.model == MODEL).then_some(LIVE_MODEL);
        let live = self.live_model.as_deref().or(by_default).filter(|model| !model.is_empty());
        self.live = live.map(|live| self.endpoint.clone().change(|_, model| *model = live.to_owned()));
        self.live_transcription = LiveTranscription::new();
        self
    }

    /// What a session says of its transcription.
    fn transcription(&self, model: &str, language: Option<&str>) -> Value {
        live_transcription(model, language, self.prompt.as_deref())
    }

    fn private(&self) -> Private {
        self.prompt.iter().map(|p| p.as_str().into()).collect()
    }

    /// Sets words that guide the recogniser: names, jargon, the style of writing.
    #[must_use]
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = Some(prompt.into());
        self
    }

    fn form(&self, upload: &Upload, language: Option<&str>, adaptations: &Adaptations) -> Form {
        let family = family(&self.endpoint.model);
        let dropped = |field: &str| adaptations.get(field) == Some(&Adaptation::Drop);
        let mut file = Part::stream_with_length(Body::from(upload.bytes.clone()), upload.bytes.len() as u64)
            .file_name(format!("speech.{}", upload.extension));
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert(CONTENT_TYPE, reqwest::header::HeaderValue::from_static(upload.media_type));
        file = file.headers(headers);
        let mut form = Form::new().text("model", self.endpoint.model.clone());
        if !dropped("response_format") {
            form = form.text("response_format", family.format);
        }
        if family.streams && !dropped("stream") {
            form = form.text("stream", "true");
        }
        if let Some(language) = language {
            if family.language_list && !dropped("languages") {
                form = form.text("languages[]", language.to_owned());
            } else if !dropped("language") {
                form = form.text("language", language.to_owned());
            }
        }
        if let Some(prompt) = self.prompt.as_ref().filter(|_| family.prompt) {
            form = form.text("prompt", prompt.clone());
        }
        if family.needs_chunking {
            form = form.text("chunking_strategy", "auto");
        }
        // Last, so that a server which reads in order knows everything when the sound arrives.
        form.part("file", file)
    }
}

/// What a Realtime session says of its transcription.
pub(super) fn live_transcription(model: &str, language: Option<&str>, prompt: Option<&str>) -> Value {
    let (family, language) = (family(model), language.map(language_only));
    let mut transcription = json!({"model": model});
    match language {
        Some(language) if family.language_list => transcription["languages"] = json!([language]),
        Some(language) => transcription["language"] = language.into(),
        None => {}
    }
    if let Some(prompt) = prompt.filter(|_| family.prompt) {
        transcription["prompt"] = prompt.into();
    }
    transcription
}

fn family(model: &str) -> Family {
    FAMILIES.iter().find(|family| model.contains(family.name)).copied().unwrap_or(PLAIN)
}

/// The language of a BCP 47 tag alone, which is all that the hint may hold: `en` of `en-GB`.
fn language_only(tag: &str) -> &str {
    tag.split(['-', '_']).next().unwrap_or(tag)
}

#[async_trait]
impl SpeechToText for OpenAiStt {
    fn name(&self) -> &str {
        &self.endpoint.peer.provider
    }

    fn capabilities(&self) -> SttCapabilities {
        SttCapabilities {
            interim: family(&self.endpoint.model).streams,
            streaming: self.live.is_some(),
            detects_language: true,
            ..SttCapabilities::default()
        }
    }

    async fn transcribe(&self, request: TranscribeRequest, ctx: &CallContext) -> Result<ResultStream<Transcript>> {
        ctx.check()?;
        self.endpoint.warn_of_shutdown();
        let upload = Upload::of(&request.audio, self.endpoint.dialect().upload);
        let language = request.language.as_deref().map(language_only).filter(|l| !l.is_empty());
        let private = self.private();
        let response = self
            .endpoint
            .send(&private, |adaptations| {
                let http = self.endpoint.request(Method::POST, "/audio/transcriptions")?;
                Ok(http.multipart(self.form(&upload, language, adaptations)))
            })
            .await?;
        let peer = self.endpoint.peer.clone();
        let kind = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if kind.trim_start().starts_with("text/event-stream") {
            return Ok(transcription::stream(SseReader::new(response, peer.clone()), peer));
        }
        let is_json = kind.contains("json");
        let body = peer.read_all(response, MOST_ANSWER_BYTES).await?;
        let transcript = transcription::whole(&body, is_json, &peer)?;
        Ok(stream::iter([Ok(transcript)]).boxed())
    }

    async fn listen(
        &self,
        request: ListenRequest,
        sound: SpokenSound,
        ctx: &CallContext,
    ) -> Result<ResultStream<Transcript>> {
        ctx.check()?;
        let endpoint = self.live.as_ref().ok_or_else(|| {
            let peer = &self.endpoint.peer;
            peer.error(
                ErrorKind::Unsupported,
                format!("{} recognises recordings only; name a live model", peer.provider),
            )
        })?;
        endpoint.warn_of_shutdown();
        let language = request.language.as_deref().map(language_only).filter(|l| !l.is_empty());
        let transcription = self.transcription(&endpoint.model, language);
        self.live_transcription.listen(endpoint, transcription, sound, self.private()).await
    }

    fn listening_name(&self) -> &str {
        &self.live.as_ref().unwrap_or(&self.endpoint).peer.provider
    }

    async fn warm_up(&self) -> Result<()> {
        let listening = async {
            if let Some(live) = &self.live {
                self.live_transcription.warm_up(live, self.transcription(&live.model, None)).await;
            }
        };
        tokio::join!(self.endpoint.warm_up(), listening);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_follows_the_server_and_the_model_unless_it_is_named() {
        let listens = |stt: OpenAiStt| stt.capabilities().streaming.then(|| stt.listening_name().to_owned());
        assert_eq!(listens(OpenAiStt::new("k")).as_deref(), Some("openai/gpt-live-transcribe"));
        assert_eq!(listens(OpenAiStt::new("k").model("whisper-1")), None);
        assert_eq!(listens(OpenAiStt::new("k").live_model("")), None);
        assert_eq!(listens(OpenAiStt::new("k").base_url("http://localhost:1/v1")), None);
        let named = OpenAiStt::new("k").live_model("whisper-1").base_url("http://localhost:1/v1");
        assert_eq!(listens(named).as_deref(), Some("openai/whisper-1"));
        let live = OpenAiStt::new("k").model("gpt-realtime-whisper");
        assert_eq!((live.name(), live.listening_name()), ("openai/gpt-transcribe", "openai/gpt-realtime-whisper"));
    }
}
