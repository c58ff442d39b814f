//! Webhooks, events and deliveries to rows and back, each call one statement. What becomes of sessions and turns is written down by
//! triggers: see the schema.

use async_trait::async_trait;
use deadpool_postgres::Object;
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};
use uuid::Uuid;

use super::{
    PostgresStore,
    kept::{at_most, moment},
    rows::{Result as SqlResult, changed},
};
use crate::{
    error::Result,
    id::{DeliveryId, EventId, OrganizationId, SessionId, TurnId, WebhookId},
    store::{
        DeliveryQuery, DeliveryStatus, Event, Page, Webhook, WebhookDelivery, WebhookLease, WebhookQuery, WebhookStore,
    },
    stores::text,
    time::Timestamp,
};

/// How many deliveries are deleted by one statement.
const DELETE_AT_ONCE: i64 = 1_000;

fn webhook_of(row: &Row) -> SqlResult<Webhook> {
    row.try_get::<_, Json<_>>(0).map(|document| document.0)
}

/// The row knows best when it is due: a lease moves that alone.
fn delivery_of(row: &Row) -> SqlResult<WebhookDelivery> {
    let mut delivery: WebhookDelivery = row.try_get::<_, Json<_>>(0)?.0;
    delivery.due_at = row.try_get(1)?;
    Ok(delivery)
}

fn event_of(row: &Row) -> SqlResult<Event> {
    Ok(Event {
        id: EventId::from_uuid(row.try_get(0)?),
        name: text::read(row.try_get(1)?),
        organization: row.try_get::<_, Option<Uuid>>(2)?.map(OrganizationId::from_uuid),
        session: row.try_get::<_, Option<Uuid>>(3)?.map(SessionId::from_uuid),
        turn: row.try_get::<_, Option<Uuid>>(4)?.map(TurnId::from_uuid),
        at: row.try_get(5)?,
        data: row.try_get::<_, Option<Json<_>>>(6)?.map(|data| data.0),
    })
}

/// The condition that something belongs to `$1`, in a form that an index serves.
fn belongs(organization: Option<OrganizationId>) -> &'static str {
    if organization.is_some() { "organization = $1" } else { "organization IS NULL AND $1::uuid IS NULL" }
}

async fn rows<T>(
    client: &Object,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
    read: fn(&Row) -> SqlResult<T>,
) -> SqlResult<Vec<T>> {
    let statement = client.prepare_cached(sql).await?;
    client.query(&statement, values).await?.iter().map(read).collect()
}

async fn erase(client: &Object, organization: OrganizationId) -> SqlResult<u64> {
    let sql = "WITH events AS (DELETE FROM webhook_events WHERE organization = $1)
               DELETE FROM webhooks WHERE organization = $1";
    changed(client, sql, &[&organization.as_uuid()]).await
}

async fn enqueue(client: &Object, event: &Event) -> SqlResult<bool> {
    let sql = "WITH wanted AS (
                   SELECT 1 FROM webhooks WHERE organization IS NOT DISTINCT FROM $3 AND enabled LIMIT 1
               ), made AS (
                   INSERT INTO webhook_events (id, name, organization, session, turn, at, data)
                   SELECT $1, $2, $3, (SELECT id FROM sessions WHERE id = $4 FOR KEY SHARE), $5, $6, $7 FROM wanted
                   ON CONFLICT DO NOTHING
               )
               SELECT FROM wanted";
    let (id, name) = (event.id.as_uuid(), text::kept(&event.name));
    let organization = event.organization.map(|id| id.as_uuid());
    let (session, turn) = (event.session.map(|id| id.as_uuid()), event.turn.map(|id| id.as_uuid()));
    let (at, data) = (moment(event.at), event.data.as_ref().map(Json));
    let statement = client.prepare_cached(sql).await?;
    let values: [&(dyn ToSql + Sync); 7] = [&id, &name, &organization, &session, &turn, &at, &data];
    Ok(client.query_opt(&statement, &values).await?.is_some())
}

