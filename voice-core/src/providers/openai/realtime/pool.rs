//! Connections that wait for their next use.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::StreamExt;
use serde_json::Value;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

use super::connection::Connection;

/// Connections on which nothing is going on. Each is kept alive by a small task that answers the server's pings and ends with
/// the pool.
pub(super) struct Pool {
    /// How many wait at most.
    most: usize,
    waiting: Mutex<Vec<Waiting>>,
}

struct Waiting {
    /// How its session is set up.
    session: Value,
    wanted: oneshot::Sender<()>,
    given: oneshot::Receiver<Connection>,
    good_until: Instant,
    /// A connection must not be used on the other side of a fork.
    process: u32,
}

impl Pool {
    /// A pool in which so many connections wait at most.
    pub(super) fn of(most: usize) -> Self {
        Self { most, waiting: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection with a session of this kind that was alive a moment ago, if any waits.
    pub(super) async fn take(&self, session: &Value) -> Option<Connection> {
        loop {
            let waiting = {
                let mut all = self.lock();
                let at = all.iter().rposition(|waiting| waiting.session == *session)?;
                all.remove(at)
            };
            if waiting.process != std::process::id() || Instant::now() >= waiting.good_until {
                continue;
            }
            if waiting.wanted.send(()).is_ok()
                && let Ok(connection) = waiting.given.await
            {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for its next use, unless it is too old. If enough wait already, the one that waits longest is closed.
    /// Must be called on a runtime.
    pub(super) fn put(&self, connection: Connection) {
        let mut pool = self.lock();
        pool.retain(|w| !w.wanted.is_closed());
        if Instant::now() >= connection.good_until {
            return;
        }
        if pool.len() >= self.most {
            pool.remove(0);
        }
        let (wanted, want) = oneshot::channel();
        let (give, given) = oneshot::channel();
        let (session, good_until) = (connection.session.clone(), connection.good_until);
        pool.push(Waiting { session, wanted, given, good_until, process: std::process::id() });
        tokio::spawn(keep(connection, want, give));
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} waiting)", self.lock().len())
    }
}

/// Reads what comes (pings are answered by reading) until the connection is wanted, dead, too old, or its pool is gone.
async fn keep(mut connection: Connection, mut want: oneshot::Receiver<()>, give: oneshot::Sender<Connection>) {
    let end = sleep_until(connection.good_until);
    tokio::pin!(end);
    loop {
        tokio::select! {
            wanted = &mut want => {
                if wanted.is_ok() {
                    // Nobody waiting any more means that the call was cancelled; the connection closes then.
                    let _ = give.send(connection);
                }
                return;
            }
            message = connection.socket.next() => match message {
                Some(Ok(message)) if !message.is_close() => {}
                _ => return,
            },
            () = &mut end => return,
        }
    }
}
