//! Webhooks, events and deliveries as documents.
//!
//! No server has to have transactions, so what becomes of sessions and turns is noted in their own documents (`told`), in the write that
//! makes the change. Spreading makes the deliveries first, of which a unique index allows one for each webhook and event, and takes
//! the note away last: broken off anywhere, it may be done again.

use async_trait::async_trait;
use mongodb::bson::{Bson, DateTime, Document, Uuid, doc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::{
    MongoStore,
    database::Database,
    documents::{State, TurnDocument, foreign, metadata, moment, plain, timestamp, uuid},
    error::is_duplicate,
};
use crate::{
    error::{Error, Result},
    id::{DeliveryId, EventId, OrganizationId, SessionId, TurnId, WebhookId},
    store::{DeliveryQuery, Event, Lease, Page, Webhook, WebhookDelivery, WebhookLease, WebhookQuery, WebhookStore},
    stores::text,
    time::Timestamp,
};

/// The notes in the documents of sessions and turns.
pub(super) const STARTED: &str = "session.started";
pub(super) const ENDED: &str = "session.ended";
pub(super) const COMPLETED: &str = "turn.completed";

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WebhookDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    organization: Option<Uuid>,
    version: i64,
    enabled: bool,
    /// JSON, as are those below: its keys may be any text, and its numbers keep their kind.
    document: String,
}

impl WebhookDocument {
    fn new(webhook: &Webhook) -> Result<Self> {
        Ok(Self {
            id: uuid(webhook.id.as_uuid()),
            organization: webhook.organization.map(|id| uuid(id.as_uuid())),
            version: webhook.version.into(),
            enabled: webhook.enabled,
            document: written(webhook)?,
        })
    }

    fn read(self) -> Result<Webhook> {
        read(&self.document)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EventDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    name: String,
    organization: Option<Uuid>,
    session: Option<Uuid>,
    turn: Option<Uuid>,
    at: DateTime,
    data: Option<String>,
}

impl EventDocument {
    fn read(self) -> Result<Event> {
        let data = self.data.map(|data| serde_json::from_str(&data).map_err(|_| foreign())).transpose()?;
        Ok(Event {
            id: EventId::from_uuid(plain(self.id)),
            name: text::read(self.name),
            organization: self.organization.map(|id| OrganizationId::from_uuid(plain(id))),
            session: self.session.map(|id| SessionId::from_uuid(plain(id))),
            turn: self.turn.map(|id| TurnId::from_uuid(plain(id))),
            at: timestamp(self.at)?,
            data,
        })
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DeliveryDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    webhook: Uuid,
    organization: Option<Uuid>,
    event: Uuid,
    name: String,
    session: Option<Uuid>,
    status: String,
    due_at: DateTime,
    settled_at: Option<DateTime>,
    holder: Option<Uuid>,
    document: String,
}

impl DeliveryDocument {
    fn new(delivery: &WebhookDelivery) -> Result<Self> {
        Ok(Self {
            id: uuid(delivery.id.as_uuid()),
            webhook: uuid(delivery.webhook.as_uuid()),
            organization: delivery.organization.map(|id| uuid(id.as_uuid())),
            event: uuid(delivery.event.as_uuid()),
            name: text::kept(&delivery.name).into_owned(),
            session: delivery.session.map(|id| uuid(id.as_uuid())),
            status: delivery.status.as_str().into(),
            due_at: moment(delivery.due_at),
            settled_at: delivery.settled_at.map(moment),
            holder: None,
            document: written(delivery)?,
        })
    }

