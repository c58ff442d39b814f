//! The agent's side of a live session: making what it says, giving it out, and keeping what was heard of it.

use std::sync::{Arc, atomic::Ordering};

use futures_util::FutureExt;
use tokio::{
    task::coop::unconstrained,
    time::{Duration, Instant},
};

use super::{
    event::{AgentState, EndReason, LiveEvent, LiveTurn, SpeechKind},
    production::{Order, Production, Progress},
    session::{Driver, ToSay},
    turn_taking::Input,
    words,
};
use crate::{
    audio::{LiveResampler, Pcm, SPEECH_RATE, to_i16},
    config::Pacing,
    error::{Error, ErrorCode, Result, Stage},
    event::{TextDelta, Transcript, TurnEvent},
    id::TurnId,
    interpreter::Direction,
    message::{Message, Role, Source, Timings},
    store::{Saved, TurnRecord},
    telemetry::{Exchange, MeasuredExchange, Scope},
    turn::{Engine, Leave},
};

/// With real-time pacing no more than this is made ahead.
const FAR_AHEAD: Duration = Duration::from_secs(10);
/// How many cut-off messages are remembered as such.
const INTERRUPTED: usize = 32;

impl Driver {
    /// Begins an answer.
    pub(super) fn answer(&mut self, text: String, secret: bool) {
        let mut production = self.produce(SpeechKind::Answer, Some(text), None);
        production.secret = secret;
        if !secret {
            production.want();
        }
        self.production = Some(production);
    }

    pub(super) fn produce(&mut self, kind: SpeechKind, user_text: Option<String>, text: Option<String>) -> Production {
        let order = self.order(kind, user_text, text);
        Production::start(&self.engine, &self.session, order, &self.cancel)
    }

    pub(super) fn order(&mut self, kind: SpeechKind, user_text: Option<String>, text: Option<String>) -> Order {
        self.take_late();
        let text_is_the_models = text.is_none();
        Order {
            kind,
            user_text,
            language: if text_is_the_models { self.spoken_language() } else { self.own_language() },
            is_certain: self.language.is_some(),
            last_said: Arc::clone(&self.last_said),
            text,
            speak: self.speak,
            interrupted: Arc::clone(&self.interrupted),
            tools: Arc::clone(&self.tools),
            done: if kind == SpeechKind::Answer { self.done.clone() } else { Vec::new() },
            late: if text_is_the_models { self.results.clone() } else { Vec::new() },
            lasting: self.lasting.clone(),
            ledger: self.ledger.clone(),
            scope: self.measured.scope(),
            unanswered: self.unanswered.clone(),
            measured: self.measured.clone(),
        }
    }

    /// The user's turn is over: the answer, prepared or not, is now wanted.
    pub(super) fn on_wanted(&mut self) {
        let (now, voice) = (self.now(), self.spoke_until());
        let Some(production) = &mut self.production else { return };
        production.wanted_at = Some(now);
        production.end_of_utterance_delay = Some(now.saturating_sub(voice));
        let text = production.user_text.clone().unwrap_or_default();
        let (turn_id, kind) = (production.turn_id, production.kind);
        if words::is_phrase(&text, &self.config.conversation.goodbye_phrases) {
            self.ending = Some(EndReason::Goodbye);
        }
        self.show(Transcript::last(text));
        self.emit(LiveEvent::TurnStarted { turn_id, kind });
        self.set_agent_state(AgentState::Thinking);
    }

    /// Says what waits to be said, once the agent is free.
    pub(super) fn say_what_waits(&mut self) {
        if self.production.as_ref().is_some_and(|p| !p.secret) || self.user_is_speaking() {
            return;
        }
        // Who only pauses would stop it with the next word: the user's turn comes first.
        let waits_for_the_user = self.taking.is_unanswered();
        let Some(ToSay { kind, text, interruptible }) =
            self.to_say.pop_front_if(|next| !(waits_for_the_user && next.interruptible))
        else {
            return;
        };
        if self.talk.is_some() {
            self.have_it_said(kind, text, interruptible);
            return;
        }
        // A prepared answer waits no longer: it is made anew when it is wanted.
        let mut production = self.produce(kind, None, Some(text));
        production.interruptible = interruptible;
        let turn_id = production.turn_id;
        self.production = Some(production);
        self.emit(LiveEvent::TurnStarted { turn_id, kind });
        self.tell(Input::AgentSpeaking { interruptible });
    }

