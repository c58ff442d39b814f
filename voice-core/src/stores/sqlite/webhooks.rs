//! Webhooks, events and deliveries to rows and back. What becomes of sessions and turns is written down by triggers: see the schema.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use uuid::Uuid;

use super::{
    SqliteStore,
    kept::{Document, Kept, at_most},
};
use crate::{
    error::Result,
    id::{DeliveryId, OrganizationId, WebhookId},
    store::{
        DeliveryQuery, DeliveryStatus, Event, Page, Webhook, WebhookDelivery, WebhookLease, WebhookQuery, WebhookStore,
    },
    time::Timestamp,
};

/// How many deliveries are deleted in one transaction.
const DELETE_AT_ONCE: u32 = 1_000;

fn webhook_of(row: &Row<'_>) -> rusqlite::Result<Webhook> {
    row.get::<_, Document<_>>("document").map(|document| document.0)
}

/// The row knows best when it is due: a lease moves that alone.
fn delivery_of(row: &Row<'_>) -> rusqlite::Result<WebhookDelivery> {
    let mut delivery: WebhookDelivery = row.get::<_, Document<_>>("document")?.0;
    delivery.due_at = row.get::<_, Kept<_>>("due_at")?.0;
    Ok(delivery)
}

fn event_of(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        id: row.get::<_, Kept<_>>("id")?.0,
        name: row.get("name")?,
        organization: row.get::<_, Option<Kept<_>>>("organization")?.map(|id| id.0),
        session: row.get::<_, Option<Kept<_>>>("session")?.map(|id| id.0),
        turn: row.get::<_, Option<Kept<_>>>("turn")?.map(|id| id.0),
        at: row.get::<_, Kept<_>>("at")?.0,
        data: row.get::<_, Option<Kept<_>>>("data")?.map(|data| data.0),
    })
}

fn create(connection: &Connection, webhook: &Webhook) -> rusqlite::Result<()> {
    let sql = "INSERT INTO webhooks (id, organization, version, enabled, document) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT DO NOTHING";
    let organization = webhook.organization.map(Kept);
    let values = params![Kept(webhook.id), organization, webhook.version, webhook.enabled, Document(webhook)];
    connection.prepare_cached(sql)?.execute(values).map(|_| ())
}

fn update(connection: &Connection, webhook: &Webhook) -> rusqlite::Result<bool> {
    let sql = "UPDATE webhooks SET version = ?3, enabled = ?4, document = ?5
               WHERE id = ?1 AND organization IS ?2 AND version = ?3 - 1";
    let organization = webhook.organization.map(Kept);
    let values = params![Kept(webhook.id), organization, webhook.version, webhook.enabled, Document(webhook)];
    Ok(connection.prepare_cached(sql)?.execute(values)? > 0)
}

fn list(
    connection: &Connection,
    organization: Option<OrganizationId>,
    query: &WebhookQuery,
) -> rusqlite::Result<Page<Webhook>> {
    let before = if query.before.is_some() { "id < ?2" } else { "?2 IS NULL" };
    let sql = format!("SELECT document FROM webhooks WHERE organization IS ?1 AND {before} ORDER BY id DESC LIMIT ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    let values = params![organization.map(Kept), query.before.map(Kept), at_most(query.limit) + 1];
    let rows = statement.query_map(values, webhook_of)?;
    Ok(Page::cut(rows.collect::<rusqlite::Result<_>>()?, query.limit))
}

fn erase(connection: &Connection, organization: OrganizationId) -> rusqlite::Result<usize> {
    connection.prepare_cached("DELETE FROM webhook_events WHERE organization = ?1")?.execute([Kept(organization)])?;
    connection.prepare_cached("DELETE FROM webhooks WHERE organization = ?1")?.execute([Kept(organization)])
}

fn enqueue(connection: &Connection, event: &Event) -> rusqlite::Result<bool> {
    let organization = event.organization.map(Kept);
    let wanted = connection
        .prepare_cached("SELECT 1 FROM webhooks WHERE organization IS ?1 AND enabled")?
        .exists([&organization])?;
    if wanted {
        let sql = "INSERT INTO webhook_events (id, name, organization, session, turn, at, data)
                   VALUES (?1, ?2, ?3, (SELECT id FROM sessions WHERE id = ?4), ?5, ?6, ?7) ON CONFLICT DO NOTHING";
        connection.prepare_cached(sql)?.execute(params![
            Kept(event.id),
            event.name,
            organization,
            event.session.map(Kept),
            event.turn.map(Kept),
            Kept(event.at),
            event.data.as_ref().map(Kept),
        ])?;
    }
    Ok(wanted)
}

fn spread(connection: &Connection, event: &Event, deliveries: &[WebhookDelivery]) -> rusqlite::Result<()> {
    let taken = connection.prepare_cached("DELETE FROM webhook_events WHERE id = ?1")?.execute([Kept(event.id)])?;
    if taken == 0 {
        return Ok(());
    }
    deliveries.iter().try_for_each(|delivery| insert_delivery(connection, delivery).map(|_| ()))
}

fn insert_delivery(connection: &Connection, delivery: &WebhookDelivery) -> rusqlite::Result<bool> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO webhook_deliveries (id, webhook, organization, event, name, session, status, due_at, document)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
         WHERE EXISTS (SELECT 1 FROM webhooks WHERE id = ?2)
             AND (?6 IS NULL OR EXISTS (SELECT 1 FROM sessions WHERE id = ?6))
         ON CONFLICT DO NOTHING",
    )?;
    let made = insert.execute(params![
        Kept(delivery.id),
        Kept(delivery.webhook),
        delivery.organization.map(Kept),
        Kept(delivery.event),
        delivery.name,
        delivery.session.map(Kept),
        delivery.status.as_str(),
        Kept(delivery.due_at),
        Document(delivery),
    ])?;
    Ok(made > 0)
}

