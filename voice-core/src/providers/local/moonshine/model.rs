//! The Moonshine network: an encoder over raw samples, and a decoder that writes one token at a time.

use std::{path::Path, sync::Arc};

use rten::{Dimension, Model, NodeId, RunOptions, ThreadPool, Value, ValueOrView};
use rten_tensor::{NdTensor, Tensor, prelude::*};

use super::vocabulary::Vocabulary;
use crate::{
    audio::SPEECH_RATE,
    error::{Error, ErrorKind, Result},
    providers::local::{guard::ends_in_a_loop, models::ModelDir, runtime::load_onnx},
};

const BEGIN: i32 = 1;
const END: u32 = 2;

/// No language is spoken faster than this; a decoder that writes more is dreaming.
const TOKENS_PER_SECOND: f32 = 6.5;

/// What the decoder wrote for one piece of sound.
pub(super) struct Heard {
    /// The words.
    pub(super) text: String,
    /// The mean natural logarithm of the probability of each token: near 0 when the model was sure.
    pub(super) confidence: f32,
}

/// Encoder, decoder and vocabulary, loaded.
pub(super) struct Network {
    encoder: Model,
    samples_in: NodeId,
    encoder_mask_in: NodeId,
    encoded_out: NodeId,
    decoder: Model,
    io: DecoderIo,
    vocabulary: Vocabulary,
}

/// The decoder's inputs and outputs, looked up once.
struct DecoderIo {
    token: NodeId,
    encoded: NodeId,
    mask: NodeId,
    use_cache: NodeId,
    /// What a decoder remembers of its own tokens: keys and values of each layer.
    own_in: Vec<NodeId>,
    own_out: Vec<NodeId>,
    /// What it computes from the encoder's output in the first step and reuses in all others.
    cross_in: Vec<NodeId>,
    cross_out: Vec<NodeId>,
    logits: NodeId,
    heads: usize,
    head_size: usize,
}

impl Network {
    /// Loads the files of `folder`.
    ///
    /// # Errors
    /// `ModelMissing` when a file is missing or not what it should be.
    pub(super) fn load(folder: &Path) -> Result<Self> {
        let files = ModelDir::new(folder);
        let encoder = load_onnx(&files.file("encoder_model.onnx")?)?;
        let decoder = load_onnx(&files.file("decoder_model_merged.onnx")?)?;
        let tokenizer = files.file("tokenizer.bin")?;
        let vocabulary = Vocabulary::parse(&std::fs::read(&tokenizer).map_err(|e| {
            Error::new(ErrorKind::ModelMissing, format!("cannot read {}: {e}", tokenizer.display())).with_source(e)
        })?)?;
        let encoded_out = *encoder.output_ids().first().ok_or_else(|| unexpected("the encoder has no output"))?;
        Ok(Self {
            samples_in: node(&encoder, "input_values")?,
            encoder_mask_in: node(&encoder, "attention_mask")?,
            encoded_out,
            io: DecoderIo::of(&decoder)?,
            encoder,
            decoder,
            vocabulary,
        })
    }

    /// Writes down what is said in 16 kHz samples of full scale ±1, a few tens of seconds at most. `check` is asked before
    /// each token; its error ends the work.
    ///
    /// # Errors
    /// The error of `check`; an internal one when the network does not run.
    pub(super) fn hear(
        &self,
        samples: Vec<f32>,
        pool: &Arc<ThreadPool>,
        mut check: impl FnMut() -> Result<()>,
    ) -> Result<Heard> {
        let options = || Some(RunOptions::default().with_thread_pool(Some(Arc::clone(pool))));
        let length = samples.len();
        let most_tokens = (length as f32 / SPEECH_RATE as f32 * TOKENS_PER_SECOND) as usize + 2;
        let mask = NdTensor::<i32, 2>::full([1, length], 1);
        check()?;
        let [encoded] = self
            .encoder
            .run_n(
                vec![
                    (self.samples_in, NdTensor::from_data([1, length], samples).into()),
                    (self.encoder_mask_in, mask.view().into()),
                ],
                [self.encoded_out],
                options(),
            )
            .map_err(did_not_run)?;

        let io = &self.io;
        let mut own: Vec<Value> = io.own_in.iter().map(|_| io.nothing_yet()).collect();
        let mut cross: Vec<Value> = io.cross_in.iter().map(|_| io.nothing_yet()).collect();
        let mut tokens: Vec<u32> = Vec::with_capacity(most_tokens);
        let mut last = BEGIN;
        let mut log_probability = 0.0;
        for step in 0..most_tokens {
            check()?;
            let token = NdTensor::<i32, 2>::full([1, 1], last);
            let use_cache = NdTensor::<i32, 1>::full([1], i32::from(step > 0));
            let mut inputs: Vec<(NodeId, ValueOrView)> = vec![
                (io.token, token.view().into()),
                (io.encoded, encoded.as_view().into()),
                (io.mask, mask.view().into()),
                (io.use_cache, use_cache.view().into()),
            ];
            // Moved in, not lent: the decoder appends to a cache that nobody else holds without copying it.
            inputs.extend(io.own_in.iter().copied().zip(own.drain(..).map(|v| v.into())));
            inputs.extend(io.cross_in.iter().copied().zip(cross.iter().map(|v| v.as_view().into())));
            let outputs = io.outputs(step == 0);
            let mut values = self.decoder.run(inputs, &outputs, options()).map_err(did_not_run)?.into_iter();
            let logits = values.next().ok_or_else(|| unexpected("the decoder gave no logits"))?;
            own.extend(values.by_ref().take(io.own_out.len()));
            if step == 0 {
                cross = values.collect();
            }
            let (next, chance) = most_likely(logits, self.vocabulary.len())?;
            log_probability += chance;
            if next == END {
                break;
            }
            tokens.push(next);
            last = i32::try_from(next).map_err(|_| unexpected("a token number is out of range"))?;
            if let Some(keep) = ends_in_a_loop(&tokens) {
                tokens.truncate(keep);
                break;
            }
        }
        let confidence = log_probability / (tokens.len() + 1) as f32;
        Ok(Heard { text: self.vocabulary.text(&tokens), confidence })
    }
}