    /// Takes what comes of what is being made, and says whether it was more than words to be passed on.
    pub(super) fn on_progress(&mut self, progress: Progress) -> bool {
        let has_room = self.host_has_room();
        let Some(production) = &mut self.production else { return true };
        let waits = production.is_gated() || !production.stash.is_empty() || !has_room;
        match progress {
            Progress::Event(event) if waits => production.stash.push_back(event),
            Progress::Event(event) => {
                let is_text = matches!(event, TurnEvent::Text(_));
                self.pass(event);
                return !is_text;
            }
            Progress::Complete if production.stash.is_empty() => self.playout.complete(),
            Progress::Complete => {}
        }
        true
    }

    /// Passes on what was kept back, as far as the host has room for it.
    pub(super) fn let_through(&mut self) {
        while self.host_has_room()
            && let Some(production) = self.production.as_mut().filter(|p| !p.is_gated())
            && let Some(event) = production.stash.pop_front()
        {
            self.pass(event);
        }
        if self.production.as_ref().is_some_and(Production::is_made) {
            self.playout.complete();
        }
    }

    /// Whether more of what is being made can be taken: there is not too much of it yet, and somewhere to put it.
    pub(super) fn takes_more(&self) -> bool {
        let Some(production) = &self.production else { return false };
        production.takes() && !self.is_far_ahead() && (production.is_gated() || self.host_has_room())
    }

    fn pass(&mut self, event: TurnEvent) {
        match event {
            TurnEvent::Sources(sources) => self.on_sources(sources),
            TurnEvent::KnowledgeFailed(error) => self.emit(LiveEvent::Error(error)),
            TurnEvent::Text(delta) => {
                if let Some(production) = &mut self.production {
                    production.written.push_str(&delta);
                }
                self.emit(LiveEvent::Text(delta));
            }
            TurnEvent::Speaking(words) => self.playout.begin_piece(words.0.into()),
            TurnEvent::Filler(words) => self.playout.begin_filler(words.0.into()),
            TurnEvent::Audio(pcm) => {
                self.playout.time_words(pcm.words());
                let pcm = self.converted(pcm);
                self.playout.push(pcm);
            }
            TurnEvent::ToolCall(call) => self.emit(LiveEvent::ToolCall(call)),
            TurnEvent::ToolResult(record) => {
                if let Some(production) = &mut self.production {
                    production.tool_calls.push((*record).clone());
                }
                self.emit(LiveEvent::ToolResult(record));
            }
            TurnEvent::Metrics(metrics) => self.emit(LiveEvent::Metrics(metrics)),
            TurnEvent::AudioFailed(error) => self.emit(LiveEvent::Error(error)),
            TurnEvent::Started { .. }
            | TurnEvent::Transcript(_)
            | TurnEvent::ActionDetected(_)
            | TurnEvent::Done(_) => {}
        }
    }

    /// The model is given passages of documents.
    pub(super) fn on_sources(&mut self, sources: Vec<Source>) {
        if let Some(production) = &mut self.production {
            production.sources.extend_from_slice(&sources);
        }
        self.emit(LiveEvent::Sources(sources));
    }

    /// Sound at the rate that the host wants.
    pub(super) fn converted(&mut self, pcm: Pcm) -> Pcm {
        let from = pcm.sample_rate();
        if from == self.output_rate {
            return pcm;
        }
        if self.output.as_ref().is_none_or(|(rate, _)| *rate != from) {
            self.output = Some((from, LiveResampler::new(from, self.output_rate)));
        }
        let mut samples = Vec::new();
        if let Some((_, resampler)) = &mut self.output {
            resampler.push(pcm.samples().iter().map(|&s| f32::from(s) / 32_768.0), &mut samples);
        }
        Pcm::new(samples.into_iter().map(to_i16).collect::<Vec<_>>(), self.output_rate)
    }

    fn lead(&self) -> Option<Duration> {
        match self.config.output.pacing {
            Pacing::RealTime => Some(Duration::from_millis(self.config.output.lead_ms.into())),
            Pacing::Immediate => None,
        }
    }