fn lease(connection: &Connection, lease: &WebhookLease) -> rusqlite::Result<Vec<WebhookDelivery>> {
    let (most, now) = (at_most(lease.limit), Kept(lease.now));
    let except: Vec<Kept<WebhookId>> = lease.except.iter().copied().map(Kept).collect();
    let due: Vec<Kept<DeliveryId>> = {
        let mut values: Vec<&dyn ToSql> = vec![&most, &now];
        values.extend(except.iter().map(|webhook| webhook as &dyn ToSql));
        let sql = format!(
            "SELECT id FROM webhook_deliveries WHERE status = 'pending' AND due_at <= ?2 AND webhook NOT IN ({})
             ORDER BY due_at LIMIT ?1",
            vec!["?"; except.len()].join(", ")
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let rows = statement.query_map(values.as_slice(), |row| row.get(0))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    let mut take = connection.prepare_cached(
        "UPDATE webhook_deliveries SET due_at = ?2, holder = ?3 WHERE id = ?1 RETURNING document, due_at",
    )?;
    let taken = due.iter().map(|id| take.query_row(params![id, Kept(lease.until), lease.holder], delivery_of));
    taken.collect()
}

fn settle(connection: &Connection, delivery: &WebhookDelivery, holder: Option<Uuid>) -> rusqlite::Result<bool> {
    let condition =
        if holder.is_some() { "status = 'pending' AND holder = ?2" } else { "status <> 'pending' AND ?2 IS NULL" };
    let sql = format!(
        "UPDATE webhook_deliveries SET status = ?3, due_at = ?4, settled_at = ?5, document = ?6, holder = NULL
         WHERE id = ?1 AND {condition}"
    );
    let changed = connection.prepare_cached(&sql)?.execute(params![
        Kept(delivery.id),
        holder,
        delivery.status.as_str(),
        Kept(delivery.due_at),
        delivery.settled_at.map(Kept),
        Document(delivery),
    ])?;
    Ok(changed > 0)
}

fn list_deliveries(
    connection: &Connection,
    organization: Option<OrganizationId>,
    query: &DeliveryQuery,
) -> rusqlite::Result<Page<WebhookDelivery>> {
    let organization = organization.map(Kept);
    let (webhook, before) = (query.webhook.map(Kept), query.before.map(Kept));
    let (status, limit) = (query.status.map(DeliveryStatus::as_str), at_most(query.limit) + 1);
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":organization", &organization), (":limit", &limit)];
    // The plus sign keeps the planner on the narrower index where there is one.
    let mut conditions =
        vec![if webhook.is_some() { "+organization IS :organization" } else { "organization IS :organization" }];
    if let Some(webhook) = &webhook {
        conditions.push("webhook = :webhook");
        values.push((":webhook", webhook));
    }
    if let Some(status) = &status {
        conditions.push("+status = :status");
        values.push((":status", status));
    }
    if let Some(name) = &query.name {
        conditions.push("name = :name");
        values.push((":name", name));
    }
    if let Some(before) = &before {
        conditions.push("id < :before");
        values.push((":before", before));
    }
    let sql = format!(
        "SELECT document, due_at FROM webhook_deliveries WHERE {} ORDER BY id DESC LIMIT :limit",
        conditions.join(" AND ")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(values.as_slice(), delivery_of)?;
    Ok(Page::cut(rows.collect::<rusqlite::Result<_>>()?, query.limit))
}

fn delete_before(connection: &Connection, before: Timestamp) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM webhook_deliveries WHERE id IN (
                   SELECT id FROM webhook_deliveries WHERE settled_at < ?1 ORDER BY settled_at LIMIT ?2)";
    connection.prepare_cached(sql)?.execute(params![Kept(before), DELETE_AT_ONCE])
}

