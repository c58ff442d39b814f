//! The task of a live session: takes what the host pushes and what the providers give, and does what turn taking says.

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinError, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    event::{AgentState, EndReason, LiveEvent, LiveSummary, LiveTurn, SpeechKind, UserState},
    front::{Edge, Front},
    handle::{Command, LiveSetup},
    hearing::{Heard, Hearing, News},
    inlet::Intake,
    jitter::JitterBuffer,
    playout::Playout,
    production::Production,
    recorder::Recorder,
    talk::Talk,
    turn_end::TurnEnd,
    turn_taking::{Action, Input, TurnTaking},
};
use crate::{
    audio::{LiveResampler, Pcm},
    config::{LiveConfig, Recognition, TurnDetection},
    cost::{Ledger, Spent, Usage},
    error::{Error, ErrorKind, Result},
    event::{TextDelta, TurnEvent},
    id::MessageId,
    message::{self, ToolCallRecord},
    store::Session,
    telemetry::{MeasuredSession, Scope},
    tool::{Lasting, Toolbox},
    turn::{Books, Engine, who},
};

/// How long the end of a session waits for words that are being recognised and turns that are being stored.
const LAST_WORDS: Duration = Duration::from_secs(5);
const LAST_SAVES: Duration = Duration::from_secs(5);
/// How long it waits for actions that are being looked for, to tell of them.
const LAST_FINDINGS: Duration = Duration::from_secs(5);

/// How long no sound may come while somebody speaks before it counts as silence.
const DEAD_LINE: Duration = Duration::from_millis(1_000);

/// Something to be said once the agent is free.
pub(super) struct ToSay {
    pub(super) kind: SpeechKind,
    pub(super) text: String,
    pub(super) interruptible: bool,
}

/// A live session as it runs.
pub(super) struct Driver {
    pub(super) engine: Arc<Engine>,
    pub(super) config: LiveConfig,
    pub(super) session: Session,
    /// Whether the session is in the store: it was there before, or an exchange of it was saved.
    pub(super) is_kept: Arc<AtomicBool>,
    /// It was deleted while it was held.
    pub(super) is_gone: bool,
    /// What hears, thinks and speaks in place of the stages of a turn, if anything does: turn taking is then its own.
    pub(super) talk: Option<Box<Talk>>,
    /// The language that the host set.
    pub(super) language: Option<String>,
    /// The language that was last heard.
    pub(super) heard_language: Option<String>,
    /// What an interpreter said last, by language.
    pub(super) last_said: Arc<HashMap<String, String>>,
    /// Turns in which actions are being looked for.
    pub(super) looking: JoinSet<Vec<message::Action>>,
    pub(super) speak: bool,
    first_message: Option<String>,
    pub(super) front: Front,
    /// Whoever hears while the user speaks is given every frame as it comes.
    hears_at_once: bool,
    /// Sound that comes with the time at which it was taken.
    pub(super) jitter: JitterBuffer,
    /// The recording of the whole session.
    pub(super) recorder: Option<Recorder>,
    /// The user's sound that is not answered yet, where turns are recorded.
    pub(super) said: Vec<i16>,
    /// When sound last came.
    heard_at: Duration,
    pub(super) taking: TurnTaking,
    pub(super) playout: Playout,
    /// The sound that was given out and perhaps not heard yet.
    pub(super) kept: VecDeque<Pcm>,
    pub(super) output_rate: u32,
    pub(super) output: Option<(u32, LiveResampler)>,
    pub(super) production: Option<Production>,
    pub(super) to_say: VecDeque<ToSay>,
    /// What is being recognised.
    pub(super) hearing: Hearing,
    /// What hears that the user is done, the sound of the user's turn so far, and what is being asked.
    pub(super) turn_end: Option<TurnEnd>,
    pub(super) saving: JoinSet<Result<LiveTurn>>,
    pub(super) events: mpsc::Sender<LiveEvent>,
    /// An event could not be told: nobody listens.
    pub(super) deaf: bool,
    pub(super) cancel: CancellationToken,
    pub(super) closing: CancellationToken,
    pub(super) started: Instant,
    next_segment: u64,
    pub(super) user_state: UserState,
    agent_state: AgentState,
    pub(super) host_paused: bool,
    pub(super) dtmf: String,
    pub(super) dtmf_until: Option<Duration>,
    /// Since when nobody says anything; and the same without reminders.
    pub(super) quiet_since: Duration,
    pub(super) silent_since: Duration,
    pub(super) reminders: u32,
    pub(super) ending: Option<EndReason>,
    /// The latest messages that were cut off.
    pub(super) interrupted: Arc<Vec<MessageId>>,
    /// What the model may call.
    pub(super) tools: Arc<Toolbox>,
    /// What tools did for an answer that was taken back before any of it was heard.
    pub(super) done: Vec<ToolCallRecord>,
    /// The calls that outlast their turns, where their results arrive, and those that are not told yet.
    pub(super) lasting: Lasting,
    pub(super) late: mpsc::UnboundedReceiver<Box<ToolCallRecord>>,
    pub(super) results: Vec<ToolCallRecord>,
    /// What was spent since the last turn was stored, and before that.
    pub(super) ledger: Ledger,
    pub(super) spent: Spent,
    /// What is reported of the session, and of what was heard and is not answered yet.
    pub(super) measured: MeasuredSession,
    pub(super) unanswered: Scope,
    summary: LiveSummary,
}

