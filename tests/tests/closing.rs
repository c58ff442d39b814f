//! Closing an agent while a turn is being saved.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};
use voice_core::{
    ConversationStore, Message, Result, Session, SessionId, VoiceAgent,
    store::{MemoryStore, MessageQuery, Page, Saved, SessionQuery, TurnRecord},
    time::Timestamp,
};
use voice_testkit::{ScriptedLlm, ScriptedStt, ScriptedTts, Voice};

/// A store that takes its time to save a turn.
struct SlowStore(Arc<MemoryStore>, Duration);

#[async_trait]
impl ConversationStore for SlowStore {
    fn name(&self) -> &str {
        "slow"
    }

    async fn save_turn(&self, turn: &TurnRecord) -> Result<Saved> {
        sleep(self.1).await;
        self.0.save_turn(turn).await
    }

    async fn create_session(&self, session: &Session) -> Result<()> {
        self.0.create_session(session).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        self.0.session(id).await
    }

    async fn list_sessions(&self, query: &SessionQuery) -> Result<Page<Session>> {
        self.0.list_sessions(query).await
    }

    async fn set_metadata(&self, id: SessionId, metadata: &Map<String, Value>) -> Result<bool> {
        self.0.set_metadata(id, metadata).await
    }

    async fn end_session(&self, id: SessionId, at: Timestamp) -> Result<bool> {
        self.0.end_session(id, at).await
    }

    async fn delete_session(&self, id: SessionId) -> Result<bool> {
        self.0.delete_session(id).await
    }

    async fn messages(&self, session: SessionId, query: MessageQuery) -> Result<Page<Message>> {
        self.0.messages(session, query).await
    }

    async fn expire_idle(&self, idle_since: Timestamp, at: Timestamp) -> Result<u64> {
        self.0.expire_idle(idle_since, at).await
    }

    async fn delete_over(&self, ended_before: Timestamp) -> Result<u64> {
        self.0.delete_over(ended_before).await
    }

    async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}

async fn agent(save: Duration) -> VoiceAgent {
    agent_with(Arc::new(SlowStore(Arc::default(), save))).await
}

async fn agent_with(store: Arc<SlowStore>) -> VoiceAgent {
    VoiceAgent::builder()
        .stt(ScriptedStt::hearing("hello"))
        .llm(ScriptedLlm::saying("Hello yourself."))
        .tts(ScriptedTts::new())
        .store(store)
        .build()
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_being_saved_is_saved() {
    let agent = agent(Duration::from_secs(3)).await;
    let turn = agent.turn("hello");
    let running = tokio::spawn(async move { turn.await });
    sleep(Duration::from_secs(2)).await;
    let start = Instant::now();
    agent.close().await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    assert_eq!(running.await.unwrap().unwrap().text, "Hello yourself.");
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_nobody_polls_does_not_keep_the_agent_open() {
    let agent = agent(Duration::from_secs(3)).await;
    let mut turn = Box::pin(agent.turn("hello").into_future());
    tokio::select! {
        biased;
        _ = &mut turn => panic!("it was saved already"),
        () = sleep(Duration::from_secs(1)) => {}
    }
    let closed = tokio::time::timeout(Duration::from_secs(60), agent.close()).await;
    closed.expect("it closes").unwrap();
    drop(turn);
}

#[tokio::test(start_paused = true)]
async fn whoever_closes_while_somebody_does_waits_for_the_end() {
    let agent = agent(Duration::from_secs(3)).await;
    let turn = agent.turn("hello");
    let running = tokio::spawn(async move { turn.await });
    sleep(Duration::from_secs(2)).await;
    let start = Instant::now();
    let closing = tokio::spawn({
        let agent = agent.clone();
        async move { agent.close().await }
    });
    sleep(Duration::from_millis(10)).await;
    agent.close().await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    closing.await.unwrap().unwrap();
    assert_eq!(running.await.unwrap().unwrap().text, "Hello yourself.");
}

#[tokio::test(start_paused = true)]
async fn closing_that_was_given_up_is_completed_by_the_next() {
    let store = Arc::new(SlowStore(Arc::default(), Duration::from_secs(3)));
    let agent = agent_with(Arc::clone(&store)).await;
    let turn = agent.turn("hello");
    let running = tokio::spawn(async move { turn.await });
    sleep(Duration::from_secs(2)).await;
    tokio::time::timeout(Duration::from_millis(10), agent.close()).await.unwrap_err();
    assert!(store.list_sessions(&SessionQuery::default()).await.is_ok(), "the store is open");
    agent.close().await.unwrap();
    assert!(store.list_sessions(&SessionQuery::default()).await.is_err(), "the store is closed");
    assert_eq!(running.await.unwrap().unwrap().text, "Hello yourself.");
}

#[tokio::test(start_paused = true)]
async fn a_live_turn_that_is_stored_slowly_outlasts_the_end_of_its_session() {
    let store = Arc::new(MemoryStore::new());
    let agent = agent_with(Arc::new(SlowStore(Arc::clone(&store), Duration::from_secs(6)))).await;
    let live = agent.live().voice_activity(Voice::new().activity()).start().await.unwrap();
    live.push_text("hello").unwrap();
    let summary = live.end().await.unwrap();
    assert_eq!(summary.turns, 0, "it is not stored yet");
    sleep(Duration::from_secs(2)).await;
    let stored = store.messages(live.session_id(), MessageQuery::latest(10)).await.unwrap().items;
    assert_eq!(stored[0].content, "hello");
}
