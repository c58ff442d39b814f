//! Live sessions, as scenarios speak of them.

use serde_json::{Value, json};
use voice_bridge::{Agent, AudioInput, EventRecord, Input, LiveSession, Outcome};

use crate::{error_value, input, matched, parsed};

/// Frames are pushed in pieces of 20 ms.
const FRAMES_A_SECOND: u32 = 50;

/// What a live session told.
#[derive(Default)]
pub(crate) struct Told {
    order: Vec<&'static str>,
    states: Vec<&'static str>,
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
}

impl Told {
    fn take(&mut self, event: EventRecord) {
        let kind = event.kind();
        if !matches!(kind, "metrics" | "user_state" | "agent_state") && !self.order.contains(&kind) {
            self.order.push(kind);
        }
        match event {
            EventRecord::AgentState { state } => self.states.push(state),
            EventRecord::Transcript { text, is_final: true, .. } => self.finals.push(text),
            EventRecord::Text { delta } => self.text.push_str(&delta),
            EventRecord::Speaking { text } => self.spoken.push_str(&text),
            EventRecord::Audio { pcm } => self.audio_seconds += pcm.duration().as_secs_f64(),
            EventRecord::ToolCall { call } => self.calls.push(call.name),
            EventRecord::ToolResult { call } => self.results.push(json!(call)),
            EventRecord::Filler { text } => self.fillers.push(text),
            EventRecord::Dtmf { keys } => self.keys.push(keys),
            EventRecord::TurnDone { turn } => self.turns.push(json!(turn)),
            EventRecord::Error { error } => self.errors.push(error_value(&error)),
            _ => {}
        }
    }

    pub(crate) fn value(self) -> Value {
        json!({
            "order": self.order, "states": self.states, "finals": self.finals, "text": self.text, "spoken": self.spoken,
            "audio_seconds": self.audio_seconds, "keys": self.keys, "turns": self.turns, "errors": self.errors,
            "calls": self.calls, "results": self.results, "fillers": self.fillers,
        })
    }
}

/// Plays a script on a session of its own; gives what it came to, and what it told into `told`. The outer error is a
/// scenario that does not hold.
pub(crate) async fn live(agent: &Agent, step: &Value, told: &mut Told) -> Result<Outcome<Value>, String> {
    let options = if step["options"].is_null() { json!({}) } else { step["options"].clone() };
    let live = match agent.live(&options.to_string()).await {
        Ok(live) => live,
        Err(error) => return Ok(Err(error)),
    };
    for (n, action) in step["script"].as_array().into_iter().flatten().enumerate() {
        let done = act(&live, action, told).await;
        let place = |why: String| format!("action {n}: {why}");
        match (done, &action["error"]) {
            (Ok(()), Value::Null) => {}
            (Err(error), Value::Null) => return Err(place(format!("it failed: {}", error_value(&error)))),
            (Err(error), expected) => matched(expected, &error_value(&error), "the error").map_err(place)?,
            (Ok(()), _) => return Err(place("it did not fail".into())),
        }
    }
    let summary = live.end().await;
    while let Ok(Some(event)) = next(&live).await {
        told.take(event);
    }
    Ok(summary.map(|summary| parsed(&summary.to_json())))
}

async fn next(live: &LiveSession) -> Outcome<Option<EventRecord>> {
    Ok(live.next_batch(1).await?.into_events().pop())
}

async fn act(live: &LiveSession, action: &Value, told: &mut Told) -> Outcome<()> {
    let text = |name: &str| action[name].as_str();
    if let Some(kind) = text("until") {
        while let Some(event) = next(live).await? {
            let found = event.kind() == kind;
            told.take(event);
            if found {
                break;
            }
        }
        return Ok(());
    }
    if !action["push"].is_null() {
        return push(live, input(&action["push"])?);
    }
    if let Some(typed) = text("text") {
        return live.push_text(typed);
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

fn push(live: &LiveSession, sound: Input) -> Outcome<()> {
    match sound {
        Input::Audio(AudioInput::Pcm { samples, sample_rate, channels }) => {
            let frame = (sample_rate / FRAMES_A_SECOND * channels) as usize;
            samples.chunks(frame).try_for_each(|frame| live.push_audio(frame.to_vec()))
        }
        Input::Audio(AudioInput::PcmF32 { samples, sample_rate, channels }) => {
            let frame = (sample_rate / FRAMES_A_SECOND * channels) as usize;
            samples.chunks(frame).try_for_each(|frame| live.push_audio_f32(frame))
        }
        _ => Ok(()),
    }
}