/// Inserts deliveries of one event. `$1` is the event; `source` says what must be there for any to be made.
async fn deliver(client: &Object, with: &str, event: EventId, deliveries: &[WebhookDelivery]) -> SqlResult<u64> {
    let sql = format!(
        "{with}
         INSERT INTO webhook_deliveries (id, webhook, organization, event, name, session, status, due_at, document)
         SELECT d.id, d.webhook, d.organization, $1, d.name, d.session, d.status, d.due_at, d.document::json
         FROM source, unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::text[], $8::timestamptz[], $9::text[])
             AS d (id, webhook, organization, name, session, status, due_at, document)
         WHERE EXISTS (SELECT FROM webhooks WHERE id = d.webhook)
             AND (d.session IS NULL OR EXISTS (SELECT FROM sessions WHERE id = d.session))
         ON CONFLICT DO NOTHING"
    );
    let each = deliveries.iter();
    let ids: Vec<Uuid> = each.clone().map(|d| d.id.as_uuid()).collect();
    let webhooks: Vec<Uuid> = each.clone().map(|d| d.webhook.as_uuid()).collect();
    let organizations: Vec<Option<Uuid>> = each.clone().map(|d| d.organization.map(|id| id.as_uuid())).collect();
    let names: Vec<_> = each.clone().map(|d| text::kept(&d.name)).collect();
    let sessions: Vec<Option<Uuid>> = each.clone().map(|d| d.session.map(|id| id.as_uuid())).collect();
    let states: Vec<&str> = each.clone().map(|d| d.status.as_str()).collect();
    let due: Vec<Timestamp> = each.clone().map(|d| moment(d.due_at)).collect();
    let documents: Vec<String> = each.map(|d| serde_json::to_string(d).unwrap_or_default()).collect();
    let event = event.as_uuid();
    let values: [&(dyn ToSql + Sync); 9] =
        [&event, &ids, &webhooks, &organizations, &names, &sessions, &states, &due, &documents];
    changed(client, &sql, &values).await
}

async fn lease(client: &Object, lease: &WebhookLease) -> SqlResult<Vec<WebhookDelivery>> {
    let sql = "WITH due AS (
                   SELECT id FROM webhook_deliveries
                   WHERE status = 'pending' AND due_at <= $1 AND webhook <> ALL ($5)
                   ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
               )
               UPDATE webhook_deliveries d SET due_at = $3, holder = $4 FROM due WHERE d.id = due.id
               RETURNING d.document, d.due_at";
    let (now, most, until) = (moment(lease.now), at_most(lease.limit), moment(lease.until));
    let except: Vec<Uuid> = lease.except.iter().map(|webhook| webhook.as_uuid()).collect();
    rows(client, sql, &[&now, &most, &until, &lease.holder, &except], delivery_of).await
}

async fn settle(client: &Object, delivery: &WebhookDelivery, holder: Option<Uuid>) -> SqlResult<bool> {
    let condition = if holder.is_some() {
        "status = 'pending' AND holder = $2"
    } else {
        "status <> 'pending' AND $2::uuid IS NULL"
    };
    let sql = format!(
        "UPDATE webhook_deliveries SET status = $3, due_at = $4, settled_at = $5, document = $6, holder = NULL
         WHERE id = $1 AND {condition}"
    );
    let (id, status) = (delivery.id.as_uuid(), delivery.status.as_str());
    let (due, settled) = (moment(delivery.due_at), delivery.settled_at.map(moment));
    Ok(changed(client, &sql, &[&id, &holder, &status, &due, &settled, &Json(delivery)]).await? > 0)
}

