//! A live session as frames for a connection of the host's, a WebSocket for example.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex as Lock, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::sync::{Mutex, Notify};
pub use voice_core::live::wire::Frame;
use voice_core::{
    Error, ErrorKind, LiveEvent,
    live::wire::{ClientMessage, Wire},
    telephony::PhoneWire,
};

use crate::{Call, LiveSession, Outcome, call::patient};

/// How many answers to faulty frames may wait for the client. A client that sends nothing else hears no more of them.
const FAULTS: usize = 16;
/// How many frames of keys may wait for a carrier.
const PRESSED: usize = 64;

/// A live session that speaks to its client in frames: what comes from the connection is received, what is pulled is sent. Cheap
/// to clone. The client is one of the library's own protocol, or a carrier of telephone calls.
///
/// It takes the session's events. The session's own calls (`say`, `interrupt`, …) go on working beside it.
#[derive(Clone)]
pub struct LiveWire {
    live: LiveSession,
    protocol: Protocol,
    ready: Arc<Mutex<VecDeque<Frame>>>,
    asides: Arc<Asides>,
}

/// What the client speaks.
#[derive(Clone)]
enum Protocol {
    Own(Arc<Lock<Wire>>),
    Phone(Arc<Lock<PhoneWire>>),
}

impl Protocol {
    fn encode(&self, event: &LiveEvent) -> VecDeque<Frame> {
        match self {
            Self::Own(wire) => locked(wire).encode(event).into_iter().collect(),
            Self::Phone(phone) => locked(phone).encode(event).into(),
        }
    }
}

fn locked<T>(lock: &Lock<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the client is told beside the session's events.
#[derive(Default)]
struct Asides {
    waiting: Lock<VecDeque<Frame>>,
    came: Notify,
}

impl Asides {
    /// Whether there was room for it among so many.
    fn tell(&self, frame: Frame, most: usize) -> bool {
        let mut waiting = locked(&self.waiting);
        let has_room = waiting.len() < most;
        if has_room {
            waiting.push_back(frame);
            self.came.notify_one();
        }
        has_room
    }

    fn take(&self) -> Option<Frame> {
        locked(&self.waiting).pop_front()
    }
}

impl LiveSession {
    /// The session as frames. One for a session: the first frame tells the client that it is connected.
    ///
    /// # Errors
    /// `INVALID_REQUEST` in a process that was forked off.
    pub fn wire(&self) -> Outcome<LiveWire> {
        Ok(self.speaking(Protocol::Own(Arc::new(Lock::new(self.here()?.wire())))))
    }

    /// The session as the frames of a carrier of telephone calls: `twilio`, `plivo`, `vobiz`, `exotel`, `telnyx`, `vonage`; `auto`
    /// tells which it is from its first messages. One for a session. The session is silent until the carrier says that its media
    /// stream begins, and ends when the carrier says that it ended.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for any other name; `INVALID_REQUEST` after the end, and in a process that was forked off.
    pub fn phone(&self, protocol: &str) -> Outcome<LiveWire> {
        let protocol = if protocol == "auto" { None } else { Some(protocol.parse()?) };
        let phone = PhoneWire::new(self.here()?, protocol)?;
        Ok(self.speaking(Protocol::Phone(Arc::new(Lock::new(phone)))))
    }

    fn speaking(&self, protocol: Protocol) -> LiveWire {
        LiveWire { live: self.clone(), protocol, ready: Arc::default(), asides: Arc::default() }
    }
}

impl LiveWire {
    /// Takes what came from the client. What is wrong with it is told to the client, or logged where that is a carrier, and the
    /// session goes on; after the end of the session it is nobody's concern.
    ///
    /// # Errors
    /// `INVALID_REQUEST` in a process that was forked off.
    pub fn receive(&self, frame: &Frame) -> Outcome<()> {
        let session = self.live.here()?;
        let done = match &self.protocol {
            Protocol::Own(_) => ClientMessage::from_frame(frame).and_then(|message| session.receive(message)),
            Protocol::Phone(phone) => locked(phone).receive(session, frame),
        };
        match (done, &self.protocol) {
            (Ok(()), _) => {}
            (Err(error), _) if error.kind() == ErrorKind::Closed => {}
            (Err(error), Protocol::Own(_)) => {
                // A client that sends nothing else hears no more of it.
                let _told = self.asides.tell(Wire::error(&error), FAULTS);
            }
            (Err(error), Protocol::Phone(phone)) if locked(phone).call().is_some() => {
                tracing::debug!(%error, "a carrier's message was not taken");
            }
            (Err(error), Protocol::Phone(_)) => tracing::warn!(%error, "no media stream of a call began"),
        }
        Ok(())
    }

    /// What a carrier said of the call, as JSON (see [`rooms`](crate::rooms) for its fields); `None` before the media stream began,
    /// and for a client of the library's own protocol.
    #[must_use]
    pub fn call(&self) -> Option<String> {
        match &self.protocol {
            Protocol::Own(_) => None,
            Protocol::Phone(phone) => serde_json::to_string(locked(phone).call()?).ok(),
        }
    }

    /// Has the carrier press keys of a telephone: `0`–`9`, `*`, `#`, `A`–`D`. They are sent with the next frames.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for what are no keys; `INVALID_REQUEST` (kind `unsupported`) where nobody takes them: only Plivo does, once
    /// its media stream began; `RATE_LIMIT_EXCEEDED` when nobody takes the frames; `INVALID_REQUEST` in a process that was forked off.
    pub fn press(&self, keys: &str) -> Outcome<()> {
        self.live.here()?;
        let Protocol::Phone(phone) = &self.protocol else {
            return Err(Error::new(ErrorKind::Unsupported, "there is no telephone on this connection").into());
        };
        let frame = locked(phone).press(keys)?;
        if self.asides.tell(frame, PRESSED) {
            return Ok(());
        }
        let full =
            Error::new(ErrorKind::RateLimited, "the keys that were pressed before are not sent yet; take the frames");
        Err(full.into())
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
        let (mut ready, mut events) = (self.ready.lock().await, self.live.events.lock().await);
        let mut frames = Vec::new();
        // What ends the session is the last that is said.
        while frames.len() < max && !(events.over && ready.is_empty()) {
            if let Some(frame) = ready.pop_front().or_else(|| self.asides.take()) {
                frames.push(frame);
                continue;
            }
            let event = match session.next().now_or_never() {
                Some(event) => event,
                None if frames.is_empty() => tokio::select! {
                    event = session.next() => event,
                    () = self.asides.came.notified() => continue,
                },
                None => break,
            };
            events.note(event.as_ref());
            if let Some(event) = event {
                *ready = self.protocol.encode(&event);
            }
        }
        Ok(frames)
    }
}
