//! Who wants to be told of events, what has happened that they are not told yet, and how telling them went.
//!
//! ```text
//! a change ──same transaction──► event ──once──► a delivery for each webhook ──leased──► attempts ──► delivered | failed
//! ```
//!
//! A store that keeps conversations writes down the events of sessions and turns in the transaction that makes the change, as long as
//! a webhook of that organization is enabled. No event is lost by a crash then, and none is told of that did not happen.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Notify;
use uuid::Uuid;

use super::page::{Page, PageQuery, listed};
use crate::{
    error::{Error, ErrorKind, Result},
    id::{DeliveryId, EventId, OrganizationId, SessionId, TurnId, WebhookId},
    time::Timestamp,
};

listed! {
    Webhook, WebhookQuery, WebhookId, "webhooks";
    WebhookDelivery, DeliveryQuery, DeliveryId, "deliveries";
}

/// Where an organization wants to be told of events. `Debug` leaves out the address, which may hold a secret.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Its organization; `None` in a host without organizations.
    pub organization: Option<OrganizationId>,
    /// Which version this is, from 1: every change makes the next.
    pub version: u32,
    /// Where events are sent.
    pub url: String,
    /// What it is for, in the owner's words.
    pub description: String,
    /// The names of the events that it wants; `session.*` stands for all whose name begins with `session.`. Empty: all.
    pub events: BTreeSet<String>,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Why the library disabled it, if it did.
    pub disabled_because: Option<String>,
    /// What signs: the newest secret first, and those before it for as long as they are valid.
    pub secrets: Vec<SealedSecret>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When this version was made.
    pub updated_at: Timestamp,
}

impl Webhook {
    /// An enabled webhook for every event.
    #[must_use]
    pub fn new(
        id: WebhookId,
        organization: Option<OrganizationId>,
        url: impl Into<String>,
        secret: SealedSecret,
        at: Timestamp,
    ) -> Self {
        Self {
            id,
            organization,
            version: 1,
            url: url.into(),
            description: String::new(),
            events: BTreeSet::new(),
            enabled: true,
            disabled_because: None,
            secrets: vec![secret],
            created_at: at,
            updated_at: at,
        }
    }

    /// Whether it wants to be told of events of this name.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        let matches = |wanted: &String| match wanted.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => wanted == name,
        };
        self.enabled && (self.events.is_empty() || self.events.iter().any(matches))
    }
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("id", &self.id)
            .field("organization", &self.organization)
            .field("version", &self.version)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// A secret that signs, encrypted under a key that only the host has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SealedSecret {
    /// The encrypted secret, in base64.
    pub sealed: String,
    /// Until when it signs; `None`: until there is a newer one.
    pub until: Option<Timestamp>,
}

impl SealedSecret {
    /// A secret that signs until there is a newer one.
    #[must_use]
    pub fn new(sealed: impl Into<String>) -> Self {
        Self { sealed: sealed.into(), until: None }
    }
}

/// Which webhooks to list: newest first.
pub type WebhookQuery = PageQuery<WebhookId>;

/// The name of the event that something was said that must be acted on. It tells the whole [`Action`](crate::Action).
pub const ACTION_DETECTED: &str = "action.detected";

/// Something that happened. `Debug` leaves out what is told of it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// What happened: `session.started`, `session.ended`, `turn.completed`, `action.detected`, or another name.
    pub name: String,
    /// The organization whose webhooks are told; `None`: those that belong to none.
    pub organization: Option<OrganizationId>,
    /// The session in which it happened. When that is deleted, so is what was not told yet, and the log of what was.
    pub session: Option<SessionId>,
    /// The turn in which it happened.
    pub turn: Option<TurnId>,
    /// When it happened.
    pub at: Timestamp,
    /// What is told of it; `None`: what there is to tell of the session and the turn when it is sent.
    pub data: Option<Map<String, Value>>,
}

impl Event {
    /// An event that belongs to no session.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        organization: Option<OrganizationId>,
        data: Map<String, Value>,
        at: Timestamp,
    ) -> Self {
        let (id, name) = (EventId::new(), name.into());
        Self { id, name, organization, session: None, turn: None, at, data: Some(data) }
    }

    /// The same in a session.
    #[must_use]
    pub fn in_session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// The same in a turn.
    #[must_use]
    pub fn in_turn(mut self, turn: TurnId) -> Self {
        self.turn = Some(turn);
        self
    }
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("organization", &self.organization)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeliveryStatus {
    /// An attempt is to be made, now or later.
    Pending,
    /// The receiver has taken it.
    Delivered,
    /// It is not tried any more.
    Failed,
}

impl DeliveryStatus {
    /// The status as it is stored and written in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// The status that is stored under this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Failed].into_iter().find(|s| s.as_str() == name)
    }
}

