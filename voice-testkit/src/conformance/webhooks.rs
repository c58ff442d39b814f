//! The cases of a store of webhooks that keeps conversations as well.

use std::{collections::HashSet, sync::Arc};

use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;
use voice_core::{
    ConversationStore, OrganizationId, Session,
    id::WebhookId,
    store::{
        DeliveryAttempt, DeliveryQuery, DeliveryStatus, Event, Owner, SealedSecret, Webhook, WebhookDelivery,
        WebhookLease, WebhookQuery, WebhookStore,
    },
};

use super::{Case, Outcome, cases, steps::*, told};

/// A store that keeps conversations, and webhooks that are told what becomes of them.
pub trait TellingStore: ConversationStore + WebhookStore {}

impl<S: ConversationStore + WebhookStore> TellingStore for S {}

type Telling = Arc<dyn TellingStore>;

/// What every [`TellingStore`] must do.
pub const WEBHOOKS: &[Case<dyn TellingStore>] = cases![
    a_webhook_comes_back_as_it_was_created,
    a_change_makes_the_next_version_and_one_of_several_at_once,
    webhooks_are_listed_newest_first_within_their_organization,
    an_event_is_queued_where_a_webhook_is_enabled,
    what_becomes_of_a_session_is_queued_with_the_change,
    nothing_is_queued_of_a_change_that_was_not_made,
    nothing_is_queued_where_nobody_listens,
    an_event_is_spread_once,
    a_due_delivery_is_leased_to_one_asker,
    a_webhook_that_is_left_out_keeps_no_other_waiting,
    what_was_not_settled_is_leased_again_when_the_lease_is_over,
    only_the_holder_settles_a_delivery,
    a_settled_delivery_can_be_asked_for_again,
    deliveries_are_listed_newest_first_and_by_what_is_asked,
    a_delivery_is_not_reached_from_another_organization,
    a_webhook_goes_with_its_deliveries,
    a_session_goes_with_what_is_told_of_it,
    erasing_takes_the_webhooks_of_the_organization,
    old_deliveries_are_deleted_and_pending_ones_stay,
];

fn webhook(organization: Option<OrganizationId>) -> Webhook {
    let mut webhook = Webhook::new(
        WebhookId::new(),
        organization,
        "https://example.org/räin?☔",
        SealedSecret::new("c2VhbGVk"),
        at(1),
    );
    webhook.events = ["session.*".to_owned(), "turn.completed".to_owned()].into();
    webhook.description = "Bäcker".into();
    webhook
}

async fn kept(store: &Telling, organization: Option<OrganizationId>) -> Result<Webhook, String> {
    let webhook = webhook(organization);
    store.create_webhook(&webhook).await.map_err(|e| told(&e))?;
    Ok(webhook)
}

fn event(organization: Option<OrganizationId>) -> Event {
    Event::new("action.detected", organization, object(json!({"kind": "refill", "räin": [null, 1.5]})), at(3))
}

async fn queued(store: &Telling) -> Result<Vec<Event>, String> {
    store.queued(100).await.map_err(|e| told(&e))
}

async fn names(store: &Telling) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = queued(store).await?.into_iter().map(|event| event.name).collect();
    names.sort_unstable();
    Ok(names)
}

async fn clear(store: &Telling) -> Outcome {
    for event in queued(store).await? {
        store.spread(&event, &[]).await.map_err(|e| told(&e))?;
    }
    Ok(())
}

/// A delivery that is due at a second.
async fn delivery(store: &Telling, webhook: &Webhook, seconds: i64) -> Result<WebhookDelivery, String> {
    let delivery = WebhookDelivery::new(webhook, &event(webhook.organization), "{\"räin\":1}", at(seconds));
    let made = store.create_delivery(&delivery).await.map_err(|e| told(&e))?;
    holds("the delivery was made", made)?;
    Ok(delivery)
}

async fn lease(store: &Telling, holder: Uuid, now: i64, until: i64) -> Result<Vec<WebhookDelivery>, String> {
    let lease = WebhookLease::new(holder, at(now), at(until), 10);
    store.lease_deliveries(&lease).await.map_err(|e| told(&e))
}

async fn settle(store: &Telling, delivery: &WebhookDelivery, holder: Option<Uuid>) -> Result<bool, String> {
    store.settle_delivery(delivery, holder).await.map_err(|e| told(&e))
}

