//! Takes turns against an SQLite file and prints each turn's id once it is acknowledged: the victim of `tests/durability.rs`.
//!
//! `crash-writer FILE CONVERSATIONS TURNS [SESSION]`: as many conversations at once, each with so many turns; with a session,
//! all of them in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::io::Write;

use voice_core::{SessionId, VoiceAgent};
use voice_testkit::{ScriptedLlm, ScriptedStt, ScriptedTts};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let conversations: usize = arguments[2].parse().expect("a number of conversations");
    let turns: usize = arguments[3].parse().expect("a number of turns");
    let shared: Option<SessionId> = arguments.get(4).map(|id| id.parse().expect("a session id"));
    let agent = VoiceAgent::builder()
        .stt(ScriptedStt::hearing("is anybody there"))
        .llm(ScriptedLlm::saying("Yes. Somebody is here."))
        .tts(ScriptedTts::new())
        .storage(format!("sqlite:{}", arguments[1]))
        .build()
        .await
        .expect("the agent is built");
    let tasks = (0..conversations).map(|_| {
        let agent = agent.clone();
        tokio::spawn(async move {
            let mut session = shared;
            for _ in 0..turns {
                let reply = agent.turn("is anybody there?").session(session).speak(false).await.expect("a turn");
                session = Some(reply.session_id);
                // One write per line, so that lines of several tasks do not mix and none stays in a buffer.
                let line = format!("{} {}\n", reply.turn_id, reply.session_id);
                std::io::stdout().write_all(line.as_bytes()).expect("standard output is open");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
    agent.close().await.expect("the agent closes");
}
