//! Tools that outlast their turn: the result is told once, when nobody speaks or with the next answer, and kept with its call.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::time::sleep;
use voice_core::{
    Config, ConversationStore, Error, ErrorKind, FunctionTool, LanguageModel, Result, Role, Tool, ToolCall, VoiceAgent,
    live::{AgentState, LiveEvent, SpeechKind},
    provider::{CallContext, FinishReason, GenerateRequest, LlmCapabilities, LlmEvent, ResultStream},
    store::{MemoryStore, SessionStatus},
    tool::OnInterruption,
};
use voice_testkit::{VirtualClock, Voice};

use super::{
    call::{Call, ms},
    is_interrupted,
};

const LOOKING: &str = "I am looking into it.";
const TOLD: &str = "Your order is on its way.";
const NOTED: &str = "All right, noted.";
const BOTH: &str = "Your order is on its way. All right, noted.";

/// Calls the tool when it is asked for an order, and tells what it learns.
#[derive(Clone, Default)]
struct Clerk {
    takes: Duration,
    asked: Arc<Mutex<Vec<GenerateRequest>>>,
}

impl Clerk {
    fn requests(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// Whether the last prompt says that the call is still under way.
    fn knows_it_runs(&self) -> bool {
        let asked = self.asked.lock().unwrap();
        asked.last().is_some_and(|r| r.messages.iter().any(|m| m.content.starts_with("The work has begun")))
    }
}

#[async_trait]
impl LanguageModel for Clerk {
    fn name(&self) -> &str {
        "scripted/clerk"
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_tools(true)
    }

    async fn generate(&self, request: GenerateRequest, _: &CallContext) -> Result<ResultStream<LlmEvent>> {
        let mut latest = request.messages.iter().rev();
        let told = |result: &str| format!("Your order is {result}.");
        let last = latest.next().unwrap();
        let before = latest.next().filter(|m| m.role == Role::Tool && m.content.starts_with("on "));
        let answer = match last.role {
            Role::Tool if last.content.starts_with("The work has begun") => Some(LOOKING.to_owned()),
            Role::Tool if last.content.contains("error") => Some(told("lost")),
            Role::Tool => Some(told(&last.content)),
            _ if last.content.contains("order") => None,
            _ => Some(before.map(|m| format!("{} {NOTED}", told(&m.content))).unwrap_or_else(|| NOTED.to_owned())),
        };
        self.asked.lock().unwrap().push(request);
        let events = match answer {
            Some(text) => vec![LlmEvent::Text(text), LlmEvent::Finished(FinishReason::Stop)],
            None => {
                let call = ToolCall::new("same", "order_status", json!({}));
                vec![LlmEvent::ToolCall(call), LlmEvent::Finished(FinishReason::ToolCalls)]
            }
        };
        sleep(self.takes).await;
        Ok(stream::iter(events.into_iter().map(Ok)).boxed())
    }
}

/// A tool that takes so long, and counts how often it began.
#[derive(Clone, Default)]
struct Orders(Arc<AtomicUsize>);

impl Orders {
    fn tool(&self, takes: u64) -> FunctionTool {
        let begun = self.0.clone();
        FunctionTool::new("order_status", "Where an order is.", json!({"type": "object"}), move |_, _| {
            begun.fetch_add(1, Ordering::SeqCst);
            async move {
                sleep(ms(takes)).await;
                Ok("on its way")
            }
        })
        .timeout(Duration::from_secs(60))
    }