fn delivered(delivery: &WebhookDelivery, seconds: i64) -> WebhookDelivery {
    let mut delivered = delivery.clone();
    delivered.status = DeliveryStatus::Delivered;
    (delivered.due_at, delivered.settled_at, delivered.tries) = (at(seconds), Some(at(seconds)), 1);
    delivered.attempts.push(DeliveryAttempt::new(at(seconds), Some(204), 12, None));
    delivered
}

async fn found(store: &Telling, delivery: &WebhookDelivery) -> Result<Option<WebhookDelivery>, String> {
    store.delivery(delivery.organization, delivery.id).await.map_err(|e| told(&e))
}

async fn listed(
    store: &Telling,
    organization: Option<OrganizationId>,
    query: &DeliveryQuery,
) -> Result<Vec<WebhookDelivery>, String> {
    Ok(store.list_deliveries(organization, query).await.map_err(|e| told(&e))?.items)
}

/// Bodies are left out of what is told, so both are compared whole.
fn is(what: &str, found: Option<&WebhookDelivery>, expected: Option<&WebhookDelivery>) -> Outcome {
    holds(&format!("{what} is as expected: {found:?}"), found == expected)
}

async fn a_webhook_comes_back_as_it_was_created(store: Telling) -> Outcome {
    for organization in [None, Some(OrganizationId::new())] {
        let webhook = kept(&store, organization).await?;
        let mut other = webhook.clone();
        other.url = "https://example.net".into();
        store.create_webhook(&other).await.map_err(|e| told(&e))?;
        let found = store.webhook(organization, webhook.id).await.map_err(|e| told(&e))?;
        holds("it is as it was created", found.as_ref() == Some(&webhook))?;
        let elsewhere = store.webhook(Some(OrganizationId::new()), webhook.id).await.map_err(|e| told(&e))?;
        holds("another organization does not find it", elsewhere.is_none())?;
        let unknown = store.webhook(organization, WebhookId::new()).await.map_err(|e| told(&e))?;
        holds("an unknown id finds nothing", unknown.is_none())?;
    }
    Ok(())
}

async fn a_change_makes_the_next_version_and_one_of_several_at_once(store: Telling) -> Outcome {
    let mut webhook = kept(&store, None).await?;
    webhook.version = 2;
    webhook.enabled = false;
    let changes = join_all((0..5).map(|_| store.update_webhook(&webhook))).await;
    let made = changes.into_iter().collect::<Result<Vec<_>, _>>().map_err(|e| told(&e))?;
    same("changes that were made", made.into_iter().filter(|made| *made).count(), 1)?;
    let found = store.webhook(None, webhook.id).await.map_err(|e| told(&e))?;
    holds("it is as it was changed", found.as_ref() == Some(&webhook))?;
    webhook.version = 3;
    webhook.organization = Some(OrganizationId::new());
    same("another organization's change", store.update_webhook(&webhook).await.map_err(|e| told(&e))?, false)
}

async fn webhooks_are_listed_newest_first_within_their_organization(store: Telling) -> Outcome {
    let organization = Some(OrganizationId::new());
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(0, kept(&store, organization).await?.id);
        kept(&store, None).await?;
    }
    let mut query = WebhookQuery::newest(2);
    let first = store.list_webhooks(organization, &query).await.map_err(|e| told(&e))?;
    same("the first page", first.items.iter().map(|w| w.id).collect::<Vec<_>>(), ids[..2].to_vec())?;
    same("there is more", first.has_more, true)?;
    query.before = Some(ids[1]);
    let second = store.list_webhooks(organization, &query).await.map_err(|e| told(&e))?;
    same("the second page", second.items.iter().map(|w| w.id).collect::<Vec<_>>(), ids[2..].to_vec())
}

