//! Webhooks, events and deliveries in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use uuid::Uuid;

use super::MemoryStore;
use crate::{
    error::Result,
    id::{DeliveryId, EventId, OrganizationId, SessionId, TurnId, WebhookId},
    store::{
        DeliveryQuery, DeliveryStatus, Event, Page, Session, Webhook, WebhookDelivery, WebhookLease, WebhookQuery,
        WebhookStore,
    },
    time::Timestamp,
};

#[derive(Default)]
pub(super) struct Tables {
    webhooks: BTreeMap<WebhookId, Webhook>,
    /// In the order in which they were written down.
    events: Vec<Event>,
    deliveries: BTreeMap<DeliveryId, Kept>,
}

struct Kept {
    delivery: WebhookDelivery,
    holder: Option<Uuid>,
}

impl Tables {
    fn is_listened_to(&self, organization: Option<OrganizationId>) -> bool {
        self.webhooks.values().any(|webhook| webhook.enabled && webhook.organization == organization)
    }

    /// Writes down what became of a session, if anybody is to be told.
    pub(super) fn happened(&mut self, name: &str, session: &Session, turn: Option<TurnId>, at: Timestamp) {
        if self.is_listened_to(session.organization) {
            let (id, name, organization) = (EventId::new(), name.to_owned(), session.organization);
            self.events.push(Event { id, name, organization, session: Some(session.id), turn, at, data: None });
        }
    }

    fn deliver(&mut self, delivery: &WebhookDelivery) -> bool {
        let there = self.webhooks.contains_key(&delivery.webhook);
        if there {
            self.deliveries.insert(delivery.id, Kept { delivery: delivery.clone(), holder: None });
        }
        there
    }

    /// Forgets what is to be told, and what was told, of a session.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.events.retain(|event| event.session != Some(session));
        self.deliveries.retain(|_, kept| kept.delivery.session != Some(session));
    }
}

#[async_trait]
impl WebhookStore for MemoryStore {
    async fn create_webhook(&self, webhook: &Webhook) -> Result<()> {
        self.with(|t| {
            t.webhooks.webhooks.entry(webhook.id).or_insert_with(|| webhook.clone());
        })
    }

    async fn update_webhook(&self, webhook: &Webhook) -> Result<bool> {
        self.with(|t| match t.webhooks.webhooks.get_mut(&webhook.id) {
            Some(there) if there.organization == webhook.organization && there.version + 1 == webhook.version => {
                *there = webhook.clone();
                true
            }
            _ => false,
        })
    }

    async fn webhook(&self, organization: Option<OrganizationId>, id: WebhookId) -> Result<Option<Webhook>> {
        self.with(|t| t.webhooks.webhooks.get(&id).filter(|webhook| webhook.organization == organization).cloned())
    }

    async fn list_webhooks(&self, organization: Option<OrganizationId>, query: &WebhookQuery) -> Result<Page<Webhook>> {
        self.with(|t| {
            let theirs = t.webhooks.webhooks.values().rev().filter(|webhook| {
                webhook.organization == organization && query.before.is_none_or(|before| webhook.id < before)
            });
            Page::cut(theirs.take(query.limit.saturating_add(1)).cloned().collect(), query.limit)
        })
    }

    async fn delete_webhook(&self, organization: Option<OrganizationId>, id: WebhookId) -> Result<bool> {
        self.with(|t| {
            let t = &mut t.webhooks;
            if t.webhooks.get(&id).is_none_or(|webhook| webhook.organization != organization) {
                return false;
            }
            t.deliveries.retain(|_, kept| kept.delivery.webhook != id);
            t.webhooks.remove(&id).is_some()
        })
    }

    async fn erase_webhooks(&self, organization: OrganizationId) -> Result<u64> {
        self.with(|t| {
            let (t, theirs) = (&mut t.webhooks, Some(organization));
            let before = t.webhooks.len();
            t.webhooks.retain(|_, webhook| webhook.organization != theirs);
            t.events.retain(|event| event.organization != theirs);
            t.deliveries.retain(|_, kept| kept.delivery.organization != theirs);
            (before - t.webhooks.len()) as u64
        })
    }

    async fn anybody_listens(&self) -> Result<bool> {
        self.with(|t| t.webhooks.webhooks.values().any(|webhook| webhook.enabled))
    }

