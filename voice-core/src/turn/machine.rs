//! The turn as a state machine: no I/O, no clock. Times are handed in, measured from the turn's start.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use crate::{
    audio::{Converter, Pcm},
    cost::{Spent, Usage},
    error::{Error, ErrorKind, Result, Stage},
    event::{TextDelta, Transcript, TurnEvent},
    id::TurnId,
    interpreter::{Direction, Reading},
    message::{Message, Reply, Role, Source, Timings, ToolCall, ToolCallRecord},
    provider::{FinishReason, LlmEvent, TtsCapabilities},
    store::{Session, TurnRecord},
    time::Timestamp,
};

use super::sentence::Splitter;

/// What a turn is run with; shared by every turn of an agent.
#[derive(Clone, Debug)]
pub(crate) struct TurnSettings {
    pub(crate) system_prompt: Arc<str>,
    pub(crate) context_messages: usize,
    pub(crate) max_tokens: u32,
    pub(crate) temperature: f32,
    pub(crate) language: Option<String>,
    pub(crate) limits: crate::audio::AudioLimits,
    /// Whether noise is taken out of recordings before they are recognised.
    pub(crate) denoising: bool,
    pub(crate) max_text_characters: usize,
    pub(crate) session_idle: Duration,
    pub(crate) deadline: Duration,
    /// How live sessions take turns, and what the agent says first in them.
    pub(crate) live: crate::config::LiveConfig,
    pub(crate) first_message: Option<String>,
    /// How often a model may call tools before it has to answer.
    pub(crate) max_tool_rounds: u32,
    /// What is said when a tool takes longer than `filler_after`; `None`: nothing.
    pub(crate) filler: Option<Arc<str>>,
    pub(crate) filler_after: Duration,
}

/// A piece of text to speak.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) text: Arc<str>,
    /// It fills time and is no part of the answer.
    pub(crate) filler: bool,
}

/// What came of a part of a turn.
pub(crate) struct Outcome {
    pub(crate) transcript: String,
    pub(crate) language: Option<String>,
    /// How likely the user was done, by the recogniser.
    pub(crate) completeness: Option<f32>,
    pub(crate) text: String,
    pub(crate) audio_error: Option<Error>,
    pub(crate) timings: Timings,
}

/// A turn between its admission and its end.
pub(crate) struct TurnMachine {
    user_text: Option<String>,
    is_typed: bool,
    language: Option<String>,
    completeness: Option<f32>,
    /// What an interpreter writes is read by this first.
    reading: Option<Reading>,
    /// What is said again is in this language.
    direction: Option<Direction>,
    text: String,
    /// Where in `text` the present round of the model begins; every round but the last ends with calls of tools.
    round: usize,
    finish: Option<FinishReason>,
    calls: Vec<ToolCall>,
    tool_calls: Vec<ToolCallRecord>,
    /// What documents say, and why they could not be searched.
    sources: Vec<Source>,
    knowledge_error: Option<Error>,
    /// The model had to be stopped calling tools.
    stopped: bool,
    filler_said: bool,
    splitter: Splitter,
    pieces: VecDeque<Piece>,
    /// What was spoken, shared with who listens: it is put together once, for the reply.
    sound: Vec<Pcm>,
    keeps_sound: bool,
    sample_rate: Option<u32>,
    /// Brings a piece to the rate of the first.
    converter: Option<Converter>,
    audio_error: Option<Error>,
    /// Speech has failed for good in this turn.
    silenced: bool,
    wants_audio: bool,
    timings: Timings,
}

