//! Who has the turn: a state machine without I/O or clock. It is told what was heard and what the agent does, each with the
//! time, and says what is to be done; [`TurnTaking::next_wake`] says when it wants to be asked again.
//!
//! The rules:
//!
//! - The user's turn is over when there are words, every utterance has its transcript, and it has been silent for a delay that
//!   is the shorter the more complete the words sound. A transcript that comes later than that ends the turn when it comes.
//! - An answer may be prepared before that, also from words that are not final but have stood for a moment. It is thrown away
//!   if the words change.
//! - Words that come before the first sound of the answer join the turn: the answer is taken back and made anew.
//! - Over the agent's speech the user's voice first only pauses it. Words stop it; no words, or a listener's murmur, let it go
//!   on. Words over speech that may not be interrupted are answered when it is over.

use std::time::Duration;

use super::{said::Said, words};
use crate::config::{EndpointingOptions, InterruptionOptions};

/// A murmur this shortly before the end of the agent's speech is an answer to it.
const ANSWER_WINDOW: Duration = Duration::from_secs(1);
/// Words that may still change are taken for what they are when they have not changed for so long.
const STANDING: Duration = Duration::from_millis(150);
/// Words that sound so complete are worth an answer that nobody knows of yet.
const LIKELY: f32 = 0.5;
/// How long after one look at what is being said the next is worth while.
const PROBE_AGAIN: Duration = Duration::from_millis(700);

/// What happened.
#[derive(Debug)]
pub(crate) enum Input {
    /// Somebody began to speak.
    SpeechStarted,
    /// Somebody stopped speaking, `ago` before now; the utterance is being recognised and, perhaps, judged.
    SpeechEnded { segment: u64, ago: Duration, judged: bool },
    /// Somebody speaks on; what was said so far is being recognised.
    SpeechGoing { segment: u64 },
    /// Words that may still change were noted: see [`TurnTaking::note`].
    Interim,
    /// What an utterance says; empty: nothing. The recogniser may know how likely the user was done.
    Transcribed { segment: u64, text: String, completeness: Option<f32> },
    /// How likely the user was done after this utterance, by its sound; `None`: nobody knows.
    Judged { segment: u64, completeness: Option<f32> },
    /// What the user is saying, as far as it has come.
    Probed { text: String },
    /// The user typed: words that end the turn.
    Typed { segment: u64, text: String },
    /// The host says that the user's turn is over.
    Committed,
    /// The first sound of what the agent says is about to be heard.
    AgentSpeaking { interruptible: bool },
    /// The agent has finished or was stopped.
    AgentDone,
    /// Nothing but that time has passed.
    Tick,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Begin an answer to these words, but let nothing of it be noticed.
    Prepare(String),
    /// The prepared answer is wanted; these are the words that it answers, as they are written in the end.
    Promote(String),
    /// The prepared answer is not wanted.
    Discard,
    /// The user's turn is over: answer these words.
    Answer(String),
    /// The answer that nothing was heard of yet is not wanted: more was said.
    Retract,
    /// Hold the first sound of the answer back: the user may be going on.
    Hold,
    /// Do not hold it back any more.
    Release,
    /// Fall silent, for now.
    Pause,
    /// Go on where it fell silent.
    Resume,
    /// Stop speaking for good.
    Interrupt,
    /// Recognise what the user has said so far.
    Probe,
    /// End the utterance here, though the user goes on.
    Cut,
    /// What was said had no words, or only a murmur.
    Nothing { murmur: Option<String> },
}

impl Action {
    /// What it is, without the words.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Prepare(_) => "prepare",
            Self::Promote(_) => "promote",
            Self::Discard => "discard",
            Self::Answer(_) => "answer",
            Self::Retract => "retract",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Interrupt => "interrupt",
            Self::Probe => "probe",
            Self::Cut => "cut",
            Self::Nothing { .. } => "nothing",
        }
    }
}

/// What the agent is doing, as far as turns go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agent {
    Idle,
    /// An answer is prepared that nobody knows of.
    Preparing,
    /// An answer is wanted; nothing of it was heard.
    Thinking {
        held: bool,
    },
    Speaking,
    Paused,
}

/// Whether what was said sounds as if it were all.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sounds {
    /// Nobody listens for that.
    Unknown,
    /// It is being asked about this utterance.
    Asked(u64),
    /// This likely, 0–1.
    Complete(f32),
}

