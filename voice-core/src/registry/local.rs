//! Local models: what a name stands for, and where its files are.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Place, settings::Settings};
use crate::{
    config::{LocalConfig, ProviderConfig, invalid},
    error::{Error, ErrorKind, Result},
    provider::{LanguageModel, SpeechToText, TextToSpeech, TurnDetector},
    providers::local::{
        KokoroOptions, KokoroTts, LocalLlm, LocalLlmOptions, ModelDir, MoonshineStt, PiperOptions, PiperTts, SmartTurn,
        ThreadBudget, WhisperStt, models::CATALOGUE,
    },
};

pub(super) const NAME: &str = "local";

const DEFAULT_STT: &str = "moonshine-tiny-en";
const DEFAULT_LLM: &str = "smollm2-135m-instruct";
const DEFAULT_TTS: &str = "kokoro-82m";

pub(super) async fn stt(local: &LocalConfig, provider: &ProviderConfig, place: Place) -> Result<Arc<dyn SpeechToText>> {
    Settings::new(provider, place).finish()?;
    let folder = find(local, provider, place, DEFAULT_STT)?;
    let threads = threads(local);
    if folder.join("model.safetensors").is_file() {
        let open = move || Ok(Arc::new(WhisperStt::open(folder)?.with_threads(threads)) as Arc<dyn SpeechToText>);
        return off_thread(open).await;
    }
    Ok(Arc::new(MoonshineStt::from_folder(folder)?.with_threads(threads)))
}

pub(super) async fn llm(
    local: &LocalConfig,
    provider: &ProviderConfig,
    place: Place,
) -> Result<Arc<dyn LanguageModel>> {
    let mut options = LocalLlmOptions { threads: threads(local), ..LocalLlmOptions::default() };
    let mut settings = Settings::new(provider, place);
    if let Some(tokens) = settings.whole("context_tokens", 64, 1 << 20)? {
        options.context_tokens = tokens;
    }
    if let Some(temperature) = settings.number("temperature", 0.0, 2.0)? {
        options.sampling.temperature = Some(temperature as f32);
    }
    if let Some(top_p) = settings.number("top_p", 0.0, 1.0)? {
        options.sampling.top_p = top_p as f32;
    }
    if let Some(top_k) = settings.whole("top_k", 0, 1 << 20)? {
        options.sampling.top_k = top_k;
    }
    if let Some(penalty) = settings.number("repetition_penalty", 0.5, 2.0)? {
        options.sampling.repetition_penalty = penalty as f32;
    }
    if let Some(seed) = settings.whole("seed", 0, u32::MAX as usize)? {
        options.sampling.seed = Some(seed as u64);
    }
    settings.finish()?;
    let found = find(local, provider, place, DEFAULT_LLM)?;
    let file = if found.is_dir() { only_file(&found, "gguf")? } else { found };
    off_thread(move || Ok(Arc::new(LocalLlm::open(file, options)?) as Arc<dyn LanguageModel>)).await
}

pub(super) async fn tts(local: &LocalConfig, provider: &ProviderConfig, place: Place) -> Result<Arc<dyn TextToSpeech>> {
    let mut settings = Settings::new(provider, place);
    let speed = settings.number("speed", 0.5, 2.0)?.unwrap_or(1.0) as f32;
    let found = find(local, provider, place, DEFAULT_TTS)?;
    let threads = threads(local);
    if found.is_file() || !found.join("kokoro.onnx").is_file() && found.file_name().is_none_or(|n| n != DEFAULT_TTS) {
        let speaker = settings.whole("speaker", 0, u32::MAX as usize)?.unwrap_or(0) as u32;
        settings.finish_voice()?;
        let file = match &provider.voice {
            Some(voice) => piper_voice(&found, voice, place)?,
            None if found.is_dir() => only_file(&found, "onnx")?,
            None => found,
        };
        let options = PiperOptions { speed, speaker, threads };
        return off_thread(move || Ok(Arc::new(PiperTts::open(file, options)?) as Arc<dyn TextToSpeech>)).await;
    }
    settings.finish_voice()?;
    let mut options = KokoroOptions { speed, threads, ..KokoroOptions::default() };
    if let Some(voice) = &provider.voice {
        options.voice.clone_from(voice);
    }
    off_thread(move || Ok(Arc::new(KokoroTts::open(found, options)?) as Arc<dyn TextToSpeech>)).await
}

