//! A model that hears and speaks by itself, by script: it hears voices by their loudness, understands what the [`Voice`] that it was made
//! with says, and speaks with it.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use voice_core::{
    Error, ErrorKind, Pcm, Result, SpeechToSpeech, TextDelta, Transcript,
    cost::TokensUsed,
    message::ToolCall,
    provider::{
        AnswerEnd, CallContext, ClientSecret, ClientSecretRequest, Conversation, ConversationInput,
        ConversationRequest, FromModel, ToModel, Turns,
    },
    time::Timestamp,
};

use crate::Voice;

/// What is louder is voice.
const VOICE: i16 = 300;

/// What comes of one answer.
#[derive(Clone, Debug)]
enum Scripted {
    Says(String),
    Calls(Vec<(String, Value)>),
    Fails(ErrorKind),
    /// The connection drops after so many words.
    Drops(String, usize),
    Refused(ErrorKind),
}

/// A scripted model. Clones are one.
///
/// ```
/// use voice_testkit::{ScriptedRealtime, Voice};
/// let model = ScriptedRealtime::new(&Voice::new()).saying("Good morning.").calling(0, "weather", serde_json::json!({}));
/// assert_eq!(model.connections(), 0);
/// ```
#[derive(Clone)]
pub struct ScriptedRealtime {
    voice: Voice,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    says: String,
    answers: HashMap<usize, Scripted>,
    answered: usize,
    hears: VecDeque<Option<String>>,
    first: Duration,
    gap: Duration,
    recognised: Duration,
    used: Option<TokensUsed>,
    lasts: Option<Duration>,
    refusals: HashMap<usize, ErrorKind>,
    requests: Vec<ConversationRequest>,
    told: Vec<String>,
    secrets: usize,
}

impl ScriptedRealtime {
    /// A model that answers everything with "Yes.", at once, and recognises what was said at once.
    #[must_use]
    pub fn new(voice: &Voice) -> Self {
        let state = State { says: "Yes.".into(), ..State::default() };
        Self { voice: voice.clone(), state: Arc::new(Mutex::new(state)) }
    }

    fn set(self, set: impl FnOnce(&mut State)) -> Self {
        set(&mut self.locked());
        self
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it answers where nothing else is said.
    #[must_use]
    pub fn saying(self, text: &str) -> Self {
        self.set(|state| state.says = text.into())
    }

    /// What answer number `n`, from 0, is.
    #[must_use]
    pub fn answering(self, n: usize, text: &str) -> Self {
        self.set(|state| drop(state.answers.insert(n, Scripted::Says(text.into()))))
    }

    /// Answer number `n` calls a tool; said twice, two.
    #[must_use]
    pub fn calling(self, n: usize, tool: &str, arguments: Value) -> Self {
        self.set(|state| {
            let call = (tool.to_owned(), arguments);
            match state.answers.get_mut(&n) {
                Some(Scripted::Calls(calls)) => calls.push(call),
                _ => drop(state.answers.insert(n, Scripted::Calls(vec![call]))),
            }
        })
    }

    /// Answer number `n` fails.
    #[must_use]
    pub fn failing(self, n: usize, kind: ErrorKind) -> Self {
        self.set(|state| drop(state.answers.insert(n, Scripted::Fails(kind))))
    }

    /// Answer number `n` is not begun.
    #[must_use]
    pub fn refusing(self, n: usize, kind: ErrorKind) -> Self {
        self.set(|state| drop(state.answers.insert(n, Scripted::Refused(kind))))
    }

    /// The connection drops in answer number `n`, after so many words of it.
    #[must_use]
    pub fn dropping(self, n: usize, text: &str, words: usize) -> Self {
        self.set(|state| drop(state.answers.insert(n, Scripted::Drops(text.into(), words))))
    }

    /// What it takes the next thing that is said for; `None`: it cannot recognise it.
    #[must_use]
    pub fn hearing(self, text: Option<&str>) -> Self {
        self.set(|state| state.hears.push_back(text.map(str::to_owned)))
    }

    /// How long the first of an answer takes, and each word after it.
    #[must_use]
    pub fn first_after(self, first: Duration, then_every: Duration) -> Self {
        self.set(|state| (state.first, state.gap) = (first, then_every))
    }

    /// How long it takes until what was said is recognised.
    #[must_use]
    pub fn recognised_after(self, delay: Duration) -> Self {
        self.set(|state| state.recognised = delay)
    }

    /// What each answer uses.
    #[must_use]
    pub fn using(self, used: TokensUsed) -> Self {
        self.set(|state| state.used = Some(used))
    }

    /// How long each connection may be used; it ends then.
    #[must_use]
    pub fn lasting(self, time: Duration) -> Self {
        self.set(|state| state.lasts = Some(time))
    }

    /// Connection number `n`, from 0, does not come about.
    #[must_use]
    pub fn unreachable(self, n: usize, kind: ErrorKind) -> Self {
        self.set(|state| {
            state.refusals.insert(n, kind);
        })
    }

    /// How many connections were asked for.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.locked().requests.len()
    }

