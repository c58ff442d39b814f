//! The recording of a live session: the user on the left, the agent on the right, along the wall clock, written away while the
//! conversation runs.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{reference::Reference, track::Track};
use crate::{
    audio::{Pcm, SPEECH_RATE, StreamEncoder},
    error::{Error, Result},
    id::{SessionId, TurnId},
    store::{BlobRef, live_key_of},
    turn::Recordings,
};

/// How far behind the conversation the recording is written, so that late sound finds its place.
const BEHIND: Duration = Duration::from_millis(500);
/// How much is written at once.
const PIECE: Duration = Duration::from_secs(1);
/// How many pieces may wait for the store: a store that is slower than speech for longer ends the recording.
const WAITING: usize = 30;
/// How long the end of the session waits for the store.
const LAST_PIECES: Duration = Duration::from_secs(5);
/// What is played lies where its times say.
const EXACT: Duration = Duration::from_millis(1);

/// Records one session.
pub(super) struct Recorder {
    user: Track,
    agent: Reference,
    encoder: Option<StreamEncoder>,
    pieces: Option<mpsc::Sender<Result<Bytes>>>,
    writing: JoinHandle<Result<BlobRef>>,
    /// Samples written so far.
    written: u64,
}

fn count(time: Duration) -> u64 {
    (time.as_secs_f64() * f64::from(SPEECH_RATE)).round() as u64
}

fn time(samples: u64) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(SPEECH_RATE))
}

impl Recorder {
    /// Begins to record. The name of the recording tells when.
    pub(super) fn begin(recordings: &Recordings, session: SessionId) -> Result<Self> {
        let format = recordings.format;
        let key = live_key_of(session, TurnId::new(), format.extension())?;
        let (encoder, head) = StreamEncoder::new(format, SPEECH_RATE, 2)?;
        let (pieces, coming) = mpsc::channel(WAITING);
        let first = stream::once(async { Ok(Bytes::from(head)) });
        let rest = stream::unfold(coming, |mut coming| async { Some((coming.recv().await?, coming)) });
        let store = std::sync::Arc::clone(&recordings.store);
        let writing = tokio::spawn(async move { store.put(&key, first.chain(rest).boxed()).await });
        Ok(Self {
            user: Track::new(),
            agent: Reference::new(EXACT),
            encoder: Some(encoder),
            pieces: Some(pieces),
            writing,
            written: 0,
        })
    }

    /// The user's sound at the rate of speech, the last sample of which is spoken `now`.
    pub(super) fn heard(&mut self, samples: &[i16], now: Duration) {
        self.user.push(samples, count(now));
    }

    /// This was given out and begins to be heard at `from`.
    pub(super) fn played(&mut self, pcm: &Pcm, from: Duration) {
        self.agent.given(pcm, from);
    }

    /// What was given out and is not heard by `now` will not be heard.
    pub(super) fn cleared(&mut self, now: Duration) {
        self.agent.cut(now);
    }

    /// When the next piece is due.
    pub(super) fn due(&self) -> Option<Duration> {
        self.pieces.as_ref().map(|_| time(self.written) + PIECE + BEHIND)
    }

    /// Writes what is due.
    pub(super) fn advance(&mut self, now: Duration) {
        while self.due().is_some_and(|due| due <= now) {
            self.write(count(PIECE));
        }
    }

    fn write(&mut self, samples: u64) {
        let until = time(self.written + samples);
        self.written += samples;
        let left = self.user.take(samples as usize);
        let right = self.agent.heard(samples as usize, until);
        let both: Vec<i16> = left.into_iter().zip(right).flat_map(|(left, right)| [left, right]).collect();
        let encoded = self.encoder.as_mut().map_or_else(|| Ok(Vec::new()), |encoder| encoder.push(&both));
        self.send(encoded);
    }

    fn send(&mut self, bytes: Result<Vec<u8>>) {
        let fault = match bytes {
            Ok(bytes) if bytes.is_empty() => None,
            Ok(bytes) => self
                .pieces
                .as_ref()
                .and_then(|pieces| pieces.try_send(Ok(bytes.into())).err())
                .map(|_| Error::internal("the store takes the recording more slowly than it is spoken")),
            Err(error) => Some(error),
        };
        if let Some(error) = fault {
            tracing::warn!(kind = ?error.kind(), %error, "the session goes on without its recording");
            // The store must not take what is there for the whole.
            self.writing.abort();
            self.pieces = None;
        }
    }

    /// Forgets the recording: the store keeps nothing of it.
    pub(super) fn discard(self) {
        self.writing.abort();
    }

    /// Ends the recording here. `None`: it could not be kept.
    pub(super) async fn finish(mut self, now: Duration) -> Option<BlobRef> {
        let last = count(now).saturating_sub(self.written);
        if self.pieces.is_some() && last > 0 {
            self.write(last);
        }
        if let Some(encoder) = self.encoder.take() {
            self.send(encoder.finish());
        }
        self.pieces.take()?;
        match tokio::time::timeout(LAST_PIECES, &mut self.writing).await {
            Ok(Ok(Ok(blob))) => Some(blob),
            Ok(Ok(Err(error))) => {
                tracing::warn!(kind = ?error.kind(), %error, "the recording of a live session could not be kept");
                None
            }
            Ok(Err(_)) | Err(_) => {
                self.writing.abort();
                tracing::warn!("the recording of a live session could not be kept in time");
                None
            }
        }
    }
}