impl TurnMachine {
    pub(crate) fn new(tts: Option<&TtsCapabilities>) -> Self {
        let default = TtsCapabilities::default();
        let capabilities = tts.unwrap_or(&default);
        Self {
            user_text: None,
            is_typed: false,
            language: None,
            completeness: None,
            reading: None,
            direction: None,
            text: String::new(),
            round: 0,
            finish: None,
            calls: Vec::new(),
            tool_calls: Vec::new(),
            sources: Vec::new(),
            knowledge_error: None,
            stopped: false,
            filler_said: false,
            splitter: Splitter::new(capabilities.max_characters, capabilities.prefers_short_first_piece),
            pieces: VecDeque::new(),
            sound: Vec::new(),
            keeps_sound: true,
            sample_rate: None,
            converter: None,
            audio_error: None,
            silenced: false,
            wants_audio: tts.is_some(),
            timings: Timings::default(),
        }
    }

    /// Sound is only passed on, not collected for a reply.
    pub(super) fn without_sound(mut self) -> Self {
        self.keeps_sound = false;
        self
    }

    /// Whether the sound is collected for a reply.
    pub(super) fn keeps_sound(&self) -> bool {
        self.keeps_sound
    }

    /// The user typed.
    pub(crate) fn on_typed(&mut self, text: String, language: Option<String>) {
        (self.user_text, self.is_typed) = (Some(text), true);
        self.language = language;
    }

    /// The audio is decoded and goes to the recogniser.
    pub(crate) fn on_audio_ready(&mut self, at: Duration) {
        self.timings.audio_ready = Some(at);
    }

    /// The recogniser said something.
    pub(crate) fn on_transcript(&mut self, mut transcript: Transcript, at: Duration) -> TurnEvent {
        if transcript.is_final {
            transcript.text.truncate(transcript.text.trim_end().len());
            let leading = transcript.text.len() - transcript.text.trim_start().len();
            transcript.text.drain(..leading);
            self.timings.transcript = Some(at);
            self.language.clone_from(&transcript.language);
            self.completeness = transcript.completeness;
            self.user_text = Some(transcript.text.clone());
        }
        TurnEvent::Transcript(transcript)
    }

    /// What the user said, once nothing more will be recognised. Sound without a word is no speech; what is typed is meant, whatever signs
    /// it is made of.
    pub(crate) fn user_text(&self) -> Result<&str> {
        match self.user_text.as_deref() {
            Some(text) if self.is_typed || text.chars().any(char::is_alphanumeric) => Ok(text),
            Some(_) => Err(Error::new(
                ErrorKind::NoSpeech,
                "no speech was detected in the audio; speak closer to the microphone or check that it records",
            )
            .with_stage(Stage::Stt)),
            None => Err(Error::new(ErrorKind::MalformedResponse, "the recogniser ended without a final transcript")
                .with_stage(Stage::Stt)),
        }
    }

    /// The language of the turn, for speech.
    pub(crate) fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    /// The documents were searched.
    pub(crate) fn on_searched(&mut self, at: Duration) {
        self.timings.searched.get_or_insert(at);
    }

    /// The model is given passages of documents.
    pub(crate) fn on_sources(&mut self, mut sources: Vec<Source>) -> Option<TurnEvent> {
        sources.retain(|source| !self.sources.contains(source));
        self.sources.extend_from_slice(&sources);
        (!sources.is_empty()).then_some(TurnEvent::Sources(sources))
    }

    /// The documents could not be searched.
    pub(crate) fn on_search_failed(&mut self, error: Error) -> TurnEvent {
        self.knowledge_error = Some(error.clone());
        TurnEvent::KnowledgeFailed(error)
    }

    /// The model interprets: what it writes is read so.
    pub(crate) fn read_with(&mut self, reading: Reading) {
        self.reading = Some(reading);
    }

    /// What the model wrote broke off; more of it is asked for.
    pub(crate) fn on_broken_off(&mut self) {
        if let Some(reading) = &mut self.reading {
            reading.begin_anew();
        }
    }

    /// An interpretation is said again.
    pub(crate) fn say_again(&mut self, direction: Option<Direction>) {
        self.direction = direction;
    }

    /// From which language into which is interpreted, once it is known.
    pub(crate) fn direction(&self) -> Option<&Direction> {
        self.direction.as_ref().or_else(|| self.reading.as_ref()?.direction())
    }

