//! What makes events into deliveries and delivers them, in the background. Any number of them, in any number of processes, may work on
//! one store: each event is spread once, and each delivery is worked on by one of them at a time.

use std::{collections::HashMap, sync::Arc, time::Duration};

use rand::Rng;
use tokio::{
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    payload,
    schedule::{Outcome, Verdict, judge},
    sender::Sender,
    signature::sign,
};
use crate::{
    config::WebhooksConfig,
    error::{ErrorKind, Result},
    id::WebhookId,
    secret::Secret,
    store::{
        Actor, AuditEntry, AuditLog, ConversationStore, DeliveryAttempt, DeliveryStatus, Event, Outbox, SealedSecret,
        Webhook, WebhookDelivery, WebhookLease, WebhookQuery, WebhookStore, messages_up_to,
    },
    time::{Clock, Timestamp},
};

/// How many attempts are under way at the same time.
const MOST_AT_ONCE: usize = 32;
/// How many of them are to one webhook: a receiver that never answers leaves the rest to others.
const MOST_TO_ONE: usize = 4;
/// How many events are read at once.
const EVENTS_AT_ONCE: usize = 100;
/// How many attempts of a delivery the log keeps.
const ATTEMPTS_KEPT: usize = 50;
/// How much longer than an attempt a delivery is leased: time to write down how it went.
const MARGIN: Duration = Duration::from_secs(30);
/// How long attempts under way may take when the agent closes.
const GRACE: Duration = Duration::from_secs(2);
/// When to look again for what another courier was about to take.
const LATER: Duration = Duration::from_secs(1);
/// How often old deliveries are deleted.
const SWEEP: Duration = Duration::from_secs(3_600);
/// How often a note that the store did not take is made again, and after how long.
const NOTES: u32 = 3;
const NOTE_PAUSE: Duration = Duration::from_millis(200);

/// Opens what signs.
pub(crate) trait Keys: Send + Sync {
    fn open(&self, webhook: &Webhook, secret: &SealedSecret) -> Result<Secret>;
}

/// What the courier works with.
pub(crate) struct Courier {
    pub(crate) webhooks: Arc<dyn WebhookStore>,
    pub(crate) conversations: Arc<dyn ConversationStore>,
    pub(crate) audit: Option<Arc<dyn AuditLog>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) outbox: Outbox,
    pub(crate) options: WebhooksConfig,
}

/// A courier at work.
struct Work {
    courier: Courier,
    sender: Sender,
    /// Who holds what it was leased.
    holder: Uuid,
}

/// The attempts that are under way, and to which webhooks.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<()>,
    to: Vec<(WebhookId, AbortHandle)>,
}

impl UnderWay {
    fn begin(&mut self, webhook: WebhookId, attempt: impl Future<Output = ()> + Send + 'static) {
        self.to.push((webhook, self.tasks.spawn(attempt)));
    }

    /// Lets go of those that are over.
    fn clear(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.to.retain(|(_, attempt)| !attempt.is_finished());
    }

    /// How many more may be begun, whichever of the other webhooks they are to, and the webhooks that have no room for any.
    fn room(&self) -> (usize, Vec<WebhookId>) {
        let mut counts: HashMap<WebhookId, usize> = HashMap::new();
        for (webhook, _) in &self.to {
            *counts.entry(*webhook).or_default() += 1;
        }
        let (full, others): (Vec<_>, Vec<_>) = counts.into_iter().partition(|(_, count)| *count >= MOST_TO_ONE);
        let to_one = MOST_TO_ONE - others.into_iter().map(|(_, count)| count).max().unwrap_or_default();
        let all = MOST_AT_ONCE.saturating_sub(self.to.len());
        (to_one.min(all), full.into_iter().map(|(webhook, _)| webhook).collect())
    }
}

impl Courier {
    /// Works until `closing`; what is under way then may end. `stopped` is cancelled at the end.
    pub(crate) async fn run(self, closing: CancellationToken, stopped: CancellationToken) {
        let _stopped = stopped.drop_guard();
        let (sender, poll) = (Sender::new(self.options), Duration::from_secs_f64(self.options.poll_seconds));
        let work = Arc::new(Work { courier: self, sender, holder: Uuid::now_v7() });
        let (mut under_way, mut swept) = (UnderWay::default(), None);
        while !closing.is_cancelled() {
            let wait = match work.once(&mut under_way, &mut swept).await {
                Ok(wait) => wait.min(poll),
                Err(error) => {
                    if !closing.is_cancelled() {
                        tracing::warn!(code = error.code().as_str(), kind = ?error.kind(), "webhooks cannot be delivered");
                    }
                    poll
                }
            };
            tokio::select! {
                () = closing.cancelled() => {}
                () = work.courier.outbox.rung() => {}
                Some(_) = under_way.tasks.join_next() => {}
                () = sleep(wait) => {}
            }
        }
        // Those that do not end in time are made again once their lease has run out.
        let _unfinished = timeout(GRACE, async { while under_way.tasks.join_next().await.is_some() {} }).await;
    }
}

