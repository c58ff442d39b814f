//! [`VoiceAgent`]: the front door.

mod accounts;
mod assistants;
mod audit;
mod builder;
mod casting;
mod check;
mod export;
mod knowledge;
mod live;
mod reach;
mod realtime;
mod samples;
mod scope;
mod sessions;
mod turn;
mod upkeep;
mod voices;
#[cfg(feature = "webhooks")]
mod webhooks;

pub use accounts::{Accounts, CredentialInfo, KeyOptions, Login, NewApiKey, OrganizationAccounts, Registered};
#[cfg(feature = "jwt")]
pub use accounts::{TokenKey, TokenKeys};
pub use assistants::{Assistants, StoredAssistant};
pub use audit::Audit;
pub use builder::{AgentBuilder, Providers};
pub use export::{Export, ExportFormat};
pub use knowledge::{DocumentChanges, Knowledge, KnowledgeQuery, NewDocument};
pub use live::Live;
pub use reach::Principal;
pub use realtime::{ClientSecretOptions, Realtime};
pub use scope::ScopedAgent;
pub use sessions::{ConversationSummary, NewSession, Sessions};
pub use turn::{Turn, TurnStream};
pub use upkeep::CleanedUp;
pub use voices::{PreviewOptions, VoicePreview, VoiceQuery, Voices};
#[cfg(feature = "webhooks")]
pub use webhooks::{NewWebhook, SignedWebhook, WebhookChanges, WebhookInfo, Webhooks};

pub use crate::turn::Greeting;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use self::{accounts::CallerLimits, casting::Casting, reach::Reach};
use crate::{
    audio::Audio,
    config::{Config, RetentionConfig},
    error::{Error, ErrorKind, Result, Stage},
    layer::{LlmService, RateLimitOptions, SttService, TtsService},
    store::{Storage, StoreCapabilities},
    turn::{Engine, TurnInput},
};

/// How long closing waits for turns that are being saved.
const LONGEST_SAVE: Duration = Duration::from_secs(10);

/// Speech in, speech out: hears, thinks, answers, remembers.
///
/// Cheap to clone; all clones are one agent. Models and connections are shared by every turn. An agent may be used from any
/// number of tasks; turns of one session run one after the other.
///
/// ```no_run
/// use voice_core::{Audio, VoiceAgent};
///
/// # async fn example() -> voice_core::Result<()> {
/// let agent = VoiceAgent::local().await?;
/// let reply = agent.converse(Audio::from_path("question.wav")?).await?;
/// println!("{}\n{}", reply.transcript, reply.text);
/// reply.audio.save("answer.wav")
/// # }
/// ```
#[derive(Clone)]
pub struct VoiceAgent {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Arc<Engine>,
    parts: Parts,
    limits: CallerLimits,
    closed: AtomicBool,
    /// Whether closing has come to its end; locked while somebody closes.
    ended: tokio::sync::Mutex<bool>,
    /// Cancels every turn when the agent closes.
    cancel: CancellationToken,
    /// Cancelled when webhooks are delivered no longer; not there when they are not.
    #[cfg(feature = "webhooks")]
    courier: std::sync::OnceLock<CancellationToken>,
    /// What still has to happen when the last clone goes: nothing async, the store's own drop does the rest.
    _cancel_on_drop: tokio_util::sync::DropGuard,
}

/// What an agent has beside its engine.
struct Parts {
    storage: Storage,
    casting: Arc<Casting>,
    /// How often a key may be used that has no limit of its own.
    key_limit: Option<RateLimitOptions>,
    retention: RetentionConfig,
    #[cfg(feature = "webhooks")]
    webhooks: crate::config::WebhooksConfig,
}

impl VoiceAgent {
    /// An agent that runs offline with local models, and keeps conversations in an SQLite file in the user's data folder.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `ModelMissing`) when models are not there yet: the message names the command that fetches
    /// them. `STORAGE_ERROR` when the database cannot be opened.
    pub async fn local() -> Result<Self> {
        Self::builder().stt("local").llm("local").tts("local").build().await
    }

    /// An agent as a config document says.
    ///
    /// # Errors
    /// As [`AgentBuilder::build`].
    pub async fn from_config(config: Config) -> Result<Self> {
        Self::builder().config(config).build().await
    }

    /// Starts to put an agent together.
    pub fn builder() -> AgentBuilder {
        AgentBuilder::default()
    }