    /// The model wrote something.
    pub(crate) fn on_llm(&mut self, event: LlmEvent, at: Duration) -> Option<TurnEvent> {
        match event {
            LlmEvent::Text(mut delta) => {
                self.timings.first_token.get_or_insert(at);
                if let Some(reading) = &mut self.reading {
                    delta = reading.push(&delta)?;
                }
                self.on_text(delta, at)
            }
            LlmEvent::ToolCall(call) => {
                self.timings.first_token.get_or_insert(at);
                self.calls.push(call);
                None
            }
            // Entered in the books where it came from.
            LlmEvent::Usage(_) => None,
            LlmEvent::Finished(reason) => {
                self.finish = Some(reason);
                None
            }
        }
    }

    /// Words of the answer came.
    fn on_text(&mut self, mut delta: String, at: Duration) -> Option<TurnEvent> {
        if delta.is_empty() {
            return None;
        }
        let first_of_round = self.round > 0 && self.round == self.text.len();
        if first_of_round && !delta.starts_with(char::is_whitespace) && !self.text.ends_with(char::is_whitespace) {
            delta.insert(0, ' ');
        }
        self.text.push_str(&delta);
        if self.wants_audio {
            let pieces = &mut self.pieces;
            self.splitter.push(&delta, |text| pieces.push_back(Piece { text: text.into(), filler: false }));
            self.sentence_at(at);
        }
        Some(TurnEvent::Text(TextDelta(delta)))
    }

    /// The model writes nothing more for now: what was held back until it was known how it goes on.
    pub(crate) fn on_written(&mut self, at: Duration) -> Option<TurnEvent> {
        let held = self.reading.as_mut()?.finish()?;
        self.on_text(held, at)
    }

    /// The model writes nothing more for now. What it wrote is spoken at once; the tools that it called are handed over.
    pub(crate) fn end_round(&mut self, at: Duration) -> Vec<ToolCall> {
        self.flush(at);
        std::mem::take(&mut self.calls)
    }

    /// The tools that the model called are done, and it goes on.
    pub(crate) fn next_round(&mut self, records: Vec<ToolCallRecord>) {
        self.tool_calls.extend(records);
        self.round = self.text.len();
    }

    /// The model called tools again although it was to answer; they are not run.
    pub(crate) fn on_calls_refused(&mut self) {
        self.stopped = true;
    }

    /// Whether tools have run in this turn.
    pub(crate) fn has_called(&self) -> bool {
        !self.tool_calls.is_empty()
    }

    /// Whether the model has called a tool that it still has to be answered about.
    pub(crate) fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Tools keep the user waiting: once in a turn, and unless the sound is needed for something else, that is filled with
    /// words. Whether it was.
    pub(crate) fn fill_silence(&mut self, words: &Arc<str>) -> bool {
        if self.filler_said || self.silenced || !self.wants_audio || !self.pieces.is_empty() {
            return false;
        }
        self.filler_said = true;
        self.pieces.push_back(Piece { text: Arc::clone(words), filler: true });
        true
    }

    /// Whether words to fill the time may still come.
    pub(crate) fn may_fill(&self) -> bool {
        self.wants_audio && !self.silenced && !self.filler_said
    }

    /// The model will write nothing more. After calls of tools it need not have written anything, unless it had to be stopped.
    pub(crate) fn on_llm_end(&mut self, at: Duration) -> Result<()> {
        // Of words in another language an interpreter says nothing.
        let is_silent = self.direction().is_some_and(|direction| direction.to.is_none());
        if self.text.trim().is_empty() && !is_silent && (self.tool_calls.is_empty() || self.stopped) {
            let why = match self.finish {
                Some(FinishReason::ContentFilter) => "the language model's provider withheld the whole answer",
                Some(FinishReason::Length) => {
                    "the language model used up its tokens before it wrote a word; raise max_tokens"
                }
                _ if self.stopped => {
                    "the language model went on calling tools instead of answering; raise assistant.max_tool_rounds"
                }
                _ => "the language model gave an empty answer",
            };
            return Err(Error::new(ErrorKind::ProviderFailed, why).with_stage(Stage::Llm));
        }
        self.timings.text_done = Some(at);
        self.flush(at);
        Ok(())
    }

