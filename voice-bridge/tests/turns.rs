//! The events of a turn: told, pulled, or passed over on the way to its reply.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use serde_json::json;
use voice_bridge::{
    Agent, ErrorRecord, EventRecord, EventStream, Hosts, Input, ReplyRecord, TurnOptions,
    host::{HostLlm, HostTts, LlmAdaptor, LlmEvent, Pcm, Responder, TtsAdaptor},
    runtime,
};

/// A model that leaves the answer to the test.
struct Model(mpsc::Sender<Responder<LlmEvent>>);

impl HostLlm for Model {
    fn generate(&self, _: String, answer: Responder<LlmEvent>) {
        self.0.send(answer).unwrap();
    }
}

/// A voice that blocks a thread while it speaks.
struct Voice;

impl HostTts for Voice {
    fn synthesize(&self, _: String, _: Option<String>, answer: Responder<Pcm>) {
        runtime::handle().unwrap_or_else(|e| panic!("{}", e.detail)).spawn_blocking(move || {
            answer.send(Pcm::new(vec![1_000_i16; 2_400], 24_000));
            answer.finish();
        });
    }
}

/// An agent, and where what its model is asked arrives.
fn agent() -> (Agent, mpsc::Receiver<Responder<LlmEvent>>) {
    let nobody =
        json!({ "provider": "openai", "model": "none", "api_key": "sk-none", "base_url": "http://127.0.0.1:9" });
    let config = json!({ "storage": "memory", "stt": nobody, "retry": { "attempts": 1 } });
    let (asked, answers) = mpsc::channel();
    let llm = LlmAdaptor("model".into(), Model(asked), false);
    let tts = TtsAdaptor::new("voice".into(), Voice, false);
    let hosts = Hosts { llm: vec![Arc::new(llm)], tts: vec![Arc::new(tts)], ..Hosts::default() };
    (Agent::build(&config.to_string(), hosts).wait().unwrap_or_else(|e| panic!("{}", e.detail)), answers)
}

/// A typed turn.
fn typed(agent: &Agent, speak: bool) -> EventStream {
    let options = TurnOptions { speak: Some(speak), ..TurnOptions::default() };
    agent.stream(Input::Text("Hello".into()), options).unwrap_or_else(|e| panic!("{}", e.detail))
}

/// A typed turn, and where what its model is asked arrives.
fn turn() -> (EventStream, mpsc::Receiver<Responder<LlmEvent>>) {
    let (agent, answers) = agent();
    (typed(&agent, false), answers)
}

fn answered(answer: Responder<LlmEvent>) {
    answer.send(LlmEvent::Text("Good day.".into()));
    answer.finish();
}

fn said(reply: Result<ReplyRecord, ErrorRecord>) -> String {
    reply.unwrap_or_else(|e| panic!("{}", e.detail)).get().text.clone()
}

#[test]
fn a_turn_that_is_told_has_its_reply_after_the_last_call() {
    let (turn, answers) = turn();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tellings = Arc::clone(&told);
    turn.tell(move |happened| tellings.lock().unwrap().push(happened.map(|event| event.kind()).map_err(|e| e.code)))
        .unwrap();
    answered(answers.recv().unwrap());
    assert_eq!(said(turn.reply().wait()), "Good day.");
    let told = told.lock().unwrap();
    assert_eq!((told.first(), told.last()), (Some(&Ok("started")), Some(&Ok("done"))));
    assert_eq!(told.iter().filter(|kind| **kind == Ok("done")).count(), 1);
}

#[test]
fn a_turn_that_is_told_and_cancelled_ends_with_one_error() {
    let (turn, answers) = turn();
    let (tell, told) = mpsc::channel();
    turn.tell(move |happened| tell.send(happened.map(|event| event.kind()).map_err(|e| e.code)).unwrap()).unwrap();
    let _unanswered = answers.recv().unwrap();
    turn.cancel();
    let told: Vec<_> = told.iter().collect();
    assert_eq!(told.last(), Some(&Err("CANCELLED".to_owned())));
    assert_eq!(told.iter().filter(|happened| happened.is_err()).count(), 1);
}

#[test]
fn turns_that_are_told_hold_no_thread_while_nothing_happens() {
    const MANY: usize = 600;
    let patience = Duration::from_secs(30);
    let (agent, answers) = agent();
    let (begun, begins) = mpsc::channel();
    let turns: Vec<_> = (0..MANY).map(|_| typed(&agent, false)).collect();
    for turn in &turns {
        let begun = begun.clone();
        let tell = move |happened: Result<EventRecord, ErrorRecord>| {
            if matches!(happened, Ok(EventRecord::Started { .. })) {
                begun.send(()).unwrap();
            }
        };
        turn.tell(tell).unwrap();
    }
    let _unanswered: Vec<_> = (0..MANY).map(|_| answers.recv_timeout(patience).unwrap()).collect();
    (0..MANY).for_each(|_| begins.recv_timeout(patience).unwrap());
    let spoken = typed(&agent, true);
    spoken.begin();
    answered(answers.recv_timeout(patience).unwrap());
    let reply = spoken.reply().wait().unwrap_or_else(|e| panic!("{}", e.detail));
    assert!(!reply.get().audio.samples().is_empty());
}

#[test]
fn a_reply_passes_over_events_that_nobody_took_and_is_given_again() {
    let (turn, answers) = turn();
    turn.begin();
    answered(answers.recv().unwrap());
    assert!(matches!(turn.next_batch(1).wait().unwrap()[..], [EventRecord::Started { .. }]));
    for _ in 0..2 {
        assert_eq!(said(turn.reply().wait()), "Good day.");
    }
    assert!(turn.next_batch(1).wait().unwrap().is_empty());
}

#[test]
fn an_error_that_was_pulled_is_the_end_for_whoever_waits_too() {
    let (turn, answers) = turn();
    turn.begin();
    drop(answers.recv().unwrap());
    let pulled = loop {
        if let Err(error) = turn.next_batch(1).wait() {
            break error.code;
        }
    };
    for _ in 0..2 {
        assert_eq!(turn.reply().wait().unwrap_err().code, pulled);
    }
}

#[test]
fn events_that_somebody_takes_are_told_to_nobody_else() {
    let (turn, answers) = turn();
    let waiting = turn.reply();
    // The turn has begun, so the one who waits has its events.
    let answer = answers.recv().unwrap();
    assert_eq!(turn.tell(|_| {}).unwrap_err().code, "VALIDATION_ERROR");
    answered(answer);
    assert_eq!(said(waiting.wait()), "Good day.");
}
