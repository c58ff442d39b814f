//! One turn at a time in each session, and how many are being saved.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{OwnedMutexGuard, watch};

use crate::id::SessionId;

type Gate = tokio::sync::Mutex<()>;

/// The sessions in which a turn is running in this process. Holds nothing for idle sessions.
#[derive(Clone, Default)]
pub(crate) struct SessionLocks(Arc<Mutex<HashMap<SessionId, Weak<Gate>>>>);

/// Leave to run a turn; dropped when the turn is over, however it ended.
pub(crate) struct SessionGuard {
    session: SessionId,
    gate: Option<OwnedMutexGuard<()>>,
    locks: Arc<Mutex<HashMap<SessionId, Weak<Gate>>>>,
}

impl SessionLocks {
    /// Waits until no other turn runs in the session. Waiters go in the order in which they came.
    pub(crate) async fn lock(&self, session: SessionId) -> SessionGuard {
        // Made before waiting, so that a waiter that is cancelled cleans up too.
        let mut guard = SessionGuard { session, gate: None, locks: Arc::clone(&self.0) };
        let gate = {
            let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let slot = gates.entry(session).or_default();
            slot.upgrade().unwrap_or_else(|| {
                let gate = Arc::new(Gate::default());
                *slot = Arc::downgrade(&gate);
                gate
            })
        };
        guard.gate = Some(gate.lock_owned().await);
        guard
    }
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        let mut gates = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.gate.take());
        if gates.get(&self.session).is_some_and(|gate| gate.strong_count() == 0) {
            gates.remove(&self.session);
        }
    }
}

/// How many turns are being saved.
#[derive(Clone, Default)]
pub(crate) struct Saving(watch::Sender<usize>);

impl Saving {
    /// One more, until the guard is dropped, wherever it goes.
    pub(crate) fn begin_owned(&self) -> impl Drop + Send + use<> {
        struct Guard(Saving);
        impl Drop for Guard {
            fn drop(&mut self) {
                self.0.0.send_modify(|count| *count -= 1);
            }
        }
        self.0.send_modify(|count| *count += 1);
        Guard(self.clone())
    }

    /// One more, until the guard is dropped.
    pub(crate) fn begin(&self) -> impl Drop + use<'_> {
        struct Guard<'a>(&'a Saving);
        impl Drop for Guard<'_> {
            fn drop(&mut self) {
                self.0.0.send_modify(|count| *count -= 1);
            }
        }
        self.0.send_modify(|count| *count += 1);
        Guard(self)
    }

    /// Waits until there is none.
    pub(crate) async fn none(&self) {
        // It fails only without a sender, and then nothing is being saved.
        let mut count = self.0.subscribe();
        let _gone = count.wait_for(|count| *count == 0).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_turn_waits_and_nothing_is_kept_afterwards() {
        let locks = SessionLocks::default();
        let session = SessionId::new();
        let first = locks.lock(session).await;
        let mut second = Box::pin(locks.lock(session));
        assert!(futures_util::FutureExt::now_or_never(&mut second).is_none());
        drop(first);
        drop(second.await);
        assert!(locks.0.lock().unwrap().is_empty());
    }
}