impl Driver {
    pub(super) fn new(
        engine: Arc<Engine>,
        setup: LiveSetup,
        config: LiveConfig,
        (session, is_new, talk): (Session, bool, Option<Talk>),
        events: mpsc::Sender<LiveEvent>,
    ) -> Self {
        let detects = config.turn_detection != TurnDetection::Manual;
        let (rate, channels) = (setup.input_rate, setup.input_channels as usize);
        let mut front = Front::new(rate, channels, setup.vad.detector(), config.vad, config.input.cleaning(), detects);
        let recordings = engine.recordings.as_ref().filter(|recordings| recordings.live);
        let recorder = recordings.and_then(|recordings| {
            let begun = Recorder::begin(recordings, session.id);
            begun.inspect_err(|error| tracing::warn!(%error, "the session is not recorded")).ok()
        });
        if recorder.is_some() {
            front.tap();
        }
        let (lasting, late) = Lasting::new();
        let measured = engine.telemetry.session(session.id, || who(&session));
        let taking = TurnTaking::new(config.endpointing, config.interruption.clone(), !detects);
        let summary = LiveSummary {
            session_id: session.id,
            reason: EndReason::Host,
            duration: Duration::ZERO,
            turns: 0,
            interruptions: 0,
            usage: Usage::default(),
            cost: None,
        };
        let listens = config.recognition == Recognition::Streaming && engine.can_listen();
        Self {
            hears_at_once: talk.is_some() || (listens && !detects),
            language: setup.language.or_else(|| engine.settings.language.clone()),
            talk: talk.map(Box::new),
            engine,
            session,
            is_kept: Arc::new(AtomicBool::new(!is_new)),
            is_gone: false,
            heard_language: None,
            last_said: Arc::default(),
            looking: JoinSet::new(),
            speak: setup.speak,
            first_message: setup.first_message,
            front,
            jitter: JitterBuffer::new(rate, channels),
            recorder,
            said: Vec::new(),
            heard_at: Duration::ZERO,
            taking,
            playout: Playout::new(setup.output_rate),
            kept: VecDeque::new(),
            output_rate: setup.output_rate,
            output: None,
            production: None,
            to_say: VecDeque::new(),
            hearing: Hearing::new(),
            turn_end: setup.turn_detector.map(TurnEnd::new),
            saving: JoinSet::new(),
            events,
            deaf: false,
            cancel: setup.cancel,
            closing: setup.closing,
            started: Instant::now(),
            next_segment: 0,
            user_state: UserState::Listening,
            agent_state: AgentState::Listening,
            host_paused: false,
            dtmf: String::new(),
            dtmf_until: None,
            quiet_since: Duration::ZERO,
            silent_since: Duration::ZERO,
            reminders: 0,
            ending: None,
            interrupted: Arc::default(),
            tools: setup.tools,
            done: Vec::new(),
            lasting,
            late,
            results: Vec::new(),
            ledger: Ledger::default(),
            spent: Spent::default(),
            unanswered: measured.scope(),
            measured,
            summary,
            config,
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Runs the session to its end.
    pub(super) async fn run(mut self: Box<Self>, mut intake: Intake) {
        let engine = Arc::clone(&self.engine);
        // The agent's closing waits for what is kept at the end.
        let _unfinished = engine.saving.begin();
        self.emit(LiveEvent::Started { session_id: self.session.id, sample_rate: self.output_rate });
        self.prepare_to_listen();
        if let Some(text) = self.first_message.take() {
            let interruptible = self.config.conversation.greeting_interruptible;
            self.to_say.push_back(ToSay { kind: SpeechKind::Greeting, text, interruptible });
        }
        let (reason, asked) = self.converse(&mut intake).await;
        // What was pushed before the end was called for is part of the conversation.
        intake.close();
        self.finish(reason, asked).await;
    }

    /// Tells turn taking what happened and does what it says.
    pub(super) fn tell(&mut self, input: Input) {
        if self.talk.is_some() {
            return;
        }
        let actions = self.taking.handle(input, self.now());
        for action in actions {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        tracing::trace!(action = action.name(), "turn taking");
        match action {
            Action::Prepare(text) => self.answer(text, true),
            Action::Answer(text) => {
                self.answer(text, false);
                self.on_wanted();
            }
            Action::Promote(text) if self.is_for_another_language() => {
                // What was prepared was begun before it was known who speaks.
                self.answer(text, false);
                self.on_wanted();
            }
            Action::Promote(text) => {
                if let Some(production) = &mut self.production {
                    production.user_text = Some(text);
                    production.want();
                }
                self.on_wanted();
                self.let_through();
            }
            Action::Discard => self.production = None,
            Action::Retract => self.take_back(),
            Action::Hold => {
                if let Some(production) = &mut self.production {
                    production.held = true;
                }
            }
            Action::Release => {
                if let Some(production) = &mut self.production {
                    production.held = false;
                }
                self.let_through();
            }
            Action::Pause => self.fall_silent(),
            Action::Resume => {
                if !self.host_paused {
                    self.playout.resume();
                }
                self.emit(LiveEvent::FalseInterruption);
            }
            Action::Interrupt => self.stop_speaking(),
            Action::Probe => self.look_at_what_is_said(),
            Action::Cut => self.end_utterance(),
            Action::Nothing { murmur } => {
                if let Some(text) = murmur {
                    self.emit(LiveEvent::Backchannel(TextDelta(text)));
                }
            }
        }
    }

    pub(super) fn on_command(&mut self, command: Command) {
        match command {
            Command::TimedAudio { at, samples } => self.hear_timed(at, samples),
            Command::Text(text) => self.on_typed(text),
            Command::Dtmf(key) => self.on_key(key),
            Command::Commit if self.talk.is_some() => self.users_turn_is_over(),
            Command::Commit => {
                self.end_utterance();
                self.tell(Input::Committed);
            }
            Command::Say { text, interruptible } => {
                self.to_say.push_back(ToSay { kind: SpeechKind::Said, text, interruptible });
            }
            Command::Interrupt => {
                self.to_say.clear();
                self.drop_what_is_held();
                if self.production.is_some() {
                    self.stop_speaking();
                    self.tell(Input::AgentDone);
                }
            }
            Command::Pause => {
                self.host_paused = true;
                self.fall_silent();
            }
            Command::Resume => {
                self.host_paused = false;
                self.playout.resume();
                // Nobody was waited for meanwhile.
                self.touch();
            }
            Command::Playback(position) => {
                if self.playout.acknowledge(position) {
                    self.emit(LiveEvent::Clear { position: self.playout.position() });
                }
            }
            Command::Language(language) => {
                if let Some(talk) = &mut self.talk {
                    talk.set_language(language.clone());
                }
                self.language = language;
            }
            // Its caller has handled them.
            Command::Audio(_) | Command::End(_) => {}
        }
    }

    pub(super) fn on_typed(&mut self, text: String) {
        self.user_is_here();
        if self.engine.interpreter.is_some() {
            // Who types has not been heard.
            self.heard_language = None;
        }
        if self.talk.is_some() {
            self.typed_to_the_model(text);
            return;
        }
        self.put_off_results();
        // An answer of which nothing was heard is taken back by turn taking: its question is asked again, with these words.
        if self.production.as_ref().is_some_and(|p| p.audible || p.kind != SpeechKind::Answer) {
            self.stop_speaking();
            self.tell(Input::AgentDone);
        }
        let segment = self.segment();
        self.tell(Input::Typed { segment, text });
    }

    fn hear_timed(&mut self, at: Duration, samples: Vec<i16>) {
        let (now, mut in_order) = (self.now(), Vec::new());
        self.jitter.push(at, samples, now, &mut in_order);
        self.hear(&in_order);
    }

    /// Hears what waited long enough for what should have come before it; ends what is being said when no sound comes at all.
    pub(super) fn mind_the_line(&mut self) {
        let (now, mut in_order) = (self.now(), Vec::new());
        self.jitter.release(now, &mut in_order);
        if !in_order.is_empty() {
            self.hear(&in_order);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.advance(now);
        }
        if self.line_falls_silent().is_some_and(|at| at <= now) {
            if self.talk.is_some() {
                self.heard_at = now;
                self.be_silent_for_the_user(DEAD_LINE);
            }
            self.end_utterance();
        }
    }

    /// When a line on which nothing comes any more counts as silence.
    pub(super) fn line_falls_silent(&self) -> Option<Duration> {
        let speaks = self.front.so_far().is_some() || self.talk.as_ref().is_some_and(|talk| talk.user_speaks());
        let waits = speaks && self.config.turn_detection != TurnDetection::Manual;
        waits.then(|| self.heard_at + DEAD_LINE)
    }

    /// How many samples it takes until something may be noticed in them, as they come from the host.
    pub(super) fn enough(&self) -> usize {
        if self.hears_at_once { 0 } else { self.front.enough() }
    }

    /// Takes sound of the user, and says whether anything began or ended in it.
    pub(super) fn hear(&mut self, samples: &[i16]) -> bool {
        let (mut edges, now) = (Vec::new(), self.now());
        self.heard_at = now;
        if self.talk.is_some() {
            let cleaned = self.front.pass(samples, now);
            if let Some(recorder) = &mut self.recorder {
                recorder.heard(&self.front.tapped(), now);
            }
            self.the_model_hears(cleaned);
            return true;
        }
        self.front.push(samples, now, |edge| edges.push(edge));
        if let Some(recorder) = &mut self.recorder {
            recorder.heard(&self.front.tapped(), now);
        }
        let is_noticed = !edges.is_empty();
        for edge in edges {
            self.on_edge(edge);
        }
        self.go_on_listening();
        is_noticed
    }

    fn end_utterance(&mut self) {
        let mut edges = Vec::new();
        self.front.end(|edge| edges.push(edge));
        for edge in edges {
            self.on_edge(edge);
        }
    }

    fn on_edge(&mut self, edge: Edge) {
        self.user_is_here();
        match edge {
            Edge::Started { .. } => {
                self.begin_to_listen();
                self.put_off_results();
                self.set_user_state(UserState::Speaking);
                if self.config.turn_detection != TurnDetection::Manual {
                    self.tell(Input::SpeechStarted);
                }
            }
            Edge::Ended { ago, samples } => {
                let judged = self.turn_end.is_some();
                let latest = judged.then(|| samples.clone());
                let segment = self.utterance_is_over(samples);
                if let (Some(end), Some(latest)) = (&mut self.turn_end, latest) {
                    let longest = Duration::from_millis(self.config.endpointing.max_delay_ms.into());
                    end.ask(segment, &latest, longest.saturating_sub(ago));
                }
                self.tell(Input::SpeechEnded { segment, ago, judged });
                self.set_user_state(UserState::Listening);
            }
            Edge::Going { samples } => {
                if let Some(end) = &mut self.turn_end {
                    end.keep(&samples);
                }
                let segment = self.utterance_is_over(samples);
                self.tell(Input::SpeechGoing { segment });
                self.begin_to_listen();
            }
        }
    }

    pub(super) fn segment(&mut self) -> u64 {
        self.next_segment += 1;
        self.next_segment
    }

    /// The language of the conversation at this moment.
    pub(super) fn spoken_language(&self) -> Option<String> {
        self.language.clone().or_else(|| self.heard_language.clone())
    }

    pub(super) fn on_saved(&mut self, saved: std::result::Result<Result<LiveTurn>, JoinError>) {
        match saved {
            Ok(Ok(turn)) => {
                self.summary.turns += 1;
                self.summary.interruptions += u32::from(turn.interrupted);
                self.look_for_actions(&turn);
                self.emit(LiveEvent::TurnDone(Box::new(turn)));
            }
            Ok(Err(error)) => {
                let is_gone = error.kind() == ErrorKind::SessionNotFound;
                // Every exchange that waits to be saved fails alike.
                if !is_gone || !std::mem::replace(&mut self.is_gone, true) {
                    self.emit(LiveEvent::Error(error));
                }
            }
            Err(stopped) => self.emit(LiveEvent::Error(Error::internal(format!("storing a turn stopped: {stopped}")))),
        }
    }

    /// Looks for what has to be acted on in an exchange that was stored; the conversation goes on meanwhile.
    fn look_for_actions(&mut self, turn: &LiveTurn) {
        if turn.user_message_id.is_none() || !self.engine.looks_for_actions() {
            return;
        }
        let books = Books { ledger: self.ledger.clone(), scope: self.unanswered.clone() };
        self.looking.spawn(self.engine.look_for_actions(self.session.clone(), turn.turn_id, books));
    }

    pub(super) fn on_found(&mut self, found: std::result::Result<Vec<message::Action>, JoinError>) {
        for action in found.into_iter().flatten() {
            self.emit(LiveEvent::ActionDetected(Box::new(action)));
        }
    }

    /// Whether an interpreter has prepared what it says for another language than was heard in the end.
    fn is_for_another_language(&self) -> bool {
        let language = self.spoken_language();
        self.engine.interpreter.is_some() && self.production.as_ref().is_some_and(|p| p.language != language)
    }

    /// The language of what the agent says by itself.
    pub(super) fn own_language(&self) -> Option<String> {
        match self.engine.interpreter {
            Some(_) => self.engine.own_language(),
            None => self.spoken_language(),
        }
    }

    /// What was spent since this was last asked.
    pub(super) fn settle(&mut self) -> Spent {
        let spent = self.ledger.take();
        self.spent += spent;
        spent
    }

    /// Tells the host something. A host that takes nothing is not waited for.
    pub(super) fn emit(&mut self, event: LiveEvent) {
        if self.events.try_send(event).is_err() {
            self.deaf = true;
        }
    }

    /// Whether the host has taken enough of what it was told to be given more sound.
    pub(super) fn host_has_room(&self) -> bool {
        self.events.capacity() > super::handle::EVENTS / 2
    }

    pub(super) fn set_user_state(&mut self, state: UserState) {
        if std::mem::replace(&mut self.user_state, state) != state {
            self.emit(LiveEvent::UserState(state));
        }
    }

    pub(super) fn set_agent_state(&mut self, state: AgentState) {
        if std::mem::replace(&mut self.agent_state, state) != state {
            self.emit(LiveEvent::AgentState(state));
        }
    }

    /// The end: what was heard is kept, and so is what the user said last.
    async fn finish(mut self: Box<Self>, reason: EndReason, asked: Option<oneshot::Sender<LiveSummary>>) {
        let over_at = self.now();
        if self.production.is_some() {
            self.stop_speaking();
        }
        let mut held = Vec::new();
        self.jitter.flush(&mut held);
        self.hear(&held);
        self.end_utterance();
        let last_words = async {
            while !self.hearing.is_idle() {
                let (segment, text) = match poll_fn(|cx| self.hearing.poll_next(cx)).await {
                    News::Told(Heard::Segment(segment), TurnEvent::Transcript(words)) => (segment, words.text),
                    News::Done(Heard::Segment(segment), Ok(outcome)) => (segment, outcome.transcript),
                    _ => continue,
                };
                // It ends no turn: nothing is begun any more.
                self.taking.note(segment, text, self.started.elapsed());
            }
        };
        let _late = tokio::time::timeout(LAST_WORDS, last_words).await;
        // What is not recognised by now is what it seemed to be.
        self.hearing = Hearing::new();
        let _late = tokio::time::timeout(LAST_WORDS, self.last_words_of_the_model()).await;
        self.store_all();
        self.production = None;
        let mut unanswered = self.unanswered_words();
        if let Some(keys) = self.take_keys() {
            unanswered = format!("{unanswered} {keys}").trim_start().to_owned();
        }
        self.take_late();
        if !unanswered.is_empty() || !self.results.is_empty() {
            self.store_unanswered(unanswered);
        }
        self.keep_late();
        let saves = async {
            while let Some(saved) = self.saving.join_next().await {
                self.on_saved(saved);
            }
        };
        let _late = tokio::time::timeout(LAST_SAVES, saves).await;
        // What takes longer is stored all the same, and told to nobody.
        self.saving.detach_all();
        let looking = async {
            while let Some(found) = self.looking.join_next().await {
                self.on_found(found);
            }
        };
        // What is found later is kept all the same.
        let _late = tokio::time::timeout(LAST_FINDINGS, looking).await;
        let recorder = self.recorder.take();
        if self.is_gone {
            recorder.into_iter().for_each(Recorder::discard);
        } else if let Some(recorder) = recorder
            && let Some(recording) = recorder.finish(over_at).await
        {
            self.emit(LiveEvent::Recorded { recording });
        }
        self.summary.reason = reason;
        self.summary.duration = self.now();
        self.settle();
        (self.summary.usage, self.summary.cost) = (self.spent.usage, self.spent.cost);
        self.measured.belongs_to_no_turn(&self.unanswered);
        let LiveSummary { duration, turns, interruptions, usage, cost, .. } = self.summary;
        self.measured.end(reason.as_str(), duration, (turns, interruptions), (usage, cost));
        tracing::info!(
            session_id = %self.session.id, reason = reason.as_str(), turns = self.summary.turns,
            seconds = self.summary.duration.as_secs(), "live session over"
        );
        if let Some(asked) = asked {
            let _gone = asked.send(self.summary);
        }
        // A host that takes no events does not hear of the end either.
        let _gone = self.events.try_send(LiveEvent::Ended(Box::new(self.summary)));
    }
}