impl Work {
    /// Spreads what has happened and begins what is due. Gives how long there is nothing more to do.
    async fn once(self: &Arc<Self>, under_way: &mut UnderWay, swept: &mut Option<Instant>) -> Result<Duration> {
        let store = &self.courier.webhooks;
        self.courier.outbox.listened_to(store.anybody_listens().await?);
        self.spread().await?;
        if swept.is_none_or(|at| at.elapsed() >= SWEEP) {
            let keep = Duration::from_secs_f64(self.courier.options.keep_days * 86_400.0);
            let before = self.courier.clock.now().checked_sub(keep).unwrap_or(Timestamp::MIN);
            store.delete_deliveries_before(before).await?;
            *swept = Some(Instant::now());
        }
        loop {
            under_way.clear();
            let (room, full) = under_way.room();
            let now = self.courier.clock.now();
            let wait = match store.next_due().await? {
                // The end of one that is under way begins the next.
                _ if room == 0 => return Ok(Duration::MAX),
                None => return Ok(Duration::MAX),
                Some(due) => Duration::try_from(due.duration_since(now)).unwrap_or_default(),
            };
            if !wait.is_zero() {
                return Ok(wait);
            }
            let until = now.checked_add(self.sender.timeout() + MARGIN).unwrap_or(Timestamp::MAX);
            let mut lease = WebhookLease::new(self.holder, now, until, room);
            lease.except = full;
            let given = store.lease_deliveries(&lease).await?;
            if given.is_empty() {
                // What is due waits for the end of one to the same webhook, or another courier is about to take it.
                return Ok(LATER);
            }
            for delivery in given {
                under_way.begin(delivery.webhook, Arc::clone(self).deliver(delivery));
            }
        }
    }

    /// Makes every event that waits into a delivery for each webhook that wants it.
    async fn spread(&self) -> Result<()> {
        loop {
            let events = self.courier.webhooks.queued(EVENTS_AT_ONCE).await?;
            for event in &events {
                let deliveries = self.deliveries_of(event).await?;
                self.courier.webhooks.spread(event, &deliveries).await?;
            }
            if events.len() < EVENTS_AT_ONCE {
                return Ok(());
            }
        }
    }

    async fn deliveries_of(&self, event: &Event) -> Result<Vec<WebhookDelivery>> {
        let (mut deliveries, mut body) = (Vec::new(), None::<String>);
        let mut query = WebhookQuery::newest(100);
        loop {
            let page = self.courier.webhooks.list_webhooks(event.organization, &query).await?;
            query.before = page.items.last().map(|webhook| webhook.id);
            for webhook in page.items.iter().filter(|webhook| webhook.wants(&event.name)) {
                let body = match &mut body {
                    Some(body) => body,
                    none => match self.tell(event).await? {
                        Some(written) => none.insert(written),
                        // Its session was deleted.
                        None => return Ok(Vec::new()),
                    },
                };
                deliveries.push(WebhookDelivery::new(webhook, event, body.as_str(), self.courier.clock.now()));
            }
            if !page.has_more {
                return Ok(deliveries);
            }
        }
    }

    /// What is sent of an event. `None`: there is nothing to tell any more.
    async fn tell(&self, event: &Event) -> Result<Option<String>> {
        if let Some(data) = &event.data {
            return payload::body(event, data).map(Some);
        }
        let store = &self.courier.conversations;
        let Some(id) = event.session else { return Ok(None) };
        let Some(session) = store.session(id).await? else { return Ok(None) };
        let mut data = payload::of_session(&event.name, &session);
        if let Some(turn) = event.turn {
            let said = messages_up_to(&**store, id, turn, 0, |_| true).await?;
            payload::of_turn(&mut data, event, &said);
        }
        payload::body(event, &data).map(Some)
    }

