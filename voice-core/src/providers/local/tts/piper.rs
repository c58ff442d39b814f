//! Speech with Piper voices: small, fast, one `.onnx` file with its `.onnx.json` each.
//!
//! Source: <https://github.com/rhasspy/piper>.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use rten::{Model, NodeId, RunOptions, ThreadPool};
use rten_tensor::{NdTensor, Tensor};
use serde::Deserialize;

use super::{
    Piece, Voice,
    espeak::to_espeak,
    files_in,
    pronounce::Phonemizer,
    speak, to_pcm,
    trim::{pause_after, trim},
};
use crate::{
    audio::Pcm,
    error::{Error, ErrorKind, Result, Stage},
    provider::{
        CallContext, ResultStream, SynthesisRequest, TextToSpeech, TtsCapabilities, Voice as Listed, VoicesPage,
        VoicesRequest,
    },
    providers::local::runtime::{LoadOnce, ThreadBudget, load_onnx, model_pool, off_thread},
};

static VOICES: LoadOnce<PiperVoice> = LoadOnce::new();

/// How a [`PiperTts`] speaks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PiperOptions {
    /// The pace, 0.5–2; 1 is the voice's own.
    pub speed: f32,
    /// The number of the speaker, for voices with several. Default 0.
    pub speaker: u32,
    /// How many threads it may keep busy.
    pub threads: ThreadBudget,
}

impl Default for PiperOptions {
    fn default() -> Self {
        Self { speed: 1.0, speaker: 0, threads: ThreadBudget::default() }
    }
}

/// English text to speech with a Piper voice on this machine's CPU. Yields a chunk per clause or sentence.
pub struct PiperTts {
    name: String,
    speaker: Arc<Speaker>,
    /// Where it and its like are.
    folder: PathBuf,
}

/// What the configuration beside a voice says, as far as it matters here.
#[derive(Deserialize)]
struct Config {
    audio: AudioConfig,
    #[serde(default)]
    inference: Inference,
    #[serde(default)]
    espeak: Espeak,
    #[serde(default)]
    language: Language,
    /// What the voice was made from, which is its name.
    #[serde(default)]
    dataset: String,
    phoneme_id_map: HashMap<String, Vec<i32>>,
}

#[derive(Deserialize)]
struct AudioConfig {
    sample_rate: u32,
}

#[derive(Deserialize)]
#[serde(default)]
struct Inference {
    noise_scale: f32,
    length_scale: f32,
    noise_w: f32,
}

