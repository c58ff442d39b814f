//! The connection to a model that hears and speaks by itself: opened, lost, opened anew.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::{
    error::{Error, ErrorKind, Result, Stage},
    provider::{
        CallContext, Conversation, ConversationInput, ConversationRequest, FromModel, ResultStream, SpeechToSpeech,
        ToModel,
    },
};

/// How much may wait to be taken: more than a minute of sound in frames of 20 ms.
const WAITING: usize = 4_096;
/// How long opening a connection may take.
const OPENING: Duration = Duration::from_secs(20);
/// How often in a row a connection is opened anew before the session gives up.
pub(super) const MOST_ATTEMPTS: u32 = 5;
/// How long is waited before the second attempt in a row; then twice as long each time.
const FIRST_DELAY: Duration = Duration::from_millis(500);
/// The longest wait, also when the provider asks for a longer one.
const LONGEST_DELAY: Duration = Duration::from_secs(8);
/// The last part of a connection's life, in which it is renewed: five minutes of an hour.
const RENEWAL: u32 = 12;
/// A connection that lasted for so long was a good one: the attempts are counted anew.
const LASTED: Duration = Duration::from_secs(30);

/// What comes over the line.
pub(super) enum News {
    /// The model is there.
    Opened,
    Event(FromModel),
    /// The connection is gone, or did not come about.
    Lost(Error),
}

pub(super) struct ModelLine {
    model: Arc<dyn SpeechToSpeech>,
    state: State,
    /// How many connections there were: what belongs to an earlier one is unknown on this.
    generation: u32,
    attempts: u32,
    opened: Instant,
    /// From when on a quiet moment is used to open the next connection.
    renew_at: Option<Instant>,
}

enum State {
    Opening {
        to: mpsc::Sender<ToModel>,
        task: JoinHandle<Result<Conversation>>,
    },
    Open {
        to: mpsc::Sender<ToModel>,
        events: ResultStream<FromModel>,
    },
    /// The model takes nothing any more.
    Stuck,
    Gone,
}

impl Drop for State {
    fn drop(&mut self) {
        if let Self::Opening { task, .. } = self {
            task.abort();
        }
    }
}

impl ModelLine {
    /// The line to a model, which [`reopen`](Self::reopen) opens.
    pub(super) fn new(model: Arc<dyn SpeechToSpeech>) -> Self {
        Self { model, state: State::Gone, generation: 0, attempts: 0, opened: Instant::now(), renew_at: None }
    }

    pub(super) fn name(&self) -> &str {
        self.model.name()
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether the connection nears its end.
    pub(super) fn is_old(&self) -> bool {
        matches!(self.state, State::Open { .. }) && self.renew_at.is_some_and(|at| at <= Instant::now())
    }

    /// Opens a connection in place of the one there is, after a while. What is told meanwhile is told then.
    pub(super) fn reopen(&mut self, request: ConversationRequest, ctx: CallContext, after: Duration) {
        let (to, told) = mpsc::channel(WAITING);
        let input: ConversationInput =
            stream::unfold(told, |mut told| async { Some((told.recv().await?, told)) }).boxed();
        let model = Arc::clone(&self.model);
        let task = tokio::spawn(async move {
            if !after.is_zero() {
                sleep(after).await;
            }
            let opened = timeout(OPENING, model.converse(request, input, &ctx)).await;
            opened.unwrap_or_else(|_| {
                let message = format!("{} was not ready within {OPENING:?}", model.name());
                Err(Error::new(ErrorKind::ConnectTimeout, message))
            })
        });
        self.generation += 1;
        self.renew_at = None;
        self.state = State::Opening { to, task };
    }

    /// How long to wait before the next attempt after this error; `None`: there shall be none.
    pub(super) fn next_attempt(&mut self, error: &Error) -> Option<Duration> {
        self.attempts += 1;
        if !error.retryable() || self.attempts > MOST_ATTEMPTS {
            return None;
        }
        let doubled = FIRST_DELAY * 2_u32.pow(self.attempts.saturating_sub(2).min(10));
        let own = if self.attempts == 1 { Duration::ZERO } else { doubled };
        Some(own.max(error.retry_after().unwrap_or_default()).min(LONGEST_DELAY))
    }

    /// Tells the model something.
    pub(super) fn tell(&mut self, told: ToModel) {
        let (State::Opening { to, .. } | State::Open { to, .. }) = &self.state else { return };
        if to.try_send(told).is_err_and(|failed| matches!(failed, mpsc::error::TrySendError::Full(_))) {
            self.state = State::Stuck;
        }
    }

    /// The next news; pending for ever once the line is lost. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> News {
        let news = match &mut self.state {
            State::Gone => return std::future::pending().await,
            State::Stuck => News::Lost(self.fault(ErrorKind::IdleTimeout, "takes no more sound")),
            State::Open { events, .. } => match events.next().await {
                Some(Ok(event)) => return News::Event(event),
                Some(Err(error)) => News::Lost(error),
                None => News::Lost(self.fault(ErrorKind::ConnectionLost, "ended the conversation")),
            },
            State::Opening { task, .. } => match task.await {
                Ok(Ok(conversation)) => return self.is_open(conversation),
                Ok(Err(error)) => News::Lost(error),
                // What a panic says may hold anything.
                Err(_) => News::Lost(Error::internal("a task that opens a conversation stopped")),
            },
        };
        if matches!(self.state, State::Open { .. }) && self.opened.elapsed() >= LASTED {
            self.attempts = 0;
        }
        self.state = State::Gone;
        match news {
            News::Lost(error) => News::Lost(error.with_stage(Stage::Llm).with_provider(self.model.name())),
            news => news,
        }
    }

    fn is_open(&mut self, conversation: Conversation) -> News {
        let State::Opening { to, .. } = &self.state else { return News::Opened };
        let to = to.clone();
        self.opened = Instant::now();
        let good_for = conversation.good_until.map(|until| until.saturating_duration_since(self.opened));
        self.renew_at = good_for.map(|time| self.opened + time - time / RENEWAL);
        self.state = State::Open { to, events: conversation.events };
        News::Opened
    }

    fn fault(&self, kind: ErrorKind, what: &str) -> Error {
        Error::new(kind, format!("{} {what}", self.model.name()))
    }
}
