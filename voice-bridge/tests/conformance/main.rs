//! Plays the scenarios of `tests/conformance` through the bridge: the runner against which those of the languages are written.
//! What a scenario means is told in its README.

#![allow(clippy::print_stdout, reason = "a runner reports on standard output")]

mod hosts;
mod live;
mod matching;

use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use voice_bridge::{
    Agent, AudioInput, ErrorRecord, EventRecord, Input, LiveSession, Outcome, ReplyRecord, Tool, TurnOptions, Usage,
    host::{LlmAdaptor, MetricsAdaptor, StoreAdaptor, SttAdaptor, TtsAdaptor, TurnDetectorAdaptor},
};

use hosts::{Asked, Role};
use matching::differences;

/// Nothing that a scenario does takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

type Found = Result<(), String>;

#[tokio::main]
async fn main() -> ExitCode {
    // A host that panics is part of the scenarios: its message is no news.
    std::panic::set_hook(Box::new(|_| {}));
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance");
    let (defaults, scenarios) = match read(&folder) {
        Ok(read) => read,
        Err(why) => {
            println!("FAIL - {why}");
            return ExitCode::FAILURE;
        }
    };
    let (mut passed, mut failed, mut record) = (0, 0, String::new());
    let mut say = |line: String| {
        println!("{line}");
        record.push_str(&line);
        record.push('\n');
    };
    for scenario in scenarios {
        let name = scenario["name"].as_str().unwrap_or("a scenario without a name");
        if !wanted.is_empty() && !wanted.iter().any(|w| name.contains(w.as_str())) {
            continue;
        }
        let found = tokio::time::timeout(PATIENCE, play(&defaults, &scenario)).await;
        match found.unwrap_or_else(|_| Err("it took too long".into())) {
            Ok(()) => {
                passed += 1;
                say(format!("ok - {name}"));
            }
            Err(why) => {
                failed += 1;
                say(format!("FAIL - {name}: {why}"));
            }
        }
    }
    println!("rust: {passed} passed, {failed} failed");
    // From these records `cargo xtask gen parity` makes its table; a part of the scenarios makes none.
    let records = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../conformance");
    let keep = || fs::create_dir_all(&records).and_then(|()| fs::write(records.join("rust.txt"), &record));
    if wanted.is_empty()
        && let Err(why) = keep()
    {
        println!("the record cannot be kept: {why}");
        return ExitCode::FAILURE;
    }
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(folder: &Path) -> Result<(Value, Vec<Value>), String> {
    let mut files: Vec<_> = fs::read_dir(folder).map_err(|e| e.to_string())?.flatten().map(|e| e.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "json"));
    files.sort();
    let (mut defaults, mut scenarios) = (Value::Null, Vec::new());
    for path in files {
        let text = fs::read_to_string(&path).map_err(|e| e.to_string())?;
        let mut file: Value = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        if path.ends_with("defaults.json") {
            defaults = file;
        } else if let Value::Array(of_file) = file["scenarios"].take() {
            scenarios.extend(of_file);
        }
    }
    Ok((defaults, scenarios))
}

/// One scenario on its way.
struct Run {
    agent: Agent,
    asked: Mutex<HashMap<Role, Arc<Asked>>>,
    saved: Map<String, Value>,
}

