//! Assistants brought to life: the engine with the providers and the settings of each.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::OnceCell, time::Instant};

use super::{accounts::Vault, assistants::StoredAssistant};
use crate::{
    actions::Catalogue,
    config::{Assistant, InterpreterConfig, ProviderConfig},
    error::{Error, ErrorKind, Result, Stage},
    id::OrganizationId,
    interpreter::Interpreter,
    layer::{Account, Layers, LlmService, Realtime, Stack, SttService, TtsService},
    provider::{LanguageModel, SpeechToSpeech, SpeechToText, TextToSpeech, TurnDetector, VoiceChoice},
    registry::Registry,
    secret::Secret,
    store::{AssistantVersion, Credential, Storage},
    time::Timestamp,
    turn::{Attached, Cast, Engine, Voices},
};

/// The most assistants whose engines are kept ready; models themselves are shared by all that use them.
const MOST: usize = 256;
/// How long an engine is used before the credentials are looked at again.
const TRUSTED: Duration = Duration::from_secs(60);
/// Whose models are files of this machine.
const LOCAL: &str = "local";
/// How the names of such files end.
const FILES: [&str; 3] = ["gguf", "onnx", "bin"];

/// Providers of the host's own, by the names under which assistants call for them.
#[derive(Clone, Default)]
pub(super) struct Named {
    pub(super) stt: HashMap<String, Arc<dyn SpeechToText>>,
    pub(super) llm: HashMap<String, Arc<dyn LanguageModel>>,
    pub(super) tts: HashMap<String, Arc<dyn TextToSpeech>>,
    pub(super) realtime: HashMap<String, Arc<dyn SpeechToSpeech>>,
    pub(super) configured: HashMap<String, ProviderConfig>,
}

pub(super) struct Casting {
    registry: Registry,
    layers: Layers,
    named: Named,
    storage: Storage,
    vault: Option<Vault>,
    /// The agent's own engine: what an assistant leaves out comes from it.
    base: Engine,
    /// How the config names the agent's own text to speech, in the order of its list; `None`: an object of the host's.
    speakers: Vec<Option<ProviderConfig>>,
    turn_detector: OnceCell<Arc<dyn TurnDetector>>,
    ready: Mutex<HashMap<(Option<OrganizationId>, AssistantVersion), Ready>>,
}

struct Ready {
    engine: Arc<Engine>,
    /// The credentials that it was made with.
    credentials: Vec<(String, Timestamp)>,
    checked: Instant,
    used: Instant,
}

impl Casting {
    pub(super) fn new(
        registry: Registry,
        layers: Layers,
        named: Named,
        storage: Storage,
        vault: Option<Vault>,
        base: Engine,
        speakers: Vec<Option<ProviderConfig>>,
    ) -> Self {
        Self {
            registry,
            layers,
            named,
            storage,
            vault,
            base,
            speakers,
            turn_detector: OnceCell::new(),
            ready: Mutex::default(),
        }
    }

