//! Webhooks: made, changed, listed; what was delivered to them, and delivering it again.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{VoiceAgent, casting::Casting, check, reach::Reach};
use crate::{
    config::WebhooksConfig,
    error::{Error, ErrorKind, Result},
    id::{DeliveryId, OrganizationId, SessionId, WebhookId},
    secret::Secret,
    store::{
        self, DeliveryQuery, DeliveryStatus, Event, Page, SealedSecret, WebhookDelivery, WebhookQuery, WebhookStore,
    },
    time::Timestamp,
    webhooks::{Courier, Keys, TEST, body, check_address, new_secret},
};

/// How many webhooks an organization may have.
const MOST_WEBHOOKS: usize = 50;
/// How many names a filter may have.
const MOST_EVENTS: usize = 50;
/// The longest name of an event, in bytes.
const LONGEST_EVENT: usize = 64;
/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 500;
/// How long the secret before goes on signing unless the caller says otherwise, and at most.
const OVERLAP: Duration = Duration::from_secs(24 * 3_600);
const LONGEST_OVERLAP: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How many secrets sign at the same time.
const MOST_SECRETS: usize = 5;
/// How often a change is tried again when somebody else was faster.
const UPDATE_ATTEMPTS: usize = 8;

/// The webhooks of an organization, or of a host without organizations. Made by [`VoiceAgent::webhooks`] and
/// [`ScopedAgent::webhooks`](super::ScopedAgent::webhooks). A user's credential does not reach them.
///
/// Events of sessions and turns come by themselves: see [`webhooks`](crate::webhooks). They are delivered in the background for as
/// long as an agent is there, unless [`WebhooksConfig::deliver`] is false.
#[derive(Clone, Debug)]
pub struct Webhooks {
    agent: VoiceAgent,
    reach: Reach,
}

/// A webhook that is to be made.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NewWebhook {
    /// Where events are sent, by `POST`: an address that begins with `https://`.
    pub url: String,
    /// The names of the events that it wants; `session.*` stands for all whose name begins with `session.`. Default: all.
    #[serde(default)]
    pub events: BTreeSet<String>,
    /// What it is for, in the owner's words.
    #[serde(default)]
    pub description: String,
    /// Whether anything is sent. Default true.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

impl NewWebhook {
    /// One that wants every event.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), events: BTreeSet::new(), description: String::new(), enabled: true }
    }

    /// One that wants these events only.
    #[must_use]
    pub fn events<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.events = names.into_iter().map(Into::into).collect();
        self
    }
}

/// What is to be changed of a webhook; `None`: it stays as it is.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct WebhookChanges {
    /// Where events are sent.
    pub url: Option<String>,
    /// The names of the events that it wants; none: all.
    pub events: Option<BTreeSet<String>>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether anything is sent. What happens while it is disabled is never sent to it.
    pub enabled: Option<bool>,
}

/// A webhook, as its owner sees it.
#[derive(Clone, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct WebhookInfo {
    /// Its id.
    pub id: WebhookId,
    /// Its organization; `None` in a host without organizations.
    pub organization: Option<OrganizationId>,
    /// Where events are sent.
    pub url: String,
    /// The names of the events that it wants; none: all.
    pub events: BTreeSet<String>,
    /// What it is for, in the owner's words.
    pub description: String,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Why the library disabled it, if it did: the receiver answered 410.
    pub disabled_because: Option<String>,
    /// When it was created.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub updated_at: Timestamp,
}

impl From<store::Webhook> for WebhookInfo {
    fn from(kept: store::Webhook) -> Self {
        Self {
            id: kept.id,
            organization: kept.organization,
            url: kept.url,
            events: kept.events,
            description: kept.description,
            enabled: kept.enabled,
            disabled_because: kept.disabled_because,
            created_at: kept.created_at,
            updated_at: kept.updated_at,
        }
    }
}

impl std::fmt::Debug for WebhookInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookInfo").field("id", &self.id).field("enabled", &self.enabled).finish_non_exhaustive()
    }
}

/// A webhook with a secret that was just made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedWebhook {
    /// The webhook.
    pub webhook: WebhookInfo,
    /// `whsec_` and 32 bytes in base64. Give it to the receiver and forget it: it is kept encrypted, and never given back.
    pub secret: Secret,
}

impl VoiceAgent {
    /// The webhooks that belong to no organization; [`Webhooks::of`] gives those of one.
    #[must_use]
    pub fn webhooks(&self) -> Webhooks {
        Webhooks::new(self.clone(), Reach::host())
    }

