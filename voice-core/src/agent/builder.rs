//! Putting an agent together.

use std::{sync::Arc, time::Duration};

use super::{
    Parts, VoiceAgent,
    accounts::Vault,
    casting::{Casting, Named, account, object, voices, with_host},
};
use crate::{
    actions::Catalogue,
    config::{AssistantConfig, Config, ProviderConfig, ProviderList, RecordingsConfig, invalid},
    error::Result,
    interpreter::Interpreter,
    layer::{LayerOptions, Layers, LlmService, Realtime, Stack, SttService, TtsService},
    provider::{LanguageModel, SpeechToSpeech, SpeechToText, TextToSpeech, TurnDetector},
    registry::Registry,
    store::{BlobStore, ConversationStore, Outbox, RecordedStore, Storage},
    telemetry::{MetricsSink, Telemetry},
    time::{Clock, system_clock},
    tool::{Tool, Toolbox},
    turn::{Engine, Library, Recordings, TurnSettings},
};

/// One or more providers of a stage, in the order in which they are tried: made from `"provider/model"`, a list of such names, a
/// provider from the config, a provider value, or a shared one.
///
/// `"none"` leaves speech to text or text to speech out: an agent without the one takes typed messages only, without the other
/// it answers in writing only.
pub struct Providers<P: ?Sized>(Vec<Choice<P>>);

enum Choice<P: ?Sized> {
    Configured(ProviderConfig),
    Given(Arc<P>),
}

impl<P: ?Sized> Providers<P> {
    /// Adds providers to be tried after these.
    #[must_use]
    pub fn then(mut self, next: impl Into<Self>) -> Self {
        self.0.extend(next.into().0);
        self
    }
}

impl<P: ?Sized> From<&str> for Providers<P> {
    fn from(name: &str) -> Self {
        Self(vec![Choice::Configured(ProviderConfig::named(name))])
    }
}

impl<P: ?Sized> From<String> for Providers<P> {
    fn from(name: String) -> Self {
        name.as_str().into()
    }
}

impl<P: ?Sized, const N: usize> From<[&str; N]> for Providers<P> {
    fn from(names: [&str; N]) -> Self {
        Self(names.into_iter().map(|name| Choice::Configured(ProviderConfig::named(name))).collect())
    }
}

impl<P: ?Sized> From<ProviderConfig> for Providers<P> {
    fn from(config: ProviderConfig) -> Self {
        Self(vec![Choice::Configured(config)])
    }
}

impl<P: ?Sized> From<ProviderList> for Providers<P> {
    fn from(list: ProviderList) -> Self {
        Self(list.0.into_iter().map(Choice::Configured).collect())
    }
}

impl<P: ?Sized> From<Arc<P>> for Providers<P> {
    fn from(provider: Arc<P>) -> Self {
        Self(vec![Choice::Given(provider)])
    }
}

macro_rules! from_values {
    ($($provider:ident)*) => {$(
        impl<T: $provider + 'static> From<T> for Providers<dyn $provider> {
            fn from(provider: T) -> Self {
                Self(vec![Choice::Given(Arc::new(provider))])
            }
        }
    )*};
}

from_values!(SpeechToText LanguageModel TextToSpeech SpeechToSpeech);

/// Puts an agent together; made by [`VoiceAgent::builder`].
///
/// What is not set comes from the config, then from the environment, then from the defaults: local models, an SQLite file in
/// the user's data folder.
#[derive(Default)]
#[must_use = "nothing is built until `build` is called"]
pub struct AgentBuilder {
    config: Option<Config>,
    stt: Option<Providers<dyn SpeechToText>>,
    llm: Option<Providers<dyn LanguageModel>>,
    tts: Option<Providers<dyn TextToSpeech>>,
    realtime: Option<Providers<dyn SpeechToSpeech>>,
    stores: Option<Storage>,
    named: Named,
    storage: Option<String>,
    recordings: Option<Arc<dyn BlobStore>>,
    assistant: Option<AssistantConfig>,
    system_prompt: Option<String>,
    clock: Option<Arc<dyn Clock>>,
    warm_up: Option<bool>,
    tools: Vec<Arc<dyn Tool>>,
    turn_detector: Option<Arc<dyn TurnDetector>>,
    sinks: Vec<Arc<dyn MetricsSink>>,
}

impl AgentBuilder {
    /// Starts from a config; what is set on the builder stands above it.
    pub fn config(mut self, config: Config) -> Self {
        self.config = Some(config);
        self
    }

