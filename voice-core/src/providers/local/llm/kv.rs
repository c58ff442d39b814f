//! What a model remembers of the tokens it has read, and which of it is kept for the next turn.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Result, Tensor};

use super::decoder::{Decoder, Shape};
use crate::id::SessionId;

/// Room is added in steps of this many tokens, so that reading a token rarely copies.
const STEP: usize = 256;

/// Fewer tokens than this are not worth being moved: they are read about as fast.
const FEWEST_MOVED: usize = 32;

/// The keys and values of the tokens read so far, and those tokens.
pub(super) struct KvState {
    tokens: Vec<u32>,
    /// The session whose prompt it is; none for a prompt of no session.
    session: Option<SessionId>,
    /// So many of the tokens at the beginning know of nothing but those before them; what follows was moved, or read behind
    /// what was.
    exact: usize,
    capacity: usize,
    /// For each layer keys and values, `[kv_heads, capacity, head_dim]`.
    layers: Vec<(Tensor, Tensor)>,
}

impl KvState {
    /// Nothing read yet.
    pub(super) fn empty(session: Option<SessionId>) -> Self {
        Self { tokens: Vec::new(), session, exact: usize::MAX, capacity: 0, layers: Vec::new() }
    }

    /// How many tokens were read.
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The keys of a layer, `[kv_heads, tokens, head_dim]`.
    #[cfg(test)]
    pub(super) fn keys(&self, layer: usize) -> Result<Tensor> {
        self.layers[layer].0.narrow(1, 0, self.len())
    }

    /// The size of the keys and values, in bytes.
    fn bytes(&self) -> usize {
        self.layers.iter().map(|(k, v)| (k.elem_count() + v.elem_count()) * size_of::<f32>()).sum()
    }

    /// The size of the keys and values of one token, in bytes.
    pub(super) fn bytes_per_token(shape: &Shape) -> usize {
        2 * shape.layers * shape.kv_heads * shape.head_dim * size_of::<f32>()
    }

    /// Makes room for `more` tokens.
    pub(super) fn reserve(&mut self, shape: &Shape, more: usize) -> Result<()> {
        let needed = self.len() + more;
        if needed > self.capacity || self.layers.is_empty() {
            *self = self.start_of(shape, self.len(), needed)?;
        }
        Ok(())
    }

    /// The state after only the first `count` tokens, with room for `room` in all.
    fn start_of(&self, shape: &Shape, count: usize, room: usize) -> Result<Self> {
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
        let exact = if count <= self.exact { usize::MAX } else { self.exact };
        Ok(Self { tokens: self.tokens[..count].to_vec(), session: self.session, exact, capacity, layers })
    }

    /// Adds what `from` holds from token `at` on, `count` tokens of it, to the end of this one.
    ///
    /// Keys are turned to their new places. What they and the values say of the tokens that are left out stays in them.
    fn add_moved(&mut self, decoder: &Decoder, from: &Self, at: usize, count: usize) -> Result<()> {
        let (end, back) = (self.len(), at - self.len());
        self.exact = self.exact.min(end);
        for (i, ((keys, values), (k, v))) in self.layers.iter().zip(&from.layers).enumerate() {
            keys.slice_set(&decoder.moved_back(i, &k.narrow(1, at, count)?, back)?, 1, end)?;
            values.slice_set(&v.narrow(1, at, count)?.contiguous()?, 1, end)?;
        }
        self.commit(&from.tokens[at..at + count]);
        Ok(())
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

/// What of a kept state a prompt has, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Overlap {
    /// So many tokens at the beginning of both.
    same: usize,
    /// Behind them the prompt leaves so many of the state's out …
    left_out: usize,
    /// … and goes on with so many that follow.
    moved: usize,
}

impl Overlap {
    fn known(self) -> usize {
        self.same + self.moved
    }

    /// The longest one that begins at the beginning of both.
    fn of_beginning(tokens: &[u32], prompt: &[u32]) -> Self {
        Self { same: shared(tokens, prompt), ..Self::default() }
    }

