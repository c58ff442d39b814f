//! The user's side of a session with a model that hears and speaks by itself: sound, voice and words, and the connection.

use std::time::Duration;

use super::{
    event::{LiveEvent, SpeechKind, UserState},
    model_line::News,
    session::{Driver, ToSay},
    talk::{Item, Step},
    words,
};
use crate::{
    audio::{Pcm, SPEECH_RATE},
    config::TurnDetection,
    error::Error,
    event::Transcript,
    live::event::EndReason,
    provider::{FromModel, ToModel, Turns},
};

impl Driver {
    pub(super) fn user_is_speaking(&self) -> bool {
        self.talk.as_ref().map_or_else(|| self.taking.user_is_speaking(), |talk| talk.user_speaks())
    }

    /// Whether the user has said something, or seems to have, that is not answered yet.
    pub(super) fn is_unanswered(&self) -> bool {
        let unanswered = |talk: &super::talk::Talk| talk.items.iter().any(|item| item.turn.is_none());
        self.talk.as_deref().map_or_else(|| self.taking.is_unanswered(), unanswered)
    }

    /// When the user's voice was last heard.
    pub(super) fn spoke_until(&self) -> Duration {
        self.talk.as_ref().map_or_else(|| self.taking.spoke_until(), |talk| talk.spoke_until)
    }

    /// What the user said that was never answered, as far as it is known.
    pub(super) fn unanswered_words(&self) -> String {
        self.talk.as_ref().map_or_else(|| self.taking.said_so_far(), |talk| talk.words_of(None))
    }

    fn is_manual(&self) -> bool {
        self.config.turn_detection == TurnDetection::Manual
    }

    /// The user's sound, cleaned, goes to the model.
    pub(super) fn the_model_hears(&mut self, samples: Vec<i16>) {
        let Some(talk) = &mut self.talk else { return };
        if samples.is_empty() {
            return;
        }
        let begins = self.config.turn_detection == TurnDetection::Manual && !talk.user_speaks();
        if begins {
            talk.speaks_from = Some(talk.tape.end());
        }
        talk.tape.push(&samples);
        talk.line.tell(ToModel::Sound(Pcm::new(samples, SPEECH_RATE)));
        if begins {
            self.user_is_here();
            self.set_user_state(UserState::Speaking);
        }
    }

    /// Nothing comes over the user's line: the model hears silence, or it would wait for the end of the voice for ever.
    pub(super) fn be_silent_for_the_user(&mut self, time: Duration) {
        let samples = (time.as_secs_f64() * f64::from(SPEECH_RATE)) as usize;
        self.the_model_hears(vec![0; samples]);
    }

    /// The host says that the user's turn is over.
    pub(super) fn users_turn_is_over(&mut self) {
        let now = self.now();
        let Some(from) = self.talk.as_mut().and_then(|talk| talk.speaks_from.take()) else { return };
        self.user_is_here();
        self.the_user_has_the_turn();
        let Some(talk) = &mut self.talk else { return };
        (talk.voice, talk.spoke_until, talk.over_at) = (Some((from, talk.tape.end())), now, now);
        talk.line.tell(ToModel::Commit);
        talk.line.tell(ToModel::Answer { tools: true });
        self.set_user_state(UserState::Listening);
    }

    pub(super) fn typed_to_the_model(&mut self, text: String) {
        self.the_user_has_the_turn();
        let now = self.now();
        let Some(talk) = &mut self.talk else { return };
        (talk.spoke_until, talk.over_at) = (now, now);
        talk.line.tell(ToModel::Typed(text.as_str().into()));
        talk.line.tell(ToModel::Answer { tools: true });
        let item = Item { id: String::new(), sound: None, text: Some(text), interim: String::new(), turn: None };
        talk.items.push(item);
        let words = talk.words_of(None);
        self.show(Transcript::last(words));
    }

    /// The user says something: what the agent is saying is stopped, and what it was about to answer is taken back.
    fn the_user_has_the_turn(&mut self) {
        self.drop_what_is_held();
        let Some(production) = &self.production else { return };
        let answers = matches!(production.kind, SpeechKind::Answer | SpeechKind::ToolResult);
        if answers && !production.audible {
            self.take_back();
        } else if production.interruptible && (self.config.interruption.enabled || self.is_manual()) {
            self.stop_speaking();
        }
    }

    pub(super) fn on_step(&mut self, step: Step) {
        match step {
            Step::Tool(done) => self.on_tool(done),
            Step::Line(News::Opened) => tracing::info!(session_id = %self.session.id, "the model is connected"),
            Step::Line(News::Lost(error)) => self.on_lost(error),
            Step::Line(News::Event(event)) => self.on_model(event),
        }
    }

    pub(super) fn on_model(&mut self, event: FromModel) {
        tracing::trace!(?event, "the model");
        match event {
            FromModel::SpeechStarted { at } => self.on_voice(at),
            FromModel::SpeechStopped { at } => self.on_silence(at),
            FromModel::Committed { item } => self.on_committed(item),
            FromModel::Transcript { item, transcript } => self.on_words(&item, transcript),
            FromModel::Unheard { item, error } => {
                self.emit(LiveEvent::Error(error));
                self.on_words(&item, Transcript::last(""));
            }
            FromModel::Refused(error) => self.on_refusal(error),
            FromModel::Fault(error) => self.emit(LiveEvent::Error(error)),
            of_an_answer => self.on_answer(of_an_answer),
        }
    }

    fn on_voice(&mut self, at: Duration) {
        self.user_is_here();
        if let Some(talk) = &mut self.talk {
            talk.speaks_from = Some(talk.on_tape(at).min(talk.tape.end()));
        }
        self.set_user_state(UserState::Speaking);
        self.the_user_has_the_turn();
    }