    /// Whether enough is made for now.
    fn is_far_ahead(&self) -> bool {
        self.playout.waiting() > FAR_AHEAD
    }

    /// When sound is due, or the speech will have been heard.
    pub(super) fn next_sound(&self) -> Option<Duration> {
        if self.is_held_back() {
            return None;
        }
        let due = self.playout.due(self.lead());
        let production = self.production.as_ref();
        let is_made = production.is_some_and(Production::is_made);
        let waits = production.is_some_and(|p| !p.stash.is_empty());
        // A host that takes nothing is asked again. It may have made room since it was last looked at.
        if waits || (!self.host_has_room() && (due.is_some() || (production.is_some() && !is_made))) {
            return Some(self.now() + Duration::from_millis(20));
        }
        due.or_else(|| if is_made { self.playout.heard_all_at() } else { None })
    }

    fn is_held_back(&self) -> bool {
        self.production.as_ref().is_some_and(Production::is_gated)
    }

    /// Gives out the sound that is due, and closes the books on speech that was heard to its end.
    pub(super) fn give_out(&mut self) {
        if self.is_held_back() {
            return;
        }
        if self.production.as_ref().is_some_and(|p| !p.stash.is_empty()) {
            self.let_through();
        }
        let frame = Some(self.config.output.frame_ms).filter(|ms| *ms > 0).map(|ms| Duration::from_millis(ms.into()));
        let lead = self.lead();
        while let now = self.now()
            && self.playout.due(lead).is_some_and(|due| due <= now)
            && self.host_has_room()
            && let Some(pcm) = self.playout.take(frame, now)
        {
            self.on_first_sound(now);
            while let Some((words, filler)) = self.playout.announce() {
                let words = TextDelta(words);
                self.emit(if filler { LiveEvent::Filler(words) } else { LiveEvent::Speaking(words) });
            }
            let from = self.playout.plays_until().saturating_sub(pcm.duration());
            self.front.played(&pcm, from);
            if let Some(recorder) = &mut self.recorder {
                recorder.played(&pcm, from);
            }
            if let Some(production) = &mut self.production
                && self.engine.recordings.as_ref().is_some_and(|kept| kept.assistant)
            {
                production.spoken.extend_from_slice(pcm.samples());
            }
            self.kept.push_back(pcm.clone());
            self.emit(LiveEvent::Audio(pcm));
            self.forget_heard(now);
        }
        let is_made = self.production.as_ref().is_some_and(Production::is_made);
        if self.playout.is_newly_done(is_made) {
            self.emit(LiveEvent::SoundDone);
        }
        let is_over = is_made && self.playout.heard_all_at().is_some_and(|at| at <= self.now());
        if is_over && let Some(production) = self.production.take() {
            self.on_spoken(production);
        }
    }

    fn on_first_sound(&mut self, now: Duration) {
        let voice = self.spoke_until();
        let Some(production) = self.production.as_mut().filter(|p| !p.audible) else { return };
        production.audible = true;
        production.response_delay = production.wanted_at.map(|_| now.saturating_sub(voice));
        if production.kind == SpeechKind::Answer {
            production.heard = Some(std::mem::take(&mut self.said));
        }
        let (interruptible, kind, scope) = (production.interruptible, production.kind, production.scope.clone());
        if kind == SpeechKind::Answer {
            self.is_answered(&scope);
        }
        self.set_agent_state(AgentState::Speaking);
        if kind == SpeechKind::Answer
            && let Some(turn_end) = &mut self.turn_end
        {
            turn_end.forget();
        }
        if matches!(kind, SpeechKind::Answer | SpeechKind::ToolResult) {
            self.tell(Input::AgentSpeaking { interruptible });
        }
    }

    fn forget_heard(&mut self, now: Duration) {
        let unheard = self.playout.unheard(now);
        let mut kept: usize = self.kept.iter().map(|pcm| pcm.samples().len()).sum();
        while let Some(first) = self.kept.front().map(|pcm| pcm.samples().len())
            && kept - first >= unheard
        {
            kept -= first;
            self.kept.pop_front();
        }
    }

    /// Falls silent until told to go on.
    pub(super) fn fall_silent(&mut self) {
        let now = self.now();
        let unheard = self.playout.unheard(now);
        self.playout.pause(now, &self.kept);
        self.sound_is_cut(now, unheard);
        self.kept.clear();
        if unheard > 0 {
            self.emit(LiveEvent::Clear { position: self.playout.position() });
        }
    }