    fn from_parts(engine: Engine, parts: Parts) -> Self {
        let cancel = CancellationToken::new();
        let guard = cancel.clone().drop_guard();
        let (limits, closed) = (CallerLimits::default(), AtomicBool::new(false));
        let engine = Arc::new(engine);
        let agent = Self {
            inner: Arc::new(Inner {
                engine,
                parts,
                limits,
                closed,
                ended: tokio::sync::Mutex::default(),
                cancel,
                #[cfg(feature = "webhooks")]
                courier: std::sync::OnceLock::new(),
                _cancel_on_drop: guard,
            }),
        };
        agent.start_upkeep();
        #[cfg(feature = "webhooks")]
        if let Some(stopped) = agent.start_courier() {
            agent.inner.courier.get_or_init(|| stopped);
        }
        agent
    }

    /// One whole turn: hears the audio, answers, saves both messages. The same as [`turn`](Self::turn) with audio.
    ///
    /// `.await` gives the [`Reply`](crate::Reply); before that, the session, user and deadline can be set on the [`Turn`].
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the audio is not acceptable or nobody speaks in it; the providers' and the store's errors.
    /// Nothing is stored when a turn fails, except that a reply whose speech failed is stored without sound.
    #[must_use = "a turn does nothing until it is awaited or streamed"]
    pub fn converse(&self, audio: impl Into<Audio>) -> Turn {
        self.turn(audio.into())
    }

    /// One turn about something said or typed: await it for its reply, or [`stream`](Turn::stream) it.
    #[must_use = "a turn does nothing until it is awaited or streamed"]
    pub fn turn(&self, input: impl Into<TurnInput>) -> Turn {
        Turn::new(self.clone(), input.into(), Reach::host())
    }

    /// A live conversation: sound in both directions at once. Set it up, then [`start`](Live::start) it.
    #[must_use = "a live session does nothing until it is started"]
    pub fn live(&self) -> Live {
        Live::new(self.clone(), Reach::host())
    }

