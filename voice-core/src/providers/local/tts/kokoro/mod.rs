//! Speech with Kokoro, 82 million parameters, at 24 kHz.
//!
//! Source: <https://huggingface.co/hexgrad/Kokoro-82M> (Apache-2.0).

mod frames;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use async_trait::async_trait;
use rten::{Model, ModelOptions, NodeId, RunOptions, ShapeInferenceMode, ThreadPool};
use rten_tensor::{NdTensor, Tensor};

use self::frames::{Frames, Part, SAMPLES};
use super::{
    Piece, Voice, files_in,
    pronounce::Phonemizer,
    speak, to_pcm,
    trim::{pause_after, trim, trim_end, trim_start},
};
use crate::{
    audio::Pcm,
    error::{Error, ErrorKind, Result, Stage},
    provider::{
        CallContext, ResultStream, SynthesisRequest, TextToSpeech, TtsCapabilities, Voice as Listed, VoiceGender,
        VoicesPage, VoicesRequest,
    },
    providers::local::{
        models::ModelDir,
        runtime::{LoadOnce, ThreadBudget, load_onnx_as, model_pool, off_thread},
    },
};

/// Samples a second.
const RATE: u32 = 24_000;

/// The numbers in one style of a voice.
const STYLE: usize = 256;

/// What lies between the halves of the network.
const MIDDLE: [&str; 3] = ["/encoder/MatMul_1_output_0", "/encoder/Reshape_output_0", "/encoder/Reshape_1_output_0"];

/// The most phonemes of one run; the network reads 512 symbols, two of which mark the ends.
const MOST_PHONEMES: usize = 500;

static NETWORKS: LoadOnce<Network> = LoadOnce::new();

/// How a [`KokoroTts`] speaks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KokoroOptions {
    /// The voice: the name of a file in `voices` (`af_heart`), or the path of any voice file, in a folder or ending in `.bin`. Names that
    /// start with `b` speak British English. Default `af_heart`.
    pub voice: String,
    /// The pace, 0.5–2; 1 is the voice's own.
    pub speed: f32,
    /// How many threads it may keep busy.
    pub threads: ThreadBudget,
}

impl Default for KokoroOptions {
    fn default() -> Self {
        Self { voice: "af_heart".into(), speed: 1.0, threads: ThreadBudget::default() }
    }
}

/// English text to speech with Kokoro-82M on this machine's CPU.
///
/// Yields a chunk per clause or sentence, without the silence around it. The beginning of an answer
/// ([`SynthesisRequest::previous_text`] is `None`) comes in two chunks where this machine is quick enough for the second to be
/// ready while the first is heard, so that it is heard in about half the time. One copy of the network serves the
/// process; pieces of all sessions are spoken in the order in which they came.
pub struct KokoroTts {
    speaker: Arc<Speaker>,
    /// Where its voices are.
    voices: PathBuf,
}

struct Network {
    model: Model,
    tokens: NodeId,
    style: NodeId,
    speed: NodeId,
    sound: NodeId,
    /// Between its halves: the phonemes' features, the pitch and the loudness of each frame. `None` in a file whose halves are not
    /// where those of the model set are.
    middle: Option<[NodeId; 3]>,
    symbols: HashMap<char, i32>,
    /// What the second half costs on this machine, in seconds a frame, as an `f32`'s bits; 0 before it is known.
    cost: AtomicU32,
}

struct Speaker {
    network: Arc<Network>,
    phonemizer: Phonemizer,
    /// One style for each number of phonemes.
    styles: Vec<f32>,
    speed: f32,
    pool: Arc<ThreadPool>,
}