async fn list_deliveries(
    client: &Object,
    organization: Option<OrganizationId>,
    query: &DeliveryQuery,
) -> SqlResult<Page<WebhookDelivery>> {
    let (of, limit) = (organization.map(|id| id.as_uuid()), at_most(query.limit) + 1);
    let (webhook, before) = (query.webhook.map(|id| id.as_uuid()), query.before.map(|id| id.as_uuid()));
    let (status, name) = (query.status.map(DeliveryStatus::as_str), query.name.as_deref().map(text::kept));
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&of, &limit];
    let mut conditions = vec![belongs(organization).to_owned()];
    let asked: [(bool, &str, &(dyn ToSql + Sync)); 4] = [
        (webhook.is_some(), "webhook =", &webhook),
        (status.is_some(), "status =", &status),
        (name.is_some(), "name =", &name),
        (before.is_some(), "id <", &before),
    ];
    for (_, condition, value) in asked.into_iter().filter(|(asked, ..)| *asked) {
        values.push(value);
        conditions.push(format!("{condition} ${}", values.len()));
    }
    let conditions = conditions.join(" AND ");
    let sql = format!("SELECT document, due_at FROM webhook_deliveries WHERE {conditions} ORDER BY id DESC LIMIT $2");
    Ok(Page::cut(rows(client, &sql, &values, delivery_of).await?, query.limit))
}

#[async_trait]
impl WebhookStore for PostgresStore {
    async fn create_webhook(&self, webhook: &Webhook) -> Result<()> {
        let sql = "INSERT INTO webhooks (id, organization, version, enabled, document) VALUES ($1, $2, $3, $4, $5)
                   ON CONFLICT DO NOTHING";
        let (id, organization) = (webhook.id.as_uuid(), webhook.organization.map(|id| id.as_uuid()));
        let version = i64::from(webhook.version);
        let values: [&(dyn ToSql + Sync); 5] = [&id, &organization, &version, &webhook.enabled, &Json(webhook)];
        self.database.run(async |c| changed(c, sql, &values).await.map(|_| ())).await
    }

    async fn update_webhook(&self, webhook: &Webhook) -> Result<bool> {
        let sql = format!(
            "UPDATE webhooks SET version = $3::bigint, enabled = $4, document = $5
             WHERE id = $2 AND {} AND version = $3::bigint - 1",
            belongs(webhook.organization)
        );
        let (id, organization) = (webhook.id.as_uuid(), webhook.organization.map(|id| id.as_uuid()));
        let version = i64::from(webhook.version);
        let values: [&(dyn ToSql + Sync); 5] = [&organization, &id, &version, &webhook.enabled, &Json(webhook)];
        Ok(self.database.run(async |c| changed(c, &sql, &values).await).await? > 0)
    }

    async fn webhook(&self, organization: Option<OrganizationId>, id: WebhookId) -> Result<Option<Webhook>> {
        let sql = format!("SELECT document FROM webhooks WHERE id = $2 AND {}", belongs(organization));
        let (organization, id) = (organization.map(|id| id.as_uuid()), id.as_uuid());
        let found = self.database.read(async |c| rows(c, &sql, &[&organization, &id], webhook_of).await).await?;
        Ok(found.into_iter().next())
    }

    async fn list_webhooks(&self, organization: Option<OrganizationId>, query: &WebhookQuery) -> Result<Page<Webhook>> {
        let before = query.before.map(|id| id.as_uuid());
        let sql = format!(
            "SELECT document FROM webhooks WHERE {} AND {} ORDER BY id DESC LIMIT $3",
            belongs(organization),
            if before.is_some() { "id < $2" } else { "$2::uuid IS NULL" },
        );
        let (organization, limit) = (organization.map(|id| id.as_uuid()), at_most(query.limit) + 1);
        let values: [&(dyn ToSql + Sync); 3] = [&organization, &before, &limit];
        let found = self.database.read(async |c| rows(c, &sql, &values, webhook_of).await).await?;
        Ok(Page::cut(found, query.limit))
    }