/// The machine.
pub(crate) struct TurnTaking {
    endpointing: EndpointingOptions,
    interruption: InterruptionOptions,
    agent: Agent,
    interruptible: bool,
    /// Since when the user speaks.
    speaking_since: Option<Duration>,
    /// When the user's voice was last heard.
    spoke_until: Duration,
    /// What the user said that is not answered yet.
    said: Said,
    /// What the answer answers, until its first sound.
    answered: Said,
    prepared: Option<String>,
    /// What the sound of the latest utterance says about the end.
    sounds: Sounds,
    /// The host or the longest utterance says that the turn is over.
    forced: bool,
    /// Nobody but the host says so.
    is_manual: bool,
    /// When to look at what is being said next, while the user speaks over the agent.
    probe_at: Option<Duration>,
    /// From when on what is being said over the agent may stop it.
    counts_from: Option<Duration>,
}

impl TurnTaking {
    pub(crate) fn new(endpointing: EndpointingOptions, interruption: InterruptionOptions, is_manual: bool) -> Self {
        Self {
            endpointing,
            interruption,
            agent: Agent::Idle,
            interruptible: true,
            speaking_since: None,
            spoke_until: Duration::ZERO,
            said: Said::default(),
            answered: Said::default(),
            prepared: None,
            sounds: Sounds::Unknown,
            forced: false,
            is_manual,
            probe_at: None,
            counts_from: None,
        }
    }

    /// Keeps what an utterance says so far, as it may still change: one that is over, or the one that is being spoken. What
    /// comes of it is said when it is told of.
    pub(crate) fn note(&mut self, segment: u64, text: String, now: Duration) {
        self.said.note(segment, text, now);
    }

    /// Takes what happened and says what is to be done.
    pub(crate) fn handle(&mut self, input: Input, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        match input {
            Input::SpeechStarted => self.on_speech(now, &mut actions),
            Input::SpeechEnded { segment, ago, judged } => {
                self.sounds = if judged { Sounds::Asked(segment) } else { Sounds::Unknown };
                self.speaking_since = None;
                self.probe_at = None;
                self.spoke_until = now.saturating_sub(ago);
                self.said.end(segment);
            }
            Input::SpeechGoing { segment } => self.said.end(segment),
            Input::Interim => self.on_interim(now, &mut actions),
            Input::Transcribed { segment, text, completeness } => {
                if self.sounds == Sounds::Unknown && self.said.ends_with(segment) {
                    self.sounds = completeness.map_or(Sounds::Unknown, Sounds::Complete);
                }
                self.said.recognised(segment, text);
            }
            Input::Judged { segment, completeness } => {
                if self.sounds == Sounds::Asked(segment) {
                    self.sounds = completeness.map_or(Sounds::Unknown, Sounds::Complete);
                }
            }
            Input::Typed { segment, text } => {
                self.forced = true;
                self.said.typed(segment, text);
            }
            Input::Probed { text } => self.on_probe(&text, now, &mut actions),
            Input::Committed => self.forced |= !self.said.is_empty(),
            Input::AgentSpeaking { interruptible } => {
                self.agent = Agent::Speaking;
                self.interruptible = interruptible && self.interruption.enabled;
                self.answered.clear();
                self.probe_at = self.speaking_since.map(|_| now + self.min_duration());
                self.counts_from = self.probe_at;
            }
            Input::AgentDone => {
                self.agent = Agent::Idle;
                self.answered.clear();
                self.prepared = None;
                self.probe_at = None;
                if !self.forced
                    && self.spoke_until + ANSWER_WINDOW < now
                    && let Some(murmur) = self.murmur()
                {
                    self.drop_murmur(&murmur, &mut actions);
                }
            }
            Input::Tick => {}
        }
        self.evaluate(now, &mut actions);
        actions
    }

    /// When something may have to be done without anything happening.
    pub(crate) fn next_wake(&self) -> Option<Duration> {
        let cut = self.speaking_since.map(|since| since + self.longest());
        let endpoint = self.words().and_then(|text| {
            matches!(self.agent, Agent::Idle | Agent::Preparing)
                .then(|| self.spoke_until + self.delay(&text))
                .filter(|_| self.may_be_over() && !self.is_being_judged())
        });
        let resume = (self.agent == Agent::Paused && self.speaking_since.is_none()).then(|| self.resume_at());
        let prepare = self.likely_words().map(|(_, since)| since + STANDING);
        [cut, endpoint, resume, prepare, self.probe_at].into_iter().flatten().min()
    }

    /// Whether the user is speaking.
    pub(crate) fn user_is_speaking(&self) -> bool {
        self.speaking_since.is_some()
    }

    /// Whether the user has said something, or seems to have, that is not answered yet.
    pub(crate) fn is_unanswered(&self) -> bool {
        !self.said.is_empty()
    }

    /// What the user has said that is not answered yet, with what is only likely so far, and what is being said.
    pub(crate) fn said_so_far(&self) -> String {
        self.said.so_far()
    }

    /// What the utterance that is being spoken says so far.
    pub(crate) fn being_said(&self) -> &str {
        self.said.being_said()
    }

    /// When the user's voice was last heard.
    pub(crate) fn spoke_until(&self) -> Duration {
        self.spoke_until
    }

