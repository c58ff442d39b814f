//! Sessions with a model that hears and speaks by itself: the same events, tools and history as with the stages of a turn.

use serde_json::json;
use voice_core::{SpeechToSpeech, cost::TokensUsed, live::LiveSummary, provider::Turns, tool::FunctionTool};
use voice_testkit::ScriptedRealtime;

use super::*;

const PRICES: &str = r#"{"prices": {"models": {"scripted/realtime": {
    "input_per_million": 4, "cached_input_per_million": 0.4, "output_per_million": 16,
    "audio_input_per_million": 32, "cached_audio_input_per_million": 0.4, "audio_output_per_million": 64
}}}}"#;

async fn call_with(
    voice: &Voice,
    model: &ScriptedRealtime,
    config: &str,
    set: impl FnOnce(voice_core::agent::Live) -> voice_core::agent::Live,
) -> Call {
    let store = Arc::new(MemoryStore::new());
    let agent = VoiceAgent::builder()
        .config(Config::from_json(config).unwrap())
        .realtime(model.clone())
        .store(Arc::clone(&store) as Arc<dyn ConversationStore>)
        .clock(Arc::new(voice_testkit::VirtualClock::new()))
        .build()
        .await
        .unwrap();
    Call::on(agent, voice, store, set).await
}

async fn call(voice: &Voice, model: &ScriptedRealtime, config: &str) -> Call {
    call_with(voice, model, config, |live| live).await
}

fn model(voice: &Voice) -> ScriptedRealtime {
    ScriptedRealtime::new(voice).saying(ANSWER).first_after(ms(200), ms(20)).recognised_after(ms(300))
}

fn errors(call: &Call) -> Vec<ErrorCode> {
    let errors = call.events().into_iter();
    errors.filter_map(|(_, e)| if let LiveEvent::Error(error) = e { Some(error.code()) } else { None }).collect()
}

/// What the model was told of what the user heard, in milliseconds.
fn heard(model: &ScriptedRealtime) -> Vec<u64> {
    let told = model.told().into_iter();
    told.filter_map(|line| line.strip_prefix("heard ")?.split(' ').nth(1)?.parse().ok()).collect()
}

#[tokio::test(start_paused = true)]
async fn three_spoken_turns_are_answered_and_stored() {
    let voice = Voice::new();
    let model = model(&voice);
    let call = call(&voice, &model, "{}").await;
    for (n, said) in ["will it rain?", "and the day after?", "thank you"].into_iter().enumerate() {
        call.silence(300).await;
        call.speak(said).await;
        call.until_turns(n + 1).await;
    }
    let turns = call.turns();
    assert_eq!(
        turns.iter().map(|turn| turn.transcript.as_str()).collect::<Vec<_>>(),
        ["will it rain?", "and the day after?", "thank you"]
    );
    assert!(turns.iter().all(|t| t.kind == SpeechKind::Answer && !t.interrupted && t.text == ANSWER));
    assert!(turns.iter().all(|t| t.user_message_id.is_some() && t.assistant_message_id.is_some()));
    let history = call.history().await;
    assert_eq!((history.len(), history[0].as_str()), (6, "user: will it rain?"));
    assert_eq!(history[5], format!("agent: {ANSWER}"));
    assert_eq!(call.played(), [ANSWER; 3].join(" "));
    // The server waits for half a second of silence; the first word takes 200 ms.
    let (end, response) = (turns[0].end_of_utterance_delay.unwrap(), turns[0].response_delay.unwrap());
    assert!((ms(480)..ms(540)).contains(&end) && (ms(680)..ms(760)).contains(&response), "{end:?} {response:?}");
    assert!(turns[0].timings.first_audio.is_some() && turns[0].timings.stored.is_some());
    assert_eq!(model.connections(), 1);
    let names = call.names().join("\n");
    let order =
        ["Speaking)", "Listening)", "TurnStarted", "Thinking", "Transcript(", "AgentState(Speaking)", "TurnDone"];
    let mut at = 0;
    for what in order {
        at += names[at..].find(what).unwrap_or_else(|| panic!("{what} is missing in {names}"));
    }
    assert!(model.requests()[0].instructions.contains("voice assistant"));
    // What is heard is told sentence by sentence, as its sound begins.
    let speaking: Vec<(Duration, String)> = call
        .events()
        .into_iter()
        .filter_map(|(at, event)| if let LiveEvent::Speaking(words) = event { Some((at, words.0)) } else { None })
        .take(2)
        .collect();
    assert_eq!(format!("{} {}", speaking[0].1, speaking[1].1), ANSWER);
    assert!(speaking[1].0 - speaking[0].0 > ms(500), "{speaking:?}");
}

