//! Tools: what the model calls, what it is told, what is heard meanwhile, what is kept, and what each fault does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use voice_core::{
    Config, ConversationStore, Error, ErrorCode, ErrorKind, FunctionTool, Message, Providers, Role, Tool, TurnEvent,
    VoiceAgent,
    provider::{FinishReason, GenerateRequest, ToolChoice},
    store::{MemoryStore, MessageQuery, SessionQuery},
    tool::OnInterruption,
};
use voice_testkit::{ScriptedLlm, ScriptedTts, Step};

const ANSWER: &str = "It is on its way to you.";

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn down() -> Error {
    Error::new(ErrorKind::ProviderFailed, "down")
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]})
}

/// A tool that looks an order up for `takes`, and how often it began and ended.
#[derive(Clone, Default)]
struct Orders {
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl Orders {
    fn tool(&self, takes: Duration) -> FunctionTool {
        self.named("order_status", takes)
    }

    fn named(&self, name: &str, takes: Duration) -> FunctionTool {
        let counts = self.clone();
        FunctionTool::new(name, "Where an order is.", schema(), move |arguments, _| {
            let counts = counts.clone();
            async move {
                counts.begun.fetch_add(1, Ordering::SeqCst);
                sleep(takes).await;
                counts.ended.fetch_add(1, Ordering::SeqCst);
                Ok(format!("order {} is on its way", arguments["number"]))
            }
        })
    }

    fn counts(&self) -> (usize, usize) {
        (self.begun.load(Ordering::SeqCst), self.ended.load(Ordering::SeqCst))
    }
}

fn asks() -> ScriptedLlm {
    ScriptedLlm::calling("order_status", json!({"number": 7})).then_saying(ANSWER)
}

struct Set {
    llm: ScriptedLlm,
    tts: ScriptedTts,
    store: Arc<MemoryStore>,
}

impl Set {
    fn new(llm: ScriptedLlm) -> Self {
        Self { llm, tts: ScriptedTts::new(), store: Arc::new(MemoryStore::new()) }
    }

    async fn agent(&self, tools: impl IntoIterator<Item = FunctionTool>) -> VoiceAgent {
        self.agent_with("{}", tools).await
    }

    async fn agent_with(&self, config: &str, tools: impl IntoIterator<Item = FunctionTool>) -> VoiceAgent {
        VoiceAgent::builder()
            .config(Config::from_json(config).unwrap())
            .stt("none")
            .llm(self.llm.clone())
            .tts(self.tts.clone())
            .store(self.store.clone())
            .tools(tools.into_iter().map(|tool| Arc::new(tool) as Arc<dyn Tool>))
            .build()
            .await
            .unwrap()
    }

    async fn history(&self) -> Vec<Message> {
        let sessions = self.store.list_sessions(&SessionQuery::default()).await.unwrap().items;
        match sessions.first() {
            Some(session) => self.store.messages(session.id, MessageQuery::latest(100)).await.unwrap().items,
            None => Vec::new(),
        }
    }
}

/// What the model was shown in its `n`-th request: role and words, or the names of the tools called.
fn shown(llm: &ScriptedLlm, n: usize) -> Vec<(Role, String)> {
    let request: GenerateRequest = llm.requests()[n].clone();
    let messages = request.messages.iter().filter(|m| m.role != Role::System).map(|m| {
        let calls: Vec<&str> = m.tool_calls.iter().map(|call| call.name.as_str()).collect();
        (m.role, if calls.is_empty() { m.content.to_string() } else { format!("{}[{}]", m.content, calls.join(",")) })
    });
    messages.collect()
}

fn line(role: Role, words: &str) -> (Role, String) {
    (role, words.to_owned())
}

async fn timed_events(turn: voice_core::Turn) -> Vec<(Duration, TurnEvent)> {
    let start = Instant::now();
    let mut stream = turn.stream();
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push((start.elapsed(), event.unwrap()));
    }
    events
}

