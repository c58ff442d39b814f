//! Every conversation store passes the same cases; what only SQLite can do or suffer follows.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use voice_core::{
    ConversationStore, ErrorKind, Message, Role, Session, SessionId, TurnId,
    store::{MemoryStore, MessageQuery, TurnRecord},
    stores::sqlite::SqliteStore,
    time::Timestamp,
};

mod memory {
    use super::*;

    voice_testkit::conversation_store_tests!(MemoryStore::new());
}

mod sqlite {
    use super::*;

    voice_testkit::conversation_store_tests!(SqliteStore::open(fresh("conformance.db")).unwrap());
}

/// A path in a folder of its own. Folders of a few kilobytes are left to the next test run to clear.
fn fresh(name: &str) -> PathBuf {
    tempfile::Builder::new().prefix("voice-stores-").tempdir().unwrap().keep().join(name)
}

async fn save_one(store: &SqliteStore, session: &Session) -> TurnRecord {
    let turn = TurnId::new();
    let say = |role, text| Message::new(session.id, turn, role, text, Timestamp::now());
    let record = TurnRecord::new(turn, session.clone(), vec![say(Role::User, "hello"), say(Role::Assistant, "hi")]);
    store.save_turn(&record).await.unwrap();
    record
}

fn session() -> Session {
    Session::new(SessionId::new(), None, Timestamp::now())
}

fn refusal(path: &Path) -> voice_core::Error {
    SqliteStore::open(path).expect_err("it is refused")
}

#[tokio::test]
async fn what_was_saved_is_there_when_the_file_is_opened_again() {
    let path = fresh("voice.db");
    let session = session();
    let store = SqliteStore::open(&path).unwrap();
    let turn = save_one(&store, &session).await;
    store.close().await.unwrap();
    assert!(!path.with_extension("db-wal").exists(), "one whole file is left behind");

    let again = SqliteStore::open(&path).unwrap();
    let page = again.messages(session.id, MessageQuery::default()).await.unwrap();
    assert_eq!(page.items, turn.messages);
}

#[tokio::test]
async fn a_store_that_is_dropped_in_the_middle_leaves_what_it_acknowledged() {
    let path = fresh("voice.db");
    let session = session();
    let store = SqliteStore::open(&path).unwrap();
    save_one(&store, &session).await;
    drop(store);
    let again = SqliteStore::open(&path).unwrap();
    assert_eq!(again.messages(session.id, MessageQuery::default()).await.unwrap().items.len(), 2);
}

#[tokio::test]
async fn two_stores_on_one_file_see_each_other() {
    let path = fresh("voice.db");
    let (one, two) = (SqliteStore::open(&path).unwrap(), SqliteStore::open(&path).unwrap());
    let session = session();
    save_one(&one, &session).await;
    save_one(&two, &session).await;
    for store in [&one, &two] {
        assert_eq!(store.messages(session.id, MessageQuery::default()).await.unwrap().items.len(), 4);
    }
}

#[test]
fn several_processes_may_create_the_same_file_at_once() {
    let path = fresh("voice.db");
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || SqliteStore::open(path).map(drop))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_user_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let path = fresh("voice.db");
    let store = SqliteStore::open(&path).unwrap();
    save_one(&store, &session()).await;
    for name in ["voice.db", "voice.db-wal", "voice.db-shm"] {
        let mode = std::fs::metadata(path.with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_not_touched() {
    let path = fresh("voice.db");
    drop(SqliteStore::open(&path).unwrap());
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 999).unwrap();
    drop(raw);
    let error = refusal(&path);
    assert_eq!(error.kind(), ErrorKind::StorageTooNew);
    assert!(error.message().contains("999") && error.message().contains("newer library"), "{error}");
    let raw = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(raw.pragma_query_value(None, "user_version", |r| r.get::<_, i64>(0)).unwrap(), 999);
}

#[test]
fn another_programs_database_is_refused() {
    let path = fresh("other.db");
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch("CREATE TABLE things (x); INSERT INTO things VALUES (1)").unwrap();
    drop(raw);
    let error = refusal(&path);
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("another program"), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_not_touched() {
    let path = fresh("notes.txt");
    std::fs::write(&path, "some notes, long enough to be a header of a database file, but not one at all".repeat(20))
        .unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = refusal(&path);
    assert!(error.message().contains("not an SQLite database"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let path = fresh("voice.db").join("nowhere/voice.db");
    let error = refusal(&path);
    assert!(error.message().contains("folder does not exist"), "{error}");
}

/// A damaged page is an error of its own, and what is in other pages can still be read.
#[tokio::test]
async fn damage_is_told() {
    let path = fresh("voice.db");
    let store = SqliteStore::open(&path).unwrap();
    let session = session();
    for _ in 0..200 {
        save_one(&store, &session).await;
    }
    store.close().await.unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let (start, end) = (4096 * 4, bytes.len() - 4096);
    bytes[start..end].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    let error = match SqliteStore::open(&path) {
        Err(error) => error,
        Ok(store) => {
            let read = store.messages(session.id, MessageQuery::latest(100)).await;
            read.expect_err("damaged pages are not read as messages")
        }
    };
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("damaged"), "{error}");
}