impl Default for Inference {
    fn default() -> Self {
        Self { noise_scale: 0.667, length_scale: 1.0, noise_w: 0.8 }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Espeak {
    voice: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Language {
    code: Option<String>,
}

struct PiperVoice {
    model: Model,
    input: NodeId,
    lengths: NodeId,
    scales: NodeId,
    speaker: Option<NodeId>,
    sound: NodeId,
    config: Config,
}

struct Speaker {
    voice: Arc<PiperVoice>,
    phonemizer: Phonemizer,
    speed: f32,
    number: i32,
    pool: Arc<ThreadPool>,
}

impl PiperTts {
    /// Loads a voice: an `.onnx` file with its configuration beside it (`NAME.onnx.json`). Blocks.
    ///
    /// # Errors
    /// `INVALID_REQUEST`: kind `ModelMissing` when a file is missing or damaged, `InvalidConfig` when the speed is out of
    /// range or the voice is not English.
    pub fn open(path: impl AsRef<Path>, options: PiperOptions) -> Result<Self> {
        let path = path.as_ref();
        let stem = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
        let name = format!("local/piper:{stem}");
        let speaker = Speaker::load(path, &options);
        let speaker = speaker.map_err(|e| e.with_stage(Stage::Tts).with_provider(name.as_str()))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        Ok(Self { name, speaker: Arc::new(speaker), folder })
    }
}

impl std::fmt::Debug for PiperTts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PiperTts").field("name", &self.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl TextToSpeech for PiperTts {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> TtsCapabilities {
        TtsCapabilities { prefers_short_first_piece: true, ..TtsCapabilities::default() }
    }

    async fn synthesize(&self, request: SynthesisRequest, ctx: &CallContext) -> Result<ResultStream<Pcm>> {
        speak(self.speaker.clone(), &self.name, &request, ctx)
    }

    async fn voices(&self, _: VoicesRequest, ctx: &CallContext) -> Result<VoicesPage> {
        ctx.check()?;
        let folder = self.folder.clone();
        off_thread(move || Ok(VoicesPage::last(files_in(&folder, "onnx")?.iter().filter_map(|f| listed(f)).collect())))
            .await
    }

    async fn warm_up(&self) -> Result<()> {
        let speaker = self.speaker.clone();
        off_thread(move || speaker.speak(Piece { text: "Hello.", begins: false }, &mut |_| Ok(()))).await
    }
}

/// A voice as people know it; `None`: it is none that can be used here.
fn listed(path: &Path) -> Option<Listed> {
    let config = Config::beside(path).ok().filter(Config::is_english)?;
    let code = config.language.code.as_deref().or(Some(config.espeak.voice.as_str()).filter(|tag| !tag.is_empty()));
    let tag = code.unwrap_or("en").replace('_', "-");
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default().to_owned();
    // What else eSpeak names is how it pronounces: `en-gb-x-rp`.
    let region = parts.next().filter(|part| part.len() == 2).map(str::to_ascii_uppercase);
    let tag = region.map_or(language.clone(), |region| format!("{language}-{region}"));
    let voice = Listed::new(path.file_stem()?.to_str()?).with_name(config.dataset).with_language(tag);
    Some(voice)
}

impl Config {
    /// The configuration beside a voice.
    fn beside(path: &Path) -> Result<Self> {
        let missing = |what: String| Error::new(ErrorKind::ModelMissing, what);
        let mut beside = path.as_os_str().to_owned();
        beside.push(".json");
        let shown = Path::new(&beside).display();
        let json =
            std::fs::read(&beside).map_err(|e| missing(format!("a Piper voice needs {shown} beside it: {e}")))?;
        serde_json::from_slice(&json).map_err(|e| missing(format!("{shown} is no Piper configuration: {e}")))
    }

