//! Turns of one session, taken by agents that share a store and know nothing of each other, as two processes do.

use std::future::IntoFuture;

use futures_util::future::join_all;
use tokio::time::Instant;
use voice_core::{
    Role,
    store::{ConversationStore, Lease, MessageQuery},
};

use super::{watched::Watched, *};

#[tokio::test]
async fn turns_of_a_session_are_serialised_between_agents_on_one_file() {
    let folder = tempfile::tempdir().unwrap();
    // One model, so that it remembers the prompts of both in their order.
    let llm = ScriptedLlm::saying(ANSWER).then_every(Duration::from_millis(2));
    let mut agents = Vec::new();
    for _ in 0..2 {
        let builder = VoiceAgent::builder().stt("none").llm(llm.clone()).tts("none").stores(sqlite(&folder));
        agents.push(builder.build().await.unwrap());
    }
    let session = agents[0].sessions().create().await.unwrap().id;
    let turns = (0..6).map(|n| agents[n % 2].turn(format!("question {n}")).session(session).into_future());
    for reply in join_all(turns).await {
        assert_eq!(reply.unwrap().session_id, session);
    }
    let seen: Vec<usize> = llm.requests().iter().map(|request| request.messages.len()).collect();
    assert_eq!(seen, [2, 4, 6, 8, 10, 12], "each turn begins when the one before it is saved");
    let said = agents[0].sessions().history(session, MessageQuery::latest(100)).await.unwrap().items;
    assert!(said.chunks(2).all(|pair| pair[0].turn_id == pair[1].turn_id && pair[0].role == Role::User));
}

#[tokio::test]
async fn a_session_is_free_again_when_its_turn_fails_or_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (agent_on(sqlite(&folder), "{}").await, agent_on(sqlite(&folder), "{}").await);
    let session = one.sessions().create().await.unwrap().id;
    assert!(one.turn("").session(session).await.is_err());
    let mut stream = one.turn("dropped").session(session).stream();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    let started = Instant::now();
    assert_eq!(two.turn("next").session(session).await.unwrap().session_id, session);
    assert!(started.elapsed() < Duration::from_secs(10), "nobody waits for the lease to run out");
}

/// A store in memory that says that processes share it, so that virtual time can pass.
type Shared = Watched<MemoryStore>;

async fn shared_agent(store: &Arc<Shared>, llm: ScriptedLlm, clock: VirtualClock) -> VoiceAgent {
    VoiceAgent::builder()
        .stt(ScriptedStt::hearing("hi"))
        .llm(llm)
        .tts(ScriptedTts::new())
        .store(Arc::clone(store) as _)
        .clock(Arc::new(clock))
        .build()
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_for_as_long_as_its_turn_runs() {
    let (store, clock) = (Arc::new(Shared::shared(MemoryStore::new())), VirtualClock::new());
    // Longer than a lease holds, and never silent for longer than a provider may be.
    let slow = ScriptedLlm::tokens(["It ", "will ", "rain ", "tomor", "row."])
        .first_after(Duration::from_secs(9))
        .then_every(Duration::from_secs(9));
    let one = shared_agent(&store, slow, clock).await;
    let two = shared_agent(&store, ScriptedLlm::saying(ANSWER), clock).await;
    let session = one.sessions().create().await.unwrap().id;
    let begun = Instant::now();
    let first = tokio::spawn(one.turn("slow").session(session).into_future());
    tokio::time::sleep(Duration::from_millis(1)).await;
    two.turn("waits").session(session).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(45), "{:?}", begun.elapsed());
    first.await.unwrap().unwrap();
    let said = two.sessions().history(session, MessageQuery::latest(10)).await.unwrap().items;
    assert_eq!(said.iter().map(|m| m.content.as_str()).collect::<Vec<_>>(), ["slow", ANSWER, "waits", ANSWER]);
}

#[tokio::test(start_paused = true)]
async fn the_lease_of_a_process_that_died_runs_out() {
    let (store, clock) = (Arc::new(Shared::shared(MemoryStore::new())), VirtualClock::new());
    let agent = shared_agent(&store, ScriptedLlm::saying(ANSWER), clock).await;
    let session = agent.sessions().create().await.unwrap().id;
    let now = voice_core::time::Clock::now(&clock);
    let dead = Lease::new(session, uuid::Uuid::now_v7(), now, now + Duration::from_secs(30));
    assert!(store.try_lease(&dead).await.unwrap());
    let begun = Instant::now();
    agent.turn("hello").session(session).await.unwrap();
    let waited = begun.elapsed();
    assert!((Duration::from_secs(30)..Duration::from_secs(31)).contains(&waited), "{waited:?}");
}
