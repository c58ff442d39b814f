//! A live session as frames for a connection of the host's, a WebSocket for example.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex as Lock, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::sync::{Mutex, Notify};
pub use voice_core::live::wire::Frame;
use voice_core::{
    Error, ErrorKind,
    live::wire::{ClientMessage, Wire},
};

use crate::{Call, LiveSession, Outcome, call::patient};

/// How many answers to faulty frames may wait for the client. A client that sends nothing else hears no more of them.
const FAULTS: usize = 16;

/// A live session that speaks to its client in frames: what comes from the connection is received, what is pulled is sent. Cheap
/// to clone.
///
/// It takes the session's events. The session's own calls (`say`, `interrupt`, …) go on working beside it.
#[derive(Clone)]
pub struct LiveWire {
    live: LiveSession,
    wire: Arc<Mutex<Wire>>,
    faults: Arc<Faults>,
}

/// What the client is told about frames that could not be accepted.
#[derive(Default)]
struct Faults {
    waiting: Lock<VecDeque<Frame>>,
    came: Notify,
}

impl Faults {
    fn tell(&self, error: &Error) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < FAULTS {
            waiting.push_back(Wire::error(error));
            self.came.notify_one();
        }
    }

    fn take(&self) -> Option<Frame> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl LiveSession {
    /// The session as frames. One for a session: the first frame tells the client that it is connected.
    ///
    /// # Errors
    /// `INVALID_REQUEST` in a process that was forked off.
    pub fn wire(&self) -> Outcome<LiveWire> {
        let wire = Arc::new(Mutex::new(self.here()?.wire()));
        Ok(LiveWire { live: self.clone(), wire, faults: Arc::default() })
    }
}

impl LiveWire {
    /// Takes what came from the client. What is wrong with it is told to the client, and the session goes on; after the end of
    /// the session it is nobody's concern.
    ///
    /// # Errors
    /// `INVALID_REQUEST` in a process that was forked off.
    pub fn receive(&self, frame: &Frame) -> Outcome<()> {
        let session = self.live.here()?;
        match ClientMessage::from_frame(frame).and_then(|message| session.receive(message)) {
            Err(error) if error.kind() != ErrorKind::Closed => self.faults.tell(&error),
            _ => {}
        }
        Ok(())
    }

    /// Waits for the next frames for the client, at least one and at most `max`: whatever is there comes at once. Empty: the
    /// session is over, and its last frame was taken.
    pub fn next_batch(&self, max: usize) -> Call<Vec<Frame>> {
        self.next_within(max, None)
    }

    /// The same for as long as `patience`; `None`: for as long as it takes.
    ///
    /// # Errors
    /// `TIMEOUT` when nothing happened: ask again.
    pub fn next_within(&self, max: usize, patience: Option<Duration>) -> Call<Vec<Frame>> {
        let this = self.clone();
        Call::waiting(patient(patience, async move { this.wait(max.max(1)).await }))
    }

    /// Waits only while it has no frame yet: giving up loses none.
    async fn wait(&self, max: usize) -> Outcome<Vec<Frame>> {
        let session = self.live.here()?;
        let (mut wire, mut events) = (self.wire.lock().await, self.live.events.lock().await);
        let mut frames = Vec::new();
        while frames.len() < max && !events.over {
            if let Some(fault) = self.faults.take() {
                frames.push(fault);
                continue;
            }
            let event = match session.next().now_or_never() {
                Some(event) => event,
                None if frames.is_empty() => tokio::select! {
                    event = session.next() => event,
                    () = self.faults.came.notified() => continue,
                },
                None => break,
            };
            events.note(event.as_ref());
            frames.extend(event.and_then(|event| wire.encode(&event)));
        }
        Ok(frames)
    }
}