    /// What was given out and not heard never will be: so many samples of what is being said.
    fn sound_is_cut(&mut self, now: Duration, unheard: usize) {
        self.front.cleared(now);
        if let Some(recorder) = &mut self.recorder {
            recorder.cleared(now);
        }
        if let Some(production) = &mut self.production {
            production.spoken.truncate(production.spoken.len().saturating_sub(unheard));
        }
    }

    /// Stops what is being said for good, and keeps what was heard and what it was an answer to.
    pub(super) fn stop_speaking(&mut self) {
        if let Some((production, heard)) = self.stop() {
            self.keep(production, heard, true);
        }
    }

    /// Keeps an exchange: what the user said and what was heard of the agent.
    fn keep(&mut self, production: Production, text: String, interrupted: bool) {
        if self.talk.is_some() {
            self.store_when_words_are_known(production, text, interrupted);
        } else {
            self.store(production, text, interrupted);
        }
    }

    /// Takes an answer back of which nothing was heard: its question is asked again, with more words. What tools did for it is not
    /// done again.
    pub(super) fn take_back(&mut self) {
        if let Some((mut production, _)) = self.stop() {
            self.done = std::mem::take(&mut production.tool_calls);
            if let Some(talk) = &mut self.talk {
                talk.is_unanswered_again(production.turn_id);
            }
        }
    }

    pub(super) fn stop(&mut self) -> Option<(Production, String)> {
        let mut production = self.production.take().filter(|p| !p.secret)?;
        production.note_results();
        if production.kind == SpeechKind::Answer && self.ending == Some(EndReason::Goodbye) {
            // Who goes on has not gone.
            self.ending = None;
        }
        let now = self.now();
        self.stop_the_model(&production, now);
        let heard = if production.audible { self.playout.heard_words(now) } else { String::new() };
        let unheard = self.playout.unheard(now);
        production.spoken.truncate(production.spoken.len().saturating_sub(unheard));
        if self.playout.clear(now) && production.audible {
            self.emit(LiveEvent::Clear { position: self.playout.position() });
        }
        self.sound_is_cut(now, 0);
        self.kept.clear();
        self.output = None;
        if self.host_paused {
            self.playout.pause(now, &self.kept);
        }
        self.emit(LiveEvent::Interrupted { turn_id: production.turn_id, heard: TextDelta(heard.clone()) });
        self.set_agent_state(AgentState::Listening);
        self.touch();
        Some((production, heard))
    }

    /// What was said was heard to its end, or failed.
    fn on_spoken(&mut self, mut production: Production) {
        let text = match &production.outcome {
            Some(Ok(outcome)) => outcome.text.clone(),
            _ => self.playout.heard_words(self.now()),
        };
        if let Some(Err(error)) = &production.outcome {
            production.failed = Some(error.code());
            self.emit(LiveEvent::Error(error.clone()));
            production.outcome = None;
        }
        self.playout.finish();
        self.kept.clear();
        self.output = None;
        if self.ending.is_none() && words::has_phrase(&text, &self.config.conversation.end_call_phrases) {
            self.ending = Some(EndReason::EndCallPhrase);
        }
        let is_reminder = production.kind == SpeechKind::Reminder;
        self.keep(production, text, false);
        self.set_agent_state(AgentState::Listening);
        if is_reminder {
            self.quiet_since = self.now();
        } else {
            self.touch();
        }
        self.tell(Input::AgentDone);
    }