async fn an_event_is_queued_where_a_webhook_is_enabled(store: Telling) -> Outcome {
    let (mine, other) = (Some(OrganizationId::new()), Some(OrganizationId::new()));
    same("anybody listens", store.anybody_listens().await.map_err(|e| told(&e))?, false)?;
    let webhook = kept(&store, mine).await?;
    same("somebody listens", store.anybody_listens().await.map_err(|e| told(&e))?, true)?;
    let event = event(mine);
    for _ in 0..2 {
        same("it is queued", store.enqueue(&event).await.map_err(|e| told(&e))?, true)?;
    }
    holds("it is there once, as it was", queued(&store).await? == [event.clone()])?;
    clear(&store).await?;
    for organization in [None, other] {
        let mut event = event.clone();
        event.organization = organization;
        same("nobody listens there", store.enqueue(&event).await.map_err(|e| told(&e))?, false)?;
    }
    let mut disabled = webhook;
    (disabled.version, disabled.enabled) = (2, false);
    store.update_webhook(&disabled).await.map_err(|e| told(&e))?;
    same("anybody listens still", store.anybody_listens().await.map_err(|e| told(&e))?, false)?;
    same("a disabled one does not listen", store.enqueue(&event).await.map_err(|e| told(&e))?, false)?;
    same("what is queued", queued(&store).await?.len(), 0)
}

async fn what_becomes_of_a_session_is_queued_with_the_change(store: Telling) -> Outcome {
    let organization = Some(OrganizationId::new());
    kept(&store, organization).await?;
    let in_it = |mut session: Session| {
        session.organization = organization;
        session
    };
    let (created, begun) = (in_it(session_at(0)), in_it(session_at(1)));
    store.create_session(&created).await.map_err(|e| told(&e))?;
    same("created", names(&store).await?, vec!["session.started".to_owned()])?;
    clear(&store).await?;
    let record = turn(&begun, 2, "rain");
    store.save_turn(&record).await.map_err(|e| told(&e))?;
    same("begun by a turn", names(&store).await?, vec!["session.started".to_owned(), "turn.completed".to_owned()])?;
    let events = queued(&store).await?;
    let of_turn = events.iter().find(|event| event.name == "turn.completed").ok_or("no event of the turn")?;
    same("its turn", of_turn.turn, Some(record.turn_id))?;
    same("its session", of_turn.session, Some(begun.id))?;
    same("its organization", of_turn.organization, organization)?;
    same("its time", of_turn.at, at(2))?;
    holds("what is told of it is left open", of_turn.data.is_none())?;
    let ids: HashSet<_> = events.iter().map(|event| event.id).collect();
    same("ids", ids.len(), 2)?;
    clear(&store).await?;
    store.save_turn(&turn(&begun, 3, "sun")).await.map_err(|e| told(&e))?;
    same("gone on with", names(&store).await?, vec!["turn.completed".to_owned()])?;
    clear(&store).await?;
    store.end_session(created.id, at(5)).await.map_err(|e| told(&e))?;
    let ended = queued(&store).await?;
    same("ended", ended.iter().map(|e| (e.name.as_str(), e.at)).collect(), vec![("session.ended", at(5))])?;
    clear(&store).await?;
    store.expire_idle(at(100), at(200)).await.map_err(|e| told(&e))?;
    let expired = queued(&store).await?;
    same("expired", expired.iter().map(|e| (e.session, e.at)).collect(), vec![(Some(begun.id), at(200))])
}

async fn nothing_is_queued_of_a_change_that_was_not_made(store: Telling) -> Outcome {
    kept(&store, None).await?;
    let session = session_at(0);
    let record = turn(&session, 1, "rain");
    store.save_turn(&record).await.map_err(|e| told(&e))?;
    store.end_session(session.id, at(2)).await.map_err(|e| told(&e))?;
    clear(&store).await?;
    store.create_session(&session).await.map_err(|e| told(&e))?;
    store.save_turn(&record).await.map_err(|e| told(&e))?;
    store.end_session(session.id, at(3)).await.map_err(|e| told(&e))?;
    store.expire_idle(at(100), at(200)).await.map_err(|e| told(&e))?;
    same("what is queued", names(&store).await?, Vec::<String>::new())
}

async fn nothing_is_queued_where_nobody_listens(store: Telling) -> Outcome {
    kept(&store, Some(OrganizationId::new())).await?;
    let session = session_at(0);
    store.create_session(&session).await.map_err(|e| told(&e))?;
    store.save_turn(&turn(&session, 1, "rain")).await.map_err(|e| told(&e))?;
    store.expire_idle(at(100), at(200)).await.map_err(|e| told(&e))?;
    same("what is queued", names(&store).await?, Vec::<String>::new())
}

