//! The agent's side of a session with a model that hears and speaks by itself: its answers, what it is to say, what it calls, and how
//! all of that is kept.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    event::{AgentState, LiveEvent, SpeechKind},
    production::Production,
    session::Driver,
    talk::{Answer, Unstored},
};
use crate::{
    audio::Pcm,
    context,
    cost::{TokensUsed, Usage},
    error::{Error, Stage},
    event::{CallMetrics, TextDelta},
    message::{Timings, ToolCallRecord},
    provider::{AnswerEnd, CallContext, FromModel, ToModel},
    tool::{Calls, Done},
    turn::Outcome,
};

/// How long an exchange that was heard waits for the words to which it was the answer.
const WORDS_WAIT: Duration = Duration::from_secs(5);
/// What the model is told of a call that was stopped.
const STOPPED: &str = r#"{"error":{"code":"CANCELLED","message":"the user went on before the tool was done"}}"#;

impl Driver {
    /// Begins something that the model makes.
    fn have_made(&mut self, kind: SpeechKind, interruptible: bool, says: Option<(u64, std::sync::Arc<str>)>) {
        let order = self.order(kind, None, None);
        let mut production = Production::of(&order);
        // Results are told apart: see `have_results_told`.
        (production.interruptible, production.tells) = (interruptible, 0);
        production.want();
        let mut ctx = CallContext::new();
        (ctx.session_id, ctx.turn_id) = (self.session.id, production.turn_id);
        ctx.user = self.session.user.as_deref().map(Into::into);
        ctx.cancel = self.cancel.child_token();
        (ctx.ledger, ctx.scope) = (self.ledger.clone(), production.scope.clone());
        let (turn_id, now) = (production.turn_id, Instant::now());
        self.production = Some(production);
        if let Some(talk) = &mut self.talk {
            if let Some(production) = &mut self.production {
                production.generation = talk.line.generation();
            }
            talk.answer = Some(Answer {
                says,
                response: None,
                is_made: false,
                items: Vec::new(),
                text: String::new(),
                called: Vec::new(),
                calls: None,
                rounds: 0,
                ctx,
                measured: None,
                asked: now,
                first: None,
                began: now,
                timings: Timings::default(),
            });
        }
        self.emit(LiveEvent::TurnStarted { turn_id, kind });
    }

    /// Has the model read words aloud.
    pub(super) fn have_it_said(&mut self, kind: SpeechKind, text: String, interruptible: bool) {
        let Some(talk) = &mut self.talk else { return };
        let (id, words) = (talk.next_say(), std::sync::Arc::from(text.as_str()));
        if self.speak {
            talk.line.tell(ToModel::Say { id, text: std::sync::Arc::clone(&words) });
        }
        self.have_made(kind, interruptible, Some((id, words)));
        if !self.speak {
            self.emit(LiveEvent::Text(TextDelta(text)));
            self.is_complete(None);
        }
    }

    /// Has the model tell the results of tools that outlasted their turns.
    pub(super) fn have_results_told(&mut self) {
        let results = std::mem::take(&mut self.results);
        let mut messages = Vec::new();
        context::push_calls(&mut messages, "", &results);
        self.have_made(SpeechKind::ToolResult, true, None);
        if let Some(production) = &mut self.production {
            production.tool_calls = results;
        }
        if let Some(talk) = &mut self.talk {
            talk.line.tell(ToModel::Remember(messages));
            talk.line.tell(ToModel::Answer { tools: true });
        }
        self.set_agent_state(AgentState::Thinking);
    }

    /// The model answers the user.
    fn begin_answer(&mut self, response: String) {
        self.have_made(SpeechKind::Answer, true, None);
        let Some(talk) = &mut self.talk else { return };
        let (spoke_until, over_at) = (talk.spoke_until, talk.over_at);
        if let Some(production) = &mut self.production {
            production.wanted_at = Some(over_at);
            production.end_of_utterance_delay = Some(over_at.saturating_sub(spoke_until));
            let unanswered = talk.items.iter_mut().filter(|item| item.turn.is_none());
            unanswered.for_each(|item| item.turn = Some(production.turn_id));
            let words = talk.words_of(Some(production.turn_id));
            if super::words::is_phrase(&words, &self.config.conversation.goodbye_phrases) {
                self.ending = Some(super::EndReason::Goodbye);
            }
        }
        self.set_agent_state(AgentState::Thinking);
        self.is_begun(response);
    }