impl KokoroTts {
    /// Loads the network and a voice from a folder with `kokoro.onnx`, `vocab.json` and `voices/*.bin`. Blocks.
    ///
    /// # Errors
    /// `INVALID_REQUEST`: kind `ModelMissing` when a file is missing or damaged, `InvalidConfig` when there is no such
    /// voice or the speed is out of range.
    pub fn open(folder: impl AsRef<Path>, options: KokoroOptions) -> Result<Self> {
        Self::load(folder.as_ref(), options).map_err(|e| e.with_stage(Stage::Tts).with_provider(NAME))
    }

    fn load(folder: &Path, options: KokoroOptions) -> Result<Self> {
        if !(0.5..=2.0).contains(&options.speed) {
            let message = format!("the speed of Kokoro is {}; it can be 0.5 to 2", options.speed);
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let files = ModelDir::new(folder);
        let model = files.file("kokoro.onnx")?;
        let network = NETWORKS.get_or_load(&model, || Network::load(&files))?;
        let speaker = Speaker {
            network,
            phonemizer: Phonemizer::beside(folder, is_british(&options.voice))?,
            styles: read_voice(&files, &options.voice)?,
            speed: options.speed,
            pool: model_pool(options.threads),
        };
        Ok(Self { speaker: Arc::new(speaker), voices: folder.join("voices") })
    }

    /// Whether both use the same copy of the network.
    #[must_use]
    pub fn shares_model_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.speaker.network, &other.speaker.network)
    }
}

const NAME: &str = "local/kokoro-82m";

impl std::fmt::Debug for KokoroTts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KokoroTts").field("speed", &self.speaker.speed).finish_non_exhaustive()
    }
}

#[async_trait]
impl TextToSpeech for KokoroTts {
    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> TtsCapabilities {
        TtsCapabilities { prefers_short_first_piece: true, ..TtsCapabilities::default() }
    }

    async fn synthesize(&self, request: SynthesisRequest, ctx: &CallContext) -> Result<ResultStream<Pcm>> {
        speak(self.speaker.clone(), NAME, &request, ctx)
    }

    async fn voices(&self, _: VoicesRequest, ctx: &CallContext) -> Result<VoicesPage> {
        ctx.check()?;
        let folder = self.voices.clone();
        off_thread(move || Ok(VoicesPage::last(files_in(&folder, "bin")?.iter().filter_map(|f| listed(f)).collect())))
            .await
    }

    async fn warm_up(&self) -> Result<()> {
        let speaker = self.speaker.clone();
        off_thread(move || {
            // The first time it readies itself, the second tells what the network costs.
            for _ in 0..2 {
                speaker.network.cost.store(0, Ordering::Relaxed);
                speaker.speak(Piece { text: "Hello, how are you?", begins: false }, &mut |_| Ok(()))?;
            }
            Ok(())
        })
        .await
    }
}

/// Whether a voice speaks British English, by its name.
fn is_british(voice: &str) -> bool {
    voice.starts_with('b')
}

/// A voice file as people know it: in `af_heart`, `a` is where she is from, `f` that she is a woman, and Heart her name.
fn listed(file: &Path) -> Option<Listed> {
    let id = file.file_stem()?.to_str()?;
    let (kind, name) = id.split_once('_').unwrap_or(("", id));
    let gender = match kind.chars().nth(1) {
        Some('f') => Some(VoiceGender::Female),
        Some('m') => Some(VoiceGender::Male),
        _ => None,
    };
    let first = name.chars().next()?;
    let name = first.to_uppercase().collect::<String>() + &name[first.len_utf8()..];
    // Whatever they were made for, here all of them speak English.
    let language = if is_british(id) { "en-GB" } else { "en-US" };
    Some(Listed::new(id).with_name(name).with_language(language).with_gender(gender))
}

