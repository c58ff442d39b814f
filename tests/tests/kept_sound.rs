//! The sound of turns: kept beside the words, gone with them, and never in the way of them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use voice_core::{
    Audio, Config, ConversationStore, Error, ErrorKind, Message, SessionId, VoiceAgent,
    store::{
        BlobKey, BlobRef, BlobStore, MemoryBlobs, MemoryStore, MessageQuery, Page, SessionQuery,
        blobs::{self, Bytestream},
    },
};
use voice_testkit::{ScriptedLlm, ScriptedStt, ScriptedTts};

/// One second of a tone.
fn question() -> Audio {
    Audio::from_pcm([3_000_i16, -3_000].repeat(8_000), 16_000, 1)
}

async fn agent(blobs: Arc<dyn BlobStore>, document: &str) -> VoiceAgent {
    VoiceAgent::builder()
        .config(Config::from_json(document).unwrap())
        .stt(ScriptedStt::hearing("will it rain"))
        .llm(ScriptedLlm::saying("It will rain in the north. Take a warm coat with you."))
        .tts(ScriptedTts::new())
        .storage("memory")
        .recordings(blobs)
        .build()
        .await
        .unwrap()
}

async fn history(agent: &VoiceAgent, session: SessionId) -> Vec<Message> {
    agent.sessions().history(session, MessageQuery::latest(10)).await.unwrap().items
}

async fn kept(blobs: &dyn BlobStore) -> Vec<BlobKey> {
    blobs.list(&BlobKey::new("sessions").unwrap(), None, 100).await.unwrap().items
}

#[tokio::test]
async fn both_sides_of_a_turn_are_kept_and_heard_again() {
    let blobs = Arc::new(MemoryBlobs::new());
    let agent = agent(Arc::clone(&blobs) as _, "{}").await;
    let reply = agent.converse(question()).await.unwrap();
    let messages = history(&agent, reply.session_id).await;
    let mut seconds = Vec::new();
    for message in &messages {
        let sound = agent.sessions().recording(reply.session_id, message).await.unwrap().unwrap();
        let bytes = blobs::collect(sound).await.unwrap();
        assert_eq!(&bytes[..4], b"RIFF");
        let audio = voice_core::audio::prepare(&Audio::from(bytes), &voice_core::AudioLimits::default()).unwrap();
        seconds.push(audio.duration().as_secs_f64());
    }
    let spoken = reply.audio.duration().as_secs_f64();
    assert!((seconds[0] - 1.0).abs() < 0.01 && (seconds[1] - spoken).abs() < 0.01, "{seconds:?}, {spoken}");
}

#[tokio::test]
async fn the_config_says_which_sides_are_kept_where_and_how() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("kept");
    let document = serde_json::json!({
        "recordings": { "store": format!("file:{}", place.display()), "user": false, "format": "opus" },
    });
    let agent = VoiceAgent::builder().config(Config::from_json(&document.to_string()).unwrap());
    let agent = agent.stt(ScriptedStt::hearing("rain")).llm(ScriptedLlm::saying("Yes.")).tts(ScriptedTts::new());
    let agent = agent.storage("memory").build().await.unwrap();
    let reply = agent.converse(question()).await.unwrap();
    let messages = history(&agent, reply.session_id).await;
    assert_eq!(messages[0].audio_ref, None);
    let sound = agent.sessions().recording(reply.session_id, &messages[1]).await.unwrap().unwrap();
    assert_eq!(&blobs::collect(sound).await.unwrap()[..4], b"OggS");
    let name = format!("{}-assistant.ogg", reply.turn_id);
    assert!(place.join("sessions").join(reply.session_id.to_string()).join(name).is_file());
    agent.sessions().delete(reply.session_id).await.unwrap();
    assert!(!place.join("sessions").exists(), "the folders go with what was in them");
}

#[tokio::test]
async fn an_unknown_place_is_refused_by_its_path() {
    for (store, says) in
        [("ftp://h/x", "recordings.store"), ("file:", "recordings.store"), ("s3://", "recordings.store")]
    {
        let document = serde_json::json!({ "recordings": { "store": store } }).to_string();
        let agent = VoiceAgent::builder().config(Config::from_json(&document).unwrap()).storage("memory");
        let agent = agent.stt("none").llm(ScriptedLlm::saying("Yes.")).tts("none").build().await;
        let error = agent.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().starts_with(says), "{error}");
    }
}

