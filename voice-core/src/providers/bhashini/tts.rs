//! Speech.

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::pipeline::{Pipeline, Service, Task, code, pipeline_builder, without};
use crate::{
    audio::Pcm,
    error::{Result, Stage},
    provider::{
        CallContext, ResultStream, SynthesisRequest, TextToSpeech, Voice, VoiceGender, VoicesPage, VoicesRequest,
    },
    providers::http::{Peer, Private},
};

const TTS: Task = Task { kind: "tts", name: "speech", input: "text", stage: Stage::Tts };

/// The voice that is asked for where a service does not say which it has.
const VOICE: &str = "female";

/// The rate that is asked for, in samples a second; a service may answer in another.
const RATE: u32 = 16_000;

/// A speech synthesiser behind Bhashini's pipeline.
///
/// Default service: the first that ULCA names for the language. Default voice: `female` where the service has it, else the first that
/// it names. Yields the sound whole, as the API gives it, at 16 kHz unless another rate is set or the service answers in another.
#[derive(Clone, Debug)]
pub struct BhashiniTts {
    pipeline: Pipeline,
    voice: Option<String>,
    speed: Option<f64>,
    sample_rate: u32,
}

impl BhashiniTts {
    pipeline_builder!(TTS, Self::of);

    fn of(pipeline: Pipeline) -> Self {
        Self { pipeline, voice: None, speed: None, sample_rate: RATE }
    }

    /// Sets the voice: `male` or `female`.
    #[must_use]
    pub fn voice(mut self, voice: impl Into<String>) -> Self {
        self.voice = Some(voice.into());
        self
    }

    /// Sets the pace; 1 is normal. Not every service heeds it.
    #[must_use]
    pub fn speed(mut self, speed: f64) -> Self {
        self.speed = Some(speed);
        self
    }

    /// Sets the rate that is asked for, in samples a second. Default 16,000.
    #[must_use]
    pub fn sample_rate(mut self, rate: u32) -> Self {
        self.sample_rate = rate;
        self
    }

    fn config(&self, service: &Service) -> Value {
        let offered = || service.voices.iter().find(|voice| *voice == VOICE).or(service.voices.first());
        let voice = self.voice.as_deref().or_else(|| offered().map(String::as_str)).unwrap_or(VOICE);
        let mut config = json!({"gender": voice, "samplingRate": self.sample_rate});
        if let Some(speed) = self.speed {
            config["speed"] = json!(speed);
        }
        config
    }
}

/// The sound of an answer: base64 of a WAV file, its samples of any width.
fn sound(entry: &Value, peer: &Peer, private: &Private) -> Result<Vec<Pcm>> {
    let pieces = entry.get("audio").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let pieces: Vec<&str> = pieces.iter().filter_map(|piece| piece.get("audioContent")?.as_str()).collect();
    if pieces.iter().all(|piece| piece.is_empty()) {
        return Err(without(peer, entry, "any sound", private));
    }
    let decode = |piece: &&str| {
        let bytes = STANDARD.decode(piece).map_err(|_| peer.malformed("sent sound that is not base64"))?;
        Pcm::from_wav(&bytes).map_err(|_| peer.malformed("answered with sound that is no WAV file of plain samples"))
    };
    pieces.iter().filter(|piece| !piece.is_empty()).map(decode).collect()
}

#[async_trait]
impl TextToSpeech for BhashiniTts {
    fn name(&self) -> &str {
        &self.pipeline.peer.provider
    }

    async fn synthesize(&self, request: SynthesisRequest, ctx: &CallContext) -> Result<ResultStream<Pcm>> {
        ctx.check()?;
        let text = request.text.trim();
        if text.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let language = self.pipeline.language(request.language.as_deref())?;
        let private: Private = vec![request.text.clone()];
        let asked = |service: &Service| (self.config(service), json!({"input": [{"source": text}]}));
        let answer = self.pipeline.compute(language, &private, asked).await?;
        let sound = sound(&answer.entry, &answer.peer, &private)?;
        Ok(stream::iter(sound.into_iter().map(Ok)).boxed())
    }

    async fn voices(&self, request: VoicesRequest, ctx: &CallContext) -> Result<VoicesPage> {
        ctx.check()?;
        let mut listed = self.pipeline.voices(request.language.as_deref()).await?;
        // What is spoken here comes first.
        let own = self.pipeline.own_language().map(code);
        listed.sort_by_key(|(_, language)| own.as_ref() != Some(language));
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in &listed {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let voice = |name: &str| {
            let languages = listed.iter().filter(|(voice, _)| voice == name).map(|(_, language)| language.as_str());
            languages.fold(Voice::new(name), Voice::with_language).with_gender(VoiceGender::from_word(name))
        };
        let voices = names.into_iter().map(voice).collect();
        Ok(VoicesPage::last(voices))
    }

    async fn warm_up(&self) -> Result<()> {
        self.pipeline.warm_up().await;
        Ok(())
    }
}
