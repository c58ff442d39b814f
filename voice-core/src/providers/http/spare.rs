//! The connection for the next utterance of a session, opened before anybody speaks, so that no word waits for a handshake.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::Url;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};
use tokio_tungstenite::tungstenite::Message;

use super::{
    Server, Socket,
    listening::{Line, SILENCE, Wire},
};
use crate::{error::Result, secret::Secret};

/// A connection that waits, or is being opened. Its task ends with it: what is dropped is closed.
struct Spare {
    url: Url,
    key: Option<Secret>,
    wanted: oneshot::Sender<()>,
    given: oneshot::Receiver<Socket>,
}

impl<W: Wire> Line<W> {
    /// Begins to open the connection for the next utterance, if there is somebody for whom it can be kept. Must be called on a runtime.
    pub(crate) fn prepare(&self) {
        // The last utterance of a session that is over has nobody after it.
        let Some(kept) = self.kept.as_ref().filter(|kept| kept.is_shared()) else { return };
        let (wanted, want) = oneshot::channel();
        let (give, given) = oneshot::channel();
        kept.put(Spare { url: self.url.clone(), key: self.server.peer.key.clone(), wanted, given });
        let (server, url, private) = (self.server.clone(), self.url.clone(), self.private.clone());
        let keep_alive = self.wire.keep_alive();
        tokio::spawn(async move {
            let opening = async { server.websocket(url, &private).await };
            if let Some(socket) = wait(opening, want, keep_alive, W::WAITS).await {
                // Nobody waiting any more means that the call was cancelled; the connection closes then.
                let _ = give.send(socket);
            }
        });
    }

    /// A connection: the one that waits, if it is good, or a new one.
    ///
    /// # Errors
    /// When no connection comes about, or the server refuses it.
    pub(super) async fn socket(&self) -> Result<Socket> {
        if let Some(spare) = self.kept.as_ref().and_then(|kept| kept.take::<Spare>())
            && spare.leads_to(&self.server, &self.url)
            && spare.wanted.send(()).is_ok()
            && let Ok(socket) = spare.given.await
        {
            return Ok(socket);
        }
        self.server.websocket(self.url.clone(), &self.private).await
    }
}

impl Spare {
    fn leads_to(&self, server: &Server, url: &Url) -> bool {
        let [own, key] = [&self.key, &server.peer.key].map(|key| key.as_ref().map(Secret::expose));
        self.url == *url && own == key
    }
}

/// Opens a connection and keeps it, alive if something does that, until it is wanted; `None` when nobody wants it for so long, or it is
/// not good for anything.
async fn wait(
    opening: impl Future<Output = Result<Socket>>,
    mut want: oneshot::Receiver<()>,
    keep_alive: Option<Message>,
    longest: Duration,
) -> Option<Socket> {
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
                if told - begun >= longest {
                    return None;
                }
                if let Some(message) = &keep_alive {
                    socket.send(message.clone()).await.ok()?;
                }
            }
        }
    }
    Some(socket)
}
