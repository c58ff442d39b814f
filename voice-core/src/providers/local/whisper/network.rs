//! The network: an encoder over half a minute of spectrogram, a decoder that writes one token at a time, and what the
//! tokens mean.

use candle_core::{DType, Device, IndexOp, Tensor, safetensors::SliceSafetensors};
use candle_nn::VarBuilder;
use candle_transformers::models::whisper::{Config, N_FRAMES, model::Whisper};
use rten::ThreadPool;
use tokenizers::Tokenizer;

use crate::{
    error::{Error, ErrorKind, Result},
    providers::local::{guard::ends_in_a_loop, mel::MelScale, models::ModelDir},
};

/// The vocabulary of multilingual models is at least this large.
const MULTILINGUAL_VOCABULARY: usize = 51_865;
/// Every Whisper model has heads of this size.
const HEAD: usize = 64;
/// At most this many tokens are written for half a minute: half of what the decoder can hold, as in training.
const MOST_TOKENS: usize = 224;
/// Above this probability of there being no speech, unsure words are not believed.
const NO_SPEECH: f32 = 0.6;
const UNSURE: f32 = -1.0;

/// What was heard in one piece of sound.
pub(super) struct Heard {
    pub(super) words: String,
    /// The mean natural logarithm of the probability of each token: near 0 when the model was sure.
    pub(super) confidence: f32,
    /// The language, when the model had to tell it.
    pub(super) language: Option<String>,
}

/// Weights, spectrogram and vocabulary, loaded.
pub(super) struct Network {
    model: Whisper,
    mel: MelScale,
    tokenizer: Tokenizer,
    special: Special,
}

/// Tokens that are not words.
struct Special {
    start: u32,
    end: u32,
    transcribe: u32,
    no_timestamps: u32,
    no_speech: Option<u32>,
    /// Empty for English models.
    languages: Vec<(String, u32)>,
}

