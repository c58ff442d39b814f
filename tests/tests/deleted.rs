//! Sessions that are deleted while somebody speaks in them: nothing of them comes back, and whoever speaks is told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use voice_core::{
    Config, Error, ErrorCode, ErrorKind, LiveEvent, SessionId, Stage, TurnEvent, VoiceAgent,
    live::{EndReason, LiveSession},
    store::{BlobKey, BlobStore, MemoryBlobs},
};
use voice_testkit::{ScriptedLlm, ScriptedTts};

struct Set {
    agent: VoiceAgent,
    blobs: Arc<MemoryBlobs>,
    _folder: tempfile::TempDir,
}

impl Set {
    async fn new() -> Self {
        let (blobs, folder) = (Arc::new(MemoryBlobs::new()), tempfile::tempdir().unwrap());
        let agent = VoiceAgent::builder()
            .config(Config::from_json(r#"{"recordings": {"store": "memory", "live": true}}"#).unwrap())
            .stt("none")
            // Slow enough that what is done when an answer has begun is done before it is stored.
            .llm(
                ScriptedLlm::saying("It will rain in the north. Take a warm coat with you.")
                    .then_every(Duration::from_millis(100)),
            )
            .tts(ScriptedTts::new())
            .storage(format!("sqlite:{}", folder.path().join("voice.db").display()))
            .recordings(Arc::clone(&self::blobs(&blobs)))
            .build()
            .await
            .unwrap();
        Self { agent, blobs, _folder: folder }
    }

    /// A session in which something was said already.
    async fn session(&self) -> SessionId {
        self.agent.turn("Hello.").user("ada").await.unwrap().session_id
    }

    /// Says something more, and does something once the answer has begun; gives how the turn ended.
    async fn interfered_with(&self, session: SessionId, interfere: impl AsyncFn()) -> Error {
        let mut events = self.agent.turn("Will it rain?").user("ada").session(session).stream();
        let mut has_begun = false;
        loop {
            match events.next().await.expect("the turn ends with an error") {
                Ok(TurnEvent::Text(_)) if !std::mem::replace(&mut has_begun, true) => interfere().await,
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    }

    async fn assert_gone(&self, session: SessionId) {
        let found = self.agent.sessions().get(session).await.map(|session| session.status);
        assert_eq!(found.map_err(|error| error.kind()), Err(ErrorKind::SessionNotFound));
        let sounds = self.blobs.list(&BlobKey::new("sessions").unwrap(), None, 100).await.unwrap().items;
        assert!(sounds.is_empty(), "{} sounds stayed", sounds.len());
    }
}

fn blobs(blobs: &Arc<MemoryBlobs>) -> Arc<dyn BlobStore> {
    Arc::clone(blobs) as _
}

fn assert_told(error: &Error) {
    assert_eq!((error.code(), error.kind()), (ErrorCode::SessionNotFound, ErrorKind::SessionNotFound));
    assert_eq!(error.stage(), Some(Stage::Store));
}

#[tokio::test]
async fn a_session_that_is_deleted_in_mid_turn_stays_deleted_and_the_reply_is_not_lost() {
    let set = Set::new().await;
    let session = set.session().await;
    let error = set.interfered_with(session, async || set.agent.sessions().delete(session).await.unwrap()).await;
    assert_told(&error);
    assert!(error.reply().is_some_and(|reply| reply.text.starts_with("It will rain")));
    set.assert_gone(session).await;
}

#[tokio::test]
async fn a_user_who_is_erased_in_mid_turn_stays_erased() {
    let set = Set::new().await;
    let session = set.session().await;
    let erase = async || {
        set.agent.sessions().for_user("ada").erase_user().await.unwrap();
    };
    assert_told(&set.interfered_with(session, erase).await);
    set.assert_gone(session).await;
}

/// How a live session ends, and the errors that it told before.
async fn end_of(live: &LiveSession) -> (EndReason, Vec<Error>) {
    let mut errors = Vec::new();
    loop {
        match timeout(Duration::from_secs(30), live.next()).await.expect("it ends").expect("it says that it ends") {
            LiveEvent::Error(error) => errors.push(error),
            LiveEvent::Ended(summary) => return (summary.reason, errors),
            _ => {}
        }
    }
}

async fn exchange(live: &LiveSession, words: &str) {
    live.push_text(words).unwrap();
    loop {
        match timeout(Duration::from_secs(30), live.next()).await.expect("it answers").expect("it goes on") {
            LiveEvent::TurnDone(_) => return,
            LiveEvent::Error(error) => panic!("{error}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_live_session_ends_when_it_is_deleted_whether_it_was_there_before_or_not() {
    let set = Set::new().await;
    let before = set.session().await;
    for stored in [Some(before), None] {
        let live = set.agent.live().user("ada");
        let live = match stored {
            Some(session) => live.session(session),
            None => live,
        };
        let live = live.start().await.unwrap();
        exchange(&live, "Hello.").await;
        set.agent.sessions().delete(live.session_id()).await.unwrap();
        live.push_text("Are you there?").unwrap();
        let (reason, errors) = end_of(&live).await;
        assert_eq!(reason, EndReason::SessionGone);
        let [error] = &*errors else { panic!("{} errors", errors.len()) };
        assert_told(error);
        set.assert_gone(live.session_id()).await;
    }
}
