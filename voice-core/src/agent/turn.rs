//! One call of a turn.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Assistants, VoiceAgent, check, reach::Reach};
use crate::{
    audio::Audio,
    error::Result,
    event::TurnEvent,
    id::{AssistantId, OrganizationId, SessionId, TurnId},
    message::Reply,
    tool::Tool,
    turn::{Caller, Sink, TurnCall, TurnInput},
};

/// How many events may wait for a slow reader before the turn waits for it.
const EVENTS: usize = 64;

/// A turn that has not begun: set it up, then `.await` it for its [`Reply`] or [`stream`](Self::stream) it.
///
/// Dropping the future or the stream cancels the turn: providers stop, the session is free again, and nothing is stored
/// unless saving had already begun.
#[must_use = "a turn does nothing until it is awaited or streamed"]
pub struct Turn {
    agent: VoiceAgent,
    call: TurnCall,
    reach: Reach,
    assistant: Option<AssistantId>,
    /// Its token is not the agent's own.
    foreign: bool,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn")
            .field("turn_id", &self.call.turn_id)
            .field("session", &self.call.caller.session)
            .finish_non_exhaustive()
    }
}

impl Turn {
    pub(super) fn new(agent: VoiceAgent, input: TurnInput, reach: Reach) -> Self {
        let call = TurnCall {
            input,
            caller: Caller::default(),
            turn_id: TurnId::new(),
            language: None,
            deadline: None,
            speak: true,
            tools: Vec::new(),
            cancel: agent.cancel_token().child_token(),
        };
        Self { agent, call, reach, assistant: None, foreign: false }
    }

    /// Continues a session. An unknown one, one that is over, and one of another organization, user or assistant start a fresh
    /// session instead: see [`Reply::session_id`].
    pub fn session(mut self, session: impl Into<Option<SessionId>>) -> Self {
        self.call.caller.session = session.into();
        self
    }

    /// Whose turn it is: the host's own name for the user, or the id of a registered one.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.reach = self.reach.user(user.into());
        self
    }

    /// In which organization the turn is taken.
    pub fn organization(mut self, organization: OrganizationId) -> Self {
        self.reach = self.reach.within(organization);
        self
    }

    /// Who answers in a fresh session: this assistant, in its current version. A session that goes on keeps its version.
    pub fn assistant(mut self, assistant: AssistantId) -> Self {
        self.assistant = Some(assistant);
        self
    }

    /// The language that is spoken (BCP 47). Default: the assistant's, else detected.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.call.language = Some(language.into());
        self
    }

    /// How long the turn may take. Default: `limits.turn_seconds`.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.call.deadline = Some(deadline);
        self
    }

    /// Whether the answer is spoken. Default true; false gives text only.
    pub fn speak(mut self, speak: bool) -> Self {
        self.call.speak = speak;
        self
    }

    /// Gives the model tools for this turn, besides those of the agent. See [`tool`](crate::tool).
    ///
    /// The turn fails with `INVALID_REQUEST` (kind `InvalidConfig`) when a tool is not in order, or no model can call tools.
    pub fn tools(mut self, tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Self {
        self.call.tools.extend(tools);
        self
    }

    /// Cancels the turn when `token` is cancelled; the turn then ends with `CANCELLED`.
    pub fn cancel_on(mut self, token: &CancellationToken) -> Self {
        (self.call.cancel, self.foreign) = (token.child_token(), true);
        self
    }

    /// Runs the turn and yields its events as they happen: text and sound come while the answer is still being written.
    ///
    /// Must be called within a tokio runtime. The last item is [`TurnEvent::Done`] or the turn's error.
    pub fn stream(self) -> TurnStream {
        let (sender, receiver) = mpsc::channel(EVENTS);
        let cancel = self.call.cancel.clone();
        let stop = cancel.clone().drop_guard();
        // Boxed: a turn under way is kilobytes, and a task is moved.
        tokio::spawn(Box::pin(async move {
            let sink = Sink::Stream(sender);
            let result = self.run(&sink).await;
            if let Sink::Stream(sender) = sink {
                // A reader that is gone has no use for the end.
                let _gone = sender.send(result.map(TurnEvent::Done)).await;
            }
        }));
        TurnStream { events: receiver, _stop: stop }
    }

    async fn run(self, sink: &Sink) -> Result<Box<Reply>> {
        let Self { agent, mut call, reach, assistant, foreign } = self;
        let closing = agent.cancel_token().clone();
        let engine = agent.engine()?;
        reach.check_own()?;
        check::user(reach.user.as_deref())?;
        if let Some(assistant) = assistant {
            let current = Box::pin(Assistants::new(agent.clone(), reach.clone()).current(assistant)).await?;
            call.caller.assistant = Some(current.reference());
        }
        (call.caller.organization, call.caller.user) = (reach.organization, reach.user);
        if !foreign {
            return engine.run(call, sink).await;
        }
        // A token of the host's own does not know of the agent's end.
        let stop = call.cancel.clone();
        let watched = engine.run(call, sink);
        tokio::pin!(watched);
        tokio::select! {
            biased;
            result = &mut watched => result,
            () = closing.cancelled() => {
                stop.cancel();
                watched.await
            }
        }
    }
}

impl IntoFuture for Turn {
    type Output = Result<Reply>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Reply>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { Ok(*self.run(&Sink::Reply).await?) })
    }
}

/// The events of a running turn. Dropping it cancels the turn.
#[derive(Debug)]
pub struct TurnStream {
    events: mpsc::Receiver<Result<TurnEvent>>,
    _stop: DropGuard,
}

impl TurnStream {
    /// The next event; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<TurnEvent>> {
        self.events.recv().await
    }

    /// The next event if it is there already; `None`: not yet, or no more.
    pub fn try_next(&mut self) -> Option<Result<TurnEvent>> {
        self.events.try_recv().ok()
    }
}

impl Stream for TurnStream {
    type Item = Result<TurnEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_recv(cx)
    }
}

impl From<Audio> for TurnInput {
    fn from(audio: Audio) -> Self {
        Self::Audio(audio)
    }
}

impl From<&str> for TurnInput {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for TurnInput {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
