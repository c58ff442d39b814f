//! A server of a cloud provider: where it is, how it is entered, and which of its models is asked.

use std::{env, time::Duration};

use reqwest::{
    Method, RequestBuilder, Response, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use super::{ClientOptions, Peer, Private, Refusal, client};
#[cfg(feature = "_listening")]
use super::{Socket, websocket};
use crate::{
    error::{Error, ErrorKind, Result, Stage},
    secret::{Address, Secret},
};

/// The longest that warming up may take.
const WARM_UP: Duration = Duration::from_secs(5);

/// The most bytes of an answer that is only read to have a connection.
const WARM_UP_BYTES: usize = 4 * 1024 * 1024;

/// What is known of a provider's server. Data: nothing in this room knows a provider.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The provider's name, which leads its names in errors and metrics.
    pub(crate) name: &'static str,
    pub(crate) base_url: &'static str,
    /// The environment variable that holds its key; of several, joined by ` or `, the first that is set counts.
    pub(crate) key_variable: &'static str,
    /// The header that carries the key, in lower case, and what stands before the key: `("authorization", "Bearer ")`.
    pub(crate) key_header: (&'static str, &'static str),
    /// What every call carries besides.
    pub(crate) headers: &'static [(&'static str, &'static str)],
}

/// A server, entered with a key, and one of its models. Cheap to clone; `Debug` shows no key.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    facts: &'static Facts,
    base_url: Address,
    pub(crate) model: String,
    connect_timeout: Duration,
    pub(crate) peer: Peer,
}

impl Server {
    /// The provider's own server. White space round the key, the usual trace of a copied one, is dropped.
    pub(crate) fn new(facts: &'static Facts, key: impl Into<Secret>, model: &str, stage: Stage) -> Self {
        let key = Secret::new(key.into().expose().trim());
        let peer = Peer { provider: "".into(), stage, host: "".into(), key: Some(key) };
        let mut server = Self {
            facts,
            base_url: Address::new(facts.base_url),
            model: model.to_owned(),
            connect_timeout: Duration::from_secs(5),
            peer,
        };
        server.refresh();
        server
    }

    /// The same with the key of the provider's environment variable.
    ///
    /// # Errors
    /// `INVALID_PROVIDER_KEY` (kind `MissingProviderKey`) when it is not set.
    pub(crate) fn from_env(facts: &'static Facts, model: &str, stage: Stage) -> Result<Self> {
        let Facts { name, key_variable, .. } = facts;
        let mut keys = key_variable.split(" or ").filter_map(|variable| env::var(variable).ok());
        let key = keys.find(|key| !key.trim().is_empty()).ok_or_else(|| {
            let message =
                format!("no key for {name}: set the environment variable {key_variable}, or give the key in code");
            Error::new(ErrorKind::MissingProviderKey, message).with_provider(*name)
        })?;
        Ok(Self::new(facts, key, model, stage))
    }

    fn refresh(&mut self) {
        self.peer.provider = match self.model.as_str() {
            "" => self.facts.name.into(),
            model => format!("{}/{model}", self.facts.name).into(),
        };
        let url = Url::parse(&self.base_url).ok();
        self.peer.host = match url.as_ref().and_then(|url| Some((url.host_str()?, url.port()))) {
            Some((host, Some(port))) => format!("{host}:{port}").into(),
            Some((host, None)) => host.into(),
            None => "the server".into(),
        };
    }

    pub(crate) fn set_model(&mut self, model: impl Into<String>) {
        self.model = model.into();
        self.refresh();
    }

    pub(crate) fn set_base_url(&mut self, url: &str) {
        self.base_url = Address::new(url);
        self.refresh();
    }

    pub(crate) fn set_connect_timeout(&mut self, limit: Duration) {
        self.connect_timeout = limit;
    }

    fn unusable(&self) -> Error {
        let message =
            format!("the base URL of {} must begin with http:// or https:// and name a host", self.facts.name);
        self.peer.error(ErrorKind::InvalidConfig, message)
    }

