//! The way to a service: which one does a task in a language, where it is, and how it is entered.

use std::{
    collections::HashMap,
    env, fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{
    Method, RequestBuilder, Response, Url,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
};
use serde_json::{Value, json};

use crate::{
    error::{Error, ErrorKind, Result, Stage},
    provider::no_list,
    providers::http::{ClientOptions, Peer, Private, client},
    secret::{Address, Secret},
};

pub(super) const NAME: &str = "bhashini";

/// Where ULCA is asked for services.
const ULCA: &str = "https://meity-auth.ulcacontrib.org";
const CONFIG_PATH: &str = "/ulca/apis/v0/model/getModelsPipeline";

/// Where services are called.
const DHRUVA: &str = "https://dhruva-api.bhashini.gov.in";
const COMPUTE_PATH: &str = "/services/inference/pipeline";

/// The pipeline of the Ministry of Electronics and Information Technology, which is open to everybody with a key.
const PIPELINE: &str = "64392f96daac500b55c543cd";

const KEY_VARIABLE: &str = "BHASHINI_API_KEY";
const USER_ID_VARIABLE: &str = "BHASHINI_USER_ID";

/// The most bytes of an answer: a minute of speech as 32-bit samples in base64, and then some.
const MOST_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// The longest that warming up may take.
const WARM_UP: Duration = Duration::from_secs(5);

/// The ULCA key of the environment.
///
/// # Errors
/// `INVALID_PROVIDER_KEY` (kind `MissingProviderKey`) when it is not set.
pub(crate) fn key_from_env() -> Result<Secret> {
    from_env(KEY_VARIABLE, "key")
}

/// The user id of the environment.
///
/// # Errors
/// `INVALID_PROVIDER_KEY` (kind `MissingProviderKey`) when it is not set.
pub(crate) fn user_id_from_env() -> Result<Secret> {
    from_env(USER_ID_VARIABLE, "user id")
}

fn from_env(variable: &str, what: &str) -> Result<Secret> {
    let value = env::var(variable).ok().filter(|value| !value.trim().is_empty());
    value.map(Secret::new).ok_or_else(|| {
        let message =
            format!("no {what} for {NAME}: set the environment variable {variable}, or give the {what} in code");
        Error::new(ErrorKind::MissingProviderKey, message).with_provider(NAME)
    })
}

/// White space round a key is the usual trace of a copied one.
fn trimmed(key: &Secret) -> Secret {
    Secret::new(key.expose().trim())
}

/// How services are found and entered.
#[derive(Clone, Debug)]
enum Way {
    /// ULCA is asked, on behalf of a user.
    Ulca { user_id: Secret },
    /// Dhruva is called at once, with a key for its services.
    Direct,
    /// A server of AI4Bharat's models, without a key.
    SelfHosted,
}

/// What a task is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    /// In the API.
    pub(super) kind: &'static str,
    /// For people.
    pub(super) name: &'static str,
    /// What it is given, for people.
    pub(super) input: &'static str,
    pub(super) stage: Stage,
}

/// A task and the way to its services. Cheap to clone; `Debug` shows no key.
#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    task: Task,
    way: Way,
    base_url: Address,
    id: String,
    /// The service that was named.
    service: Option<String>,
    language: Option<String>,
    connect_timeout: Duration,
    pub(super) peer: Peer,
    /// What ULCA has said, by language.
    known: Arc<Mutex<HashMap<String, Service>>>,
}

/// A service as ULCA describes it. `Debug` shows its id: the address may hold a password.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) id: String,
    /// The voices it says it has.
    pub(super) voices: Vec<String>,
    url: Url,
    /// The header that carries its key.
    header: HeaderName,
    key: HeaderValue,
    peer: Peer,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a service answered for its task.
pub(super) struct Answer {
    pub(super) entry: Value,
    pub(super) peer: Peer,
}

impl Pipeline {
    /// By ULCA.
    pub(super) fn ulca(task: Task, user_id: &Secret, key: &Secret) -> Self {
        Self::new(task, Way::Ulca { user_id: trimmed(user_id) }, Some(trimmed(key)), ULCA)
    }

    /// With a key for services.
    pub(super) fn direct(task: Task, key: &Secret) -> Self {
        Self::new(task, Way::Direct, Some(trimmed(key)), DHRUVA)
    }

