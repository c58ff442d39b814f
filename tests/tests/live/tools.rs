//! Tools in a live session: they act when an answer is wanted, once, and what they did is kept whatever the user heard of it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;
use tokio::time::sleep;
use voice_core::{
    Config, ConversationStore, ErrorKind, FunctionTool, Role, Tool, VoiceAgent,
    agent::Live,
    config::Assistant,
    live::LiveEvent,
    store::{MemoryStore, Storage},
    tool::OnInterruption,
};
use voice_testkit::{ScriptedLlm, VirtualClock, Voice};

use super::{
    call::{Call, ms},
    is_interrupted,
};

const ANSWER: &str = "Your order is on its way to you and will be there tomorrow.";

/// A tool that takes so long, and counts how often it began and ended.
#[derive(Clone, Default)]
struct Orders {
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl Orders {
    fn tool(&self, takes: u64) -> FunctionTool {
        let counts = self.clone();
        FunctionTool::new("order_status", "Where an order is.", json!({"type": "object"}), move |_, _| {
            let counts = counts.clone();
            async move {
                counts.begun.fetch_add(1, Ordering::SeqCst);
                sleep(ms(takes)).await;
                counts.ended.fetch_add(1, Ordering::SeqCst);
                Ok("on its way")
            }
        })
    }

    fn counts(&self) -> (usize, usize) {
        (self.begun.load(Ordering::SeqCst), self.ended.load(Ordering::SeqCst))
    }
}

fn asks() -> ScriptedLlm {
    ScriptedLlm::calling("order_status", json!({})).then_saying(ANSWER)
}

async fn call(llm: ScriptedLlm, tool: FunctionTool) -> Call {
    let (voice, store) = (Voice::new(), Arc::new(MemoryStore::new()));
    let agent = VoiceAgent::builder()
        .config(Config::from_json("{}").unwrap())
        .stt(voice.stt())
        .llm(llm)
        .tts(voice.tts())
        .store(Arc::clone(&store) as Arc<dyn ConversationStore>)
        .clock(Arc::new(VirtualClock::new()))
        .build()
        .await
        .unwrap();
    Call::on(agent, &voice, store, |live| live.tools([Arc::new(tool) as Arc<dyn Tool>])).await
}

fn is_result(event: &LiveEvent) -> bool {
    matches!(event, LiveEvent::ToolResult(_))
}

#[tokio::test(start_paused = true)]
async fn a_slow_tool_is_bridged_by_a_filler_that_is_heard_and_not_kept() {
    let orders = Orders::default();
    let call = call(asks(), orders.tool(15_000)).await;
    call.speak("where is my order?").await;
    call.until_turns(1).await;
    assert_eq!(call.played(), format!("One moment. {ANSWER}"));
    assert_eq!(call.count(|e| matches!(e, LiveEvent::Filler(_))), 1);
    let turn = &call.turns()[0];
    assert_eq!((turn.text.as_str(), turn.tool_calls[0].result.as_str()), (ANSWER, "on its way"));
    let stored = call.stored().await;
    let roles: Vec<Role> = stored.iter().map(|m| m.role).collect();
    assert_eq!(roles, [Role::User, Role::Tool, Role::Assistant]);
    assert_eq!((stored[1].tool_call(), stored[2].content.as_str()), (Some(turn.tool_calls[0].clone()), ANSWER));
}

#[tokio::test(start_paused = true)]
async fn the_agents_own_tools_serve_live_sessions_too() {
    let (voice, store, orders) = (Voice::new(), Arc::new(MemoryStore::new()), Orders::default());
    let agent = VoiceAgent::builder()
        .stt(voice.stt())
        .llm(asks())
        .tts(voice.tts())
        .store(Arc::clone(&store) as Arc<dyn ConversationStore>)
        .tool(orders.tool(10))
        .build()
        .await
        .unwrap();
    let twice = agent.live().tools([Arc::new(orders.tool(10)) as Arc<dyn Tool>]).start().await;
    assert_eq!(twice.unwrap_err().kind(), ErrorKind::InvalidConfig, "a name is given once");
    let call = Call::on(agent, &voice, store, |live| live).await;
    call.live.push_text("where is my order?").unwrap();
    call.until_turns(1).await;
    assert_eq!((call.turns()[0].tool_calls.len(), orders.counts()), (1, (1, 1)));
}

#[tokio::test(start_paused = true)]
async fn a_session_has_the_tools_that_its_assistant_names_and_its_own() {
    let (voice, store, orders) = (Voice::new(), Arc::new(MemoryStore::new()), Orders::default());
    let llm = asks();
    let weather = FunctionTool::new("weather", "The sky.", json!({"type": "object"}), |_, _| async { Ok("blue") });
    let agent = VoiceAgent::builder()
        .stt(voice.stt())
        .llm(llm.clone())
        .tts(voice.tts())
        .stores(Storage::of(Arc::clone(&store)))
        .tool(orders.tool(10))
        .tool(weather)
        .build()
        .await
        .unwrap();
    let mut assistant = Assistant::named("Baker");
    assistant.tools = vec!["weather".into()];
    let baker = agent.assistants().create(&assistant).await.unwrap().id;
    let own = || Arc::new(orders.tool(10)) as Arc<dyn Tool>;
    for (more, offered, told, counts) in [
        (vec![], vec!["weather"], "there is no such tool; there are: weather", (0, 0)),
        (vec![own()], vec!["weather", "order_status"], "on its way", (1, 1)),
    ] {
        let asked = llm.calls();
        let set = |live: Live| live.assistant(baker).tools(more);
        let call = Call::on(agent.clone(), &voice, Arc::clone(&store), set).await;
        call.live.push_text("where is my order?").unwrap();
        call.until_turns(1).await;
        let tools: Vec<String> = llm.requests()[asked].tools.iter().map(|tool| tool.name.clone()).collect();
        assert_eq!(tools, offered);
        let turn = &call.turns()[0];
        assert!(turn.tool_calls[0].result.contains(told), "{}", turn.tool_calls[0].result);
        assert_eq!(orders.counts(), counts);
        let _summary = call.live.end().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_only_prepared_calls_no_tool() {
    let (llm, orders) = (asks(), Orders::default());
    let call = call(llm.clone(), orders.tool(10)).await;
    call.speak("where is my order?").await;
    call.silence(400).await;
    assert_eq!((llm.calls(), orders.counts()), (1, (0, 0)), "the answer is prepared, and its tool waits");
    call.speak("The second one, I mean.").await;
    call.until_turns(1).await;
    assert_eq!(orders.counts(), (1, 1));
    assert_eq!(call.count(is_result), 1);
}

#[tokio::test(start_paused = true)]
async fn a_tool_is_stopped_when_the_user_goes_on_and_called_anew_for_the_whole() {
    let (llm, orders) = (asks(), Orders::default());
    let call = call(llm.clone(), orders.tool(1_500)).await;
    call.speak("where is my order?").await;
    call.until("the call", |e| matches!(e, LiveEvent::ToolCall(_))).await;
    call.speak("The second one, I mean.").await;
    call.until_turns(1).await;
    assert_eq!(orders.counts(), (2, 1));
    assert_eq!(call.turns()[0].transcript, "where is my order? The second one, I mean.");
}

#[tokio::test(start_paused = true)]
async fn what_a_tool_did_before_the_user_went_on_is_not_done_again() {
    let (llm, orders) = (asks().first_after(ms(1_000)), Orders::default());
    let call = call(llm.clone(), orders.tool(10)).await;
    call.speak("where is my order?").await;
    call.until("the result", is_result).await;
    call.speak("The second one, I mean.").await;
    call.until_turns(1).await;
    assert_eq!(orders.counts(), (1, 1));
    let turn = &call.turns()[0];
    assert_eq!((turn.text.as_str(), turn.tool_calls.len()), (ANSWER, 1));
    assert_eq!(turn.transcript, "where is my order? The second one, I mean.");
    let roles: Vec<Role> = call.stored().await.iter().map(|m| m.role).collect();
    assert_eq!(roles, [Role::User, Role::Tool, Role::Assistant]);
}

#[tokio::test(start_paused = true)]
async fn what_a_tool_did_is_kept_when_its_answer_is_interrupted() {
    let call = call(asks(), Orders::default().tool(10)).await;
    call.speak("where is my order?").await;
    call.until_played(3).await;
    call.speak("thanks that will do").await;
    call.until("the interruption", is_interrupted).await;
    call.until_turns(1).await;
    let turn = &call.turns()[0];
    assert!(turn.interrupted && ANSWER.starts_with(&turn.text) && turn.text.len() < ANSWER.len());
    assert_eq!(turn.tool_calls.len(), 1);
    let roles: Vec<Role> = call.stored().await.iter().map(|m| m.role).collect();
    assert_eq!(roles[..3], [Role::User, Role::Tool, Role::Assistant]);
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_runs_on_outlives_the_interruption_and_the_session() {
    let orders = Orders::default();
    let call = call(asks(), orders.tool(8_000).on_interruption(OnInterruption::RunOn)).await;
    call.speak("where is my order?").await;
    call.until("the filler", |e| matches!(e, LiveEvent::Filler(_))).await;
    call.silence(300).await;
    let _summary = call.live.end().await.unwrap();
    assert_eq!(orders.counts(), (1, 0));
    sleep(ms(20_000)).await;
    assert_eq!(orders.counts(), (1, 1));
}
