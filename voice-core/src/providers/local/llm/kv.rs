//! What a model remembers of the tokens it has read, and which of it is kept for the next turn.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Result, Tensor};

use super::decoder::Shape;

/// Room is added in steps of this many tokens, so that reading a token rarely copies.
const STEP: usize = 256;

/// The keys and values of the tokens read so far, and those tokens.
pub(super) struct KvState {
    tokens: Vec<u32>,
    capacity: usize,
    /// For each layer keys and values, `[kv_heads, capacity, head_dim]`.
    layers: Vec<(Tensor, Tensor)>,
}

impl KvState {
    /// Nothing read yet.
    pub(super) fn empty() -> Self {
        Self { tokens: Vec::new(), capacity: 0, layers: Vec::new() }
    }

    /// How many tokens were read.
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The size of the keys and values, in bytes.
    fn bytes(&self) -> usize {
        self.layers.iter().map(|(k, v)| (k.elem_count() + v.elem_count()) * size_of::<f32>()).sum()
    }

    /// Makes room for `more` tokens.
    pub(super) fn reserve(&mut self, shape: &Shape, more: usize) -> Result<()> {
        let needed = self.len() + more;
        if needed > self.capacity || self.layers.is_empty() {
            *self = self.copy_of(shape, self.len(), needed)?;
        }
        Ok(())
    }

    /// The state after only the first `count` tokens, with room for `room` in all.
    pub(super) fn copy_of(&self, shape: &Shape, count: usize, room: usize) -> Result<Self> {
        let capacity = room.next_multiple_of(STEP).min(shape.context.max(room));
        let dims = (shape.kv_heads, capacity, shape.head_dim);
        let mut layers = Vec::with_capacity(shape.layers);
        for i in 0..shape.layers {
            let fresh = || Tensor::zeros(dims, DType::F32, &Device::Cpu);
            let (keys, values) = (fresh()?, fresh()?);
            if let Some((k, v)) = self.layers.get(i).filter(|_| count > 0) {
                keys.slice_set(&k.narrow(1, 0, count)?.contiguous()?, 1, 0)?;
                values.slice_set(&v.narrow(1, 0, count)?.contiguous()?, 1, 0)?;
            }
            layers.push((keys, values));
        }
        Ok(Self { tokens: self.tokens[..count].to_vec(), capacity, layers })
    }

    /// Adds the keys and values of new tokens to a layer; gives all of that layer's.
    pub(super) fn append(&mut self, layer: usize, keys: &Tensor, values: &Tensor) -> Result<(Tensor, Tensor)> {
        let (start, total) = (self.len(), self.len() + keys.dim(1)?);
        let (all_keys, all_values) = &self.layers[layer];
        all_keys.slice_set(&keys.contiguous()?, 1, start)?;
        all_values.slice_set(&values.contiguous()?, 1, start)?;
        Ok((all_keys.narrow(1, 0, total)?, all_values.narrow(1, 0, total)?))
    }

    /// Records that every layer has taken in `tokens`.
    pub(super) fn commit(&mut self, tokens: &[u32]) {
        self.tokens.extend_from_slice(tokens);
    }
}

/// The states of the last prompts, so that a new prompt is read only from where it differs from all of them.
///
/// A kept state is never changed: whoever starts from one copies what it needs, so sessions cannot disturb each other.
pub(super) struct PrefixCache {
    max_bytes: usize,
    /// Least recently used first.
    states: Mutex<Vec<Arc<KvState>>>,
}

impl PrefixCache {
    /// A cache of at most `max_bytes` of keys and values.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, states: Mutex::default() }
    }

    /// The kept state that shares the longest start with `prompt`, and how many tokens they share. At least the last
    /// token of the prompt is left to be read, since its scores are wanted.
    pub(super) fn longest_prefix(&self, prompt: &[u32]) -> Option<(Arc<KvState>, usize)> {
        let most = prompt.len().saturating_sub(1);
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = |s: &KvState| s.tokens.iter().zip(&prompt[..most]).take_while(|(a, b)| a == b).count();
        let (best, count) = states.iter().map(|s| shared(s)).enumerate().max_by_key(|(_, count)| *count)?;
        if count == 0 {
            return None;
        }
        let state = states.remove(best);
        states.push(state.clone());
        Some((state, count))
    }

    /// Keeps a state; what it continues is dropped, and then the least recently used until all fit.
    pub(super) fn keep(&self, state: KvState) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.retain(|s| !state.tokens.starts_with(&s.tokens));
        states.push(Arc::new(state));
        let mut bytes: usize = states.iter().map(|s| s.bytes()).sum();
        // The newest stays even if it is too large alone: the next turn of its session starts from it.
        while bytes > self.max_bytes && states.len() > 1 {
            bytes -= states.remove(0).bytes();
        }
    }
}