async fn an_event_is_spread_once(store: Telling) -> Outcome {
    let (one, two) = (kept(&store, None).await?, kept(&store, None).await?);
    let session = session_at(0);
    store.create_session(&session).await.map_err(|e| told(&e))?;
    store.enqueue(&event(None).in_session(session.id)).await.map_err(|e| told(&e))?;
    for event in queued(&store).await? {
        // Several read the event before any has spread it, and each makes deliveries of its own.
        let spread = join_all((0..4).map(|_| async {
            let made = [&one, &two].map(|webhook| WebhookDelivery::new(webhook, &event, "{}", at(9)));
            store.spread(&event, &made).await
        }));
        spread.await.into_iter().collect::<Result<Vec<()>, _>>().map_err(|e| told(&e))?;
    }
    let made = listed(&store, None, &DeliveryQuery::default()).await?;
    let told: HashSet<_> = made.iter().map(|delivery| (delivery.event, delivery.webhook)).collect();
    same("deliveries", (made.len(), told.len()), (4, 4))?;
    same("what is queued", queued(&store).await?.len(), 0)
}

async fn a_due_delivery_is_leased_to_one_asker(store: Telling) -> Outcome {
    let webhook = kept(&store, None).await?;
    let (late, early) = (delivery(&store, &webhook, 20).await?, delivery(&store, &webhook, 10).await?);
    let later = delivery(&store, &webhook, 31).await?;
    let next = store.next_due().await.map_err(|e| told(&e))?;
    same("the next is due", next, Some(at(10)))?;
    holds("before that nothing is given", lease(&store, Uuid::now_v7(), 9, 60).await?.is_empty())?;
    let asked = join_all((0..4).map(|_| lease(&store, Uuid::now_v7(), 30, 60))).await;
    let given: Vec<Vec<WebhookDelivery>> = asked.into_iter().collect::<Result<_, _>>()?;
    let mut ids: Vec<_> = given.iter().flatten().map(|delivery| delivery.id).collect();
    ids.sort_unstable();
    let mut expected = vec![late.id, early.id];
    expected.sort_unstable();
    same("each is given once", ids, expected)?;
    holds("until the end of the lease", given.iter().flatten().all(|delivery| delivery.due_at == at(60)))?;
    same("the next is due", store.next_due().await.map_err(|e| told(&e))?, Some(at(31)))?;
    let rest = lease(&store, Uuid::now_v7(), 40, 70).await?;
    same("the rest", rest.iter().map(|delivery| delivery.id).collect(), vec![later.id])
}

async fn a_webhook_that_is_left_out_keeps_no_other_waiting(store: Telling) -> Outcome {
    let mut full = Vec::new();
    for _ in 0..2 {
        let webhook = kept(&store, None).await?;
        delivery(&store, &webhook, 10).await?;
        full.push(webhook.id);
    }
    let made = delivery(&store, &kept(&store, None).await?, 20).await?;
    let mut asked = WebhookLease::new(Uuid::now_v7(), at(30), at(60), 1);
    asked.except = full;
    for expected in [vec![made.id], vec![]] {
        let given = store.lease_deliveries(&asked).await.map_err(|e| told(&e))?;
        same("what is given", given.iter().map(|delivery| delivery.id).collect(), expected)?;
    }
    same("the others are due as before", store.next_due().await.map_err(|e| told(&e))?, Some(at(10)))?;
    same("without an exception", lease(&store, Uuid::now_v7(), 30, 60).await?.len(), 2)
}

async fn what_was_not_settled_is_leased_again_when_the_lease_is_over(store: Telling) -> Outcome {
    let webhook = kept(&store, None).await?;
    let made = delivery(&store, &webhook, 10).await?;
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    same("leased", lease(&store, first, 10, 60).await?.len(), 1)?;
    same("still leased", lease(&store, second, 59, 90).await?.len(), 0)?;
    same("leased again", lease(&store, second, 60, 90).await?.len(), 1)?;
    same("the first is too late", settle(&store, &delivered(&made, 61), Some(first)).await?, false)?;
    same("the second settles", settle(&store, &delivered(&made, 62), Some(second)).await?, true)
}