async fn play(defaults: &Value, scenario: &Value) -> Found {
    let over = |part: &str| {
        let mut merged = defaults[part].as_object().cloned().unwrap_or_default();
        merged.extend(scenario[part].as_object().cloned().unwrap_or_default());
        merged
    };
    let mut asked = HashMap::new();
    let mut hosts = voice_bridge::Hosts::default();
    let mut wrong = None;
    for (role, script) in over("hosts").into_iter().filter(|(_, script)| !script.is_null()) {
        if role == "tools" {
            for (name, script) in script.as_object().cloned().unwrap_or_default() {
                let host = Arc::new(Asked::new(script));
                match hosts::tool(&name, &host) {
                    Ok(tool) => hosts.tools.push(Arc::new(tool)),
                    Err(error) => wrong = Some(error),
                }
                asked.insert(format!("tool:{name}"), host);
            }
            continue;
        }
        let calls_tools = script["tools"] == true;
        let host = Arc::new(Asked::new(script));
        match role.as_str() {
            "stt" => {
                let listens = host.can_listen();
                hosts.stt = vec![Arc::new(SttAdaptor("host/stt".into(), hosts::Host(Arc::clone(&host)), listens))]
            }
            "llm" => {
                hosts.llm = vec![Arc::new(LlmAdaptor("host/llm".into(), hosts::Host(Arc::clone(&host)), calls_tools))]
            }
            "tts" => {
                let several = host.has_voices();
                hosts.tts = vec![Arc::new(TtsAdaptor::new("host/tts".into(), hosts::Host(Arc::clone(&host)), several))];
            }
            "turn_detector" => {
                let detector = TurnDetectorAdaptor("host/turn_detector".into(), hosts::Host(Arc::clone(&host)));
                hosts.turn_detector = Some(Arc::new(detector));
            }
            "metrics" => hosts.metrics = Some(Arc::new(MetricsAdaptor(hosts::Host(Arc::clone(&host))))),
            _ => hosts.store = Some(Arc::new(StoreAdaptor("host/store".into(), hosts::Host(Arc::clone(&host))))),
        }
        asked.insert(role, host);
    }
    let built = match wrong {
        Some(error) => Err(error),
        None => Agent::build(&Value::Object(over("config")).to_string(), hosts).await,
    };
    if let Some(expected) = scenario["build"].as_object() {
        let error = built.err().ok_or("the agent was built")?;
        return matched(&expected["error"], &error_value(&error), "the error of building");
    }
    let agent = built.map_err(|e| format!("the agent was not built: {}: {}", e.code, e.detail))?;

    let mut run = Run { agent, asked: Mutex::new(asked), saved: Map::new() };
    for (n, step) in scenario["steps"].as_array().into_iter().flatten().enumerate() {
        let outcomes = join_all((0..step["copies"].as_u64().unwrap_or(1)).map(|copy| run.step(step, copy))).await;
        for outcome in outcomes {
            run.saved.extend(outcome.map_err(|why| format!("step {n}: {why}"))?);
        }
    }
    run.after(&scenario["after"]).await?;
    run.agent.close().await.map_err(|e| format!("closing: {}", e.detail))
}

impl Run {
    /// Makes one copy of a step; gives what it saves.
    async fn step(&self, step: &Value, copy: u64) -> Result<Map<String, Value>, String> {
        let mut text = step.to_string().replace("{n}", &copy.to_string());
        for (name, value) in &self.saved {
            text = text.replace(&format!("{{{name}}}"), value.as_str().unwrap_or_default());
        }
        let step: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        let mut events = Value::Null;
        let outcome = match step["do"].as_str().unwrap_or_default() {
            "turn" => self.turn(&step).await.map(|reply| reply_value(&reply)),
            "stream" => {
                let (seen, outcome) = self.stream(&step).await;
                events = seen;
                outcome
            }
            "live" => {
                let mut told = live::Told::default();
                let outcome = live::live(self, &step, &mut told).await?;
                events = told.value();
                outcome
            }
            room @ ("sessions" | "accounts" | "assistants" | "audit" | "knowledge" | "telephony" | "webhooks"
            | "realtime" | "voices") => {
                let method = step["method"].as_str().unwrap_or_default();
                match self.acting(&step["as"]) {
                    Ok(agent) => {
                        agent.call(room, method, &step["arguments"].to_string()).await.map(|a| parsed(&a.json))
                    }
                    Err(error) => Err(error),
                }
            }
            "close" => self.agent.close().await.map(|()| Value::Null),
            "reports" => Ok(self.reports()),
            "warm_up" => self.agent.warm_up().await.map(|()| Value::Null),
            "fail_with" => {
                voice_bridge::testing::fail_with(step["code"].as_str().unwrap_or_default()).map(|()| Value::Null)
            }
            other => return Err(format!("there is no step {other:?}")),
        };
        if step["abandon"].is_string() {
            return Ok(Map::new());
        }
        let expect = &step["expect"];
        match (outcome, &expect["error"]) {
            (Err(error), Value::Null) => return Err(format!("it failed: {}", error_value(&error))),
            (Err(error), expected) => matched(expected, &error_value(&error), "the error")?,
            (Ok(value), Value::Null) => {
                let part = match step["do"].as_str() {
                    Some("turn" | "stream") => "reply",
                    Some("live") => "summary",
                    _ => "value",
                };
                if let Some(expected) = expect.get(part) {
                    matched(expected, &value, part)?;
                }
                if let Some(expected) = expect.get("events") {
                    matched(expected, &events, "the events")?;
                }
                let save = step["save"].as_object().cloned().unwrap_or_default();
                let kept = |path: Value| at(&value, path.as_str().unwrap_or_default()).clone();
                return Ok(save.into_iter().map(|(name, field)| (name, kept(field))).collect());
            }
            (Ok(value), _) => return Err(format!("it did not fail but gave {value}")),
        }
        if let Some(expected) = expect.get("events") {
            matched(expected, &events, "the events")?;
        }
        Ok(Map::new())
    }

