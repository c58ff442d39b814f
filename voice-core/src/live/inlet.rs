//! The way of the user's sound and the host's commands into a session. Sound is held on the host's side until there is enough of it for
//! something to be noticed: a frame that completes nothing wakes nobody.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::sync::mpsc::{self, error::TrySendError};

use super::handle::Command;
use crate::error::{Error, ErrorKind, Result};

/// How many commands and pieces of sound may wait for the session.
const COMMANDS: usize = 512;

/// Sound that nobody was woken for, and how much of it is enough. It came after every command that was sent.
#[derive(Default)]
struct Held {
    samples: Vec<i16>,
    enough: usize,
}

impl Held {
    fn is_enough(&self) -> bool {
        !self.samples.is_empty() && self.samples.len() >= self.enough
    }

    fn take(&mut self) -> Option<Command> {
        let samples = std::mem::take(&mut self.samples);
        (!samples.is_empty()).then_some(Command::Audio(samples))
    }
}

/// The host's end.
pub(super) struct Inlet {
    commands: mpsc::Sender<Command>,
    held: Arc<Mutex<Held>>,
}

/// The session's end.
pub(super) struct Intake {
    commands: mpsc::Receiver<Command>,
    held: Arc<Mutex<Held>>,
    /// What the host's end knows to be enough.
    enough: usize,
}

pub(super) fn inlet() -> (Inlet, Intake) {
    let (sender, commands) = mpsc::channel(COMMANDS);
    let held = Arc::default();
    (Inlet { commands: sender, held: Arc::clone(&held) }, Intake { commands, held, enough: 0 })
}

/// Without what the user said.
impl std::fmt::Debug for Inlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inlet").field("commands", &self.commands).finish_non_exhaustive()
    }
}

impl Inlet {
    /// Takes the user's sound. Sound that is refused is not kept.
    pub(super) fn push(&self, samples: Vec<i16>) -> Result<()> {
        let mut held = lock(&self.held);
        let before = held.samples.len();
        if before == 0 {
            held.samples = samples;
        } else {
            held.samples.extend_from_slice(&samples);
        }
        let sent = match held.is_enough() {
            true => self.pass(&mut held),
            false if self.commands.is_closed() => Err(over()),
            false => Ok(()),
        };
        if sent.is_err() {
            held.samples.truncate(before);
        }
        sent
    }

    /// Sends a command after the sound that came before it.
    pub(super) fn send(&self, command: Command) -> Result<()> {
        let mut held = lock(&self.held);
        self.pass(&mut held)?;
        self.commands.try_send(command).map_err(refused)
    }

    /// The same, waiting for room.
    pub(super) async fn send_in_time(&self, command: Command) -> Result<()> {
        let room = self.commands.reserve().await.map_err(|_| over())?;
        // Under its lock: nothing that is pushed meanwhile overtakes it.
        if let Some(sound) = lock(&self.held).take() {
            room.send(sound);
        }
        self.commands.send(command).await.map_err(|_| over())
    }

    /// Passes on what is held.
    fn pass(&self, held: &mut Held) -> Result<()> {
        if held.samples.is_empty() {
            return Ok(());
        }
        let room = self.commands.try_reserve().map_err(refused)?;
        if let Some(sound) = held.take() {
            room.send(sound);
        }
        Ok(())
    }
}

impl Intake {
    /// What the host says next; `None`: it is gone. Sound comes once there are `enough` samples of it, or when something else was said
    /// after it.
    pub(super) fn poll_next(&mut self, enough: usize, cx: &mut Context<'_>) -> Poll<Option<Command>> {
        let next = self.commands.poll_recv(cx);
        if next.is_pending() && self.enough != enough {
            let mut held = lock(&self.held);
            held.enough = enough;
            // Else what was sent comes first, and this is asked again.
            if self.commands.is_empty() {
                self.enough = enough;
                if held.is_enough() {
                    return Poll::Ready(held.take());
                }
            }
        }
        next
    }

    /// Takes nothing more.
    pub(super) fn close(&mut self) {
        self.commands.close();
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused<T>(failed: TrySendError<T>) -> Error {
    match failed {
        TrySendError::Full(_) => Error::new(
            ErrorKind::RateLimited,
            format!("{COMMANDS} pieces of sound and commands are waiting already; push sound as fast as it is spoken"),
        )
        .with_retry_after(Duration::from_millis(20)),
        TrySendError::Closed(_) => over(),
    }
}

/// The session is over.
pub(super) fn over() -> Error {
    Error::new(ErrorKind::Closed, "the live session is over; start a new one")
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn next(intake: &mut Intake, enough: usize) -> Option<Vec<i16>> {
        match intake.poll_next(enough, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Command::Audio(samples))) => Some(samples),
            Poll::Ready(Some(Command::Commit)) => Some(Vec::new()),
            Poll::Ready(_) => panic!("something else came"),
            Poll::Pending => None,
        }
    }

    #[test]
    fn sound_comes_when_there_is_enough_of_it() {
        let (inlet, mut intake) = inlet();
        inlet.push(vec![1; 3]).unwrap();
        assert_eq!(next(&mut intake, 5), Some(vec![1; 3]), "nobody has said what is enough");
        assert_eq!(next(&mut intake, 5), None);
        inlet.push(vec![2; 3]).unwrap();
        assert_eq!(next(&mut intake, 5), None);
        inlet.push(vec![3; 3]).unwrap();
        assert_eq!(next(&mut intake, 5), Some(vec![2, 2, 2, 3, 3, 3]));
    }

    #[test]
    fn what_is_held_comes_at_once_when_less_is_enough() {
        let (inlet, mut intake) = inlet();
        assert_eq!(next(&mut intake, 5), None);
        inlet.push(vec![1; 3]).unwrap();
        assert_eq!(next(&mut intake, 4), None);
        assert_eq!(next(&mut intake, 3), Some(vec![1; 3]));
    }

    #[test]
    fn a_command_stands_between_the_sound_before_and_after_it() {
        let (inlet, mut intake) = inlet();
        assert_eq!(next(&mut intake, 5), None);
        inlet.push(vec![1; 3]).unwrap();
        inlet.send(Command::Commit).unwrap();
        inlet.push(vec![2; 3]).unwrap();
        assert_eq!(next(&mut intake, 1), Some(vec![1; 3]));
        assert_eq!(next(&mut intake, 1), Some(vec![]));
        assert_eq!(next(&mut intake, 1), Some(vec![2; 3]));
    }

    #[test]
    fn sound_that_is_refused_is_not_kept() {
        let (inlet, mut intake) = inlet();
        assert_eq!(next(&mut intake, 2), None);
        for _ in 0..COMMANDS {
            inlet.push(vec![1; 2]).unwrap();
        }
        inlet.push(vec![2]).unwrap();
        assert_eq!(inlet.push(vec![3]).unwrap_err().kind(), ErrorKind::RateLimited);
        assert_eq!(inlet.send(Command::Commit).unwrap_err().kind(), ErrorKind::RateLimited);
        for _ in 0..COMMANDS {
            assert_eq!(next(&mut intake, 2), Some(vec![1; 2]));
        }
        inlet.push(vec![4]).unwrap();
        assert_eq!(next(&mut intake, 2), Some(vec![2, 4]));
        intake.close();
        assert_eq!(inlet.push(vec![5]).unwrap_err().kind(), ErrorKind::Closed, "also when it would only be held");
    }
}
