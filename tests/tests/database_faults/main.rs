//! What databases do wrong: refused logins, cut connections, servers that stop, hang or are full. Errors are typed, nothing is
//! saved twice or half, and the store goes on without being opened again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod mongodb;
mod postgres;
mod s3;
mod tls;

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use voice_core::{
    ConversationStore, Error, ErrorCode, ErrorKind, Message, Role, Session, SessionId, TurnId, VoiceAgent,
    store::{MessageQuery, Saved, TurnRecord},
    stores::{ServerOptions, mongodb::MongoStore, postgres::PostgresStore},
};
use voice_testkit::{ScriptedLlm, ScriptedStt, ScriptedTts};
use voice_tests::{
    proxy::Proxy,
    servers::{Mongo, Postgres, fresh},
};

fn session() -> Session {
    Session::new(SessionId::new(), None, jiff::Timestamp::now())
}

fn turn(session: &Session) -> TurnRecord {
    let id = TurnId::new();
    let messages =
        [Role::User, Role::Assistant].map(|role| Message::new(session.id, id, role, "words", session.created_at));
    TurnRecord::new(id, session.clone(), messages.to_vec())
}

async fn kept(store: &dyn ConversationStore, session: &Session) -> usize {
    store.messages(session.id, MessageQuery::latest(100)).await.unwrap().items.len()
}

