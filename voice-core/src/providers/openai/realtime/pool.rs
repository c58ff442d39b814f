//! Connections that wait for their next sentence.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use futures_util::StreamExt;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

use super::connection::Connection;

/// How many connections wait at most: one that speaks and one that gets ahead of it are what a session uses.
const MOST_WAITING: usize = 2;

/// Connections on which nothing is being spoken. Each is kept alive by a small task that answers the server's pings and
/// ends with the pool.
#[derive(Default)]
pub(super) struct Pool(Mutex<Vec<Waiting>>);

struct Waiting {
    wanted: oneshot::Sender<()>,
    given: oneshot::Receiver<Connection>,
    good_until: Instant,
    /// A connection must not be used on the other side of a fork.
    process: u32,
}

impl Pool {
    /// A connection that was alive a moment ago, if any waits.
    pub(super) async fn take(&self) -> Option<Connection> {
        loop {
            let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
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

    /// Keeps a connection for the next sentence, unless enough wait already or it is too old. Must be called on a runtime.
    pub(super) fn put(&self, connection: Connection) {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pool.retain(|w| !w.wanted.is_closed());
        if pool.len() >= MOST_WAITING || Instant::now() >= connection.good_until {
            return;
        }
        let (wanted, want) = oneshot::channel();
        let (give, given) = oneshot::channel();
        pool.push(Waiting { wanted, given, good_until: connection.good_until, process: std::process::id() });
        tokio::spawn(keep(connection, want, give));
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        write!(f, "Pool({waiting} waiting)")
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