    fn is_begun(&mut self, response: String) {
        let Some(talk) = &mut self.talk else { return };
        let name = talk.line.name().to_owned();
        let Some(answer) = &mut talk.answer else { return };
        answer.response = Some(response);
        (answer.measured, answer.first) = (Some(answer.ctx.scope.call(Stage::Llm, &name)), None);
        answer.asked = Instant::now();
    }

    /// Something comes of an answer: of the one that is being made, of one that waits, or of one that nobody wants any more.
    pub(super) fn on_answer(&mut self, event: FromModel) {
        let Some(talk) = &mut self.talk else { return };
        if let FromModel::Begun { response, says } = event {
            let asked = talk.answer.as_ref().filter(|answer| answer.response.is_none() && !answer.is_made);
            let is_asked_for = asked.is_some_and(|a| a.says.as_ref().map(|(id, _)| *id) == says && a.calls.is_none());
            if is_asked_for {
                self.is_begun(response);
            } else if says.is_some() || talk.unwanted > 0 {
                talk.unwanted = talk.unwanted.saturating_sub(u32::from(says.is_none()));
                talk.line.tell(ToModel::Cancel { response });
            } else if self.production.is_none() {
                self.begin_answer(response);
            } else {
                talk.held.push(response.clone());
                talk.held_back.push(FromModel::Begun { response, says });
            }
            return;
        }
        let (FromModel::Text { response, .. }
        | FromModel::Sound { response, .. }
        | FromModel::ToolCall { response, .. }
        | FromModel::Done { response, .. }) = &event
        else {
            return;
        };
        let is_current = talk.answer.as_ref().is_some_and(|answer| answer.response.as_ref() == Some(response));
        if !is_current && talk.held.contains(response) {
            talk.held_back.push(event);
            return;
        }
        if let FromModel::Done { usage, .. } = &event {
            let usage = *usage;
            self.pay(usage, is_current);
        }
        if is_current {
            self.on_current(event);
        }
    }

    fn on_current(&mut self, event: FromModel) {
        match event {
            FromModel::Text { item, delta, .. } => {
                self.on_item(item);
                let Some(answer) = self.talk.as_mut().and_then(|talk| talk.answer.as_mut()) else { return };
                let since = answer.began.elapsed();
                answer.timings.first_token.get_or_insert(since);
                answer.text.push_str(&delta);
                answer.came();
                self.playout.add_words(&delta);
                self.emit(LiveEvent::Text(delta));
            }
            FromModel::Sound { item, pcm, .. } => {
                self.on_item(item);
                self.ledger.use_up(Usage { tts_seconds: pcm.duration().as_secs_f64(), ..Usage::default() });
                let pcm: Pcm = self.converted(pcm);
                self.playout.push(pcm);
                let end = self.playout.end();
                let Some(answer) = self.talk.as_mut().and_then(|talk| talk.answer.as_mut()) else { return };
                let since = answer.began.elapsed();
                answer.timings.first_audio.get_or_insert(since);
                answer.came();
                if let Some((_, _, until)) = answer.items.last_mut() {
                    *until = end;
                }
            }
            FromModel::ToolCall { call, .. } => {
                if let Some(answer) = self.talk.as_mut().and_then(|talk| talk.answer.as_mut()) {
                    answer.called.push(call);
                }
            }
            FromModel::Done { end, .. } => self.on_made(end),
            _ => {}
        }
    }

    /// An item of an answer begins, if it is a new one.
    fn on_item(&mut self, item: String) {
        let Some(answer) = self.talk.as_mut().and_then(|talk| talk.answer.as_mut()) else { return };
        if answer.items.last().is_some_and(|(latest, _, _)| *latest == item) {
            return;
        }
        if !answer.text.is_empty() && !answer.text.ends_with(char::is_whitespace) {
            answer.text.push(' ');
        }
        let start = self.playout.begin_growing();
        answer.items.push((item, start, start));
    }

    /// The model is done with a response: the answer is complete, or waits for tools.
    fn on_made(&mut self, end: AnswerEnd) {
        let Some(talk) = &mut self.talk else { return };
        let Some(answer) = &mut talk.answer else { return };
        let called = std::mem::take(&mut answer.called);
        match end {
            AnswerEnd::Complete if !called.is_empty() => {
                answer.rounds += 1;
                let (ctx, tools) = (answer.ctx.clone(), std::sync::Arc::clone(&self.tools));
                // What is stopped before its result is told is told as stopped.
                answer.called.clone_from(&called);
                answer.calls = Some(Calls::new(tools, called.clone(), ctx, Some(self.lasting.clone())));
                answer.response = None;
                for call in called {
                    self.emit(LiveEvent::ToolCall(Box::new(call)));
                }
            }
            AnswerEnd::Complete | AnswerEnd::Cancelled => self.is_complete(None),
            AnswerEnd::Failed(error) => self.is_complete(Some(error)),
        }
    }