    /// What the sink of metrics was told, and what nobody took.
    fn reports(&self) -> Value {
        let (told, flushes) = self.seen().get("metrics").map(|asked| asked.reports()).unwrap_or_default();
        json!({ "told": told, "flushes": flushes, "dropped": self.agent.dropped_reports() })
    }

    /// The agent itself, or as somebody reaches it.
    fn acting(&self, principal: &Value) -> Outcome<Agent> {
        if principal.is_null() { Ok(self.agent.clone()) } else { self.agent.with(&principal.to_string()) }
    }

    async fn turn(&self, step: &Value) -> Outcome<ReplyRecord> {
        let before = self.calls(&step["cancel"]);
        let call = self.agent.turn(input(&step["input"])?, self.options(step)?);
        let cancel = call.canceller();
        let when = async {
            match step["cancel"].as_str() {
                Some("start") => cancel.cancel(),
                Some(_) => {
                    self.until_asked(&step["cancel"], before).await;
                    cancel.cancel();
                }
                None => {}
            }
        };
        tokio::join!(call, when).0
    }

    /// Reads a stream to its end; gives what was seen, whatever the end.
    async fn stream(&self, step: &Value) -> (Value, Outcome<Value>) {
        let mut seen = Seen::default();
        let outcome = self.read_stream(step, &mut seen).await;
        (seen.value(), outcome)
    }