    fn min_duration(&self) -> Duration {
        Duration::from_millis(self.interruption.min_duration_ms.into())
    }

    fn longest(&self) -> Duration {
        Duration::from_secs_f64(self.endpointing.max_utterance_seconds)
    }

    fn resume_at(&self) -> Duration {
        self.spoke_until + Duration::from_millis(self.interruption.false_interruption_timeout_ms.into())
    }

    /// How long it must be silent after these words.
    fn delay(&self, text: &str) -> Duration {
        if self.forced {
            return Duration::ZERO;
        }
        let (min, max) = (f64::from(self.endpointing.min_delay_ms), f64::from(self.endpointing.max_delay_ms));
        let by_words = words::completeness(text);
        let complete = match self.sounds {
            Sounds::Complete(by_sound) => words::with_sound(by_words, by_sound),
            Sounds::Unknown | Sounds::Asked(_) => by_words,
        };
        let open = f64::from(1.0 - complete);
        Duration::from_secs_f64((min + (max - min).max(0.0) * open * open) / 1e3)
    }

    /// Everything that was said, once all of it is recognised.
    fn words(&self) -> Option<String> {
        Some(self.said.words()).filter(|said| !said.is_empty() && !self.said.is_pending())
    }

    /// While final words are awaited and nobody speaks: what they are going to be, if that is known and sounds complete, and
    /// since when it is. Only where an answer to it would be begun.
    fn likely_words(&self) -> Option<(String, Duration)> {
        let wanted = self.endpointing.preemptive_generation
            && self.agent == Agent::Idle
            && self.may_be_over()
            && self.said.is_pending();
        if !wanted {
            return None;
        }
        let since = self.said.stands_since()?;
        let text = self.said_so_far();
        (words::count(&text) > 0 && words::completeness(&text) >= LIKELY).then_some((text, since))
    }

    /// Whether nobody speaks, and it is not for the host to say that the turn is over.
    fn may_be_over(&self) -> bool {
        self.speaking_since.is_none() && (self.forced || !self.is_manual)
    }

    fn prepare(&mut self, text: String, actions: &mut Vec<Action>) {
        self.agent = Agent::Preparing;
        self.prepared = Some(text.clone());
        actions.push(Action::Prepare(text));
    }

    /// Whether the end has to wait for what the sound says.
    fn is_being_judged(&self) -> bool {
        matches!(self.sounds, Sounds::Asked(_)) && !self.forced
    }

    /// All that was said, if it is only a murmur.
    fn murmur(&self) -> Option<String> {
        self.words().filter(|text| words::is_backchannel(text, &self.interruption.backchannels))
    }

    fn on_speech(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.speaking_since = Some(now);
        self.said.begin();
        // What was cut off or typed is answered all the same.
        self.forced &= !self.said.is_empty();
        match self.agent {
            Agent::Thinking { held: false } => {
                self.agent = Agent::Thinking { held: true };
                actions.push(Action::Hold);
            }
            Agent::Speaking | Agent::Paused => {
                self.probe_at = Some(now + self.min_duration());
                self.counts_from = self.probe_at;
            }
            _ => {}
        }
    }

    /// Words come while they are spoken: over the agent's speech they count as soon as they are enough.
    fn on_interim(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.is_over_speech() && self.counts_from.is_some_and(|at| now >= at) && self.stops(self.being_said()) {
            self.interrupt(actions);
        }
    }

    /// Whether the user speaks over the agent.
    fn is_over_speech(&self) -> bool {
        self.speaking_since.is_some() && matches!(self.agent, Agent::Speaking | Agent::Paused)
    }

    /// Words that are still being said count as soon as they are enough.
    fn on_probe(&mut self, text: &str, now: Duration, actions: &mut Vec<Action>) {
        if !self.is_over_speech() {
            return;
        }
        if self.stops(text) {
            self.interrupt(actions);
        } else {
            self.probe_at = Some(now + PROBE_AGAIN);
        }
    }

    /// Whether these words stop the agent's speech.
    fn stops(&self, text: &str) -> bool {
        let count = words::count(text);
        self.interruptible
            && count > 0
            && count >= self.interruption.min_words as usize
            && !words::is_backchannel(text, &self.interruption.backchannels)
    }

    fn interrupt(&mut self, actions: &mut Vec<Action>) {
        actions.push(Action::Interrupt);
        self.agent = Agent::Idle;
        self.probe_at = None;
    }