    pub(super) fn vault(&self) -> Result<&Vault> {
        self.vault.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidConfig,
                "no credential can be kept without a key to encrypt it: set accounts.credentials_key, or the environment \
                 variable VOICE_CORE_CREDENTIALS_KEY, to 32 random bytes",
            )
        })
    }

    /// Forgets the engines of an organization, so that the next turn makes them anew.
    pub(super) fn forget(&self, organization: Option<OrganizationId>) {
        self.lock().retain(|(owner, _), _| *owner != organization);
    }

    /// Whether every provider and every tool that an assistant names is there, and it names no files of this machine.
    pub(super) fn check(&self, assistant: &Assistant) -> Result<()> {
        for (path, name) in assistant.providers() {
            if !self.is_own(path, name) && !self.is_known(name) {
                return Err(unknown(path, name));
            }
        }
        self.check_names(assistant)?;
        // An agent without tools does not know those of the agents that will run it.
        let tools = &self.base.tools;
        let lacking = tools.lacking(&assistant.tools).next().filter(|_| !tools.is_empty());
        lacking.map_or(Ok(()), |name| {
            let message = format!("tools: there is no tool {name:?}; there are: {}", tools.names());
            Err(Error::new(ErrorKind::InvalidField, message))
        })
    }

    /// Checks that an assistant names no files of this machine.
    fn check_names(&self, assistant: &Assistant) -> Result<()> {
        let own_voice = assistant.tts();
        let base = self.base_voice(own_voice.as_ref()).map(|config| config.provider.as_str());
        for (path, provider, name) in assistant.names() {
            if let Some(provider) = provider.or(base)
                && !self.is_own(&path, provider)
            {
                let host = self.named.configured.get(provider);
                check_name(host.map_or(provider, |host| host.provider.as_str()), &path, name)?;
            }
        }
        Ok(())
    }

    /// Who speaks where a language of an interpreter has nobody of its own: the assistant's voice, else the agent's.
    fn base_voice<'a>(&'a self, own: Option<&'a ProviderConfig>) -> Option<&'a ProviderConfig> {
        own.or_else(|| self.speakers.iter().flatten().next())
    }

    /// Whether a provider is an object of the host's, in the place that a field of an assistant speaks of.
    fn is_own(&self, path: &str, provider: &str) -> bool {
        match path.split_once('_') {
            Some(("stt", _)) => self.named.stt.contains_key(provider),
            Some(("model", _)) => self.named.llm.contains_key(provider),
            Some(("realtime", _)) => self.named.realtime.contains_key(provider),
            _ => self.named.tts.contains_key(provider),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(Option<OrganizationId>, AssistantVersion), Ready>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn credentials(&self, organization: Option<OrganizationId>) -> Result<Vec<Credential>> {
        match (organization, self.storage.accounts()) {
            (Some(organization), Ok(accounts)) => accounts.credentials(organization).await,
            _ => Ok(Vec::new()),
        }
    }

    async fn make(&self, stored: StoredAssistant, credentials: &[Credential]) -> Result<Engine> {
        let assistant = stored.assistant;
        self.check_names(&assistant)?;
        let mut engine = self.base.clone();
        let own_voice = assistant.tts();
        if let Some(config) = assistant.stt() {
            let stt = match self.named.stt.get(&config.provider) {
                Some(own) => (object(own), SttService(Arc::clone(own))),
                None => {
                    let config = self.completed(config, credentials)?;
                    let stt = self.registry.stt(&config).await?;
                    (account(stt.name(), &config), SttService(stt))
                }
            };
            engine.stt = Some(Arc::new(Stack::new([stt], &self.layers)));
        }
        if let Some(config) = assistant.llm() {
            let llm = match self.named.llm.get(&config.provider) {
                Some(own) => (object(own), LlmService(Arc::clone(own))),
                None => {
                    let config = self.completed(config, credentials)?;
                    let llm = self.registry.llm(&config).await?;
                    (account(llm.name(), &config), LlmService(llm))
                }
            };
            engine.llm = Arc::new(Stack::new([llm], &self.layers));
        }
        if let Some(config) = own_voice.clone() {
            let tts = match self.named.tts.get(&config.provider) {
                Some(own) => (object(own), TtsService(own_voiced(own, &config)?)),
                None => {
                    let config = self.completed(config, credentials)?;
                    let tts = self.registry.tts(&config).await?;
                    (account(tts.name(), &config), TtsService(tts))
                }
            };
            engine.tts = Some(Arc::new(Stack::new([tts], &self.layers)));
        }
        if let Some(config) = assistant.realtime() {
            let model = match self.named.realtime.get(&config.provider) {
                Some(own) => Arc::clone(own),
                None => self.registry.realtime(&self.completed(config, credentials)?).await?,
            };
            engine.realtime = Some(Arc::new(Realtime::new(model, &self.layers.options)));
        } else if assistant.model_provider.is_some() {
            // Who names a language model wants to be answered by it.
            engine.realtime = None;
        }
        let settings = &mut engine.settings;
        settings.system_prompt = assistant.system_prompt.into();
        settings.first_message = assistant.first_message;
        settings.max_tokens = assistant.max_tokens;
        #[allow(clippy::cast_possible_truncation)]
        let temperature = assistant.temperature as f32;
        settings.temperature = temperature;
        settings.context_messages = assistant.context_messages as usize;
        settings.language = Some(assistant.language).filter(|language| language != "auto");
        settings.denoising |= assistant.background_denoising;
        settings.live.input.denoising |= assistant.background_denoising;
        settings.live.interruption.enabled = assistant.interruptions_enabled;
        if !assistant.end_call_phrases.is_empty() {
            settings.live.conversation.end_call_phrases = assistant.end_call_phrases;
        }
        if let (Some(library), Some(attached)) =
            (&engine.library, Attached::named(stored.organization, &assistant.knowledge))
        {
            engine.library = Some(library.with(attached));
        }
        if let Some(actions) = &assistant.actions {
            engine.actions = Some(Arc::new(Catalogue::new(actions)));
        }
        if let Some(config) = &assistant.interpreter {
            let base = self.base_voice(own_voice.as_ref());
            let complete = |said| self.completed(said, credentials);
            let voices = voices(&self.registry, &self.layers, &self.named, config, base, complete).await?;
            engine.interpret_with(Arc::new(Interpreter::new(config)), voices);
        } else if let Some(interpreter) = engine.interpreter.clone() {
            let voices = Arc::clone(&engine.voices);
            engine.interpret_with(interpreter, voices);
        } else if !assistant.tools.is_empty() {
            for tool in engine.tools.lacking(&assistant.tools) {
                let tool = tool.as_str();
                tracing::warn!(assistant = %stored.id, tool, "an assistant names a tool that is not there");
            }
            engine.tools = Arc::new(engine.tools.only(&assistant.tools));
        }
        Ok(engine)
    }

    /// Who speaks as somebody wants to hear it: the agent's own text to speech of this name (the first, if none is named), else one
    /// that assistants may name. `choice` says with which of its voices.
    pub(super) async fn speaker(
        &self,
        organization: Option<OrganizationId>,
        name: Option<&str>,
        choice: &VoiceChoice,
    ) -> Result<Stack<TtsService>> {
        let said = name.map(ProviderConfig::named);
        let (own, credentials) = (self.base.tts.as_deref(), self.credentials(organization).await?);
        if let Some(own) = own
            && let Some(index) = self.own_speaker(own, name, said.as_ref())
        {
            let speaker = own.services().nth(index).map(|TtsService(tts)| tts);
            let configured = self.speakers.get(index).and_then(Option::as_ref);
            // Who is named as errors name it is meant as it is.
            let is_exact = name.is_none() || speaker.is_some_and(|speaker| Some(speaker.name()) == name);
            let model = said.as_ref().and_then(|said| said.model.as_ref()).filter(|_| !is_exact);
            let is_another = configured.is_some_and(|config| {
                model.is_some_and(|model| config.model.as_ref() != Some(model))
                    || credentials.iter().any(|credential| credential.provider == config.provider)
            });
            return Ok(match (configured, speaker) {
                _ if choice.is_empty() && !is_another => own.only(index),
                (Some(config), _) => {
                    let mut config = config.clone();
                    check_choice(&config, model.filter(|model| config.model.as_ref() != Some(*model)), choice)?;
                    config.model = model.cloned().or(config.model);
                    let config = self.with_credential(self.registry.voiced(config, choice), &credentials)?;
                    let tts = self.registry.tts(&config).await.map_err(|error| told(organization, error))?;
                    Stack::new([(account(tts.name(), &config), TtsService(tts))], &self.layers)
                }
                (None, Some(speaker)) => {
                    Stack::new([(object(speaker), TtsService(speaker.with_voice(choice)?))], &self.layers)
                }
                (None, None) => return Err(Error::internal("a voice of the agent's own is not there")),
            });
        }
        let Some(config) = said else {
            let message = "the agent has no tts provider: configure `tts`, or name the provider";
            return Err(Error::new(ErrorKind::InvalidConfig, message).with_stage(Stage::Tts));
        };
        let tts = match self.named.tts.get(&config.provider) {
            Some(own) if choice.is_empty() => (object(own), TtsService(Arc::clone(own))),
            Some(own) => (object(own), TtsService(own.with_voice(choice)?)),
            None if self.is_known(&config.provider) => {
                let configured = self.named.configured.get(&config.provider).unwrap_or(&config);
                check_choice(configured, config.model.as_ref(), choice)?;
                let config = self.completed(self.registry.voiced(config, choice), &credentials)?;
                let tts = self.registry.tts(&config).await.map_err(|error| told(organization, error))?;
                (account(tts.name(), &config), TtsService(tts))
            }
            None => return Err(unknown("provider", &config.provider)),
        };
        Ok(Stack::new([tts], &self.layers))
    }

    /// Which of the agent's own goes by a name: that of errors and metrics, or the one in the config.
    fn own_speaker(&self, own: &Stack<TtsService>, name: Option<&str>, said: Option<&ProviderConfig>) -> Option<usize> {
        let (Some(name), Some(said)) = (name, said) else { return own.services().next().map(|_| 0) };
        let configured = |fits: &dyn Fn(&ProviderConfig) -> bool| {
            self.speakers.iter().position(|speaker| speaker.as_ref().is_some_and(fits))
        };
        let is_model = |config: &ProviderConfig| said.model.is_none() || config.model == said.model;
        own.services()
            .position(|service| service.0.name() == name)
            .or_else(|| configured(&|config| config.provider == said.provider && is_model(config)))
            .or_else(|| configured(&|config| config.provider == said.provider))
    }

    /// Whether there is a provider of this name, by the host's config or the library's own.
    fn is_known(&self, name: &str) -> bool {
        self.named.configured.contains_key(name) || self.registry.knows(name)
    }

    /// What an assistant says about a provider, with what the host says about it and the organization's own credential.
    fn completed(&self, said: ProviderConfig, credentials: &[Credential]) -> Result<ProviderConfig> {
        let name = said.provider.clone();
        let mut config = with_host(&self.named, said);
        if let Some(key) = self.own_key(&name, credentials)? {
            config.api_key = Some(key);
        }
        Ok(config)
    }

    /// A provider of the agent's own, with the organization's own credential for it.
    fn with_credential(&self, mut config: ProviderConfig, credentials: &[Credential]) -> Result<ProviderConfig> {
        if let Some(key) = self.own_key(&config.provider, credentials)? {
            config.api_key = Some(key);
        }
        Ok(config)
    }

    /// The organization's own credential for a provider, if it has one.
    fn own_key(&self, provider: &str, credentials: &[Credential]) -> Result<Option<Secret>> {
        let credential = credentials.iter().find(|credential| credential.provider == provider);
        credential.map(|credential| self.vault()?.open(credential)).transpose()
    }
}

/// A voice of the host's own as an assistant wants to hear it. One that has a single voice keeps it, and the log says so.
fn own_voiced(own: &Arc<dyn TextToSpeech>, config: &ProviderConfig) -> Result<Arc<dyn TextToSpeech>> {
    let choice = VoiceChoice::new(config.voice.clone(), config.settings.clone());
    if choice.is_empty() {
        return Ok(Arc::clone(own));
    }
    match own.with_voice(&choice) {
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            let provider = own.name();
            tracing::warn!(provider, "this provider has one voice: an assistant's voice and its settings are left out");
            Ok(Arc::clone(own))
        }
        voiced => voiced,
    }
}