impl DecoderIo {
    fn of(decoder: &Model) -> Result<Self> {
        let (mut own_in, mut own_out, mut cross_in, mut cross_out) = (vec![], vec![], vec![], vec![]);
        for layer in 0.. {
            if decoder.find_node(&format!("past_key_values.{layer}.decoder.key")).is_none() {
                break;
            }
            for part in ["key", "value"] {
                own_in.push(node(decoder, &format!("past_key_values.{layer}.decoder.{part}"))?);
                own_out.push(node(decoder, &format!("present.{layer}.decoder.{part}"))?);
                cross_in.push(node(decoder, &format!("past_key_values.{layer}.encoder.{part}"))?);
                cross_out.push(node(decoder, &format!("present.{layer}.encoder.{part}"))?);
            }
        }
        let first = own_in.first().ok_or_else(|| unexpected("the decoder has no layers"))?;
        let shape = decoder.node_info(*first).and_then(|info| info.shape()).unwrap_or_default();
        let [_, Dimension::Fixed(heads), _, Dimension::Fixed(head_size)] = shape[..] else {
            return Err(unexpected("the decoder does not tell the size of its heads"));
        };
        Ok(Self {
            token: node(decoder, "input_ids")?,
            encoded: node(decoder, "encoder_hidden_states")?,
            mask: node(decoder, "encoder_attention_mask")?,
            use_cache: node(decoder, "use_cache_branch")?,
            logits: node(decoder, "logits")?,
            own_in,
            own_out,
            cross_in,
            cross_out,
            heads,
            head_size,
        })
    }

    fn nothing_yet(&self) -> Value {
        Tensor::<f32>::zeros(&[1, self.heads, 0, self.head_size]).into()
    }

    fn outputs(&self, first_step: bool) -> Vec<NodeId> {
        let mut outputs = vec![self.logits];
        outputs.extend(&self.own_out);
        if first_step {
            outputs.extend(&self.cross_out);
        }
        outputs
    }
}

/// The likeliest token of the last position and the logarithm of its probability.
fn most_likely(logits: Value, vocabulary: usize) -> Result<(u32, f32)> {
    let logits: Tensor<f32> = logits.try_into().map_err(|_| unexpected("the logits are not numbers"))?;
    let all = logits.data().ok_or_else(|| unexpected("the logits are not contiguous"))?;
    let last = all.len().checked_sub(vocabulary).and_then(|start| all.get(start..));
    let last = last.ok_or_else(|| unexpected("the tokenizer file has more tokens than the decoder"))?;
    let (best, top) =
        last.iter().enumerate().fold((0, f32::NEG_INFINITY), |best, (i, &x)| if x > best.1 { (i, x) } else { best });
    let total: f32 = last.iter().map(|x| (x - top).exp()).sum();
    Ok((best as u32, -total.ln()))
}

fn node(model: &Model, name: &str) -> Result<NodeId> {
    model.find_node(name).ok_or_else(|| unexpected(format!("the model has no input or output named {name}")))
}

fn unexpected(what: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::ModelMissing,
        format!("these are not the Moonshine files expected: {what}; `voice-core models fetch` replaces them"),
    )
}

fn did_not_run(e: rten::RunError) -> Error {
    Error::internal(format!("the Moonshine network did not run: {e}")).with_source(e)
}
