//! What is measured: what a sink is told, and what a collector of OpenTelemetry gets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../live/call.rs"]
#[allow(dead_code)]
mod call;
mod otlp;
mod sinks;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use call::Call;
use serde_json::json;
use tokio::time::sleep;
use voice_core::{
    Audio, Config, ConversationStore, FunctionTool, MetricsSink, VoiceAgent,
    agent::AgentBuilder,
    live::LiveEvent,
    store::MemoryStore,
    telemetry::{CallReport, Report, ToolReport, TraceContext, TurnReport},
};
use voice_testkit::{ScriptedLlm, ScriptedStt, ScriptedTts, VirtualClock, Voice};

/// What is said, written, called with and sent as a key; none of it may be told.
const QUESTION: &str = "planted question about rain";
const ANSWER: &str = "Planted answer: it will rain. Take a coat with you, please.";
const ARGUMENT: &str = "planted-argument";
const RESULT: &str = "planted-result";
const HEADER: &str = "planted-header-key";

const PRICES: &str = r#"{"prices": {"models": {
    "scripted/stt": {"heard_per_minute": 0.006},
    "scripted/llm": {"input_per_million": 1, "output_per_million": 2},
    "scripted/tts": {"spoken_per_million_characters": 15}
}}}"#;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// One second of a tone.
fn question() -> Audio {
    Audio::from_pcm([3_000_i16, -3_000].repeat(8_000), 16_000, 1)
}

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Report>>>);

#[async_trait]
impl MetricsSink for Kept {
    async fn record(&self, reports: &[Report]) -> voice_core::Result<()> {
        self.0.lock().unwrap().extend_from_slice(reports);
        Ok(())
    }
}

impl Kept {
    fn all(&self) -> Vec<Report> {
        self.0.lock().unwrap().clone()
    }

    fn calls(&self) -> Vec<CallReport> {
        self.all().into_iter().filter_map(|r| if let Report::Call(call) = r { Some(call) } else { None }).collect()
    }

    fn tools(&self) -> Vec<ToolReport> {
        self.all().into_iter().filter_map(|r| if let Report::Tool(tool) = r { Some(tool) } else { None }).collect()
    }

    fn turns(&self) -> Vec<TurnReport> {
        self.all().into_iter().filter_map(|r| if let Report::Turn(turn) = r { Some(*turn) } else { None }).collect()
    }
}

/// The providers and the clock of a one-shot turn: recognised after 300 ms, first token after 200, first sound after 100.
fn one_shot(config: &str) -> AgentBuilder {
    VoiceAgent::builder()
        .config(Config::from_json(config).unwrap())
        .stt(ScriptedStt::hearing(QUESTION).first_after(ms(300)))
        .llm(ScriptedLlm::saying(ANSWER).first_after(ms(200)).using(100, 0, 10))
        .tts(ScriptedTts::new().first_after(ms(100)))
        .store(Arc::new(MemoryStore::new()))
        .clock(Arc::new(VirtualClock::new()))
}

/// A tool that takes 400 ms.
fn tool() -> FunctionTool {
    let schema = json!({"type": "object", "properties": {"of": {"type": "string"}}});
    FunctionTool::new("weather", "The weather.", schema, |_, _| async {
        sleep(ms(400)).await;
        Ok(RESULT)
    })
}

/// A live session on the virtual clock with a tool, an interruption and an answer after it, and its agent closed.
async fn live_session(set: impl FnOnce(AgentBuilder) -> AgentBuilder, config: &str, clock: VirtualClock) {
    let (voice, store) = (Voice::new().recognised_after(ms(50)), Arc::new(MemoryStore::new()));
    let llm = ScriptedLlm::calling("weather", json!({"of": ARGUMENT})).then_saying(ANSWER).using(50, 0, 5);
    let builder = VoiceAgent::builder()
        .config(Config::from_json(config).unwrap())
        .stt(voice.stt())
        .llm(llm.first_after(ms(100)).then_every(ms(20)))
        .tts(voice.tts())
        .store(Arc::clone(&store) as Arc<dyn ConversationStore>)
        .tool(tool())
        .clock(Arc::new(clock));
    let agent = set(builder).build().await.unwrap();
    let call = Call::on(agent, &voice, store, |live| live.user("planted-user")).await;
    call.speak(QUESTION).await;
    call.until_played(3).await;
    call.speak("wait a planted moment please!").await;
    call.until("the interruption", |e| matches!(e, LiveEvent::Interrupted { .. })).await;
    call.until_turns(2).await;
    call.live.end().await.unwrap();
    // Real connections are waited for without letting the time go by.
    let _held = clock.hold();
    call.agent.close().await.unwrap();
}

/// Nothing that was planted is in what is told.
fn assert_nothing_said(told: &str) {
    for planted in ["lanted question", "lanted answer", "coat", ARGUMENT, RESULT, HEADER, "lanted moment"] {
        assert!(!told.contains(planted), "{planted:?} is told: {told}");
    }
}

fn trace(report: &Report) -> TraceContext {
    match report {
        Report::Call(call) => call.trace,
        Report::Tool(tool) => tool.trace,
        Report::Turn(turn) => turn.trace,
        Report::Session(session) => session.trace,
        _ => panic!("a report of another kind"),
    }
}