async fn only_the_holder_settles_a_delivery(store: Telling) -> Outcome {
    let webhook = kept(&store, None).await?;
    let (made, holder) = (delivery(&store, &webhook, 10).await?, Uuid::now_v7());
    let done = delivered(&made, 20);
    same("before it is leased", settle(&store, &done, Some(holder)).await?, false)?;
    same("without a holder", settle(&store, &done, None).await?, false)?;
    lease(&store, holder, 10, 60).await?;
    same("by somebody else", settle(&store, &done, Some(Uuid::now_v7())).await?, false)?;
    same("by the holder", settle(&store, &done, Some(holder)).await?, true)?;
    same("again", settle(&store, &done, Some(holder)).await?, false)?;
    is("the delivery", found(&store, &made).await?.as_ref(), Some(&done))?;
    same("nothing is due", store.next_due().await.map_err(|e| told(&e))?, None)?;
    holds("nothing is given", lease(&store, holder, 100, 200).await?.is_empty())
}

async fn a_settled_delivery_can_be_asked_for_again(store: Telling) -> Outcome {
    let webhook = kept(&store, None).await?;
    let (made, holder) = (delivery(&store, &webhook, 10).await?, Uuid::now_v7());
    lease(&store, holder, 10, 60).await?;
    let mut again = delivered(&made, 20);
    settle(&store, &again, Some(holder)).await?;
    (again.status, again.due_at, again.settled_at, again.tries) = (DeliveryStatus::Pending, at(30), None, 0);
    same("asked for again", settle(&store, &again, None).await?, true)?;
    same("it is pending", settle(&store, &again, None).await?, false)?;
    is("the delivery", found(&store, &made).await?.as_ref(), Some(&again))?;
    same("it is given", lease(&store, holder, 30, 90).await?.len(), 1)
}

async fn deliveries_are_listed_newest_first_and_by_what_is_asked(store: Telling) -> Outcome {
    let (one, two) = (kept(&store, None).await?, kept(&store, None).await?);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(0, delivery(&store, &one, 10).await?.id);
    }
    let other = delivery(&store, &two, 90).await?;
    let mut query = DeliveryQuery::default();
    query.limit = 2;
    query.webhook = Some(one.id);
    let page = store.list_deliveries(None, &query).await.map_err(|e| told(&e))?;
    same("the first page", page.items.iter().map(|d| d.id).collect::<Vec<_>>(), ids[..2].to_vec())?;
    same("there is more", page.has_more, true)?;
    query.before = Some(ids[1]);
    let page = store.list_deliveries(None, &query).await.map_err(|e| told(&e))?;
    same("the second page", page.items.iter().map(|d| d.id).collect::<Vec<_>>(), ids[2..].to_vec())?;
    let holder = Uuid::now_v7();
    for leased in lease(&store, holder, 10, 60).await? {
        settle(&store, &delivered(&leased, 20), Some(holder)).await?;
    }
    let mut query = DeliveryQuery::default();
    query.status = Some(DeliveryStatus::Delivered);
    same("delivered", listed(&store, None, &query).await?.len(), 3)?;
    query.status = Some(DeliveryStatus::Pending);
    same("pending", listed(&store, None, &query).await?.iter().map(|d| d.id).collect::<Vec<_>>(), vec![other.id])?;
    let mut query = DeliveryQuery::default();
    query.name = Some("action.detected".into());
    same("by its name", listed(&store, None, &query).await?.len(), 4)?;
    query.name = Some("action".into());
    same("by another name", listed(&store, None, &query).await?.len(), 0)
}

async fn a_delivery_is_not_reached_from_another_organization(store: Telling) -> Outcome {
    let mine = Some(OrganizationId::new());
    let webhook = kept(&store, mine).await?;
    let made = delivery(&store, &webhook, 10).await?;
    is("it is there", found(&store, &made).await?.as_ref(), Some(&made))?;
    for other in [None, Some(OrganizationId::new())] {
        let elsewhere = store.delivery(other, made.id).await.map_err(|e| told(&e))?;
        is("from another organization", elsewhere.as_ref(), None)?;
        same("in another list", listed(&store, other, &DeliveryQuery::default()).await?.len(), 0)?;
        let mut query = DeliveryQuery::default();
        query.webhook = Some(webhook.id);
        same("in another list, by its webhook", listed(&store, other, &query).await?.len(), 0)?;
        same("deleted", store.delete_webhook(other, webhook.id).await.map_err(|e| told(&e))?, false)?;
    }
    Ok(())
}

