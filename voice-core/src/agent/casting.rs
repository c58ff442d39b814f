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
    error::{Error, ErrorKind, Result},
    id::OrganizationId,
    interpreter::Interpreter,
    layer::{LayerOptions, LlmService, Realtime, Stack, SttService, TtsService},
    provider::{LanguageModel, SpeechToSpeech, SpeechToText, TextToSpeech, TurnDetector},
    registry::Registry,
    store::{AssistantVersion, Credential, Storage},
    time::Timestamp,
    turn::{Cast, Engine, Voices},
};

/// The most assistants whose engines are kept ready; models themselves are shared by all that use them.
const MOST: usize = 256;
/// How long an engine is used before the credentials are looked at again.
const TRUSTED: Duration = Duration::from_secs(60);

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
    layers: LayerOptions,
    named: Named,
    storage: Storage,
    vault: Option<Vault>,
    /// The agent's own engine: what an assistant leaves out comes from it.
    base: Engine,
    /// The first voice that the agent's config names.
    base_voice: Option<ProviderConfig>,
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
        layers: LayerOptions,
        named: Named,
        storage: Storage,
        vault: Option<Vault>,
        base: Engine,
        base_voice: Option<ProviderConfig>,
    ) -> Self {
        Self {
            registry,
            layers,
            named,
            storage,
            vault,
            base,
            base_voice,
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

    /// Whether every provider that an assistant names is there.
    pub(super) fn check_providers(&self, assistant: &Assistant) -> Result<()> {
        for (path, name) in assistant.providers() {
            let own = match path {
                "stt_provider" => self.named.stt.contains_key(name),
                "model_provider" => self.named.llm.contains_key(name),
                "realtime_provider" => self.named.realtime.contains_key(name),
                _ => self.named.tts.contains_key(name),
            };
            if !own && !self.named.configured.contains_key(name) && !self.registry.knows(name) {
                return Err(Error::new(
                    ErrorKind::InvalidField,
                    format!("{path}: there is no provider {name:?}, or it is not compiled in"),
                ));
            }
        }
        Ok(())
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
        let mut engine = self.base.clone();
        let own_voice = assistant.tts();
        if let Some(config) = assistant.stt() {
            let stt = match self.named.stt.get(&config.provider) {
                Some(own) => Arc::clone(own),
                None => self.registry.stt(&self.completed(config, credentials)?).await?,
            };
            engine.stt = Some(Arc::new(Stack::new([SttService(stt)], &self.layers)));
        }
        if let Some(config) = assistant.llm() {
            let llm = match self.named.llm.get(&config.provider) {
                Some(own) => Arc::clone(own),
                None => self.registry.llm(&self.completed(config, credentials)?).await?,
            };
            engine.llm = Arc::new(Stack::new([LlmService(llm)], &self.layers));
        }
        if let Some(config) = own_voice.clone() {
            let tts = match self.named.tts.get(&config.provider) {
                Some(own) => Arc::clone(own),
                None => self.registry.tts(&self.completed(config, credentials)?).await?,
            };
            engine.tts = Some(Arc::new(Stack::new([TtsService(tts)], &self.layers)));
        }
        if let Some(config) = assistant.realtime() {
            let model = match self.named.realtime.get(&config.provider) {
                Some(own) => Arc::clone(own),
                None => self.registry.realtime(&self.completed(config, credentials)?).await?,
            };
            engine.realtime = Some(Arc::new(Realtime::new(model, &self.layers)));
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
        if let Some(actions) = &assistant.actions {
            engine.actions = Some(Arc::new(Catalogue::new(actions)));
        }
        if let Some(config) = &assistant.interpreter {
            let base = own_voice.as_ref().or(self.base_voice.as_ref());
            let complete = |said| self.completed(said, credentials);
            let voices = voices(&self.registry, &self.layers, &self.named, config, base, complete).await?;
            engine.interpret_with(Arc::new(Interpreter::new(config)), voices);
        } else if let Some(interpreter) = engine.interpreter.clone() {
            let voices = Arc::clone(&engine.voices);
            engine.interpret_with(interpreter, voices);
        }
        Ok(engine)
    }

    /// What an assistant says about a provider, with what the host says about it and the organization's own credential.
    fn completed(&self, said: ProviderConfig, credentials: &[Credential]) -> Result<ProviderConfig> {
        let credential = credentials.iter().find(|c| c.provider == said.provider);
        let mut config = with_host(&self.named, said);
        if let Some(credential) = credential {
            config.api_key = Some(self.vault()?.open(credential)?);
        }
        Ok(config)
    }
}

/// What is said about a provider, with what the host says about the one of this name.
pub(super) fn with_host(named: &Named, said: ProviderConfig) -> ProviderConfig {
    match named.configured.get(&said.provider) {
        None => said,
        Some(host) => {
            let mut config = host.clone();
            config.model = said.model.or(config.model);
            config.voice = said.voice.or(config.voice);
            config.settings.extend(said.settings);
            config
        }
    }
}

/// Who speaks the languages of an interpreter that have a voice of their own. What a voice leaves out, `base` says.
pub(super) async fn voices(
    registry: &Registry,
    layers: &LayerOptions,
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
        said.settings.extend(voice.settings.clone());
        let tts = match named.tts.get(&said.provider) {
            Some(own) => Arc::clone(own),
            None => registry.tts(&complete(said)?).await?,
        };
        all.push((language.clone(), Arc::new(Stack::new([TtsService(tts)], layers))));
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
        let engine = Arc::new(self.make(StoredAssistant::from_record(record)?, &credentials).await?);
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