    /// The document around knows best when it is due: a lease moves that alone.
    fn read(self) -> Result<WebhookDelivery> {
        let mut delivery: WebhookDelivery = read(&self.document)?;
        delivery.due_at = timestamp(self.due_at)?;
        Ok(delivery)
    }
}

fn written(record: &impl Serialize) -> Result<String> {
    serde_json::to_string(record).map_err(|_| Error::internal("a record of a webhook cannot be written as JSON"))
}

fn read<T: DeserializeOwned>(document: &str) -> Result<T> {
    serde_json::from_str(document).map_err(|_| foreign())
}

fn of_organization(organization: Option<OrganizationId>) -> Document {
    doc! { "organization": organization.map(|id| uuid(id.as_uuid())) }
}

/// The id of what becomes of a session or a turn once: the same whenever its note is read.
fn event_id(of: Uuid, name: &str) -> EventId {
    let digest =
        Sha256::new().chain_update(b"voice-core event\0").chain_update(of.bytes()).chain_update(name).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    EventId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

impl Database {
    /// Whether anybody in an organization is to be told of what happens.
    pub(super) async fn is_listened_to(&self, organization: Option<Uuid>) -> Result<bool> {
        let enabled = doc! { "organization": organization, "enabled": true };
        Ok(self.told(self.webhooks.find_one(enabled).await)?.is_some())
    }

    /// The organizations in which somebody is to be told of what happens; null for those webhooks that belong to none.
    pub(super) async fn listening(&self) -> Result<Vec<Bson>> {
        self.told(self.webhooks.distinct("organization", doc! { "enabled": true }).await)
    }

    async fn noted_events(&self, limit: usize) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        let noted = doc! { "told": { "$in": [STARTED, ENDED] }, "state": State::Live.as_str() };
        for session in self.all(&self.sessions, noted, doc! { "_id": 1 }, Some(limit)).await? {
            let (id, notes) = (session.id, session.told.clone());
            let session = session.read()?;
            for name in notes {
                let at =
                    if name == STARTED { session.created_at } else { session.ended_at.unwrap_or(session.created_at) };
                events.push(Event {
                    id: event_id(id, &name),
                    name,
                    organization: session.organization,
                    session: Some(session.id),
                    turn: None,
                    at,
                    data: None,
                });
            }
        }
        let turns = self.all(&self.turns, doc! { "told": COMPLETED }, doc! { "saved": 1 }, Some(limit)).await?;
        for turn in turns {
            events.extend(self.turn_event(turn).await?);
        }
        Ok(events)
    }

    /// `None`: its session is not there, yet or any more.
    async fn turn_event(&self, turn: TurnDocument) -> Result<Option<Event>> {
        let live = doc! { "key": turn.session, "state": State::Live.as_str() };
        let Some(session) = self.told(self.sessions.find_one(live).await)? else { return Ok(None) };
        Ok(Some(Event {
            id: event_id(turn.id, COMPLETED),
            name: COMPLETED.into(),
            organization: turn.organization.map(|id| OrganizationId::from_uuid(plain(id))),
            session: Some(SessionId::from_uuid(plain(session.id))),
            turn: Some(TurnId::from_uuid(plain(turn.id))),
            at: timestamp(turn.at)?,
            data: None,
        }))
    }

    async fn queue(&self, event: &Event) -> Result<bool> {
        let organization = event.organization.map(|id| uuid(id.as_uuid()));
        if !self.is_listened_to(organization).await? {
            return Ok(false);
        }
        let session = match event.session {
            Some(id) => self.live(id).await?.map(|session| session.id),
            None => None,
        };
        let document = EventDocument {
            id: uuid(event.id.as_uuid()),
            name: text::kept(&event.name).into_owned(),
            organization,
            session,
            turn: event.turn.map(|id| uuid(id.as_uuid())),
            at: moment(event.at),
            data: event.data.as_ref().map(metadata).transpose()?,
        };
        match self.webhook_events.insert_one(document).await {
            Err(error) if is_duplicate(&error) => Ok(true),
            done => self.told(done).map(|_| true),
        }
    }

    async fn spread_event(&self, event: &Event, deliveries: &[WebhookDelivery]) -> Result<()> {
        for delivery in deliveries {
            self.deliver(delivery).await?;
        }
        let take = doc! { "$pull": { "told": &event.name } };
        match (event.data.is_none(), event.turn, event.session) {
            (true, Some(turn), _) => {
                self.told(self.turns.update_one(doc! { "_id": uuid(turn.as_uuid()) }, take).await)?;
            }
            (true, None, Some(session)) => {
                self.told(self.sessions.update_one(doc! { "_id": uuid(session.as_uuid()) }, take).await)?;
            }
            _ => {
                self.told(self.webhook_events.delete_one(doc! { "_id": uuid(event.id.as_uuid()) }).await)?;
            }
        }
        Ok(())
    }

    /// `false`: its webhook or its session is not there any more.
    async fn deliver(&self, delivery: &WebhookDelivery) -> Result<bool> {
        let document = DeliveryDocument::new(delivery)?;
        let (id, webhook) = (document.id, doc! { "_id": document.webhook });
        match self.webhook_deliveries.insert_one(document).await {
            Err(error) if is_duplicate(&error) => {}
            done => self.told(done).map(|_| ())?,
        }
        // Looked at afterwards: whatever was deleted meanwhile has not seen this delivery.
        let mut there = self.told(self.webhooks.find_one(webhook).await)?.is_some();
        if let Some(session) = delivery.session {
            there &= self.live(session).await?.is_some();
        }
        if !there {
            self.told(self.webhook_deliveries.delete_one(doc! { "_id": id }).await)?;
        }
        Ok(there)
    }

    /// Forgets what is to be told, and what was told, of a session.
    pub(super) async fn forget_told(&self, session: Uuid) -> Result<()> {
        self.told(self.webhook_events.delete_many(doc! { "session": session }).await)?;
        self.told(self.webhook_deliveries.delete_many(doc! { "session": session }).await).map(|_| ())
    }

    /// Who does not get the lock was slower.
    async fn replace_webhook(&self, webhook: &Webhook) -> Result<bool> {
        let document = WebhookDocument::new(webhook)?;
        let mut present = of_organization(webhook.organization);
        present.extend(doc! { "_id": document.id, "version": document.version - 1 });
        let replace = async { self.told(self.webhooks.replace_one(present, document).await) };
        let replaced = self.locked(webhook.id.as_uuid(), replace).await?;
        Ok(replaced.is_some_and(|done| done.matched_count > 0))
    }

    /// A lock of its own keeps askers apart: not every server that speaks MongoDB's protocol finds and changes in one step.
    async fn lease_some(&self, lease: &WebhookLease) -> Result<Vec<WebhookDelivery>> {
        let except: Vec<Uuid> = lease.except.iter().map(|webhook| uuid(webhook.as_uuid())).collect();
        let due = doc! {
            "status": "pending", "due_at": { "$lte": moment(lease.now) }, "webhook": { "$nin": except },
        };
        let take = doc! { "$set": { "due_at": moment(lease.until), "holder": uuid(lease.holder) } };
        let found = self.all(&self.webhook_deliveries, due.clone(), doc! { "due_at": 1 }, Some(lease.limit)).await?;
        let mut given = Vec::new();
        for mut delivery in found {
            let lock = Lease::new(SessionId::from_uuid(plain(delivery.id)), lease.holder, lease.now, lease.until);
            if !self.lease(&lock).await? {
                continue;
            }
            let mut still = due.clone();
            still.insert("_id", delivery.id);
            let taken = self.told(self.webhook_deliveries.update_one(still, take.clone()).await)?.matched_count > 0;
            self.release(lock.session, lock.holder).await?;
            if taken {
                delivery.due_at = moment(lease.until);
                given.push(delivery.read()?);
            }
        }
        Ok(given)
    }

    async fn settle(&self, delivery: &WebhookDelivery, holder: Option<uuid::Uuid>) -> Result<bool> {
        let mut wanted = doc! { "_id": uuid(delivery.id.as_uuid()) };
        match holder {
            Some(holder) => wanted.extend(doc! { "status": "pending", "holder": uuid(holder) }),
            None => wanted.extend(doc! { "status": { "$ne": "pending" } }),
        }
        let change = doc! { "$set": {
            "status": delivery.status.as_str(),
            "due_at": moment(delivery.due_at),
            "settled_at": delivery.settled_at.map(moment),
            "document": written(delivery)?,
            "holder": null,
        } };
        Ok(self.told(self.webhook_deliveries.update_one(wanted, change).await)?.matched_count > 0)
    }

    async fn drop_webhook(&self, wanted: Document) -> Result<u64> {
        let mut deleted = 0;
        for webhook in self.all(&self.webhooks, wanted, doc! { "_id": 1 }, None).await? {
            deleted += self.told(self.webhooks.delete_one(doc! { "_id": webhook.id }).await)?.deleted_count;
            self.told(self.webhook_deliveries.delete_many(doc! { "webhook": webhook.id }).await)?;
        }
        Ok(deleted)
    }
}

#[async_trait]
impl WebhookStore for MongoStore {
    async fn create_webhook(&self, webhook: &Webhook) -> Result<()> {
        let (database, document) = (&self.database, WebhookDocument::new(webhook)?);
        let insert = async {
            match database.webhooks.insert_one(document).await {
                Err(error) if is_duplicate(&error) => Ok(()),
                done => database.told(done).map(|_| ()),
            }
        };
        database.run(insert).await
    }