/// The one record of a turn in which one call was made.
async fn only_call(set: &Set, tool: FunctionTool) -> voice_core::ToolCallRecord {
    let reply = set.agent([tool]).await.turn("where is order 7?").await.unwrap();
    assert_eq!(reply.text, ANSWER, "the model goes on whatever the tool did");
    let [record] = reply.tool_calls.as_slice() else { panic!("one call, not {:?}", reply.tool_calls) };
    assert_eq!(&*set.llm.requests()[1].messages.last().unwrap().content, record.result, "the model was told");
    record.clone()
}

#[tokio::test(start_paused = true)]
async fn the_model_calls_a_tool_and_answers_with_its_result() {
    let set = Set::new(asks());
    let agent = set.agent([Orders::default().tool(ms(30))]).await;
    let events = timed_events(agent.turn("where is order 7?")).await;

    let names: Vec<String> = events
        .iter()
        .filter_map(|(_, e)| match e {
            TurnEvent::ToolCall(call) => Some(format!("call {} {} {}", call.name, call.id, call.arguments)),
            TurnEvent::ToolResult(done) => {
                Some(format!("{} {} {} {:?}", done.name, done.id, done.failed, done.elapsed))
            }
            _ => None,
        })
        .collect();
    assert_eq!(names, ["call order_status order_status-0 {\"number\":7}", "order_status order_status-0 false 30ms"]);
    let Some((_, TurnEvent::Done(reply))) = events.last() else { panic!("the last event is the reply") };
    assert_eq!(reply.text, ANSWER);
    let [record] = reply.tool_calls.as_slice() else { panic!("one call") };
    assert_eq!((record.arguments.clone(), record.result.as_str()), (json!({"number": 7}), "order 7 is on its way"));

    let first = &set.llm.requests()[0];
    assert_eq!(
        (first.tools[0].name.as_str(), first.tools[0].description.as_str()),
        ("order_status", "Where an order is.")
    );
    assert_eq!((&first.tools[0].parameters, first.tool_choice), (&schema(), ToolChoice::Auto));
    assert_eq!(
        shown(&set.llm, 1),
        [
            line(Role::User, "where is order 7?"),
            line(Role::Assistant, "[order_status]"),
            line(Role::Tool, "order 7 is on its way"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_stays_in_the_history_and_is_shown_to_the_model_in_the_next_turn() {
    let set = Set::new(asks());
    let agent = set.agent([Orders::default().tool(ms(0))]).await;
    let reply = agent.turn("where is order 7?").await.unwrap();

    let history = set.history().await;
    let roles: Vec<Role> = history.iter().map(|m| m.role).collect();
    assert_eq!(roles, [Role::User, Role::Tool, Role::Assistant]);
    assert!(history.iter().all(|m| m.turn_id == reply.turn_id));
    assert_eq!(history[1].tool_call().as_ref(), Some(&reply.tool_calls[0]));
    assert_eq!((history[2].id, history[2].content.as_str()), (reply.assistant_message_id, ANSWER));

    agent.turn("thanks").session(reply.session_id).await.unwrap();
    let next = shown(&set.llm, 2);
    assert_eq!(
        next,
        [
            line(Role::User, "where is order 7?"),
            line(Role::Assistant, "[order_status]"),
            line(Role::Tool, "order 7 is on its way"),
            line(Role::Assistant, ANSWER),
            line(Role::User, "thanks"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_answer_run_side_by_side_and_are_told_in_their_order() {
    let llm = ScriptedLlm::calling("slow", json!({"number": 1})).and_calling("quick", json!({"number": 2}));
    let set = Set::new(llm.then_saying(ANSWER));
    let orders = Orders::default();
    let agent = set.agent([orders.named("slow", ms(300)), orders.named("quick", ms(100))]).await;
    let start = Instant::now();
    let reply = agent.turn("both?").speak(false).await.unwrap();
    assert!(start.elapsed() < ms(310), "{:?}", start.elapsed());
    let names: Vec<&str> = reply.tool_calls.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["slow", "quick"]);
    assert_eq!(
        shown(&set.llm, 1)[1..],
        [
            line(Role::Assistant, "[slow,quick]"),
            line(Role::Tool, "order 1 is on its way"),
            line(Role::Tool, "order 2 is on its way"),
        ]
    );
    assert!(set.llm.requests()[0].parallel_tool_calls);
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_is_not_parallel_runs_alone() {
    let llm = ScriptedLlm::calling("one", json!({"number": 1})).and_calling("one", json!({"number": 2}));
    let set = Set::new(llm.then_saying(ANSWER));
    let agent = set.agent([Orders::default().named("one", ms(100)).parallel(false)]).await;
    let start = Instant::now();
    agent.turn("both?").speak(false).await.unwrap();
    assert!(start.elapsed() >= ms(200), "{:?}", start.elapsed());
    assert!(!set.llm.requests()[0].parallel_tool_calls);
}

#[tokio::test(start_paused = true)]
async fn of_many_calls_only_some_run_at_once_and_all_are_answered() {
    let mut llm = ScriptedLlm::calling("order_status", json!({"number": 0}));
    for n in 1..20 {
        llm = llm.and_calling("order_status", json!({"number": n}));
    }
    let set = Set::new(llm.then_saying(ANSWER));
    let agent = set.agent([Orders::default().tool(ms(100))]).await;
    let start = Instant::now();
    let reply = agent.turn("all?").speak(false).await.unwrap();
    let results: Vec<&str> = reply.tool_calls.iter().map(|r| r.result.as_str()).collect();
    let expected: Vec<String> = (0..20).map(|n| format!("order {n} is on its way")).collect();
    assert_eq!(results, expected);
    assert!((ms(300)..ms(320)).contains(&start.elapsed()), "eight at a time: {:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_tools_error_is_told_to_the_model_with_its_code() {
    let set = Set::new(asks());
    let tool = FunctionTool::new("order_status", "Where an order is.", schema(), |_, _| async {
        Err::<(), _>(Error::new(ErrorKind::ToolFailed, "there is no order of this number"))
    });
    let record = only_call(&set, tool).await;
    assert!(record.failed);
    assert_eq!(
        record.result,
        json!({"error": {"code": "PROVIDER_ERROR", "message": "there is no order of this number"}}).to_string()
    );
    let answered = set.llm.requests()[1].messages.last().unwrap().answers.clone().unwrap();
    assert!(answered.failed && answered.name == "order_status");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_tool_is_an_error_of_that_tool_alone_and_its_words_are_not_shown() {
    let set = Set::new(asks());
    let tool = FunctionTool::new("order_status", "Where an order is.", schema(), |_, _| async {
        if true {
            panic!("planted");
        }
        Ok(())
    });
    let record = only_call(&set, tool).await;
    assert!(record.failed && !record.result.contains("planted"), "{}", record.result);
}

#[tokio::test(start_paused = true)]
async fn arguments_that_do_not_fit_are_told_to_the_model_and_the_tool_is_not_called() {
    for (arguments, fault) in [
        (json!({}), "number is missing"),
        (json!({"number": "seven"}), "number must be of type integer, not string"),
        (json!("{\"number\": 7"), "the arguments must be of type object, not string"),
        (json!(null), "the arguments must be of type object, not null"),
    ] {
        let set = Set::new(ScriptedLlm::calling("order_status", arguments.clone()).then_saying(ANSWER));
        let orders = Orders::default();
        let record = only_call(&set, orders.tool(ms(0))).await;
        assert_eq!(orders.counts(), (0, 0));
        assert_eq!(record.result, json!({"error": {"code": "VALIDATION_ERROR", "message": fault}}).to_string());
        assert_eq!(record.arguments, arguments, "the record has what the model wrote");
        let call = &set.llm.requests()[1].messages[2].tool_calls[0];
        assert!(call.arguments.is_object(), "no provider takes anything else back");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_tool_is_answered_with_the_known_ones() {
    let set = Set::new(ScriptedLlm::calling("order_stauts", json!({"number": 7})).then_saying(ANSWER));
    let record = only_call(&set, Orders::default().tool(ms(0))).await;
    assert!(
        record.failed && record.result.contains("there is no such tool; there are: order_status"),
        "{}",
        record.result
    );
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_takes_too_long_is_stopped_and_the_model_is_told() {
    let set = Set::new(asks());
    let orders = Orders::default();
    let record = only_call(&set, orders.tool(ms(60_000)).timeout(ms(3_000))).await;
    assert_eq!((record.elapsed, record.failed), (ms(3_000), true));
    assert!(record.result.contains("TIMEOUT") && record.result.contains("3s"), "{}", record.result);
    sleep(ms(100_000)).await;
    assert_eq!(orders.counts(), (1, 0), "it did not run on");
}

#[tokio::test(start_paused = true)]
async fn what_the_model_says_before_a_call_is_spoken_while_the_tool_works() {
    let llm = ScriptedLlm::saying("Let me look.").and_calling("order_status", json!({"number": 7}));
    let mut set = Set::new(llm.then_saying(ANSWER));
    set.tts = set.tts.first_after(ms(50));
    let agent = set.agent([Orders::default().tool(ms(1_000))]).await;
    let events = timed_events(agent.turn("where is order 7?")).await;
    let said: Vec<(Duration, String)> = events
        .iter()
        .filter_map(|(at, e)| match e {
            TurnEvent::Speaking(words) => Some((*at, words.to_string())),
            _ => None,
        })
        .collect();
    assert_eq!(set.tts.spoken(), ["Let me look.", ANSWER]);
    assert_eq!(said[0].1, "Let me look.");
    assert!(said[0].0 < ms(100), "at once, not after the tool: {:?}", said[0].0);
    assert!(said[1].0 >= ms(1_000), "{:?}", said[1].0);

    let Some((_, TurnEvent::Done(reply))) = events.last() else { panic!("the last event is the reply") };
    assert_eq!(reply.text, format!("Let me look. {ANSWER}"));
    let text: String =
        events.iter().filter_map(|(_, e)| if let TurnEvent::Text(t) = e { Some(&**t) } else { None }).collect();
    assert_eq!(text, reply.text);
    assert_eq!(shown(&set.llm, 1)[1], line(Role::Assistant, "Let me look.[order_status]"));
    assert_eq!(set.history().await.last().unwrap().content, reply.text);
}

#[tokio::test(start_paused = true)]
async fn speech_goes_on_while_the_model_thinks_about_the_results() {
    let llm = ScriptedLlm::saying("Let me look.").and_calling("order_status", json!({"number": 7}));
    let mut set = Set::new(llm.then_saying(ANSWER).first_after(ms(500)));
    set.tts = set.tts.chunks(10, ms(10)).then_every(ms(20));
    let agent = set.agent([Orders::default().tool(ms(10))]).await;
    let events = timed_events(agent.turn("where is order 7?")).await;
    let sound: Vec<Duration> =
        events.iter().filter(|(_, e)| matches!(e, TurnEvent::Audio(_))).map(|(at, _)| *at).collect();
    assert!(sound[9] <= ms(700), "the first sentence is over before the second answer begins: {:?}", sound[9]);
    assert!(sound[10] >= ms(1_000), "{:?}", sound[10]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_tool_is_bridged_by_a_filler_that_is_heard_once_and_not_kept() {
    let llm = asks().then_saying("");
    let set = Set::new(llm);
    let agent = set.agent([Orders::default().tool(ms(15_000))]).await;
    let events = timed_events(agent.turn("where is order 7?")).await;
    let fillers: Vec<(Duration, String)> = events
        .iter()
        .filter_map(|(at, e)| match e {
            TurnEvent::Filler(words) => Some((*at, words.to_string())),
            _ => None,
        })
        .collect();
    assert_eq!(fillers.len(), 1);
    assert_eq!(fillers[0].1, "One moment.");
    assert!((ms(2_000)..ms(2_050)).contains(&fillers[0].0), "{:?}", fillers[0].0);
    assert_eq!(set.tts.spoken(), ["One moment.", ANSWER]);

    let Some((_, TurnEvent::Done(reply))) = events.last() else { panic!("the last event is the reply") };
    assert_eq!(reply.text, ANSWER);
    assert_eq!(reply.audio.duration(), ms(1_000), "the filler is part of the sound");
    assert!(set.history().await.iter().all(|m| !m.content.contains("One moment")));
    assert!(!events.iter().any(|(_, e)| matches!(e, TurnEvent::Speaking(words) if words.contains("moment"))));
}

#[tokio::test(start_paused = true)]
async fn a_filler_waits_until_nothing_else_is_spoken() {
    let llm = ScriptedLlm::saying("Let me look.").and_calling("order_status", json!({"number": 7}));
    let mut set = Set::new(llm.then_saying(ANSWER));
    set.tts = set.tts.chunks(30, ms(100)).then_every(ms(100));
    let agent = set.agent([Orders::default().tool(ms(10_000))]).await;
    let events = timed_events(agent.turn("where is order 7?")).await;
    let filler = events.iter().find(|(_, e)| matches!(e, TurnEvent::Filler(_))).map(|(at, _)| *at).unwrap();
    assert!((ms(4_000)..ms(4_050)).contains(&filler), "{filler:?}");
}

#[tokio::test(start_paused = true)]
async fn the_filler_can_be_worded_moved_and_left_out() {
    for (config, spoken) in [
        (r#"{"assistant": {"filler": "Einen Moment."}}"#, vec!["Einen Moment.", ANSWER]),
        (r#"{"assistant": {"filler": ""}}"#, vec![ANSWER]),
        (r#"{"assistant": {"filler_after_ms": 6000}}"#, vec![ANSWER]),
    ] {
        let set = Set::new(asks());
        let agent = set.agent_with(config, [Orders::default().tool(ms(5_000))]).await;
        agent.turn("where is order 7?").await.unwrap();
        assert_eq!(set.tts.spoken(), spoken, "{config}");
    }
    let set = Set::new(asks());
    let agent = set.agent([Orders::default().tool(ms(5_000))]).await;
    agent.turn("where is order 7?").speak(false).await.unwrap();
    assert_eq!(set.tts.calls(), 0, "what is not spoken needs no filler");
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_cancelled_stops_its_tools_but_for_those_that_run_on() {
    let set = Set::new(
        ScriptedLlm::calling("stops", json!({"number": 1}))
            .and_calling("runs_on", json!({"number": 2}))
            .then_saying(ANSWER),
    );
    let (stops, runs_on) = (Orders::default(), Orders::default());
    let agent = set
        .agent([
            stops.named("stops", ms(1_000)),
            runs_on.named("runs_on", ms(1_000)).on_interruption(OnInterruption::RunOn),
        ])
        .await;
    let mut stream = agent.turn("where is order 7?").stream();
    while !matches!(stream.next().await, Some(Ok(TurnEvent::ToolCall(call))) if call.name == "runs_on") {}
    sleep(ms(100)).await;
    drop(stream);
    sleep(ms(5_000)).await;
    assert_eq!(stops.counts(), (1, 0));
    assert_eq!(runs_on.counts(), (1, 1));
    assert_eq!((set.llm.calls(), set.history().await.len()), (1, 0), "nothing of the turn is kept");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_turn_stands_above_the_tools() {
    let set = Set::new(asks());
    let orders = Orders::default();
    let agent = set.agent([orders.tool(ms(10_000))]).await;
    let error = agent.turn("where is order 7?").deadline(ms(1_500)).await.unwrap_err();
    assert_eq!((error.code(), error.kind()), (ErrorCode::Timeout, ErrorKind::DeadlineExceeded));
    sleep(ms(20_000)).await;
    assert_eq!((orders.counts(), set.history().await.len()), ((1, 0), 0));
}

#[tokio::test(start_paused = true)]
async fn a_tool_knows_its_turn_and_how_long_it_has() {
    let seen = Arc::new(std::sync::Mutex::new(None));
    let set = Set::new(asks());
    let see = seen.clone();
    let tool = FunctionTool::new("order_status", "Where an order is.", schema(), move |_, ctx| {
        *see.lock().unwrap() = Some((ctx.session_id, ctx.turn_id, ctx.remaining().unwrap()));
        async { Ok(()) }
    });
    let reply = set.agent([tool]).await.turn("where is order 7?").deadline(ms(5_000)).await.unwrap();
    let (session, turn, remaining) = seen.lock().unwrap().unwrap();
    assert_eq!((session, turn), (reply.session_id, reply.turn_id));
    assert!(remaining <= ms(5_000) && remaining > ms(4_900), "{remaining:?}");
    assert_eq!(reply.tool_calls[0].result, "done");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_calls_without_end_is_asked_for_words_and_then_stopped() {
    let set = Set::new(ScriptedLlm::calling("order_status", json!({"number": 7})));
    let orders = Orders::default();
    let agent = set.agent_with(r#"{"assistant": {"max_tool_rounds": 3}}"#, [orders.tool(ms(0))]).await;
    let error = agent.turn("where is order 7?").await.unwrap_err();
    assert!(error.message().contains("assistant.max_tool_rounds"), "{error}");
    assert_eq!(orders.counts(), (3, 3));
    let choices: Vec<ToolChoice> = set.llm.requests().iter().map(|r| r.tool_choice).collect();
    assert_eq!(choices, [ToolChoice::Auto, ToolChoice::Auto, ToolChoice::Auto, ToolChoice::None]);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_only_calls_a_tool_has_answered_with_silence() {
    let set = Set::new(ScriptedLlm::calling("order_status", json!({"number": 7})).then_saying(""));
    let agent = set.agent([Orders::default().tool(ms(0))]).await;
    let reply = agent.turn("note it down").await.unwrap();
    assert_eq!((reply.text.as_str(), reply.audio.is_empty(), reply.tool_calls.len()), ("", true, 1));
    agent.turn("thanks").session(reply.session_id).await.unwrap();
    assert_eq!(shown(&set.llm, 2).len(), 4, "an empty answer is not shown: {:?}", shown(&set.llm, 2));
}

#[tokio::test(start_paused = true)]
async fn several_rounds_of_calls_lead_to_one_answer() {
    let llm = ScriptedLlm::calling("order_status", json!({"number": 7}))
        .then_calling("order_status", json!({"number": 8}))
        .then_saying("Both are on their way.");
    let set = Set::new(llm);
    let reply = set.agent([Orders::default().tool(ms(10))]).await.turn("7 and 8?").await.unwrap();
    assert_eq!(reply.text, "Both are on their way.");
    let ids: Vec<String> =
        set.llm.requests()[2].messages.iter().filter_map(|m| m.answers.as_ref()).map(|a| a.id.clone()).collect();
    assert_eq!(ids, ["call00001", "call00002"], "no two calls of a prompt share an id");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_fails_after_a_tool_has_run_is_asked_again_without_running_it_again() {
    let set = Set::new(asks().call(1, Step::fail(down())).call(2, Step::fail(down()).after(3)));
    let orders = Orders::default();
    let reply = set.agent([orders.tool(ms(10))]).await.turn("where is order 7?").await.unwrap();
    assert_eq!(orders.counts(), (1, 1));
    assert_eq!(set.llm.calls(), 4);
    assert_eq!(reply.text, ANSWER);
    assert_eq!(shown(&set.llm, 3)[3], line(Role::Assistant, "It is on "), "the words that are to be continued");
    assert_eq!(set.llm.requests()[3].tool_choice, ToolChoice::None);
}

#[tokio::test(start_paused = true)]
async fn another_model_takes_over_in_the_middle_of_the_loop() {
    let first = asks().named("first/llm").call(1, Step::fail(down()));
    let second = asks().named("second/llm");
    let set = Set::new(first.clone());
    let orders = Orders::default();
    let agent = VoiceAgent::builder()
        .config(Config::from_json(r#"{"retry": {"attempts": 1}}"#).unwrap())
        .stt("none")
        .llm(Providers::from(first.clone()).then(second.clone()))
        .tts("none")
        .store(set.store.clone())
        .tool(orders.tool(ms(10)))
        .build()
        .await
        .unwrap();
    let reply = agent.turn("where is order 7?").await.unwrap();
    assert_eq!((reply.text.as_str(), orders.counts()), (ANSWER, (1, 1)));
    assert_eq!((first.calls(), second.calls()), (2, 1));
    assert_eq!(shown(&second, 0)[2], line(Role::Tool, "order 7 is on its way"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_after_a_complete_call_has_its_call_run_once() {
    let set = Set::new(asks().call(0, Step::fail(down()).after(1)));
    let orders = Orders::default();
    let reply = set.agent([orders.tool(ms(10))]).await.turn("where is order 7?").await.unwrap();
    assert_eq!((reply.text.as_str(), orders.counts(), set.llm.calls()), (ANSWER, (1, 1), 2));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_cannot_call_tools_is_passed_over_and_never_left_alone_with_them() {
    let plain = ScriptedLlm::saying("I guess so.").named("plain/llm").without_tools();
    let build = |llm: Providers<dyn voice_core::LanguageModel>| {
        let builder = VoiceAgent::builder().stt("none").llm(llm).tts("none").storage("memory");
        builder.tool(Orders::default().tool(ms(0))).build()
    };
    let error = build(plain.clone().into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.message().contains("plain/llm cannot call tools"), "{error}");

    let agent = build(Providers::from(plain.clone()).then(asks())).await.unwrap();
    assert_eq!(agent.turn("where is order 7?").await.unwrap().text, ANSWER);
    assert_eq!(plain.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_turn_and_a_tool_may_have_all_the_time_there_is() {
    let set = Set::new(asks());
    let tool = Orders::default().tool(Duration::from_secs(3_600)).timeout(Duration::MAX);
    let reply = set.agent([tool]).await.turn("where is order 7?").deadline(Duration::MAX).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.tool_calls[0].result.as_str()), (ANSWER, "order 7 is on its way"));
}

#[tokio::test(start_paused = true)]
async fn a_turn_may_bring_tools_of_its_own() {
    let set = Set::new(asks());
    let agent = set.agent([]).await;
    let own = || Arc::new(Orders::default().tool(ms(0))) as Arc<dyn Tool>;
    let reply = agent.turn("where is order 7?").tools([own()]).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.tool_calls.len()), (ANSWER, 1));

    let again = agent.turn("and now?").tools([own(), own()]).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::InvalidConfig);

    // The next turn has none, and is shown what was said without the calls.
    let calls = set.llm.calls();
    let _no_tools = agent.turn("thanks").session(reply.session_id).await;
    let request = &set.llm.requests()[calls];
    assert!(
        request.tools.is_empty() && request.messages.iter().all(|m| m.tool_calls.is_empty() && m.answers.is_none())
    );
}

#[tokio::test(start_paused = true)]
async fn calls_leave_room_for_what_was_said() {
    let mut llm = ScriptedLlm::calling("order_status", json!({"number": 0}));
    for n in 1..9 {
        llm = llm.and_calling("order_status", json!({"number": n}));
    }
    let set = Set::new(llm.then_saying(ANSWER));
    let agent = set.agent([Orders::default().tool(ms(0))]).await;
    let session = agent.turn("all orders?").await.unwrap().session_id;
    agent.turn("thanks").session(session).await.unwrap();
    let shown = shown(&set.llm, 2);
    assert_eq!((shown[0].1.as_str(), shown.len()), ("all orders?", 1 + 2 * 9 + 1 + 1));
}

#[tokio::test(start_paused = true)]
async fn a_result_longer_than_a_model_can_read_is_cut_and_says_so() {
    let set = Set::new(asks());
    let tool =
        FunctionTool::new("order_status", "Where an order is.", schema(), |_, _| async { Ok("ä".repeat(60_000)) });
    let record = only_call(&set, tool).await;
    assert!(record.result.ends_with("(cut: the first 50000 of 60000 characters)"));
    assert!(!record.failed && record.result.chars().count() < 50_100);
}

#[tokio::test(start_paused = true)]
async fn what_a_tool_is_given_and_gives_is_in_no_debug_output() {
    let set =
        Set::new(ScriptedLlm::calling("order_status", json!({"number": 7, "who": "planted"})).then_saying(ANSWER));
    let tool = FunctionTool::new("order_status", "Where an order is.", schema(), |_, _| async { Ok("planted") });
    let events = timed_events(set.agent([tool]).await.turn("where is it?")).await;
    let seen = format!("{events:?} {:?} {:?}", set.llm.requests(), set.history().await);
    assert!(seen.contains("order_status") && !seen.contains("planted"), "{seen}");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_ends_early_for_its_tokens_still_has_its_calls_run() {
    let set = Set::new(asks().finishing(FinishReason::Length));
    let orders = Orders::default();
    set.agent([orders.tool(ms(0))]).await.turn("where is order 7?").await.unwrap();
    assert_eq!(orders.counts(), (1, 1));
}
