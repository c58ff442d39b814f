//! How a live session is kept going and ended: reminders, silence, the longest duration, last words, keys of the telephone.

use std::time::Duration;

use super::{
    event::{EndReason, LiveEvent, SpeechKind, UserState},
    session::{Driver, ToSay},
};
use crate::event::TextDelta;

/// How long the last words may take when a session has lasted as long as it may.
const FAREWELL: Duration = Duration::from_secs(10);

impl Driver {
    /// Somebody said something.
    pub(super) fn touch(&mut self) {
        self.quiet_since = self.now();
        self.silent_since = self.quiet_since;
    }

    /// The user said or did something.
    pub(super) fn user_is_here(&mut self) {
        self.touch();
        self.reminders = 0;
        if self.user_state == UserState::Away {
            self.set_user_state(UserState::Listening);
        }
    }

    pub(super) fn on_key(&mut self, key: char) {
        self.user_is_here();
        if key == '#' {
            self.complete_keys();
            return;
        }
        self.dtmf.push(key);
        self.dtmf_until = Some(self.now() + Duration::from_millis(self.config.conversation.dtmf_timeout_ms.into()));
    }

    fn complete_keys(&mut self) {
        if let Some(words) = self.take_keys() {
            self.on_typed(words);
        }
    }

    /// Tells of the keys that were pressed, and gives them in words; `None`: there are none.
    pub(super) fn take_keys(&mut self) -> Option<String> {
        self.dtmf_until = None;
        let keys = std::mem::take(&mut self.dtmf);
        if keys.is_empty() {
            return None;
        }
        let spaced: Vec<String> = keys.chars().map(String::from).collect();
        self.emit(LiveEvent::Dtmf(TextDelta(keys)));
        Some(format!("(The user pressed {} on the keypad.)", spaced.join(" ")))
    }

    /// Whether nobody speaks and nothing is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.production.is_none() && self.to_say.is_empty() && !self.user_is_speaking() && !self.is_unanswered()
    }

    /// Whether it is the user's silence that counts: nobody speaks, nothing that was asked for is still being worked on, and the host
    /// has not paused.
    fn is_the_users_turn(&self) -> bool {
        let nobody_speaks = self.is_quiet() && self.user_state != UserState::Speaking;
        nobody_speaks && self.results.is_empty() && self.lasting.is_idle() && !self.host_paused
    }

    fn reminder_at(&self) -> Option<Duration> {
        let c = &self.config.conversation;
        let wait = c.reminder_seconds.filter(|_| self.reminders < c.reminder_max_count && self.is_the_users_turn())?;
        Some(self.quiet_since + Duration::from_secs_f64(wait))
    }

    fn silence_at(&self) -> Option<Duration> {
        let wait = self.config.conversation.silence_timeout_seconds.filter(|_| self.is_the_users_turn())?;
        Some(self.silent_since + Duration::from_secs_f64(wait))
    }

    fn last_moment(&self) -> Option<Duration> {
        self.config.conversation.max_duration_seconds.map(Duration::from_secs_f64)
    }

    /// When it is over whatever is still being said.
    fn over_at(&self) -> Option<Duration> {
        self.last_moment().map(|at| at + FAREWELL)
    }

    /// When something has to be done without anything happening.
    pub(super) fn next_wake(&self) -> Option<Duration> {
        let ends = if self.ending.is_none() { [self.silence_at(), self.last_moment()] } else { [None, self.over_at()] };
        let model = self.talk.as_ref().and_then(|talk| talk.next_wake());
        let others = [self.taking.next_wake(), model, self.next_sound(), self.dtmf_until, self.reminder_at()];
        others.into_iter().chain(ends).flatten().min()
    }

    /// Does what is due; says why the session is over, if it is.
    pub(super) fn mind_the_time(&mut self) -> Option<EndReason> {
        let now = self.now();
        if self.over_at().is_some_and(|at| at <= now) {
            return Some(EndReason::MaxDuration);
        }
        if self.dtmf_until.is_some_and(|at| at <= now) {
            self.complete_keys();
        }
        if self.ending.is_none() {
            if self.last_moment().is_some_and(|at| at <= now) {
                self.stop_speaking();
                self.end_with(EndReason::MaxDuration);
            } else if self.silence_at().is_some_and(|at| at <= now) {
                self.end_with(EndReason::Silence);
            } else if self.reminder_at().is_some_and(|at| at <= now) {
                self.remind();
            }
        }
        // A reason that came with an answer waits for it to be heard.
        if self.ending.is_some() && self.production.is_none() && self.to_say.is_empty() {
            return self.ending;
        }
        None
    }

    fn end_with(&mut self, reason: EndReason) {
        self.ending = Some(reason);
        self.to_say.clear();
        if let Some(text) = self.config.conversation.end_call_message.clone() {
            self.to_say.push_back(ToSay { kind: SpeechKind::Farewell, text, interruptible: false });
        }
    }

    fn remind(&mut self) {
        self.reminders += 1;
        self.set_user_state(UserState::Away);
        let text = self.config.conversation.reminder_message.clone();
        self.to_say.push_back(ToSay { kind: SpeechKind::Reminder, text, interruptible: true });
    }
}
