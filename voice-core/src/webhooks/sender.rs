//! Where a webhook may lead, and one attempt to reach it.

use std::{net::IpAddr, time::Duration};

use reqwest::{Url, header::CONTENT_TYPE};
use tokio::time::timeout;

use super::schedule::Outcome;
use crate::{
    config::WebhooksConfig,
    error::{Error, ErrorKind, Result},
    providers::http::{ClientOptions, client, is_public, retry_after, unreached},
};

/// The longest address, in bytes.
const LONGEST_ADDRESS: usize = 2_048;
/// How much of an answer is read, so that its connection can be used again. Nobody reads what it says.
const LONGEST_ANSWER: usize = 16 * 1024;

/// Checks the address of a webhook as it is written; where its name leads is checked with each connection. The message shows none of
/// it, as addresses may hold secrets.
///
/// # Errors
/// `VALIDATION_ERROR` naming the field `url`.
pub(crate) fn check_address(text: &str, options: &WebhooksConfig) -> Result<Url> {
    let refused = |why: &str| Error::new(ErrorKind::InvalidField, format!("url: {why}"));
    if text.len() > LONGEST_ADDRESS {
        return Err(refused(&format!("{} bytes; at most {LONGEST_ADDRESS} are accepted", text.len())));
    }
    let url = Url::parse(text).map_err(|_| refused("expected an address such as https://example.org/hook"))?;
    match url.scheme() {
        "https" => {}
        "http" if options.allow_http => {}
        "http" => return Err(refused("plain HTTP can be read on the way; use https, or set webhooks.allow_http")),
        _ => return Err(refused("expected an address that begins with https://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("a name or a password in the address is not accepted; every message is signed instead"));
    }
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let literal: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let is_private = match literal {
        Some(address) => !is_public(address),
        None => host.is_empty() || host == "localhost" || host.ends_with(".localhost"),
    };
    if is_private && !options.allow_private {
        return Err(refused(
            "it leads to this machine or to a private network; set webhooks.allow_private to allow that",
        ));
    }
    Ok(url)
}

/// Sends messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sender {
    options: WebhooksConfig,
}

impl Sender {
    pub(super) fn new(options: WebhooksConfig) -> Self {
        Self { options }
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.options.timeout_seconds)
    }

    /// Makes one attempt. Redirects are not followed.
    pub(super) async fn post(&self, url: &str, headers: [(&'static str, String); 3], body: String) -> Outcome {
        // Kept addresses are checked anew: what is allowed may have changed.
        let url = match check_address(url, &self.options) {
            Ok(url) => url,
            Err(error) => return Outcome::Refused(error.message().to_owned()),
        };
        let mut options = ClientOptions::direct(self.timeout());
        options.public_only = !self.options.allow_private;
        let attempt = async {
            let client = client(options).map_err(|error| error.message().to_owned())?;
            let mut request = client.post(url).header(CONTENT_TYPE, "application/json");
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let mut answer = request.body(body).send().await.map_err(|error| unreached(&error))?;
            let (status, asked) = (answer.status().as_u16(), retry_after(answer.headers()));
            let mut read = 0;
            // The status has been given; how the rest of the answer fares changes nothing.
            while read < LONGEST_ANSWER
                && let Ok(Some(chunk)) = answer.chunk().await
            {
                read += chunk.len();
            }
            Ok(Outcome::Answered(status, asked))
        };
        match timeout(self.timeout(), attempt).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(why)) => Outcome::Broken(why),
            Err(_) => Outcome::Broken(format!("no answer within {} s", self.options.timeout_seconds)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        check_address(url, &WebhooksConfig::default()).unwrap_err().message().to_owned()
    }

    #[test]
    fn only_public_addresses_over_tls_are_accepted() {
        for good in ["https://example.org/hook?k=v", "https://8.8.8.8:8443/", "https://[2606:4700::1111]/x"] {
            assert!(check_address(good, &WebhooksConfig::default()).is_ok(), "{good}");
        }
        for bad in [
            "http://example.org",
            "ftp://example.org",
            "file:///etc/passwd",
            "example.org",
            "",
            "https://",
            "https://ada:planted@example.org",
            "https://localhost/planted",
            "https://x.localhost./planted",
            "https://127.0.0.1/planted",
            "https://2130706433/planted",
            "https://0x7f.1/planted",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/",
            "https://[::ffff:192.168.0.1]/",
        ] {
            let message = refused(bad);
            assert!(message.starts_with("url: ") && !message.contains("planted"), "{bad}: {message}");
        }
        assert!(refused(&format!("https://example.org/{}", "a".repeat(2_048))).contains("2048"));
    }

    #[test]
    fn options_allow_what_is_refused_otherwise() {
        let options = WebhooksConfig { allow_http: true, allow_private: true, ..WebhooksConfig::default() };
        for good in ["http://localhost:8080/hook", "https://10.0.0.1/", "http://[::1]/"] {
            assert!(check_address(good, &options).is_ok(), "{good}");
        }
        let http = WebhooksConfig { allow_http: true, ..WebhooksConfig::default() };
        assert!(check_address("http://localhost/", &http).is_err());
        assert!(check_address("http://example.org/", &http).is_ok());
    }
}