    /// Makes one attempt, and writes down how it went.
    async fn deliver(self: Arc<Self>, mut delivery: WebhookDelivery) {
        let (at, begun) = (self.courier.clock.now(), Instant::now());
        let webhook = match self.courier.webhooks.webhook(delivery.organization, delivery.webhook).await {
            Ok(webhook) => webhook,
            Err(error) => {
                tracing::warn!(code = error.code().as_str(), delivery = %delivery.id, "a webhook could not be read");
                return;
            }
        };
        let outcome = match &webhook {
            Some(webhook) => self.attempt(webhook, &delivery, at).await,
            None => Outcome::Refused("the webhook was deleted".into()),
        };
        delivery.tries = delivery.tries.saturating_add(1);
        let verdict = judge(&outcome, delivery.tries, &self.courier.options, rand::rng().random());
        let (status, error) = match outcome {
            Outcome::Answered(status, _) => (Some(status), (verdict != Verdict::Delivered).then(|| said(status))),
            Outcome::Broken(why) | Outcome::Refused(why) => (None, Some(why)),
        };
        let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        delivery.attempts.push(DeliveryAttempt::new(at, status, took, error));
        let surplus = delivery.attempts.len().saturating_sub(ATTEMPTS_KEPT);
        delivery.attempts.drain(..surplus);
        let now = self.courier.clock.now();
        match verdict {
            Verdict::Again(wait) => delivery.due_at = now.checked_add(wait).unwrap_or(Timestamp::MAX),
            Verdict::Delivered => delivery.status = DeliveryStatus::Delivered,
            Verdict::Failed | Verdict::Gone => delivery.status = DeliveryStatus::Failed,
        }
        if delivery.status != DeliveryStatus::Pending {
            (delivery.due_at, delivery.settled_at) = (at, Some(now));
        }
        if delivery.status == DeliveryStatus::Failed {
            tracing::warn!(webhook = %delivery.webhook, delivery = %delivery.id, status, "a webhook was not delivered");
        }
        // First the webhook: should the process end here, the delivery is met again, and fails again.
        if let (Verdict::Gone, Some(webhook)) = (verdict, webhook) {
            self.disable(webhook).await;
        }
        self.note(&delivery).await;
    }

    async fn attempt(&self, webhook: &Webhook, delivery: &WebhookDelivery, at: Timestamp) -> Outcome {
        if !webhook.enabled {
            return Outcome::Refused("the webhook is disabled".into());
        }
        let (id, seconds) = (delivery.id.to_string(), at.as_second());
        let valid = webhook.secrets.iter().filter(|secret| secret.until.is_none_or(|until| at < until));
        let signatures: Result<Vec<String>> = valid
            .map(|secret| sign(&self.courier.keys.open(webhook, secret)?, &id, seconds, delivery.body.as_bytes()))
            .collect();
        let signature = match signatures {
            Ok(signatures) => signatures.join(" "),
            // Wrong only until the host has the right key again.
            Err(error) => return Outcome::Broken(error.message().to_owned()),
        };
        let headers =
            [("webhook-id", id), ("webhook-timestamp", seconds.to_string()), ("webhook-signature", signature)];
        self.sender.post(&webhook.url, headers, delivery.body.clone()).await
    }

    /// Writes down how an attempt went. What cannot be written down is delivered again, under the same id.
    async fn note(&self, delivery: &WebhookDelivery) {
        for tried in 1.. {
            match self.courier.webhooks.settle_delivery(delivery, Some(self.holder)).await {
                Err(error) if error.retryable() && tried < NOTES => sleep(NOTE_PAUSE).await,
                Err(error) => {
                    tracing::warn!(code = error.code().as_str(), delivery = %delivery.id, "an attempt could not be noted");
                    return;
                }
                Ok(noted) => {
                    tracing::debug!(delivery = %delivery.id, status = delivery.status.as_str(), noted, "a delivery was tried");
                    return;
                }
            }
        }
    }

    /// Disables a webhook whose receiver is gone for good.
    async fn disable(&self, mut webhook: Webhook) {
        let (now, id, organization) = (self.courier.clock.now(), webhook.id, webhook.organization);
        let disable = async {
            loop {
                webhook.version += 1;
                (webhook.enabled, webhook.updated_at) = (false, now);
                webhook.disabled_because = Some("the receiver answered 410 Gone".into());
                if self.courier.webhooks.update_webhook(&webhook).await? {
                    break;
                }
                // Somebody else has changed it.
                match self.courier.webhooks.webhook(organization, id).await? {
                    Some(present) if present.enabled => webhook = present,
                    _ => return Ok(()),
                }
            }
            if let Some(log) = &self.courier.audit {
                let entry = AuditEntry::new(now, organization, Actor::Host, "webhook.disable", id.to_string());
                log.append(&[entry]).await?;
            }
            tracing::warn!(webhook = %id, "a webhook was disabled: its receiver answered 410");
            Ok(())
        };
        let outcome: Result<()> = disable.await;
        if let Err(error) = outcome
            && error.kind() != ErrorKind::Closed
        {
            tracing::warn!(code = error.code().as_str(), webhook = %id, "a webhook could not be disabled");
        }
    }
}

/// What an answer that is no success means.
fn said(status: u16) -> String {
    match status {
        300..=399 => format!("answered {status}: redirects are not followed"),
        410 => "answered 410: the receiver is gone".into(),
        _ => format!("answered {status}"),
    }
}
