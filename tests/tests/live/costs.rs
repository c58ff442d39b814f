//! What a live session costs: everything that was asked of a provider is in some turn's sum, once.

use std::time::Duration;

use voice_core::live::LiveEvent;
use voice_testkit::{ScriptedLlm, Voice};

use super::{ANSWER, call::Call, is_interrupted};

const PRICES: &str = r#"{"prices": {"currency": "EUR", "models": {
    "scripted/llm": {"input_per_million": 1.5, "cached_input_per_million": 0.15, "output_per_million": 6},
    "scripted/*": {"heard_per_minute": 0, "spoken_per_million_characters": 20}
}}}"#;

/// 80 tokens at 1.5 and 20 at 0.15, 10 at 6.
const WRITTEN: &str = "0.000183 EUR";
/// And 61 characters at 20.
const ANSWERED: &str = "0.001403 EUR";

fn llm() -> ScriptedLlm {
    ScriptedLlm::saying(ANSWER).using(100, 20, 10)
}

fn metrics(call: &Call) -> Vec<(String, String)> {
    let events = call.events().into_iter();
    let told = events.filter_map(|(_, event)| if let LiveEvent::Metrics(m) = event { Some(m) } else { None });
    told.map(|m| (m.stage.as_str().to_owned(), m.cost.map(|cost| cost.to_string()).unwrap_or_default())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_turn_costs_what_its_calls_cost_and_the_session_what_its_turns_cost() {
    let call = Call::new(&Voice::new(), llm(), PRICES).await;
    call.live.push_text("will it rain tomorrow?").unwrap();
    call.until_turns(1).await;
    call.live.push_text("and the day after?").unwrap();
    call.until_turns(2).await;
    let summary = call.live.end().await.unwrap();

    let turns = call.turns();
    assert_eq!(ANSWER.chars().count(), 62);
    assert_eq!(turns[0].usage.tts_characters, 61, "the space between the sentences is not spoken");
    let cost = turns[0].cost.unwrap();
    assert_eq!(cost.to_string(), ANSWERED);
    assert_eq!((cost.micros(), turns[1].cost), (1_403, turns[0].cost));
    assert_eq!((summary.cost, summary.usage.input_tokens), (cost.plus(cost), 200));
    let told = metrics(&call);
    assert!(told.contains(&("llm".into(), WRITTEN.into())), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_cut_off_and_one_that_was_thrown_away_are_paid_for_all_the_same() {
    let llm = llm();
    let call = Call::new(&Voice::new(), llm.clone(), PRICES).await;
    call.speak("will it rain?").await;
    call.silence(400).await;
    assert_eq!(llm.calls(), 1, "an answer is prepared");
    call.speak("In the north, I mean.").await;
    call.until_played(3).await;
    call.speak("wait a moment please!").await;
    call.until("the interruption", is_interrupted).await;
    call.until_turns(2).await;
    let summary = call.live.end().await.unwrap();

    let turns = call.turns();
    assert!(turns[0].interrupted);
    assert_eq!(turns[0].usage.input_tokens, 200, "of the answer that nobody heard, too");
    let calls = llm.calls() as u64;
    assert_eq!((summary.usage.input_tokens, calls), (100 * calls, 3));
    let sum = turns.iter().map(|turn| turn.cost.unwrap()).reduce(|one, two| one.plus(two).unwrap());
    assert_eq!(summary.cost, sum);
    assert!(summary.usage.stt_seconds > 1.0);
}

#[tokio::test(start_paused = true)]
async fn without_a_price_for_all_that_was_called_there_is_no_cost() {
    let only = r#"{"prices": {"models": {"scripted/llm": {"input_per_million": 1, "output_per_million": 1}}}}"#;
    let call = Call::new(&Voice::new(), llm(), only).await;
    call.live.push_text("will it rain tomorrow?").unwrap();
    call.until_turns(1).await;
    assert_eq!(call.turns()[0].cost, None);
    assert_eq!(call.turns()[0].usage.output_tokens, 10);
    assert!(metrics(&call).contains(&("llm".into(), "0.00011 USD".into())));
    assert_eq!(call.live.end().await.unwrap().cost, None);
}

#[tokio::test(start_paused = true)]
async fn what_is_heard_while_it_is_spoken_is_paid_for_once() {
    let prices = r#"{"prices": {"currency": "EUR", "models": {
        "scripted/llm": {"input_per_million": 0, "output_per_million": 0},
        "scripted/*": {"heard_per_minute": 60, "spoken_per_million_characters": 0}
    }}}"#;
    let voice = Voice::new().streaming(Duration::from_millis(50));
    let call = Call::new(&voice, llm(), prices).await;
    call.speak("will it rain tomorrow?").await;
    call.until_turns(1).await;

    let turn = &call.turns()[0];
    // A euro a second.
    assert_eq!(turn.cost.unwrap().micros(), (turn.usage.stt_seconds * 1e6).round() as u64);
    assert!((1.0..5.0).contains(&turn.usage.stt_seconds));
    assert_eq!(call.live.end().await.unwrap().cost, turn.cost);
}
