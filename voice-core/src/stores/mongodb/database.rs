//! The client and the collections, and how long anything may take.

use std::{fmt, time::Duration};

use futures_util::TryStreamExt;
use mongodb::{
    Client, Collection, IndexModel,
    bson::{Document, doc},
    error::Result as MongoResult,
    options::{Acknowledgment, ClientOptions, IndexOptions, ReadConcern, WriteConcern},
};
use tokio::{sync::RwLock, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    accounts::{CredentialDocument, KeyDocument, OrganizationDocument, RotationDocument, UserDocument},
    actions::{ActionDocument, SummaryDocument},
    assistants::{AssistantDocument, VersionDocument},
    audit::EntryDocument,
    documents::{SessionDocument, TurnDocument},
    error::{closed, explain, is_duplicate, late},
    knowledge::KnowledgeRow,
    webhooks::{DeliveryDocument, EventDocument, WebhookDocument},
};
use crate::{
    error::{Error, ErrorKind, Result},
    stores::server::ServerOptions,
};

/// The database when the address names none.
const DATABASE: &str = "voice_core";
/// The number of the schema that this library writes. Version 1: the collections and indexes of [`Database::migrate`]; 2: those of
/// actions and of webhooks, and notes in sessions and turns of what is to be told; 3: those of documents.
const SCHEMA: i32 = 3;

pub(super) struct Database {
    client: Client,
    pub(super) sessions: Collection<SessionDocument>,
    pub(super) turns: Collection<TurnDocument>,
    pub(super) leases: Collection<Document>,
    pub(super) organizations: Collection<OrganizationDocument>,
    pub(super) users: Collection<UserDocument>,
    pub(super) keys: Collection<KeyDocument>,
    pub(super) rotations: Collection<RotationDocument>,
    pub(super) credentials: Collection<CredentialDocument>,
    pub(super) assistants: Collection<AssistantDocument>,
    pub(super) versions: Collection<VersionDocument>,
    pub(super) audit: Collection<EntryDocument>,
    pub(super) actions: Collection<ActionDocument>,
    pub(super) summaries: Collection<SummaryDocument>,
    pub(super) webhooks: Collection<WebhookDocument>,
    pub(super) webhook_events: Collection<EventDocument>,
    pub(super) webhook_deliveries: Collection<DeliveryDocument>,
    pub(super) knowledge: Collection<KnowledgeRow>,
    meta: Collection<Document>,
    /// Where it is, without any credentials: for errors and `Debug`.
    pub(super) place: String,
    limit: Duration,
    /// Cancelled when it is closed: no call begins any more.
    closing: CancellationToken,
    /// Every call holds it to read.
    under_way: RwLock<()>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Database {
    pub(super) async fn new(address: &str, options: ServerOptions) -> Result<Self> {
        let ServerOptions { connections, connect_timeout: connect, timeout: limit } = options;
        // The driver's words for a wrong address quote it.
        let wrong = |_| {
            let message = "storage: the address of the MongoDB database is not valid: expected \
                           mongodb://USER:PASSWORD@HOST:PORT/DATABASE, special characters written as %XX";
            Error::new(ErrorKind::InvalidConfig, message)
        };
        let mut options = ClientOptions::parse(address).await.map_err(wrong)?;
        options.app_name.get_or_insert_with(|| "voice-core".into());
        options.max_pool_size.get_or_insert(connections);
        options.connect_timeout.get_or_insert(connect);
        options.server_selection_timeout.get_or_insert(connect);
        // What was acknowledged outlives the loss of a server, and what was written is read.
        let safe = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
        options.write_concern.get_or_insert(safe);
        options.read_concern.get_or_insert_with(ReadConcern::majority);
        let name = options.default_database.clone().unwrap_or_else(|| DATABASE.into());
        let hosts: Vec<String> = options.hosts.iter().map(ToString::to_string).collect();
        let place = format!("{}/{name}", hosts.join(","));
        let client = Client::with_options(options).map_err(|error| explain(&place, &error))?;
        let database = client.database(&name);
        Ok(Self {
            sessions: database.collection("sessions"),
            turns: database.collection("turns"),
            leases: database.collection("leases"),
            organizations: database.collection("organizations"),
            users: database.collection("users"),
            keys: database.collection("api_keys"),
            rotations: database.collection("key_rotations"),
            credentials: database.collection("credentials"),
            assistants: database.collection("assistants"),
            versions: database.collection("assistant_versions"),
            audit: database.collection("audit"),
            actions: database.collection("actions"),
            summaries: database.collection("summaries"),
            webhooks: database.collection("webhooks"),
            webhook_events: database.collection("webhook_events"),
            webhook_deliveries: database.collection("webhook_deliveries"),
            knowledge: database.collection("documents"),
            meta: database.collection("voice_core_schema"),
            client,
            place,
            limit,
            closing: CancellationToken::new(),
            under_way: RwLock::new(()),
        })
    }

    /// Does one call, for as long as a call may take.
    pub(super) async fn run<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let begun = self.closing.run_until_cancelled(self.under_way.read()).await;
        let Some(_under_way) = begun.filter(|_| !self.closing.is_cancelled()) else { return Err(closed()) };
        timeout(self.limit, work).await.unwrap_or_else(|_| Err(late(&self.place, self.limit)))
    }

    /// The driver's result in this library's words.
    pub(super) fn told<T>(&self, result: MongoResult<T>) -> Result<T> {
        result.map_err(|error| explain(&self.place, &error))
    }

