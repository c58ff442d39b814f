//! Live sessions on the virtual clock: who has the turn, what is heard, what is kept.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod call;
mod costs;
mod frames;
mod interpreting;
mod knowing;
mod late;
mod line;
mod manners;
mod noting;
mod realtime;
mod schedules;
mod slow_hosts;
mod streaming;
mod timed;
mod tools;
mod wire;

use std::{sync::Arc, time::Duration};

use call::{Call, ms};
use voice_core::{
    Config, ConversationStore, ErrorCode, ErrorKind, Role, VoiceAgent,
    config::LiveConfig,
    live::{AgentState, EndReason, LiveEvent, SpeechKind, UserState},
    store::{MemoryStore, MessageQuery},
};
use voice_testkit::{ScriptedLlm, ScriptedTts, Step, Voice};

const ANSWER: &str = "It will rain tomorrow in the north. Take a warm coat with you.";

fn is_done(event: &LiveEvent) -> bool {
    matches!(event, LiveEvent::TurnDone(_))
}

fn is_interrupted(event: &LiveEvent) -> bool {
    matches!(event, LiveEvent::Interrupted { .. })
}

/// What is kept is what was heard, but perhaps for the word in whose middle the sound stopped.
fn assert_heard(kept: &str, played: &str) {
    let (kept, played): (Vec<_>, Vec<_>) = (kept.split(' ').collect(), played.split(' ').collect());
    assert!(played.starts_with(&kept) && played.len() - kept.len() <= 1, "{kept:?} {played:?}");
}

fn llm() -> ScriptedLlm {
    ScriptedLlm::saying(ANSWER).first_after(ms(100)).then_every(ms(20))
}

#[tokio::test(start_paused = true)]
async fn a_spoken_question_gets_a_spoken_answer() {
    let voice = Voice::new().recognised_after(ms(50));
    let call = Call::new(&voice, llm(), "{}").await;
    call.silence(300).await;
    call.speak("will it rain tomorrow?").await;
    call.until_turns(1).await;

    assert_eq!(call.played(), ANSWER);
    assert_eq!(call.history().await, ["user: will it rain tomorrow?".to_owned(), format!("agent: {ANSWER}")]);
    let turn = &call.turns()[0];
    assert!(!turn.interrupted && turn.kind == SpeechKind::Answer);
    // The words are complete, so the least delay ends the turn; the answer was prepared meanwhile.
    let delay = turn.end_of_utterance_delay.unwrap();
    assert!((ms(480)..ms(560)).contains(&delay), "{delay:?}");
    let response = turn.response_delay.unwrap();
    assert!((ms(500)..ms(620)).contains(&response), "{response:?}");
    let states: Vec<AgentState> = call
        .events()
        .into_iter()
        .filter_map(|(_, event)| if let LiveEvent::AgentState(state) = event { Some(state) } else { None })
        .collect();
    assert_eq!(states, [AgentState::Thinking, AgentState::Speaking, AgentState::Listening]);
}

#[tokio::test(start_paused = true)]
async fn a_cough_before_the_first_word_is_nothing() {
    let call = Call::new(&Voice::new(), llm(), "{}").await;
    call.cough(300).await;
    call.silence(3_000).await;
    assert!(call.turns().is_empty() && call.count(|e| matches!(e, LiveEvent::TurnStarted { .. })) == 0);
    call.speak("will it rain?").await;
    call.until_turns(1).await;
    assert_eq!(call.turns()[0].transcript, "will it rain?");
}

#[tokio::test(start_paused = true)]
async fn a_short_word_whose_transcript_comes_late_is_answered() {
    let voice = Voice::new().recognised_after(ms(4_000));
    let call = Call::new(&voice, llm(), "{}").await;
    call.speak("Yes.").await;
    call.until_turns(1).await;
    assert_eq!(call.turns()[0].transcript, "Yes.");
}

#[tokio::test(start_paused = true)]
async fn a_pause_in_a_sentence_does_not_end_the_turn_and_nothing_prepared_is_noticed() {
    let call = Call::new(&Voice::new(), llm(), "{}").await;
    call.speak("tell me about").await;
    call.silence(900).await;
    call.speak("the weather.").await;
    call.until_turns(1).await;
    assert_eq!(call.turns().len(), 1);
    assert_eq!(call.turns()[0].transcript, "tell me about the weather.");
}