    async fn update_webhook(&self, webhook: &Webhook) -> Result<bool> {
        self.database.run(self.database.replace_webhook(webhook)).await
    }

    async fn webhook(&self, organization: Option<OrganizationId>, id: WebhookId) -> Result<Option<Webhook>> {
        let database = &self.database;
        let mut wanted = of_organization(organization);
        wanted.insert("_id", uuid(id.as_uuid()));
        let found = database.run(async { database.told(database.webhooks.find_one(wanted).await) }).await?;
        found.map(WebhookDocument::read).transpose()
    }

    async fn list_webhooks(&self, organization: Option<OrganizationId>, query: &WebhookQuery) -> Result<Page<Webhook>> {
        let database = &self.database;
        let mut wanted = of_organization(organization);
        if let Some(before) = query.before {
            wanted.insert("_id", doc! { "$lt": uuid(before.as_uuid()) });
        }
        let most = Some(query.limit.saturating_add(1));
        let found = database.run(database.all(&database.webhooks, wanted, doc! { "_id": -1 }, most)).await?;
        Page::cut(found, query.limit).try_map(WebhookDocument::read)
    }

    async fn delete_webhook(&self, organization: Option<OrganizationId>, id: WebhookId) -> Result<bool> {
        let mut wanted = of_organization(organization);
        wanted.insert("_id", uuid(id.as_uuid()));
        Ok(self.database.run(self.database.drop_webhook(wanted)).await? > 0)
    }