    /// Stores an exchange.
    pub(super) fn store(&mut self, mut production: Production, text: String, interrupted: bool) {
        let (mut session, now) = (self.session.clone(), self.engine.clock.now());
        session.last_activity_at = now;
        let (id, turn_id) = (session.id, production.turn_id);
        let message = |role, text: &str| Message::new(id, turn_id, role, text, now);
        let direction = production.direction.get().cloned();
        let (language, text_language) = match direction.clone() {
            Some(Direction { from, to }) => (from, to),
            None => (production.user_text.as_ref().and_then(|_| production.language.clone()), None),
        };
        let user = production.user_text.as_deref().map(|text| {
            let mut user = message(Role::User, text);
            user.language.clone_from(&language);
            user
        });
        let tool = |record| Message::tool(id, turn_id, record, now);
        let mut tool_calls = self.told_results(&production);
        // What was known before the user spoke stands before that.
        let mut messages: Vec<Message> = tool_calls.iter().map(tool).chain(user.clone()).collect();
        messages.extend(production.tool_calls.iter().map(tool));
        tool_calls.append(&mut production.tool_calls);
        if production.kind == SpeechKind::Answer {
            self.done.clear();
        }
        let assistant = (!text.is_empty()).then(|| {
            let mut assistant = message(Role::Assistant, &text);
            assistant.language.clone_from(&text_language);
            assistant
        });
        if let Some(Direction { to: Some(to), .. }) = direction.filter(|direction| !direction.is_repeat()) {
            // All of it, whatever was heard: whoever interrupts may ask for it again.
            Arc::make_mut(&mut self.last_said).insert(to, std::mem::take(&mut production.written));
        }
        if interrupted && let Some(message) = &assistant {
            let mut all = (*self.interrupted).clone();
            all.push(message.id);
            all.drain(..all.len().saturating_sub(INTERRUPTED));
            self.interrupted = Arc::new(all);
        }
        let user_spoke = user.is_some();
        let outcome = production.outcome.take().and_then(Result::ok);
        messages.extend(assistant.clone());
        if messages.is_empty() {
            return;
        }
        let spent = self.settle();
        if user_spoke && !production.audible {
            self.is_answered(&production.scope);
        }
        let turn = LiveTurn {
            turn_id,
            kind: production.kind,
            transcript: production.user_text.take().unwrap_or_default(),
            language,
            text_language,
            text,
            tool_calls,
            sources: std::mem::take(&mut production.sources),
            interrupted,
            audio_error: outcome.as_ref().and_then(|o| o.audio_error.clone()),
            user_message_id: user.as_ref().map(|m| m.id),
            assistant_message_id: assistant.as_ref().map(|m| m.id),
            end_of_utterance_delay: production.end_of_utterance_delay,
            response_delay: production.response_delay,
            timings: outcome.map(|outcome| outcome.timings).unwrap_or_default(),
            usage: spent.usage,
            cost: spent.cost,
        };
        let said =
            if user_spoke { production.heard.take().or_else(|| Some(std::mem::take(&mut self.said))) } else { None };
        let sound = Sound::new(said, std::mem::take(&mut production.spoken), self.output_rate);
        let measured = self.measure(&production.scope, &turn, self.took(&production), production.failed);
        let (leave, began) = (production.leave.take(), production.began);
        // The task that made it is stopped here, if it still runs, and lets go of the session.
        drop(production);
        self.save(leave, TurnRecord::new(turn_id, session, messages), sound, (turn, measured), began);
    }

    /// Saves an exchange. Its place among the turns of the session is taken at once: whatever is begun from here on comes after it.
    fn save(
        &mut self,
        leave: Option<Leave>,
        record: TurnRecord,
        sound: Sound,
        (mut turn, measured): (LiveTurn, MeasuredExchange),
        began: Instant,
    ) {
        let (engine, id, is_kept) = (Arc::clone(&self.engine), record.session.id, Arc::clone(&self.is_kept));
        // Closing the agent waits for it, even if the end of the session does not.
        let unfinished = engine.saving.begin_owned();
        let entering = Arc::clone(&engine);
        let mut place = Box::pin(async move { entering.enter(id).await });
        let entered = leave.map(Ok).or_else(|| unconstrained(&mut place).now_or_never());
        self.saving.spawn(async move {
            let _unfinished = unfinished;
            let leave = match entered {
                Some(entered) => entered?,
                None => place.await?,
            };
            // Whoever saved before has let this one in.
            let saved = sound.save(&engine, record.continuing(is_kept.load(Ordering::Relaxed))).await;
            is_kept.fetch_or(saved.is_ok(), Ordering::Relaxed);
            leave.give_back().await;
            is_over(&mut turn, began, &saved);
            measured.end(saved.as_ref().err().map(Error::code), turn.timings);
            saved.map_err(|error| error.with_stage(Stage::Store))?;
            Ok(turn)
        });
    }

