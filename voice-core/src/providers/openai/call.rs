//! One call to a server: address, headers, refusals that the request can adapt to.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{
    Method, RequestBuilder, Response, Url,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
};

use super::{
    config::{Dialect, OpenAiConfig},
    deprecation,
};
use crate::{
    error::{ErrorKind, Result, Stage},
    providers::http::{ClientOptions, Peer, Private, Refusal, client},
    secret::Secret,
};

/// The most times one call is repeated because the server refused a field.
const MOST_ADAPTATIONS: usize = 4;

/// The longest that warming up may take.
const WARM_UP: Duration = Duration::from_secs(5);

/// What every provider of this folder holds: a server and a model.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) config: OpenAiConfig,
    pub(super) model: String,
    pub(super) peer: Peer,
    learnt: Arc<Learnt>,
}

impl Endpoint {
    pub(super) fn new(config: OpenAiConfig, model: &str, stage: Stage) -> Self {
        let mut endpoint = Self {
            peer: Peer { provider: "".into(), stage, host: "".into(), key: None },
            model: model.to_owned(),
            config,
            learnt: Arc::default(),
        };
        endpoint.refresh();
        endpoint
    }

    /// Changes server or model; what was learnt about the old one is forgotten.
    pub(super) fn change(mut self, change: impl FnOnce(&mut OpenAiConfig, &mut String)) -> Self {
        change(&mut self.config, &mut self.model);
        self.learnt = Arc::default();
        self.refresh();
        self
    }

    fn refresh(&mut self) {
        self.peer.provider = format!("{}/{}", self.config.provider, self.model).into();
        self.peer.key = self.config.key.clone();
        self.peer.host = match Url::parse(&self.config.base_url) {
            Ok(url) => match (url.host_str(), url.port()) {
                (Some(host), Some(port)) => format!("{host}:{port}").into(),
                (Some(host), None) => host.into(),
                (None, _) => "the server".into(),
            },
            Err(_) => "the server".into(),
        };
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.config.effective_dialect()
    }

    /// Whether it speaks as OpenAI's own servers do.
    pub(super) fn is_openai(&self) -> bool {
        self.dialect() == Dialect::OPENAI
    }

    /// Says once when the model's end is known. Only OpenAI's own servers follow OpenAI's calendar.
    pub(super) fn warn_of_shutdown(&self) {
        if self.config.is_official() {
            deprecation::warn_once(&self.model);
        }
    }

    /// The headers of every call, the key among them.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when the key or an id cannot stand in a header.
    pub(super) fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>> {
        let value = |what: &str, text: &str| {
            HeaderValue::from_str(text).map_err(|_| {
                self.peer.error(
                    ErrorKind::InvalidConfig,
                    format!("the {what} for {} holds characters that no {what} has", self.config.provider),
                )
            })
        };
        let mut headers = Vec::with_capacity(3);
        if let Some(key) = self.config.key.as_ref().map(Secret::expose).filter(|k| !k.is_empty()) {
            let mut bearer = value("key", &format!("Bearer {key}"))?;
            bearer.set_sensitive(true);
            headers.push((AUTHORIZATION, bearer));
        }
        if let Some(id) = &self.config.organization {
            headers.push((HeaderName::from_static("openai-organization"), value("organization", id)?));
        }
        if let Some(id) = &self.config.project {
            headers.push((HeaderName::from_static("openai-project"), value("project", id)?));
        }
        Ok(headers)
    }

    /// A request to `path` below the base URL.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`) when base URL or key cannot be used.
    pub(super) fn request(&self, method: Method, path: &str) -> Result<RequestBuilder> {
        let url = Url::parse(&format!("{}{path}", self.config.base_url))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                self.peer.error(
                    ErrorKind::InvalidConfig,
                    format!(
                        "the base URL of {} must begin with http:// or https:// and name a host",
                        self.config.provider
                    ),
                )
            })?;
        let http = client(ClientOptions::to(&url, self.config.connect_timeout))?;
        Ok(self
            .headers()?
            .into_iter()
            .fold(http.request(method, url), |request, (name, value)| request.header(name, value)))
    }

    /// Sends what `build` makes. When the server refuses a field that the call can do without or with another value, it is
    /// sent again so adapted, at once, and the endpoint remembers, unless it was only this call's value that was refused.
    ///
    /// # Errors
    /// Whatever the server or the way to it says.
    pub(super) async fn send(
        &self,
        private: &Private,
        build: impl Fn(&Adaptations) -> Result<RequestBuilder>,
    ) -> Result<Response> {
        let mut adaptations = Adaptations::clone(&self.learnt.get());
        for attempt in 0.. {
            let response = build(&adaptations)?.send().await.map_err(|e| self.peer.transport(&e))?;
            let refusal = match self.peer.accept(response, private).await {
                Ok(response) => return Ok(response),
                Err(refusal) => refusal,
            };
            let Some(lesson) =
                adapt(&refusal).filter(|lesson| attempt < MOST_ADAPTATIONS && lesson.is_new(&adaptations))
            else {
                return Err(refusal.error);
            };
            tracing::debug!(
                provider = &*self.peer.provider,
                field = lesson.field,
                lasts = lesson.lasts,
                "the server refused a field; the call is repeated without it"
            );
            adaptations.insert(lesson.field, lesson.adaptation.clone());
            if lesson.lasts {
                self.learnt.remember(lesson);
            }
        }
        Err(self.peer.malformed("refused every form of the request"))
    }

    /// Opens a connection with the cheapest call there is. A failure only means that the first call will be slower.
    pub(super) async fn warm_up(&self) {
        let attempt = async {
            let response = self.request(Method::GET, "/models")?.send().await.map_err(|e| self.peer.transport(&e))?;
            self.peer.read_all(response, 1024 * 1024).await
        };
        match tokio::time::timeout(WARM_UP, attempt).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(provider = &*self.peer.provider, %error, "warming up failed"),
            Err(_) => tracing::debug!(provider = &*self.peer.provider, "warming up took too long"),
        }
    }
}

