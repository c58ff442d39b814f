//! Transcription of whole recordings.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::{
    Body, Method,
    header::CONTENT_TYPE,
    multipart::{Form, Part},
};

use super::{
    OpenAiConfig,
    call::{Adaptation, Adaptations, Endpoint, endpoint_builder},
    transcription,
};
use crate::{
    audio::Utterance,
    error::{Result, Stage},
    event::Transcript,
    provider::{CallContext, ResultStream, SpeechToText, SttCapabilities, TranscribeRequest},
    providers::http::{Private, SseReader},
};

/// The default model, which OpenAI names as the successor of whisper-1.
const MODEL: &str = "gpt-transcribe";

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
}

/// The families, the first match counts; the last matches every name.
const FAMILIES: &[Family] = &[
    Family { name: "diarize", streams: true, language_list: false, format: "json", needs_chunking: true },
    Family { name: "gpt-transcribe", streams: true, language_list: true, format: "json", needs_chunking: false },
    Family { name: "gpt-4o", streams: true, language_list: false, format: "json", needs_chunking: false },
    // Only the verbose form names the language and says how sure Whisper is that anybody speaks.
    Family { name: "whisper", streams: false, language_list: false, format: "verbose_json", needs_chunking: false },
    Family { name: "", streams: false, language_list: false, format: "json", needs_chunking: false },
];

/// A speech recogniser behind `POST /audio/transcriptions`: OpenAI's, or that of any compatible server.
///
/// Default model `gpt-transcribe`; `whisper-1` and every other name is accepted as it is. The recording goes out as it
/// came when the server accepts its container and it is the smaller upload, otherwise as 16 kHz mono WAV. Models that
/// stream yield interim transcripts; an answer that comes whole all the same is read as well.
#[derive(Clone, Debug)]
pub struct OpenAiStt {
    endpoint: Endpoint,
    prompt: Option<String>,
}

impl OpenAiStt {
    endpoint_builder!();

    /// A recogniser of the server that `config` describes.
    #[must_use]
    pub fn with_config(config: OpenAiConfig) -> Self {
        Self { endpoint: Endpoint::new(config, MODEL, Stage::Stt), prompt: None }
    }

    /// Sets words that guide the recogniser: names, jargon, the style of writing.
    #[must_use]
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = Some(prompt.into());
        self
    }

    fn family(&self) -> Family {
        let matching = |f: &&Family| self.endpoint.model.contains(f.name);
        FAMILIES.iter().find(matching).copied().unwrap_or(FAMILIES[FAMILIES.len() - 1])
    }

    fn form(&self, upload: &Upload, language: Option<&str>, adaptations: &Adaptations) -> Form {
        let family = self.family();
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
        if let Some(prompt) = self.prompt.as_ref().filter(|_| !family.needs_chunking) {
            form = form.text("prompt", prompt.clone());
        }
        if family.needs_chunking {
            form = form.text("chunking_strategy", "auto");
        }
        // Last, so that a server which reads in order knows everything when the sound arrives.
        form.part("file", file)
    }
}

/// What is sent of an utterance.
struct Upload {
    bytes: Bytes,
    extension: &'static str,
    media_type: &'static str,
}

impl Upload {
    fn of(audio: &Utterance, accepted: &[&str]) -> Self {
        const WAV_HEADER: usize = 44;
        if let Some((bytes, media_type)) = &audio.original
            && let Some((extension, media_type)) = container(media_type)
            && accepted.contains(&extension)
            // A server's decoder may be stricter than ours, so what ours had to work around is not passed on; nor are
            // the rarer codecs inside WAV.
            && audio.info.warnings.is_empty()
            && (extension != "wav" || audio.info.codec == "pcm_s16le")
            && bytes.len() <= WAV_HEADER + audio.samples.len() * 2
        {
            return Self { bytes: bytes.clone(), extension, media_type };
        }
        Self { bytes: audio.to_wav(), extension: "wav", media_type: "audio/wav" }
    }
}

/// The file extension and plain media type that OpenAI knows a container by.
fn container(media_type: &str) -> Option<(&'static str, &'static str)> {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    Some(match essence {
        "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => ("wav", "audio/wav"),
        "audio/mpeg" | "audio/mp3" => ("mp3", "audio/mpeg"),
        "audio/flac" | "audio/x-flac" => ("flac", "audio/flac"),
        "audio/ogg" | "application/ogg" | "audio/opus" => ("ogg", "audio/ogg"),
        "audio/webm" | "video/webm" => ("webm", "audio/webm"),
        "audio/mp4" | "audio/m4a" | "audio/x-m4a" | "video/mp4" => ("m4a", "audio/mp4"),
        _ => return None,
    })
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
        SttCapabilities { interim: self.family().streams, detects_language: true, ..SttCapabilities::default() }
    }

    async fn transcribe(&self, request: TranscribeRequest, ctx: &CallContext) -> Result<ResultStream<Transcript>> {
        ctx.check()?;
        self.endpoint.warn_of_shutdown();
        let upload = Upload::of(&request.audio, self.endpoint.dialect().upload);
        let language = request.language.as_deref().map(language_only).filter(|l| !l.is_empty());
        let private: Private = self.prompt.iter().map(|p| p.as_str().into()).collect();
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

    async fn warm_up(&self) -> Result<()> {
        self.endpoint.warm_up().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(media_type: &'static str, bytes: usize, change: impl FnOnce(&mut Utterance)) -> &'static str {
        let mut audio = Utterance::from_samples(vec![0i16; 1000]);
        audio.original = Some((vec![0u8; bytes].into(), media_type));
        change(&mut audio);
        Upload::of(&audio, &["wav", "mp3", "ogg"]).extension
    }

    #[test]
    fn the_recording_goes_out_as_it_came_when_that_is_accepted_and_smaller() {
        assert_eq!(upload("audio/mpeg", 500, |_| ()), "mp3");
        assert_eq!(upload("audio/ogg; codecs=opus", 500, |_| ()), "ogg");
        assert_eq!(upload("audio/mpeg", 5000, |_| ()), "wav");
        assert_eq!(upload("audio/webm", 500, |_| ()), "wav");
        assert_eq!(upload("audio/aiff", 500, |_| ()), "wav");
    }

    #[test]
    fn a_damaged_recording_goes_out_decoded() {
        let damage = |audio: &mut Utterance| {
            let mut info = (*audio.info).clone();
            info.warnings.push("skipped a packet".into());
            audio.info = info.into();
        };
        assert_eq!(upload("audio/mpeg", 500, damage), "wav");
    }
}
