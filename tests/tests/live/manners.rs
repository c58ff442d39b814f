//! Who is reminded, who is hung up on, and who is not.

use voice_core::live::{EndReason, LiveEvent, SpeechKind, UserState};
use voice_testkit::{ScriptedLlm, Voice};

use crate::{
    ANSWER,
    call::{Call, ms},
    is_interrupted, llm,
};

fn is_reminder(event: &LiveEvent) -> bool {
    matches!(event, LiveEvent::TurnStarted { kind: SpeechKind::Reminder, .. } | LiveEvent::UserState(UserState::Away))
}

#[tokio::test(start_paused = true)]
async fn who_goes_on_after_a_goodbye_is_not_hung_up_on() {
    let config = r#"{"live": {"conversation": {"goodbye_phrases": ["goodbye"]}}}"#;
    let call = Call::new(&Voice::new(), ScriptedLlm::saying(ANSWER), config).await;
    call.speak("Goodbye!").await;
    call.until_played(1).await;
    call.speak("oh wait, one more question please.").await;
    call.until_turns(2).await;
    call.silence(3_000).await;
    assert_eq!(call.count(is_interrupted), 1);
    assert_eq!(call.count(|e| matches!(e, LiveEvent::Ended(_))), 0);
}

#[tokio::test(start_paused = true)]
async fn the_longest_duration_holds_though_nobody_says_that_anything_is_heard() {
    let config = r#"{"live": {"conversation": {"max_duration_seconds": 3, "end_call_message": "Our time is over."}}}"#;
    let call = Call::new(&Voice::new(), llm(), config).await;
    call.live.set_playback_position(ms(1)).unwrap();
    call.until("the end", |e| matches!(e, LiveEvent::Ended(s) if s.reason == EndReason::MaxDuration)).await;
    assert!(call.now() < ms(15_000), "{:?}", call.now());
}

#[tokio::test(start_paused = true)]
async fn who_is_talking_is_not_reminded() {
    let config = r#"{"live": {"turn_detection": "manual", "conversation": {"reminder_seconds": 3}}}"#;
    let call = Call::new(&Voice::new(), llm(), config).await;
    call.speak(&["rain"; 40].join(" ")).await;
    assert_eq!(call.count(is_reminder), 0);
}

#[tokio::test(start_paused = true)]
async fn who_is_talking_is_not_said_to_be_listening() {
    let call = Call::new(&Voice::new(), llm(), "{}").await;
    call.speak(&["rain"; 150].join(" ")).await;
    assert_eq!(call.count(|e| matches!(e, LiveEvent::UserState(UserState::Speaking))), 1);
    assert_eq!(call.count(|e| matches!(e, LiveEvent::UserState(UserState::Listening))), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_reminded_or_hung_up_on_while_the_host_has_paused() {
    let config = r#"{"live": {"conversation": {"reminder_seconds": 2, "silence_timeout_seconds": 5}}}"#;
    let call = Call::new(&Voice::new(), llm(), config).await;
    call.live.pause().unwrap();
    call.silence(10_000).await;
    assert_eq!(call.count(is_reminder), 0);
    call.live.resume().unwrap();
    call.silence(1_500).await;
    assert_eq!(call.count(is_reminder), 0);
    call.until("the reminder", is_reminder).await;
}

#[tokio::test(start_paused = true)]
async fn keys_that_nobody_completed_are_told_and_kept_when_the_session_ends() {
    let call = Call::new(&Voice::new(), llm(), "{}").await;
    call.live.push_dtmf('4').unwrap();
    call.live.push_dtmf('2').unwrap();
    call.live.end().await.unwrap();
    assert_eq!(call.history().await, ["user: (The user pressed 4 2 on the keypad.)"]);
    tokio::time::sleep(ms(1)).await;
    assert_eq!(call.count(|e| matches!(e, LiveEvent::Dtmf(_))), 1);
}
