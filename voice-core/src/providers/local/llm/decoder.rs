//! The transformer itself: one decoder that covers the llama family and its relatives.
//!
//! The architectures differ in few places (rotary layout, biases, norms of queries and keys, fused projections, sliding
//! windows), each of which is told by the file. Keys and values live outside the model, in a [`KvState`], so that one
//! copy of the weights serves every session.

use std::sync::Arc;

use candle_core::{D, Device, Tensor};

use super::{
    elementwise::{by_element, sum},
    gguf::{Gguf, Metadata},
    kv::KvState,
    matrix::Matrix,
    rope::{Rope, Scaling},
};
use crate::error::{Error, ErrorKind, Result};

/// The values of `general.architecture` that this decoder knows.
pub(super) const SUPPORTED: [&str; 5] = ["llama", "qwen2", "qwen3", "gemma3", "phi3"];

/// The numbers that shape a model.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) head_dim: usize,
    pub(super) hidden: usize,
    /// The most tokens of prompt and answer together.
    pub(super) context: usize,
    norm_epsilon: f32,
    /// Gemma: embeddings are scaled, and the gate is GELU.
    gemma: bool,
    /// Rotary pairs are (i, i + d/2) rather than (2i, 2i + 1).
    pub(super) rope_halves: bool,
    pub(super) rope_dim: usize,
    rope_base: f64,
    /// Layers that look back only this far, with their own rotary base: all but each `every`-th.
    sliding: Option<Sliding>,
}

#[derive(Clone, Copy, Debug)]
struct Sliding {
    window: usize,
    every: usize,
    rope_base: f64,
}

impl Shape {
    fn read(gguf: &Gguf, max_context: usize) -> Result<Self> {
        let metadata = gguf.metadata();
        let architecture = metadata.text("general.architecture").unwrap_or("unknown");
        if !SUPPORTED.contains(&architecture) {
            let known = SUPPORTED.join(", ");
            let message = format!(
                "the model's architecture is `{architecture}`; the local language model runs {known} (SmolLM2, Llama, \
                 Mistral, Qwen 2/2.5/3, Gemma 3, Phi 3)"
            );
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let key = |name: &str| format!("{architecture}.{name}");
        let size = |metadata: &Metadata, name: &str| {
            metadata.integer(&key(name)).filter(|n| *n > 0).ok_or_else(|| gguf.damaged(&format!("no {}", key(name))))
        };
        let heads = size(metadata, "attention.head_count")?;
        let hidden = size(metadata, "embedding_length")?;
        let head_dim = metadata.integer(&key("attention.key_length")).unwrap_or(hidden / heads);
        let kv_heads = metadata.integer(&key("attention.head_count_kv")).unwrap_or(heads);
        if kv_heads == 0 || !heads.is_multiple_of(kv_heads) || head_dim == 0 {
            return Err(gguf.damaged(&format!("{heads} heads over {kv_heads} key heads")));
        }
        let gemma = architecture == "gemma3";
        let sliding =
            metadata.integer(&key("attention.sliding_window")).filter(|w| gemma && *w > 0).map(|window| Sliding {
                window,
                every: metadata.integer(&key("attention.sliding_window_type")).unwrap_or(6).max(1),
                rope_base: metadata.number(&key("rope.local_freq_base")).unwrap_or(10_000.0),
            });
        let default_base = if gemma { 1_000_000.0 } else { 10_000.0 };
        Ok(Self {
            layers: size(metadata, "block_count")?,
            heads,
            kv_heads,
            head_dim,
            hidden,
            context: size(metadata, "context_length")?.min(max_context),
            norm_epsilon: metadata.number(&key("attention.layer_norm_rms_epsilon")).unwrap_or(1e-6) as f32,
            gemma,
            rope_halves: architecture != "llama",
            rope_dim: metadata.integer(&key("rope.dimension_count")).unwrap_or(head_dim).min(head_dim),
            rope_base: metadata.number(&key("rope.freq_base")).unwrap_or(default_base),
            sliding,
        })
    }

    fn slides(&self, layer: usize) -> Option<Sliding> {
        self.sliding.filter(|s| !(layer + 1).is_multiple_of(s.every))
    }
}

/// A projection, with its bias if it has one.
struct Linear {
    weight: Matrix,
    bias: Option<Tensor>,
}

impl Linear {
    fn read(gguf: &mut Gguf, name: &str) -> Result<Self> {
        let weight = gguf.matrix(&format!("{name}.weight"))?;
        let bias = format!("{name}.bias");
        let bias = if gguf.has(&bias) { Some(vector(gguf, &bias)?) } else { None };
        Ok(Self { weight, bias })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let y = self.weight.forward(x)?;
        match &self.bias {
            Some(bias) => sum(&y, &bias.broadcast_as(y.shape())?),
            None => Ok(y),
        }
    }
}

fn vector(gguf: &mut Gguf, name: &str) -> Result<Tensor> {
    gguf.tensor(name)?.dequantize(&Device::Cpu).map_err(failed)
}

/// A root-mean-square norm.
struct Norm {
    weight: Tensor,
    epsilon: f32,
}

impl Norm {
    fn read(gguf: &mut Gguf, name: &str, epsilon: f32) -> Result<Self> {
        Ok(Self { weight: vector(gguf, &format!("{name}.weight"))?, epsilon })
    }