    async fn delete_webhook(&self, organization: Option<OrganizationId>, id: WebhookId) -> Result<bool> {
        let sql = format!("DELETE FROM webhooks WHERE id = $2 AND {}", belongs(organization));
        let (organization, id) = (organization.map(|id| id.as_uuid()), id.as_uuid());
        Ok(self.database.run(async |c| changed(c, &sql, &[&organization, &id]).await).await? > 0)
    }

    async fn erase_webhooks(&self, organization: OrganizationId) -> Result<u64> {
        self.database.run(async |c| erase(c, organization).await).await
    }

    async fn anybody_listens(&self) -> Result<bool> {
        let sql = "SELECT true FROM webhooks WHERE enabled LIMIT 1";
        let found = self.database.read(async |c| rows(c, sql, &[], |row| row.try_get::<_, bool>(0)).await).await?;
        Ok(!found.is_empty())
    }

    async fn enqueue(&self, event: &Event) -> Result<bool> {
        self.database.run(async |c| enqueue(c, event).await).await
    }

    async fn queued(&self, limit: usize) -> Result<Vec<Event>> {
        let sql = "SELECT id, name, organization, session, turn, at, data FROM webhook_events ORDER BY key LIMIT $1";
        self.database.read(async |c| rows(c, sql, &[&at_most(limit)], event_of).await).await
    }

    async fn spread(&self, event: &Event, deliveries: &[WebhookDelivery]) -> Result<()> {
        let with = "WITH source AS (DELETE FROM webhook_events WHERE id = $1 RETURNING id)";
        self.database.run(async |c| deliver(c, with, event.id, deliveries).await.map(|_| ())).await
    }

    async fn create_delivery(&self, delivery: &WebhookDelivery) -> Result<bool> {
        let (with, one) = ("WITH source AS (SELECT 1)", std::slice::from_ref(delivery));
        Ok(self.database.run(async |c| deliver(c, with, delivery.event, one).await).await? > 0)
    }

    async fn lease_deliveries(&self, asked: &WebhookLease) -> Result<Vec<WebhookDelivery>> {
        self.database.run(async |c| lease(c, asked).await).await
    }

    async fn settle_delivery(&self, delivery: &WebhookDelivery, holder: Option<Uuid>) -> Result<bool> {
        self.database.run(async |c| settle(c, delivery, holder).await).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>> {
        let sql = "SELECT due_at FROM webhook_deliveries WHERE status = 'pending' ORDER BY due_at LIMIT 1";
        let due = self.database.read(async |c| rows(c, sql, &[], |row| row.try_get(0)).await).await?;
        Ok(due.into_iter().next())
    }

    async fn delivery(&self, organization: Option<OrganizationId>, id: DeliveryId) -> Result<Option<WebhookDelivery>> {
        let sql =
            format!("SELECT document, due_at FROM webhook_deliveries WHERE id = $2 AND {}", belongs(organization));
        let (organization, id) = (organization.map(|id| id.as_uuid()), id.as_uuid());
        let found = self.database.read(async |c| rows(c, &sql, &[&organization, &id], delivery_of).await).await?;
        Ok(found.into_iter().next())
    }

    async fn list_deliveries(
        &self,
        organization: Option<OrganizationId>,
        query: &DeliveryQuery,
    ) -> Result<Page<WebhookDelivery>> {
        self.database.read(async |c| list_deliveries(c, organization, query).await).await
    }

    async fn delete_deliveries_before(&self, before: Timestamp) -> Result<u64> {
        let sql = "DELETE FROM webhook_deliveries WHERE id IN (
                       SELECT id FROM webhook_deliveries WHERE settled_at < $1
                       ORDER BY settled_at LIMIT $2 FOR UPDATE SKIP LOCKED)";
        let mut deleted = 0;
        loop {
            let some = self.database.run(async |c| changed(c, sql, &[&moment(before), &DELETE_AT_ONCE]).await).await?;
            deleted += some;
            if some < DELETE_AT_ONCE.unsigned_abs() {
                return Ok(deleted);
            }
        }
    }
}