    /// Nothing more will come: what there is is heard to its end.
    fn is_complete(&mut self, error: Option<Error>) {
        let Some(answer) = self.talk.as_mut().and_then(|talk| talk.answer.as_mut()) else { return };
        answer.is_made = true;
        let since = answer.began.elapsed();
        (answer.timings.text_done, answer.timings.audio_done) = (Some(since), Some(since));
        let text = match &answer.says {
            Some((_, words)) => words.to_string(),
            None => answer.text.trim().to_owned(),
        };
        let outcome = Outcome {
            transcript: String::new(),
            language: None,
            completeness: None,
            text,
            audio_error: None,
            timings: answer.timings,
        };
        // What failed may have words without their sound.
        if error.is_none() {
            self.playout.complete();
        }
        if let Some(production) = &mut self.production {
            production.outcome = Some(error.map_or(Ok(outcome), Err));
        }
    }

    /// The model does not begin what it was told to make.
    pub(super) fn on_refusal(&mut self, error: Error) {
        let Some(talk) = &mut self.talk else { return };
        if talk.unwanted > 0 {
            talk.unwanted -= 1;
            return;
        }
        let is_awaited = talk.answer.as_ref().is_some_and(|answer| answer.response.is_none() && !answer.is_made);
        if is_awaited {
            self.is_complete(Some(error));
        } else if self.production.is_none() && self.is_unanswered() {
            self.begin_answer(String::new());
            self.is_complete(Some(error));
        } else {
            self.emit(LiveEvent::Error(error));
        }
    }

    /// A tool that the model called has its result; `None`: all have, and the model goes on.
    pub(super) fn on_tool(&mut self, done: Option<Done>) {
        let most = self.engine.settings.max_tool_rounds;
        let Some(talk) = &mut self.talk else { return };
        let Some(answer) = &mut talk.answer else { return };
        let Some(done) = done else {
            (answer.calls, answer.called) = (None, Vec::new());
            let tools = answer.rounds < most;
            talk.line.tell(ToModel::Answer { tools });
            return;
        };
        let (Done::Result(record) | Done::Begun(record)) = &done;
        answer.called.retain(|call| call.id != record.id);
        let told = ToModel::ToolResult { call: record.id.clone(), result: record.result.as_str().into() };
        talk.line.tell(told);
        if let Done::Result(record) = done {
            let found = answer.ctx.found.take();
            if let Some(production) = &mut self.production {
                production.tool_calls.push(record.clone());
            }
            if !found.is_empty() {
                self.on_sources(found);
            }
            self.emit(LiveEvent::ToolResult(Box::new(record)));
        }
    }

    /// Enters what a response used, whoever wanted it.
    fn pay(&mut self, used: Option<TokensUsed>, is_current: bool) {
        let Some(talk) = &mut self.talk else { return };
        let cost = talk.realtime.price.as_ref().and_then(|price| price.of_tokens(used.as_ref()));
        let usage = used.map(|used| Usage {
            input_tokens: used.text_in + used.audio_in,
            cached_tokens: used.cached_text_in + used.cached_audio_in,
            output_tokens: used.text_out + used.audio_out,
            ..Usage::default()
        });
        self.ledger.use_up(usage.unwrap_or_default());
        self.ledger.charge(cost);
        let provider = talk.line.name().to_owned();
        let Some(answer) = talk.answer.as_mut().filter(|_| is_current) else { return };
        if let Some(mut measured) = answer.measured.take() {
            measured.used(usage.unwrap_or_default(), cost);
            measured.end(None);
        }
        let metrics = CallMetrics {
            stage: Stage::Llm,
            provider,
            first_result: answer.first,
            total: answer.asked.elapsed(),
            attempts: 1,
            usage: usage.unwrap_or_default(),
            cost,
        };
        self.emit(LiveEvent::Metrics(Box::new(metrics)));
    }