    /// Hands everything that is written to speech.
    fn flush(&mut self, at: Duration) {
        if self.wants_audio {
            let pieces = &mut self.pieces;
            self.splitter.finish(|text| pieces.push_back(Piece { text: text.into(), filler: false }));
            self.sentence_at(at);
        }
    }

    fn sentence_at(&mut self, at: Duration) {
        if !self.pieces.is_empty() {
            self.timings.first_sentence.get_or_insert(at);
        }
    }

    /// What has been written since tools were last called.
    pub(crate) fn round_text(&self) -> &str {
        &self.text[self.round..]
    }

    /// The next piece to speak.
    pub(crate) fn next_piece(&mut self) -> Option<Piece> {
        if self.silenced { None } else { self.pieces.pop_front() }
    }

    /// Sound came. All sound of a turn has the rate of its first chunk.
    pub(crate) fn on_audio(&mut self, pcm: Pcm, at: Duration) -> Option<TurnEvent> {
        match self.converted(pcm) {
            Ok(pcm) => self.on_sound(pcm, at),
            Err(error) => Some(self.on_piece_lost(error.with_stage(Stage::Tts))),
        }
    }

    /// A piece is over: what conversion held back of it.
    pub(crate) fn on_piece_end(&mut self, at: Duration) -> Option<TurnEvent> {
        let (converter, mut samples) = (self.converter.take()?, Vec::new());
        converter.finish(&mut samples);
        self.on_sound(Pcm::new(samples, self.sample_rate?), at)
    }

    fn on_sound(&mut self, pcm: Pcm, at: Duration) -> Option<TurnEvent> {
        if pcm.is_empty() {
            // It may tell when words are spoken, which only those want to know who keep the sound themselves.
            return (!self.keeps_sound && !pcm.words().is_empty()).then_some(TurnEvent::Audio(pcm));
        }
        self.timings.first_audio.get_or_insert(at);
        self.timings.audio_done = Some(at);
        if self.keeps_sound {
            self.sound.push(pcm.clone());
        }
        Some(TurnEvent::Audio(pcm))
    }

    /// Sound at the rate of the first. A piece is one sound, however it is cut into chunks.
    fn converted(&mut self, pcm: Pcm) -> Result<Pcm> {
        if pcm.is_empty() {
            return Ok(pcm);
        }
        let from = pcm.sample_rate();
        let to = *self.sample_rate.get_or_insert(from);
        let mut samples = Vec::new();
        if let Some(before) = self.converter.take_if(|converter| converter.takes() != from) {
            before.finish(&mut samples);
        }
        if from == to && samples.is_empty() {
            return Ok(pcm);
        }
        if from == to {
            samples.extend_from_slice(pcm.samples());
        } else {
            if self.converter.is_none() {
                self.converter = Some(Converter::new(from, to)?);
            }
            if let Some(converter) = &mut self.converter {
                converter.push(pcm.samples(), &mut samples);
            }
        }
        Ok(Pcm::new(samples, to).with_words(pcm.words().to_vec()))
    }

    /// Speech cannot go on; what was written stays.
    pub(crate) fn on_audio_failed(&mut self, error: Error) -> TurnEvent {
        self.silenced = true;
        self.on_piece_lost(error)
    }

    /// A piece broke off after part of it was heard. It is not begun again, so that nothing is heard twice; the next piece
    /// goes on.
    pub(crate) fn on_piece_lost(&mut self, error: Error) -> TurnEvent {
        self.audio_error.get_or_insert_with(|| error.clone());
        TurnEvent::AudioFailed(error)
    }

