//! Speech to text with Moonshine, small English networks that read raw samples and cost time in proportion to what was
//! said, where Whisper always pays for thirty seconds.
//!
//! Source: Jeffries et al., "Moonshine: Speech Recognition for Live Transcription and Voice Commands" (2024).

mod model;
mod vocabulary;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use rten::ThreadPool;

use self::model::Network;
use super::{
    guard::is_phantom,
    models::ModelDir,
    runtime::{LoadOnce, ThreadBudget, Work, model_pool, off_thread, run_blocking},
    segment::speech_segments,
};
use crate::{
    audio::{SPEECH_RATE, Utterance},
    error::{Error, ErrorKind, Result, Stage},
    event::Transcript,
    provider::{CallContext, ResultStream, SpeechToText, SttCapabilities, TranscribeRequest},
};

/// The default model: its folder in a [`ModelDir`] and its name.
const TINY_EN: &str = "moonshine-tiny-en";

/// The network was trained on pieces up to about half a minute, and its words get worse before that.
const LONGEST_SEGMENT: usize = 25 * SPEECH_RATE as usize;

static NETWORKS: LoadOnce<Network> = LoadOnce::new();

/// English speech to text on this machine's CPU.
///
/// Yields an interim transcript after each finished part of a long recording. The network is loaded on first use or by
/// [`warm_up`](SpeechToText::warm_up), once per process and folder. Dropping the stream stops the work at the next token.
pub struct MoonshineStt {
    name: String,
    engine: Arc<Engine>,
}

/// What the blocking side needs.
struct Engine {
    folder: PathBuf,
    threads: ThreadBudget,
    loaded: OnceLock<(Arc<Network>, Arc<ThreadPool>)>,
}

impl MoonshineStt {
    /// Moonshine tiny (27 M parameters) from `moonshine-tiny-en` in the model directory.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `ModelMissing`) when a file is missing.
    pub fn tiny_en(models: &ModelDir) -> Result<Self> {
        Self::from_folder(models.path().join(TINY_EN))
    }

    /// Any English Moonshine of the same architecture: a folder with `encoder_model.onnx`, `decoder_model_merged.onnx` and
    /// `tokenizer.bin`. Its name is `local/` and the folder's name.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `ModelMissing`) when a file is missing.
    pub fn from_folder(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder = folder.into();
        let model = folder.file_name().map_or_else(|| TINY_EN.into(), |n| n.to_string_lossy().into_owned());
        let files = ModelDir::new(&folder);
        for file in ["encoder_model.onnx", "decoder_model_merged.onnx", "tokenizer.bin"] {
            files.file(file).map_err(|e| e.with_stage(Stage::Stt))?;
        }
        let engine = Engine { folder, threads: ThreadBudget::default(), loaded: OnceLock::new() };
        Ok(Self { name: format!("local/{model}"), engine: Arc::new(engine) })
    }

    /// Sets how many threads it may keep busy. Default: see [`ThreadBudget`].
    #[must_use]
    pub fn with_threads(mut self, threads: ThreadBudget) -> Self {
        let folder = self.engine.folder.clone();
        self.engine = Arc::new(Engine { folder, threads, loaded: OnceLock::new() });
        self
    }

    /// The folder that the files lie in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.engine.folder
    }
}

impl std::fmt::Debug for MoonshineStt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MoonshineStt").field("name", &self.name).field("folder", &self.engine.folder).finish()
    }
}

#[async_trait]
impl SpeechToText for MoonshineStt {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> SttCapabilities {
        SttCapabilities { interim: true, languages: vec!["en".into()], ..SttCapabilities::default() }
    }

    async fn transcribe(&self, request: TranscribeRequest, ctx: &CallContext) -> Result<ResultStream<Transcript>> {
        if let Some(language) = request.language.filter(|l| !is_english(l)) {
            return Err(Error::new(
                ErrorKind::RejectedByProvider,
                format!("{} knows English (en) only, not {language}; use another recogniser for it", self.name),
            )
            .with_stage(Stage::Stt)
            .with_provider(self.name.as_str()));
        }
        let (engine, name) = (Arc::clone(&self.engine), self.name.clone());
        Ok(run_blocking(ctx, 4, move |work| {
            engine.transcribe(&request.audio, work).map_err(|e| e.with_stage(Stage::Stt).with_provider(name))
        }))
    }

    async fn warm_up(&self) -> Result<()> {
        let engine = Arc::clone(&self.engine);
        off_thread(move || {
            let (network, pool) = engine.loaded()?;
            // The first run of a network plans it; half a second of silence does that.
            network.hear(vec![0.0; SPEECH_RATE as usize / 2], pool, || Ok(())).map(drop)
        })
        .await
        .map_err(|e| e.with_stage(Stage::Stt).with_provider(self.name.as_str()))
    }
}

impl Engine {
    fn loaded(&self) -> Result<&(Arc<Network>, Arc<ThreadPool>)> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let network = NETWORKS.get_or_load(&self.folder, || Network::load(&self.folder))?;
        Ok(self.loaded.get_or_init(|| (network, model_pool(self.threads))))
    }

    fn transcribe(&self, audio: &Utterance, work: &Work<Transcript>) -> Result<()> {
        let segments = speech_segments(&audio.samples, LONGEST_SEGMENT);
        let mut text = String::new();
        if !segments.is_empty() {
            let (network, pool) = self.loaded()?;
            let last = segments.len() - 1;
            for (i, segment) in segments.into_iter().enumerate() {
                let samples = audio.samples[segment].iter().map(|&s| f32::from(s) / 32_768.0).collect();
                let heard = network.hear(samples, pool, || work.check())?;
                if is_phantom(&heard.text, heard.confidence) {
                    continue;
                }
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(&heard.text);
                if i < last {
                    work.send(Transcript::interim(text.clone()).with_language("en"))?;
                }
            }
        }
        work.send(Transcript::last(text).with_language("en"))
    }
}

/// Whether a BCP 47 tag is English in any of its regions.
fn is_english(language: &str) -> bool {
    language.split(['-', '_']).next().is_some_and(|l| l.eq_ignore_ascii_case("en"))
}
