//! What is found again, written out, erased, and deleted with time.

use voice_core::{
    ConversationStore, ErrorCode, Message, Role, Session, SessionId, TurnId,
    agent::{ExportFormat, Principal},
    store::{MessageQuery, SearchQuery, SessionQuery, SessionStatus, Summary, TurnRecord},
};

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn messages_are_found_within_the_view_that_searches() {
    for storage in [memory(), sqlite(&tempfile::tempdir().unwrap())] {
        let agent = agent_on(storage, "{}").await;
        let ada = agent.turn("Umbrella prices, please").user("ada").await.unwrap().session_id;
        agent.turn("an umbrella for Bob").user("bob").await.unwrap();
        let search = async |user: &str| {
            let found = agent.sessions().for_user(user).search(SearchQuery::new("UMBRELLA")).await.unwrap();
            found.items.into_iter().map(|m| m.content).collect::<Vec<_>>()
        };
        assert_eq!(search("ada").await, ["Umbrella prices, please"]);
        assert_eq!(search("eve").await, [] as [&str; 0]);
        assert_eq!(agent.sessions().search(SearchQuery::new("umbrella")).await.unwrap().items.len(), 2);
        let mut foreign = SearchQuery::new("umbrella");
        foreign.session = Some(ada);
        let error = agent.sessions().for_user("bob").search(foreign).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::SessionNotFound);
        let mut other = SearchQuery::new("umbrella");
        other.user = Some("ada".into());
        assert_eq!(agent.sessions().for_user("bob").search(other).await.unwrap().items.len(), 0);
    }
}

#[tokio::test]
async fn a_long_conversation_is_written_out_in_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path().join("voice.db")).unwrap());
    let agent = agent_on(Storage::of(Arc::clone(&store)), QUIET).await;
    let session = Session::new(SessionId::new(), None, jiff::Timestamp::UNIX_EPOCH);
    for n in 0..300_i64 {
        let (id, at) = (TurnId::new(), jiff::Timestamp::from_second(n * 10).unwrap());
        let said =
            [Role::User, Role::Assistant].map(|role| Message::new(session.id, id, role, format!("line {n}"), at));
        store.save_turn(&TurnRecord::new(id, session.clone(), said.to_vec())).await.unwrap();
    }
    let mut export = agent.sessions().export(session.id, ExportFormat::Json).await.unwrap();
    let (mut pieces, mut all) = (0, String::new());
    while let Some(piece) = export.next().await {
        let piece = piece.unwrap();
        assert!(piece.len() < 40_000, "a piece is a page");
        pieces += 1;
        all.push_str(&piece);
    }
    assert_eq!(pieces, 7);
    let document: serde_json::Value = serde_json::from_str(&all).unwrap();
    let messages = document["messages"].as_array().unwrap();
    assert_eq!((messages.len(), messages[599]["content"].as_str()), (600, Some("line 299")));
    for (format, lines) in
        [(ExportFormat::Text, 600), (ExportFormat::WebVtt, 600 * 3 + 1), (ExportFormat::Srt, 600 * 4)]
    {
        let text = agent.sessions().export(session.id, format).await.unwrap().text().await.unwrap();
        assert_eq!(text.lines().count(), lines, "{format:?}");
    }
    let foreign = agent.sessions().for_user("eve").export(session.id, ExportFormat::Text).await.unwrap_err();
    assert_eq!(foreign.code(), ErrorCode::SessionNotFound);
    let empty = agent.sessions().create().await.unwrap();
    let text = agent.sessions().export(empty.id, ExportFormat::WebVtt).await.unwrap().text().await.unwrap();
    assert_eq!(text, "WEBVTT\n");
}

#[tokio::test]
async fn pages_follow_one_another_by_cursor() {
    let agent = agent().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, agent.sessions().create().await.unwrap().id);
    }
    let (mut query, mut found) = (SessionQuery::default(), Vec::new());
    query.limit = 2;
    loop {
        let page = agent.sessions().list(query.clone()).await.unwrap();
        found.extend(page.items.iter().map(|s| s.id));
        let Some(cursor) = page.next() else { break };
        query = query.after(&cursor.to_string()).unwrap();
    }
    assert_eq!(found, ids);

    let mut session = None;
    for n in 0..3 {
        session = Some(agent.turn(format!("{n}")).session(session).await.unwrap().session_id);
    }
    let newest = agent.sessions().history(session.unwrap(), MessageQuery::latest(4)).await.unwrap();
    let query = MessageQuery::latest(4).after(&newest.next().unwrap().to_string()).unwrap();
    let oldest = agent.sessions().history(session.unwrap(), query).await.unwrap();
    assert_eq!(oldest.items.iter().map(|m| m.content.as_str()).collect::<Vec<_>>(), ["0", ANSWER]);
    assert!(oldest.next().is_none());
}