    /// On a server of the host's own.
    pub(super) fn self_hosted(task: Task, base_url: &str) -> Self {
        Self::new(task, Way::SelfHosted, None, base_url)
    }

    fn new(task: Task, way: Way, key: Option<Secret>, base_url: &str) -> Self {
        let pipeline = Self {
            task,
            way,
            base_url: Address::new(base_url),
            id: PIPELINE.to_owned(),
            service: None,
            language: None,
            connect_timeout: Duration::from_secs(5),
            peer: Peer { provider: NAME.into(), stage: task.stage, host: "".into(), key },
            known: Arc::default(),
        };
        pipeline.changed(|_| {})
    }

    /// Changes what services depend on; what was said of them before no longer counts.
    fn changed(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self.peer.provider = match &self.service {
            Some(service) => format!("{NAME}/{service}").into(),
            None => NAME.into(),
        };
        self.peer.host = Url::parse(&self.base_url).map_or_else(|_| "the server".into(), |url| host(&url));
        self.known = Arc::default();
        self
    }

    pub(super) fn set_service(self, id: String) -> Self {
        self.changed(|p| p.service = Some(id).filter(|id| !id.is_empty()))
    }

    pub(super) fn set_base_url(self, url: &str) -> Self {
        self.changed(|p| p.base_url = Address::new(url))
    }

    pub(super) fn set_id(self, id: String) -> Self {
        self.changed(|p| p.id = id)
    }

    pub(super) fn set_language(mut self, language: String) -> Self {
        self.language = Some(language).filter(|language| !language.is_empty());
        self
    }

    pub(super) fn set_connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// The language that is set (BCP 47).
    pub(super) fn own_language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    pub(super) fn is_self_hosted(&self) -> bool {
        matches!(self.way, Way::SelfHosted)
    }

    /// The language of a call (BCP 47): the call's own, else the one that is set.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`) when there is neither.
    pub(super) fn language<'a>(&'a self, of_call: Option<&'a str>) -> Result<&'a str> {
        of_call.filter(|tag| !code(tag).is_empty()).or(self.language.as_deref()).ok_or_else(|| {
            let message = format!(
                "{NAME} must be told the language of the {}: name it for the call, as the assistant's `language`, or in the \
                 setting `language` of this provider, for example hi or ta",
                self.task.input
            );
            self.peer.error(ErrorKind::InvalidConfig, message)
        })
    }

    /// The address of `path`.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`) when the base URL is none.
    fn url(&self, path: &str) -> Result<Url> {
        let usable = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        Url::parse(&format!("{}{path}", self.base_url)).ok().filter(usable).ok_or_else(|| {
            let message = format!("the base URL of {NAME} must begin with http:// or https:// and name a host");
            self.peer.error(ErrorKind::InvalidConfig, message)
        })
    }

    fn request(&self, method: Method, url: Url) -> Result<RequestBuilder> {
        Ok(client(ClientOptions::to(&url, self.connect_timeout))?.request(method, url))
    }

    /// A key or an id as it stands in a header.
    fn header(&self, what: &str, secret: &Secret) -> Result<HeaderValue> {
        let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| {
            let message = format!("the {what} for {NAME} holds characters that no {what} has");
            self.peer.error(ErrorKind::InvalidConfig, message)
        })?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn key(&self) -> Result<HeaderValue> {
        self.peer.key.as_ref().map_or_else(|| Ok(HeaderValue::from_static("")), |key| self.header("key", key))
    }