    /// How many client secrets were made.
    #[must_use]
    pub fn secrets(&self) -> usize {
        self.locked().secrets
    }

    /// What each connection was opened with.
    #[must_use]
    pub fn requests(&self) -> Vec<ConversationRequest> {
        self.locked().requests.clone()
    }

    /// Everything that was told but sound, a line each, such as `typed: hello`, `heard item_2 1200 ms`.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        self.locked().told.clone()
    }
}

#[async_trait]
impl SpeechToSpeech for ScriptedRealtime {
    fn name(&self) -> &str {
        "scripted/realtime"
    }

    async fn converse(
        &self,
        request: ConversationRequest,
        input: ConversationInput,
        _: &CallContext,
    ) -> Result<Conversation> {
        let (refusal, lasts) = {
            let mut state = self.locked();
            let n = state.requests.len();
            state.requests.push(request.clone());
            (state.refusals.get(&n).copied(), state.lasts)
        };
        if let Some(kind) = refusal {
            return Err(Error::new(kind, "the script refuses this connection"));
        }
        let (events, coming) = mpsc::unbounded_channel();
        let until = lasts.map(|lasts| Instant::now() + lasts);
        let session = Session {
            model: self.clone(),
            turns: request.turns,
            events,
            due: Vec::new(),
            order: 0,
            heard: Vec::new(),
            rate: 16_000,
            position: 0,
            speaks: None,
            silent: 0,
            items: 0,
            active: None,
            again: None,
            cancelled: HashSet::new(),
            until,
        };
        tokio::spawn(session.run(input));
        let events = stream::unfold(coming, |mut coming| async { Some((coming.recv().await?, coming)) }).boxed();
        let conversation = Conversation::new(events);
        Ok(match until {
            Some(until) => conversation.with_good_until(until),
            None => conversation,
        })
    }

    async fn client_secret(&self, request: ClientSecretRequest, _: &CallContext) -> Result<ClientSecret> {
        let n = {
            let mut state = self.locked();
            state.secrets += 1;
            state.secrets
        };
        let expires_at = Timestamp::UNIX_EPOCH + request.valid;
        Ok(ClientSecret::new(format!("ek_{n}"), expires_at, json!({"type": "realtime"})))
    }
}

/// What is due at some moment.
enum Due {
    Event(FromModel),
    Drop,
}

/// One connection.
struct Session {
    model: ScriptedRealtime,
    turns: Turns,
    events: mpsc::UnboundedSender<Result<FromModel>>,
    /// When, in which order, of which answer.
    due: Vec<(Instant, u64, Option<String>, Due)>,
    order: u64,
    /// The sound that is no item yet.
    heard: Vec<i16>,
    rate: u32,
    position: usize,
    /// Where the voice that goes on began.
    speaks: Option<usize>,
    silent: usize,
    items: usize,
    /// The answer in the conversation that is being made.
    active: Option<String>,
    again: Option<bool>,
    cancelled: HashSet<String>,
    until: Option<Instant>,
}