impl Network {
    fn load(files: &ModelDir) -> Result<Self> {
        let path = files.file("kokoro.onnx")?;
        // What rten infers of the shape between the halves is wrong, and it would refuse the right one.
        let mut options = ModelOptions::with_all_ops();
        options.shape_inference(ShapeInferenceMode::Off);
        let model = load_onnx_as(&path, options)?;
        let damaged = || {
            let message = format!("{} is not a Kokoro network; `voice-core models fetch` replaces it", path.display());
            Error::new(ErrorKind::ModelMissing, message)
        };
        let input = |name| model.find_node(name).ok_or_else(damaged);
        let (tokens, style, speed) = (input("tokens")?, input("style")?, input("speed")?);
        let sound = model.output_ids().first().copied().ok_or_else(damaged)?;
        let middle = MIDDLE.map(|name| model.find_node(name));
        let middle = match middle {
            [Some(features), Some(pitch), Some(loudness)] => Some([features, pitch, loudness]),
            _ => None,
        };
        let vocabulary = files.file("vocab.json")?;
        let symbols = read_symbols(&vocabulary).ok_or_else(|| {
            let message = format!("{} is damaged; `voice-core models fetch` replaces it", vocabulary.display());
            Error::new(ErrorKind::ModelMissing, message)
        })?;
        Ok(Self { tokens, style, speed, sound, middle, model, symbols, cost: AtomicU32::new(0) })
    }
}

fn read_symbols(path: &Path) -> Option<HashMap<char, i32>> {
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let entries = json.get("vocab")?.as_object()?.iter();
    entries.map(|(symbol, id)| Some((symbol.chars().next()?, i32::try_from(id.as_i64()?).ok()?))).collect()
}

