//! Which servers are reached through a proxy: as the environment says, and never this machine itself.

use std::net::IpAddr;
#[cfg(feature = "_websocket")]
use std::sync::OnceLock;

#[cfg(feature = "_websocket")]
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use reqwest::Url;

/// Whether a server is on this machine, where no proxy finds it.
pub(super) fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
    host == "localhost" || host.ends_with(".localhost") || host.parse().is_ok_and(is_loopback)
}

/// The proxy before a server, by the same rules as for HTTP; `wss` counts as `https`.
#[cfg(feature = "_websocket")]
pub(super) fn before(url: &Url) -> Option<Intercept> {
    static ENVIRONMENT: OnceLock<Matcher> = OnceLock::new();

    if is_this_machine(url) {
        return None;
    }
    let scheme = match url.scheme() {
        "wss" | "https" => "https",
        _ => "http",
    };
    let server = format!("{scheme}://{}", url.host_str()?).parse().ok()?;
    ENVIRONMENT.get_or_init(Matcher::from_system).intercept(&server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_every_name() {
        let here = |url: &str| is_this_machine(&Url::parse(url).unwrap());
        for url in [
            "http://localhost:11434/v1",
            "ws://127.0.0.1:8080",
            "http://127.9.9.9",
            "http://[::1]:1",
            "http://a.localhost",
        ] {
            assert!(here(url), "{url}");
        }
        for url in
            ["https://api.example.com", "http://10.0.0.1", "http://localhost.example.com", "http://[2001:db8::1]"]
        {
            assert!(!here(url), "{url}");
        }
    }
}
