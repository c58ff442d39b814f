//! [`VoiceAgent`]: the front door.

mod builder;
mod live;
mod sessions;
mod turn;

pub use builder::{AgentBuilder, Providers};
pub use live::Live;
pub use sessions::{NewSession, Sessions};
pub use turn::{Turn, TurnStream};

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::{
    audio::Audio,
    config::{Config, LiveConfig},
    error::{Error, ErrorKind, Result},
    layer::{LlmService, Stack, SttService, TtsService},
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
    /// What live sessions are started with when nothing else is said.
    live: LiveConfig,
    first_message: Option<String>,
    closed: AtomicBool,
    /// Cancels every turn when the agent closes.
    cancel: CancellationToken,
    /// What still has to happen when the last clone goes: nothing async, the store's own drop does the rest.
    _cancel_on_drop: tokio_util::sync::DropGuard,
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

    pub(crate) fn from_engine(engine: Engine, live: LiveConfig, first_message: Option<String>) -> Self {
        let cancel = CancellationToken::new();
        let guard = cancel.clone().drop_guard();
        Self {
            inner: Arc::new(Inner {
                live,
                first_message,
                engine: Arc::new(engine),
                closed: AtomicBool::new(false),
                cancel,
                _cancel_on_drop: guard,
            }),
        }
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
        Turn::new(self.clone(), input.into())
    }

    /// A live conversation: sound in both directions at once. Set it up, then [`start`](Live::start) it.
    #[must_use = "a live session does nothing until it is started"]
    pub fn live(&self) -> Live {
        Live::new(self.clone())
    }

    /// The sessions and their history.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        Sessions::new(self.clone())
    }

    /// Makes every provider ready (models loaded, connections opened), so that the first turn is as fast as the next.
    ///
    /// # Errors
    /// The first error of any provider.
    pub async fn warm_up(&self) -> Result<()> {
        let engine = self.engine()?;
        let stt = async {
            for SttService(stt) in engine.stt.iter().flat_map(Stack::services) {
                stt.warm_up().await?;
            }
            Ok(())
        };
        let llm = async {
            for LlmService(llm) in engine.llm.services() {
                llm.warm_up(&engine.settings.system_prompt).await?;
            }
            Ok(())
        };
        let tts = async {
            for TtsService(tts) in engine.tts.iter().flat_map(|stack| stack.services()) {
                tts.warm_up().await?;
            }
            Ok(())
        };
        tokio::try_join!(stt, llm, tts).map(|_| ())
    }

    /// Cancels turns that are running, finishes what is being saved, and closes the store. Closing twice is fine; any other
    /// use afterwards is an error of kind `Closed`.
    ///
    /// # Errors
    /// `STORAGE_ERROR` when the store cannot finish.
    pub async fn close(&self) -> Result<()> {
        if self.inner.closed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        self.inner.cancel.cancel();
        let engine = &self.inner.engine;
        // A turn whose caller has stopped polling it cannot finish saving; it must not keep the agent open for ever.
        let _unfinished = tokio::time::timeout(LONGEST_SAVE, engine.saving.none()).await;
        engine.store.close().await
    }

    pub(crate) fn engine(&self) -> Result<&Arc<Engine>> {
        if self.inner.closed.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Closed, "the agent is closed; build a new one"));
        }
        Ok(&self.inner.engine)
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