    /// What was heard is answered: it belongs to the turn in which it is.
    fn is_answered(&mut self, scope: &Scope) {
        std::mem::replace(&mut self.unanswered, self.measured.scope()).join(scope);
    }

    /// How long an exchange took: from the end of the user's voice, if it is an answer to that.
    fn took(&self, production: &Production) -> Duration {
        let (Some(wanted), Some(delay)) = (production.wanted_at, production.end_of_utterance_delay) else {
            return production.began.elapsed();
        };
        self.now().saturating_sub(wanted.saturating_sub(delay))
    }

    /// An exchange that is about to be stored, as it will be reported.
    fn measure(&self, scope: &Scope, turn: &LiveTurn, took: Duration, error: Option<ErrorCode>) -> MeasuredExchange {
        let exchange = Exchange {
            turn_id: turn.turn_id,
            kind: turn.kind.as_str(),
            took,
            timings: turn.timings,
            first_audio: turn.response_delay,
            end_of_utterance_delay: turn.end_of_utterance_delay,
            tool_calls: turn.tool_calls.len(),
            interrupted: turn.interrupted,
            usage: turn.usage,
            cost: turn.cost,
            error,
        };
        self.measured.exchange(scope, exchange)
    }

    /// Stores what the user said last, to which there will be no answer, and results of tools that nobody will tell any more.
    pub(super) fn store_unanswered(&mut self, text: String) {
        let (mut session, now) = (self.session.clone(), self.engine.clock.now());
        session.last_activity_at = now;
        let (id, turn_id) = (session.id, TurnId::new());
        let language = self.spoken_language();
        let user = (!text.is_empty()).then(|| {
            let mut user = Message::new(id, turn_id, Role::User, text.as_str(), now);
            user.language.clone_from(&language);
            user
        });
        let user_message_id = user.as_ref().map(|message| message.id);
        let kind = if user.is_some() { SpeechKind::Answer } else { SpeechKind::ToolResult };
        let said = user.as_ref().map(|_| std::mem::take(&mut self.said));
        let (mut tool_calls, mut done) = (std::mem::take(&mut self.results), std::mem::take(&mut self.done));
        let tool = |record| Message::tool(id, turn_id, record, now);
        let messages = tool_calls.iter().map(tool).chain(user).chain(done.iter().map(tool)).collect();
        tool_calls.append(&mut done);
        let spent = self.settle();
        let turn = LiveTurn {
            turn_id,
            kind,
            transcript: text,
            language,
            text_language: None,
            text: String::new(),
            tool_calls,
            sources: Vec::new(),
            interrupted: false,
            audio_error: None,
            user_message_id,
            assistant_message_id: None,
            end_of_utterance_delay: None,
            response_delay: None,
            timings: Timings::default(),
            usage: spent.usage,
            cost: spent.cost,
        };
        let scope = std::mem::replace(&mut self.unanswered, self.measured.scope());
        let measured = self.measure(&scope, &turn, Duration::ZERO, None);
        let (sound, began) = (Sound::new(said, Vec::new(), self.output_rate), Instant::now());
        self.save(None, TurnRecord::new(turn_id, session, messages), sound, (turn, measured), began);
    }
}

/// The sound of an exchange.
struct Sound {
    heard: Option<Pcm>,
    spoken: Pcm,
}

impl Sound {
    fn new(heard: Option<Vec<i16>>, spoken: Vec<i16>, rate: u32) -> Self {
        Self { heard: heard.map(|samples| Pcm::new(samples, SPEECH_RATE)), spoken: Pcm::new(spoken, rate) }
    }

    /// Saves an exchange with its sound, where that is kept.
    async fn save(self, engine: &Engine, mut record: TurnRecord) -> Result<Saved> {
        let Some(recordings) = &engine.recordings else { return engine.save(&record).await };
        recordings.keep(&mut record, self.heard, &self.spoken).await;
        let saved = engine.save(&record).await;
        if saved.is_err() {
            recordings.discard(&record).await;
        }
        saved
    }
}

/// Says when an exchange was stored, if it was, and that all of it is done.
fn is_over(turn: &mut LiveTurn, began: Instant, saved: &Result<Saved>) {
    turn.timings.total = began.elapsed();
    turn.timings.stored = saved.is_ok().then_some(turn.timings.total);
}
