//! A WebSocket to a provider.

use std::time::Duration;

use reqwest::{
    Url,
    header::{HeaderMap, HeaderValue, USER_AGENT},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config, tungstenite::client::IntoClientRequest,
};

use super::{Peer, Private, dial::connect, websocket_error};
use crate::{
    error::{ErrorKind, Result},
    tls::tls,
};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens a WebSocket to an `http` or `https` address, within `limit` for the connection and again for the handshake.
///
/// # Errors
/// `INVALID_REQUEST` (kind `InvalidConfig`) for any other address; otherwise whatever the server or the way to it says.
pub(crate) async fn websocket(
    peer: &Peer,
    mut url: Url,
    headers: HeaderMap,
    limit: Duration,
    private: &Private,
) -> Result<Socket> {
    let unusable =
        || peer.error(ErrorKind::InvalidConfig, "the base URL must begin with http:// or https:// and name a host");
    let scheme = match url.scheme() {
        "https" | "wss" => "wss",
        "http" | "ws" => "ws",
        _ => return Err(unusable()),
    };
    url.set_scheme(scheme).map_err(|()| unusable())?;
    if !url.has_host() {
        return Err(unusable());
    }
    let mut request = url.as_str().into_client_request().map_err(|_| unusable())?;
    request.headers_mut().extend(headers);
    request
        .headers_mut()
        .insert(USER_AGENT, HeaderValue::from_static(concat!("voice-core/", env!("CARGO_PKG_VERSION"))));

    let stream = connect(peer, &url, limit).await?;
    let handshake = client_async_tls_with_config(request, stream, None, Some(Connector::Rustls(tls()?)));
    let late = || {
        let message = format!("no connection to {} within the connect time-out", peer.host);
        peer.error(ErrorKind::ConnectTimeout, message)
    };
    let (socket, _) = timeout(limit, handshake)
        .await
        .map_err(|_| late())?
        .map_err(|e| websocket_error(peer, e, true, private).error)?;
    Ok(socket)
}