    /// What is being said is stopped: the model makes no more of it, and knows how much of it was heard.
    pub(super) fn stop_the_model(&mut self, production: &Production, now: Duration) {
        let Some(talk) = &mut self.talk else { return };
        let is_known = production.generation == talk.line.generation();
        let Some(answer) = talk.answer.take().filter(|_| is_known) else { return };
        match (&answer.response, answer.is_made, &answer.calls) {
            (Some(response), false, _) => talk.line.tell(ToModel::Cancel { response: response.clone() }),
            // It is asked for and did not begin yet.
            (None, false, None) => talk.unwanted += u32::from(answer.says.is_none()),
            _ => {}
        }
        for call in answer.called.iter().filter(|_| answer.calls.is_some()) {
            talk.line.tell(ToModel::ToolResult { call: call.id.clone(), result: STOPPED.into() });
        }
        // What is read aloud is no part of the conversation.
        for (item, start, end) in answer.items.into_iter().filter(|_| answer.says.is_none() && self.speak) {
            let (heard, is_all) = self.playout.heard_between(start, end, now);
            if !production.audible || !is_all || !answer.is_made {
                let until = if production.audible { heard } else { Duration::ZERO };
                talk.line.tell(ToModel::Heard { item, until });
            }
        }
    }

    /// Stops what nothing was heard of, without a word to anybody.
    pub(super) fn stop_silently(&mut self) -> Option<(Production, String)> {
        let production = self.production.take()?;
        self.playout.clear(self.now());
        self.kept.clear();
        self.output = None;
        if let Some(talk) = &mut self.talk {
            talk.answer = None;
        }
        self.set_agent_state(AgentState::Listening);
        Some((production, String::new()))
    }

    /// Answers that waited to be heard are not wanted any more: the user went on.
    pub(super) fn drop_what_is_held(&mut self) {
        let Some(talk) = &mut self.talk else { return };
        for response in std::mem::take(&mut talk.held) {
            talk.line.tell(ToModel::Cancel { response });
        }
        let mut items: Vec<String> = Vec::new();
        for event in std::mem::take(&mut talk.held_back) {
            match event {
                FromModel::Sound { item, .. } if items.last() != Some(&item) => items.push(item),
                FromModel::Done { usage, .. } => self.pay(usage, false),
                _ => {}
            }
        }
        if let Some(talk) = &mut self.talk {
            for item in items {
                talk.line.tell(ToModel::Heard { item, until: Duration::ZERO });
            }
        }
    }

    /// Nothing is said any more: an answer that waited for that is heard now.
    pub(super) fn go_on_with_what_is_held(&mut self) {
        let Some(talk) = self.talk.as_mut().filter(|_| self.production.is_none()) else { return };
        if talk.held.is_empty() {
            return;
        }
        talk.held.clear();
        for event in std::mem::take(&mut talk.held_back) {
            self.on_answer(event);
        }
    }

    /// Keeps an exchange that is over, once it is known what the user said in it. The model is told of what it does not know.
    pub(super) fn store_when_words_are_known(&mut self, production: Production, text: String, interrupted: bool) {
        let until = self.now() + WORDS_WAIT;
        let Some(talk) = &mut self.talk else { return };
        // Where it was heard to its end, it is still there.
        talk.answer = None;
        let was_read = !matches!(production.kind, SpeechKind::Answer | SpeechKind::ToolResult);
        let is_known = !was_read && production.generation == talk.line.generation();
        let calls: Vec<ToolCallRecord> = production.tool_calls.clone();
        talk.remember(production.turn_id, calls, &text, is_known);
        talk.unstored.push_back(Unstored { production, text, interrupted, until });
        self.store_what_waited();
    }

    pub(super) fn store_what_waited(&mut self) {
        let now = self.now();
        while let Some(talk) = &mut self.talk
            && let Some(first) = talk.unstored.front()
            && (!talk.is_recognising(Some(first.production.turn_id)) || first.until <= now)
        {
            self.store_first();
        }
    }

    /// Stores everything that waits, whether or not its words are known.
    pub(super) fn store_all(&mut self) {
        while self.talk.as_ref().is_some_and(|talk| !talk.unstored.is_empty()) {
            self.store_first();
        }
    }

    fn store_first(&mut self) {
        let Some(talk) = &mut self.talk else { return };
        let Some(Unstored { mut production, text, interrupted, .. }) = talk.unstored.pop_front() else { return };
        production.user_text = talk.settle(production.turn_id);
        self.store(production, text, interrupted);
    }
}

impl Answer {
    /// The first of a response has come.
    fn came(&mut self) {
        if self.first.is_none() {
            self.first = Some(self.asked.elapsed());
            if let Some(measured) = &mut self.measured {
                measured.came();
            }
        }
    }
}
