//! Holds conversations in a store and prints what was acknowledged, for tests that kill it or take its disk away.
//!
//! `crash_writer turns STORAGE CONVERSATIONS TURNS [SESSION…]` runs so many conversations at once, each of so many turns, in the
//! sessions that are named or in fresh ones. `crash_writer meet STORAGE TURNS SESSION…` takes so many turns in each session, and says
//! with each how many messages its model was shown. `crash_writer fill FOLDER` makes a database in a folder with little room, fills it
//! up, makes room again, and says what became of everything.
//!
//! A line is `turn TURN SESSION`, with a count of messages from `meet`, `error CODE KIND MESSAGE`, or, from `fill`, `step WHAT`.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{path::Path, sync::Arc, time::Duration};

use tokio::task::JoinSet;
use voice_core::{
    AgentBuilder, ConversationStore, Result, SessionId, TurnId, VoiceAgent, store::MessageQuery,
    stores::sqlite::SqliteStore,
};
use voice_testkit::{ScriptedLlm, ScriptedStt, ScriptedTts};

/// Room that `fill` takes at first, to give it back later.
const BALLAST: usize = 600 * 1024;

fn builder() -> AgentBuilder {
    VoiceAgent::builder()
        .stt(ScriptedStt::hearing("will it rain"))
        .llm(ScriptedLlm::saying("It will rain in the north. Take a warm coat with you."))
        .tts(ScriptedTts::new())
}

async fn turn(agent: &VoiceAgent, session: &mut Option<SessionId>) -> Result<TurnId> {
    let reply = agent.turn("will it rain tomorrow?").session(*session).speak(false).await?;
    *session = Some(reply.session_id);
    println!("turn {} {}", reply.turn_id, reply.session_id);
    Ok(reply.turn_id)
}

fn print_error(error: &voice_core::Error) {
    println!("error {} {:?} {error}", error.code(), error.kind());
}

fn open(path: &Path) -> Arc<SqliteStore> {
    let store = SqliteStore::open(path).unwrap_or_else(|error| {
        print_error(&error);
        std::process::exit(1)
    });
    Arc::new(store)
}

async fn turns(storage: &str, conversations: usize, turns: usize, sessions: Vec<SessionId>) {
    let agent = builder().storage(storage).build().await.unwrap_or_else(|error| {
        print_error(&error);
        std::process::exit(1)
    });
    let mut running = JoinSet::new();
    for n in 0..conversations {
        let (agent, mut session) = (agent.clone(), sessions.get(n).copied());
        running.spawn(async move {
            for _ in 0..turns {
                if let Err(error) = turn(&agent, &mut session).await {
                    print_error(&error);
                }
            }
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.expect("no conversation panics");
    }
    agent.close().await.expect("the agent closes");
}

/// One agent a session, so that each model is shown the turns of one conversation.
async fn meet(storage: &str, turns: usize, sessions: Vec<SessionId>) {
    let mut running = JoinSet::new();
    for session in sessions {
        let llm = ScriptedLlm::saying("It will rain.").then_every(Duration::from_millis(1));
        let agent = VoiceAgent::builder().stt("none").llm(llm.clone()).tts("none").storage(storage);
        let agent = agent.build().await.expect("the agent is built");
        running.spawn(async move {
            for _ in 0..turns {
                match agent.turn("will it rain tomorrow?").session(session).speak(false).await {
                    Ok(reply) => {
                        let shown = llm.requests().last().map_or(0, |request| request.messages.len());
                        println!("turn {} {} {shown}", reply.turn_id, reply.session_id);
                    }
                    Err(error) => print_error(&error),
                }
            }
            agent.close().await.expect("the agent closes");
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.expect("no conversation panics");
    }
}

async fn fill(folder: &Path) {
    let (path, ballast) = (folder.join("voice.db"), folder.join("ballast"));
    let store = open(&path);
    std::fs::write(&ballast, vec![1; BALLAST]).expect("there is room for the ballast");
    let agent = builder().store(Arc::clone(&store) as _).build().await.expect("the agent is built");
    let (mut session, mut acknowledged) = (None, Vec::new());
    let full = loop {
        match turn(&agent, &mut session).await {
            Ok(id) => acknowledged.push(id),
            Err(error) => break error,
        }
    };
    print_error(&full);
    println!("step the reply came with the error: {}", full.reply().is_some());
    println!("step reading while full: {}", store.session(session.unwrap()).await.is_ok());

    std::fs::remove_file(&ballast).expect("the ballast is removed");
    for _ in 0..10 {
        match turn(&agent, &mut session).await {
            Ok(id) => acknowledged.push(id),
            Err(error) => print_error(&error),
        }
    }
    agent.close().await.expect("the agent closes");

    let store = open(&path);
    let all = store.messages(session.unwrap(), MessageQuery::latest(1_000_000)).await.unwrap().items;
    let whole =
        all.chunks(2).map(|pair| (pair.len() == 2 && pair[0].turn_id == pair[1].turn_id).then_some(pair[0].turn_id));
    let kept: Option<Vec<TurnId>> = whole.collect();
    println!("step exactly the acknowledged turns are there: {}", kept.is_some_and(|kept| kept == acknowledged));
    store.close().await.unwrap();
    let check: String = rusqlite::Connection::open(&path)
        .and_then(|db| db.query_row("PRAGMA integrity_check", (), |row| row.get(0)))
        .unwrap_or_else(|error| error.to_string());
    println!("step integrity: {check}");
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["turns", storage, conversations, count, sessions @ ..] => {
            let sessions = sessions.iter().map(|id| id.parse().expect("a session id")).collect();
            turns(storage, conversations.parse().expect("a number"), count.parse().expect("a number"), sessions).await;
        }
        ["meet", storage, count, sessions @ ..] => {
            let sessions = sessions.iter().map(|id| id.parse().expect("a session id")).collect();
            meet(storage, count.parse().expect("a number"), sessions).await;
        }
        ["fill", folder] => fill(Path::new(folder)).await,
        _ => panic!(
            "crash_writer turns STORAGE CONVERSATIONS TURNS [SESSION…] | meet STORAGE TURNS SESSION… | fill FOLDER"
        ),
    }
}