    /// Speech to text.
    pub fn stt(mut self, providers: impl Into<Providers<dyn SpeechToText>>) -> Self {
        self.stt = Some(providers.into());
        self
    }

    /// The language model.
    pub fn llm(mut self, providers: impl Into<Providers<dyn LanguageModel>>) -> Self {
        self.llm = Some(providers.into());
        self
    }

    /// Text to speech.
    pub fn tts(mut self, providers: impl Into<Providers<dyn TextToSpeech>>) -> Self {
        self.tts = Some(providers.into());
        self
    }

    /// A model that hears and speaks by itself: it holds live sessions in place of the three, one model and no fallback. What of them is
    /// not named then is left out; one-shot turns need them.
    pub fn realtime(mut self, model: impl Into<Providers<dyn SpeechToSpeech>>) -> Self {
        self.realtime = Some(model.into());
        self
    }

    /// Where conversations are kept: `sqlite:PATH`, `postgres://…`, `mongodb://…`, `memory`.
    pub fn storage(mut self, storage: impl Into<String>) -> Self {
        self.storage = Some(storage.into());
        self
    }

    /// A store of the host's own, or one that is shared with another agent, for conversations only.
    pub fn store(self, store: Arc<dyn ConversationStore>) -> Self {
        self.stores(Storage::new(store))
    }

    /// Stores of the host's own, or ones that are shared with another agent, by subject.
    pub fn stores(mut self, stores: Storage) -> Self {
        self.stores = Some(stores);
        self
    }

    /// A provider with settings of its own (an address, a key) that assistants may name, for whichever stage they name it. What
    /// an assistant says of model, voice and settings stands above them, as does its organization's credential of this name.
    pub fn named_provider(mut self, name: impl Into<String>, provider: ProviderConfig) -> Self {
        self.named.configured.insert(name.into(), provider);
        self
    }

    /// Speech to text of the host's own that assistants may name.
    pub fn named_stt(mut self, name: impl Into<String>, stt: Arc<dyn SpeechToText>) -> Self {
        self.named.stt.insert(name.into(), stt);
        self
    }

    /// A language model of the host's own that assistants may name.
    pub fn named_llm(mut self, name: impl Into<String>, llm: Arc<dyn LanguageModel>) -> Self {
        self.named.llm.insert(name.into(), llm);
        self
    }

    /// Text to speech of the host's own that assistants may name.
    pub fn named_tts(mut self, name: impl Into<String>, tts: Arc<dyn TextToSpeech>) -> Self {
        self.named.tts.insert(name.into(), tts);
        self
    }

    /// A model of the host's own that hears and speaks by itself, and that assistants may name.
    pub fn named_realtime(mut self, name: impl Into<String>, model: Arc<dyn SpeechToSpeech>) -> Self {
        self.named.realtime.insert(name.into(), model);
        self
    }

    /// Keeps the sound of turns here, a store of the host's own or a shared one, in place of the one that the config names.
    /// What is kept, and in which format, the config says: both sides as WAV by default.
    pub fn recordings(mut self, store: Arc<dyn BlobStore>) -> Self {
        self.recordings = Some(store);
        self
    }

    /// Who the agent is and how it answers.
    pub fn assistant(mut self, assistant: AssistantConfig) -> Self {
        self.assistant = Some(assistant);
        self
    }

    /// The instructions of the language model.
    pub fn system_prompt(mut self, prompt: impl Into<String>) -> Self {
        self.system_prompt = Some(prompt.into());
        self
    }

    /// The clock that stamps what is stored. Default: the machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Whether every provider is made ready before `build` returns. Default: the config's, false.
    pub fn warm_up(mut self, warm_up: bool) -> Self {
        self.warm_up = Some(warm_up);
        self
    }

    /// Gives the model a tool to call in every turn, unless an assistant names others. See [`tool`](crate::tool).
    pub fn tool(mut self, tool: impl Tool + 'static) -> Self {
        self.tools.push(Arc::new(tool));
        self
    }