/// The telling of one event to one webhook. `Debug` leaves out what is told.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct WebhookDelivery {
    /// Its id, which the receiver sees as `webhook-id`: the same in every attempt.
    pub id: DeliveryId,
    /// The webhook.
    pub webhook: WebhookId,
    /// The organization of the webhook.
    pub organization: Option<OrganizationId>,
    /// The event.
    pub event: EventId,
    /// The name of the event.
    pub name: String,
    /// The session in which it happened.
    pub session: Option<SessionId>,
    /// Where it stands: `pending`, `delivered` or `failed`.
    #[schemars(with = "String")]
    pub status: DeliveryStatus,
    /// What is sent: JSON, the same bytes in every attempt.
    pub body: String,
    /// When the event was handed to this webhook.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
    /// When the next attempt is due; of one that is over, when the last was.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub due_at: Timestamp,
    /// When it was delivered, or given up.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub settled_at: Option<Timestamp>,
    /// How many attempts have counted since it was last asked for.
    pub tries: u32,
    /// The attempts, oldest first; of very many, the latest.
    pub attempts: Vec<DeliveryAttempt>,
}

impl WebhookDelivery {
    /// A delivery that is due at once.
    #[must_use]
    pub fn new(webhook: &Webhook, event: &Event, body: impl Into<String>, at: Timestamp) -> Self {
        Self {
            id: DeliveryId::new(),
            webhook: webhook.id,
            organization: webhook.organization,
            event: event.id,
            name: event.name.clone(),
            session: event.session,
            status: DeliveryStatus::Pending,
            body: body.into(),
            created_at: at,
            due_at: at,
            settled_at: None,
            tries: 0,
            attempts: Vec::new(),
        }
    }
}

impl std::fmt::Debug for WebhookDelivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookDelivery")
            .field("id", &self.id)
            .field("webhook", &self.webhook)
            .field("name", &self.name)
            .field("status", &self.status)
            .field("tries", &self.tries)
            .finish_non_exhaustive()
    }
}

/// One attempt to deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct DeliveryAttempt {
    /// When it was begun.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// The HTTP status of the answer; `None`: there was none.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What went wrong, if something did.
    pub error: Option<String>,
}

impl DeliveryAttempt {
    /// An attempt.
    #[must_use]
    pub fn new(at: Timestamp, status: Option<u16>, duration_ms: u64, error: Option<String>) -> Self {
        Self { at, status, duration_ms, error }
    }
}

/// Which deliveries to list: newest first.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeliveryQuery {
    /// Only those to this webhook. `None`: to all.
    pub webhook: Option<WebhookId>,
    /// Only those that stand there. `None`: wherever they stand.
    pub status: Option<DeliveryStatus>,
    /// Only of events of this name, compared whole.
    pub name: Option<String>,
    /// At most this many (1–100, default 20).
    pub limit: usize,
    /// Only deliveries older than this one: the last of the page before.
    pub before: Option<DeliveryId>,
}

impl Default for DeliveryQuery {
    fn default() -> Self {
        Self { webhook: None, status: None, name: None, limit: 20, before: None }
    }
}

/// What a worker asks for: deliveries that are due and that it alone works on for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookLease {
    /// Who asks.
    pub holder: Uuid,
    /// The present moment, by the asker's clock.
    pub now: Timestamp,
    /// When they become due again unless they are settled before.
    pub until: Timestamp,
    /// At most this many.
    pub limit: usize,
    /// None to these webhooks, which have enough under way.
    pub except: Vec<WebhookId>,
}

impl WebhookLease {
    /// A lease to ask for, whatever the webhook.
    #[must_use]
    pub fn new(holder: Uuid, now: Timestamp, until: Timestamp, limit: usize) -> Self {
        Self { holder, now, until, limit, except: Vec::new() }
    }
}

/// Keeps webhooks, the events that they are not told yet, and the log of deliveries.
///
/// Webhooks and deliveries are asked for within an organization, or within none: what belongs elsewhere is answered exactly like what
/// does not exist. All errors are of code `STORAGE_ERROR`.
#[async_trait]
pub trait WebhookStore: Send + Sync {
    /// Keeps a new webhook, in version 1. An id that exists already is left as it is.
    async fn create_webhook(&self, webhook: &Webhook) -> Result<()>;

    /// Keeps the next version: one above the present one. `false`, and nothing changed: there is no such webhook in its organization, or
    /// somebody else was faster.
    async fn update_webhook(&self, webhook: &Webhook) -> Result<bool>;

    /// A webhook.
    async fn webhook(&self, organization: Option<OrganizationId>, id: WebhookId) -> Result<Option<Webhook>>;

    /// Webhooks, newest first.
    async fn list_webhooks(&self, organization: Option<OrganizationId>, query: &WebhookQuery) -> Result<Page<Webhook>>;

    /// Deletes a webhook with all its deliveries. `false`: no such webhook.
    async fn delete_webhook(&self, organization: Option<OrganizationId>, id: WebhookId) -> Result<bool>;

    /// Deletes every webhook of an organization with its deliveries, and its events; says how many webhooks.
    async fn erase_webhooks(&self, organization: OrganizationId) -> Result<u64>;