    fn read_if_there(gguf: &mut Gguf, name: &str, epsilon: f32) -> Result<Option<Self>> {
        if gguf.has(&format!("{name}.weight")) { Self::read(gguf, name, epsilon).map(Some) } else { Ok(None) }
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        candle_nn::ops::rms_norm(&x.contiguous()?, &self.weight, self.epsilon)
    }
}

/// Projections that some files keep apart and some in one matrix.
enum Fused<const N: usize> {
    Apart([Linear; N]),
    Together { linear: Linear, sizes: [usize; N] },
}

impl<const N: usize> Fused<N> {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Vec<Tensor>> {
        match self {
            Self::Apart(linears) => linears.iter().map(|l| l.forward(x)).collect(),
            Self::Together { linear, sizes } => {
                let all = linear.forward(x)?;
                let mut from = 0;
                sizes
                    .iter()
                    .map(|size| {
                        let part = all.narrow(D::Minus1, from, *size)?.contiguous();
                        from += size;
                        part
                    })
                    .collect()
            }
        }
    }
}

struct Layer {
    attention_norm: Norm,
    qkv: Fused<3>,
    query_norm: Option<Norm>,
    key_norm: Option<Norm>,
    attention_output: Linear,
    attention_post_norm: Option<Norm>,
    feed_norm: Norm,
    gate_up: Fused<2>,
    down: Linear,
    feed_post_norm: Option<Norm>,
    sliding: Option<usize>,
}

/// The weights of a model. Holds no conversation.
pub(super) struct Decoder {
    shape: Shape,
    embeddings: Arc<Matrix>,
    layers: Vec<Layer>,
    norm: Norm,
    output: Arc<Matrix>,
    rope: Rope,
    sliding_rope: Option<Rope>,
}

impl Decoder {
    /// Reads a model whose prompt and answer together stay within `max_context` tokens.
    ///
    /// # Errors
    /// `InvalidConfig` for an architecture that is not supported, `ModelMissing` for a damaged file.
    pub(super) fn read(gguf: &mut Gguf, max_context: usize) -> Result<Self> {
        let shape = Shape::read(gguf, max_context)?;
        let layers = (0..shape.layers).map(|i| Layer::read(gguf, &shape, i)).collect::<Result<_>>()?;
        let norm = Norm::read(gguf, "output_norm", shape.norm_epsilon)?;
        let embeddings = Arc::new(gguf.matrix("token_embd.weight")?);
        let output =
            if gguf.has("output.weight") { Arc::new(gguf.matrix("output.weight")?) } else { embeddings.clone() };
        let scaling = Scaling::read(gguf.metadata(), shape.context)?;
        let factors = match scaling.factors_in(gguf)? {
            Some(name) => Some(vector(gguf, name)?.to_vec1::<f32>().map_err(failed)?),
            None => None,
        };
        let rope = Rope::new(&shape, shape.rope_base, scaling, factors.as_deref()).map_err(failed)?;
        let sliding_rope = match shape.sliding {
            // Layers that look back only a little way need no scaling, whatever the others have.
            Some(s) => Some(Rope::new(&shape, s.rope_base, Scaling::default(), None).map_err(failed)?),
            None => None,
        };
        Ok(Self { shape, embeddings, layers, norm, output, rope, sliding_rope })
    }