pub(super) async fn turn_detector(local: &LocalConfig) -> Result<Arc<dyn TurnDetector>> {
    let detector = SmartTurn::open(&models(local)?)?.with_threads(threads(local));
    detector.warm_up().await?;
    Ok(Arc::new(detector))
}

fn threads(local: &LocalConfig) -> ThreadBudget {
    local.threads.and_then(NonZeroUsize::new).map_or_else(ThreadBudget::default, ThreadBudget::new)
}

fn models(local: &LocalConfig) -> Result<ModelDir> {
    local.models.as_ref().map_or_else(ModelDir::locate, |path| Ok(ModelDir::new(path)))
}

/// The file or folder that a model's name stands for: a path, a folder of the model directory, or the beginning of the name
/// of exactly one.
fn find(local: &LocalConfig, provider: &ProviderConfig, place: Place, default: &str) -> Result<PathBuf> {
    let dir = models(local)?;
    let Some(name) = provider.model.as_deref() else { return Ok(dir.path().join(default)) };
    let path = Path::new(name);
    if path.components().count() > 1 || path.extension().is_some_and(|e| e == "gguf" || e == "onnx") {
        return match [dir.path().join(path), path.to_owned()].into_iter().find(|p| p.exists()) {
            Some(found) => Ok(found),
            None => Err(missing(format!("{place}: there is no model file or folder {name}"))),
        };
    }
    let exact = dir.path().join(name);
    if exact.exists() {
        return Ok(exact);
    }
    let mut there = folders(dir.path());
    there.retain(|folder| folder.file_name().is_some_and(|n| n.to_string_lossy().starts_with(name)));
    match there.as_slice() {
        [one] => Ok(one.clone()),
        [] if CATALOGUE.iter().any(|model| model.name == name) => {
            Err(missing(format!("{place}: the model {name:?} is not there yet; run `voice-core models fetch {name}`")))
        }
        [] => Err(missing(format!(
            "{place}: there is no model {name:?} in {}; `voice-core models list` shows what there is, `voice-core models \
             fetch` fetches the default models, and any path of a model file will do",
            dir.path().display()
        ))),
        _ => Err(invalid(format!("{place}: several models begin with {name:?}; give the whole name"))),
    }
}

fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// The file of a Piper voice by its name: beside the model, or in its folder.
fn piper_voice(model: &Path, voice: &str, place: Place) -> Result<PathBuf> {
    let folder = if model.is_dir() { model } else { model.parent().unwrap_or(model) };
    // A name, and no way out of the folder.
    let is_name = Path::new(voice).components().count() == 1 && !voice.starts_with('.');
    let file = folder.join(format!("{voice}.onnx"));
    if is_name && file.is_file() {
        return Ok(file);
    }
    Err(missing(format!("{place}: there is no Piper voice {voice:?} in {}", folder.display())))
}

/// The one file with an extension in a folder.
fn only_file(folder: &Path, extension: &str) -> Result<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == extension));
    match (files.next(), files.next()) {
        (Some(file), None) => Ok(file),
        (None, _) => Err(missing(format!(
            "there is no .{extension} file in {}; run `voice-core models fetch`, or give the path of a model file",
            folder.display()
        ))),
        (Some(_), Some(_)) => Err(invalid(format!(
            "there are several .{extension} files in the folder {:?}; give the path of one of them as the model",
            folder.file_name().unwrap_or_default()
        ))),
    }
}

fn missing(message: String) -> Error {
    Error::new(ErrorKind::ModelMissing, message)
}

async fn off_thread<T: Send + 'static>(load: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(load)
        .await
        .unwrap_or_else(|_| Err(Error::internal("loading a local model stopped before it was done")))
}