/// How a field that was refused is treated from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Adaptation {
    /// It is left out, or takes its other name.
    Drop,
    /// It takes this value.
    Value(String),
}

/// What a model refused so far, by field.
pub(super) type Adaptations = BTreeMap<&'static str, Adaptation>;

/// The fields that a call can do without, or that have a second name or value.
const ADAPTABLE: &[&str] = &[
    "max_completion_tokens",
    "max_tokens",
    "temperature",
    "reasoning_effort",
    "stream_options",
    "include_obfuscation",
    "include_usage",
    "response_format",
    "stream",
    "language",
    "languages",
    "instructions",
    "speed",
    "messages",
    "parallel_tool_calls",
    "tool_choice",
];

/// Those of them whose value is each call's own: that one was refused says nothing of the next.
const OF_ONE_CALL: &[&str] = &["language", "languages"];

#[derive(Debug, Default)]
struct Learnt(Mutex<Arc<Adaptations>>);

impl Learnt {
    fn get(&self) -> Arc<Adaptations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, lesson: Lesson) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut known).insert(lesson.field, lesson.adaptation);
    }
}

/// What a refusal teaches.
#[derive(Debug, PartialEq, Eq)]
struct Lesson {
    field: &'static str,
    adaptation: Adaptation,
    /// Whether it holds for other calls, too: not where the value that was refused is another one in each of them.
    lasts: bool,
}

impl Lesson {
    /// Whether the call that was refused was not yet made so.
    fn is_new(&self, made: &Adaptations) -> bool {
        made.get(self.field).is_none_or(|known| *known != self.adaptation && *known != Adaptation::Drop)
    }
}

/// Reads from a refusal which field to change, and how. Servers that copy OpenAI often leave `code` and `param` out, so
/// the message is read too.
fn adapt(refusal: &Refusal) -> Option<Lesson> {
    if !matches!(refusal.error.provider_status(), Some(400 | 422)) {
        return None;
    }
    let unsupported =
        refusal.code.as_deref().is_some_and(|c| c.starts_with("unsupported_") || c == "unknown_parameter");
    let message = refusal.raw_message.to_lowercase();
    let says_so =
        ["unsupported", "not supported", "unrecognized", "unknown", "not permitted", "does not support", "extra"]
            .iter()
            .any(|w| message.contains(w));
    if !unsupported && !says_so {
        return None;
    }
    let param = refusal.param.as_deref().map(|p| p.trim_end_matches("[]"));
    let field = match param {
        Some(param) => {
            let name = param.rsplit('.').next().unwrap_or(param);
            let root = param.split(['.', '[']).next().unwrap_or(param);
            *ADAPTABLE.iter().find(|f| **f == name).or_else(|| ADAPTABLE.iter().find(|f| **f == root))?
        }
        // The refused field is named before the one to use instead.
        None => words(&message).find_map(|w| ADAPTABLE.iter().find(|f| **f == w && w != "messages"))?,
    };
    // The roles of messages are the one thing about them that can change.
    if field == "messages" && !message.contains("role") && !message.contains("developer") {
        return None;
    }
    let adaptation = match field {
        "reasoning_effort" => least_effort(&message).map_or(Adaptation::Drop, |e| Adaptation::Value(e.to_owned())),
        _ => Adaptation::Drop,
    };
    let lasts = !OF_ONE_CALL.contains(&field) || is_unknown(refusal.code.as_deref(), &message);
    Some(Lesson { field, adaptation, lasts })
}

/// Whether a field is refused as such, whatever its value.
fn is_unknown(code: Option<&str>, message: &str) -> bool {
    matches!(code, Some("unknown_parameter" | "unsupported_parameter"))
        || ["parameter", "argument", "field", "extra input", "not permitted"].iter().any(|word| message.contains(word))
            && !message.contains("value")
}

/// The words of a message, field names whole.
fn words(message: &str) -> impl Iterator<Item = &str> {
    message.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
}

/// The least effort among those that a message says are supported.
fn least_effort(message: &str) -> Option<&'static str> {
    let supported = message.split_once("supported values").map(|(_, rest)| rest)?;
    ["none", "minimal", "low", "medium", "high"].into_iter().find(|e| words(supported).any(|w| w == *e))
}

