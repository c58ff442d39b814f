//! What the SQLite store promises beyond the suites.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use voice_core::{
    ConversationStore, ErrorCode, ErrorKind, Message, Role, Session, SessionId, TurnId,
    store::{MessageQuery, TurnRecord},
    stores::sqlite::{SqliteOptions, SqliteStore},
};

fn turn(session: &Session, words: &str) -> TurnRecord {
    let id = TurnId::new();
    let at = session.created_at;
    let messages = [Role::User, Role::Assistant].map(|role| Message::new(session.id, id, role, words, at));
    TurnRecord::new(id, session.clone(), messages.to_vec())
}

fn session() -> Session {
    Session::new(SessionId::new(), None, jiff::Timestamp::now())
}

fn sqlite(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap()
}

#[tokio::test]
async fn what_was_saved_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("voice.db");
    let session = session();
    let store = SqliteStore::open(&path).unwrap();
    store.save_turn(&turn(&session, "rain")).await.unwrap();
    store.close().await.unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(files, ["voice.db"], "a clean close leaves the one file");

    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.messages(session.id, MessageQuery::latest(5)).await.unwrap().items.len(), 2);
}

#[tokio::test]
async fn dropping_the_store_in_async_code_keeps_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("voice.db");
    let session = session();
    let store = SqliteStore::open(&path).unwrap();
    store.save_turn(&turn(&session, "rain")).await.unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert!(store.session(session.id).await.unwrap().is_some());
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_a_new_database() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("voice.db")).unwrap();
    store.save_turn(&turn(&session(), "rain")).await.unwrap();
    let mut files = 0;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
        files += 1;
    }
    assert_eq!(files, 3, "the database, its log and the log's index");
}

/// Whether a file of the database, its log included, has these words.
fn is_anywhere(folder: &Path, words: &str) -> bool {
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).any(|bytes| {
        let mut windows = bytes.windows(words.len());
        windows.any(|window| window == words.as_bytes())
    })
}

#[tokio::test]
async fn deleted_words_are_in_no_file_once_the_deletion_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let (gone, kept) = (session(), session());
    let store = SqliteStore::open(folder.path().join("voice.db")).unwrap();
    store.save_turn(&turn(&gone, "a secret that must go")).await.unwrap();
    store.save_turn(&turn(&kept, "words that stay")).await.unwrap();
    assert!(is_anywhere(folder.path(), "a secret that must go"));
    assert!(store.delete_session(gone.id).await.unwrap());
    assert!(!is_anywhere(folder.path(), "a secret that must go"));
    store.close().await.unwrap();
    assert!(is_anywhere(folder.path(), "words that stay"));
    assert!(!is_anywhere(folder.path(), "a secret that must go"));
}

#[tokio::test]
async fn a_reader_in_another_process_holds_up_no_deletion_and_its_words_go_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("voice.db");
    let (gone, kept) = (session(), session());
    let store = SqliteStore::open(&path).unwrap();
    store.save_turn(&turn(&gone, "a secret that must go")).await.unwrap();
    let reader = sqlite(&path);
    reader.execute_batch("BEGIN; SELECT count(*) FROM sessions").unwrap();
    assert!(store.delete_session(gone.id).await.unwrap());
    assert!(store.session(gone.id).await.unwrap().is_none());
    assert!(is_anywhere(folder.path(), "a secret that must go"), "the reader still reads it");
    reader.execute_batch("COMMIT").unwrap();
    let start = std::time::Instant::now();
    while is_anywhere(folder.path(), "a secret that must go") {
        assert!(start.elapsed() < std::time::Duration::from_secs(20), "its words stayed");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        store.save_turn(&turn(&kept, "words that stay")).await.unwrap();
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("voice.db");
    SqliteStore::open(&path).unwrap().close().await.unwrap();
    sqlite(&path).pragma_update(None, "user_version", 999).unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert_eq!((error.code(), error.kind()), (ErrorCode::StorageError, ErrorKind::StorageTooNew));
    assert!(error.message().contains("999") && error.message().contains("update"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_is_not_ours_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (text, other, empty) = (folder.path().join("text"), folder.path().join("other"), folder.path().join("empty"));
    std::fs::write(&text, "no database at all, but long enough to be looked at as one".repeat(100)).unwrap();
    sqlite(&other).execute_batch("CREATE TABLE theirs (a)").unwrap();
    for (path, kind, says) in
        [(&text, ErrorKind::StorageCorrupt, "not an SQLite"), (&other, ErrorKind::Storage, "another program")]
    {
        let before = std::fs::read(path).unwrap();
        let error = SqliteStore::open(path).unwrap_err();
        assert_eq!((error.code(), error.kind()), (ErrorCode::StorageError, kind), "{error}");
        assert!(error.message().contains(says), "{error}");
        assert_eq!(std::fs::read(path).unwrap(), before);
    }
    std::fs::write(&empty, "").unwrap();
    assert!(SqliteStore::open(&empty).is_ok(), "an empty file is a new database");
}

#[test]
fn a_path_that_cannot_be_a_file_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (path, says) in [
        (folder.path().join("missing/voice.db"), "make the folder"),
        (folder.path().to_owned(), "must be a file"),
        ("".into(), "name a file"),
    ] {
        let error = SqliteStore::open(&path).unwrap_err();
        assert_eq!(error.code(), ErrorCode::StorageError);
        assert!(error.message().contains(says), "{path:?}: {error}");
    }
}

#[tokio::test]
async fn damage_is_told_as_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("voice.db");
    let session = session();
    let store = SqliteStore::open(&path).unwrap();
    for _ in 0..200 {
        store.save_turn(&turn(&session, &"words ".repeat(50))).await.unwrap();
    }
    store.close().await.unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096..].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();
    let error = match SqliteStore::open(&path) {
        Ok(store) => store.messages(session.id, MessageQuery::latest(20)).await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!((error.code(), error.kind()), (ErrorCode::StorageError, ErrorKind::StorageCorrupt), "{error}");
    assert!(error.message().contains("backup"), "{error}");
}

#[tokio::test]
async fn a_lock_that_is_never_given_back_is_an_error_worth_trying_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("voice.db");
    let store = SqliteOptions::new().busy_timeout(std::time::Duration::from_millis(50)).open(&path).unwrap();
    let holder = sqlite(&path);
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let session = session();
    let record = turn(&session, "rain");
    let error = store.save_turn(&record).await.unwrap_err();
    assert_eq!((error.kind(), error.retryable()), (ErrorKind::StorageBusy, true), "{error}");
    assert!(store.session(session.id).await.unwrap().is_none(), "reading goes on meanwhile");
    holder.execute_batch("COMMIT").unwrap();
    store.save_turn(&record).await.unwrap();
}

#[test]
fn many_openers_at_once_make_one_database() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let path = &folder.path().join(format!("{round}.db"));
        std::thread::scope(|scope| {
            let opening: Vec<_> = (0..8).map(|_| scope.spawn(move || SqliteStore::open(path).map(drop))).collect();
            for opened in opening {
                opened.join().unwrap().unwrap();
            }
        });
    }
}
