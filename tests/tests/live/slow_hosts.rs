//! Hosts that take what they are told more slowly than it comes: a client behind a bad network.

use voice_core::live::LiveSession;

use super::*;

/// More words than may wait for a host.
fn long() -> String {
    (0..2_000).map(|n| format!("word{n} ")).collect::<String>().trim_end().to_owned()
}

async fn session(voice: &Voice) -> LiveSession {
    let agent = VoiceAgent::builder()
        .stt(voice.stt())
        .llm(ScriptedLlm::saying(&long()))
        .tts(voice.tts())
        .storage("memory")
        .build()
        .await
        .unwrap();
    let live = agent.live().voice_activity(voice.activity()).speak(false).start().await.unwrap();
    // Whoever lets go of the agent closes it.
    tokio::spawn(async move {
        std::future::pending::<()>().await;
        drop(agent);
    });
    live
}

/// What is written from now on, until the exchange is stored.
async fn written(live: &LiveSession) -> String {
    let mut text = String::new();
    loop {
        match tokio::time::timeout(Duration::from_secs(600), live.next()).await.unwrap() {
            Some(LiveEvent::Text(delta)) => text.push_str(&delta.0),
            Some(LiveEvent::TurnDone(turn)) => {
                assert_eq!(turn.text, text, "all of it is told before it is over");
                return text;
            }
            other => {
                let is_over = matches!(other, None | Some(LiveEvent::Ended(_)));
                assert!(!is_over, "it ended after {} bytes: {other:?}", text.len());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_answer_waits_for_a_host_that_takes_nothing_for_a_while() {
    let live = session(&Voice::new()).await;
    live.push_text("tell me everything").unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(written(&live).await, long());
}

#[tokio::test(start_paused = true)]
async fn a_long_answer_that_was_prepared_is_told_as_fast_as_the_host_takes_it() {
    let voice = Voice::new();
    let live = session(&voice).await;
    for frame in voice.say("tell me everything").chunks(320).chain([[0; 320].as_slice(); 10]) {
        live.push_audio(frame).unwrap();
        tokio::time::sleep(ms(20)).await;
    }
    // What it takes until the turn is over is written meanwhile.
    for _ in 0..200 {
        live.push_audio([0; 320]).unwrap();
        tokio::time::sleep(ms(20)).await;
    }
    assert_eq!(written(&live).await, long());
}
