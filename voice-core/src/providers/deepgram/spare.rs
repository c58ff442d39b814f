//! The connection for the next utterance of a session, opened before anybody speaks, so that no word waits for a handshake.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::Url;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

use super::listening::{SILENCE, keep_alive};
use crate::{
    error::Result,
    provider::Kept,
    providers::http::{Private, Server, Socket},
    secret::Secret,
};

/// How long a connection may wait for somebody to speak. Sound is paid for, waiting is not; but servers count connections.
const MOST_IDLE: Duration = Duration::from_secs(60);

/// A connection that waits, or is being opened. Its task ends with it: what is dropped is closed.
struct Spare {
    url: Url,
    key: Option<Secret>,
    wanted: oneshot::Sender<()>,
    given: oneshot::Receiver<Socket>,
}

/// Begins to open the connection for the next utterance, if there is somebody for whom it can be kept. Must be called on a runtime.
pub(super) fn prepare(kept: &Kept, server: &Server, url: &Url, private: &Private) {
    // The last utterance of a session that is over has nobody after it.
    if !kept.is_shared() {
        return;
    }
    let (wanted, want) = oneshot::channel();
    let (give, given) = oneshot::channel();
    let (opened_by, to, private) = (server.clone(), url.clone(), private.clone());
    kept.put(Spare { url: url.clone(), key: server.peer.key.clone(), wanted, given });
    tokio::spawn(async move {
        let opening = async { opened_by.websocket(to, &private).await };
        if let Some(socket) = wait(opening, want).await {
            // Nobody waiting any more means that the call was cancelled; the connection closes then.
            let _ = give.send(socket);
        }
    });
}

/// A connection to `url`: the one that waits, if it is good, or a new one.
///
/// # Errors
/// When no connection comes about, or the server refuses it.
pub(super) async fn socket(kept: &Kept, server: &Server, url: &Url, private: &Private) -> Result<Socket> {
    if let Some(spare) = kept.take::<Spare>()
        && spare.leads_to(server, url)
        && spare.wanted.send(()).is_ok()
        && let Ok(socket) = spare.given.await
    {
        return Ok(socket);
    }
    server.websocket(url.clone(), private).await
}

impl Spare {
    fn leads_to(&self, server: &Server, url: &Url) -> bool {
        let [own, key] = [&self.key, &server.peer.key].map(|key| key.as_ref().map(Secret::expose));
        self.url == *url && own == key
    }
}

/// Opens a connection and keeps it alive until it is wanted; `None` when nobody will want it, or it is not good for anything.
async fn wait(opening: impl Future<Output = Result<Socket>>, mut want: oneshot::Receiver<()>) -> Option<Socket> {
    tokio::pin!(opening);
    let mut is_wanted = false;
    let mut socket = loop {
        tokio::select! {
            biased;
            wanted = &mut want, if !is_wanted => {
                wanted.ok()?;
                is_wanted = true;
            }
            // Whoever speaks next opens one anew and is told what is wrong.
            opened = &mut opening => break opened.ok()?,
        }
    };
    let begun = Instant::now();
    let mut told = begun;
    while !is_wanted {
        tokio::select! {
            biased;
            wanted = &mut want => {
                wanted.ok()?;
                is_wanted = true;
            }
            came = socket.next() => {
                came?.ok().filter(|message| !message.is_close())?;
            }
            () = sleep_until(told + SILENCE) => {
                told = Instant::now();
                if told - begun >= MOST_IDLE {
                    return None;
                }
                socket.send(keep_alive()).await.ok()?;
            }
        }
    }
    Some(socket)
}
