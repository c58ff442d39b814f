//! What all turns share, and the way into a session.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    interpreting::Voices,
    knowledge::Library,
    lease::Lease,
    locks::{Owner, Saving, SessionGuard, SessionLocks},
    machine::TurnSettings,
    recordings::Recordings,
};
use crate::{
    actions::Catalogue,
    context,
    error::{Error, ErrorKind, Result, Stage},
    id::{OrganizationId, SessionId},
    interpreter::Interpreter,
    layer::{LlmService, Realtime, Stack, SttService, TtsService},
    message::Message,
    provider::TurnDetector,
    store::{ActionStore, AssistantVersion, ConversationStore, MessageQuery, Outbox, Session, SessionStatus},
    telemetry::{Telemetry, Who},
    time::Clock,
    tool::{Tool, Toolbox},
};

/// Everything that turns share. A clone is the same engine; one with other providers and settings shares the rest.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) stt: Option<Arc<Stack<SttService>>>,
    pub(crate) llm: Arc<Stack<LlmService>>,
    pub(crate) tts: Option<Arc<Stack<TtsService>>>,
    /// What holds live sessions in place of the three, if anything does.
    pub(crate) realtime: Option<Arc<Realtime>>,
    pub(crate) store: Arc<dyn ConversationStore>,
    /// The way of events to webhooks.
    pub(crate) outbox: Outbox,
    pub(crate) clock: Arc<dyn Clock>,
    /// What the model may call in every turn.
    pub(crate) tools: Arc<Toolbox>,
    pub(crate) settings: TurnSettings,
    pub(crate) locks: SessionLocks,
    /// The turns that are being saved: closing waits for them.
    pub(crate) saving: Saving,
    /// Who speaks in sessions that have an assistant; `None`: this engine in all of them.
    pub(crate) cast: Option<Arc<dyn Cast>>,
    /// Where the sound of turns is kept; `None`: nowhere.
    pub(crate) recordings: Option<Recordings>,
    /// What interprets instead of answering, and who speaks which language then.
    pub(crate) interpreter: Option<Arc<Interpreter>>,
    pub(crate) voices: Voices,
    /// What answers are drawn from; `None`: there is no store for documents.
    pub(crate) library: Option<Library>,
    /// What is looked for that has to be acted on, where it is kept, and the sessions in which it is being looked for.
    pub(crate) actions: Option<Arc<Catalogue>>,
    pub(crate) action_store: Option<Arc<dyn ActionStore>>,
    pub(crate) detecting: SessionLocks,
    /// What hears the end of turns, where the host gave one.
    pub(crate) turn_detector: Option<Arc<dyn TurnDetector>>,
    /// Where what turns took and cost is reported.
    pub(crate) telemetry: Telemetry,
}

/// Finds the engine with the providers and the settings of a session's assistant.
#[async_trait]
pub(crate) trait Cast: Send + Sync {
    async fn engine(&self, organization: Option<OrganizationId>, assistant: AssistantVersion) -> Result<Arc<Engine>>;

    /// The model that hears the end of turns.
    async fn turn_detector(&self) -> Result<Arc<dyn TurnDetector>>;
}

/// Who takes a turn, and in which session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// The session to go on with.
    pub(crate) session: Option<SessionId>,
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) user: Option<String>,
    /// Which assistant talks in a fresh session, and must be the one of a session that goes on.
    pub(crate) assistant: Option<AssistantVersion>,
}

impl Caller {
    fn owns(&self, session: &Session) -> bool {
        session.organization == self.organization && session.user == self.user
    }

    fn as_owner(&self) -> Owner {
        (self.organization, self.user.clone())
    }
}

/// As whose the turns of a session are reported.
pub(crate) fn who(session: &Session) -> Who {
    Who { organization: session.organization, assistant: session.assistant.map(|a| a.id), user: session.user.clone() }
}

/// Leave to run turns in a session. One that is dropped is given back in the background.
pub(crate) struct Leave {
    /// Given back before other turns of this process go on.
    lease: Option<Lease>,
    _guard: SessionGuard,
}

impl Leave {
    pub(crate) async fn give_back(self) {
        if let Some(lease) = self.lease {
            lease.give_back().await;
        }
    }
}