    /// Gives the model tools to call in every turn.
    pub fn tools(mut self, tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Self {
        self.tools.extend(tools);
        self
    }

    /// What hears the end of turns in live sessions with `turn_detection` `model`. Default: `smart-turn` in the model directory,
    /// loaded when it is first wanted.
    pub fn turn_detector(mut self, detector: impl TurnDetector + 'static) -> Self {
        self.turn_detector = Some(Arc::new(detector));
        self
    }

    /// Reports what calls, turns and sessions took, used and cost; may be called more than once. See
    /// [`telemetry`](crate::telemetry).
    pub fn metrics_sink(mut self, sink: Arc<dyn MetricsSink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// Builds the agent: opens the store, loads local models off the async threads.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for a wrong config (unknown provider, missing model, a feature that is not compiled in), a tool that
    /// is not in order, or tools without a model that can call them;
    /// `INVALID_PROVIDER_KEY` (kind `MissingProviderKey`) naming the variable that would supply it; `STORAGE_ERROR`.
    pub async fn build(self) -> Result<VoiceAgent> {
        let config = match self.config {
            Some(config) => config,
            None => Config::from_env()?,
        };
        config.validate()?;
        let registry = Registry::new(&config);
        let vault = config.accounts.credentials_key.as_ref().map(Vault::new).transpose()?;
        let layers = Layers::new(LayerOptions {
            retry: config.retry,
            timeouts: config.timeouts,
            circuit_breaker: config.circuit_breaker,
            rate_limit: config.rate_limit,
            prices: config.prices.clone(),
        });

        let realtime = match self.realtime.or_else(|| config.realtime.clone().map(Into::into)).map(|models| models.0) {
            None => None,
            Some(mut models) => match (models.pop(), models.is_empty()) {
                (Some(Choice::Configured(provider)), true) if provider.provider == NONE => None,
                (Some(Choice::Configured(provider)), true) => Some(registry.realtime(&provider).await?),
                (Some(Choice::Given(model)), true) => Some(model),
                _ => {
                    return Err(invalid("realtime: expected one model; there is no fallback in a conversation".into()));
                }
            },
        };
        // What holds live sessions alone needs nothing beside it.
        let default = if realtime.is_some() { NONE } else { LOCAL };
        let mut stt = Vec::new();
        for choice in chosen(self.stt, config.stt.as_ref(), default) {
            stt.push(match choice {
                Choice::Given(own) => (object(&own), SttService(own)),
                Choice::Configured(provider) => {
                    let made = registry.stt(&provider).await?;
                    (account(made.name(), &provider), SttService(made))
                }
            });
        }
        let mut llm = Vec::new();
        let is_left_out = realtime.is_some() && self.llm.is_none() && config.llm.is_none();
        for choice in given(self.llm, config.llm.as_ref(), default).into_iter().filter(|_| !is_left_out) {
            llm.push(match choice {
                Choice::Given(own) => (object(&own), LlmService(own)),
                Choice::Configured(provider) => {
                    let made = registry.llm(&provider).await?;
                    (account(made.name(), &provider), LlmService(made))
                }
            });
        }
        if llm.is_empty() && !is_left_out {
            return Err(invalid("llm: the list of providers is empty".into()));
        }
        let (mut tts, mut speakers) = (Vec::new(), Vec::new());
        for choice in chosen(self.tts, config.tts.as_ref(), default) {
            speakers.push(match &choice {
                Choice::Configured(provider) => Some(provider.clone()),
                Choice::Given(_) => None,
            });
            tts.push(match choice {
                Choice::Given(own) => (object(&own), TtsService(own)),
                Choice::Configured(provider) => {
                    let made = registry.tts(&provider).await?;
                    (account(made.name(), &provider), TtsService(made))
                }
            });
        }
        let storage = match self.stores {
            Some(stores) => stores,
            None => registry.store(self.storage.as_deref().or(config.storage.as_deref())).await?,
        };
        let recordings = match (self.recordings, config.recordings.clone()) {
            (Some(store), kept) => Some((store, kept.unwrap_or_else(|| RecordingsConfig::new("")))),
            (None, Some(kept)) => Some((registry.blobs(&kept.store).await?, kept)),
            (None, None) => None,
        };
        let recordings = recordings.map(|(store, kept)| Recordings {
            store,
            user: kept.user,
            assistant: kept.assistant,
            live: kept.live,
            format: kept.format.into(),
        });
        let storage = match &recordings {
            Some(recordings) => {
                let conversations = Arc::clone(storage.conversations());
                storage.with_conversations(Arc::new(RecordedStore::new(conversations, Arc::clone(&recordings.store))))
            }
            None => storage,
        };

        let mcp_tools = registry.mcp(&config).await?;
        let (limits, audio_limits) = (config.limits, config.audio_limits());
        let mut assistant = self.assistant.unwrap_or(config.assistant);
        let interpreter = assistant.interpreter.take();
        let mut live = config.live;
        live.input.denoising |= assistant.background_denoising;
        let clock = self.clock.unwrap_or_else(system_clock);
        let consumers = registry.telemetry(self.sinks, &config.telemetry)?;
        let mut engine = Engine {
            stt: (!stt.is_empty()).then(|| Arc::new(Stack::new(stt, &layers))),
            llm: Arc::new(Stack::new(llm, &layers)),
            tts: (!tts.is_empty()).then(|| Arc::new(Stack::new(tts, &layers))),
            realtime: realtime.map(|model| Arc::new(Realtime::new(model, &layers.options))),
            store: Arc::clone(storage.conversations()),
            outbox: Outbox::new(storage.webhooks().ok().cloned()),
            telemetry: Telemetry::start(consumers, &clock),
            clock,
            tools: Arc::new(Toolbox::default()),
            settings: TurnSettings {
                system_prompt: self.system_prompt.unwrap_or(assistant.system_prompt).into(),
                context_messages: assistant.context_messages,
                max_tokens: assistant.max_tokens,
                temperature: assistant.temperature,
                language: Some(assistant.language).filter(|l| l != "auto" && !l.is_empty()),
                limits: audio_limits,
                max_text_characters: limits.max_text_characters,
                session_idle: Duration::from_secs_f64(limits.session_idle_minutes * 60.0),
                deadline: Duration::from_secs_f64(limits.turn_seconds),
                denoising: assistant.background_denoising,
                live,
                first_message: assistant.first_message,
                max_tool_rounds: assistant.max_tool_rounds,
                filler: Some(assistant.filler.trim()).filter(|words| !words.is_empty()).map(Into::into),
                filler_after: Duration::from_millis(assistant.filler_after_ms),
            },
            locks: crate::turn::SessionLocks::default(),
            saving: crate::turn::Saving::default(),
            cast: None,
            interpreter: None,
            voices: Arc::default(),
            library: storage.knowledge().ok().map(|store| Library::new(Arc::clone(store), &config.knowledge)),
            actions: config.actions.as_ref().map(|actions| Arc::new(Catalogue::new(actions))),
            action_store: storage.actions().ok().cloned(),
            detecting: crate::turn::SessionLocks::default(),
            recordings,
            turn_detector: self.turn_detector,
        };
        engine.tools = engine.toolbox(self.tools.into_iter().chain(mcp_tools).collect())?;
        if engine.actions.is_some() {
            storage.actions()?;
        }
        if !config.knowledge.documents.is_empty() {
            storage.knowledge()?;
        }
        if let Some(interpreter) = &interpreter {
            let as_named = |said: ProviderConfig| Ok(with_host(&self.named, said));
            let base_voice = speakers.iter().flatten().next();
            let voices = voices(&registry, &layers, &self.named, interpreter, base_voice, as_named).await?;
            engine.interpret_with(Arc::new(Interpreter::new(interpreter)), voices);
        }
        let base = engine.clone();
        let casting = Casting::new(registry, layers, self.named, storage.clone(), vault, base, speakers);
        let casting = Arc::new(casting);
        let engine = Engine { cast: Some(Arc::clone(&casting) as _), ..engine };
        let (key_limit, retention) = (config.accounts.rate_limit, config.retention);
        let parts = Parts {
            storage,
            casting,
            key_limit,
            retention,
            #[cfg(feature = "webhooks")]
            webhooks: config.webhooks,
        };
        let agent = VoiceAgent::from_parts(engine, parts);
        if self.warm_up.unwrap_or(config.warm_up) {
            agent.warm_up().await?;
        }
        Ok(agent)
    }
}

/// The name that leaves a stage out.
const NONE: &str = "none";
/// What a stage is where nobody says.
const LOCAL: &str = "local";

fn given<P: ?Sized>(set: Option<Providers<P>>, configured: Option<&ProviderList>, default: &str) -> Vec<Choice<P>> {
    set.or_else(|| configured.cloned().map(Into::into)).unwrap_or_else(|| default.into()).0
}

fn chosen<P: ?Sized>(set: Option<Providers<P>>, configured: Option<&ProviderList>, default: &str) -> Vec<Choice<P>> {
    let mut all = given(set, configured, default);
    all.retain(|choice| !matches!(choice, Choice::Configured(provider) if provider.provider == NONE));
    all
}