#[tokio::test(start_paused = true)]
async fn a_prepared_answer_is_thrown_away_without_trace_when_the_user_goes_on() {
    let llm = llm();
    let call = Call::new(&Voice::new(), llm.clone(), "{}").await;
    call.speak("will it rain?").await;
    call.silence(400).await;
    assert_eq!(llm.calls(), 1, "the answer is being prepared");
    call.speak("In the north, I mean.").await;
    call.until_turns(1).await;
    assert_eq!(llm.calls(), 2);
    assert_eq!(call.turns()[0].transcript, "will it rain? In the north, I mean.");
    assert_eq!(call.count(|e| matches!(e, LiveEvent::TurnStarted { .. })), 1);
    assert_eq!(call.history().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_interruption_stops_the_agent_and_history_is_what_was_heard() {
    let llm = ScriptedLlm::saying(ANSWER);
    let call = Call::new(&Voice::new(), llm.clone(), "{}").await;
    call.speak("will it rain tomorrow?").await;
    call.until_played(4).await;
    call.speak("wait a moment please!").await;
    call.until("the interruption", is_interrupted).await;
    let heard = call.played();
    call.until_turns(2).await;

    let first = &call.turns()[0];
    assert!(first.interrupted);
    assert_heard(&first.text, &heard);
    let heard = first.text.clone();
    assert!(ANSWER.starts_with(&heard) && heard.len() < ANSWER.len());
    assert_eq!(call.history().await[1], format!("agent: {heard}"));
    assert_eq!(call.turns()[1].transcript, "wait a moment please!");
    // The voice is noticed after 50 ms, must last 500, and is then looked at: the agent is silent and stays so.
    let request = llm.requests().into_iter().next_back().unwrap();
    let said: Vec<&str> = request.messages.iter().map(|m| &*m.content).collect();
    assert!(said.contains(&heard.as_str()), "{said:?}");
    assert_eq!(said.last(), Some(&"(interrupting you) wait a moment please!"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_answer_that_was_stopped_while_it_was_made_is_known_to_the_next() {
    let (voice, store) = (Voice::new(), Arc::new(MemoryStore::new()));
    let llm = ScriptedLlm::saying(ANSWER).call(0, Step::hang().after(9));
    let agent = VoiceAgent::builder()
        .stt(voice.stt())
        .llm(llm.clone())
        .tts(voice.tts())
        .store(Arc::clone(&store) as Arc<dyn ConversationStore>)
        .build()
        .await
        .unwrap();
    let live = agent.live().voice_activity(voice.activity()).start().await.unwrap();
    live.push_text("will it rain?").unwrap();
    while !matches!(live.next().await.unwrap(), LiveEvent::Audio(_)) {}
    live.push_text("and tomorrow?").unwrap();
    while !is_interrupted(&live.next().await.unwrap()) {}
    while !matches!(live.next().await.unwrap(), LiveEvent::Audio(_)) {}
    live.end().await.unwrap();

    assert!(llm.requests()[1].messages.iter().any(|message| &*message.content == "will it rain?"));
    let stored = store.messages(live.session_id(), MessageQuery::latest(100)).await.unwrap().items;
    let asked: Vec<&str> = stored.iter().filter(|m| m.role == Role::User).map(|m| m.content.as_str()).collect();
    assert_eq!(asked, ["will it rain?", "and tomorrow?"]);
}

#[tokio::test(start_paused = true)]
async fn no_sound_of_a_stopped_answer_comes_after_the_interruption() {
    let call = Call::new(&Voice::new(), llm(), "{}").await;
    call.speak("will it rain tomorrow?").await;
    call.until_played(3).await;
    call.speak("please stop talking now.").await;
    call.until_turns(2).await;
    let events = call.events();
    let stopped = events.iter().position(|(_, e)| is_interrupted(e)).unwrap();
    let next = events.iter().skip(stopped).position(|(_, e)| matches!(e, LiveEvent::TurnStarted { .. })).unwrap();
    let between = &events[stopped..stopped + next];
    assert!(
        !between.iter().any(|(_, e)| matches!(e, LiveEvent::Audio(_) | LiveEvent::Text(_) | LiveEvent::Speaking(_)))
    );
}

#[tokio::test(start_paused = true)]
async fn words_before_the_first_sound_join_the_turn() {
    // In the model's phase: it takes two seconds to its first word.
    let llm = ScriptedLlm::saying(ANSWER).first_after(ms(2_000));
    let call = Call::new(&Voice::new(), llm, "{}").await;
    call.speak("will it rain?").await;
    call.silence(1_000).await;
    call.speak("tomorrow, I mean.").await;
    call.until_turns(1).await;
    call.silence(3_000).await;
    assert_eq!(call.turns().len(), 1);
    assert_eq!(call.turns()[0].transcript, "will it rain? tomorrow, I mean.");
    assert_eq!(call.history().await.len(), 2, "the answer that was taken back left nothing");
}

#[tokio::test(start_paused = true)]
async fn words_during_recognition_join_the_turn() {
    let voice = Voice::new().recognised_after(ms(1_500));
    let call = Call::new(&voice, llm(), "{}").await;
    call.speak("will it rain?").await;
    call.silence(700).await;
    call.speak("tomorrow, I mean.").await;
    call.until_turns(1).await;
    assert_eq!(call.turns()[0].transcript, "will it rain? tomorrow, I mean.");
}

#[tokio::test(start_paused = true)]
async fn a_cough_over_the_answer_pauses_it_and_it_goes_on_where_it_stopped() {
    let voice = Voice::new().recognised_after(ms(100));
    let call = Call::new(&voice, ScriptedLlm::saying(ANSWER), "{}").await;
    call.speak("will it rain tomorrow?").await;
    call.until_played(3).await;
    call.cough(900).await;
    call.until_turns(1).await;
    assert_eq!(call.played(), ANSWER, "every word is heard, once");
    assert_eq!(call.count(|e| matches!(e, LiveEvent::FalseInterruption)), 1);
    assert_eq!(call.count(is_interrupted), 0);
    assert_eq!(call.turns()[0].text, ANSWER);
}

#[tokio::test(start_paused = true)]
async fn a_murmur_over_the_answer_does_not_end_it() {
    let call = Call::new(&Voice::new(), ScriptedLlm::saying(ANSWER), "{}").await;
    call.speak("will it rain tomorrow?").await;
    call.until_played(2).await;
    call.speak("Mm-hm, okay.").await;
    call.until_turns(1).await;
    call.silence(3_000).await;
    assert_eq!(call.played(), ANSWER);
    assert_eq!((call.turns().len(), call.count(is_interrupted)), (1, 0));
    assert_eq!(call.count(|e| matches!(e, LiveEvent::Backchannel(_))), 1);
}

#[tokio::test(start_paused = true)]
async fn a_yes_that_is_typed_before_the_first_sound_of_the_greeting_is_answered() {
    let (voice, store) = (Voice::new(), Arc::new(MemoryStore::new()));
    let config = r#"{"assistant": {"first_message": "Welcome, shall we begin?"}}"#;
    let agent = VoiceAgent::builder()
        .config(Config::from_json(config).unwrap())
        .stt(voice.stt())
        .llm(llm())
        .tts(ScriptedTts::new().first_after(ms(2_000)))
        .store(Arc::clone(&store) as Arc<dyn ConversationStore>)
        .build()
        .await
        .unwrap();
    let call = Call::on(agent, &voice, store, |live| live).await;
    call.silence(500).await;
    call.live.push_text("yes").unwrap();
    call.until_turns(1).await;
    assert_eq!((call.turns()[0].kind, call.turns()[0].transcript.as_str()), (SpeechKind::Answer, "yes"));
}

#[tokio::test(start_paused = true)]
async fn a_short_answer_right_before_the_agent_ends_is_an_answer() {
    let call = Call::new(&Voice::new(), ScriptedLlm::saying("Shall I book it?"), "{}").await;
    call.speak("is there a table free?").await;
    call.until_played(3).await;
    call.speak("Yes.").await;
    call.until_turns(2).await;
    assert_eq!(call.turns()[1].transcript, "Yes.");
}

#[tokio::test(start_paused = true)]
async fn a_protected_greeting_is_not_interrupted_and_what_is_said_over_it_is_answered() {
    let config = r#"{"assistant": {"first_message": "Welcome to the weather line, how can I help you today?"}}"#;
    let call = Call::new(&Voice::new(), llm(), config).await;
    call.until_played(3).await;
    call.speak("will it rain tomorrow?").await;
    call.until_turns(2).await;
    let turns = call.turns();
    assert_eq!((turns[0].kind, turns[0].interrupted), (SpeechKind::Greeting, false));
    assert_eq!(turns[1].transcript, "will it rain tomorrow?");
    let history = call.history().await;
    assert_eq!(history[0], "agent: Welcome to the weather line, how can I help you today?");
    assert_eq!(history.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn interruptions_need_as_many_words_as_configured() {
    let config = r#"{"live": {"interruption": {"min_words": 3}}}"#;
    let call = Call::new(&Voice::new(), ScriptedLlm::saying(ANSWER), config).await;
    call.speak("will it rain tomorrow?").await;
    call.until_played(2).await;
    call.speak("wait a").await;
    call.until_turns(1).await;
    assert_eq!(call.turns()[0].text, ANSWER, "two words do not interrupt");
    call.until_turns(2).await;
    assert_eq!(call.turns()[1].transcript, "wait a", "but they are not lost");

    let call = Call::new(&Voice::new(), ScriptedLlm::saying(ANSWER), config).await;
    call.speak("will it rain tomorrow?").await;
    call.until_played(2).await;
    call.speak("wait a moment please").await;
    call.until("the interruption", is_interrupted).await;
}

#[tokio::test(start_paused = true)]
async fn typed_words_interrupt_and_are_answered_at_once() {
    let call = Call::new(&Voice::new(), ScriptedLlm::saying(ANSWER), "{}").await;
    call.live.push_text("will it rain?").unwrap();
    call.until_played(3).await;
    let asked = call.now();
    call.live.push_text("and tomorrow?").unwrap();
    call.until_turns(2).await;
    let turns = call.turns();
    assert!(turns[0].interrupted);
    assert_eq!((turns[1].transcript.as_str(), turns[1].text.as_str()), ("and tomorrow?", ANSWER));
    let started = |e: &LiveEvent| matches!(e, LiveEvent::TurnStarted { .. });
    let second = call.events().into_iter().filter(|(_, e)| started(e)).nth(1).unwrap().0;
    assert!(second - asked < ms(30), "{second:?} {asked:?}");
}

#[tokio::test(start_paused = true)]
async fn push_to_talk_ends_the_turn_when_the_host_says_so() {
    let config = r#"{"live": {"turn_detection": "manual"}}"#;
    let call = Call::new(&Voice::new(), llm(), config).await;
    call.speak("will it").await;
    call.silence(3_000).await;
    call.speak("rain tomorrow").await;
    assert_eq!(call.count(|e| matches!(e, LiveEvent::TurnStarted { .. })), 0);
    call.live.commit().unwrap();
    call.until_turns(1).await;
    assert_eq!(call.turns()[0].transcript, "will it rain tomorrow");
}

#[tokio::test(start_paused = true)]
async fn push_to_talk_waits_for_the_host_however_long_the_user_talks() {
    let call = Call::new(&Voice::new(), llm(), r#"{"live": {"turn_detection": "manual"}}"#).await;
    // 20 s of words and 10 more; what is recognised meanwhile is cut off in the pause between them.
    let (first, second) = (["rain"; 100].join(" "), ["snow"; 50].join(" "));
    call.speak(&first).await;
    call.silence(8_000).await;
    call.speak(&second).await;
    assert_eq!(call.count(|e| matches!(e, LiveEvent::TurnStarted { .. })), 0);
    call.live.commit().unwrap();
    call.until_turns(1).await;
    assert_eq!(call.turns()[0].transcript, format!("{first} {second}"));
}

#[tokio::test(start_paused = true)]
async fn the_longest_utterance_is_answered_with_its_last_part() {
    let llm = ScriptedLlm::saying(ANSWER);
    let call = Call::new(&Voice::new().recognised_after(ms(150)), llm.clone(), "{}").await;
    // Five words a second, for 70 of them.
    call.speak(&["rain"; 350].join(" ")).await;
    call.until_turns(1).await;
    let words = |text: &str| text.split_whitespace().count();
    let asked = words(&llm.requests()[0].messages.last().unwrap().content);
    assert!((296..=301).contains(&asked), "{asked}");
    assert_eq!(words(&call.turns()[0].transcript), asked, "it is not taken back");
}

#[tokio::test(start_paused = true)]
async fn the_host_can_speak_interrupt_pause_and_go_on() {
    let call = Call::new(&Voice::new(), llm(), "{}").await;
    call.live.say("Your order is on its way to you now.").unwrap();
    call.until_played(2).await;
    call.live.pause().unwrap();
    call.silence(2_000).await;
    assert!(call.played().split_whitespace().count() <= 4, "{}", call.played());
    call.live.resume().unwrap();
    call.until_turns(1).await;
    assert_eq!(call.played(), "Your order is on its way to you now.");
    assert_eq!(call.turns()[0].kind, SpeechKind::Said);

    call.live.say("This will not be heard to its end.").unwrap();
    call.until_played(11).await;
    call.live.interrupt().unwrap();
    call.until_turns(2).await;
    assert!(call.turns()[1].interrupted);
    assert_heard(&format!("Your order is on its way to you now. {}", call.turns()[1].text), &call.played());
}

#[tokio::test(start_paused = true)]
async fn what_the_host_has_said_waits_for_a_user_who_only_pauses() {
    let call = Call::new(&Voice::new(), llm(), "{}").await;
    call.speak("tell me about").await;
    call.silence(600).await;
    call.live.say("Your taxi is here.").unwrap();
    call.silence(300).await;
    call.speak("the weather.").await;
    call.until_turns(2).await;
    assert_eq!(call.turns()[0].transcript, "tell me about the weather.");
    assert_eq!(call.turns()[1].kind, SpeechKind::Said);
    assert_eq!(call.played(), format!("{ANSWER} Your taxi is here."));
}

#[tokio::test(start_paused = true)]
async fn a_silent_user_is_reminded_and_then_let_go() {
    let config = r#"{"live": {"conversation": {
        "reminder_seconds": 5, "reminder_max_count": 1, "silence_timeout_seconds": 20, "end_call_message": "Goodbye then."
    }}}"#;
    let call = Call::new(&Voice::new(), llm(), config).await;
    call.until("the end", |e| matches!(e, LiveEvent::Ended(_))).await;
    assert_eq!(call.played(), "Are you still there? Goodbye then.");
    let Some((at, LiveEvent::Ended(summary))) = call.events().pop() else { panic!("no end") };
    assert_eq!(summary.reason, EndReason::Silence);
    assert!((ms(20_000)..ms(22_000)).contains(&at), "{at:?}");
    assert_eq!(call.count(|e| matches!(e, LiveEvent::UserState(UserState::Away))), 1);
}

#[tokio::test(start_paused = true)]
async fn goodbyes_and_the_longest_duration_end_the_session() {
    let config = r#"{"live": {"conversation": {"goodbye_phrases": ["goodbye"]}}}"#;
    let call = Call::new(&Voice::new(), ScriptedLlm::saying("Have a nice day."), config).await;
    call.speak("Goodbye!").await;
    call.until("the end", |e| matches!(e, LiveEvent::Ended(s) if s.reason == EndReason::Goodbye)).await;
    assert_eq!(call.played(), "Have a nice day.");

    let config = r#"{"live": {"conversation": {"end_call_phrases": ["have a nice day"]}}}"#;
    let call = Call::new(&Voice::new(), ScriptedLlm::saying("Have a nice day."), config).await;
    call.speak("thank you.").await;
    call.until("the end", |e| matches!(e, LiveEvent::Ended(s) if s.reason == EndReason::EndCallPhrase)).await;

    let config = r#"{"live": {"conversation": {"max_duration_seconds": 3}}}"#;
    let call = Call::new(&Voice::new(), ScriptedLlm::saying(ANSWER), config).await;
    call.speak("will it rain tomorrow?").await;
    call.until("the end", |e| matches!(e, LiveEvent::Ended(s) if s.reason == EndReason::MaxDuration)).await;
    assert_heard(&call.turns()[0].text, &call.played());
}

#[tokio::test(start_paused = true)]
async fn keys_of_the_telephone_are_collected_and_answered() {
    let llm = llm();
    let call = Call::new(&Voice::new(), llm.clone(), "{}").await;
    for key in ['4', '2', '#'] {
        call.live.push_dtmf(key).unwrap();
    }
    call.until_turns(1).await;
    assert_eq!(call.count(|e| matches!(e, LiveEvent::Dtmf(keys) if keys.0 == "42")), 1);
    assert!(llm.requests()[0].messages.iter().any(|m| m.content.contains("4 2")));
    let told = call.events().into_iter().find(|(_, e)| matches!(e, LiveEvent::Dtmf(_))).unwrap().1;
    assert_eq!(format!("{told:?}"), "Dtmf(TextDelta(2 characters))");
}

#[tokio::test(start_paused = true)]
async fn what_is_said_last_is_kept_when_the_session_ends() {
    let voice = Voice::new().recognised_after(ms(400));
    let call = Call::new(&voice, llm(), "{}").await;
    call.speak("one last thing.").await;
    let summary = call.live.end().await.unwrap();
    assert_eq!((summary.reason, summary.turns), (EndReason::Host, 1));
    assert_eq!(call.history().await, ["user: one last thing."]);
    assert_eq!(call.live.push_audio([0; 320]).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(call.live.end().await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_session_and_closing_the_agent_keep_what_was_heard() {
    let call = Call::new(&Voice::new(), ScriptedLlm::saying(ANSWER), "{}").await;
    call.speak("will it rain tomorrow?").await;
    call.until_played(4).await;
    let closing = tokio::spawn({
        let agent = call.agent.clone();
        async move { agent.close().await }
    });
    call.until("the end", |e| matches!(e, LiveEvent::Ended(s) if s.reason == EndReason::AgentClosed)).await;
    closing.await.unwrap().unwrap();
    assert_heard(&call.turns()[0].text, &call.played());
}

#[tokio::test(start_paused = true)]
async fn failures_of_providers_are_told_and_the_session_goes_on() {
    let down = voice_core::Error::new(ErrorKind::RejectedByProvider, "no");
    let llm = llm().call(0, Step::fail(down)).call(1, Step::panic());
    let call = Call::new(&Voice::new(), llm, r#"{"live": {"endpointing": {"preemptive_generation": false}}}"#).await;
    for n in 1..=2 {
        call.speak("will it rain?").await;
        call.until_turns(n).await;
    }
    call.speak("are you there?").await;
    call.until_turns(3).await;
    let codes: Vec<ErrorCode> = call
        .events()
        .iter()
        .filter_map(|(_, e)| if let LiveEvent::Error(error) = e { Some(error.code()) } else { None })
        .collect();
    assert_eq!(codes, [ErrorCode::InvalidRequest, ErrorCode::InternalError]);
    assert_eq!(call.turns()[2].text, ANSWER);
    assert_eq!(call.history().await.len(), 4, "what the user said to a failing agent is kept too");
}

#[tokio::test(start_paused = true)]
async fn bad_input_is_refused_and_the_session_goes_on() {
    let call = Call::with(&Voice::new(), llm(), "{}", |live| live.input(16_000, 2)).await;
    assert_eq!(call.live.push_audio([0; 3]).unwrap_err().kind(), ErrorKind::InvalidField);
    assert_eq!(call.live.push_audio(vec![0; 16_000 * 2 * 11]).unwrap_err().kind(), ErrorKind::AudioTooLong);
    assert_eq!(call.live.push_text("x".repeat(1 << 20)).unwrap_err().kind(), ErrorKind::InvalidText);
    assert_eq!(call.live.push_text(" ").unwrap_err().kind(), ErrorKind::InvalidText);
    assert_eq!(call.live.push_dtmf('x').unwrap_err().kind(), ErrorKind::InvalidField);
    call.live.push_audio_f32(&[f32::NAN, f32::INFINITY, 2.0, -1e30]).unwrap();
    call.live.push_audio(Vec::new()).unwrap();
    call.live.push_text("will it rain?").unwrap();
    call.until_turns(1).await;

    let agent = call.agent.clone();
    for (rate, channels) in [(0, 1), (16_000, 0), (1_000_000, 1), (16_000, 64)] {
        let error = agent.live().input(rate, channels).start().await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::ValidationError, "{rate} {channels}: {error}");
    }
    let config: Result<LiveConfig, _> = serde_json::from_str(r#"{"endpointing": {"min_delay_ms": 9000}}"#);
    let error = agent.live().config(config.unwrap()).start().await.unwrap_err();
    assert!(error.message().contains("live.endpointing.min_delay_ms"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_takes_no_events_does_not_fill_the_memory() {
    let store = Arc::new(MemoryStore::new());
    let voice = Voice::new();
    let agent = VoiceAgent::builder()
        .config(Config::from_json(r#"{"live": {"output": {"pacing": "immediate"}}}"#).unwrap())
        .stt(voice.stt())
        .llm(ScriptedLlm::saying(&ANSWER.repeat(500)))
        .tts(voice.tts())
        .store(store as Arc<dyn ConversationStore>)
        .build()
        .await
        .unwrap();
    let live = agent.live().voice_activity(voice.activity()).start().await.unwrap();
    live.push_text("tell me everything").unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
    let mut events = 0;
    let mut ended = false;
    while let Ok(Some(event)) = tokio::time::timeout(ms(1), live.next()).await {
        events += 1;
        ended |= matches!(event, LiveEvent::Ended(s) if s.reason == EndReason::NobodyListens);
    }
    assert!(events <= 513 || ended, "{events}");
    drop(live);
}

#[tokio::test(start_paused = true)]
async fn sound_pushed_faster_than_it_can_be_heard_is_refused_not_kept() {
    let call = Call::new(&Voice::new(), llm(), "{}").await;
    let refused = (0..2_000).find_map(|_| call.live.push_audio(vec![0; 320]).err()).unwrap();
    assert_eq!(refused.code(), ErrorCode::RateLimitExceeded);
    tokio::time::sleep(refused.retry_after().unwrap()).await;
    call.silence(100).await;
    call.speak("will it rain?").await;
    call.until_turns(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_without_speech_answers_in_writing() {
    let call = Call::with(&Voice::new(), llm(), "{}", |live| live.speak(false)).await;
    call.speak("will it rain?").await;
    call.until_turns(1).await;
    assert_eq!((call.turns()[0].text.as_str(), call.played().as_str()), (ANSWER, ""));
}

#[tokio::test(start_paused = true)]
async fn one_shot_turns_and_live_turns_share_a_session() {
    let call = Call::new(&Voice::new(), llm(), "{}").await;
    call.speak("will it rain?").await;
    call.until("the first exchange", is_done).await;
    call.agent.turn("and then?").session(call.live.session_id()).await.unwrap();
    call.speak("thank you so much.").await;
    call.until_turns(2).await;
    assert_eq!(call.history().await.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn what_the_host_says_was_played_is_what_is_kept() {
    let config = r#"{"live": {"output": {"pacing": "immediate"}}}"#;
    let call = Call::new(&Voice::new(), ScriptedLlm::saying(ANSWER), config).await;
    call.live.push_text("will it rain?").unwrap();
    call.silence(100).await;
    call.live.set_playback_position(ms(630)).unwrap();
    call.silence(5_000).await;
    assert!(call.turns().is_empty(), "not everything was played");
    call.live.interrupt().unwrap();
    call.until_turns(1).await;
    assert_eq!(call.turns()[0].text, "It will rain");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_sessions_for_an_hour_and_a_thousand_in_turn_leave_nothing_behind() {
    let voice = Voice::new();
    let agent = VoiceAgent::builder()
        .stt(voice.stt())
        .llm(ScriptedLlm::saying("Yes."))
        .tts(voice.tts())
        .storage("memory")
        .build()
        .await
        .unwrap();
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();

    let mut sessions = Vec::new();
    for _ in 0..100 {
        sessions.push(agent.live().voice_activity(voice.activity()).start().await.unwrap());
    }
    for _ in 0..60 {
        for live in &sessions {
            live.push_text("are you there?").unwrap();
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        for live in &sessions {
            let events: Vec<LiveEvent> = std::iter::from_fn(|| live.try_next()).collect();
            assert_eq!(events.iter().filter(|e| is_done(e)).count(), 1, "{events:?}");
        }
    }
    assert_eq!(alive(), before + 100, "one task a session, and none for what is over");
    for live in sessions {
        live.end().await.unwrap();
    }
    for _ in 0..1_000 {
        let live = agent.live().voice_activity(voice.activity()).start().await.unwrap();
        live.push_audio(vec![0; 320]).unwrap();
        drop(live);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(alive(), before);
    agent.close().await.unwrap();
}