impl Session {
    async fn run(mut self, mut input: ConversationInput) {
        loop {
            let next = self.due.iter().map(|(at, order, ..)| (*at, *order)).min();
            let wait = async {
                match next {
                    Some((at, _)) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let over = async {
                match self.until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.events.closed() => return,
                () = over => {
                    self.send(Err(Error::new(ErrorKind::ConnectionLost, "the session has lasted its time")));
                    return;
                }
                told = input.next() => match told {
                    Some(told) => self.hear(told),
                    None => return,
                },
                () = wait => {
                    let at = self.due.iter().position(|(at, order, ..)| Some((*at, *order)) == next);
                    let Some((_, _, _, due)) = at.map(|at| self.due.remove(at)) else { continue };
                    match due {
                        Due::Event(event) => self.give(event),
                        Due::Drop => {
                            self.send(Err(Error::new(ErrorKind::ConnectionLost, "the script drops the connection")));
                            return;
                        }
                    }
                }
            }
        }
    }

    fn send(&self, event: Result<FromModel>) {
        // Whoever is gone hears of nothing.
        let _ = self.events.send(event);
    }

    fn give(&mut self, event: FromModel) {
        if let FromModel::Done { response, .. } = &event
            && self.active.as_ref() == Some(response)
        {
            self.active = None;
        }
        let is_over = self.active.is_none();
        self.send(Ok(event));
        if is_over && let Some(tools) = self.again.take() {
            self.answer(tools);
        }
    }

    fn later(&mut self, after: Duration, of: Option<&str>, due: Due) {
        self.order += 1;
        self.due.push((Instant::now() + after, self.order, of.map(str::to_owned), due));
    }

    fn note(&self, line: String) {
        self.model.locked().told.push(line);
    }

    fn hear(&mut self, told: ToModel) {
        match told {
            ToModel::Sound(pcm) => self.sound(&pcm),
            ToModel::Commit => {
                self.note("commit".into());
                self.speaks = None;
                self.commit();
            }
            ToModel::Typed(text) => self.note(format!("typed: {text}")),
            ToModel::Remember(messages) => {
                for message in &messages {
                    let mut line = format!("remember {}: {}", message.role.as_str(), message.content);
                    for call in &*message.tool_calls {
                        let _ = write!(line, "[{}]", call.name);
                    }
                    self.note(line);
                }
            }
            ToModel::ToolResult { call, result } => self.note(format!("result {call}: {result}")),
            ToModel::Answer { tools } => {
                self.note(if tools { "answer" } else { "answer without tools" }.into());
                self.answer(tools);
            }
            ToModel::Say { id, text } => {
                self.note(format!("say: {text}"));
                let response = format!("say_{id}");
                self.speak(&response, Some(id), &text, usize::MAX);
            }
            ToModel::Cancel { response } => {
                self.note(format!("cancel {response}"));
                self.cancel(&response);
            }
            ToModel::Heard { item, until } => self.note(format!("heard {item} {} ms", until.as_millis())),
            other => self.note(format!("{other:?}")),
        }
    }

    fn time(&self, samples: usize) -> Duration {
        Duration::from_secs_f64(samples as f64 / f64::from(self.rate))
    }

    fn sound(&mut self, pcm: &Pcm) {
        self.rate = pcm.sample_rate();
        self.heard.extend_from_slice(pcm.samples());
        let Turns::Automatic { interruptible, silence, .. } = self.turns else { return };
        for sample in pcm.samples() {
            self.position += 1;
            if sample.unsigned_abs() > VOICE.unsigned_abs() {
                self.silent = 0;
                if self.speaks.is_none() {
                    self.speaks = Some(self.position - 1);
                    let at = self.time(self.position - 1);
                    self.send(Ok(FromModel::SpeechStarted { at }));
                    if interruptible && let Some(active) = self.active.clone() {
                        self.cancel(&active);
                    }
                }
            } else if self.speaks.is_some() {
                self.silent += 1;
                if self.time(self.silent) >= silence {
                    let at = self.time(self.position - self.silent);
                    self.send(Ok(FromModel::SpeechStopped { at }));
                    (self.speaks, self.silent) = (None, 0);
                    self.commit();
                    if interruptible {
                        self.answer(true);
                    }
                }
            }
        }
        if self.speaks.is_none() {
            self.heard.clear();
        }
    }

    fn commit(&mut self) {
        let sound = std::mem::take(&mut self.heard);
        self.items += 1;
        let item = format!("item_{}", self.items);
        self.send(Ok(FromModel::Committed { item: item.clone() }));
        let (text, delay) = {
            let mut state = self.model.locked();
            let text = state.hears.pop_front().unwrap_or_else(|| Some(self.model.voice.understood(&sound)));
            (text, state.recognised)
        };
        let event = match text {
            Some(text) => FromModel::Transcript { item, transcript: Transcript::last(text) },
            None => FromModel::Unheard { item, error: Error::new(ErrorKind::ProviderFailed, "not understood") },
        };
        if delay.is_zero() {
            self.send(Ok(event));
        } else {
            self.later(delay, None, Due::Event(event));
        }
    }

    fn cancel(&mut self, response: &str) {
        let before = self.due.len();
        self.due.retain(|(_, _, of, _)| of.as_deref() != Some(response));
        if before > self.due.len() && self.cancelled.insert(response.to_owned()) {
            let usage = self.model.locked().used;
            self.give(FromModel::Done { response: response.into(), end: AnswerEnd::Cancelled, usage });
        }
    }

    fn answer(&mut self, tools: bool) {
        if self.active.is_some() {
            self.again = Some(tools);
            return;
        }
        let (n, scripted) = {
            let mut state = self.model.locked();
            let n = state.answered;
            state.answered += 1;
            let says = state.says.clone();
            (n, state.answers.get(&n).cloned().unwrap_or(Scripted::Says(says)))
        };
        let response = format!("resp_{n}");
        self.active = Some(response.clone());
        let (first, usage) = {
            let state = self.model.locked();
            (state.first, state.used)
        };
        let begun = FromModel::Begun { response: response.clone(), says: None };
        let done = |end| FromModel::Done { response: response.clone(), end, usage };
        match scripted {
            Scripted::Says(text) => self.speak(&response, None, &text, usize::MAX),
            Scripted::Drops(text, words) => self.speak(&response, None, &text, words),
            Scripted::Fails(kind) => {
                self.send(Ok(begun));
                let end = AnswerEnd::Failed(Error::new(kind, "the script fails this answer"));
                self.later(first, Some(&response), Due::Event(done(end)));
            }
            Scripted::Refused(kind) => {
                self.active = None;
                self.send(Ok(FromModel::Refused(Error::new(kind, "the script refuses this answer"))));
            }
            Scripted::Calls(calls) => {
                self.send(Ok(begun));
                for (at, (name, arguments)) in calls.into_iter().enumerate() {
                    let call = ToolCall::new(format!("call_{n}_{at}"), name, arguments);
                    let event = FromModel::ToolCall { response: response.clone(), call };
                    self.later(first, Some(&response), Due::Event(event));
                }
                self.later(first, Some(&response), Due::Event(done(AnswerEnd::Complete)));
            }
        }
    }

    /// Speaks word by word; the connection drops after so many of them.
    fn speak(&mut self, response: &str, says: Option<u64>, text: &str, drops_after: usize) {
        let (first, gap, usage) = {
            let state = self.model.locked();
            (state.first, state.gap, state.used)
        };
        let item = format!("item_of_{response}");
        let mut at = first;
        self.send(Ok(FromModel::Begun { response: response.to_owned(), says }));
        for (n, word) in text.split_inclusive(' ').enumerate() {
            if n >= drops_after {
                self.later(at, Some(response), Due::Drop);
                return;
            }
            let (response, item) = (response.to_owned(), item.clone());
            let delta = TextDelta(word.to_owned());
            let pcm = Pcm::new(self.model.voice.say(word), 16_000);
            let words = FromModel::Text { response: response.clone(), item: item.clone(), delta };
            self.later(at, Some(&response), Due::Event(words));
            let sound = FromModel::Sound { response: response.clone(), item, pcm };
            self.later(at, Some(&response), Due::Event(sound));
            at += gap;
        }
        let done = FromModel::Done { response: response.to_owned(), end: AnswerEnd::Complete, usage };
        self.later(at, Some(response), Due::Event(done));
    }
}