    /// The address of `path`, which begins with a slash and may have a query, below the base URL.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`) when the base URL is none.
    pub(crate) fn url(&self, path: &str) -> Result<Url> {
        Url::parse(&format!("{}{path}", self.base_url))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| self.unusable())
    }

    fn headers(&self) -> Result<HeaderMap> {
        let (name, before) = self.facts.key_header;
        let key = self.peer.key.as_ref().map(Secret::expose).unwrap_or_default();
        let mut value = HeaderValue::from_str(&format!("{before}{key}")).map_err(|_| {
            let message = format!("the key for {} holds characters that no key has", self.facts.name);
            self.peer.error(ErrorKind::InvalidConfig, message)
        })?;
        value.set_sensitive(true);
        let mut headers = HeaderMap::from_iter([(HeaderName::from_static(name), value)]);
        headers.extend(
            self.facts
                .headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))),
        );
        Ok(headers)
    }

    /// A request to an address of [`url`](Self::url), with its key.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`) when the key cannot be used.
    pub(crate) fn request(&self, method: Method, url: Url) -> Result<RequestBuilder> {
        let http = client(ClientOptions::to(&url, self.connect_timeout))?;
        Ok(http.request(method, url).headers(self.headers()?))
    }

    /// Sends a request; an answer that is no success is the refusal it means.
    ///
    /// # Errors
    /// Whatever the server or the way to it says.
    pub(crate) async fn send(&self, request: RequestBuilder, private: &Private) -> Result<Response, Refusal> {
        let response = request.send().await.map_err(|e| self.peer.transport(&e))?;
        self.peer.accept(response, private).await
    }

    /// Opens a WebSocket to an address of [`url`](Self::url), with the key.
    ///
    /// # Errors
    /// When no connection comes about, or the server refuses it.
    #[cfg(feature = "_listening")]
    pub(crate) async fn websocket(&self, url: Url, private: &Private) -> Result<Socket> {
        websocket(&self.peer, url, self.headers()?, self.connect_timeout, private).await
    }

    /// Opens a connection with the cheapest call there is, a GET of `path`. A failure only means that the first call will be slower.
    pub(crate) async fn warm_up(&self, path: &str) {
        let attempt = async {
            let request = self.request(Method::GET, self.url(path)?)?;
            let response = request.send().await.map_err(|e| self.peer.transport(&e))?;
            self.peer.read_all(response, WARM_UP_BYTES).await
        };
        match tokio::time::timeout(WARM_UP, attempt).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(provider = &*self.peer.provider, %error, "warming up failed"),
            Err(_) => tracing::debug!(provider = &*self.peer.provider, "warming up took too long"),
        }
    }
}

/// The builder methods that everything with a field `server` shares: `new`, `from_env`, `model`, `base_url`, `connect_timeout`.
/// `$made` makes it from its server; `$renewed`, if there is one, is given what was changed.
macro_rules! server_builder {
    ($facts:path, $model:expr, $stage:expr, $made:expr) => {
        $crate::providers::http::server_builder!($facts, $model, $stage, $made, std::convert::identity);
    };
    ($facts:path, $model:expr, $stage:expr, $made:expr, $renewed:expr) => {
        /// With a key, on the provider's own server.
        #[must_use]
        pub fn new(key: impl Into<$crate::secret::Secret>) -> Self {
            $made($crate::providers::http::Server::new(&$facts, key, $model, $stage))
        }

        /// With the key of the provider's environment variable.
        ///
        /// # Errors
        /// `INVALID_PROVIDER_KEY` (kind `MissingProviderKey`) when it is not set.
        pub fn from_env() -> $crate::error::Result<Self> {
            $crate::providers::http::Server::from_env(&$facts, $model, $stage).map($made)
        }

        /// Sets the model.
        #[must_use]
        pub fn model(mut self, model: impl Into<String>) -> Self {
            self.server.set_model(model);
            $renewed(self)
        }

        /// Sets where the server is, for a proxy or another region.
        #[must_use]
        pub fn base_url(mut self, url: impl AsRef<str>) -> Self {
            self.server.set_base_url(url.as_ref());
            $renewed(self)
        }

        /// Sets the longest wait for a connection: name, TCP and TLS together. Default 5 s.
        #[must_use]
        pub fn connect_timeout(mut self, limit: std::time::Duration) -> Self {
            self.server.set_connect_timeout(limit);
            $renewed(self)
        }
    };
}
pub(crate) use server_builder;