impl Network {
    pub(super) fn load(files: &ModelDir) -> Result<Self> {
        let (weights, tokenizer) = (files.file("model.safetensors")?, files.file("tokenizer.json")?);
        let unexpected = |what: &dyn std::fmt::Display| {
            Error::new(ErrorKind::ModelMissing, format!("{}: not a Whisper model: {what}", files.path().display()))
        };
        let bytes = std::fs::read(&weights).map_err(|e| unexpected(&e))?;
        let config = config_of(&bytes).map_err(|e| unexpected(&e))?;
        let tokenizer = Tokenizer::from_file(tokenizer).map_err(|e| unexpected(&e))?;
        let special = Special::of(&tokenizer, config.vocab_size).ok_or_else(|| unexpected(&"its tokens are others"))?;
        let mel = MelScale::new(config.num_mel_bins);
        let model = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu)
            .and_then(|weights| Whisper::load(&weights, config))
            .map_err(|e| unexpected(&e))?;
        Ok(Self { model, mel, tokenizer, special })
    }

    pub(super) fn is_multilingual(&self) -> bool {
        !self.special.languages.is_empty()
    }

    /// The languages it knows, as ISO 639 codes.
    pub(super) fn languages(&self) -> impl Iterator<Item = &str> {
        let only_english = self.special.languages.is_empty().then_some("en");
        self.special.languages.iter().map(|(name, _)| name.as_str()).chain(only_english)
    }

    /// Writes down up to half a minute of 16 kHz sound. `goes_on` is asked before every step.
    ///
    /// Hearing is one job of the pool, and each token is another: what others want of it meanwhile, a voice above all,
    /// waits for no more than that.
    pub(super) fn hear(
        &self,
        pool: &ThreadPool,
        samples: &[f32],
        language: Option<&str>,
        goes_on: &dyn Fn() -> Result<()>,
    ) -> Result<Heard> {
        goes_on()?;
        // Clones share the weights; only what the decoder remembers of this piece is its own.
        let mut model = self.model.clone();
        let bands = model.config.num_mel_bins;
        let sound = pool.run(|| {
            let mel = Tensor::from_vec(self.mel.spectrogram(samples, N_FRAMES), (1, bands, N_FRAMES), &Device::Cpu);
            mel.and_then(|mel| model.encoder.forward(&mel, true)).map_err(failed)
        })?;

        let mut prompt = vec![self.special.start];
        let mut told = None;
        let mut silence = 0.0;
        if let Some(no_speech) = self.special.no_speech {
            goes_on()?;
            let scores = pool.run(|| scores(&mut model, &prompt, &sound, true))?;
            silence = probability(&scores, no_speech as usize);
            if self.is_multilingual() && language.is_none() {
                let likelier =
                    |a: &&(String, u32), b: &&(String, u32)| scores[a.1 as usize].total_cmp(&scores[b.1 as usize]);
                told = self.special.languages.iter().max_by(likelier).map(|(name, _)| name.clone());
            }
        }
        if self.is_multilingual() {
            let spoken = language.or(told.as_deref()).unwrap_or("en");
            prompt.extend(self.special.languages.iter().find(|(name, _)| name == spoken).map(|(_, token)| *token));
            prompt.push(self.special.transcribe);
        }
        prompt.push(self.special.no_timestamps);

        let (written, confidence) = self.write(pool, &mut model, prompt, &sound, goes_on)?;
        let words =
            self.tokenizer.decode(&written, true).map_err(|e| failed(candle_core::Error::Msg(e.to_string())))?;
        let unheard = silence > NO_SPEECH && confidence < UNSURE;
        let words = if unheard { String::new() } else { words.trim().to_owned() };
        Ok(Heard { words, confidence, language: told })
    }

    /// Chooses the likeliest word token after another, until the end or a loop.
    fn write(
        &self,
        pool: &ThreadPool,
        model: &mut Whisper,
        mut tokens: Vec<u32>,
        sound: &Tensor,
        goes_on: &dyn Fn() -> Result<()>,
    ) -> Result<(Vec<u32>, f32)> {
        let begin = tokens.len();
        let mut sureness = 0.0;
        let mut steps = 0;
        while tokens.len() - begin < MOST_TOKENS {
            goes_on()?;
            let mut scores = pool.run(|| scores(model, &tokens, sound, steps == 0))?;
            // Everything above the end token is a sign, not a word; nothing is no answer either.
            scores.truncate(self.special.end as usize + 1);
            if steps == 0 {
                scores[self.special.end as usize] = f32::MIN;
            }
            let best = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap_or_default();
            sureness += probability(&scores, best).ln();
            steps += 1;
            if best == self.special.end as usize {
                break;
            }
            tokens.push(best as u32);
            if let Some(keep) = ends_in_a_loop(&tokens[begin..]) {
                tokens.truncate(begin + keep);
                break;
            }
        }
        Ok((tokens.split_off(begin), sureness / steps.max(1) as f32))
    }
}

/// The scores of every token to come next.
fn scores(model: &mut Whisper, tokens: &[u32], sound: &Tensor, first: bool) -> Result<Vec<f32>> {
    let mut next = || {
        let tokens = Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?;
        let states = model.decoder.forward(&tokens, sound, first)?;
        let last = states.i((.., states.dim(1)? - 1..))?;
        model.decoder.final_linear(&last)?.i((0, 0))?.to_vec1::<f32>()
    };
    next().map_err(failed)
}

fn probability(scores: &[f32], of: usize) -> f32 {
    let most = scores.iter().copied().fold(f32::MIN, f32::max);
    let sum: f32 = scores.iter().map(|s| (s - most).exp()).sum();
    scores.get(of).map_or(0.0, |s| (s - most).exp() / sum)
}

impl Special {
    fn of(tokenizer: &Tokenizer, vocabulary: usize) -> Option<Self> {
        let token = |name: &str| tokenizer.token_to_id(name);
        let is_language = |name: &str| {
            let code = name.strip_prefix("<|")?.strip_suffix("|>")?;
            let short = matches!(code.len(), 2 | 3) && code.bytes().all(|b| b.is_ascii_lowercase());
            short.then(|| code.to_owned())
        };
        let mut languages = Vec::new();
        if vocabulary >= MULTILINGUAL_VOCABULARY {
            let all = tokenizer.get_vocab(true);
            languages.extend(all.iter().filter_map(|(name, id)| is_language(name).map(|name| (name, *id))));
            languages.sort_by_key(|(_, id)| *id);
        }
        Some(Self {
            start: token("<|startoftranscript|>")?,
            end: token("<|endoftext|>")?,
            transcribe: token("<|transcribe|>")?,
            no_timestamps: token("<|notimestamps|>")?,
            no_speech: token("<|nospeech|>").or_else(|| token("<|nocaptions|>")),
            languages,
        })
    }
}

