//! The sound of an utterance while it is spoken, for a host that listens.

use std::sync::Arc;

use futures_util::{FutureExt, StreamExt};
use tokio::sync::{Mutex, OwnedMutexGuard};
use voice_core::provider::SpokenSound;

use crate::{Call, Outcome, runtime};

/// The sound of one utterance as it is spoken: 16 kHz mono, taken piece by piece. Cheap to clone.
///
/// It comes at the pace at which it is spoken, and waits while it is not taken: about half a second of it with the host, the
/// rest with the library. A host that takes none for the idle time-out counts as failed. It ends with the utterance, and
/// when nobody wants the words any more.
#[derive(Clone)]
pub struct Sound(Arc<Mutex<State>>);

struct State {
    stream: SpokenSound,
    /// Samples that were to be taken, and were not.
    ready: Vec<i16>,
    over: bool,
}

/// A piece of the sound. Nobody else gets later ones until this is taken or dropped; dropped, it comes again.
pub struct Piece {
    samples: Vec<i16>,
    state: OwnedMutexGuard<State>,
}

impl Piece {
    /// Its samples, at least one; `None`: the sound is over.
    #[must_use]
    pub fn into_samples(mut self) -> Option<Vec<i16>> {
        Some(std::mem::take(&mut self.samples)).filter(|samples| !samples.is_empty())
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if !self.samples.is_empty() {
            let later = std::mem::replace(&mut self.state.ready, std::mem::take(&mut self.samples));
            self.state.ready.extend(later);
        }
    }
}

impl Sound {
    pub(crate) fn new(stream: SpokenSound) -> Self {
        Self(Arc::new(Mutex::new(State { stream, ready: Vec::new(), over: false })))
    }

    /// Waits for the next sound: whatever is there comes at once. Cancelling the call loses nothing.
    pub fn next(&self) -> Call<Piece> {
        let taking = self.clone().take();
        Call::waiting(async move { Ok(taking.await) })
    }

    /// Waits for sound on this thread and copies as much of it as there is room for; gives how many samples. 0: the sound is over,
    /// or there is no room.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` when the system gives no threads. Panics on a thread that runs the library's tasks.
    pub fn read(&self, room: &mut [i16]) -> Outcome<usize> {
        if room.is_empty() {
            return Ok(0);
        }
        let mut piece = runtime::handle()?.block_on(self.clone().take());
        let count = piece.samples.len().min(room.len());
        room[..count].copy_from_slice(&piece.samples[..count]);
        piece.samples.drain(..count);
        Ok(count)
    }

    async fn take(self) -> Piece {
        let mut state = self.0.lock_owned().await;
        let samples = std::mem::take(&mut state.ready);
        let mut piece = Piece { samples, state };
        while !piece.state.over {
            // Only the first one is waited for.
            let next = match piece.state.stream.next().now_or_never() {
                Some(next) => next,
                None if piece.samples.is_empty() => piece.state.stream.next().await,
                None => break,
            };
            match next {
                Some(pcm) => piece.samples.extend_from_slice(pcm.samples()),
                None => piece.state.over = true,
            }
        }
        piece
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use voice_core::Pcm;

    use super::*;

    fn spoken(pieces: &[&[i16]]) -> Sound {
        let pieces: Vec<_> = pieces.iter().map(|&samples| Pcm::new(samples, 16_000)).collect();
        Sound::new(stream::iter(pieces).boxed())
    }

    #[test]
    fn what_waits_comes_at_once_and_then_the_end_comes_again_and_again() {
        let sound = spoken(&[&[1, 2], &[3]]);
        assert_eq!(sound.next().wait().ok().and_then(Piece::into_samples), Some(vec![1, 2, 3]));
        for _ in 0..2 {
            assert_eq!(sound.next().wait().ok().map(Piece::into_samples), Some(None));
        }
    }

    #[test]
    fn a_piece_that_nobody_took_comes_again() {
        let sound = spoken(&[&[1, 2], &[3]]);
        drop(sound.next().wait());
        assert_eq!(sound.next().wait().ok().and_then(Piece::into_samples), Some(vec![1, 2, 3]));
    }

    #[test]
    fn what_there_is_no_room_for_is_read_next() {
        let sound = spoken(&[&[1, 2], &[3]]);
        let mut room = [0; 2];
        assert_eq!((sound.read(&mut room).ok(), room), (Some(2), [1, 2]));
        assert_eq!(sound.read(&mut []).ok(), Some(0));
        assert_eq!((sound.read(&mut room).ok(), room[0]), (Some(1), 3));
        assert_eq!(sound.read(&mut room).ok(), Some(0));
    }
}