    /// The numbers that shape the model.
    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// A layer's keys (`[kv_heads, positions, head_dim]`) as they would be so many positions `back`.
    pub(super) fn moved_back(&self, layer: usize, keys: &Tensor, back: usize) -> candle_core::Result<Tensor> {
        self.rope_of(&self.layers[layer]).turn_back(&keys.unsqueeze(0)?, back, &self.shape)?.squeeze(0)
    }

    fn rope_of(&self, layer: &Layer) -> &Rope {
        self.sliding_rope.as_ref().filter(|_| layer.sliding.is_some()).unwrap_or(&self.rope)
    }

    /// Reads `tokens` after what `state` holds already. Gives the scores of every possible next token.
    ///
    /// # Errors
    /// `Internal` when they do not fit the context, or on a defect.
    pub(super) fn forward(&self, tokens: &[u32], state: &mut KvState) -> Result<Vec<f32>> {
        if tokens.is_empty() || state.len() + tokens.len() > self.shape.context {
            return Err(Error::internal(format!(
                "{} tokens after {} do not fit a context of {}",
                tokens.len(),
                state.len(),
                self.shape.context
            )));
        }
        state.reserve(&self.shape, tokens.len()).map_err(failed)?;
        let scores = self.run(tokens, state).map_err(failed)?;
        state.commit(tokens);
        Ok(scores)
    }

    fn run(&self, tokens: &[u32], state: &mut KvState) -> candle_core::Result<Vec<f32>> {
        let count = tokens.len();
        let mut x = self.embeddings.select(tokens)?;
        if self.shape.gemma {
            x = (x * (self.shape.hidden as f64).sqrt())?;
        }
        let mask = mask(count, state.len(), None)?;
        let sliding_mask = match self.shape.sliding {
            Some(s) => mask_if_needed(count, state.len(), s.window)?,
            None => None,
        };
        for (i, layer) in self.layers.iter().enumerate() {
            let mask = sliding_mask.as_ref().filter(|_| layer.sliding.is_some()).or(mask.as_ref());
            x = layer.forward(&self.shape, &x, mask, self.rope_of(layer), state, i)?;
        }
        let last = self.norm.forward(&x.narrow(0, count - 1, 1)?)?;
        self.output.forward(&last)?.squeeze(0)?.to_vec1::<f32>()
    }
}

impl Layer {
    fn read(gguf: &mut Gguf, shape: &Shape, index: usize) -> Result<Self> {
        let epsilon = shape.norm_epsilon;
        let name = |part: &str| format!("blk.{index}.{part}");
        let qkv = if gguf.has(&name("attn_qkv.weight")) {
            let keys = shape.kv_heads * shape.head_dim;
            let sizes = [shape.heads * shape.head_dim, keys, keys];
            Fused::Together { linear: Linear::read(gguf, &name("attn_qkv"))?, sizes }
        } else {
            Fused::Apart([
                Linear::read(gguf, &name("attn_q"))?,
                Linear::read(gguf, &name("attn_k"))?,
                Linear::read(gguf, &name("attn_v"))?,
            ])
        };
        let down = Linear::read(gguf, &name("ffn_down"))?;
        let up = Linear::read(gguf, &name("ffn_up"))?;
        let gate_up = if gguf.has(&name("ffn_gate.weight")) {
            Fused::Apart([Linear::read(gguf, &name("ffn_gate"))?, up])
        } else {
            let half = up.weight.rows() / 2;
            Fused::Together { linear: up, sizes: [half, half] }
        };
        Ok(Self {
            attention_norm: Norm::read(gguf, &name("attn_norm"), epsilon)?,
            qkv,
            query_norm: Norm::read_if_there(gguf, &name("attn_q_norm"), epsilon)?,
            key_norm: Norm::read_if_there(gguf, &name("attn_k_norm"), epsilon)?,
            attention_output: Linear::read(gguf, &name("attn_output"))?,
            attention_post_norm: Norm::read_if_there(gguf, &name("post_attention_norm"), epsilon)?,
            feed_norm: Norm::read(gguf, &name("ffn_norm"), epsilon)?,
            gate_up,
            down,
            feed_post_norm: Norm::read_if_there(gguf, &name("post_ffw_norm"), epsilon)?,
            sliding: shape.slides(index).map(|s| s.window),
        })
    }

