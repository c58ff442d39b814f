//! One thing that the agent says, while it is being made.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Duration, Instant},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::event::SpeechKind;
use crate::{
    context,
    cost::Ledger,
    error::{Error, ErrorCode, Result},
    event::TurnEvent,
    id::{MessageId, TurnId},
    interpreter::{Heard, Told},
    message::{Message, Role, Source, ToolCallRecord},
    provider::{CallContext, PromptMessage},
    store::Session,
    telemetry::{MeasuredSession, Scope},
    tool::{Lasting, Toolbox},
    turn::{Engine, GoAhead, Leave, Outcome, Recall, Sink, Words},
};

/// How many events may wait for the session.
const EVENTS: usize = 64;
/// How many events are kept while nothing may be passed on.
const STASH: usize = 512;
/// What is to be made.
pub(super) struct Order {
    pub(super) kind: SpeechKind,
    /// What the user said.
    pub(super) user_text: Option<String>,
    /// What is to be said; `None`: what the model answers.
    pub(super) text: Option<String>,
    pub(super) language: Option<String>,
    /// Whether the host said which language it is.
    pub(super) is_certain: bool,
    /// What an interpreter said last, by language.
    pub(super) last_said: Arc<HashMap<String, String>>,
    pub(super) speak: bool,
    /// The messages that were cut off.
    pub(super) interrupted: Arc<Vec<MessageId>>,
    /// What the model may call.
    pub(super) tools: Arc<Toolbox>,
    /// What tools have done for the user's words already.
    pub(super) done: Vec<ToolCallRecord>,
    /// What tools did that outlasted their turns, and was not told yet.
    pub(super) late: Vec<ToolCallRecord>,
    pub(super) lasting: Lasting,
    /// Where what it costs is entered.
    pub(super) ledger: Ledger,
    /// What its calls are measured as a part of, and what was measured before them: they go on with that if it comes to nothing.
    pub(super) scope: Scope,
    pub(super) unanswered: Scope,
    pub(super) measured: MeasuredSession,
}

type Made = (Result<Outcome>, Option<Leave>);

/// Something that the agent says: made by a task of its own.
pub(super) struct Production {
    pub(super) turn_id: TurnId,
    pub(super) kind: SpeechKind,
    pub(super) user_text: Option<String>,
    /// The language of the user as it was known when this was begun, and from which into which an interpreter speaks.
    pub(super) language: Option<String>,
    pub(super) direction: Told,
    /// What was written, whatever of it is heard.
    pub(super) written: String,
    pub(super) interruptible: bool,
    /// What its tools have done.
    pub(super) tool_calls: Vec<ToolCallRecord>,
    /// The passages of documents that it is drawn from.
    pub(super) sources: Vec<Source>,
    /// How many of the results that waited to be told it tells.
    pub(super) tells: usize,
    /// Nobody may notice it yet.
    pub(super) secret: bool,
    /// Its sound may not begin yet.
    pub(super) held: bool,
    /// Its first sound was given out.
    pub(super) audible: bool,
    /// Since when it has been wanted.
    pub(super) wanted_at: Option<Duration>,
    pub(super) response_delay: Option<Duration>,
    pub(super) end_of_utterance_delay: Option<Duration>,
    pub(super) stash: VecDeque<TurnEvent>,
    /// The user's sound that it answers, and its own sound that was given out, where turns are recorded.
    pub(super) heard: Option<Vec<i16>>,
    pub(super) spoken: Vec<i16>,
    pub(super) outcome: Option<Result<Outcome>>,
    /// Why it failed.
    pub(super) failed: Option<ErrorCode>,
    pub(super) began: Instant,
    /// The connection to a model that hears and speaks by itself on which it is made.
    pub(super) generation: u32,
    pub(super) scope: Scope,
    unanswered: Scope,
    measured: MeasuredSession,
    pub(super) leave: Option<Leave>,
    events: mpsc::Receiver<Result<TurnEvent>>,
    task: Option<JoinHandle<Made>>,
    go_ahead: GoAhead,
    _stop: DropGuard,
}

/// What comes of making it.
pub(super) enum Progress {
    Event(TurnEvent),
    /// It is complete: see `outcome`.
    Complete,
}

impl Production {
    /// Something that another hand makes: see [`Talk`](super::talk::Talk).
    pub(super) fn of(order: &Order) -> Self {
        let (_, events) = mpsc::channel(1);
        Self::blank(order, TurnId::new(), events, CancellationToken::new().drop_guard())
    }