    fn begun(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

async fn call(llm: &Clerk, tool: FunctionTool) -> Call {
    let (voice, store) = (Voice::new(), Arc::new(MemoryStore::new()));
    let config = r#"{"live": {"conversation": {"reminder_seconds": 5, "silence_timeout_seconds": 10}}}"#;
    let agent = VoiceAgent::builder()
        .config(Config::from_json(config).unwrap())
        .stt(voice.stt())
        .llm(llm.clone())
        .tts(voice.tts())
        .store(Arc::clone(&store) as Arc<dyn ConversationStore>)
        .clock(Arc::new(VirtualClock::new()))
        .build()
        .await
        .unwrap();
    Call::on(agent, &voice, store, |live| live.tools([Arc::new(tool) as Arc<dyn Tool>])).await
}

async fn roles(call: &Call) -> Vec<Role> {
    call.stored().await.iter().map(|m| m.role).collect()
}

fn kinds(call: &Call) -> Vec<SpeechKind> {
    call.turns().iter().map(|turn| turn.kind).collect()
}

fn is_filler(event: &LiveEvent) -> bool {
    matches!(event, LiveEvent::Filler(_))
}

fn is_result(event: &LiveEvent) -> bool {
    matches!(event, LiveEvent::ToolResult(_))
}

#[tokio::test(start_paused = true)]
async fn a_tool_in_the_background_ends_its_turn_and_is_told_of_when_it_is_done() {
    let (clerk, orders) = (Clerk::default(), Orders::default());
    let call = call(&clerk, orders.tool(20_000).background(true)).await;
    call.speak("where is my order?").await;
    call.until_turns(1).await;
    assert_eq!((call.played().as_str(), call.count(is_filler)), (LOOKING, 0));
    assert_eq!(roles(&call).await, [Role::User, Role::Assistant]);
    // Nobody is reminded or hung up on while the work goes on.
    call.until_turns(2).await;
    assert_eq!(call.played(), format!("{LOOKING} {TOLD}"));
    assert_eq!(kinds(&call), [SpeechKind::Answer, SpeechKind::ToolResult]);
    let stored = call.stored().await;
    assert_eq!(roles(&call).await, [Role::User, Role::Assistant, Role::Tool, Role::Assistant]);
    assert_eq!(stored[2].tool_call().map(|record| record.result).as_deref(), Some("on its way"));
    assert_eq!((stored[3].content.as_str(), call.turns()[1].tool_calls.len()), (TOLD, 1));
    // It is told once.
    call.silence(3_000).await;
    assert_eq!((orders.begun(), call.count(is_result), call.turns().len()), (1, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn the_result_of_a_tool_that_runs_on_is_told_after_an_interruption_in_the_filler() {
    let (clerk, orders) = (Clerk::default(), Orders::default());
    let call = call(&clerk, orders.tool(20_000).on_interruption(OnInterruption::RunOn)).await;
    call.speak("where is my order?").await;
    call.until("the filler", is_filler).await;
    call.speak("take your time with that please.").await;
    call.until("the interruption", is_interrupted).await;
    call.until_turns(2).await;
    assert_eq!(call.turns()[1].text, NOTED);
    assert!(clerk.knows_it_runs(), "or the model would call it again");
    call.until_turns(3).await;
    assert_eq!(kinds(&call), [SpeechKind::Answer, SpeechKind::Answer, SpeechKind::ToolResult]);
    assert_eq!(call.turns()[2].text, TOLD);
    assert_eq!(roles(&call).await, [Role::User, Role::User, Role::Assistant, Role::Tool, Role::Assistant]);
    call.silence(3_000).await;
    assert_eq!((orders.begun(), call.count(is_result), call.turns().len()), (1, 1, 3));
}

#[tokio::test(start_paused = true)]
async fn a_result_that_comes_while_the_user_speaks_is_told_with_the_answer_and_not_again() {
    let (clerk, orders) = (Clerk::default(), Orders::default());
    let call = call(&clerk, orders.tool(6_000).background(true)).await;
    call.speak("where is my order?").await;
    call.until_turns(1).await;
    while call.count(is_result) == 0 {
        call.speak("while you are at it I wanted to say that all of you have been very friendly").await;
    }
    call.speak("indeed.").await;
    call.until_turns(2).await;
    let turn = &call.turns()[1];
    assert_eq!((turn.kind, turn.text.as_str(), turn.tool_calls.len()), (SpeechKind::Answer, BOTH, 1));
    assert_eq!(roles(&call).await, [Role::User, Role::Assistant, Role::Tool, Role::User, Role::Assistant]);
    call.silence(4_000).await;
    assert_eq!(call.turns().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_user_who_is_quicker_than_the_first_sound_of_a_result_is_answered_with_it() {
    let (clerk, orders) = (Clerk { takes: ms(1_500), ..Clerk::default() }, Orders::default());
    let call = call(&clerk, orders.tool(8_000).background(true)).await;
    call.speak("where is my order?").await;
    call.until_turns(1).await;
    let begins = |e: &LiveEvent| matches!(e, LiveEvent::TurnStarted { kind: SpeechKind::ToolResult, .. });
    call.until("the turn of the result", begins).await;
    call.live.push_text("thank you").unwrap();
    call.until_turns(2).await;
    assert_eq!((call.turns()[1].kind, call.turns()[1].text.as_str()), (SpeechKind::Answer, BOTH));
    assert_eq!(call.count(is_interrupted), 1);
    call.silence(4_000).await;
    assert_eq!((call.turns().len(), call.count(is_result)), (2, 1));
    assert_eq!(roles(&call).await, [Role::User, Role::Assistant, Role::Tool, Role::User, Role::Assistant]);
    let states = call.events().into_iter();
    let last = states.filter_map(|(_, e)| if let LiveEvent::AgentState(s) = e { Some(s) } else { None }).next_back();
    assert_eq!(last, Some(AgentState::Listening));
}

#[tokio::test(start_paused = true)]
async fn a_tool_in_the_background_that_fails_is_told_of_too() {
    let fails = FunctionTool::new("order_status", "Where an order is.", json!({"type": "object"}), |_, _| async {
        sleep(ms(3_000)).await;
        Err::<(), _>(Error::new(ErrorKind::ToolFailed, "no such order"))
    });
    let call = call(&Clerk::default(), fails.background(true)).await;
    call.speak("where is my order?").await;
    call.until_turns(2).await;
    assert_eq!(call.played(), format!("{LOOKING} Your order is lost."));
    assert!(call.turns()[1].tool_calls[0].failed);
}

#[tokio::test(start_paused = true)]
async fn a_result_after_the_end_of_the_session_is_in_its_history() {
    let (clerk, orders) = (Clerk::default(), Orders::default());
    let call = call(&clerk, orders.tool(20_000).background(true)).await;
    call.speak("where is my order?").await;
    call.until_turns(1).await;
    let _summary = call.live.end().await.unwrap();
    assert_eq!(roles(&call).await, [Role::User, Role::Assistant]);
    sleep(ms(20_000)).await;
    assert_eq!(roles(&call).await, [Role::User, Role::Assistant, Role::Tool]);
    assert_eq!(clerk.requests(), 2, "nobody is there to be told");
}

#[tokio::test(start_paused = true)]
async fn a_result_does_not_bring_back_a_session_that_was_ended_or_deleted() {
    for deleted in [true, false] {
        let call = call(&Clerk::default(), Orders::default().tool(20_000).background(true)).await;
        call.speak("where is my order?").await;
        call.until_turns(1).await;
        let id = call.live.session_id();
        let _summary = call.live.end().await.unwrap();
        if deleted {
            call.agent.sessions().delete(id).await.unwrap();
        } else {
            call.agent.sessions().end(id).await.unwrap();
        }
        sleep(ms(30_000)).await;
        let session = call.store.session(id).await.unwrap();
        assert_eq!(session.map(|s| s.status), (!deleted).then_some(SessionStatus::Ended));
        assert_eq!(call.stored().await.len(), if deleted { 0 } else { 2 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_that_was_not_told_when_the_session_ended_is_kept_with_the_last_words() {
    let (clerk, orders) = (Clerk::default(), Orders::default());
    let call = call(&clerk, orders.tool(4_000).background(true)).await;
    call.speak("where is my order?").await;
    call.until_turns(1).await;
    while call.count(is_result) == 0 {
        call.speak("while you are at it I wanted to say that all of you have been very friendly").await;
    }
    let _summary = call.live.end().await.unwrap();
    assert_eq!(roles(&call).await, [Role::User, Role::Assistant, Role::Tool, Role::User]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_outside_live_sessions_waits_for_a_tool_in_the_background() {
    let orders = Orders::default();
    let agent = VoiceAgent::builder()
        .stt("none")
        .llm(Clerk::default())
        .tts("none")
        .storage("memory")
        .tool(orders.tool(20_000).background(true))
        .build()
        .await
        .unwrap();
    let reply = agent.turn("where is my order?").await.unwrap();
    assert_eq!((reply.text.as_str(), reply.tool_calls.len(), orders.begun()), (TOLD, 1, 1));
}