/// Checks that whoever wants to hear a voice names no files of this machine.
fn check_choice(config: &ProviderConfig, model: Option<&String>, choice: &VoiceChoice) -> Result<()> {
    let mut named = [("provider", model), ("voice", choice.id.as_ref())].into_iter();
    named.try_for_each(|(path, name)| name.map_or(Ok(()), |name| check_name(&config.provider, path, name)))
}

/// Checks that a name is none of a file of this machine: what a provider that is local would open. A config may have such
/// names, and nobody else.
fn check_name(provider: &str, path: &str, name: &str) -> Result<()> {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    let is_file = ending.is_some_and(|ending| FILES.iter().any(|known| ending.eq_ignore_ascii_case(known)));
    if provider == LOCAL && (is_file || name.starts_with('.') || name.contains(['/', '\\', ':'])) {
        let message = format!("{path}: a local model or voice goes by its name here, not by that of a file");
        return Err(Error::new(ErrorKind::InvalidField, message));
    }
    Ok(())
}

/// What an organization is told of a fault: where the host keeps its models is for the log.
fn told(organization: Option<OrganizationId>, error: Error) -> Error {
    if organization.is_none() || error.kind() != ErrorKind::ModelMissing {
        return error;
    }
    tracing::warn!(%error, "a local model that an organization names cannot be used");
    Error::new(ErrorKind::ModelMissing, "the local model or voice that is named is not there, or cannot be used")
}