fn read_voice(files: &ModelDir, voice: &str) -> Result<Vec<f32>> {
    let given = Path::new(voice);
    // What looks like a name is no file of the working directory.
    let is_path = given.components().count() > 1 || given.extension().is_some_and(|e| e == "bin");
    let path = match is_path && given.is_file() {
        true => given.to_path_buf(),
        false => files.file(&format!("voices/{voice}.bin"))?,
    };
    let bytes = std::fs::read(&path).map_err(|e| {
        Error::new(ErrorKind::ModelMissing, format!("the voice {} cannot be read: {e}", path.display())).with_source(e)
    })?;
    if bytes.is_empty() || bytes.len() % (STYLE * size_of::<f32>()) != 0 {
        let message =
            format!("{} is not a Kokoro voice: {} bytes, not rows of {STYLE} numbers", path.display(), bytes.len());
        return Err(Error::new(ErrorKind::ModelMissing, message));
    }
    Ok(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
}

/// The numbers of a result.
fn numbers(value: rten::Value) -> Result<Vec<f32>> {
    let numbers: Tensor<f32> = value.try_into().map_err(|_| failed("a result of it is no row of numbers"))?;
    Ok(numbers.into_data())
}

fn failed(why: impl std::fmt::Display) -> Error {
    Error::internal(format!("Kokoro failed: {why}"))
}

impl Network {
    /// Runs the part of the network that lies between these inputs and these outputs.
    fn run<const N: usize>(
        &self,
        inputs: Vec<(NodeId, rten::ValueOrView<'_>)>,
        outputs: [NodeId; N],
        pool: &Arc<ThreadPool>,
    ) -> Result<[rten::Value; N]> {
        let options = RunOptions::default().with_thread_pool(Some(pool.clone()));
        self.model.run_n(inputs, outputs, Some(options)).map_err(failed)
    }

    /// Takes a measurement of what a frame costs into account.
    fn measured(&self, cost: f32) {
        let known = f32::from_bits(self.cost.load(Ordering::Relaxed));
        let cost = if known == 0.0 { cost } else { known + (cost - known) / 4.0 };
        self.cost.store(cost.to_bits(), Ordering::Relaxed);
    }

    /// What a frame costs; endless while that is not known.
    fn cost(&self) -> f32 {
        match f32::from_bits(self.cost.load(Ordering::Relaxed)) {
            0.0 => f32::INFINITY,
            cost => cost,
        }
    }
}

impl Speaker {
    /// Speaks at most [`MOST_PHONEMES`] and a pause of so many seconds; `begins` where the sound should begin as soon as can be.
    fn say(
        &self,
        symbols: &[i32],
        begins: bool,
        pause: f32,
        heard: &mut dyn FnMut(Vec<f32>) -> Result<()>,
    ) -> Result<()> {
        let network = &self.network;
        let rows = self.styles.len() / STYLE;
        let style = &self.styles[symbols.len().min(rows - 1) * STYLE..][..STYLE];
        let mut padded = Vec::with_capacity(symbols.len() + 2);
        padded.push(0);
        padded.extend_from_slice(symbols);
        padded.push(0);
        let inputs = vec![
            (network.tokens, NdTensor::from_data([1, padded.len()], padded).into()),
            (network.style, NdTensor::from_data([1, STYLE], style.to_vec()).into()),
            (network.speed, NdTensor::from_data([1], vec![self.speed]).into()),
        ];
        let Some(middle) = network.middle else {
            let [sound] = network.run(inputs, [network.sound], &self.pool)?;
            return heard(trim(numbers(sound)?, RATE, pause));
        };
        let [features, pitch, loudness] = network.run(inputs, middle, &self.pool)?;
        let frames = Frames::new(numbers(features)?, numbers(pitch)?, numbers(loudness)?)
            .ok_or_else(|| failed("its halves do not fit each other"))?;
        let halves = if begins { frames.halves(network.cost()) } else { None };
        let Some(halves) = halves else {
            return heard(trim(self.sound(&frames, &frames.whole(), middle, style)?, RATE, pause));
        };
        let (first, fading) = halves.before_joint(self.sound(&frames, &halves.first, middle, style)?);
        heard(trim_start(first, RATE))?;
        let rest = halves.after_joint(&fading, &self.sound(&frames, &halves.rest, middle, style)?);
        heard(trim_end(rest, RATE, pause))
    }

    /// The sound of some frames: the second half of the network.
    fn sound(&self, frames: &Frames, part: &Part, middle: [NodeId; 3], style: &[f32]) -> Result<Vec<f32>> {
        let begun = Instant::now();
        let count = part.len();
        let Frames { features, pitch, loudness } = frames.of(part);
        let rows = features.len() / count;
        let inputs = vec![
            (middle[0], NdTensor::from_data([1, rows, count], features).into()),
            (middle[1], NdTensor::from_data([1, 2 * count], pitch).into()),
            (middle[2], NdTensor::from_data([1, 2 * count], loudness).into()),
            (self.network.style, NdTensor::from_data([1, STYLE], style.to_vec()).into()),
        ];
        let [sound] = self.network.run(inputs, [self.network.sound], &self.pool)?;
        let mut sound = numbers(sound)?;
        if sound.len() != count * SAMPLES {
            return Err(failed(format!("it made {} samples of {count} frames", sound.len())));
        }
        sound.iter_mut().for_each(|s| *s *= part.gain);
        self.network.measured(begun.elapsed().as_secs_f32() / count as f32);
        Ok(sound)
    }
}

impl Voice for Speaker {
    fn speak(&self, piece: Piece<'_>, heard: &mut dyn FnMut(Pcm) -> Result<()>) -> Result<()> {
        let phonemes = self.phonemizer.phonemes(piece.text);
        let symbols: Vec<i32> = phonemes.chars().filter_map(|c| self.network.symbols.get(&c).copied()).collect();
        for (run, symbols) in symbols.chunks(MOST_PHONEMES).enumerate() {
            self.say(symbols, piece.begins && run == 0, pause_after(piece.text), &mut |sound| {
                heard(to_pcm(&sound, RATE))
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voices_name_is_no_file_of_the_working_directory() {
        let folder = tempfile::tempdir().unwrap();
        let error = read_voice(&ModelDir::new(folder.path()), "Cargo.toml").unwrap_err();
        assert!(error.message().contains("voices/Cargo.toml.bin is missing"), "{error}");
    }
}