#[tokio::test(start_paused = true)]
async fn an_interruption_stops_the_model_where_the_user_stopped_listening() {
    let voice = Voice::new();
    let model = model(&voice);
    let call = call(&voice, &model, "{}").await;
    call.speak("will it rain tomorrow?").await;
    call.until_played(4).await;
    call.speak("wait a moment please").await;
    call.until("the interruption", is_interrupted).await;
    let played = call.played();
    call.until_turns(2).await;

    let turns = call.turns();
    assert!(turns[0].interrupted && turns[0].transcript == "will it rain tomorrow?");
    assert_heard(&turns[0].text, &played);
    assert!(ANSWER.starts_with(&turns[0].text) && turns[0].text.len() < ANSWER.len());
    assert_eq!(call.history().await[1], format!("agent: {}", turns[0].text));
    // The model made the answer faster than it was heard; it is told how much of it was.
    let words = u64::try_from(voice.say(&played).len() / 16).unwrap();
    let told = heard(&model);
    assert!(told.len() == 1 && told[0] + 40 >= words && told[0] <= words + 400, "{told:?} {words} {played}");
    assert_eq!(turns[1].transcript, "wait a moment please");
    // Nothing of the first answer is heard after it was stopped.
    assert_eq!(call.played(), format!("{played} {ANSWER}"));
}