    fn on_silence(&mut self, at: Duration) {
        let now = self.now();
        self.touch();
        let Some(talk) = &mut self.talk else { return };
        let end = talk.on_tape(at).min(talk.tape.end());
        let ago = Duration::from_secs_f64((talk.tape.end() - end) as f64 / f64::from(SPEECH_RATE));
        talk.spoke_until = now.saturating_sub(ago);
        talk.voice = talk.speaks_from.take().map(|from| (from, end.max(from)));
        self.set_user_state(UserState::Listening);
    }

    fn on_committed(&mut self, id: String) {
        let (now, keeps) = (self.now(), self.engine.recordings.as_ref().is_some_and(|kept| kept.user));
        self.touch();
        let Some(talk) = &mut self.talk else { return };
        talk.over_at = now;
        let sound = talk.voice.take();
        if keeps && let Some((from, to)) = sound {
            self.said.extend(talk.tape.between(from, to));
        }
        talk.items.push(Item { id, sound, text: None, interim: String::new(), turn: None });
        if matches!(talk.turns(), Turns::Automatic { interruptible: false, .. }) {
            talk.line.tell(ToModel::Answer { tools: true });
        }
    }

    fn on_words(&mut self, id: &str, transcript: Transcript) {
        let Some(talk) = &mut self.talk else { return };
        let Some(item) = talk.items.iter_mut().find(|item| item.id == id) else {
            // The voice is heard before its words are an item.
            if !transcript.is_final {
                self.show(transcript);
            }
            return;
        };
        let turn = item.turn;
        if transcript.is_final {
            item.text = Some(transcript.text);
            if transcript.language.is_some() {
                self.heard_language = transcript.language;
            }
        } else {
            item.interim = transcript.text;
        }
        let (words, is_final) = (talk.words_of(turn), !talk.is_recognising(turn));
        // Who went on meanwhile has not gone.
        let was_stopped = talk.unstored.iter().any(|over| over.interrupted && Some(over.production.turn_id) == turn);
        let is_last = is_final && turn.is_some() && !was_stopped;
        if is_last && words::is_phrase(&words, &self.config.conversation.goodbye_phrases) {
            self.ending = Some(EndReason::Goodbye);
        }
        if !words.is_empty() {
            self.show(if is_final { Transcript::last(words) } else { Transcript::interim(words) });
        }
    }

    /// The connection is gone. What was heard of the model's answer is kept, what was not is asked for again over a new one.
    fn on_lost(&mut self, error: Error) {
        tracing::warn!(
            session_id = %self.session.id, code = error.code().as_str(), kind = ?error.kind(), "the model's connection is lost"
        );
        let is_told = self.fail_the_answer(&error);
        let Some(talk) = &mut self.talk else { return };
        talk.give_up_recognising();
        talk.try_again(&error, &self.done);
        if talk.given_up || !is_told {
            self.emit(LiveEvent::Error(error));
        }
    }

    /// What the model was making comes to no more. Returns whether the error is told when it is heard to its end.
    fn fail_the_answer(&mut self, error: &Error) -> bool {
        let Some(talk) = &mut self.talk else { return false };
        let Some(answer) = talk.answer.as_mut().filter(|answer| !answer.is_made) else { return false };
        if let Some(mut measured) = answer.measured.take() {
            measured.end(Some(error.code()));
        }
        (answer.is_made, answer.calls) = (true, None);
        let says = answer.says.as_ref().map(|(_, text)| text.to_string());
        let Some(production) = &mut self.production else { return false };
        if production.audible {
            production.outcome = Some(Err(error.clone()));
            return true;
        }
        let (kind, interruptible) = (production.kind, production.interruptible);
        if let Some((mut production, _)) = self.stop_silently() {
            self.done.append(&mut production.tool_calls);
            if let Some(talk) = &mut self.talk {
                talk.is_unanswered_again(production.turn_id);
            }
        }
        if let Some(text) = says {
            self.to_say.push_front(ToSay { kind, text, interruptible });
        }
        false
    }

    /// Does what is due: stores what waited for words, opens the next connection in good time.
    pub(super) fn mind_the_model(&mut self) {
        if self.talk.is_none() {
            return;
        }
        self.go_on_with_what_is_held();
        self.store_what_waited();
        let is_due = self.talk.as_ref().is_some_and(|talk| talk.line.is_old());
        if is_due
            && self.is_quiet()
            && let Some(talk) = &mut self.talk
        {
            talk.reopen(Duration::ZERO, &self.done);
        }
    }

    /// The session ends: waits until what the user said is recognised.
    pub(super) async fn last_words_of_the_model(&mut self) {
        let Some(talk) = &mut self.talk else { return };
        let mut is_speaking = talk.speaks_from.take().map(|from| talk.voice = Some((from, talk.tape.end()))).is_some();
        if is_speaking {
            talk.line.tell(ToModel::Commit);
        }
        loop {
            let Some(talk) = &mut self.talk else { return };
            if !is_speaking && talk.items.iter().all(|item| item.text.is_some()) {
                return;
            }
            match talk.line.next().await {
                News::Event(event @ (FromModel::Committed { .. } | FromModel::Transcript { .. })) => {
                    is_speaking &= !matches!(event, FromModel::Committed { .. });
                    self.on_model(event);
                }
                News::Event(FromModel::Unheard { item, .. }) => self.on_words(&item, Transcript::last("")),
                News::Event(FromModel::Fault(_)) => is_speaking = false,
                News::Event(_) | News::Opened => {}
                News::Lost(_) => return,
            }
        }
    }
}
