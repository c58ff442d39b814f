//! One turn at a time in each session, also among the processes that share a store.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::{
    error::{Result, Stage},
    id::SessionId,
    store::{self, ConversationStore},
    time::{Clock, Timestamp},
};

/// How long a lease holds after its last renewal: as long as a session may stay blocked by a process that died. Must be well
/// above what the clocks of two machines may differ by.
const HELD: Duration = Duration::from_secs(30);
/// How often a lease is renewed while its turn runs.
const RENEWED: Duration = Duration::from_secs(10);
/// The first and the longest wait before a lease is asked for again.
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// A lease, renewed until it is given back. One that is dropped is given back in the background.
pub(crate) struct Lease {
    hold: Arc<Hold>,
    _renewing: DropGuard,
    given_back: bool,
}

struct Hold {
    store: Arc<dyn ConversationStore>,
    clock: Arc<dyn Clock>,
    session: SessionId,
    holder: Uuid,
}

impl Hold {
    async fn take(&self) -> Result<bool> {
        let now = self.clock.now();
        let until = now.checked_add(HELD).unwrap_or(Timestamp::MAX);
        self.store.try_lease(&store::Lease::new(self.session, self.holder, now, until)).await
    }
}

impl Lease {
    /// Waits until no other process runs a turn in the session. `None`: no other process can.
    pub(crate) async fn take(
        store: &Arc<dyn ConversationStore>,
        clock: &Arc<dyn Clock>,
        session: SessionId,
    ) -> Result<Option<Self>> {
        if !store.capabilities().shared_between_processes {
            return Ok(None);
        }
        let (store, clock) = (Arc::clone(store), Arc::clone(clock));
        let hold = Arc::new(Hold { store, clock, session, holder: Uuid::now_v7() });
        let renewing = CancellationToken::new();
        // Made before asking, so that a lease that comes after its asker was dropped is given back too.
        let lease = Self { hold, _renewing: renewing.clone().drop_guard(), given_back: false };
        let mut wait = FIRST_WAIT;
        while !lease.hold.take().await.map_err(|e| e.with_stage(Stage::Admit))? {
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        tokio::spawn(renew(Arc::clone(&lease.hold), renewing));
        Ok(Some(lease))
    }

    /// Gives it back.
    pub(crate) async fn give_back(mut self) {
        self.given_back = true;
        release(&self.hold).await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.given_back {
            return;
        }
        let hold = Arc::clone(&self.hold);
        // Without a runtime the lease runs out by itself.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { release(&hold).await });
        }
    }
}

async fn release(hold: &Hold) {
    if let Err(error) = hold.store.release(hold.session, hold.holder).await {
        tracing::debug!(code = error.code().as_str(), "a session's lease was not given back; it runs out by itself");
    }
}

async fn renew(hold: Arc<Hold>, stop: CancellationToken) {
    let renewing = async {
        loop {
            sleep(RENEWED).await;
            match hold.take().await {
                Ok(true) => {}
                Ok(false) => return tracing::warn!(session_id = %hold.session, "another process took over the session"),
                Err(error) => tracing::warn!(code = error.code().as_str(), "a session's lease was not renewed"),
            }
        }
    };
    tokio::select! {
        () = renewing => {}
        () = stop.cancelled() => {}
    }
}