    /// Has a service do the task in a language (BCP 47), with the config and the input that are made for it. A service whose key is
    /// refused is looked up anew, once.
    ///
    /// # Errors
    /// Whatever ULCA, the service or the way to them says; `INVALID_REQUEST` (kind `Unsupported`) when no service knows the language.
    pub(super) async fn compute(
        &self,
        tag: &str,
        private: &Private,
        ask: impl Fn(&Service) -> (Value, Value),
    ) -> Result<Answer> {
        let language = code(tag);
        loop {
            let (service, was_known) = self.service(&language).await?;
            let (mut config, input) = ask(&service);
            config["language"] = json!({"sourceLanguage": language});
            config["serviceId"] = json!(service.id);
            let body = json!({
                "pipelineTasks": [{"taskType": self.task.kind, "config": config}],
                "inputData": input,
                "controlConfig": {"dataTracking": false},
            });
            let request = self.request(Method::POST, service.url.clone())?;
            let request = request.header(service.header.clone(), service.key.clone()).json(&body);
            let peer = service.peer;
            let response = request.send().await.map_err(|e| peer.transport(&e))?;
            match peer.accept(response, private).await {
                Ok(response) => {
                    let value = read(&peer, response).await?;
                    let entries = value.get("pipelineResponse").and_then(Value::as_array);
                    let done = |entry: &&Value| entry.get("taskType").is_none_or(|task| task == self.task.kind);
                    let Some(entry) = entries.and_then(|entries| entries.iter().find(done)).cloned() else {
                        return Err(without(&peer, &value, "the task that was asked for", private));
                    };
                    return Ok(Answer { entry, peer });
                }
                // Keys are renewed and services move; what is known of them may be out of date.
                Err(refusal) if was_known && matches!(refusal.error.provider_status(), Some(401 | 403 | 404)) => {
                    self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&language);
                }
                Err(refusal) => return Err(refusal.error),
            }
        }
    }

    /// The service for a language, and whether it was known before.
    async fn service(&self, language: &str) -> Result<(Service, bool)> {
        let Way::Ulca { user_id } = &self.way else {
            let message = format!("{NAME} is called directly, so the id of its service must be given as the model");
            let id = self.service.clone().ok_or_else(|| self.peer.error(ErrorKind::InvalidConfig, message))?;
            let url = self.url(COMPUTE_PATH)?;
            let (key, peer) = (self.key()?, self.peer.clone());
            return Ok((Service { id, voices: Vec::new(), url, header: AUTHORIZATION, key, peer }, false));
        };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(language).cloned();
        if let Some(service) = known {
            return Ok((service, true));
        }
        let service = self.discover(user_id, language).await?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(language.to_owned(), service.clone());
        Ok((service, false))
    }

    /// Asks ULCA for the services that do the task in a language, or in any; gives them, and all that it says.
    async fn offered(&self, user_id: &Secret, language: Option<&str>) -> Result<(Vec<Value>, Value)> {
        let mut task = json!({"taskType": self.task.kind});
        if let Some(language) = language {
            task["config"] = json!({"language": {"sourceLanguage": language}});
        }
        let body = json!({"pipelineTasks": [task], "pipelineRequestConfig": {"pipelineId": self.id}});
        let request = self.request(Method::POST, self.url(CONFIG_PATH)?)?;
        let request = request.header("userid", self.header("user id", user_id)?).header("ulcaapikey", self.key()?);
        let private: Private = vec![user_id.expose().into()];
        let response = request.json(&body).send().await.map_err(|e| self.peer.transport(&e))?;
        let response = self.peer.accept(response, &private).await.map_err(|refusal| refusal.error)?;
        let value = read(&self.peer, response).await?;
        let Some(tasks) = value.get("pipelineResponseConfig").and_then(Value::as_array) else {
            return Err(without(&self.peer, &value, "services", &private));
        };
        let task = tasks.iter().find(|task| task.get("taskType").is_some_and(|kind| kind == self.task.kind));
        let offered = task.and_then(|task| task.get("config")?.as_array()).cloned().unwrap_or_default();
        Ok((offered, value))
    }

    /// The voices that services say they have, each with the code of the language that it speaks there.
    ///
    /// # Errors
    /// Whatever ULCA or the way to it says; `INVALID_REQUEST` (kind `Unsupported`) where it is not asked.
    pub(super) async fn voices(&self, tag: Option<&str>) -> Result<Vec<(String, String)>> {
        let Way::Ulca { user_id } = &self.way else { return Err(no_list(&self.peer.provider)) };
        let language = tag.map(code);
        let (offered, _) = self.offered(user_id, language.as_deref()).await?;
        let named = offered.iter().filter(|config| self.is_named(config));
        let voices = named.flat_map(|config| {
            let spoken = config.pointer("/language/sourceLanguage").and_then(Value::as_str).map(code);
            let spoken = spoken.or_else(|| language.clone()).unwrap_or_default();
            voices_of(config).map(move |voice| (voice, spoken.clone()))
        });
        Ok(voices.collect())
    }

    /// Whether it is the service that was named, if one was.
    fn is_named(&self, config: &Value) -> bool {
        let named = self.service.as_deref();
        named.is_none_or(|named| config.get("serviceId").is_some_and(|id| id == named))
    }

    /// Asks ULCA.
    async fn discover(&self, user_id: &Secret, language: &str) -> Result<Service> {
        let (offered, value) = self.offered(user_id, Some(language)).await?;
        let speaks = |config: &&Value| config.pointer("/language/sourceLanguage").is_none_or(|l| l == language);
        let found = offered.iter().filter(speaks).find(|config| self.is_named(config));
        let id = found.and_then(|config| config.get("serviceId")?.as_str()).or(self.service.as_deref());
        let Some(id) = id.map(str::to_owned) else {
            let message = format!("{NAME} has no service for {} in the language {language:?}", self.task.name);
            return Err(self.peer.error(ErrorKind::Unsupported, message));
        };
        let voices = found.into_iter().flat_map(voices_of).collect();
        let (url, header, key, peer) = self.entrance(&value).ok_or_else(|| {
            self.peer.malformed("named a service, but not in a usable way where it is and how it is entered")
        })?;
        Ok(Service { id, voices, url, header, key, peer })
    }

    /// Where services are and how they are entered, by ULCA's word.
    fn entrance(&self, value: &Value) -> Option<(Url, HeaderName, HeaderValue, Peer)> {
        let end_point = value.get("pipelineInferenceAPIEndPoint")?;
        let text = |path: &str| end_point.pointer(path).and_then(Value::as_str);
        let url = Url::parse(text("/callbackUrl")?).ok().filter(|u| matches!(u.scheme(), "http" | "https"))?;
        let header = HeaderName::from_bytes(text("/inferenceApiKey/name")?.as_bytes()).ok()?;
        let mut key = HeaderValue::from_str(text("/inferenceApiKey/value")?).ok()?;
        key.set_sensitive(true);
        let secret = Some(Secret::new(text("/inferenceApiKey/value")?));
        let peer = Peer { host: host(&url), key: secret, ..self.peer.clone() };
        Some((url, header, key, peer))
    }

    /// Asks a server of AI4Bharat's models.
    ///
    /// # Errors
    /// Whatever the server or the way to it says.
    pub(super) async fn own(&self, path: &str, body: &Value, private: &Private) -> Result<Value> {
        let request = self.request(Method::POST, self.url(path)?)?.json(body);
        let response = request.send().await.map_err(|e| self.peer.transport(&e))?;
        let response = self.peer.accept(response, private).await.map_err(|refusal| refusal.error)?;
        read(&self.peer, response).await
    }

    /// Finds the service for the language that is set. A failure only means that the first call will be slower.
    pub(super) async fn warm_up(&self) {
        let (Way::Ulca { .. }, Some(language)) = (&self.way, &self.language) else { return };
        match tokio::time::timeout(WARM_UP, self.service(&code(language))).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(provider = &*self.peer.provider, %error, "warming up failed"),
            Err(_) => tracing::debug!(provider = &*self.peer.provider, "warming up took too long"),
        }
    }
}