    async fn read_stream(&self, step: &Value, seen: &mut Seen) -> Outcome<Value> {
        let stream = self.agent.stream(input(&step["input"])?, self.options(step)?)?;
        let is = |when: &Value, kind: &str| when.as_str().and_then(|w| w.strip_prefix("event:")) == Some(kind);
        let mut reply = Value::Null;
        loop {
            // One at a time, so that a scenario can act right after an event.
            let batch = stream.next_batch(1).await?;
            let Some(event) = batch.into_iter().next() else { return Ok(reply) };
            let kind = event.kind();
            if let EventRecord::Done { reply: done } = &event {
                reply = reply_value(done);
            }
            seen.take(event);
            if is(&step["cancel"], kind) {
                stream.cancel();
            }
            if is(&step["abandon"], kind) {
                return Ok(Value::Null);
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<Role, Arc<Asked>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tools of this step alone.
    fn tools(&self, step: &Value) -> Outcome<Vec<Arc<dyn Tool>>> {
        let scripts = step["tools"].as_object().cloned().unwrap_or_default();
        let made = scripts.into_iter().map(|(name, script)| {
            let host = Arc::new(Asked::new(script));
            self.seen().insert(format!("tool:{name}"), Arc::clone(&host));
            Ok(Arc::new(hosts::tool(&name, &host)?) as _)
        });
        made.collect()
    }

    async fn start_live(&self, options_json: &str, step: &Value) -> Outcome<LiveSession> {
        self.agent.live(options_json, self.tools(step)?).await
    }

    fn options(&self, step: &Value) -> Outcome<TurnOptions> {
        Ok(TurnOptions { tools: self.tools(step)?, ..options(&step["options"]) })
    }

    fn calls(&self, role: &Value) -> usize {
        role.as_str().and_then(|role| self.seen().get(role).cloned()).map_or(0, |asked| asked.calls())
    }

    async fn until_asked(&self, role: &Value, before: usize) {
        while self.calls(role) == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn after(&self, expected: &Value) -> Found {
        if expected.is_null() {
            return Ok(());
        }
        let mut found = Ok(());
        for _ in 0..500 {
            let counts: Map<String, Value> = self
                .seen()
                .iter()
                .map(|(role, asked)| {
                    let (calls, listens, cancelled) = (asked.calls(), asked.listens(), asked.cancelled());
                    let warm_ups = asked.warm_ups();
                    let seen =
                        json!({ "calls": calls, "listens": listens, "warm_ups": warm_ups, "cancelled": cancelled });
                    (role.clone(), seen)
                })
                .collect();
            found = matched(expected, &counts.into(), "what the hosts saw");
            if found.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        found
    }
}

/// What a stream told, as the scenarios speak of it.
#[derive(Default)]
struct Seen {
    order: Vec<&'static str>,
    transcripts: Vec<Value>,
    text: String,
    audio_seconds: f64,
    metrics: Vec<String>,
    used: Usage,
    audio_failed: Value,
    calls: Vec<String>,
    results: Vec<Value>,
    fillers: Vec<String>,
}

impl Seen {
    fn take(&mut self, event: EventRecord) {
        let kind = event.kind();
        if kind != "metrics" && !self.order.contains(&kind) {
            self.order.push(kind);
        }
        match event {
            EventRecord::Transcript { text, is_final, language } => {
                self.transcripts.push(json!({ "text": text, "final": is_final, "language": language }));
            }
            EventRecord::Text { delta } => self.text.push_str(&delta),
            EventRecord::Audio { pcm } => self.audio_seconds += pcm.duration().as_secs_f64(),
            EventRecord::Metrics { stage, usage, .. } => {
                self.used += usage;
                if !self.metrics.contains(&stage) {
                    self.metrics.push(stage);
                }
            }
            EventRecord::AudioFailed { error } => self.audio_failed = error_value(&error),
            EventRecord::ToolCall { call } => self.calls.push(call.name),
            EventRecord::ToolResult { call } => self.results.push(json!(call)),
            EventRecord::Filler { text } => self.fillers.push(text),
            _ => {}
        }
    }

    fn value(mut self) -> Value {
        self.metrics.sort();
        json!({
            "order": self.order, "transcripts": self.transcripts, "text": self.text, "audio_seconds": self.audio_seconds,
            "metrics": self.metrics, "used": self.used, "audio_failed": self.audio_failed, "calls": self.calls, "results": self.results,
            "fillers": self.fillers,
        })
    }
}

fn matched(expected: &Value, found: &Value, what: &str) -> Found {
    match differences(expected, found) {
        None => Ok(()),
        Some(difference) => Err(format!("{what}: {difference}; found {found}")),
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// The field at a path of names and places, `items.0.id`; of an empty path the value itself.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').filter(|name| !name.is_empty()).fold(value, |value, name| match name.parse::<usize>() {
        Ok(place) if value.is_array() => &value[place],
        _ => &value[name],
    })
}

fn reply_value(reply: &ReplyRecord) -> Value {
    let mut value = parsed(&reply.to_json());
    if let Some(error) = reply.audio_error() {
        value["audio_error"] = error_value(&error);
    }
    if let Some(error) = reply.knowledge_error() {
        value["knowledge_error"] = error_value(&error);
    }
    value
}

fn error_value(error: &ErrorRecord) -> Value {
    let mut value = json!(error);
    value["message"] = value["detail"].take();
    value["reply"] = error.reply.as_ref().map_or(Value::Null, reply_value);
    value
}

fn options(value: &Value) -> TurnOptions {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    TurnOptions {
        session: text("session"),
        user: text("user"),
        language: text("language"),
        deadline_ms: value["deadline_ms"].as_u64(),
        speak: value["speak"].as_bool(),
        ..TurnOptions::default()
    }
}

fn input(value: &Value) -> Outcome<Input> {
    if let Some(text) = value["text"].as_str() {
        return Ok(Input::Text(text.to_owned()));
    }
    if let Some(path) = value["path"].as_str() {
        return Ok(Input::Audio(AudioInput::Path(path.into())));
    }
    if let Some(hex) = value["hex"].as_str() {
        let digits = |at: usize| hex.get(at..at + 2).and_then(|d| u8::from_str_radix(d, 16).ok()).unwrap_or_default();
        return Ok(Input::Audio(AudioInput::Bytes((0..hex.len()).step_by(2).map(digits).collect())));
    }
    let number = |name: &str| u32::try_from(value["tone"][name].as_u64().unwrap_or(1)).unwrap_or(1);
    let (sample_rate, channels) = (number("sample_rate"), number("channels"));
    let amplitude = i16::try_from(value["tone"]["amplitude"].as_i64().unwrap_or(0)).unwrap_or(i16::MAX);
    let samples: Vec<i16> = (0..number("seconds") * sample_rate)
        .map(|n| if n / 40 % 2 == 0 { amplitude } else { -amplitude })
        .flat_map(|sample| std::iter::repeat_n(sample, channels as usize))
        .collect();
    Ok(Input::Audio(match value["as"].as_str() {
        Some("pcm") => AudioInput::Pcm { samples, sample_rate, channels },
        Some("f32") => AudioInput::PcmF32 {
            samples: samples.into_iter().map(|s| f32::from(s) / 32_768.0).collect(),
            sample_rate,
            channels,
        },
        _ => AudioInput::Bytes(wav(&samples, sample_rate, channels)),
    }))
}

fn wav(samples: &[i16], rate: u32, channels: u32) -> Vec<u8> {
    let bytes = u32::try_from(samples.len() * 2).unwrap_or(u32::MAX);
    let mut file = b"RIFF".to_vec();
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    for (value, size) in
        [(16, 4), (1, 2), (channels, 2), (rate, 4), (rate * channels * 2, 4), (channels * 2, 2), (16_u32, 2)]
    {
        file.extend(&value.to_le_bytes()[..size]);
    }
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    file.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
    file
}
