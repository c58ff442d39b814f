//! Recognition.

use std::{collections::VecDeque, iter, ops::Range};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::{
    pieces::pieces,
    pipeline::{Pipeline, Task, code, pipeline_builder, without},
};
use crate::{
    audio::{SPEECH_RATE, Utterance},
    error::{Result, Stage},
    event::Transcript,
    provider::{CallContext, ResultStream, SpeechToText, SttCapabilities, TranscribeRequest},
    providers::http::Private,
};

const ASR: Task = Task { kind: "asr", name: "recognition", input: "speech", stage: Stage::Stt };

/// A speech recogniser behind Bhashini's pipeline, or a server of AI4Bharat's models.
///
/// Default service: the first that ULCA names for the language. The recording goes out as 16 kHz mono WAV; one of more than a minute,
/// which is the most of a call, is cut where it is quiet, and its transcript grows piece by piece. The transcript names the language
/// that was asked for.
#[derive(Clone, Debug)]
pub struct BhashiniStt {
    pipeline: Pipeline,
    post_processors: Vec<String>,
}

impl BhashiniStt {
    pipeline_builder!(ASR, Self::of);

    fn of(pipeline: Pipeline) -> Self {
        Self { pipeline, post_processors: Vec::new() }
    }

    /// A server of AI4Bharat's models on the host's own machines, which answers `POST /transcribe` and takes no key.
    #[must_use]
    pub fn self_hosted(base_url: impl AsRef<str>) -> Self {
        Self::of(Pipeline::self_hosted(ASR, base_url.as_ref()))
    }

    /// Sets what is done with a transcript, in this order, by the services' own names: `itn` (numbers as figures), `punctuation`.
    /// Default: nothing. A server of AI4Bharat's knows none.
    #[must_use]
    pub fn post_processors<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.post_processors = names.into_iter().map(Into::into).collect();
        self
    }

    async fn recognise(&self, samples: &[i16], language: &str) -> Result<String> {
        let private = Private::new();
        if self.pipeline.is_self_hosted() {
            let sound: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
            let body = json!({"audio_b64": STANDARD.encode(sound), "language_id": code(language)});
            let value = self.pipeline.own("/transcribe", &body, &private).await?;
            let text = value.get("text").and_then(Value::as_str).map(|text| text.trim().to_owned());
            return text.ok_or_else(|| without(&self.pipeline.peer, &value, "a text", &private));
        }
        let wav = STANDARD.encode(Utterance::from_samples(samples).to_wav());
        let asked = |_: &_| {
            let mut config = json!({"audioFormat": "wav", "samplingRate": SPEECH_RATE});
            if !self.post_processors.is_empty() {
                config["postProcessors"] = json!(self.post_processors);
            }
            (config, json!({"audio": [{"audioContent": wav}]}))
        };
        let answer = self.pipeline.compute(language, &private, asked).await?;
        let Some(output) = answer.entry.get("output").and_then(Value::as_array) else {
            return Err(without(&answer.peer, &answer.entry, "a transcript", &private));
        };
        let said = output.iter().filter_map(|piece| piece.get("source")?.as_str()).map(str::trim);
        Ok(said.filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join(" "))
    }
}

/// A recording that is being recognised, piece by piece.
struct Listening {
    stt: BhashiniStt,
    audio: Utterance,
    language: String,
    pieces: VecDeque<Range<usize>>,
    said: String,
}

impl Listening {
    async fn next(&mut self) -> Result<Option<Transcript>> {
        let Some(piece) = self.pieces.pop_front() else { return Ok(None) };
        if !piece.is_empty() {
            let text = self.stt.recognise(&self.audio.samples[piece], &self.language).await?;
            if !self.said.is_empty() && !text.is_empty() {
                self.said.push(' ');
            }
            self.said.push_str(&text);
        }
        let transcript = match self.pieces.is_empty() {
            true => Transcript::last(self.said.as_str()),
            false => Transcript::interim(self.said.as_str()),
        };
        Ok(Some(transcript.with_language(self.language.as_str())))
    }
}

#[async_trait]
impl SpeechToText for BhashiniStt {
    fn name(&self) -> &str {
        &self.pipeline.peer.provider
    }

    fn capabilities(&self) -> SttCapabilities {
        SttCapabilities { interim: true, ..SttCapabilities::default() }
    }

    async fn transcribe(&self, request: TranscribeRequest, ctx: &CallContext) -> Result<ResultStream<Transcript>> {
        ctx.check()?;
        let language = self.pipeline.language(request.language.as_deref())?.to_owned();
        let pieces = match self.pipeline.is_self_hosted() {
            true => iter::once(0..request.audio.samples.len()).collect(),
            false => pieces(&request.audio.samples),
        };
        let listening = Listening { stt: self.clone(), audio: request.audio, language, pieces, said: String::new() };
        let next = |mut listening: Listening| async move { Ok(listening.next().await?.map(|t| (t, listening))) };
        Ok(stream::try_unfold(listening, next).boxed())
    }

    async fn warm_up(&self) -> Result<()> {
        self.pipeline.warm_up().await;
        Ok(())
    }
}