    fn evaluate(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.watch_the_voice(now, actions) {
            // The last part of it is still to come.
            return;
        }
        if self.said.is_pending() {
            // The words are still to come; meanwhile the agent may have waited long enough for them.
            if self.agent == Agent::Paused && self.speaking_since.is_none() && now >= self.resume_at() {
                self.resume(actions);
            }
            if let Some((text, _)) = self.likely_words().filter(|(_, since)| now >= *since + STANDING) {
                self.prepare(text, actions);
            }
            return;
        }
        let Some(text) = self.words() else {
            if self.speaking_since.is_none() {
                self.on_nothing(actions);
            }
            return;
        };
        match self.agent {
            Agent::Thinking { .. } => self.on_more_words(&text, now, actions),
            Agent::Speaking | Agent::Paused => self.on_words_over_speech(&text, actions),
            Agent::Idle | Agent::Preparing => {}
        }
        let is_free = matches!(self.agent, Agent::Idle | Agent::Preparing);
        if is_free
            && (self.may_be_over() || self.forced)
            // What was answered before may have come back to it.
            && let Some(text) = self.words()
        {
            self.consider_the_end(text, now, actions);
        }
    }

    /// What the voice alone says, before there are words. Returns whether the utterance is cut here.
    fn watch_the_voice(&mut self, now: Duration, actions: &mut Vec<Action>) -> bool {
        let Some(since) = self.speaking_since else { return false };
        let is_cut = now >= since + self.longest();
        if is_cut {
            // What comes after it is a new utterance.
            self.speaking_since = Some(now);
            self.forced = true;
            actions.push(Action::Cut);
        }
        if self.probe_at.is_some_and(|at| now >= at) {
            self.probe_at = None;
            if self.interruptible {
                if self.agent == Agent::Speaking && self.interruption.min_words == 0 {
                    self.agent = Agent::Paused;
                    actions.push(Action::Pause);
                }
                actions.push(Action::Probe);
            }
        }
        is_cut
    }

    /// All was recognised, and there were no words in it.
    fn on_nothing(&mut self, actions: &mut Vec<Action>) {
        if self.agent == Agent::Paused {
            self.resume(actions);
        }
        if self.agent == (Agent::Thinking { held: true }) {
            self.agent = Agent::Thinking { held: false };
            actions.push(Action::Release);
        }
        if self.agent == Agent::Preparing {
            // It answers words that came to nothing.
            self.discard(actions);
        }
        if !self.said.is_empty() {
            self.said.clear();
            self.forced = false;
            actions.push(Action::Nothing { murmur: None });
        }
    }

    /// The user goes on before the first sound of the answer.
    fn on_more_words(&mut self, text: &str, now: Duration, actions: &mut Vec<Action>) {
        if !self.forced && words::is_backchannel(text, &self.interruption.backchannels) {
            self.drop_murmur(text, actions);
            if self.speaking_since.is_none() && self.agent == (Agent::Thinking { held: true }) {
                self.agent = Agent::Thinking { held: false };
                actions.push(Action::Release);
            }
            return;
        }
        actions.push(Action::Retract);
        self.agent = Agent::Idle;
        self.said.put_before(std::mem::take(&mut self.answered));
        self.spoke_until = self.spoke_until.min(now);
    }

    fn on_words_over_speech(&mut self, text: &str, actions: &mut Vec<Action>) {
        if self.stops(text) {
            self.interrupt(actions);
        } else if self.speaking_since.is_none() && self.agent == Agent::Paused {
            // Words that may not stop the agent are answered later; a murmur is only so when the agent ends right after it.
            self.resume(actions);
        }
    }

    fn resume(&mut self, actions: &mut Vec<Action>) {
        if self.interruption.resume_false_interruption {
            self.agent = Agent::Speaking;
            actions.push(Action::Resume);
        } else {
            self.interrupt(actions);
        }
    }

    fn drop_murmur(&mut self, text: &str, actions: &mut Vec<Action>) {
        self.said.clear();
        actions.push(Action::Nothing { murmur: Some(text.to_owned()) });
    }

    fn consider_the_end(&mut self, text: String, now: Duration, actions: &mut Vec<Action>) {
        let is_prepared = self.agent == Agent::Preparing
            && self.prepared.as_deref().is_some_and(|prepared| words::same(prepared, &text));
        let over = !self.is_being_judged() && now >= self.spoke_until + self.delay(&text);
        if !over && (is_prepared || !self.endpointing.preemptive_generation) {
            return;
        }
        if self.agent == Agent::Preparing && !is_prepared {
            self.discard(actions);
        }
        if over {
            self.answered = self.said.take();
            self.agent = Agent::Thinking { held: false };
            self.prepared = None;
            self.forced = false;
            actions.push(if is_prepared { Action::Promote(text) } else { Action::Answer(text) });
        } else if words::completeness(&text) >= LIKELY {
            self.prepare(text, actions);
        }
    }

    fn discard(&mut self, actions: &mut Vec<Action>) {
        self.agent = Agent::Idle;
        self.prepared = None;
        actions.push(Action::Discard);
    }
}
