//! Live sessions, as scenarios speak of them.

use serde_json::{Map, Value, json};
use voice_bridge::{AudioInput, EventRecord, Frame, Input, LiveSession, LiveWire, Outcome};

use crate::{Run, error_value, input, matched, parsed};

/// Frames are pushed in pieces of 20 ms.
const FRAMES_A_SECOND: u32 = 50;

/// What a live session told, in events or in frames for a client.
#[derive(Default)]
pub(crate) struct Told {
    events: Events,
    frames: Option<Frames>,
}

impl Told {
    pub(crate) fn value(self) -> Value {
        self.frames.map_or_else(|| self.events.value(), Frames::value)
    }
}

#[derive(Default)]
struct Frames {
    order: Vec<String>,
    messages: Map<String, Value>,
    samples: usize,
    gapless: bool,
    /// Where the next sound should begin.
    next: u64,
    /// What the carrier of a telephone call said of it.
    call: Value,
}

impl Frames {
    /// Takes note of a frame; gives its type.
    fn take(&mut self, frame: Frame) -> String {
        let kind = match frame {
            Frame::Text(text) => {
                let message = parsed(&text);
                let kind = message["type"].as_str().or(message["event"].as_str()).unwrap_or_default().to_owned();
                if let Value::Array(list) = self.messages.entry(&kind).or_insert_with(|| json!([])) {
                    list.push(message);
                }
                kind
            }
            Frame::Binary(bytes) => {
                let (position, sound) = bytes.split_first_chunk::<8>().unwrap_or((&[0xff; 8], &[]));
                let (position, samples) = (u64::from_le_bytes(*position), sound.len() / 2);
                self.gapless &= position == self.next;
                self.next = position + samples as u64;
                self.samples += samples;
                "audio".to_owned()
            }
        };
        if !matches!(kind.as_str(), "user-state" | "agent-state") && !self.order.contains(&kind) {
            self.order.push(kind.clone());
        }
        kind
    }

    fn value(self) -> Value {
        json!({
            "order": self.order, "messages": self.messages, "samples": self.samples, "gapless": self.gapless, "call": self.call,
        })
    }
}

#[derive(Default)]
struct Events {
    order: Vec<&'static str>,
    states: Vec<&'static str>,
    shown: Vec<String>,
    finals: Vec<String>,
    text: String,
    spoken: String,
    audio_seconds: f64,
    keys: Vec<String>,
    turns: Vec<Value>,
    errors: Vec<Value>,
    calls: Vec<String>,
    results: Vec<Value>,
    fillers: Vec<String>,
    recordings: Vec<String>,
}

impl Events {
    fn take(&mut self, event: EventRecord) {
        let kind = event.kind();
        if !matches!(kind, "metrics" | "user_state" | "agent_state") && !self.order.contains(&kind) {
            self.order.push(kind);
        }
        match event {
            EventRecord::AgentState { state } => self.states.push(state),
            EventRecord::Transcript { text, is_final, .. } => {
                if self.shown.last() != Some(&text) {
                    self.shown.push(text.clone());
                }
                if is_final {
                    self.finals.push(text);
                }
            }
            EventRecord::Text { delta } => self.text.push_str(&delta),
            EventRecord::Speaking { text } => self.spoken.push_str(&text),
            EventRecord::Audio { pcm } => self.audio_seconds += pcm.duration().as_secs_f64(),
            EventRecord::ToolCall { call } => self.calls.push(call.name),
            EventRecord::ToolResult { call } => self.results.push(json!(call)),
            EventRecord::Filler { text } => self.fillers.push(text),
            EventRecord::Dtmf { keys } => self.keys.push(keys),
            EventRecord::TurnDone { turn } => self.turns.push(json!(turn)),
            EventRecord::Error { error } => self.errors.push(error_value(&error)),
            EventRecord::Recorded { recording } => self.recordings.push(recording),
            _ => {}
        }
    }

    fn value(self) -> Value {
        json!({
            "order": self.order, "states": self.states, "shown": self.shown, "finals": self.finals, "text": self.text, "spoken": self.spoken,
            "audio_seconds": self.audio_seconds, "keys": self.keys, "turns": self.turns, "errors": self.errors,
            "calls": self.calls, "results": self.results, "fillers": self.fillers,
            "recordings": self.recordings,
        })
    }
}