#[tokio::test(start_paused = true)]
async fn without_interruptions_what_is_said_meanwhile_is_answered_afterwards() {
    let voice = Voice::new();
    let model = model(&voice).answering(1, "Gladly.");
    let call = call(&voice, &model, r#"{"live": {"interruption": {"enabled": false}}}"#).await;
    call.speak("will it rain tomorrow?").await;
    call.until_played(2).await;
    call.speak("and bring tea").await;
    call.until_turns(2).await;
    assert!(call.turns().iter().all(|turn| !turn.interrupted));
    assert_eq!(call.played(), format!("{ANSWER} Gladly."));
    assert_eq!(call.turns()[1].transcript, "and bring tea");
    assert!(matches!(model.requests()[0].turns, Turns::Automatic { interruptible: false, .. }));
}

#[tokio::test(start_paused = true)]
async fn who_goes_on_before_anything_is_heard_is_answered_once() {
    let voice = Voice::new();
    let model = model(&voice).first_after(ms(1_500), ms(20));
    let call = call(&voice, &model, "{}").await;
    call.speak("will it rain?").await;
    call.silence(900).await;
    call.speak("in the north").await;
    call.until_turns(1).await;
    assert_eq!(call.turns()[0].transcript, "will it rain? in the north");
    assert_eq!(call.history().await.len(), 2);
    assert_eq!(call.played(), ANSWER);
}

#[tokio::test(start_paused = true)]
async fn the_host_ends_turns_when_it_says_so() {
    let voice = Voice::new();
    let model = model(&voice);
    let call = call(&voice, &model, r#"{"live": {"turn_detection": "manual"}}"#).await;
    call.speak("will it").await;
    call.silence(2_000).await;
    call.speak("rain?").await;
    assert!(call.count(|e| matches!(e, LiveEvent::TurnStarted { .. })) == 0);
    call.live.commit().unwrap();
    // Nothing to say is nothing to answer.
    call.live.commit().unwrap();
    while call.turns().is_empty() {
        tokio::time::sleep(ms(20)).await;
    }
    assert_eq!(call.turns()[0].transcript, "will it rain?");
    assert_eq!(model.told().iter().filter(|line| *line == "commit").count(), 1);
    assert_eq!(model.requests()[0].turns, Turns::Manual);
}

#[tokio::test(start_paused = true)]
async fn what_is_typed_is_answered_aloud_and_stops_what_is_being_said() {
    let voice = Voice::new();
    let model = model(&voice);
    let call = call(&voice, &model, "{}").await;
    call.live.push_text("will it rain?").unwrap();
    call.until_played(3).await;
    call.live.push_text("stop that").unwrap();
    call.until_turns(2).await;
    assert!(call.turns()[0].interrupted && call.turns()[1].transcript == "stop that");
    assert_eq!(model.told()[..2], ["typed: will it rain?", "answer"]);
    assert!(call.events().iter().any(|(_, e)| matches!(e, LiveEvent::Transcript(t) if t.is_final)));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_only_writes_is_asked_for_text() {
    let voice = Voice::new();
    let model = model(&voice);
    let call = call_with(&voice, &model, "{}", |live| live.speak(false).first_message("Hello!")).await;
    call.live.push_text("will it rain?").unwrap();
    call.until("text", |e| matches!(e, LiveEvent::Text(_))).await;
    assert!(!model.requests()[0].speak && model.told().iter().all(|line| !line.starts_with("say")));
}

#[tokio::test(start_paused = true)]
async fn the_greeting_is_read_aloud_and_what_the_user_says_meanwhile_is_answered_after_it() {
    let voice = Voice::new();
    let model = model(&voice).answering(0, "Fine.");
    let config = r#"{"assistant": {"first_message": "Hello, this is the bakery."},
        "live": {"conversation": {"greeting_interruptible": false}}}"#;
    let call = call(&voice, &model, config).await;
    call.until_played(2).await;
    call.speak("how are you").await;
    call.until_turns(2).await;
    let kinds: Vec<SpeechKind> = call.turns().iter().map(|turn| turn.kind).collect();
    assert_eq!(kinds, [SpeechKind::Greeting, SpeechKind::Answer]);
    assert_eq!(call.played(), "Hello, this is the bakery. Fine.");
    assert_eq!(
        call.history().await,
        ["agent: Hello, this is the bakery.", "user: how are you", "agent: Fine."].map(str::to_owned)
    );
    // It was read outside the conversation: the model is told that it was said.
    assert!(model.told().contains(&"remember assistant: Hello, this is the bakery.".into()), "{:?}", model.told());
}

#[tokio::test(start_paused = true)]
async fn what_the_host_says_can_be_interrupted_and_what_was_heard_of_it_is_kept() {
    let voice = Voice::new();
    let model = model(&voice);
    let call = call(&voice, &model, "{}").await;
    call.live.say(ANSWER).unwrap();
    call.until_played(3).await;
    call.live.interrupt().unwrap();
    call.until_turns(1).await;
    let played = call.played();
    assert_heard(&call.turns()[0].text, &played);
    assert_eq!((call.turns()[0].kind, call.turns()[0].interrupted), (SpeechKind::Said, true));
    call.silence(5_000).await;
    assert_eq!(call.played(), played, "nothing is heard after it was stopped");
    let told = model.told();
    assert_eq!(told.last(), Some(&format!("remember assistant: {}", call.turns()[0].text)));
    assert!(heard(&model).is_empty(), "what was read aloud is no part of the conversation");
}

fn nothing() -> Option<&'static str> {
    None
}

fn tools() -> Vec<Arc<dyn voice_core::Tool>> {
    let schema = || json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let weather = FunctionTool::new("weather", "The weather.", schema(), |_, _| async {
        tokio::time::sleep(ms(500)).await;
        Ok("rain")
    });
    let broken = FunctionTool::new("broken", "Breaks.", json!({"type": "object"}), |_, _| async {
        Ok(nothing().expect("a panic of a tool's own"))
    });
    vec![Arc::new(weather), Arc::new(broken)]
}

#[tokio::test(start_paused = true)]
async fn tools_are_called_and_their_results_spoken() {
    let voice = Voice::new();
    let model = model(&voice)
        .calling(0, "weather", json!({"city": "Oslo"}))
        .calling(0, "broken", json!({}))
        .calling(0, "weather", json!({}))
        .answering(1, "It rains.");
    let call = call_with(&voice, &model, "{}", |live| live.tools(tools())).await;
    call.speak("how is Oslo?").await;
    call.until_turns(1).await;

    let turn = &call.turns()[0];
    assert_eq!((turn.text.as_str(), turn.transcript.as_str()), ("It rains.", "how is Oslo?"));
    let mut results: Vec<(String, bool)> = turn.tool_calls.iter().map(|c| (c.name.clone(), c.failed)).collect();
    results.sort();
    assert_eq!(results, [("broken".into(), true), ("weather".into(), false), ("weather".into(), true)]);
    assert_eq!(call.count(|e| matches!(e, LiveEvent::ToolCall(_))), 3);
    assert_eq!(call.count(|e| matches!(e, LiveEvent::ToolResult(_))), 3);
    let told = model.told();
    assert!(told.contains(&"result call_0_0: rain".into()), "{told:?}");
    assert!(
        told.iter().any(|line| line.starts_with("result call_0_1: ") && line.contains("PROVIDER_ERROR")),
        "{told:?}"
    );
    assert!(told.iter().any(|line| line.starts_with("result call_0_2: ") && line.contains("city")), "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("answer"), "once, when all results are there");
    assert_eq!(call.stored().await.len(), 5, "what was said, three calls, the answer");
    assert_eq!(model.requests()[0].tools.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_user_who_goes_on_stops_the_tools_and_the_model_knows() {
    let voice = Voice::new();
    let model = model(&voice).calling(0, "weather", json!({"city": "Oslo"})).answering(1, "Never mind.");
    let call = call_with(&voice, &model, "{}", |live| live.tools(tools())).await;
    call.speak("how is Oslo?").await;
    call.until("the call", |e| matches!(e, LiveEvent::ToolCall(_))).await;
    call.speak("no wait").await;
    call.until_turns(1).await;
    assert_eq!(call.turns()[0].transcript, "how is Oslo? no wait");
    assert_eq!(call.played(), "Never mind.");
    let told = model.told();
    assert!(told.iter().any(|line| line.starts_with("result call_0_0: ") && line.contains("CANCELLED")), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_calls_for_ever_has_to_answer_in_the_end() {
    let voice = Voice::new();
    let model = (0..3).fold(model(&voice), |model, n| model.calling(n, "weather", json!({"city": "Oslo"})));
    let config = r#"{"assistant": {"max_tool_rounds": 3}}"#;
    let call = call_with(&voice, &model, config, |live| live.tools(tools())).await;
    call.live.push_text("how is Oslo?").unwrap();
    call.until_turns(1).await;
    assert_eq!(call.turns()[0].tool_calls.len(), 3);
    assert_eq!(model.told().last().map(String::as_str), Some("answer without tools"));
}

fn used() -> TokensUsed {
    let mut used = TokensUsed::default();
    (used.text_in, used.cached_text_in, used.audio_in, used.cached_audio_in) = (100, 50, 200, 100);
    (used.text_out, used.audio_out) = (10, 40);
    used
}

#[tokio::test(start_paused = true)]
async fn a_turn_costs_what_its_tokens_of_text_and_sound_cost() {
    let voice = Voice::new();
    let model = model(&voice).using(used()).calling(0, "weather", json!({"city": "Oslo"}));
    let call = call_with(&voice, &model, PRICES, |live| live.tools(tools())).await;
    call.speak("how is Oslo?").await;
    call.until_turns(1).await;
    let turn = &call.turns()[0];
    // Twice 50 at 4, 50 at 0.4, 100 at 32, 100 at 0.4, 10 at 16, 40 at 64 for a million.
    assert_eq!(turn.cost.unwrap().to_string(), "0.01236 USD");
    let usage = turn.usage;
    assert_eq!((usage.input_tokens, usage.cached_tokens, usage.output_tokens), (600, 300, 100));
    assert!(usage.tts_seconds > 1.0);
    let is_the_models = |e: &LiveEvent| matches!(e, LiveEvent::Metrics(m) if m.provider == "scripted/realtime");
    assert_eq!(call.count(is_the_models), 2);
    let summary: LiveSummary = call.live.end().await.unwrap();
    assert_eq!((summary.cost, summary.turns), (turn.cost, 1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_fails_is_an_error_and_what_was_said_is_kept() {
    let voice = Voice::new();
    let model = model(&voice).failing(0, ErrorKind::RateLimited).refusing(1, ErrorKind::RejectedByProvider);
    let call = call(&voice, &model, "{}").await;
    call.speak("will it rain?").await;
    call.until_turns(1).await;
    call.speak("hello?").await;
    call.until_turns(2).await;
    call.speak("and now?").await;
    call.until_turns(3).await;
    assert_eq!(errors(&call), [ErrorCode::RateLimitExceeded, ErrorCode::InvalidRequest]);
    let history = call.history().await;
    assert_eq!(history, ["user: will it rain?", "user: hello?", "user: and now?", &format!("agent: {ANSWER}")]);
    assert_eq!(model.connections(), 1, "the session went on");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_drops_in_an_answer_is_opened_anew_with_what_was_heard() {
    let voice = Voice::new();
    let model = model(&voice).answering(0, "Good morning.").dropping(1, ANSWER, 5).unreachable(1, ErrorKind::Connect);
    let call = call(&voice, &model, "{}").await;
    call.speak("hello").await;
    call.until_turns(1).await;
    call.speak("will it rain?").await;
    call.until_turns(2).await;
    call.speak("go on").await;
    call.until_turns(3).await;

    let turns = call.turns();
    let kept = turns[1].text.clone();
    assert!(ANSWER.starts_with(&kept) && kept.split(' ').count() >= 3 && kept.split(' ').count() <= 5, "{kept}");
    assert!(!turns[1].interrupted);
    assert_eq!(turns[2].text, ANSWER);
    assert_eq!((model.connections(), errors(&call).len()), (3, 2));
    let history: Vec<String> =
        model.requests()[2].history.iter().map(|m| format!("{}: {}", m.role.as_str(), m.content)).collect();
    assert_eq!(history, ["user: hello", "assistant: Good morning."]);
    // What was still being heard when the connection was lost is told to the new one when it was.
    let told = model.told();
    let at = told.iter().position(|line| line == "remember user: will it rain?").unwrap();
    assert_eq!(told[at + 1], format!("remember assistant: {kept}"));
}

#[tokio::test(start_paused = true)]
async fn a_question_whose_answer_was_not_heard_is_asked_again_over_a_new_connection() {
    let voice = Voice::new();
    let model = model(&voice).dropping(0, ANSWER, 0).recognised_after(ms(10));
    let call = call(&voice, &model, "{}").await;
    call.speak("will it rain?").await;
    call.until_turns(1).await;
    assert_eq!(model.told(), ["typed: will it rain?", "answer"]);
    assert_eq!(call.history().await, ["user: will it rain?".to_owned(), format!("agent: {ANSWER}")]);
    assert_eq!(errors(&call), [ErrorCode::ProviderError]);
}

#[tokio::test(start_paused = true)]
async fn what_tools_have_done_is_not_done_again_over_a_new_connection() {
    let voice = Voice::new();
    let model =
        model(&voice).recognised_after(ms(10)).calling(0, "weather", json!({"city": "Oslo"})).dropping(1, ANSWER, 0);
    let call = call_with(&voice, &model, "{}", |live| live.tools(tools())).await;
    call.speak("how is Oslo?").await;
    call.until_turns(1).await;
    let turn = &call.turns()[0];
    assert_eq!((turn.text.as_str(), turn.tool_calls.len()), (ANSWER, 1));
    assert_eq!(call.count(|e| matches!(e, LiveEvent::ToolCall(_))), 1);
    let told = model.told();
    assert_eq!(
        told[told.len() - 4..],
        ["typed: how is Oslo?", "remember assistant: [weather]", "remember tool: rain", "answer"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_question_that_was_not_recognised_yet_is_told_again_as_it_sounded() {
    let voice = Voice::new();
    let model = model(&voice).dropping(0, ANSWER, 0).recognised_after(ms(2_000));
    let call = call(&voice, &model, r#"{"live": {"turn_detection": "manual"}}"#).await;
    call.speak("will it rain?").await;
    call.live.commit().unwrap();
    while call.turns().is_empty() {
        tokio::time::sleep(ms(20)).await;
    }
    assert_eq!(model.told(), ["commit", "answer", "commit", "answer"]);
    assert_eq!(call.turns()[0].transcript, "will it rain?");
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_on_beyond_the_longest_life_of_a_connection() {
    let voice = Voice::new();
    let model = model(&voice).lasting(Duration::from_secs(3_600));
    let call = call(&voice, &model, "{}").await;
    call.live.push_text("hello").unwrap();
    call.until_turns(1).await;
    tokio::time::sleep(Duration::from_secs(3_590)).await;
    call.silence(100).await;
    call.speak("still there?").await;
    call.until_turns(2).await;
    assert_eq!((model.connections(), errors(&call).len()), (2, 0), "a quiet moment was taken");
    assert_eq!(model.requests()[1].history.len(), 2);
    // One that nobody was quiet for ends in the middle, and is gone on with all the same.
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(call.turns()[1].text, ANSWER);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_cannot_be_had_again_ends_the_session_with_the_reason() {
    let voice = Voice::new();
    let model_of = || model(&voice).recognised_after(ms(10));
    let never = (1..9).fold(model_of().dropping(0, ANSWER, 3), |model, n| model.unreachable(n, ErrorKind::Connect));
    let call = call(&voice, &never, "{}").await;
    call.speak("will it rain?").await;
    call.until("the end", |e| matches!(e, LiveEvent::Ended(s) if s.reason == EndReason::ConnectionLost)).await;
    assert_eq!(never.connections(), 6, "five more attempts");
    assert!(errors(&call).iter().all(|code| *code == ErrorCode::ProviderError) && errors(&call).len() >= 5);
    assert_eq!(call.history().await.len(), 2, "what was heard is kept");

    let refused = model_of().dropping(0, ANSWER, 0).unreachable(1, ErrorKind::InvalidProviderKey);
    let call = self::call(&voice, &refused, "{}").await;
    call.live.push_text("hello").unwrap();
    call.until("the end", |e| matches!(e, LiveEvent::Ended(_))).await;
    assert_eq!((refused.connections(), errors(&call).last().copied()), (2, Some(ErrorCode::InvalidProviderKey)));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_refuses_the_key_is_no_session_at_all() {
    let voice = Voice::new();
    let start = |model: ScriptedRealtime| async move {
        let agent = VoiceAgent::builder().realtime(model).storage("memory").build().await.unwrap();
        agent.live().start().await.map(|_| ())
    };
    let refused = model(&voice).unreachable(0, ErrorKind::InvalidProviderKey);
    let error = start(refused.clone()).await.unwrap_err();
    assert_eq!((error.code(), error.provider()), (ErrorCode::InvalidProviderKey, Some("scripted/realtime")));
    assert_eq!(refused.connections(), 1);
    let busy = model(&voice).unreachable(0, ErrorKind::RateLimited).unreachable(1, ErrorKind::Connect);
    start(busy.clone()).await.unwrap();
    assert_eq!(busy.connections(), 3, "what may pass is tried again");
}

#[tokio::test(start_paused = true)]
async fn words_that_come_late_or_never_do_not_hold_up_what_is_kept() {
    let voice = Voice::new();
    let model = model(&voice).answering(0, "Yes.").recognised_after(ms(4_000));
    let call = call(&voice, &model, "{}").await;
    call.speak("will it rain?").await;
    call.until_turns(1).await;
    assert_eq!((call.turns()[0].transcript.as_str(), call.turns()[0].text.as_str()), ("will it rain?", "Yes."));

    let model = self::model(&voice).answering(0, "Yes.").recognised_after(ms(60_000));
    let call = self::call(&voice, &model, "{}").await;
    call.speak("will it rain?").await;
    call.until_turns(1).await;
    assert_eq!(call.history().await, ["agent: Yes."]);

    let model = self::model(&voice).answering(0, "Pardon?").hearing(None);
    let call = self::call(&voice, &model, "{}").await;
    call.speak("mumble").await;
    call.until_turns(1).await;
    assert_eq!((call.history().await, errors(&call)), (vec!["agent: Pardon?".into()], vec![ErrorCode::ProviderError]));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_keeps_what_was_heard_and_what_was_said_last() {
    let voice = Voice::new();
    let model = model(&voice).recognised_after(ms(1_000));
    let call = call(&voice, &model, "{}").await;
    call.speak("will it rain?").await;
    call.until_played(3).await;
    let summary = call.live.end().await.unwrap();
    assert_eq!((summary.turns, summary.interruptions), (1, 1));
    let history = call.history().await;
    assert_eq!(history[0], "user: will it rain?");
    assert!(ANSWER.starts_with(history[1].strip_prefix("agent: ").unwrap()));

    let call = self::call(&voice, &model, "{}").await;
    call.speak("one more thing").await;
    call.live.end().await.unwrap();
    assert_eq!(call.history().await, ["user: one more thing"]);
}

#[tokio::test(start_paused = true)]
async fn goodbyes_reminders_and_the_end_of_calls_are_those_of_every_session() {
    let voice = Voice::new();
    let model = model(&voice).answering(0, "Bye.");
    let config = r#"{"live": {"conversation": {"goodbye_phrases": ["goodbye"], "reminder_seconds": 5, "reminder_max_count": 1,
        "reminder_message": "Are you there?"}}}"#;
    let call = call(&voice, &model, config).await;
    call.until("the reminder", |e| matches!(e, LiveEvent::UserState(UserState::Away))).await;
    call.until_turns(1).await;
    assert_eq!(call.turns()[0].kind, SpeechKind::Reminder);
    call.speak("goodbye").await;
    call.until("the end", |e| matches!(e, LiveEvent::Ended(s) if s.reason == EndReason::Goodbye)).await;
    assert_eq!(call.played(), "Are you there? Bye.");
}

#[tokio::test(start_paused = true)]
async fn who_goes_on_after_a_goodbye_is_not_hung_up_on_whenever_its_words_come() {
    for recognised in [300, 3_000] {
        let voice = Voice::new();
        let model = model(&voice).recognised_after(ms(recognised));
        let call = call(&voice, &model, r#"{"live": {"conversation": {"goodbye_phrases": ["goodbye"]}}}"#).await;
        call.speak("Goodbye!").await;
        call.until_played(1).await;
        call.speak("oh wait, one more question please").await;
        call.until_turns(2).await;
        call.silence(3_000).await;
        assert_eq!(call.count(|e| matches!(e, LiveEvent::Ended(_))), 0, "{recognised}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_earlier_conversation_is_gone_on_with() {
    let voice = Voice::new();
    let model = model(&voice);
    let first = call(&voice, &model, "{}").await;
    first.live.push_text("my name is Ada").unwrap();
    first.until_turns(1).await;
    first.live.end().await.unwrap();
    let id = first.live.session_id();
    let live = first.agent.live().session(id).start().await.unwrap();
    assert_eq!(live.session_id(), id);
    let history = &model.requests()[1].history;
    assert_eq!((&*history[0].content, &*history[1].content), ("my name is Ada", ANSWER));
}

#[tokio::test(start_paused = true)]
async fn client_secrets_are_given_out_again_for_fifty_seconds() {
    let model = model(&Voice::new());
    let agent = VoiceAgent::builder().realtime(model.clone()).storage("memory").build().await.unwrap();
    let secret = |set: fn(&mut voice_core::agent::ClientSecretOptions)| {
        let realtime = agent.realtime();
        let mut options = voice_core::agent::ClientSecretOptions::default();
        set(&mut options);
        async move { realtime.client_secret(options).await.map(|secret| secret.value.expose().to_owned()) }
    };
    let (one, two) = tokio::join!(secret(|_| ()), secret(|_| ()));
    assert_eq!((one.unwrap(), two.unwrap()), ("ek_1".into(), "ek_1".into()));
    tokio::time::sleep(ms(49_900)).await;
    assert_eq!(secret(|_| ()).await.unwrap(), "ek_1");
    assert_eq!(secret(|o| o.voice = Some("cedar".into())).await.unwrap(), "ek_2", "other settings, another secret");
    tokio::time::sleep(ms(200)).await;
    assert_eq!(secret(|_| ()).await.unwrap(), "ek_3");
    assert_eq!(model.secrets(), 3);
    let error = secret(|o| o.valid = Some(Duration::from_secs(9))).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ValidationError);
    let printed =
        format!("{:?}", agent.realtime().client_secret(voice_core::agent::ClientSecretOptions::default()).await);
    assert!(!printed.contains("ek_"), "{printed}");

    let none = VoiceAgent::builder().llm(llm()).stt("none").tts("none").storage("memory").build().await.unwrap();
    let error = none.realtime().client_secret(voice_core::agent::ClientSecretOptions::default()).await.unwrap_err();
    assert!(error.message().contains("configure `realtime`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn one_shot_turns_need_stages_and_say_so() {
    let model = model(&Voice::new());
    assert_eq!(model.name(), "scripted/realtime");
    let agent = VoiceAgent::builder().realtime(model.clone()).storage("memory").build().await.unwrap();
    let error = agent.turn("hello").await.unwrap_err();
    assert!(error.message().contains("configure `llm`"), "{error}");
    let agent = VoiceAgent::builder().realtime(model).llm(llm()).storage("memory").build().await.unwrap();
    assert_eq!(agent.turn("hello").await.unwrap().text, ANSWER);
}

/// A model that takes no part in what is cancelled.
struct Obedient(ScriptedRealtime);

#[async_trait::async_trait]
impl SpeechToSpeech for Obedient {
    fn name(&self) -> &str {
        self.0.name()
    }

    async fn converse(
        &self,
        request: voice_core::provider::ConversationRequest,
        input: voice_core::provider::ConversationInput,
        ctx: &voice_core::provider::CallContext,
    ) -> voice_core::Result<voice_core::provider::Conversation> {
        use futures_util::StreamExt;

        ctx.check()?;
        let mut conversation = self.0.converse(request, input, ctx).await?;
        let cancelled = ctx.cancel.clone().cancelled_owned();
        conversation.events = conversation.events.take_until(Box::pin(cancelled)).boxed();
        Ok(conversation)
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_said_last_is_recognised_though_the_agent_closes() {
    let voice = Voice::new();
    let store = Arc::new(MemoryStore::new());
    let agent = VoiceAgent::builder()
        .realtime(Obedient(model(&voice).recognised_after(ms(1_000))))
        .store(Arc::clone(&store) as Arc<dyn ConversationStore>)
        .build()
        .await
        .unwrap();
    let call = Call::on(agent, &voice, store, |live| live).await;
    call.speak("will it rain?").await;
    call.until_played(3).await;
    call.speak("one more thing").await;
    call.agent.close().await.unwrap();
    tokio::time::sleep(ms(1)).await;
    let said: Vec<String> = call.turns().into_iter().map(|turn| turn.transcript).collect();
    assert_eq!(said, ["will it rain?", "one more thing"]);
    assert!(ANSWER.starts_with(&call.turns()[0].text), "{:#?}", call.names());
}

#[tokio::test(start_paused = true)]
async fn a_question_that_could_not_be_recognised_is_told_again_as_it_sounded() {
    let voice = Voice::new();
    let model = model(&voice).dropping(0, ANSWER, 0).hearing(None).recognised_after(ms(10));
    let call = call(&voice, &model, r#"{"live": {"turn_detection": "manual"}}"#).await;
    call.speak("will it rain?").await;
    call.live.commit().unwrap();
    while call.turns().is_empty() {
        tokio::time::sleep(ms(20)).await;
    }
    assert_eq!(model.told(), ["commit", "answer", "commit", "answer"]);
    assert_eq!((call.turns()[0].transcript.as_str(), call.turns()[0].text.as_str()), ("will it rain?", ANSWER));
}
