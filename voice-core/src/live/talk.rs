//! A conversation with a model that hears and speaks by itself: what was said on either side, and what is under way. Does no I/O but
//! over its line.
//!
//! ```text
//! the user's sound ─► tape ─► line ─► model
//!                                       │ voice, words, answers, sound
//!     store ◄── past ◄── playout ◄──────┘
//! ```

use std::{
    collections::VecDeque,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::DropGuard;

use super::{
    model_line::{ModelLine, News},
    production::Production,
    tape::Tape,
};
use crate::{
    audio::{Pcm, SPEECH_RATE},
    context,
    error::{Error, Result},
    id::TurnId,
    layer::Realtime,
    message::{Role, Timings, ToolCall, ToolCallRecord},
    provider::{CallContext, ConversationRequest, FromModel, PromptMessage, ToModel, Turns},
    telemetry::MeasuredCall,
    tool::{Calls, Done},
};

/// What happened next.
pub(super) enum Step {
    Line(News),
    /// A tool has its result; `None`: all have.
    Tool(Option<Done>),
}

/// Something that the user said or typed.
pub(super) struct Item {
    /// What the model calls it; empty: it was typed.
    pub(super) id: String,
    /// Where on the tape its sound is.
    pub(super) sound: Option<(u64, u64)>,
    /// What it says; `None`: it is not recognised yet.
    pub(super) text: Option<String>,
    /// What it seems to say until then.
    pub(super) interim: String,
    /// The turn in which it is answered.
    pub(super) turn: Option<TurnId>,
}

impl Item {
    /// What it says, once that is known; `None` also where it could not be recognised.
    fn words(&self) -> Option<&str> {
        self.text.as_deref().filter(|text| !text.trim().is_empty())
    }
}

/// What the model is making, beside the production that holds what the session knows of it.
pub(super) struct Answer {
    /// The words that are read aloud, and by what they are called; `None`: it answers.
    pub(super) says: Option<(u64, Arc<str>)>,
    /// What the model calls it, once it has begun.
    pub(super) response: Option<String>,
    /// The model is done with it.
    pub(super) is_made: bool,
    /// Its items of sound: where each begins in the session's sound, and where it ends as far as it has come.
    pub(super) items: Vec<(String, u64, u64)>,
    pub(super) text: String,
    /// What it calls, and what runs of that.
    pub(super) called: Vec<ToolCall>,
    pub(super) calls: Option<Calls>,
    /// How often it has called.
    pub(super) rounds: u32,
    pub(super) ctx: CallContext,
    pub(super) measured: Option<MeasuredCall>,
    /// When the response was asked for or began, and when the first came of it.
    pub(super) asked: Instant,
    pub(super) first: Option<Duration>,
    pub(super) began: Instant,
    pub(super) timings: Timings,
}

/// An exchange that is over, whose words on the user's side are still being recognised.
pub(super) struct Unstored {
    pub(super) production: Production,
    pub(super) text: String,
    pub(super) interrupted: bool,
    /// How long they are waited for.
    pub(super) until: Duration,
}

/// An exchange as a new connection is told of it.
struct Past {
    turn_id: TurnId,
    user: String,
    calls: Vec<ToolCallRecord>,
    agent: String,
}

/// The conversation.
pub(super) struct Talk {
    pub(super) realtime: Arc<Realtime>,
    pub(super) line: ModelLine,
    /// What every connection is opened with, but for the history.
    request: ConversationRequest,
    /// With a token of its own: what was said last is recognised though the session is over.
    ctx: CallContext,
    _stop: DropGuard,
    /// What was said before this session, as a prompt; and since.
    before: Vec<PromptMessage>,
    past: VecDeque<Past>,
    /// How many messages a new connection is told of.
    window: usize,
    pub(super) tape: Tape,
    /// Where on the tape the sound of this connection begins.
    base: i64,
    /// Since where the user has been speaking.
    pub(super) speaks_from: Option<u64>,
    /// Where the user's voice was heard last, until it is an item.
    pub(super) voice: Option<(u64, u64)>,
    pub(super) spoke_until: Duration,
    /// When the user's turn was last over.
    pub(super) over_at: Duration,
    pub(super) items: Vec<Item>,
    pub(super) answer: Option<Answer>,
    /// Answers that wait until what may not be interrupted is heard: their names, and what has come of them.
    pub(super) held: Vec<String>,
    pub(super) held_back: Vec<FromModel>,
    /// How many answers that were asked for are not wanted any more.
    pub(super) unwanted: u32,
    next_say: u64,
    pub(super) unstored: VecDeque<Unstored>,
    /// There will be no connection any more.
    pub(super) given_up: bool,
}

impl Talk {
    /// Opens the conversation: waits until the model is there.
    ///
    /// # Errors
    /// The last one of several attempts, or the first that no attempt can mend.
    pub(super) async fn open(
        realtime: Arc<Realtime>,
        mut request: ConversationRequest,
        window: usize,
        ctx: CallContext,
    ) -> Result<Self> {
        let (before, stop) = (std::mem::take(&mut request.history), ctx.cancel.clone().drop_guard());
        let mut talk = Self {
            line: ModelLine::new(Arc::clone(&realtime.model)),
            realtime,
            request,
            before,
            past: VecDeque::new(),
            window,
            ctx,
            _stop: stop,
            tape: Tape::default(),
            base: 0,
            speaks_from: None,
            voice: None,
            spoke_until: Duration::ZERO,
            over_at: Duration::ZERO,
            items: Vec::new(),
            answer: None,
            held: Vec::new(),
            held_back: Vec::new(),
            unwanted: 0,
            next_say: 0,
            unstored: VecDeque::new(),
            given_up: false,
        };
        talk.reopen(Duration::ZERO, &[]);
        loop {
            match talk.line.next().await {
                News::Opened => return Ok(talk),
                News::Lost(error) => match talk.line.next_attempt(&error) {
                    Some(delay) => talk.reopen(delay, &[]),
                    None => return Err(error),
                },
                News::Event(_) => return Err(Error::internal("a conversation spoke before it was open")),
            }
        }
    }

    /// Opens a connection anew, after a while; it is told all that was said, and what the last one did not come to answer, with what tools
    /// have `done` for that.
    pub(super) fn reopen(&mut self, after: Duration, done: &[ToolCallRecord]) {
        let mut request = self.request.clone();
        request.history = self.history();
        self.line.reopen(request, self.ctx.clone(), after);
        (self.unwanted, self.held) = (0, Vec::new());
        self.held_back.clear();
        let told_again = self.ask_again(done);
        let from = self.speaks_from.unwrap_or(self.tape.end());
        self.base = i64::try_from(from).unwrap_or(i64::MAX) - told_again;
        let said = self.tape.between(from, self.tape.end());
        if !said.is_empty() {
            self.line.tell(ToModel::Sound(Pcm::new(said, SPEECH_RATE)));
        }
    }

    /// Tells a new connection what the user said that is not answered: in words where they are known, else as it sounded. Gives how
    /// many samples that were.
    fn ask_again(&mut self, done: &[ToolCallRecord]) -> i64 {
        let mut told = 0;
        let unanswered: Vec<usize> = (0..self.items.len()).filter(|n| self.items[*n].turn.is_none()).collect();
        for n in &unanswered {
            let item = &self.items[*n];
            match (item.words(), item.sound) {
                (Some(text), _) => self.line.tell(ToModel::Typed(text.into())),
                (None, Some((from, to))) => {
                    let said = self.tape.between(from, to);
                    told += i64::try_from(said.len()).unwrap_or_default();
                    self.line.tell(ToModel::Sound(Pcm::new(said, SPEECH_RATE)));
                    self.line.tell(ToModel::Commit);
                }
                (None, None) => {}
            }
        }
        // What is told as sound comes back as an item of its own.
        self.items.retain(|item| item.turn.is_some() || item.words().is_some());
        if !unanswered.is_empty() {
            let mut results = Vec::new();
            context::push_calls(&mut results, "", done);
            if !results.is_empty() {
                self.line.tell(ToModel::Remember(results));
            }
            self.line.tell(ToModel::Answer { tools: true });
        }
        told
    }

    fn history(&self) -> Vec<PromptMessage> {
        let mut messages = self.before.clone();
        for past in &self.past {
            messages.extend(past.messages());
        }
        // The latest; a call and its result are not parted.
        let said = |message: &PromptMessage| message.role == Role::User || !message.content.trim().is_empty();
        let counts = |message: &PromptMessage| said(message) && message.answers.is_none();
        let latest = messages.iter().enumerate().rev().filter(|(_, message)| counts(message)).take(self.window).last();
        let begin = latest.map_or(messages.len(), |(at, _)| at);
        messages.split_off(begin)
    }

    /// Takes note of an exchange that is over: what a new connection is told, and this one, if it does not know it yet.
    pub(super) fn remember(&mut self, turn_id: TurnId, calls: Vec<ToolCallRecord>, agent: &str, is_known: bool) {
        let user = self.words_of(Some(turn_id));
        let past = Past { turn_id, user, calls, agent: agent.to_owned() };
        if !is_known {
            let messages = past.messages();
            if !messages.is_empty() {
                self.line.tell(ToModel::Remember(messages));
            }
        }
        self.past.push_back(past);
        let extra = self.past.len().saturating_sub(self.window);
        self.past.drain(..extra);
    }

    /// What the user said in a turn is known by now: forgets its items and gives the words.
    pub(super) fn settle(&mut self, turn_id: TurnId) -> Option<String> {
        let words = self.words_of(Some(turn_id));
        self.items.retain(|item| item.turn != Some(turn_id));
        if let Some(past) = self.past.iter_mut().find(|past| past.turn_id == turn_id) {
            past.user.clone_from(&words);
        }
        Some(words).filter(|words| !words.is_empty())
    }

    /// What the user said in this turn, or has said that is not answered yet, as far as it is known.
    pub(super) fn words_of(&self, turn: Option<TurnId>) -> String {
        let of_turn = self.items.iter().filter(|item| item.turn == turn);
        let words = of_turn.map(|item| item.text.as_deref().unwrap_or(&item.interim).trim());
        words.filter(|words| !words.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Whether something that the user said in this turn is still being recognised.
    pub(super) fn is_recognising(&self, turn: Option<TurnId>) -> bool {
        self.items.iter().any(|item| item.turn == turn && item.text.is_none())
    }

    /// What the lost connection has not recognised of what is being answered, it never will: what it seemed to be is what there is.
    pub(super) fn give_up_recognising(&mut self) {
        let answered = self.items.iter_mut().filter(|item| item.turn.is_some() && item.text.is_none());
        answered.for_each(|item| item.text = Some(std::mem::take(&mut item.interim)));
    }

    /// The language that the next connection is told.
    pub(super) fn set_language(&mut self, language: Option<String>) {
        self.request.language = language;
    }

    pub(super) fn is_unanswered_again(&mut self, turn: TurnId) {
        self.items.iter_mut().filter(|item| item.turn == Some(turn)).for_each(|item| item.turn = None);
    }

    pub(super) fn user_speaks(&self) -> bool {
        self.speaks_from.is_some()
    }

    /// Where on the tape a moment of this connection's sound is.
    pub(super) fn on_tape(&self, at: Duration) -> u64 {
        let samples = (at.as_secs_f64() * f64::from(SPEECH_RATE)).round() as i64;
        u64::try_from(self.base.saturating_add(samples)).unwrap_or_default()
    }

    pub(super) fn turns(&self) -> Turns {
        self.request.turns
    }

    /// The model's next name for words that it shall read aloud.
    pub(super) fn next_say(&mut self) -> u64 {
        self.next_say += 1;
        self.next_say
    }

    /// When something has to be done without anything happening.
    pub(super) fn next_wake(&self) -> Option<Duration> {
        self.unstored.front().map(|unstored| unstored.until)
    }

    /// What happens next; pending while nothing can.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        // The line and the calls know who waits for them when the future is gone, too.
        pin!(self.next()).poll(cx)
    }

    async fn next(&mut self) -> Step {
        let calls = self.answer.as_mut().and_then(|answer| answer.calls.as_mut());
        tokio::select! {
            biased;
            news = self.line.next() => Step::Line(news),
            done = next_done(calls) => Step::Tool(done),
        }
    }

    /// The line is lost and shall be opened anew, unless that is hopeless.
    pub(super) fn try_again(&mut self, error: &Error, done: &[ToolCallRecord]) {
        match self.line.next_attempt(error) {
            Some(delay) => self.reopen(delay, done),
            None => self.given_up = true,
        }
    }
}

impl Past {
    fn messages(&self) -> Vec<PromptMessage> {
        let mut messages = Vec::new();
        let say = |messages: &mut Vec<PromptMessage>, role, text: &str| {
            if !text.trim().is_empty() {
                messages.push(PromptMessage::new(role, text));
            }
        };
        say(&mut messages, Role::User, &self.user);
        context::push_calls(&mut messages, "", &self.calls);
        say(&mut messages, Role::Assistant, &self.agent);
        messages
    }
}

async fn next_done(calls: Option<&mut Calls>) -> Option<Done> {
    match calls {
        Some(calls) => calls.next().await.map(|(_, done)| done),
        None => std::future::pending().await,
    }
}