fn unknown(path: &str, name: &str) -> Error {
    Error::new(ErrorKind::InvalidField, format!("{path}: there is no provider {name:?}, or it is not compiled in"))
}

/// On whose account a provider from a config is called: who names the same one with the same key, at the same server, shares its limits.
pub(super) fn account(name: &str, config: &ProviderConfig) -> Account {
    Account::of((name, config.api_key.as_ref().map(Secret::expose), config.base_url.as_deref()))
}

/// The same for an object of the host's, whichever of its voices speaks.
pub(super) fn object<P: ?Sized>(own: &Arc<P>) -> Account {
    Account::of(Arc::as_ptr(own).cast::<()>())
}

/// What is said about a provider, with what the host says about the one of this name.
pub(super) fn with_host(named: &Named, said: ProviderConfig) -> ProviderConfig {
    match named.configured.get(&said.provider) {
        None => said,
        Some(host) => {
            let mut config = host.clone();
            config.model = said.model.or(config.model);
            config.voice = said.voice.or(config.voice);
            config.set(said.settings);
            config
        }
    }
}

/// Who speaks the languages of an interpreter that have a voice of their own. What a voice leaves out, `base` says.
pub(super) async fn voices(
    registry: &Registry,
    layers: &Layers,
    named: &Named,
    config: &InterpreterConfig,
    base: Option<&ProviderConfig>,
    complete: impl Fn(ProviderConfig) -> Result<ProviderConfig> + Send + Sync,
) -> Result<Voices> {
    let mut all = Vec::new();
    for (language, voice) in &config.voices {
        let mut said = match (&voice.provider, base) {
            (Some(provider), Some(base)) if *provider == base.provider => base.clone(),
            (Some(provider), _) => ProviderConfig::named(provider),
            (None, Some(base)) => base.clone(),
            (None, None) => {
                return Err(Error::new(
                    ErrorKind::InvalidConfig,
                    format!("interpreter.voices.{language}: name its provider; the agent's own is not from a config"),
                ));
            }
        };
        said.model = voice.model.clone().or(said.model);
        said.voice = voice.voice.clone().or(said.voice);
        said.set(voice.settings.clone());
        let tts = match named.tts.get(&said.provider) {
            Some(own) => (object(own), TtsService(own_voiced(own, &said)?)),
            None => {
                let config = complete(said)?;
                let tts = registry.tts(&config).await?;
                (account(tts.name(), &config), TtsService(tts))
            }
        };
        all.push((language.clone(), Arc::new(Stack::new([tts], layers))));
    }
    Ok(all.into())
}