impl Engine {
    /// The session of a turn: the one that was named if it is there, is this caller's, has the assistant that was named, and
    /// can take turns; else a fresh one.
    pub(crate) async fn admit(&self, caller: &Caller) -> Result<(Session, Leave, bool)> {
        // Nobody waits for a session of somebody else, nor can tell by that that it is there.
        if let Some(id) = caller.session
            && self.is_of(caller, id).await?
        {
            let leave = self.enter(id).await?;
            if let Some(session) = self.stored(id).await?
                && caller.owns(&session)
                && caller.assistant.is_none_or(|named| session.assistant.is_some_and(|a| a.id == named.id))
                && session.status == SessionStatus::Active
                && self.clock.now().duration_since(session.last_activity_at).unsigned_abs() < self.settings.session_idle
            {
                return Ok((session, leave, false));
            }
            leave.give_back().await;
        }
        let mut session = Session::new(SessionId::new(), caller.user.clone(), self.clock.now());
        (session.organization, session.assistant) = (caller.organization, caller.assistant);
        // Nobody else knows its id yet.
        let leave = Leave { lease: None, _guard: self.locks.begin(session.id, caller.as_owner()).await };
        Ok((session, leave, true))
    }

    /// Whether a session is this caller's: one whose first turn runs here, or a stored one.
    async fn is_of(&self, caller: &Caller, id: SessionId) -> Result<bool> {
        // In this order: what is begun is stored before it is over.
        Ok(self.locks.is_begun_by(id, &caller.as_owner())
            || self.stored(id).await?.is_some_and(|session| caller.owns(&session)))
    }

    async fn stored(&self, id: SessionId) -> Result<Option<Session>> {
        self.store.session(id).await.map_err(|e| e.with_stage(Stage::Admit))
    }

    /// Waits until no other turn runs in the session, here or in another process.
    pub(crate) async fn enter(&self, session: SessionId) -> Result<Leave> {
        let guard = self.locks.lock(session).await;
        let lease = Lease::take(&self.store, &self.clock, session).await?;
        Ok(Leave { lease, _guard: guard })
    }

    /// The engine of a session's assistant; `None`: this one.
    pub(crate) async fn engine_of(&self, session: &Session) -> Result<Option<Arc<Self>>> {
        match (&self.cast, session.assistant) {
            (Some(cast), Some(assistant)) => {
                cast.engine(session.organization, assistant).await.map(Some).map_err(|e| e.with_stage(Stage::Admit))
            }
            _ => Ok(None),
        }
    }

    /// What hears the end of turns: the one that the agent was given, else the local one.
    pub(crate) async fn turn_detector(&self) -> Result<Arc<dyn TurnDetector>> {
        match (&self.turn_detector, &self.cast) {
            (Some(given), _) => Ok(Arc::clone(given)),
            (None, Some(cast)) => cast.turn_detector().await,
            (None, None) => Err(Error::internal("an engine without a cast starts no sessions")),
        }
    }

    /// Who recognises speech.
    pub(super) fn recogniser(&self) -> Result<&Stack<SttService>> {
        self.stt.as_deref().ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidConfig,
                "the agent has no speech-to-text provider: configure `stt` or send text",
            )
            .with_stage(Stage::Stt)
        })
    }

    /// The agent's tools and `more`, if they are in order and some model can call them.
    pub(crate) fn toolbox(&self, more: Vec<Arc<dyn Tool>>) -> Result<Arc<Toolbox>> {
        let tools = if more.is_empty() { Arc::clone(&self.tools) } else { Arc::new(self.tools.with(more)?) };
        if tools.is_empty() || self.realtime.is_some() || self.llm.services().any(|llm| llm.0.capabilities().tools) {
            return Ok(tools);
        }
        let names: Vec<&str> = self.llm.services().map(|llm| llm.0.name()).collect();
        Err(Error::new(
            ErrorKind::InvalidConfig,
            format!(
                "tools: {} cannot call tools; configure a model that can, or leave the tools out",
                names.join(", ")
            ),
        ))
    }

    pub(crate) async fn history(&self, session: SessionId, is_new: bool, with_tools: bool) -> Result<Vec<Message>> {
        if is_new || self.settings.context_messages == 0 {
            return Ok(Vec::new());
        }
        let query = MessageQuery::latest(context::to_read(self.settings.context_messages, with_tools));
        let page = self.store.messages(session, query).await.map_err(|e| e.with_stage(Stage::Store))?;
        Ok(page.items)
    }
}

pub(crate) fn check_text(text: &str, most: usize) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::new(ErrorKind::InvalidText, "the message is empty").with_stage(Stage::Admit));
    }
    let characters = text.chars().count();
    if characters > most {
        return Err(Error::new(
            ErrorKind::InvalidText,
            format!("the message has {characters} characters; at most {most} are accepted"),
        )
        .with_stage(Stage::Admit));
    }
    Ok(())
}
