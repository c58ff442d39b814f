//! One HTTP client for everything in a process that connects alike, so that calls share warm connections.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::runtime::{Handle, Id};

use crate::error::{Error, ErrorKind, Result};

/// How connections are made. Calls with equal options share one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientOptions {
    /// The longest wait for name, TCP and TLS together.
    pub(crate) connect_timeout: Duration,
}

/// Idle connections live on the runtime that opened them and must not cross a fork, so both are part of the key.
#[derive(PartialEq)]
struct Key {
    options: ClientOptions,
    process: u32,
    runtime: Option<Id>,
}

/// More clients than this means that runtimes come and go; the oldest is dropped then.
const MOST_CLIENTS: usize = 16;

/// The client for `options` on the present runtime.
///
/// HTTP/2 where the server offers it, `TCP_NODELAY`, keep-alive, no redirects (a redirect could carry the key to
/// another host) and no proxy unless the host app sets one up itself: the environment is not read.
///
/// # Errors
/// `INTERNAL_ERROR` when the client cannot be built.
pub(crate) fn client(options: ClientOptions) -> Result<reqwest::Client> {
    static CLIENTS: Mutex<Vec<(Key, reqwest::Client)>> = Mutex::new(Vec::new());

    let key = Key { options, process: std::process::id(), runtime: Handle::try_current().ok().map(|h| h.id()) };
    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, client)) = clients.iter().find(|(k, _)| *k == key) {
        return Ok(client.clone());
    }
    let client = build(options)?;
    if clients.len() == MOST_CLIENTS {
        clients.remove(0);
    }
    clients.push((key, client.clone()));
    Ok(client)
}

fn build(options: ClientOptions) -> Result<reqwest::Client> {
    let mut tls = ClientConfig::clone(&*tls()?);
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("voice-core/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(options.connect_timeout)
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(30))
        .pool_idle_timeout(Duration::from_secs(90))
        .http2_keep_alive_interval(Duration::from_secs(20))
        .http2_keep_alive_timeout(Duration::from_secs(10))
        .http2_adaptive_window(true)
        .build()
        .map_err(|e| Error::internal(format!("cannot build the HTTP client: {}", e.without_url())))
}

/// The TLS settings of every outgoing connection: aws-lc-rs with the certificates the system trusts. Never installed
/// as the default of the process, which belongs to the host app.
///
/// # Errors
/// `INTERNAL_ERROR` when the crypto provider supports no TLS version.
pub(crate) fn tls() -> Result<Arc<ClientConfig>> {
    static TLS: OnceLock<Arc<ClientConfig>> = OnceLock::new();

    if let Some(config) = TLS.get() {
        return Ok(config.clone());
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::new(ErrorKind::Internal, format!("cannot set up TLS: {e}")))?;
    let config = match builder.clone().with_platform_verifier() {
        Ok(verified) => verified.with_no_client_auth(),
        // A machine without CA certificates can still talk to a server of its own over plain HTTP; TLS will refuse.
        Err(error) => {
            tracing::warn!(%error, "no system certificates can be read, so every TLS connection will be refused");
            builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        }
    };
    Ok(TLS.get_or_init(|| Arc::new(config)).clone())
}