    fn is_english(&self) -> bool {
        self.espeak.voice.is_empty() || super::is_english(&self.espeak.voice)
    }
}

impl PiperVoice {
    fn load(path: &Path) -> Result<Self> {
        let missing = |what: String| Error::new(ErrorKind::ModelMissing, what);
        if !path.is_file() {
            return Err(missing(format!("there is no Piper voice {}; name the path of an .onnx file", path.display())));
        }
        let config = Config::beside(path)?;
        if !config.is_english() {
            let message = format!("the voice speaks `{}`; only English voices can be used here", config.espeak.voice);
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let model = load_onnx(path)?;
        let damaged = || missing(format!("{} is not a Piper voice", path.display()));
        let input = |name| model.find_node(name).ok_or_else(damaged);
        Ok(Self {
            input: input("input")?,
            lengths: input("input_lengths")?,
            scales: input("scales")?,
            speaker: model.find_node("sid"),
            sound: model.output_ids().first().copied().ok_or_else(damaged)?,
            config,
            model,
        })
    }

    /// The ids of phonemes as Piper wants them: a start, each sound followed by a pad, an end.
    fn ids(&self, phonemes: &str) -> Vec<i32> {
        let map = &self.config.phoneme_id_map;
        let id = |symbol: &str| map.get(symbol).into_iter().flatten().copied();
        let pad: Vec<i32> = id("_").collect();
        let mut ids: Vec<i32> = id("^").chain(pad.iter().copied()).collect();
        for symbol in phonemes.chars() {
            let sound: Vec<i32> = id(symbol.encode_utf8(&mut [0; 4])).collect();
            if !sound.is_empty() {
                ids.extend(sound);
                ids.extend(&pad);
            }
        }
        ids.extend(id("$"));
        ids
    }
}

impl Speaker {
    fn load(path: &Path, options: &PiperOptions) -> Result<Self> {
        if !(0.5..=2.0).contains(&options.speed) {
            let message = format!("the speed of the voice is {}; it can be 0.5 to 2", options.speed);
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let voice = VOICES.get_or_load(path, || PiperVoice::load(path))?;
        let british = voice.config.espeak.voice.to_ascii_lowercase().contains("gb");
        Ok(Self {
            phonemizer: Phonemizer::beside(path.parent().unwrap_or(path), british)?,
            voice,
            speed: options.speed,
            number: i32::try_from(options.speaker).unwrap_or(i32::MAX),
            pool: model_pool(options.threads),
        })
    }
}

impl Voice for Speaker {
    fn speak(&self, piece: Piece<'_>, heard: &mut dyn FnMut(Pcm) -> Result<()>) -> Result<()> {
        let voice = &self.voice;
        let ids = voice.ids(&to_espeak(&self.phonemizer.phonemes(piece.text)));
        let inference = &voice.config.inference;
        let scales = vec![inference.noise_scale, inference.length_scale / self.speed, inference.noise_w];
        let failed = |e: String| Error::internal(format!("the Piper voice failed: {e}"));
        let length = i32::try_from(ids.len()).map_err(|e| failed(e.to_string()))?;
        let mut inputs = vec![
            (voice.input, NdTensor::from_data([1, ids.len()], ids).into()),
            (voice.lengths, NdTensor::from_data([1], vec![length]).into()),
            (voice.scales, NdTensor::from_data([3], scales).into()),
        ];
        if let Some(speaker) = voice.speaker {
            inputs.push((speaker, NdTensor::from_data([1], vec![self.number]).into()));
        }
        let options = RunOptions::default().with_thread_pool(Some(self.pool.clone()));
        let [sound] = voice.model.run_n(inputs, [voice.sound], Some(options)).map_err(|e| failed(e.to_string()))?;
        let sound: Tensor<f32> = sound.try_into().map_err(|_| failed("its sound is not a row of numbers".into()))?;
        let rate = voice.config.audio.sample_rate;
        heard(to_pcm(&trim(sound.into_data(), rate, pause_after(piece.text)), rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voices_are_those_files_whose_configuration_is_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let config = |more: &str| format!(r#"{{"audio": {{"sample_rate": 22050}}, "phoneme_id_map": {{}}{more}}}"#);
        for (name, more) in [
            (
                "en_US-lessac-medium",
                r#", "dataset": "lessac", "language": {"code": "en_US"}, "espeak": {"voice": "en-us"}"#,
            ),
            ("alan", r#", "espeak": {"voice": "en-gb-x-rp"}"#),
            ("de_DE-thorsten", r#", "espeak": {"voice": "de"}"#),
        ] {
            write(&format!("{name}.onnx"), "");
            write(&format!("{name}.onnx.json"), &config(more));
        }
        write("alone.onnx", "");
        write("broken.onnx", "");
        write("broken.onnx.json", "{");
        let files = files_in(folder.path(), "onnx").unwrap();
        let voices: Vec<_> = files.iter().filter_map(|file| listed(file)).collect();
        let told = |n: usize| (voices[n].id.as_str(), voices[n].name.as_str(), voices[n].languages[0].as_str());
        assert_eq!(voices.len(), 2, "those of other languages cannot be used: {voices:?}");
        assert_eq!(told(0), ("alan", "alan", "en-GB"));
        assert_eq!(told(1), ("en_US-lessac-medium", "lessac", "en-US"));
        assert_eq!(files_in(&folder.path().join("nowhere"), "onnx").unwrap_err().kind(), ErrorKind::ModelMissing);
    }
}