#[tokio::test]
async fn erasing_a_user_says_how_much_they_had_said() {
    let agent = agent().await;
    for user in ["ada", "ada", "bob"] {
        agent.turn("hello").user(user).await.unwrap();
    }
    let erased = agent.sessions().for_user("ada").erase_user().await.unwrap();
    assert_eq!((erased.sessions, erased.messages), (2, 4));
    assert_eq!(agent.sessions().list(SessionQuery::default()).await.unwrap().items.len(), 1);

    let organization = organization(&agent).await;
    let ada = agent.accounts().of(organization).register("ada@a.org").await.unwrap().user.id;
    let hers = agent.with(&Principal::user_of(organization, ada));
    hers.turn("hello").await.unwrap();
    assert_eq!(hers.sessions().erase_user().await.unwrap().sessions, 1);
    let other = hers.sessions().for_user("bob").erase_user().await.unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Forbidden);
}

#[tokio::test(start_paused = true)]
async fn the_background_ends_what_is_idle_and_deletes_what_is_old() {
    let (clock, storage) = (VirtualClock::new(), memory());
    let config = r#"{"retention": {"every_minutes": 60, "sessions_days": 7, "messages_days": 3, "audit_days": 1},
                     "limits": {"session_idle_minutes": 30}}"#;
    let agent = VoiceAgent::builder()
        .config(Config::from_json(config).unwrap())
        .stt(ScriptedStt::hearing("hi"))
        .llm(ScriptedLlm::saying(ANSWER))
        .tts(ScriptedTts::new())
        .stores(storage.clone())
        .clock(Arc::new(clock))
        .build()
        .await
        .unwrap();
    let session = agent.turn("hello").await.unwrap().session_id;
    agent.accounts().create_organization("A").await.unwrap();
    let status = async || agent.sessions().get(session).await.map(|s| s.status);
    let said = async || agent.sessions().history(session, MessageQuery::latest(10)).await.unwrap().items.len();
    let last = agent.sessions().history(session, MessageQuery::latest(1)).await.unwrap().items.remove(0);
    let actions = storage.actions().unwrap();
    actions.save_summary(&Summary::new(session, "A greeting.", last.id, last.created_at)).await.unwrap();
    let is_summed_up = async || actions.summary(session).await.unwrap().is_some();
    tokio::time::sleep(Duration::from_secs(40 * 60)).await;
    assert_eq!(status().await.unwrap(), SessionStatus::Active);
    tokio::time::sleep(Duration::from_secs(30 * 60)).await;
    assert_eq!(status().await.unwrap(), SessionStatus::Expired);
    tokio::time::sleep(DAY).await;
    assert_eq!(agent.audit().entries(Default::default()).await.unwrap().items.len(), 0);
    assert_eq!((said().await, is_summed_up().await), (2, true));
    tokio::time::sleep(2 * DAY).await;
    assert_eq!((said().await, is_summed_up().await), (0, false));
    tokio::time::sleep(5 * DAY).await;
    assert_eq!(status().await.unwrap_err().code(), ErrorCode::SessionNotFound);

    agent.close().await.unwrap();
    tokio::time::sleep(DAY).await;
    assert_eq!(agent.clean_up().await.unwrap_err().kind(), ErrorKind::Closed);
}

/// The first schema that was released, with a turn in it.
const FIRST_SCHEMA: &str = "
    CREATE TABLE sessions (key INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE CHECK (length(id) = 16), user TEXT,
        status TEXT NOT NULL DEFAULT 'active', metadata TEXT NOT NULL DEFAULT '{}', created_at INTEGER NOT NULL,
        last_activity_at INTEGER NOT NULL, ended_at INTEGER) STRICT;
    CREATE TABLE turns (key INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,
        session INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE) STRICT;
    CREATE TABLE messages (key INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,
        session INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE, turn BLOB NOT NULL, role TEXT NOT NULL,
        content TEXT NOT NULL DEFAULT '', audio_ref TEXT, created_at INTEGER NOT NULL) STRICT;
    INSERT INTO sessions VALUES (1, zeroblob(16), 'ada', 'active', '{}', 0, 0, NULL);
    INSERT INTO turns VALUES (1, zeroblob(16), 1);
    INSERT INTO messages VALUES (1, zeroblob(16), 1, zeroblob(16), 'user', 'an old umbrella', NULL, 0);
    PRAGMA application_id = 1986228082;
    PRAGMA user_version = 1;";

#[test]
fn a_database_of_the_first_schema_is_brought_up_to_date_by_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = &folder.path().join("voice.db");
    rusqlite::Connection::open(path).unwrap().execute_batch(FIRST_SCHEMA).unwrap();
    std::thread::scope(|scope| {
        let opening: Vec<_> = (0..6).map(|_| scope.spawn(move || SqliteStore::open(path).map(drop))).collect();
        for opened in opening {
            opened.join().unwrap().unwrap();
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(path).unwrap();
        let found = store.search(&SearchQuery::new("umbrella")).await.unwrap();
        assert_eq!(found.items[0].content, "an old umbrella");
        let session = store.session(found.items[0].session_id).await.unwrap().unwrap();
        assert_eq!((session.user.as_deref(), session.organization, session.assistant), (Some("ada"), None, None));
        assert!(store.delete_session(session.id).await.unwrap());
        assert_eq!(store.search(&SearchQuery::new("umbrella")).await.unwrap().items.len(), 0);
    });
}