/// The shape of the network, read off its weights.
fn config_of(weights: &[u8]) -> candle_core::Result<Config> {
    let weights = SliceSafetensors::new(weights)?;
    let shape = |name: &str| weights.get(name).map(|tensor| tensor.shape().to_vec());
    let layers =
        |side: &str| (0..).take_while(|n| shape(&format!("model.{side}.layers.{n}.fc1.weight")).is_ok()).count();
    let (filters, embedding) = (shape("model.encoder.conv1.weight")?, shape("model.decoder.embed_tokens.weight")?);
    let (heard, written) =
        (shape("model.encoder.embed_positions.weight")?, shape("model.decoder.embed_positions.weight")?);
    let [vocab_size, d_model] = embedding[..] else { candle_core::bail!("the embedding has no two dimensions") };
    let first = |shape: &[usize], at: usize| shape.get(at).copied().unwrap_or_default();
    Ok(Config {
        num_mel_bins: first(&filters, 1),
        max_source_positions: first(&heard, 0),
        d_model,
        encoder_attention_heads: d_model / HEAD,
        encoder_layers: layers("encoder"),
        vocab_size,
        max_target_positions: first(&written, 0),
        decoder_attention_heads: d_model / HEAD,
        decoder_layers: layers("decoder"),
        suppress_tokens: Vec::new(),
    })
}

fn failed(error: candle_core::Error) -> Error {
    Error::internal("the recogniser's arithmetic failed").with_source(error)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A network that is much smaller than any real one and knows nothing.
    fn network() -> Network {
        let names =
            ["a", "<|endoftext|>", "<|startoftranscript|>", "<|transcribe|>", "<|notimestamps|>", "<|nospeech|>"];
        let vocabulary: serde_json::Map<_, _> =
            names.iter().zip(0..).map(|(n, id)| ((*n).to_owned(), id.into())).collect();
        let model = serde_json::json!({ "type": "WordLevel", "vocab": vocabulary, "unk_token": "a" });
        let described = serde_json::json!({ "version": "1.0", "added_tokens": [], "model": model });
        let tokenizer: Tokenizer = described.to_string().parse().unwrap();
        let config = Config {
            num_mel_bins: 80,
            max_source_positions: N_FRAMES / 2,
            d_model: HEAD,
            encoder_attention_heads: 1,
            encoder_layers: 1,
            vocab_size: names.len(),
            max_target_positions: 448,
            decoder_attention_heads: 1,
            decoder_layers: 1,
            suppress_tokens: Vec::new(),
        };
        let special = Special::of(&tokenizer, names.len()).unwrap();
        let weights = VarBuilder::zeros(DType::F32, &Device::Cpu);
        let model = Whisper::load(&weights, config).unwrap();
        Network { model, mel: MelScale::new(80), tokenizer, special }
    }

    #[test]
    fn others_have_their_turn_on_the_pool_between_any_two_tokens() {
        let (network, pool) = (network(), ThreadPool::with_num_threads(1));
        let (turns, here) = (Cell::new(0), std::thread::current().id());
        // Whoever is asked from within a job of the pool's only thread holds it.
        let goes_on = || {
            turns.set(turns.get() + 1);
            assert_eq!(std::thread::current().id(), here);
            Ok(())
        };
        let heard = network.hear(&pool, &[0.0; 16_000], None, &goes_on).unwrap();
        assert!(heard.confidence < 0.0);
        assert_eq!(turns.get(), 4, "before the sound, the look for silence, and each of two tokens");
    }

    #[test]
    fn a_recording_that_nobody_waits_for_is_given_up_before_the_next_step() {
        let (network, pool) = (network(), ThreadPool::with_num_threads(1));
        let asked = Cell::new(0);
        let goes_on = || {
            asked.set(asked.get() + 1);
            if asked.get() == 2 { Err(Error::new(ErrorKind::Cancelled, "as planned")) } else { Ok(()) }
        };
        let heard = network.hear(&pool, &[0.0; 16_000], None, &goes_on);
        assert_eq!((heard.err().unwrap().kind(), asked.get()), (ErrorKind::Cancelled, 2));
    }
}