    /// The sessions and their history: everybody's.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        Sessions::new(self.clone(), Reach::host())
    }

    /// Organizations, users and API keys.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        Accounts::new(self.clone())
    }

    /// The assistants that belong to no organization; [`Assistants::of`] gives those of one.
    #[must_use]
    pub fn assistants(&self) -> Assistants {
        Assistants::new(self.clone(), Reach::host())
    }

    /// The documents that belong to no organization, from which answers may be drawn; [`Knowledge::of`] gives those of one.
    #[must_use]
    pub fn knowledge(&self) -> Knowledge {
        Knowledge::new(self.clone(), Reach::host())
    }

    /// A browser's own way to the speech-to-speech model: client secrets.
    #[must_use]
    pub fn realtime(&self) -> Realtime {
        Realtime::new(self.clone(), Reach::host())
    }

    /// The voices of text to speech: a list of them, and how one sounds.
    #[must_use]
    pub fn voices(&self) -> Voices {
        Voices::new(self.clone(), Reach::host())
    }

    /// The audit log.
    #[must_use]
    pub fn audit(&self) -> Audit {
        Audit::new(self.clone(), Reach::host())
    }

    /// The agent as somebody with a credential reaches it: nothing of anybody else.
    ///
    /// ```no_run
    /// # async fn example(agent: voice_core::VoiceAgent, key: &str) -> voice_core::Result<()> {
    /// let caller = agent.accounts().authenticate(key).await?;
    /// let reply = agent.with(&caller).turn("What did I say yesterday?").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with(&self, principal: &Principal) -> ScopedAgent {
        ScopedAgent::new(self.clone(), *principal)
    }

    /// What the store of conversations can do.
    #[must_use]
    pub fn store_capabilities(&self) -> StoreCapabilities {
        self.inner.engine.store.capabilities()
    }

    /// How many reports no [`MetricsSink`](crate::MetricsSink) and no collector took: they were too slow, failed, or were gone.
    #[must_use]
    pub fn dropped_reports(&self) -> u64 {
        self.inner.engine.telemetry.lost()
    }

    /// Makes every provider ready (models loaded, connections opened), so that the first turn is as fast as the next; a
    /// [turn detector](AgentBuilder::turn_detector) of the host's and the documents that its answers are drawn from, too.
    ///
    /// # Errors
    /// The first error of any provider, with its stage and its name.
    pub async fn warm_up(&self) -> Result<()> {
        let engine = self.engine()?;
        let stt = async {
            for SttService(stt) in engine.stt.iter().flat_map(|stack| stack.services()) {
                stt.warm_up().await.map_err(|e| e.with_stage(Stage::Stt).with_provider(stt.name()))?;
            }
            Ok(())
        };
        let instructions = engine.instructions();
        let llm = async {
            let tools = engine.tools_of_turn(Vec::new())?.specs();
            for LlmService(llm) in engine.llm.services() {
                let tools: &[_] = if llm.capabilities().tools { &tools } else { &[] };
                let ready = llm.warm_up_with_tools(&instructions, tools).await;
                ready.map_err(|e| e.with_stage(Stage::Llm).with_provider(llm.name()))?;
            }
            Ok(())
        };
        let tts = async {
            let voices = engine.voices.iter().map(|(_, voice)| voice);
            for TtsService(tts) in engine.tts.iter().chain(voices).flat_map(|stack| stack.services()) {
                tts.warm_up().await.map_err(|e| e.with_stage(Stage::Tts).with_provider(tts.name()))?;
            }
            Ok(())
        };
        let turn_detector = async {
            for detector in engine.turn_detector.iter() {
                detector.warm_up().await.map_err(|e| e.with_provider(detector.name()))?;
            }
            Ok(())
        };
        let documents = async {
            let ready = async { engine.prepare_documents()?.ready().await.err() };
            ready.await.map_or(Ok(()), |e| Err(e.with_stage(Stage::Knowledge)))
        };
        tokio::try_join!(stt, llm, tts, turn_detector, documents).map(|_| ())
    }

    /// Cancels turns that are running, finishes what is being saved, delivers what was measured, and closes the store. Closing twice is fine; any other
    /// use afterwards is an error of kind `Closed`. Whoever closes while somebody does waits for the end, too; closing that was cancelled
    /// or failed is completed by the next.
    ///
    /// # Errors
    /// `STORAGE_ERROR` when the store cannot finish.
    pub async fn close(&self) -> Result<()> {
        self.inner.closed.store(true, Ordering::SeqCst);
        self.inner.cancel.cancel();
        let mut ended = self.inner.ended.lock().await;
        if *ended {
            return Ok(());
        }
        let engine = &self.inner.engine;
        // A turn whose caller has stopped polling it cannot finish saving; it must not keep the agent open for ever.
        let _unfinished = tokio::time::timeout(LONGEST_SAVE, engine.saving.none()).await;
        engine.telemetry.close().await;
        #[cfg(feature = "webhooks")]
        if let Some(stopped) = self.inner.courier.get() {
            let _still_at_work = tokio::time::timeout(LONGEST_SAVE, stopped.cancelled()).await;
        }
        engine.store.close().await?;
        *ended = true;
        Ok(())
    }

    pub(crate) fn engine(&self) -> Result<&Arc<Engine>> {
        if self.inner.closed.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Closed, "the agent is closed; build a new one"));
        }
        Ok(&self.inner.engine)
    }

    fn storage(&self) -> Result<&Storage> {
        self.engine().map(|_| &self.inner.parts.storage)
    }

    fn casting(&self) -> Result<&Casting> {
        self.engine().map(|_| &*self.inner.parts.casting)
    }

    fn default_key_limit(&self) -> Result<Option<RateLimitOptions>> {
        self.engine().map(|_| self.inner.parts.key_limit)
    }

    fn caller_limits(&self) -> Result<&CallerLimits> {
        self.engine().map(|_| &self.inner.limits)
    }

    pub(crate) fn cancel_token(&self) -> &CancellationToken {
        &self.inner.cancel
    }
}

impl std::fmt::Debug for VoiceAgent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let engine = &self.inner.engine;
        let stt: Vec<_> = engine.stt.iter().flat_map(|s| s.services()).map(|s| s.0.name()).collect();
        let llm: Vec<_> = engine.llm.services().map(|s| s.0.name()).collect();
        let tts: Vec<_> = engine.tts.iter().flat_map(|s| s.services()).map(|s| s.0.name()).collect();
        f.debug_struct("VoiceAgent")
            .field("stt", &stt)
            .field("llm", &llm)
            .field("tts", &tts)
            .field("store", &engine.store.name())
            .finish_non_exhaustive()
    }
}