/// The builder methods that every provider of this folder shares. `$settle` is applied after each change of the endpoint.
macro_rules! endpoint_builder {
    () => {
        $crate::providers::openai::call::endpoint_builder!(std::convert::identity);
    };
    ($settle:path) => {
        /// OpenAI with a key and the default model.
        #[must_use]
        pub fn new(key: impl Into<$crate::secret::Secret>) -> Self {
            Self::with_config($crate::providers::openai::OpenAiConfig::new(key))
        }

        /// OpenAI by the environment; see [`OpenAiConfig::from_env`]($crate::providers::openai::OpenAiConfig::from_env).
        ///
        /// # Errors
        /// `INVALID_PROVIDER_KEY` when there is no key.
        pub fn from_env() -> $crate::error::Result<Self> {
            $crate::providers::openai::OpenAiConfig::from_env().map(Self::with_config)
        }

        /// Sets the model.
        #[must_use]
        pub fn model(self, model: impl Into<String>) -> Self {
            self.change(|_, m| *m = model.into())
        }

        /// Sets the base URL; see [`OpenAiConfig::base_url`]($crate::providers::openai::OpenAiConfig::base_url).
        #[must_use]
        pub fn base_url(self, url: impl AsRef<str>) -> Self {
            self.change(|c, _| *c = c.clone().base_url(url))
        }

        /// Sets the organization that is billed.
        #[must_use]
        pub fn organization(self, id: impl Into<String>) -> Self {
            self.change(|c, _| c.organization = Some(id.into()))
        }

        /// Sets the project that is billed.
        #[must_use]
        pub fn project(self, id: impl Into<String>) -> Self {
            self.change(|c, _| c.project = Some(id.into()))
        }

        /// Sets the longest wait for a connection. Default 5 s.
        #[must_use]
        pub fn connect_timeout(self, limit: std::time::Duration) -> Self {
            self.change(|c, _| c.connect_timeout = limit)
        }

        fn change(mut self, change: impl FnOnce(&mut $crate::providers::openai::OpenAiConfig, &mut String)) -> Self {
            self.endpoint = self.endpoint.change(change);
            $settle(self)
        }
    };
}
pub(super) use endpoint_builder;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn refusal(status: u16, code: Option<&str>, param: Option<&str>, message: &str) -> Refusal {
        Refusal {
            error: Error::new(ErrorKind::RejectedByProvider, "").with_provider_status(status),
            code: code.map(Into::into),
            param: param.map(Into::into),
            raw_message: message.into(),
        }
    }

    #[test]
    fn a_refused_field_is_found_by_name_or_in_the_message() {
        let drop = |field| Some(Lesson { field, adaptation: Adaptation::Drop, lasts: true });
        let m = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        assert_eq!(adapt(&refusal(400, Some("unsupported_parameter"), Some("max_tokens"), m)), drop("max_tokens"));
        assert_eq!(
            adapt(&refusal(400, None, None, "Unrecognized request argument supplied: stream_options")),
            drop("stream_options")
        );
        assert_eq!(
            adapt(&refusal(400, Some("unknown_parameter"), Some("stream_options.include_obfuscation"), "Unknown")),
            drop("include_obfuscation")
        );
        assert_eq!(
            adapt(&refusal(
                400,
                Some("unsupported_value"),
                Some("messages[0].role"),
                "role 'developer' is unsupported"
            )),
            drop("messages")
        );
    }

    #[test]
    fn the_least_effort_that_the_message_offers_is_taken() {
        let m = "Unsupported value: 'none' is not supported with this model. Supported values are: 'low', 'medium', and 'high'.";
        assert_eq!(
            adapt(&refusal(400, Some("unsupported_value"), Some("reasoning_effort"), m)),
            Some(Lesson { field: "reasoning_effort", adaptation: Adaptation::Value("low".into()), lasts: true })
        );
    }

    #[test]
    fn that_a_language_is_refused_says_nothing_of_others_unless_none_may_be_named() {
        let lasts = |code, message: &str| adapt(&refusal(400, code, Some("language"), message)).unwrap().lasts;
        assert!(!lasts(Some("unsupported_value"), "Unsupported value: 'tlh' is not supported with this model."));
        assert!(!lasts(None, "Language 'tlh' is not supported."));
        assert!(!lasts(Some("unsupported_language"), "Language parameter 'tlh' has an unsupported value"));
        assert!(lasts(Some("unknown_parameter"), "Unknown parameter: 'language'."));
        assert!(lasts(None, "Unrecognized request argument supplied: language"));
        assert!(lasts(None, "Extra inputs are not permitted"));
    }

    #[test]
    fn other_refusals_are_final() {
        assert_eq!(adapt(&refusal(400, Some("context_length_exceeded"), Some("messages"), "too long")), None);
        assert_eq!(adapt(&refusal(400, Some("unsupported_value"), Some("model"), "unsupported model")), None);
        assert_eq!(adapt(&refusal(429, Some("unsupported_parameter"), Some("temperature"), "unsupported")), None);
    }
}
