//! The connections to a bucket's server: with the TLS settings of every other connection.

use std::time::Duration;

use object_store::{
    ClientConfigKey, ClientOptions,
    client::{HttpClient, HttpConnector},
};
use rustls::ClientConfig;

use crate::tls::tls;

#[derive(Debug)]
pub(super) struct Connector {
    /// The most time that one request may take, with its answer; `None`: whoever asks sees to that.
    pub(super) limit: Option<Duration>,
    /// The longest wait for name, TCP and TLS together.
    pub(super) connect: Duration,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let wrong = |source| object_store::Error::Generic { store: "S3", source };
        let tls = ClientConfig::clone(&*tls().map_err(|error| wrong(Box::new(error)))?);
        let allow_http = options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|allow| allow == "true");
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("voice-core/", env!("CARGO_PKG_VERSION")))
            .https_only(!allow_http)
            // Parts go up side by side, each on a connection of its own.
            .http1_only()
            .connect_timeout(self.connect);
        let client = self.limit.into_iter().fold(client, |client, limit| client.timeout(limit)).build();
        Ok(HttpClient::new(client.map_err(|error| wrong(Box::new(error.without_url())))?))
    }
}