#[async_trait]
impl WebhookStore for SqliteStore {
    async fn create_webhook(&self, webhook: &Webhook) -> Result<()> {
        let webhook = webhook.clone();
        self.workers.write(move |c| create(c, &webhook)).await
    }

    async fn update_webhook(&self, webhook: &Webhook) -> Result<bool> {
        let webhook = webhook.clone();
        self.workers.write(move |c| update(c, &webhook)).await
    }

    async fn webhook(&self, organization: Option<OrganizationId>, id: WebhookId) -> Result<Option<Webhook>> {
        let find = move |c: &Connection| {
            c.prepare_cached("SELECT document FROM webhooks WHERE id = ?1 AND organization IS ?2")?
                .query_row(params![Kept(id), organization.map(Kept)], webhook_of)
                .optional()
        };
        self.workers.read(find).await
    }

    async fn list_webhooks(&self, organization: Option<OrganizationId>, query: &WebhookQuery) -> Result<Page<Webhook>> {
        let query = *query;
        self.workers.read(move |c| list(c, organization, &query)).await
    }

    async fn delete_webhook(&self, organization: Option<OrganizationId>, id: WebhookId) -> Result<bool> {
        let delete = move |c: &Connection| {
            c.prepare_cached("DELETE FROM webhooks WHERE id = ?1 AND organization IS ?2")?
                .execute(params![Kept(id), organization.map(Kept)])
        };
        Ok(self.workers.write(delete).await? > 0)
    }

    async fn erase_webhooks(&self, organization: OrganizationId) -> Result<u64> {
        Ok(self.workers.write_gone(move |c| erase(c, organization)).await? as u64)
    }

    async fn anybody_listens(&self) -> Result<bool> {
        self.workers.read(|c| c.prepare_cached("SELECT 1 FROM webhooks WHERE enabled")?.exists([])).await
    }

    async fn enqueue(&self, event: &Event) -> Result<bool> {
        let event = event.clone();
        self.workers.write(move |c| enqueue(c, &event)).await
    }

    async fn queued(&self, limit: usize) -> Result<Vec<Event>> {
        let read = move |c: &Connection| {
            let mut statement = c.prepare_cached("SELECT * FROM webhook_events ORDER BY key LIMIT ?1")?;
            statement.query_map([at_most(limit)], event_of)?.collect()
        };
        self.workers.read(read).await
    }

    async fn spread(&self, event: &Event, deliveries: &[WebhookDelivery]) -> Result<()> {
        let (event, deliveries) = (event.clone(), deliveries.to_vec());
        self.workers.write(move |c| spread(c, &event, &deliveries)).await
    }

    async fn create_delivery(&self, delivery: &WebhookDelivery) -> Result<bool> {
        let delivery = delivery.clone();
        self.workers.write(move |c| insert_delivery(c, &delivery)).await
    }

    /// Not on the disk when it returns: a lease that a loss of power undoes is given out again, as one that ran out is.
    async fn lease_deliveries(&self, asked: &WebhookLease) -> Result<Vec<WebhookDelivery>> {
        let asked = asked.clone();
        self.workers.write_passing(move |c| lease(c, &asked)).await
    }

    async fn settle_delivery(&self, delivery: &WebhookDelivery, holder: Option<Uuid>) -> Result<bool> {
        let delivery = delivery.clone();
        self.workers.write(move |c| settle(c, &delivery, holder)).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>> {
        let sql = "SELECT due_at FROM webhook_deliveries WHERE status = 'pending' ORDER BY due_at LIMIT 1";
        let read =
            move |c: &Connection| c.prepare_cached(sql)?.query_row((), |row| row.get::<_, Kept<_>>(0)).optional();
        Ok(self.workers.read(read).await?.map(|at| at.0))
    }

    async fn delivery(&self, organization: Option<OrganizationId>, id: DeliveryId) -> Result<Option<WebhookDelivery>> {
        let find = move |c: &Connection| {
            c.prepare_cached("SELECT document, due_at FROM webhook_deliveries WHERE id = ?1 AND organization IS ?2")?
                .query_row(params![Kept(id), organization.map(Kept)], delivery_of)
                .optional()
        };
        self.workers.read(find).await
    }

    async fn list_deliveries(
        &self,
        organization: Option<OrganizationId>,
        query: &DeliveryQuery,
    ) -> Result<Page<WebhookDelivery>> {
        let query = query.clone();
        self.workers.read(move |c| list_deliveries(c, organization, &query)).await
    }

    async fn delete_deliveries_before(&self, before: Timestamp) -> Result<u64> {
        let mut deleted = 0;
        loop {
            let some = self.workers.write_gone(move |c| delete_before(c, before)).await?;
            deleted += some as u64;
            if some < DELETE_AT_ONCE as usize {
                return Ok(deleted);
            }
        }
    }
}