    pub(super) fn start(engine: &Arc<Engine>, session: &Session, order: Order, cancel: &CancellationToken) -> Self {
        let (sender, events) = mpsc::channel(EVENTS);
        let turn_id = TurnId::new();
        let mut ctx = CallContext::new();
        ctx.session_id = session.id;
        ctx.turn_id = turn_id;
        ctx.user = session.user.as_deref().map(Into::into);
        ctx.deadline = Some(Instant::now() + engine.settings.deadline);
        ctx.cancel = cancel.child_token();
        (ctx.ledger, ctx.scope) = (order.ledger.clone(), order.scope.clone());
        let mut production = Self::blank(&order, turn_id, events, ctx.cancel.clone().drop_guard());
        let (engine, session, to_act) = (Arc::clone(engine), session.id, production.go_ahead.clone());
        let told = Arc::clone(&production.direction);
        let asks = order.user_text.is_some() && order.text.is_none();
        // Boxed: an answer under way is kilobytes, and a task is moved.
        let task = tokio::spawn(Box::pin(async move {
            let documents = engine.documents().filter(|_| asks);
            // One turn at a time in a session, wherever it comes from.
            let leave = match engine.enter(session).await {
                Ok(leave) => leave,
                Err(error) => return (Err(error), None),
            };
            let made = async {
                let words = match (order.text, engine.interpreter.as_ref().zip(order.user_text.as_deref())) {
                    (Some(text), _) => Words::Fixed(text),
                    (None, Some((interpreter, said))) => {
                        let history = engine.history(session, false, false).await?;
                        let heard = Heard { language: order.language.clone(), is_certain: order.is_certain };
                        let history = (session, history.as_slice());
                        engine.interpret(interpreter, history, (said, heard), &order.last_said, told).await?
                    }
                    (None, None) => {
                        let (tools, go_ahead) = (order.tools, to_act);
                        let with_tools = !tools.is_empty();
                        let mut history = engine.history(session, false, with_tools).await?;
                        let said = order.user_text.as_deref().unwrap_or_default();
                        let recall = documents.map(|documents| Recall::new(documents, said, &history));
                        let was_cut = |message: &Message| order.interrupted.contains(&message.id);
                        let said = context::with_interruptions(&mut history, said, was_cut);
                        let (prompt, window) = (engine.instructions(), engine.settings.context_messages);
                        let mut prompt = context::so_far(&prompt, &history, window, with_tools);
                        context::push_calls(&mut prompt, "", &order.lasting.running());
                        context::push_calls(&mut prompt, "", &order.late);
                        if order.user_text.is_some() {
                            prompt.push(PromptMessage::new(Role::User, said));
                        }
                        context::push_calls(&mut prompt, "", &order.done);
                        Words::Answer { prompt, recall, tools, lasting: order.lasting, go_ahead }
                    }
                };
                engine.say(words, order.language, order.speak, ctx, &Sink::Stream(sender)).await
            };
            (made.await, Some(leave))
        }));
        production.task = Some(task);
        production
    }

    /// One of which nothing was made yet.
    fn blank(order: &Order, turn_id: TurnId, events: mpsc::Receiver<Result<TurnEvent>>, stop: DropGuard) -> Self {
        Self {
            turn_id,
            kind: order.kind,
            user_text: order.user_text.clone(),
            language: order.language.clone(),
            direction: Told::default(),
            written: String::new(),
            interruptible: true,
            tool_calls: order.done.clone(),
            sources: Vec::new(),
            tells: order.late.len(),
            secret: false,
            held: false,
            audible: false,
            wanted_at: None,
            response_delay: None,
            end_of_utterance_delay: None,
            stash: VecDeque::new(),
            heard: None,
            spoken: Vec::new(),
            outcome: None,
            failed: None,
            began: Instant::now(),
            generation: 0,
            scope: order.scope.clone(),
            unanswered: order.unanswered.clone(),
            measured: order.measured.clone(),
            leave: None,
            events,
            task: None,
            go_ahead: GoAhead::default(),
            _stop: stop,
        }
    }

    /// It is wanted now: it may be noticed, and its tools may act.
    pub(super) fn want(&mut self) {
        self.secret = false;
        self.go_ahead.give();
    }

    /// The next thing that comes of it. Pending for ever once it is complete.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Progress> {
        // The stream has no end of its own here: an error comes with the outcome.
        if let Some(Ok(event)) = ready!(self.events.poll_recv(cx)) {
            return Poll::Ready(Progress::Event(event));
        }
        let Some(task) = &mut self.task else { return Poll::Pending };
        let (outcome, leave) = match ready!(Pin::new(task).poll(cx)) {
            Ok(made) => made,
            Err(stopped) => (Err(Error::internal(format!("an answer's task stopped: {stopped}"))), None),
        };
        self.task = None;
        self.outcome = Some(outcome);
        self.leave = leave;
        Poll::Ready(Progress::Complete)
    }

    /// Takes note of what tools did that was not passed on yet: it is about to be stopped.
    pub(super) fn note_results(&mut self) {
        let unread = std::iter::from_fn(|| self.events.try_recv().ok()).filter_map(Result::ok);
        for event in self.stash.drain(..).chain(unread) {
            if let TurnEvent::ToolResult(record) = event {
                self.tool_calls.push(*record);
            }
        }
    }

    /// Whether there is more to come, and room to keep it.
    pub(super) fn takes(&self) -> bool {
        self.outcome.is_none() && self.stash.len() < STASH
    }

    /// Whether nothing more comes of it, and all that came was passed on.
    pub(super) fn is_made(&self) -> bool {
        self.outcome.is_some() && self.stash.is_empty()
    }

    /// Whether nothing of it may be passed on.
    pub(super) fn is_gated(&self) -> bool {
        self.secret || self.held
    }
}

impl Drop for Production {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
        self.measured.came_to_nothing(&self.scope, &self.unanswered);
    }
}