#[tokio::test]
async fn sound_goes_with_its_session() {
    let blobs = Arc::new(MemoryBlobs::new());
    let agent = agent(Arc::clone(&blobs) as _, "{}").await;
    let sessions = agent.sessions();
    let mut replies = Vec::new();
    for user in ["ada", "bob", "eve", "kim"] {
        replies.push(agent.converse(question()).user(user).await.unwrap().session_id);
    }
    assert_eq!(kept(&*blobs).await.len(), 8);
    sessions.delete(replies[0]).await.unwrap();
    assert_eq!(kept(&*blobs).await.len(), 6);
    assert_eq!(sessions.clone().for_user("bob").erase_user().await.unwrap().sessions, 1);
    assert_eq!(kept(&*blobs).await.len(), 4);
    sessions.end(replies[2]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(sessions.delete_over(Duration::ZERO).await.unwrap(), 1);
    let left = kept(&*blobs).await;
    assert!(left.len() == 2 && left.iter().all(|key| key.as_str().contains(&replies[3].to_string())), "{left:?}");
}

#[tokio::test]
async fn a_message_of_another_session_is_not_heard_in_this_one() {
    let agent = agent(Arc::new(MemoryBlobs::new()), "{}").await;
    let [one, two] = [agent.converse(question()).await.unwrap(), agent.converse(question()).await.unwrap()];
    let theirs = &history(&agent, two.session_id).await[0];
    let error = agent.sessions().recording(one.session_id, theirs).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidField);
    let error = agent.sessions().for_user("eve").recording(two.session_id, theirs).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionNotFound);
}

#[tokio::test]
async fn a_typed_question_and_an_unspoken_answer_keep_no_sound() {
    let blobs = Arc::new(MemoryBlobs::new());
    let agent = agent(Arc::clone(&blobs) as _, "{}").await;
    let reply = agent.turn("will it rain?").speak(false).await.unwrap();
    let messages = history(&agent, reply.session_id).await;
    assert!(messages.iter().all(|message| message.audio_ref.is_none()));
    assert!(kept(&*blobs).await.is_empty());
}

/// A blob store in which a turn of another process keeps its sound just when somebody has looked for what to delete.
struct Late(MemoryBlobs, Mutex<Option<BlobKey>>);

#[async_trait]
impl BlobStore for Late {
    fn name(&self) -> &str {
        "late"
    }

    async fn put(&self, key: &BlobKey, bytes: Bytestream) -> voice_core::Result<BlobRef> {
        self.0.put(key, bytes).await
    }

    async fn get(&self, blob: &BlobRef) -> voice_core::Result<Option<Bytestream>> {
        self.0.get(blob).await
    }

    async fn delete(&self, key: &BlobKey) -> voice_core::Result<bool> {
        self.0.delete(key).await
    }

    async fn list(&self, under: &BlobKey, after: Option<&BlobKey>, most: usize) -> voice_core::Result<Page<BlobKey>> {
        let found = self.0.list(under, after, most).await?;
        let late = self.1.lock().unwrap().take();
        if let Some(late) = late {
            self.0.put(&late, blobs::bytestream("sound")).await?;
        }
        Ok(found)
    }
}

#[tokio::test]
async fn sound_that_is_kept_while_its_session_is_deleted_goes_too() {
    let blobs = Arc::new(Late(MemoryBlobs::new(), Mutex::default()));
    let agent = agent(Arc::clone(&blobs) as _, "{}").await;
    for erases in [false, true] {
        let session = agent.converse(question()).user("ada").await.unwrap().session_id;
        let late = BlobKey::new(format!("sessions/{session}/{session}-user.wav")).unwrap();
        *blobs.1.lock().unwrap() = Some(late);
        if erases {
            agent.sessions().for_user("ada").erase_user().await.unwrap();
        } else {
            agent.sessions().delete(session).await.unwrap();
        }
        assert!(blobs.1.lock().unwrap().is_none(), "it was kept meanwhile");
        assert_eq!(kept(&*blobs).await, []);
    }
}

/// A blob store that is always full, or never answers.
struct Broken {
    hangs: bool,
}

/// A blob store that takes its time with what the agent said, and keeps the rest at once.
struct Slow(MemoryBlobs, Duration);