async fn a_webhook_goes_with_its_deliveries(store: Telling) -> Outcome {
    let (gone, stays) = (kept(&store, None).await?, kept(&store, None).await?);
    let (with_it, without) = (delivery(&store, &gone, 10).await?, delivery(&store, &stays, 10).await?);
    same("deleted", store.delete_webhook(None, gone.id).await.map_err(|e| told(&e))?, true)?;
    same("deleted again", store.delete_webhook(None, gone.id).await.map_err(|e| told(&e))?, false)?;
    is("its delivery", found(&store, &with_it).await?.as_ref(), None)?;
    is("another's delivery", found(&store, &without).await?.as_ref(), Some(&without))?;
    let late = WebhookDelivery::new(&gone, &event(None), "{}", at(10));
    same("one that comes too late", store.create_delivery(&late).await.map_err(|e| told(&e))?, false)
}

async fn a_session_goes_with_what_is_told_of_it(store: Telling) -> Outcome {
    let webhook = kept(&store, None).await?;
    let mut session = session_at(0);
    session.user = Some("ada".into());
    for erase in [false, true] {
        store.create_session(&session).await.map_err(|e| told(&e))?;
        let started = queued(&store).await?.pop().ok_or("nothing is queued")?;
        let made = WebhookDelivery::new(&webhook, &started, "{}", at(10));
        store.spread(&started, std::slice::from_ref(&made)).await.map_err(|e| told(&e))?;
        holds("it is to be delivered", found(&store, &made).await?.is_some())?;
        let own = event(None).in_session(session.id);
        store.enqueue(&own).await.map_err(|e| told(&e))?;
        holds("it is of the session", queued(&store).await? == [own])?;
        if erase {
            let owner = Owner::User { organization: None, user: "ada".into() };
            store.erase(&owner).await.map_err(|e| told(&e))?;
        } else {
            store.delete_session(session.id).await.map_err(|e| told(&e))?;
        }
        same("what is queued", queued(&store).await?.len(), 0)?;
        is("the delivery", found(&store, &made).await?.as_ref(), None)?;
        let unknown = event(None).in_session(session.id);
        store.enqueue(&unknown).await.map_err(|e| told(&e))?;
        same("a session that is gone", queued(&store).await?.iter().map(|e| e.session).collect(), vec![None])?;
        clear(&store).await?;
    }
    Ok(())
}

async fn erasing_takes_the_webhooks_of_the_organization(store: Telling) -> Outcome {
    let (mine, other) = (OrganizationId::new(), Some(OrganizationId::new()));
    let webhook = kept(&store, Some(mine)).await?;
    kept(&store, Some(mine)).await?;
    let stays = kept(&store, other).await?;
    let made = delivery(&store, &webhook, 10).await?;
    store.enqueue(&event(Some(mine))).await.map_err(|e| told(&e))?;
    same("erased", store.erase_webhooks(mine).await.map_err(|e| told(&e))?, 2)?;
    same("erased again", store.erase_webhooks(mine).await.map_err(|e| told(&e))?, 0)?;
    is("the delivery", found(&store, &made).await?.as_ref(), None)?;
    same("what is queued", queued(&store).await?.len(), 0)?;
    holds("another stays", store.webhook(other, stays.id).await.map_err(|e| told(&e))?.is_some())
}

async fn old_deliveries_are_deleted_and_pending_ones_stay(store: Telling) -> Outcome {
    let webhook = kept(&store, None).await?;
    let holder = Uuid::now_v7();
    for seconds in [10, 20] {
        delivery(&store, &webhook, seconds).await?;
        for leased in lease(&store, holder, seconds, 60).await? {
            settle(&store, &delivered(&leased, seconds), Some(holder)).await?;
        }
    }
    let pending = delivery(&store, &webhook, 1).await?;
    same("deleted", store.delete_deliveries_before(at(20)).await.map_err(|e| told(&e))?, 1)?;
    same("deleted again", store.delete_deliveries_before(at(20)).await.map_err(|e| told(&e))?, 0)?;
    is("the pending one", found(&store, &pending).await?.as_ref(), Some(&pending))?;
    same("what is left", listed(&store, None, &DeliveryQuery::default()).await?.len(), 2)
}