/// Tries again for as long as the error says that this may help.
async fn saved_in_the_end(store: &dyn ConversationStore, turn: &TurnRecord) -> Saved {
    for _ in 0..100 {
        match store.save_turn(turn).await {
            Ok(saved) => return saved,
            Err(error) => assert!(error.retryable(), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the store did not recover");
}

fn is(error: &Error, kind: ErrorKind, retryable: bool) {
    assert_eq!(
        (error.code(), error.kind(), error.retryable()),
        (ErrorCode::StorageError, kind, retryable),
        "{error:?}"
    );
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(Postgres::PASSWORD) && !shown.contains("planted"), "{shown}");
}

async fn quick_postgres(url: &str) -> Result<PostgresStore, Error> {
    PostgresStore::connect_with(url, quick()).await
}

async fn quick_mongo(url: &str) -> Result<MongoStore, Error> {
    MongoStore::connect_with(url, quick().timeout(Duration::from_secs(2))).await
}

fn quick() -> ServerOptions {
    ServerOptions::new().timeout(Duration::from_secs(1)).connect_timeout(Duration::from_secs(1))
}

#[tokio::test]
async fn a_login_that_is_refused_is_told_without_the_password() {
    let server = Postgres::shared();
    let url = server.url().replace(Postgres::PASSWORD, "planted-wrong");
    is(&PostgresStore::connect(&url).await.unwrap_err(), ErrorKind::StorageDenied, false);
    let url = server.url().replace("/postgres?", "/nowhere?");
    is(&PostgresStore::connect(&url).await.unwrap_err(), ErrorKind::Storage, false);
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    assert!(!format!("{store:?}").contains(Postgres::PASSWORD));
    let url = Mongo::shared().url().replace(Postgres::PASSWORD, "planted-wrong");
    // FerretDB tells of it as a failure of its own (code 1), where MongoDB says 18.
    is(&MongoStore::connect(&url).await.unwrap_err(), ErrorKind::Storage, false);
    let store = MongoStore::connect(&Mongo::shared().url()).await.unwrap();
    assert!(!format!("{store:?}").contains(Postgres::PASSWORD));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_as_unreachable() {
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = Postgres::shared().url_at(nowhere, "s");
    is(&quick_postgres(&url).await.unwrap_err(), ErrorKind::StorageUnreachable, true);
    let url = Mongo::shared().url_at(nowhere, "d");
    is(&quick_mongo(&url).await.unwrap_err(), ErrorKind::StorageUnreachable, true);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let url = Postgres::shared().url();
    PostgresStore::connect(&url).await.unwrap().close().await.unwrap();
    let schema = url.split("schema=").nth(1).unwrap().to_owned();
    let plain = url.split('?').next().unwrap().to_owned() + "?sslmode=disable";
    let (client, connection) = tokio_postgres::connect(&plain, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("UPDATE {schema}.voice_core_schema SET version = 999")).await.unwrap();
    let error = PostgresStore::connect(&url).await.unwrap_err();
    is(&error, ErrorKind::StorageTooNew, false);
    assert!(error.message().contains("999") && error.message().contains("update"), "{error}");
}

#[tokio::test]
async fn many_openers_at_once_make_one_database() {
    let url = &Postgres::shared().url();
    let opened = join_all((0..8).map(|_| async move { PostgresStore::connect(url).await.map(drop) })).await;
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    let url = &Mongo::shared().url();
    let opened = join_all((0..4).map(|_| async move { MongoStore::connect(url).await.map(drop) })).await;
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
}

/// A connection that breaks while the answer is on its way: the turn may be there or not, and saving it again keeps it once.
async fn survives_a_cut(store: &dyn ConversationStore, proxy: &Proxy) {
    let (first, session) = (session(), session());
    store.save_turn(&turn(&first)).await.unwrap();
    for _ in 0..5 {
        let record = turn(&session);
        proxy.cut_answer();
        let error = store.save_turn(&record).await.unwrap_err();
        is(&error, ErrorKind::StorageUnreachable, true);
        let error = store.save_turn(&record).await.unwrap_err();
        is(&error, ErrorKind::StorageUnreachable, true);
        proxy.mend();
        saved_in_the_end(store, &record).await;
    }
    assert_eq!(kept(store, &session).await, 10, "each turn is there once");
    assert_eq!(kept(store, &first).await, 2);
}

#[tokio::test]
async fn a_connection_to_postgresql_that_is_cut_loses_and_doubles_nothing() {
    let server = Postgres::shared();
    let proxy = Proxy::before(server.address()).await;
    let store = quick_postgres(&server.url_at(proxy.address(), &fresh("s"))).await.unwrap();
    survives_a_cut(&store, &proxy).await;
}

#[tokio::test]
async fn a_connection_to_mongodb_that_is_cut_loses_and_doubles_nothing() {
    let server = Mongo::shared();
    let proxy = Proxy::before(server.address()).await;
    // The driver's own retry would hide what is tested here.
    let url = server.url_at(proxy.address(), &fresh("d")) + "&retryReads=false&retryWrites=false";
    let store = quick_mongo(&url).await.unwrap();
    survives_a_cut(&store, &proxy).await;
}

/// A server that does not answer: a call ends in time, and others go on when it does answer again.
async fn survives_silence(store: &dyn ConversationStore, proxy: &Proxy) {
    let session = session();
    let record = turn(&session);
    store.save_turn(&turn(&session)).await.unwrap();
    proxy.block();
    let begun = std::time::Instant::now();
    is(&store.save_turn(&record).await.unwrap_err(), ErrorKind::StorageBusy, true);
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    proxy.mend();
    saved_in_the_end(store, &record).await;
    assert_eq!(kept(store, &session).await, 4);
}

#[tokio::test]
async fn a_database_that_falls_silent_holds_no_call_for_ever() {
    let server = Postgres::shared();
    let proxy = Proxy::before(server.address()).await;
    let store = quick_postgres(&server.url_at(proxy.address(), &fresh("s"))).await.unwrap();
    survives_silence(&store, &proxy).await;
    let server = Mongo::shared();
    let proxy = Proxy::before(server.address()).await;
    let store = quick_mongo(&server.url_at(proxy.address(), &fresh("d"))).await.unwrap();
    survives_silence(&store, &proxy).await;
}

#[tokio::test]
async fn a_pool_that_is_used_up_is_told_as_busy() {
    let server = Postgres::shared();
    let url = server.url();
    let store = PostgresStore::connect_with(&url, quick().connections(1)).await.unwrap();
    let (session, other) = (session(), session());
    store.create_session(&session).await.unwrap();
    // Somebody else holds the session's row, so that the one connection is taken for as long as a call may take.
    let schema = url.split("schema=").nth(1).unwrap().to_owned();
    let plain = url.split('?').next().unwrap().to_owned() + "?sslmode=disable";
    let (mut holder, connection) = tokio_postgres::connect(&plain, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let held = holder.transaction().await.unwrap();
    held.execute(&format!("SELECT 1 FROM {schema}.sessions FOR UPDATE"), &[]).await.unwrap();
    let (waiting, crowded) = (turn(&session), turn(&other));
    // Each holds the connection for nearly as long as another waits for it: the third waits too long.
    let calls = tokio::join!(store.save_turn(&waiting), store.save_turn(&waiting), store.save_turn(&waiting));
    let busy: Vec<Error> = [calls.0, calls.1, calls.2].into_iter().map(Result::unwrap_err).collect();
    busy.iter().for_each(|error| is(error, ErrorKind::StorageBusy, true));
    assert!(busy.iter().any(|error| error.message().contains("connections")), "{busy:?}");
    let beside = PostgresStore::connect(&url).await.unwrap();
    assert_eq!(beside.session(other.id).await.unwrap(), None, "others are not held up");
    held.rollback().await.unwrap();
    assert_eq!(saved_in_the_end(&store, &waiting).await, Saved::New);
    saved_in_the_end(&store, &crowded).await;
    assert_eq!((kept(&store, &session).await, kept(&store, &other).await), (2, 2));
}

async fn agent(store: Arc<dyn ConversationStore>) -> VoiceAgent {
    let agent =
        VoiceAgent::builder().stt(ScriptedStt::hearing("will it rain")).llm(ScriptedLlm::saying("It will rain."));
    agent.tts(ScriptedTts::new()).store(store).build().await.unwrap()
}

/// A server that stops at once and starts again under an agent that talks on.
async fn survives_a_restart(store: Arc<dyn ConversationStore>, stop: impl FnOnce() -> Box<dyn FnOnce() + Send>) {
    let agent = agent(Arc::clone(&store)).await;
    let first = agent.turn("will it rain?").speak(false).await.unwrap();
    let start = stop();
    let lost = agent.turn("and tomorrow?").session(first.session_id).speak(false).await.unwrap_err();
    is(&lost, ErrorKind::StorageUnreachable, true);
    tokio::task::spawn_blocking(start).await.unwrap();
    for _ in 0..100 {
        match agent.turn("and tomorrow?").session(first.session_id).speak(false).await {
            Ok(reply) => {
                assert_eq!(reply.session_id, first.session_id, "the conversation goes on");
                assert_eq!(store.messages(first.session_id, MessageQuery::latest(10)).await.unwrap().items.len(), 4);
                return;
            }
            Err(error) => assert!(error.retryable(), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the agent did not recover");
}

#[tokio::test]
async fn an_agent_goes_on_when_postgresql_has_restarted() {
    let mut server = Postgres::start(&[]);
    let store = quick_postgres(&server.url()).await.unwrap();
    survives_a_restart(Arc::new(store), || {
        server.stop();
        Box::new(move || {
            server.start_again();
            // Kept until the test is through.
            std::mem::forget(server);
        })
    })
    .await;
}

#[tokio::test]
async fn an_agent_goes_on_when_mongodb_has_restarted() {
    let mut server = Mongo::start(Postgres::shared());
    let store = quick_mongo(&server.url()).await.unwrap();
    survives_a_restart(Arc::new(store), || {
        server.stop();
        Box::new(move || {
            server.start_again();
            std::mem::forget(server);
        })
    })
    .await;
}