    /// Delivers for as long as the agent is there. Gives what tells that it has stopped; `None`: there is nothing to deliver.
    pub(super) fn start_courier(&self) -> Option<CancellationToken> {
        let options = self.inner.parts.webhooks;
        let (storage, engine) = (&self.inner.parts.storage, &self.inner.engine);
        let webhooks = storage.webhooks().ok().filter(|_| options.deliver)?;
        let courier = Courier {
            webhooks: Arc::clone(webhooks),
            conversations: Arc::clone(storage.conversations()),
            audit: storage.audit().cloned(),
            clock: Arc::clone(&engine.clock),
            keys: Arc::new(Sealed(Arc::clone(&self.inner.parts.casting))),
            outbox: engine.outbox.clone(),
            options,
        };
        // Without a runtime there is nobody to deliver.
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let stopped = CancellationToken::new();
        runtime.spawn(courier.run(self.cancel_token().clone(), stopped.clone()));
        Some(stopped)
    }
}

/// What opens secrets.
struct Sealed(Arc<Casting>);

impl Keys for Sealed {
    fn open(&self, webhook: &store::Webhook, secret: &SealedSecret) -> Result<Secret> {
        let opened = STANDARD.decode(&secret.sealed).ok();
        let vault = self.0.vault()?;
        let opened = opened.and_then(|sealed| vault.open_bound(&bound_to(webhook.id), &sealed));
        opened.ok_or_else(|| {
            let message = "the secret of a webhook cannot be opened: accounts.credentials_key is not the key under which it was \
                           kept; configure that key, or rotate the secret";
            Error::new(ErrorKind::InvalidConfig, message)
        })
    }
}

fn seal(casting: &Casting, webhook: WebhookId, secret: &Secret) -> Result<SealedSecret> {
    Ok(SealedSecret::new(STANDARD.encode(casting.vault()?.seal_bound(&bound_to(webhook), secret)?)))
}

/// What is sealed for one webhook cannot be opened for another.
fn bound_to(webhook: WebhookId) -> Vec<u8> {
    [b"voice-core webhook\0", &webhook.as_uuid().into_bytes()[..]].concat()
}

impl Webhooks {
    pub(super) fn new(agent: VoiceAgent, reach: Reach) -> Self {
        Self { agent, reach }
    }

    /// The webhooks of one organization only.
    #[must_use]
    pub fn of(mut self, organization: OrganizationId) -> Self {
        self.reach = self.reach.within(organization);
        self
    }

    /// Makes a webhook. Its secret is shown this once.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` naming the field: an address that is not `https://`, or leads to this machine or a private network, unless
    /// the config allows it; a wrong name of an event; more than 50 webhooks. `INVALID_REQUEST`: of kind `InvalidConfig` without
    /// `accounts.credentials_key`, under which the secret is kept; of kind `NotFound` when there is no such organization; of kind
    /// `Unsupported` without a store for webhooks. `UNAUTHORIZED` (kind `Forbidden`) for a user's credential; `STORAGE_ERROR`.
    pub async fn create(&self, webhook: &NewWebhook) -> Result<SignedWebhook> {
        let store = self.store()?;
        self.check(Some(&webhook.url), Some(&webhook.events), Some(&webhook.description))?;
        let (storage, organization) = (self.agent.storage()?, self.reach.organization);
        if let (Some(organization), Ok(accounts)) = (organization, storage.accounts())
            && accounts.organization(organization).await?.is_none()
        {
            return Err(not_found("organization"));
        }
        if store.list_webhooks(organization, &WebhookQuery::newest(MOST_WEBHOOKS)).await?.items.len() >= MOST_WEBHOOKS {
            return Err(check::invalid(format!(
                "webhooks: there are {MOST_WEBHOOKS} already, and no more are accepted"
            )));
        }
        let (id, secret) = (WebhookId::new(), new_secret()?);
        let sealed = seal(self.agent.casting()?, id, &secret)?;
        let now = self.agent.engine()?.clock.now();
        let mut kept = store::Webhook::new(id, organization, webhook.url.trim(), sealed, now);
        kept.events.clone_from(&webhook.events);
        kept.description.clone_from(&webhook.description);
        kept.enabled = webhook.enabled;
        let entry = self.agent.entry(&self.reach, organization, "webhook.create", id)?;
        self.agent.audited([entry], store.create_webhook(&kept)).await?;
        self.agent.engine()?.outbox.wake();
        Ok(SignedWebhook { webhook: kept.into(), secret })
    }

    /// A webhook.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `NotFound`); `UNAUTHORIZED` (kind `Forbidden`) for a user's credential; `STORAGE_ERROR`.
    pub async fn get(&self, id: WebhookId) -> Result<WebhookInfo> {
        self.kept(id).await.map(Into::into)
    }