    fn forward(
        &self,
        shape: &Shape,
        x: &Tensor,
        mask: Option<&Tensor>,
        rope: &Rope,
        state: &mut KvState,
        index: usize,
    ) -> candle_core::Result<Tensor> {
        let attended = self.attend(shape, &self.attention_norm.forward(x)?, mask, rope, state, index)?;
        let attended = normed(self.attention_post_norm.as_ref(), attended)?;
        let x = sum(x, &attended)?;
        let gate_up = self.gate_up.forward(&self.feed_norm.forward(&x)?)?;
        let gated = by_element(&gate_up[0], &gate_up[1], &|gate, up| {
            let gate = if shape.gemma { gate.gelu()? } else { candle_nn::ops::silu(gate)? };
            gate * up
        })?;
        let fed = self.down.forward(&gated)?;
        sum(&x, &normed(self.feed_post_norm.as_ref(), fed)?)
    }

    fn attend(
        &self,
        shape: &Shape,
        x: &Tensor,
        mask: Option<&Tensor>,
        rope: &Rope,
        state: &mut KvState,
        index: usize,
    ) -> candle_core::Result<Tensor> {
        let (count, start) = (x.dim(0)?, state.len());
        let qkv = self.qkv.forward(x)?;
        let by_head = |x: &Tensor, heads: usize, norm: Option<&Norm>| -> candle_core::Result<Tensor> {
            let x = x.reshape((1, count, heads, shape.head_dim))?;
            match norm {
                Some(norm) => norm.forward(&x)?.transpose(1, 2),
                None => x.transpose(1, 2),
            }
        };
        let query = rope.apply(&by_head(&qkv[0], shape.heads, self.query_norm.as_ref())?, start, shape)?;
        let key = rope.apply(&by_head(&qkv[1], shape.kv_heads, self.key_norm.as_ref())?, start, shape)?;
        let value = by_head(&qkv[2], shape.kv_heads, None)?.contiguous()?;
        let (mut keys, mut values) = state.append(index, &key.squeeze(0)?, &value.squeeze(0)?)?;
        let mut total = start + count;
        // A single query needs no mask: what its window does not reach is left out.
        if let Some(window) = self.sliding.filter(|w| count == 1 && total > *w) {
            keys = keys.narrow(1, total - window, window)?;
            values = values.narrow(1, total - window, window)?;
            total = window;
        }
        // The query heads that share a key head become rows of one product, so that keys are never repeated.
        let group = shape.heads / shape.kv_heads;
        let query = query.reshape((shape.kv_heads, group * count, shape.head_dim))?;
        let mut weights = (query.matmul(&keys.t()?)? * (1.0 / (shape.head_dim as f64).sqrt()))?;
        if let Some(mask) = mask.filter(|_| count > 1) {
            weights = weights.reshape((shape.heads, count, total))?;
            weights = sum(&weights, &mask.broadcast_as(weights.shape())?)?;
            weights = weights.reshape((shape.kv_heads, group * count, total))?;
        }
        let weights = candle_nn::ops::softmax_last_dim(&weights)?;
        let mixed = weights.matmul(&values)?.reshape((shape.heads, count, shape.head_dim))?;
        let mixed = mixed.transpose(0, 1)?.reshape((count, shape.heads * shape.head_dim))?;
        self.attention_output.forward(&mixed)
    }
}

fn normed(norm: Option<&Norm>, x: Tensor) -> candle_core::Result<Tensor> {
    norm.map_or(Ok(x.clone()), |n| n.forward(&x))
}

fn mask_if_needed(count: usize, start: usize, window: usize) -> candle_core::Result<Option<Tensor>> {
    if start + count <= window { Ok(None) } else { mask(count, start, Some(window)) }
}

/// What each of `count` positions after `start` may look at: nothing later, and nothing further back than `window`.
fn mask(count: usize, start: usize, window: Option<usize>) -> candle_core::Result<Option<Tensor>> {
    if count == 1 {
        return Ok(None);
    }
    let total = start + count;
    let mut mask = vec![0f32; count * total];
    for (i, row) in mask.chunks_exact_mut(total).enumerate() {
        let position = start + i;
        row[position + 1..].fill(f32::NEG_INFINITY);
        if let Some(hidden) = window.and_then(|w| (position + 1).checked_sub(w)) {
            row[..hidden].fill(f32::NEG_INFINITY);
        }
    }
    Tensor::from_vec(mask, (count, total), &Device::Cpu).map(Some)
}

/// A fault inside the model's arithmetic.
pub(super) fn failed(error: candle_core::Error) -> Error {
    Error::internal(format!("the local language model failed: {error}"))
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::gguf_file;
    use candle_transformers::models::{quantized_llama, quantized_qwen2, quantized_qwen3};

    use super::*;
    use crate::providers::local::llm::tiny::tiny;

    const PROMPT: [u32; 7] = [3, 1, 4, 1, 5, 9, 2];

    fn reference(architecture: &str, path: &std::path::Path) -> Vec<f32> {
        let mut file = std::fs::File::open(path).unwrap();
        let content = gguf_file::Content::read(&mut file).unwrap();
        let prompt = Tensor::new(&PROMPT, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let cpu = &Device::Cpu;
        let scores = match architecture {
            "llama" => quantized_llama::ModelWeights::from_gguf(content, &mut file, cpu).unwrap().forward(&prompt, 0),
            "qwen2" => quantized_qwen2::ModelWeights::from_gguf(content, &mut file, cpu).unwrap().forward(&prompt, 0),
            _ => quantized_qwen3::ModelWeights::from_gguf(content, &mut file, cpu).unwrap().forward(&prompt, 0),
        };
        scores.unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn the_scores_are_those_of_the_reference_whole_and_in_parts() {
        let dir = tempfile::tempdir().unwrap();
        for architecture in ["llama", "qwen2", "qwen3"] {
            let path = dir.path().join(architecture);
            tiny(architecture, &path);
            let expected = reference(architecture, &path);
            let decoder = Decoder::read(&mut Gguf::open(&path).unwrap(), 512).unwrap();
            for cut in [7, 1, 3, 6] {
                let mut state = KvState::empty(None);
                let mut scores = Vec::new();
                for part in PROMPT.chunks(cut) {
                    scores = decoder.forward(part, &mut state).unwrap();
                }
                let off = scores.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(off < 1e-3, "{architecture} in parts of {cut}: {off} off\n{scores:?}\n{expected:?}");
            }
        }
    }

    #[test]
    fn an_architecture_that_is_not_supported_is_named_together_with_those_that_are() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mamba.gguf");
        tiny("mamba", &path);
        let error = Decoder::read(&mut Gguf::open(&path).unwrap(), 512).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains("mamba") && error.message().contains("qwen3"), "{error}");
    }

    #[test]
    fn keys_that_are_moved_back_are_those_of_their_new_places() {
        let dir = tempfile::tempdir().unwrap();
        for architecture in ["llama", "qwen2"] {
            let path = dir.path().join(architecture);
            tiny(architecture, &path);
            let decoder = Decoder::read(&mut Gguf::open(&path).unwrap(), 512).unwrap();
            let keys_of = |tokens: &[u32]| {
                let mut state = KvState::empty(None);
                decoder.forward(tokens, &mut state).unwrap();
                state.keys(0).unwrap()
            };
            // In the first layer keys know nothing of other tokens, only their place.
            let moved = decoder.moved_back(0, &keys_of(&PROMPT).narrow(1, 3, 4).unwrap(), 3).unwrap();
            let off = (moved - keys_of(&PROMPT[3..])).unwrap().abs().unwrap().max_all().unwrap();
            assert!(off.to_scalar::<f32>().unwrap() < 1e-5, "{architecture}");
        }
    }
}