    /// What came of it, for a live session, which keeps the books itself.
    pub(super) fn into_outcome(self) -> Outcome {
        Outcome {
            transcript: self.user_text.unwrap_or_default(),
            language: self.language,
            completeness: self.completeness,
            text: self.text.trim().to_owned(),
            audio_error: self.audio_error,
            timings: self.timings,
        }
    }

    /// The turn as it is to be saved, and the reply that is given when it is.
    pub(crate) fn finish(
        self,
        turn_id: TurnId,
        mut session: Session,
        (started_at, now): (Timestamp, Timestamp),
        spent: Spent,
    ) -> (TurnRecord, Reply) {
        session.last_activity_at = now;
        let direction = self.direction().cloned();
        let transcript = self.user_text.unwrap_or_default();
        let text = self.text.trim().to_owned();
        let (language, text_language) = match direction {
            Some(Direction { from, to }) => (from, to),
            None => (self.language, None),
        };
        let mut user = Message::new(session.id, turn_id, Role::User, transcript.as_str(), started_at);
        user.language.clone_from(&language);
        let calls = self.tool_calls.iter().map(|record| Message::tool(session.id, turn_id, record, now));
        let mut assistant = Message::new(session.id, turn_id, Role::Assistant, text.as_str(), now);
        assistant.language.clone_from(&text_language);
        let audio = Pcm::joined(self.sound, self.sample_rate.unwrap_or(crate::audio::SPEECH_RATE));
        let usage = Usage { tts_seconds: audio.duration().as_secs_f64(), ..spent.usage };
        let messages = std::iter::once(user.clone()).chain(calls).chain([assistant.clone()]).collect();
        let reply = Reply {
            transcript,
            text,
            audio,
            audio_error: self.audio_error,
            language,
            text_language,
            actions: Vec::new(),
            sources: self.sources,
            knowledge_error: self.knowledge_error,
            session_id: session.id,
            turn_id,
            tool_calls: self.tool_calls,
            user_message_id: user.id,
            assistant_message_id: assistant.id,
            timings: self.timings,
            usage,
            cost: spent.cost,
        };
        (TurnRecord::new(turn_id, session, messages), reply)
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// A second of 440 Hz.
    fn tone(rate: u32) -> Pcm {
        let turns = |n: u32| f64::from(n) * 440.0 / f64::from(rate);
        Pcm::new((0..rate).map(|n| (12_000.0 * (turns(n) * TAU).sin()) as i16).collect::<Vec<_>>(), rate)
    }

    fn heard(event: Option<TurnEvent>) -> Vec<i16> {
        match event {
            Some(TurnEvent::Audio(pcm)) if pcm.sample_rate() == 24_000 => pcm.samples().to_vec(),
            Some(other) => panic!("{other:?}"),
            None => Vec::new(),
        }
    }

    #[test]
    fn a_piece_of_another_rate_is_converted_as_a_whole_however_its_sound_comes() {
        let (now, first, second) = (Duration::ZERO, tone(24_000), tone(16_000));
        let mut machine = TurnMachine::new(Some(&TtsCapabilities::default()));
        assert_eq!(heard(machine.on_audio(first.clone(), now)), first.samples());
        assert!(machine.on_piece_end(now).is_none());
        for _ in 0..2 {
            let mut piece = Vec::new();
            for chunk in second.samples().chunks(320) {
                piece.extend(heard(machine.on_audio(Pcm::new(chunk, 16_000), now)));
            }
            piece.extend(heard(machine.on_piece_end(now)));
            assert_eq!(piece, second.resampled(24_000).unwrap().samples());
        }
        // The rate may change within a piece, too, and back.
        let mut piece = heard(machine.on_audio(second.clone(), now));
        piece.extend(heard(machine.on_audio(first.clone(), now)));
        assert_eq!(piece[..24_000], *second.resampled(24_000).unwrap().samples());
        assert_eq!(piece[24_000..], *first.samples());
    }
}