    /// Webhooks, newest first.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the limit is not 1–100; `UNAUTHORIZED` (kind `Forbidden`) for a user's credential; `STORAGE_ERROR`.
    pub async fn list(&self, query: WebhookQuery) -> Result<Page<WebhookInfo>> {
        check::limit(query.limit)?;
        let page = self.store()?.list_webhooks(self.reach.organization, &query).await?;
        page.try_map(|webhook| Ok(webhook.into()))
    }

    /// Changes a webhook. Deliveries that wait go where it leads from then on.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`get`](Self::get).
    pub async fn update(&self, id: WebhookId, changes: &WebhookChanges) -> Result<WebhookInfo> {
        self.check(changes.url.as_deref(), changes.events.as_ref(), changes.description.as_deref())?;
        let change = |webhook: &mut store::Webhook| {
            if let Some(url) = &changes.url {
                url.trim().clone_into(&mut webhook.url);
            }
            if let Some(events) = &changes.events {
                webhook.events.clone_from(events);
            }
            if let Some(description) = &changes.description {
                webhook.description.clone_from(description);
            }
            if let Some(enabled) = changes.enabled {
                (webhook.enabled, webhook.disabled_because) = (enabled, None);
            }
        };
        self.change(id, "webhook.update", change).await
    }

    /// Deletes a webhook with the log of its deliveries, those that wait included.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn delete(&self, id: WebhookId) -> Result<()> {
        let store = self.store()?;
        let entry = self.agent.entry(&self.reach, self.reach.organization, "webhook.delete", id)?;
        let change = store.delete_webhook(self.reach.organization, id);
        self.agent.audited([entry], change).await?.then_some(()).ok_or_else(|| not_found("webhook"))
    }

    /// Makes a new secret, shown this once. For as long as `overlap` (default 24 hours, at most 30 days, zero for none) messages
    /// carry signatures by the old one as well, so that receivers can change over.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`get`](Self::get).
    pub async fn rotate_secret(&self, id: WebhookId, overlap: Option<Duration>) -> Result<SignedWebhook> {
        let overlap = overlap.unwrap_or(OVERLAP);
        if overlap > LONGEST_OVERLAP {
            return Err(check::invalid("overlap: at most 30 days are accepted"));
        }
        self.kept(id).await?;
        let secret = new_secret()?;
        let sealed = seal(self.agent.casting()?, id, &secret)?;
        let now = self.agent.engine()?.clock.now();
        let until = now.checked_add(overlap).unwrap_or(Timestamp::MAX);
        let change = |webhook: &mut store::Webhook| {
            for old in &mut webhook.secrets {
                old.until = Some(old.until.map_or(until, |end| end.min(until)));
            }
            webhook.secrets.retain(|old| old.until.is_some_and(|end| end > now));
            webhook.secrets.insert(0, sealed.clone());
            webhook.secrets.truncate(MOST_SECRETS);
        };
        Ok(SignedWebhook { webhook: self.change(id, "webhook.rotate_secret", change).await?, secret })
    }

    /// Deliveries with their attempts, newest first.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the limit is not 1–100; `UNAUTHORIZED` (kind `Forbidden`) for a user's credential; `STORAGE_ERROR`.
    pub async fn deliveries(&self, query: DeliveryQuery) -> Result<Page<WebhookDelivery>> {
        check::limit(query.limit)?;
        self.store()?.list_deliveries(self.reach.organization, &query).await
    }

    /// A delivery with its attempts.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn delivery(&self, id: DeliveryId) -> Result<WebhookDelivery> {
        let found = self.store()?.delivery(self.reach.organization, id).await?;
        found.ok_or_else(|| not_found("delivery"))
    }

    /// Delivers again what was delivered or has failed, with the same `webhook-id`, from the first attempt on. One that is pending is
    /// left as it is.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn redeliver(&self, id: DeliveryId) -> Result<WebhookDelivery> {
        let store = self.store()?;
        for _ in 0..UPDATE_ATTEMPTS {
            let mut delivery = self.delivery(id).await?;
            if delivery.status == DeliveryStatus::Pending {
                return Ok(delivery);
            }
            delivery.status = DeliveryStatus::Pending;
            delivery.due_at = self.agent.engine()?.clock.now();
            (delivery.settled_at, delivery.tries) = (None, 0);
            let entry = self.agent.entry(&self.reach, self.reach.organization, "webhook.redeliver", id)?;
            if self.agent.audited([entry], store.settle_delivery(&delivery, None)).await? {
                self.agent.engine()?.outbox.wake();
                return Ok(delivery);
            }
        }
        Err(Error::new(ErrorKind::StorageBusy, "others change this delivery all the time; try again"))
    }

    /// Sends an event `webhook.test` to a webhook, whatever events it wants. Ask for the [`delivery`](Self::delivery) to see what
    /// became of it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn test(&self, id: WebhookId) -> Result<WebhookDelivery> {
        let webhook = self.kept(id).await?;
        let now = self.agent.engine()?.clock.now();
        let data = Map::from_iter([("webhook_id".to_owned(), json!(id))]);
        let event = Event::new(TEST, webhook.organization, data, now);
        let body = body(&event, event.data.as_ref().unwrap_or(&Map::new()))?;
        let delivery = WebhookDelivery::new(&webhook, &event, body, now);
        if !self.store()?.create_delivery(&delivery).await? {
            return Err(not_found("webhook"));
        }
        self.agent.engine()?.outbox.wake();
        Ok(delivery)
    }

    /// Tells the webhooks of an event of the host's own, with at most 64 KiB of data as JSON. `false`: no webhook is enabled.
    ///
    /// What belongs to a session is told within the session's organization, and goes when it is deleted.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a wrong name or too much data; `SESSION_NOT_FOUND`; `UNAUTHORIZED` (kind `Forbidden`) for a user's
    /// credential; `STORAGE_ERROR`.
    pub async fn send(&self, name: &str, data: Map<String, Value>, session: Option<SessionId>) -> Result<bool> {
        self.reach.check_not_a_user()?;
        if !is_name(name) {
            return Err(wrong_name("event"));
        }
        check::data("data", &data)?;
        let mut event = Event::new(name, self.reach.organization, data, self.agent.engine()?.clock.now());
        if let Some(id) = session {
            let session = super::Sessions::new(self.agent.clone(), self.reach.clone()).get(id).await?;
            event.organization = session.organization;
            event = event.in_session(id);
        }
        self.agent.engine()?.outbox.tell(&event).await
    }

    async fn change(&self, id: WebhookId, action: &str, change: impl Fn(&mut store::Webhook)) -> Result<WebhookInfo> {
        let store = self.store()?;
        for _ in 0..UPDATE_ATTEMPTS {
            let mut webhook = self.kept(id).await?;
            change(&mut webhook);
            webhook.version += 1;
            webhook.updated_at = self.agent.engine()?.clock.now();
            let entry = self.agent.entry(&self.reach, webhook.organization, action, id)?;
            if self.agent.audited([entry], store.update_webhook(&webhook)).await? {
                self.agent.engine()?.outbox.wake();
                return Ok(webhook.into());
            }
        }
        Err(Error::new(ErrorKind::StorageBusy, "others change this webhook all the time; try again"))
    }

    async fn kept(&self, id: WebhookId) -> Result<store::Webhook> {
        let found = self.store()?.webhook(self.reach.organization, id).await?;
        found.ok_or_else(|| not_found("webhook"))
    }

    fn store(&self) -> Result<&Arc<dyn WebhookStore>> {
        self.reach.check_not_a_user()?;
        self.agent.storage()?.webhooks()
    }

    fn options(&self) -> Result<WebhooksConfig> {
        self.agent.engine().map(|_| self.agent.inner.parts.webhooks)
    }

    fn check(&self, url: Option<&str>, events: Option<&BTreeSet<String>>, description: Option<&str>) -> Result<()> {
        if let Some(url) = url {
            check_address(url.trim(), &self.options()?)?;
        }
        if let Some(events) = events {
            if events.len() > MOST_EVENTS {
                return Err(check::invalid(format!("events: {}; at most {MOST_EVENTS} are accepted", events.len())));
            }
            if !events.iter().all(|name| name == "*" || is_name(name.strip_suffix(".*").unwrap_or(name))) {
                return Err(wrong_name("events"));
            }
        }
        description.map_or(Ok(()), |text| check::name("description", text, 0, LONGEST_DESCRIPTION))
    }
}

/// Words of small letters, digits, `_` and `-`, with dots between.
fn is_name(name: &str) -> bool {
    let is_right = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    name.len() <= LONGEST_EVENT && name.split('.').all(|word| !word.is_empty() && word.bytes().all(is_right))
}

fn wrong_name(field: &str) -> Error {
    check::invalid(format!(
        "{field}: expected names such as session.ended, of small letters, digits, `_`, `-` and dots, {LONGEST_EVENT} bytes at most"
    ))
}

fn not_found(what: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no such {what}"))
}