    /// The documents that a query finds, `limit` of them at most.
    pub(super) async fn all<T: serde::de::DeserializeOwned + Send + Sync>(
        &self,
        collection: &Collection<T>,
        wanted: Document,
        sort: Document,
        limit: Option<usize>,
    ) -> Result<Vec<T>> {
        let mut find = collection.find(wanted).sort(sort);
        if let Some(limit) = limit {
            find = find.limit(i64::try_from(limit).unwrap_or(i64::MAX));
        }
        self.told(self.told(find.await)?.try_collect().await)
    }

    /// Takes no new calls, waits for those under way, and closes the connections. Every step may be made again: a call that is
    /// dropped half-way is completed by the next.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        // Neither a call whose caller does not poll it any more nor a server that fell silent keeps the store open for ever.
        let _in_time = timeout(self.limit, self.under_way.write()).await;
        let _in_time = timeout(self.limit, self.client.clone().shutdown().immediate(true)).await;
    }

    /// Makes the database ready for use.
    pub(super) async fn prepare(&self) -> Result<()> {
        self.migrate().await?;
        self.sweep().await
    }

    /// Brings the database to the newest schema. Each step may be made any number of times, also by several processes at once;
    /// the version is written last, and only ever grows.
    async fn migrate(&self) -> Result<()> {
        let found = self.told(self.meta.find_one(doc! { "_id": "schema" }).await)?;
        let version = found.map_or(Ok(0), |document| document.get_i32("version"));
        let version = version.map_err(|_| {
            Error::new(
                ErrorKind::Storage,
                format!("the MongoDB database {} belongs to another program: name another database", self.place),
            )
        })?;
        if version > SCHEMA {
            return Err(Error::new(
                ErrorKind::StorageTooNew,
                format!(
                    "the MongoDB database {} was written by a newer voice-core (its schema is number {version}, this one knows \
                     {SCHEMA}): update voice-core, or name another database",
                    self.place
                ),
            ));
        }
        if version == SCHEMA {
            return Ok(());
        }
        let index = |name: &str, keys: Document, unique: bool| {
            let options = IndexOptions::builder().name(name.to_owned()).unique(unique).build();
            IndexModel::builder().keys(keys).options(options).build()
        };
        let sessions = [
            index("key", doc! { "key": 1 }, true),
            index("user", doc! { "user": 1, "_id": -1 }, false),
            index("organization", doc! { "organization": 1, "user": 1, "_id": -1 }, false),
            index("assistant", doc! { "assistant": 1, "_id": -1 }, false),
            index("status", doc! { "status": 1, "_id": -1 }, false),
            index("idle", doc! { "status": 1, "last_activity_at": 1 }, false),
            index("over", doc! { "ended_at": 1 }, false),
            index("state", doc! { "state": 1 }, false),
            index("told", doc! { "told": 1 }, false),
        ];
        let turns = [
            index("place", doc! { "session": 1, "place": 1 }, true),
            index("messages", doc! { "messages.id": 1 }, false),
            index("times", doc! { "messages.created_at": 1 }, false),
            index("words", doc! { "words": 1, "saved": -1 }, false),
            index("told", doc! { "told": 1 }, false),
        ];
        let users = [index("email", doc! { "organization": 1, "email": 1 }, true)];
        let keys = [
            index("hash", doc! { "hash": 1 }, true),
            index("organization", doc! { "organization": 1, "user": 1, "_id": -1 }, false),
        ];
        let credentials = [index("provider", doc! { "organization": 1, "provider": 1 }, true)];
        let assistants = [index("organization", doc! { "organization": 1, "_id": -1 }, false)];
        let versions = [index("version", doc! { "assistant": 1, "version": 1 }, true)];
        let audit = [
            index("organization", doc! { "organization": 1, "_id": -1 }, false),
            index("target", doc! { "target": 1, "_id": -1 }, false),
            index("time", doc! { "at": 1 }, false),
        ];
        let webhooks = [index("organization", doc! { "organization": 1, "_id": -1 }, false)];
        let events = [index("session", doc! { "session": 1 }, false)];
        let deliveries = [
            index("event", doc! { "webhook": 1, "event": 1 }, true),
            index("webhook", doc! { "webhook": 1, "_id": -1 }, false),
            index("organization", doc! { "organization": 1, "_id": -1 }, false),
            index("due", doc! { "status": 1, "due_at": 1 }, false),
            index("settled", doc! { "settled_at": 1 }, false),
            index("session", doc! { "session": 1 }, false),
        ];
        self.told(self.sessions.create_indexes(sessions).await)?;
        self.told(self.turns.create_indexes(turns).await)?;
        self.told(self.users.create_indexes(users).await)?;
        self.told(self.keys.create_indexes(keys).await)?;
        self.told(self.credentials.create_indexes(credentials).await)?;
        self.told(self.assistants.create_indexes(assistants).await)?;
        self.told(self.versions.create_indexes(versions).await)?;
        self.told(self.audit.create_indexes(audit).await)?;
        let actions = [
            index("fingerprint", doc! { "session": 1, "fingerprint": 1 }, true),
            index("session", doc! { "session": 1, "_id": -1 }, false),
        ];
        self.told(self.actions.create_indexes(actions).await)?;
        self.told(self.webhooks.create_indexes(webhooks).await)?;
        self.told(self.webhook_events.create_indexes(events).await)?;
        self.told(self.webhook_deliveries.create_indexes(deliveries).await)?;
        let documents = [
            index("content", doc! { "organization": 1, "hash": 1 }, true),
            index("organization", doc! { "organization": 1, "_id": -1 }, false),
        ];
        self.told(self.knowledge.create_indexes(documents).await)?;
        let newest = doc! { "$max": { "version": SCHEMA } };
        match self.meta.update_one(doc! { "_id": "schema" }, newest).upsert(true).await {
            // Another process wrote it at the same moment.
            Err(error) if is_duplicate(&error) => Ok(()),
            done => self.told(done).map(|_| ()),
        }
    }
}
