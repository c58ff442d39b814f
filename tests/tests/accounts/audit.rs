//! The log of changes keeps up with the changes, wherever a process stops between the two.

use async_trait::async_trait;
use tokio::sync::Notify;
use voice_core::{
    Result, Session, SessionId,
    id::AuditId,
    store::{AuditEntry, AuditLog, AuditQuery, ConversationStore, Page},
    stores::{mongodb::MongoStore, postgres::PostgresStore},
};
use voice_tests::servers::{Mongo, Postgres};

use super::*;

/// Where the process stops while it makes a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    BeforeTheEntry,
    BeforeTheChange,
    AfterTheChange,
    AfterTheEntryIsConfirmed,
}

const STOPS: [Stop; 4] =
    [Stop::BeforeTheEntry, Stop::BeforeTheChange, Stop::AfterTheChange, Stop::AfterTheEntryIsConfirmed];

/// A log at which the process stops for good.
struct Stopping {
    log: Arc<dyn AuditLog>,
    at: Stop,
    stopped: Notify,
}

impl Stopping {
    async fn pass(&self, here: Stop) {
        if self.at == here {
            self.stopped.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl AuditLog for Stopping {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        self.pass(Stop::BeforeTheEntry).await;
        self.log.append(entries).await?;
        self.pass(Stop::BeforeTheChange).await;
        Ok(())
    }

    async fn settle(&self, entries: &[AuditId], made: bool) -> Result<()> {
        self.pass(Stop::AfterTheChange).await;
        self.log.settle(entries, made).await?;
        self.pass(Stop::AfterTheEntryIsConfirmed).await;
        Ok(())
    }

    async fn entries(&self, query: &AuditQuery) -> Result<Page<AuditEntry>> {
        self.log.entries(query).await
    }

    async fn delete_entries_before(&self, before: jiff::Timestamp) -> Result<u64> {
        self.log.delete_entries_before(before).await
    }
}

/// What the log says of an action, newest first: whether each entry is confirmed.
async fn told(agent: &VoiceAgent, action: &str) -> Vec<bool> {
    let mut query = AuditQuery::default();
    query.action = Some(action.into());
    agent.audit().entries(query).await.unwrap().items.iter().map(|entry| entry.confirmed).collect()
}

async fn stops_anywhere<S>(name: &str, store: Arc<S>)
where
    S: ConversationStore
        + voice_core::store::AccountStore
        + voice_core::store::AssistantStore
        + AuditLog
        + voice_core::store::ActionStore
        + voice_core::store::KnowledgeStore
        + voice_core::store::WebhookStore
        + 'static,
{
    for stop in STOPS {
        let session = Session::new(SessionId::new(), None, jiff::Timestamp::now());
        store.create_session(&session).await.unwrap();
        let log = Arc::new(Stopping { log: Arc::clone(&store) as _, at: stop, stopped: Notify::new() });
        let agent = agent_on(Storage::of(Arc::clone(&store)).with_audit(Arc::clone(&log) as _), "{}").await;
        let sessions = agent.sessions();
        tokio::select! {
            done = sessions.delete(session.id) => panic!("{name}, {stop:?}: it did not stop: {done:?}"),
            () = log.stopped.notified() => {}
        }
        let deleted = store.session(session.id).await.unwrap().is_none();
        let mut query = AuditQuery::default();
        query.target = Some(session.id.to_string());
        let told: Vec<_> = store.entries(&query).await.unwrap().items.iter().map(|entry| entry.confirmed).collect();
        let (made, expected): (bool, &[bool]) = match stop {
            Stop::BeforeTheEntry => (false, &[]),
            Stop::BeforeTheChange => (false, &[false]),
            Stop::AfterTheChange => (true, &[false]),
            Stop::AfterTheEntryIsConfirmed => (true, &[true]),
        };
        assert_eq!((deleted, told.as_slice()), (made, expected), "{name}, {stop:?}");
    }
}

#[tokio::test]
async fn no_change_is_missing_in_the_log_wherever_the_process_stops() {
    let folder = tempfile::tempdir().unwrap();
    stops_anywhere("memory", Arc::new(MemoryStore::new())).await;
    stops_anywhere("sqlite", Arc::new(SqliteStore::open(folder.path().join("voice.db")).unwrap())).await;
    stops_anywhere("postgres", Arc::new(PostgresStore::connect(&Postgres::shared().url()).await.unwrap())).await;
    stops_anywhere("mongodb", Arc::new(MongoStore::connect(&Mongo::shared().url()).await.unwrap())).await;
}

#[tokio::test]
async fn what_changed_nothing_is_not_in_the_log() {
    let agent = agent().await;
    let organization = organization(&agent).await;
    let accounts = agent.accounts().of(organization);
    let key = accounts.register("ada@a.org").await.unwrap().key.key.id;
    accounts.register("ada@a.org").await.unwrap_err();
    accounts.revoke_key(key).await.unwrap();
    accounts.revoke_key(key).await.unwrap();
    accounts.delete_credential("openai").await.unwrap_err();
    let session = agent.sessions().create().await.unwrap().id;
    agent.sessions().end(session).await.unwrap();
    agent.sessions().end(session).await.unwrap();
    for (action, entries) in [
        ("organization.create", 1),
        ("user.register", 1),
        ("key.create", 1),
        ("key.revoke", 1),
        ("credential.delete", 0),
        ("session.end", 1),
    ] {
        assert_eq!(told(&agent, action).await, vec![true; entries], "{action}");
    }
}

/// A log that cannot be written to, from one of its calls on.
struct Failing {
    log: MemoryStore,
    appends: bool,
}

#[async_trait]
impl AuditLog for Failing {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        if self.appends { self.log.append(entries).await } else { Err(full()) }
    }

    async fn settle(&self, _: &[AuditId], _: bool) -> Result<()> {
        Err(full())
    }

    async fn entries(&self, query: &AuditQuery) -> Result<Page<AuditEntry>> {
        self.log.entries(query).await
    }

    async fn delete_entries_before(&self, before: jiff::Timestamp) -> Result<u64> {
        self.log.delete_entries_before(before).await
    }
}

fn full() -> voice_core::Error {
    voice_core::Error::new(ErrorKind::StorageFull, "the disk is full")
}

#[tokio::test]
async fn a_log_that_cannot_be_written_prevents_the_change_and_never_undoes_it() {
    for appends in [false, true] {
        let log = Arc::new(Failing { log: MemoryStore::new(), appends });
        let agent = agent_on(memory().with_audit(log), "{}").await;
        let made = agent.accounts().create_organization("Bakery").await;
        assert_eq!(made.is_ok(), appends);
        let there = agent.accounts().organizations(Default::default()).await.unwrap().items.len();
        assert_eq!(there, usize::from(appends));
        assert_eq!(told(&agent, "organization.create").await, vec![false; there]);
    }
}