    async fn erase_webhooks(&self, organization: OrganizationId) -> Result<u64> {
        let (database, theirs) = (&self.database, of_organization(Some(organization)));
        let erase = async {
            database.told(database.webhook_events.delete_many(theirs.clone()).await)?;
            database.drop_webhook(theirs).await
        };
        database.run(erase).await
    }

    async fn anybody_listens(&self) -> Result<bool> {
        let database = &self.database;
        let enabled = async { database.told(database.webhooks.find_one(doc! { "enabled": true }).await) };
        Ok(database.run(enabled).await?.is_some())
    }

    async fn enqueue(&self, event: &Event) -> Result<bool> {
        self.database.run(self.database.queue(event)).await
    }

    async fn queued(&self, limit: usize) -> Result<Vec<Event>> {
        let database = &self.database;
        let read = async {
            let mut events = database.noted_events(limit).await?;
            let own = database.all(&database.webhook_events, doc! {}, doc! { "_id": 1 }, Some(limit)).await?;
            for event in own {
                events.push(event.read()?);
            }
            events.sort_by_key(|event| event.at);
            events.truncate(limit);
            Ok(events)
        };
        database.run(read).await
    }

    async fn spread(&self, event: &Event, deliveries: &[WebhookDelivery]) -> Result<()> {
        self.database.run(self.database.spread_event(event, deliveries)).await
    }

    async fn create_delivery(&self, delivery: &WebhookDelivery) -> Result<bool> {
        self.database.run(self.database.deliver(delivery)).await
    }

    async fn lease_deliveries(&self, lease: &WebhookLease) -> Result<Vec<WebhookDelivery>> {
        self.database.run(self.database.lease_some(lease)).await
    }

    async fn settle_delivery(&self, delivery: &WebhookDelivery, holder: Option<uuid::Uuid>) -> Result<bool> {
        self.database.run(self.database.settle(delivery, holder)).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>> {
        let database = &self.database;
        let pending = doc! { "status": "pending" };
        let first = database.all(&database.webhook_deliveries, pending, doc! { "due_at": 1 }, Some(1));
        let first = database.run(first).await?;
        first.into_iter().next().map(|delivery| timestamp(delivery.due_at)).transpose()
    }

    async fn delivery(&self, organization: Option<OrganizationId>, id: DeliveryId) -> Result<Option<WebhookDelivery>> {
        let database = &self.database;
        let mut wanted = of_organization(organization);
        wanted.insert("_id", uuid(id.as_uuid()));
        let found = database.run(async { database.told(database.webhook_deliveries.find_one(wanted).await) }).await?;
        found.map(DeliveryDocument::read).transpose()
    }

    async fn list_deliveries(
        &self,
        organization: Option<OrganizationId>,
        query: &DeliveryQuery,
    ) -> Result<Page<WebhookDelivery>> {
        let database = &self.database;
        let mut wanted = of_organization(organization);
        if let Some(webhook) = query.webhook {
            wanted.insert("webhook", uuid(webhook.as_uuid()));
        }
        if let Some(status) = query.status {
            wanted.insert("status", status.as_str());
        }
        if let Some(name) = &query.name {
            wanted.insert("name", text::kept(name).as_ref());
        }
        if let Some(before) = query.before {
            wanted.insert("_id", doc! { "$lt": uuid(before.as_uuid()) });
        }
        let most = Some(query.limit.saturating_add(1));
        let found = database.run(database.all(&database.webhook_deliveries, wanted, doc! { "_id": -1 }, most)).await?;
        Page::cut(found, query.limit).try_map(DeliveryDocument::read)
    }

    async fn delete_deliveries_before(&self, before: Timestamp) -> Result<u64> {
        let database = &self.database;
        let old = doc! { "settled_at": { "$lt": moment(before) } };
        let deleted = database.run(async { database.told(database.webhook_deliveries.delete_many(old).await) }).await?;
        Ok(deleted.deleted_count)
    }
}