fn stamps(credentials: &[Credential]) -> Vec<(String, Timestamp)> {
    credentials.iter().map(|c| (c.provider.clone(), c.updated_at)).collect()
}

#[async_trait]
impl Cast for Casting {
    async fn turn_detector(&self) -> Result<Arc<dyn TurnDetector>> {
        self.turn_detector.get_or_try_init(|| self.registry.turn_detector()).await.cloned()
    }

    async fn engine(&self, organization: Option<OrganizationId>, assistant: AssistantVersion) -> Result<Arc<Engine>> {
        let (key, now) = ((organization, assistant), Instant::now());
        if let Some(ready) = self.lock().get_mut(&key)
            && now - ready.checked < TRUSTED
        {
            ready.used = now;
            return Ok(Arc::clone(&ready.engine));
        }
        let credentials = self.credentials(organization).await?;
        let stamps = stamps(&credentials);
        if let Some(ready) = self.lock().get_mut(&key)
            && ready.credentials == stamps
        {
            (ready.checked, ready.used) = (now, now);
            return Ok(Arc::clone(&ready.engine));
        }
        let record = self.storage.assistants()?.assistant_version(organization, assistant).await?;
        let record = record.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "the assistant of this session is gone; start a session with another")
        })?;
        let engine = self.make(StoredAssistant::from_record(record)?, &credentials).await;
        let engine = Arc::new(engine.map_err(|error| told(organization, error))?);
        let ready = Ready { engine: Arc::clone(&engine), credentials: stamps, checked: now, used: now };
        let mut all = self.lock();
        if all.len() >= MOST
            && let Some(oldest) = all.iter().min_by_key(|(_, ready)| ready.used).map(|(key, _)| *key)
        {
            all.remove(&oldest);
        }
        all.insert(key, ready);
        Ok(engine)
    }
}