#[async_trait]
impl BlobStore for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    async fn put(&self, key: &BlobKey, bytes: Bytestream) -> voice_core::Result<BlobRef> {
        if key.as_str().contains("assistant") {
            tokio::time::sleep(self.1).await;
        }
        self.0.put(key, bytes).await
    }

    async fn get(&self, blob: &BlobRef) -> voice_core::Result<Option<Bytestream>> {
        self.0.get(blob).await
    }

    async fn delete(&self, key: &BlobKey) -> voice_core::Result<bool> {
        self.0.delete(key).await
    }

    async fn list(&self, under: &BlobKey, after: Option<&BlobKey>, most: usize) -> voice_core::Result<Page<BlobKey>> {
        self.0.list(under, after, most).await
    }
}

#[async_trait]
impl BlobStore for Broken {
    fn name(&self) -> &str {
        "broken"
    }

    async fn put(&self, _: &BlobKey, _: Bytestream) -> voice_core::Result<BlobRef> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Err(Error::new(ErrorKind::StorageFull, "no room"))
    }

    async fn get(&self, _: &BlobRef) -> voice_core::Result<Option<Bytestream>> {
        Ok(None)
    }

    async fn delete(&self, _: &BlobKey) -> voice_core::Result<bool> {
        Ok(false)
    }

    async fn list(&self, _: &BlobKey, _: Option<&BlobKey>, _: usize) -> voice_core::Result<Page<BlobKey>> {
        Ok(Page::new(Vec::new(), false))
    }
}

#[tokio::test(start_paused = true)]
async fn a_recording_that_cannot_be_kept_never_loses_the_turn() {
    for hangs in [false, true] {
        let agent = agent(Arc::new(Broken { hangs }), "{}").await;
        let reply = agent.converse(question()).await.unwrap();
        assert!(reply.timings.stored.is_some() && !reply.audio.is_empty());
        let messages = history(&agent, reply.session_id).await;
        assert!(messages.len() == 2 && messages.iter().all(|message| message.audio_ref.is_none()));
    }
}

#[tokio::test(start_paused = true)]
async fn one_side_that_cannot_be_kept_leaves_the_other() {
    let agent = agent(Arc::new(Slow(MemoryBlobs::new(), Duration::from_secs(3_600))), "{}").await;
    let reply = agent.converse(question()).await.unwrap();
    let messages = history(&agent, reply.session_id).await;
    assert!(messages[0].audio_ref.is_some() && messages[1].audio_ref.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_turn_whose_caller_goes_away_while_its_sound_is_kept_is_stored() {
    let agent = agent(Arc::new(Slow(MemoryBlobs::new(), Duration::from_secs(5))), "{}").await;
    let gone = tokio::time::timeout(Duration::from_secs(2), agent.converse(question())).await;
    assert!(gone.is_err(), "its sound is being kept");
    tokio::time::sleep(Duration::from_secs(10)).await;
    let sessions = agent.sessions().list(SessionQuery::default()).await.unwrap().items;
    let messages = history(&agent, sessions[0].id).await;
    assert!(messages.len() == 2 && messages.iter().all(|message| message.audio_ref.is_some()), "{messages:?}");
}

#[tokio::test(start_paused = true)]
async fn closing_waits_for_the_sound_of_a_turn() {
    let agent = agent(Arc::new(Slow(MemoryBlobs::new(), Duration::from_secs(3))), "{}").await;
    let turn = agent.converse(question());
    let running = tokio::spawn(async move { turn.await });
    tokio::time::sleep(Duration::from_secs(2)).await;
    agent.close().await.unwrap();
    assert!(running.await.unwrap().unwrap().timings.stored.is_some());
}

#[tokio::test]
async fn the_sound_of_a_turn_that_cannot_be_saved_is_not_left_behind() {
    let (blobs, store) = (Arc::new(MemoryBlobs::new()), Arc::new(MemoryStore::new()));
    let agent = VoiceAgent::builder().stt(ScriptedStt::hearing("rain")).llm(ScriptedLlm::saying("Yes."));
    let agent = agent.tts(ScriptedTts::new()).store(Arc::clone(&store) as _).recordings(Arc::clone(&blobs) as _);
    let agent = agent.build().await.unwrap();
    agent.converse(question()).await.unwrap();
    assert_eq!(store.list_sessions(&SessionQuery::default()).await.unwrap().items.len(), 1);
    store.close().await.unwrap();
    agent.converse(question()).await.unwrap_err();
    assert_eq!(kept(&*blobs).await.len(), 2, "only those of the turn that was saved");
}
