//! Addresses at which no connection comes about.

use std::io;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// A base URL at which every connection is refused.
///
/// # Errors
/// When no port can be reserved.
pub async fn refused_address() -> io::Result<String> {
    // A port that was free a moment ago and that nobody listens on now.
    let address = TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()?;
    Ok(format!("http://{address}/v1"))
}

/// An address at which a connection is neither made nor refused, for as long as this lives (on Linux: a listener whose
/// queue is full).
#[derive(Debug)]
pub struct HangingAddress {
    listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl HangingAddress {
    /// Opens such an address on 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn open() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        let listener = socket.listen(0)?;
        // A queue of length 0 holds one connection that nobody accepts; it stays for as long as this end is open.
        let queued = TcpStream::connect(listener.local_addr()?).await?;
        Ok(Self { listener, _queue: vec![queued] })
    }

    /// Its base URL.
    ///
    /// # Errors
    /// When the socket has no address any more.
    pub fn base_url(&self) -> io::Result<String> {
        Ok(format!("http://{}/v1", self.listener.local_addr()?))
    }
}