/// The voices that a service says it has.
fn voices_of(config: &Value) -> impl Iterator<Item = String> {
    let voices = config.get("supportedVoices").and_then(Value::as_array).into_iter().flatten();
    voices.filter_map(|voice| Some(voice.as_str()?.to_owned()))
}

/// Host and port, for people.
fn host(url: &Url) -> Arc<str> {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}").into(),
        (Some(host), None) => host.into(),
        (None, _) => "the server".into(),
    }
}

/// The language of a BCP 47 tag as ULCA names it: `hi` of `hi-IN`.
pub(super) fn code(tag: &str) -> String {
    tag.split(['-', '_']).next().unwrap_or_default().trim().to_lowercase()
}

async fn read(peer: &Peer, response: Response) -> Result<Value> {
    let body = peer.read_all(response, MOST_ANSWER_BYTES).await?;
    serde_json::from_slice(&body).map_err(|_| peer.malformed("answered with broken JSON"))
}

/// The error for an answer without what was asked for: it may say why.
pub(super) fn without(peer: &Peer, value: &Value, what: &str, private: &Private) -> Error {
    if ["error", "detail", "message"].iter().any(|field| value.get(field).is_some_and(|why| !why.is_null())) {
        return peer.reported(value, private);
    }
    peer.malformed(&format!("answered without {what}"))
}