    /// The longest one with at most one gap: as when the oldest messages of a conversation are shown no more.
    fn with_gap(tokens: &[u32], prompt: &[u32]) -> Self {
        let whole = Self::of_beginning(tokens, prompt);
        let same = whole.same;
        let after = |left_out| Self { left_out, moved: shared(&tokens[same + left_out..], &prompt[same..]), ..whole };
        let longest = (1..tokens.len() - same).map(after).max_by_key(|overlap| overlap.moved);
        longest.filter(|overlap| same > 0 && overlap.moved >= FEWEST_MOVED).unwrap_or(whole)
    }
}

/// How many tokens are the same at the beginning of both.
fn shared(some: &[u32], others: &[u32]) -> usize {
    some.iter().zip(others).take_while(|(a, b)| a == b).count()
}

/// The states of the last prompts, so that of a new prompt only what is new is read.
///
/// A kept state is never changed: whoever starts from one copies what it needs, so sessions cannot disturb each other. A
/// prompt without the oldest messages of its own session's last one goes on from what followed them. Of other sessions'
/// states only the beginning is taken, which knows nothing of what comes after it, nor of what was once left out.
pub(super) struct PrefixCache {
    max_bytes: usize,
    /// Least recently used first.
    states: Mutex<Vec<Arc<KvState>>>,
}

impl PrefixCache {
    /// A cache of at most `max_bytes` of keys and values, or of one whole context where that is more.
    pub(super) fn new(max_bytes: usize, shape: &Shape) -> Self {
        Self { max_bytes: max_bytes.max(KvState::bytes_per_token(shape) * shape.context), states: Mutex::default() }
    }

    /// A state to read the rest of `prompt` into, with room for all of it and `more`: what is known of it. At least the
    /// last token of the prompt is left to be read, since its scores are wanted.
    pub(super) fn start(
        &self,
        decoder: &Decoder,
        prompt: &[u32],
        session: Option<SessionId>,
        more: usize,
    ) -> Result<KvState> {
        let known = &prompt[..prompt.len().saturating_sub(1)];
        let Some((from, overlap)) = self.most_known(known, session) else { return Ok(KvState::empty(session)) };
        let mut state = from.start_of(decoder.shape(), overlap.same, prompt.len() + more)?;
        if overlap.moved > 0 {
            state.add_moved(decoder, &from, overlap.same + overlap.left_out, overlap.moved)?;
        }
        state.session = session;
        Ok(state)
    }

    /// The kept state that has most of `prompt`.
    fn most_known(&self, prompt: &[u32], session: Option<SessionId>) -> Option<(Arc<KvState>, Overlap)> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let overlap = |s: &KvState| {
            if session.is_some() && s.session == session {
                return Overlap::with_gap(&s.tokens, prompt);
            }
            Overlap::of_beginning(&s.tokens[..s.exact.min(s.len())], prompt)
        };
        let (best, overlap) =
            states.iter().map(|s| overlap(s)).enumerate().max_by_key(|(_, overlap)| overlap.known())?;
        if overlap.known() == 0 {
            return None;
        }
        let state = states.remove(best);
        states.push(state.clone());
        Some((state, overlap))
    }

    /// Keeps a state, unless one that goes on from it is kept; what it continues is dropped, and then the least recently
    /// used until all fit.
    pub(super) fn keep(&self, state: KvState) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        if states.iter().any(|s| s.session == state.session && s.tokens.starts_with(&state.tokens)) {
            return;
        }
        states.retain(|s| !state.tokens.starts_with(&s.tokens));
        states.push(Arc::new(state));
        let mut bytes: usize = states.iter().map(|s| s.bytes()).sum();
        // The newest stays even if it is too large alone: the next turn of its session starts from it.
        while bytes > self.max_bytes && states.len() > 1 {
            bytes -= states.remove(0).bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_without_the_oldest_messages_has_all_that_followed_them() {
        let system: Vec<u32> = (0..50).collect();
        let (oldest, later): (Vec<u32>, Vec<u32>) = ((100..120).collect(), (200..260).collect());
        let read = [&system[..], &oldest, &later].concat();
        let prompt = [&system[..], &later, &[300, 301]].concat();
        let overlap = Overlap::with_gap(&read, &prompt);
        assert_eq!(overlap, Overlap { same: 50, left_out: 20, moved: 60 });
        assert_eq!(Overlap::of_beginning(&read, &prompt).known(), 50);
    }

    #[test]
    fn what_was_left_out_of_a_session_is_felt_in_no_other() {
        let cache = PrefixCache { max_bytes: 0, states: Mutex::default() };
        let mine = Some(SessionId::new());
        let tokens: Vec<u32> = (0..100).collect();
        cache.keep(KvState { tokens: tokens.clone(), exact: 50, ..KvState::empty(mine) });
        let known = |session| cache.most_known(&tokens, session).map(|(_, overlap)| overlap.known());
        assert_eq!(known(mine), Some(100));
        assert_eq!(known(Some(SessionId::new())), Some(50));
        assert_eq!(known(None), Some(50));
    }

    #[test]
    fn a_few_tokens_that_happen_to_be_the_same_are_not_moved() {
        let read: Vec<u32> = (0..100).collect();
        let prompt = [&read[..50], &read[70..80]].concat();
        assert_eq!(Overlap::with_gap(&read, &prompt), Overlap { same: 50, ..Overlap::default() });
        assert_eq!(Overlap::with_gap(&read, &read), Overlap { same: 100, ..Overlap::default() });
        assert_eq!(Overlap::with_gap(&read, &read[60..]).known(), 0, "a prompt begins with what it began with");
    }
}
