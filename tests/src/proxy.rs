//! A stretch of network between a client and a server that a test can cut, block and mend.

#![allow(clippy::unwrap_used)]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
};

/// What the stretch does with what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Passes,
    /// Nothing passes, and nobody is told.
    Blocked,
    /// Connections break; new ones are dropped as soon as they are made.
    Cut,
    /// As soon as the server answers next, the answer is dropped and everything is cut.
    CutsAnswer,
}

/// A proxy on the loopback address. Dropping it cuts everything.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    mode: Arc<watch::Sender<Mode>>,
    made: Arc<AtomicU64>,
}

impl Proxy {
    /// A proxy before `server`.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mode = Arc::new(watch::Sender::new(Mode::Passes));
        let made = Arc::new(AtomicU64::new(0));
        let (modes, count) = (Arc::clone(&mode), Arc::clone(&made));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let modes = Arc::clone(&modes);
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    if *modes.borrow() == Mode::Cut {
                        return;
                    }
                    let Ok(server) = TcpStream::connect(server).await else { return };
                    let watching = modes.subscribe();
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    let up = pass(from_client, to_server, watching.clone(), None);
                    let down = pass(from_server, to_client, watching, Some(modes));
                    tokio::select! { () = up => {}, () = down => {} }
                });
            }
        });
        Self { address, mode, made }
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> u64 {
        self.made.load(Ordering::SeqCst)
    }

    /// Breaks every connection, and each new one at once.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Lets nothing pass, without breaking any connection.
    pub fn block(&self) {
        self.mode.send_replace(Mode::Blocked);
    }

    /// Lets the next request pass, but not its answer: then every connection is cut.
    pub fn cut_answer(&self) {
        self.mode.send_replace(Mode::CutsAnswer);
    }

    /// Lets everything pass again.
    pub fn mend(&self) {
        self.mode.send_replace(Mode::Passes);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

/// Carries bytes one way. `cutter` is there on the way from the server, which alone answers.
async fn pass(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    cutter: Option<Arc<watch::Sender<Mode>>>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = tokio::select! {
            biased;
            cut = mode.wait_for(|mode| *mode == Mode::Cut) => { drop(cut); return }
            read = from.read(&mut buffer) => read,
        };
        let Ok(count @ 1..) = read else { return };
        if let Some(cutter) = &cutter
            && *mode.borrow() == Mode::CutsAnswer
        {
            cutter.send_replace(Mode::Cut);
            return;
        }
        let open = mode.wait_for(|mode| *mode != Mode::Blocked).await.map_or(Mode::Cut, |mode| *mode);
        if open == Mode::Cut || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