/// The builder methods that everything with a field `pipeline` shares. `$of` makes it from its pipeline.
macro_rules! pipeline_builder {
    ($task:expr, $of:expr) => {
        /// With a user's id and ULCA key, which finds the services by itself.
        #[must_use]
        pub fn new(user_id: impl Into<$crate::secret::Secret>, key: impl Into<$crate::secret::Secret>) -> Self {
            $of($crate::providers::bhashini::pipeline::Pipeline::ulca($task, &user_id.into(), &key.into()))
        }

        /// With the id and the ULCA key in the environment variables `BHASHINI_USER_ID` and `BHASHINI_API_KEY`.
        ///
        /// # Errors
        /// `INVALID_PROVIDER_KEY` (kind `MissingProviderKey`) when one of them is not set.
        pub fn from_env() -> $crate::error::Result<Self> {
            use $crate::providers::bhashini::{key_from_env, user_id_from_env};
            Ok(Self::new(user_id_from_env()?, key_from_env()?))
        }

        /// With a key for the services themselves, which are then not looked up: the service has to be named as
        /// [`model`](Self::model).
        #[must_use]
        pub fn direct(key: impl Into<$crate::secret::Secret>) -> Self {
            $of($crate::providers::bhashini::pipeline::Pipeline::direct($task, &key.into()))
        }

        /// Sets the service by its id, such as `ai4bharat/conformer-hi-gpu--t4`. Default: the first that ULCA names for the
        /// language.
        #[must_use]
        pub fn model(mut self, service_id: impl Into<String>) -> Self {
            self.pipeline = self.pipeline.set_service(service_id.into());
            self
        }

        /// Sets the language (BCP 47) of calls that name none.
        #[must_use]
        pub fn language(mut self, language: impl Into<String>) -> Self {
            self.pipeline = self.pipeline.set_language(language.into());
            self
        }

        /// Sets the pipeline whose services are used. Default: the ministry's, `64392f96daac500b55c543cd`.
        #[must_use]
        pub fn pipeline_id(mut self, id: impl Into<String>) -> Self {
            self.pipeline = self.pipeline.set_id(id.into());
            self
        }

        /// Sets where ULCA is (below it `/ulca/apis/v0/model/getModelsPipeline` is called), or Dhruva, when it is called directly
        /// (`/services/inference/pipeline`).
        #[must_use]
        pub fn base_url(mut self, url: impl AsRef<str>) -> Self {
            self.pipeline = self.pipeline.set_base_url(url.as_ref());
            self
        }

        /// Sets the longest wait for a connection: name, TCP and TLS together. Default 5 s.
        #[must_use]
        pub fn connect_timeout(mut self, limit: std::time::Duration) -> Self {
            self.pipeline = self.pipeline.set_connect_timeout(limit);
            self
        }
    };
}
pub(super) use pipeline_builder;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_password_and_no_id_of_the_user() {
        let task = Task { kind: "asr", name: "recognition", input: "speech", stage: Stage::Stt };
        let pipeline = Pipeline::ulca(task, &"planted-user".into(), &"planted-key".into());
        let pipeline = pipeline.set_base_url("https://ada:planted@ulca.example.org");
        let (id, url) = ("asr/hi".to_owned(), Url::parse("https://ada:planted@dhruva.example.org").unwrap());
        let (key, peer) = (HeaderValue::from_static("planted"), pipeline.peer.clone());
        let service = Service { id, voices: Vec::new(), url, header: AUTHORIZATION, key, peer };
        pipeline.known.lock().unwrap().insert("hi".into(), service);
        let shown = format!("{pipeline:?}");
        assert!(!shown.contains("planted") && shown.contains("asr/hi"), "{shown}");
    }

    #[test]
    fn a_tag_becomes_the_code_of_its_language() {
        assert_eq!(["hi-IN", "Ta", "brx_Deva", ""].map(code), ["hi", "ta", "brx", ""]);
    }
}
