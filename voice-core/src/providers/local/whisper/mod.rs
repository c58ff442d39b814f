//! Speech to text with Whisper: nearly a hundred languages, and steadier in noise than small networks, for more time: each
//! piece of up to half a minute costs as much as half a minute.
//!
//! Source: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022).

mod network;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;

use self::network::{Heard, Network};
use super::{
    guard::is_phantom,
    models::ModelDir,
    process::CANDLE,
    runtime::{LoadOnce, ThreadBudget, Work, model_pool, off_thread, run_blocking},
    segment::speech_segments,
};
use crate::{
    audio::{SPEECH_RATE, Utterance},
    error::{Error, ErrorKind, Result, Stage},
    event::Transcript,
    provider::{CallContext, ResultStream, SpeechToText, SttCapabilities, TranscribeRequest},
};

/// The network sees half a minute; a margin keeps the last word whole.
const LONGEST_SEGMENT: usize = 28 * SPEECH_RATE as usize;

static NETWORKS: LoadOnce<Network> = LoadOnce::new();

/// Speech to text on this machine's CPU with any Whisper model.
///
/// Multilingual models tell the language of each utterance unless the call names it. Yields an interim transcript after each
/// finished part of a long recording. One copy of the weights serves the process. Dropping the stream stops the work at
/// the next token.
pub struct WhisperStt {
    name: String,
    folder: PathBuf,
    network: Arc<Network>,
    threads: ThreadBudget,
}

impl WhisperStt {
    /// Loads a model from a folder with `model.safetensors` and `tokenizer.json`, as Hugging Face publishes them
    /// (`openai/whisper-base`, …), or from `whisper-tiny-en` of the model directory. Blocks while it reads.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `ModelMissing`) when a file is missing or is not what it should be; of kind `InvalidConfig` in a forked
    /// process whose parent has used local models.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder = folder.into();
        let model = folder.file_name().map_or_else(|| "whisper".into(), |n| n.to_string_lossy().into_owned());
        let name = format!("local/{model}");
        CANDLE.begin();
        let load = || Network::load(&ModelDir::new(&folder));
        let network = CANDLE.required_by(&name).and_then(|()| NETWORKS.get_or_load(&folder, load));
        let network = network.map_err(|e| e.with_stage(Stage::Stt).with_provider(name.as_str()))?;
        Ok(Self { name, folder, network, threads: ThreadBudget::default() })
    }

    /// Sets how many threads it may keep busy. Default: see [`ThreadBudget`].
    #[must_use]
    pub fn with_threads(mut self, threads: ThreadBudget) -> Self {
        self.threads = threads;
        self
    }

    /// The folder that the files lie in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the model knows other languages than English.
    #[must_use]
    pub fn is_multilingual(&self) -> bool {
        self.network.is_multilingual()
    }

    fn tag(&self) -> impl Fn(Error) -> Error + Send + Sync + 'static {
        let name: Arc<str> = self.name.as_str().into();
        move |e| e.with_stage(Stage::Stt).with_provider(name.clone())
    }
}

impl std::fmt::Debug for WhisperStt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WhisperStt").field("name", &self.name).field("folder", &self.folder).finish_non_exhaustive()
    }
}

#[async_trait]
impl SpeechToText for WhisperStt {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> SttCapabilities {
        SttCapabilities {
            interim: true,
            detects_language: self.network.is_multilingual(),
            languages: self.network.languages().map(str::to_owned).collect(),
            ..SttCapabilities::default()
        }
    }

    async fn transcribe(&self, request: TranscribeRequest, ctx: &CallContext) -> Result<ResultStream<Transcript>> {
        let (network, tag) = (Arc::clone(&self.network), self.tag());
        let language = request.language.as_deref().map(|named| {
            let short = named.split(['-', '_']).next().unwrap_or_default().to_lowercase();
            network.languages().find(|known| *known == short).map(str::to_owned).ok_or_else(|| {
                let message =
                    format!("{} does not know the language {named}; use another recogniser for it", self.name);
                tag(Error::new(ErrorKind::RejectedByProvider, message))
            })
        });
        let language = language.transpose()?;
        let pool = model_pool(self.threads);
        Ok(run_blocking(ctx, 4, move |work| transcribe(&network, &pool, &request.audio, language, work).map_err(tag)))
    }

    async fn warm_up(&self) -> Result<()> {
        let (network, pool) = (Arc::clone(&self.network), model_pool(self.threads));
        let second = vec![0.0; SPEECH_RATE as usize];
        off_thread(move || network.hear(&pool, &second, None, &|| Ok(())).map(drop)).await.map_err(self.tag())
    }
}

fn transcribe(
    network: &Network,
    pool: &rten::ThreadPool,
    audio: &Utterance,
    mut language: Option<String>,
    work: &Work<Transcript>,
) -> Result<()> {
    let tagged = |transcript: Transcript, language: &Option<String>| match language {
        Some(language) => transcript.with_language(language.clone()),
        None => transcript,
    };
    let segments = speech_segments(&audio.samples, LONGEST_SEGMENT);
    let mut text = String::new();
    let last = segments.len().saturating_sub(1);
    for (i, segment) in segments.into_iter().enumerate() {
        let samples: Vec<f32> = audio.samples[segment].iter().map(|&s| f32::from(s) / 32_768.0).collect();
        let Heard { words, confidence, language: told } =
            network.hear(pool, &samples, language.as_deref(), &|| work.check())?;
        if is_phantom(&words, confidence) {
            continue;
        }
        // The first thing that was said decides the language of the utterance.
        language = language.or(told);
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&words);
        if i < last {
            work.send(tagged(Transcript::interim(text.clone()), &language))?;
        }
    }
    work.send(tagged(Transcript::last(text), &language))
}
