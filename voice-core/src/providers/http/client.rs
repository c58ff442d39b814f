//! One HTTP client for everything in a process that connects alike, so that calls share warm connections.

#[cfg(feature = "webhooks")]
use std::sync::Arc;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use reqwest::Url;
use rustls::ClientConfig;
use tokio::runtime::{Handle, Id};

use super::proxy::is_this_machine;
use crate::{
    error::{Error, Result},
    tls::tls,
};

/// How connections are made. Calls with equal options share one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientOptions {
    /// The longest wait for name, TCP and TLS together.
    pub(crate) connect_timeout: Duration,
    /// Through the proxies that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`); otherwise past them.
    by_proxy: bool,
    /// Only to addresses of the public internet, wherever a name leads.
    #[cfg(feature = "webhooks")]
    pub(crate) public_only: bool,
}

impl ClientOptions {
    /// To wherever the name of a server leads, by the proxy that the environment names for it, if any. No proxy is asked for this
    /// machine.
    // Webhooks alone go another way.
    #[cfg_attr(not(any(feature = "_http", feature = "otel")), allow(dead_code))]
    pub(crate) fn to(url: &Url, connect_timeout: Duration) -> Self {
        Self {
            connect_timeout,
            by_proxy: !is_this_machine(url),
            #[cfg(feature = "webhooks")]
            public_only: false,
        }
    }

    /// To wherever a name leads, by no proxy.
    #[cfg(feature = "webhooks")]
    pub(crate) const fn direct(connect_timeout: Duration) -> Self {
        Self { connect_timeout, by_proxy: false, public_only: false }
    }
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
/// HTTP/2 where the server offers it, `TCP_NODELAY`, keep-alive, and no redirects: a redirect could carry the key to another host.
/// The environment is read when a client is made.
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
    let builder = reqwest::Client::builder();
    #[cfg(feature = "webhooks")]
    let builder = if options.public_only { builder.dns_resolver(Arc::new(super::public::PublicOnly)) } else { builder };
    let builder = if options.by_proxy { builder } else { builder.no_proxy() };
    builder
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("voice-core/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
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