    /// Whether any webhook is enabled, in whichever organization.
    async fn anybody_listens(&self) -> Result<bool>;

    /// Writes an event down. `false`, and nothing was written: no webhook of its organization is enabled. An event whose id is there
    /// already is left as it is. A session that is not there is left out of it.
    async fn enqueue(&self, event: &Event) -> Result<bool>;

    /// Events that no delivery was made of yet, oldest first.
    async fn queued(&self, limit: usize) -> Result<Vec<Event>>;

    /// Makes an event into deliveries, and takes it out of the queue: all of it or nothing, and once: where several do it at the same
    /// time, one delivery is made for each webhook. A delivery whose webhook or session is not there any more is left out.
    async fn spread(&self, event: &Event, deliveries: &[WebhookDelivery]) -> Result<()>;

    /// Keeps a delivery of an event that was never queued. `false`: its webhook is not there any more.
    async fn create_delivery(&self, delivery: &WebhookDelivery) -> Result<bool>;

    /// Gives out pending deliveries that are due, the longest due first, and moves their `due_at` to the end of the lease. Each is
    /// given to one asker only. Those to the webhooks of `except` stay as they are.
    async fn lease_deliveries(&self, lease: &WebhookLease) -> Result<Vec<WebhookDelivery>>;

    /// Changes a delivery: with a holder only if that one still has it, and it is pending; without one only if it is not pending. The
    /// holder has it no longer. `false`: nothing was changed.
    async fn settle_delivery(&self, delivery: &WebhookDelivery, holder: Option<Uuid>) -> Result<bool>;

    /// When the next pending delivery is due.
    async fn next_due(&self) -> Result<Option<Timestamp>>;

    /// A delivery.
    async fn delivery(&self, organization: Option<OrganizationId>, id: DeliveryId) -> Result<Option<WebhookDelivery>>;

    /// Deliveries, newest first.
    async fn list_deliveries(
        &self,
        organization: Option<OrganizationId>,
        query: &DeliveryQuery,
    ) -> Result<Page<WebhookDelivery>>;

    /// Deletes deliveries that were settled before a moment; says how many.
    async fn delete_deliveries_before(&self, before: Timestamp) -> Result<u64>;
}

/// The way of what happens to those who want to be told.
///
/// What a store writes down by itself needs only [`ring`](Self::ring), so that it is delivered at once and not when the courier next
/// looks; everything else is handed in by [`tell`](Self::tell).
#[derive(Clone, Default)]
pub(crate) struct Outbox {
    store: Option<Arc<dyn WebhookStore>>,
    bell: Arc<Bell>,
}

#[derive(Default)]
struct Bell {
    rung: Notify,
    /// Whether somebody listens, as far as the courier knows: where nobody does, a turn costs it nothing.
    awake: AtomicBool,
}

impl Outbox {
    pub(crate) fn new(store: Option<Arc<dyn WebhookStore>>) -> Self {
        Self { store, bell: Arc::default() }
    }

    /// Says that a store may have written something down.
    pub(crate) fn ring(&self) {
        if self.bell.awake.load(Ordering::Relaxed) {
            self.bell.rung.notify_one();
        }
    }

    /// Writes an event down for all webhooks that want it. `false`: there is none.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `Unsupported`) without a store for webhooks; `STORAGE_ERROR`.
    pub(crate) async fn tell(&self, event: &Event) -> Result<bool> {
        let store = self.store.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "the agent has no store for webhooks; give it `Storage::of(store)`")
        })?;
        let written = store.enqueue(event).await?;
        if written {
            self.bell.rung.notify_one();
        }
        Ok(written)
    }

    /// The same where an agent without a store for webhooks tells nobody.
    pub(crate) async fn offer(&self, event: &Event) -> Result<bool> {
        if self.store.is_some() { self.tell(event).await } else { Ok(false) }
    }

    /// Says that somebody listens, and that there may be something to deliver.
    #[cfg(feature = "webhooks")]
    pub(crate) fn wake(&self) {
        self.listened_to(true);
        self.bell.rung.notify_one();
    }

    /// Says whether anybody listens.
    #[cfg(feature = "webhooks")]
    pub(crate) fn listened_to(&self, listens: bool) {
        self.bell.awake.store(listens, Ordering::Relaxed);
    }

    /// Waits until there may be something to deliver.
    #[cfg(feature = "webhooks")]
    pub(crate) async fn rung(&self) {
        self.bell.rung.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_wants_what_its_filter_names() {
        let mut webhook =
            Webhook::new(WebhookId::new(), None, "https://x", SealedSecret::new(""), Timestamp::UNIX_EPOCH);
        assert!(webhook.wants("turn.completed"));
        webhook.events = ["session.*".into(), "turn.completed".into()].into();
        assert!(webhook.wants("session.ended") && webhook.wants("turn.completed"));
        assert!(!webhook.wants("turn.completed.late") && !webhook.wants("sessions") && !webhook.wants("turn"));
        webhook.enabled = false;
        assert!(!webhook.wants("session.ended"));
    }
}
