//! One turn at a time in each session, and how many are being saved.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::sync::{OwnedMutexGuard, watch};

use crate::id::{OrganizationId, SessionId};

type Gate = tokio::sync::Mutex<()>;
type Slots = HashMap<SessionId, Slot>;

/// Whose a session is.
pub(super) type Owner = (Option<OrganizationId>, Option<String>);

/// The sessions in which a turn is running in this process. Holds nothing for idle sessions.
#[derive(Clone, Default)]
pub(crate) struct SessionLocks(Arc<Mutex<Slots>>);

#[derive(Default)]
struct Slot {
    gate: Weak<Gate>,
    /// Whose it is, of a session whose first turn runs: no store knows it yet.
    begun_by: Option<Owner>,
}

/// Leave to run a turn; dropped when the turn is over, however it ended.
pub(crate) struct SessionGuard {
    session: SessionId,
    gate: Option<OwnedMutexGuard<()>>,
    locks: SessionLocks,
}

impl SessionLocks {
    /// Waits until no other turn runs in the session. Waiters go in the order in which they came.
    pub(crate) async fn lock(&self, session: SessionId) -> SessionGuard {
        // Made before waiting, so that a waiter that is cancelled cleans up too.
        let mut guard = SessionGuard { session, gate: None, locks: self.clone() };
        let gate = {
            let mut slots = self.slots();
            let slot = slots.entry(session).or_default();
            slot.gate.upgrade().unwrap_or_else(|| {
                let gate = Arc::new(Gate::default());
                slot.gate = Arc::downgrade(&gate);
                gate
            })
        };
        guard.gate = Some(gate.lock_owned().await);
        guard
    }

    /// The same for the first turn of a session, whose id is new.
    pub(super) async fn begin(&self, session: SessionId, owner: Owner) -> SessionGuard {
        let guard = self.lock(session).await;
        if let Some(slot) = self.slots().get_mut(&session) {
            slot.begun_by = Some(owner);
        }
        guard
    }

    /// Whether the first turn of a session runs, and the session is this owner's.
    pub(super) fn is_begun_by(&self, session: SessionId, owner: &Owner) -> bool {
        self.slots().get(&session).is_some_and(|slot| slot.begun_by.as_ref() == Some(owner))
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        let mut slots = self.locks.slots();
        drop(self.gate.take());
        if slots.get(&self.session).is_some_and(|slot| slot.gate.strong_count() == 0) {
            slots.remove(&self.session);
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