    async fn enqueue(&self, event: &Event) -> Result<bool> {
        self.with(|t| {
            if !t.webhooks.is_listened_to(event.organization) {
                return false;
            }
            if t.webhooks.events.iter().all(|there| there.id != event.id) {
                let session = event.session.filter(|session| t.sessions.contains_key(session));
                t.webhooks.events.push(Event { session, ..event.clone() });
            }
            true
        })
    }

    async fn queued(&self, limit: usize) -> Result<Vec<Event>> {
        self.with(|t| t.webhooks.events.iter().take(limit).cloned().collect())
    }

    async fn spread(&self, event: &Event, deliveries: &[WebhookDelivery]) -> Result<()> {
        self.with(|t| {
            let Some(place) = t.webhooks.events.iter().position(|there| there.id == event.id) else { return };
            t.webhooks.events.remove(place);
            for delivery in deliveries {
                if delivery.session.is_none_or(|session| t.sessions.contains_key(&session)) {
                    t.webhooks.deliver(delivery);
                }
            }
        })
    }

    async fn create_delivery(&self, delivery: &WebhookDelivery) -> Result<bool> {
        self.with(|t| t.webhooks.deliver(delivery))
    }

    async fn lease_deliveries(&self, lease: &WebhookLease) -> Result<Vec<WebhookDelivery>> {
        self.with(|t| {
            let due = |kept: &&mut Kept| {
                kept.delivery.status == DeliveryStatus::Pending
                    && kept.delivery.due_at <= lease.now
                    && !lease.except.contains(&kept.delivery.webhook)
            };
            let mut due: Vec<&mut Kept> = t.webhooks.deliveries.values_mut().filter(due).collect();
            due.sort_by_key(|kept| kept.delivery.due_at);
            let given = due.into_iter().take(lease.limit).map(|kept| {
                (kept.holder, kept.delivery.due_at) = (Some(lease.holder), lease.until);
                kept.delivery.clone()
            });
            given.collect()
        })
    }

    async fn settle_delivery(&self, delivery: &WebhookDelivery, holder: Option<Uuid>) -> Result<bool> {
        self.with(|t| match t.webhooks.deliveries.get_mut(&delivery.id) {
            Some(kept) if (kept.delivery.status == DeliveryStatus::Pending) == holder.is_some() => {
                if kept.holder != holder {
                    return false;
                }
                *kept = Kept { delivery: delivery.clone(), holder: None };
                true
            }
            _ => false,
        })
    }

    async fn next_due(&self) -> Result<Option<Timestamp>> {
        self.with(|t| {
            let pending = t.webhooks.deliveries.values().map(|kept| &kept.delivery);
            pending.filter(|delivery| delivery.status == DeliveryStatus::Pending).map(|delivery| delivery.due_at).min()
        })
    }

    async fn delivery(&self, organization: Option<OrganizationId>, id: DeliveryId) -> Result<Option<WebhookDelivery>> {
        self.with(|t| {
            let found = t.webhooks.deliveries.get(&id).map(|kept| &kept.delivery);
            found.filter(|delivery| delivery.organization == organization).cloned()
        })
    }

    async fn list_deliveries(
        &self,
        organization: Option<OrganizationId>,
        query: &DeliveryQuery,
    ) -> Result<Page<WebhookDelivery>> {
        self.with(|t| {
            let all = t.webhooks.deliveries.values().rev().map(|kept| &kept.delivery);
            let wanted = all.filter(|delivery| {
                delivery.organization == organization
                    && query.before.is_none_or(|before| delivery.id < before)
                    && query.webhook.is_none_or(|webhook| delivery.webhook == webhook)
                    && query.status.is_none_or(|status| delivery.status == status)
                    && query.name.as_ref().is_none_or(|name| delivery.name == *name)
            });
            Page::cut(wanted.take(query.limit.saturating_add(1)).cloned().collect(), query.limit)
        })
    }

    async fn delete_deliveries_before(&self, before: Timestamp) -> Result<u64> {
        self.with(|t| {
            let count = t.webhooks.deliveries.len();
            t.webhooks.deliveries.retain(|_, kept| kept.delivery.settled_at.is_none_or(|at| at >= before));
            (count - t.webhooks.deliveries.len()) as u64
        })
    }
}