/// Plays a script on a session of its own; gives what it came to, and what it told into `told`. The outer error is a
/// scenario that does not hold.
pub(crate) async fn live(run: &Run, step: &Value, told: &mut Told) -> Result<Outcome<Value>, String> {
    let options = if step["options"].is_null() { json!({}) } else { step["options"].clone() };
    let started = match run.start_live(&options.to_string(), step).await {
        Ok(live) if step["wire"] == true => live.wire().map(|wire| (live, Some(wire))),
        Ok(live) if step["phone"].is_string() => {
            live.phone(step["phone"].as_str().unwrap_or_default()).map(|wire| (live, Some(wire)))
        }
        other => other.map(|live| (live, None)),
    };
    let (live, wire) = match started {
        Ok(started) => started,
        Err(error) => return Ok(Err(error)),
    };
    told.frames = wire.is_some().then(|| Frames { gapless: true, ..Frames::default() });
    let mut talk = Talk { live, wire, told };
    for (n, action) in step["script"].as_array().into_iter().flatten().enumerate() {
        let place = |why: String| format!("action {n}: {why}");
        if !action["after"].is_null() {
            run.after(&action["after"]).await.map_err(place)?;
            continue;
        }
        let done = talk.act(action).await;
        match (done, &action["error"]) {
            (Ok(()), Value::Null) => {}
            (Err(error), Value::Null) => return Err(place(format!("it failed: {}", error_value(&error)))),
            (Err(error), expected) => matched(expected, &error_value(&error), "the error").map_err(place)?,
            (Ok(()), _) => return Err(place("it did not fail".into())),
        }
    }
    let summary = talk.live.end().await;
    while let Ok(Some(_)) = talk.next().await {}
    if let (Some(wire), Some(frames)) = (&talk.wire, &mut talk.told.frames) {
        frames.call = wire.call().map_or(Value::Null, |call| parsed(&call));
    }
    Ok(summary.map(|summary| parsed(&summary.to_json())))
}

/// A live session, and who takes what it tells.
struct Talk<'a> {
    live: LiveSession,
    wire: Option<LiveWire>,
    told: &'a mut Told,
}

impl Talk<'_> {
    /// Takes the next event or frame; gives its kind.
    async fn next(&mut self) -> Outcome<Option<String>> {
        if let (Some(wire), Some(frames)) = (&self.wire, &mut self.told.frames) {
            return Ok(wire.next_batch(1).await?.pop().map(|frame| frames.take(frame)));
        }
        let event = self.live.next_batch(1).await?.into_events().pop();
        Ok(event.map(|event| {
            let kind = event.kind().to_owned();
            self.told.events.take(event);
            kind
        }))
    }

    async fn act(&mut self, action: &Value) -> Outcome<()> {
        let text = |name: &str| action[name].as_str();
        if let Some(kind) = text("until") {
            while let Some(found) = self.next().await? {
                if found == kind {
                    break;
                }
            }
            return Ok(());
        }
        if !action["push"].is_null() {
            return self.push(action);
        }
        if let (Some(wire), message @ (Value::Object(_) | Value::String(_))) = (&self.wire, &action["send"]) {
            let frame = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
            return wire.receive(&Frame::Text(frame));
        }
        let live = &self.live;
        if let Some(typed) = text("text") {
            return live.push_text(typed);
        }
        if let (Some(wire), Some(keys)) = (&self.wire, text("press")) {
            return wire.press(keys);
        }
        if let Some(keys) = text("dtmf") {
            return live.push_dtmf(keys);
        }
        if let Some(words) = text("say") {
            return live.say(words, action["interruptible"] != false);
        }
        if let Some(language) = text("language") {
            return live.set_language(Some(language.to_owned()));
        }
        if let Some(seconds) = action["played"].as_f64() {
            return live.set_playback_position(seconds);
        }
        match text("do") {
            Some("commit") => live.commit(),
            Some("interrupt") => live.interrupt(),
            Some("pause") => live.pause(),
            Some("resume") => live.resume(),
            _ => live.end().await.map(drop),
        }
    }

    fn push(&self, action: &Value) -> Outcome<()> {
        match input(&action["push"])? {
            Input::Audio(AudioInput::Pcm { samples, sample_rate, channels }) => {
                let frames = samples.chunks((sample_rate / FRAMES_A_SECOND * channels) as usize);
                if let Some(wire) = &self.wire {
                    let binary = |frame: &[i16]| frame.iter().flat_map(|sample| sample.to_le_bytes()).collect();
                    frames.map(binary).try_for_each(|bytes| wire.receive(&Frame::Binary(bytes)))
                } else if let Some(at) = action["at"].as_f64() {
                    timed(frames, action["shuffled"] == true)
                        .into_iter()
                        .try_for_each(|(offset, frame)| self.live.push_audio_at(at + offset, frame.to_vec()))
                } else {
                    frames.into_iter().try_for_each(|frame| self.live.push_audio(frame.to_vec()))
                }
            }
            Input::Audio(AudioInput::PcmF32 { samples, sample_rate, channels }) => {
                let frame = (sample_rate / FRAMES_A_SECOND * channels) as usize;
                samples.chunks(frame).try_for_each(|frame| self.live.push_audio_f32(frame))
            }
            _ => Ok(()),
        }
    }
}

/// Frames with their times, counted from the first. Shuffled: of every two after the first one the second comes first, and each
/// comes twice.
fn timed<'a>(frames: impl Iterator<Item = &'a [i16]>, shuffled: bool) -> Vec<(f64, &'a [i16])> {
    let mut frames: Vec<_> =
        frames.enumerate().map(|(n, frame)| (n as f64 / f64::from(FRAMES_A_SECOND), frame)).collect();
    if !shuffled {
        return frames;
    }
    for pair in frames.iter_mut().skip(1).collect::<Vec<_>>().chunks_mut(2) {
        if let [first, second] = pair {
            std::mem::swap(*first, *second);
        }
    }
    frames.into_iter().flat_map(|frame| [frame, frame]).collect()
}
