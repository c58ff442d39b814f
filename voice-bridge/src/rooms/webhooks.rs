//! Webhooks and what was delivered to them.

use std::{collections::BTreeSet, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use voice_core::{
    Secret,
    agent::{NewWebhook, WebhookChanges},
    store::{DeliveryQuery, DeliveryStatus, WebhookQuery},
    time::Timestamp,
    webhooks::{SignedHeaders, TOLERANCE, verify},
};

use super::{check, page, records::SignedWebhook, undone};
use crate::{Agent, ErrorRecord, Outcome, arguments::Arguments};

const METHODS: [(&str, &[&str]); 12] = [
    ("create", &["url", "events", "description", "enabled"]),
    ("get", &["id"]),
    ("list", &["limit", "before"]),
    ("update", &["id", "url", "events", "description", "enabled"]),
    ("delete", &["id"]),
    ("rotate_secret", &["id", "overlap_seconds"]),
    ("test", &["id"]),
    ("deliveries", &["webhook", "status", "name", "limit", "before"]),
    ("delivery", &["id"]),
    ("redeliver", &["id"]),
    ("send", &["name", "data", "session"]),
    ("verify", &["secrets", "id", "timestamp", "signature", "body", "tolerance_seconds"]),
];

pub(super) async fn call(agent: &Agent, method: &str, arguments: &Arguments) -> Outcome<Value> {
    check("webhooks", &METHODS, method, &["organization"], arguments)?;
    let mut webhooks = agent.webhooks();
    if let Some(organization) = arguments.parsed("organization")? {
        webhooks = webhooks.of(organization);
    }
    Ok(match method {
        "create" => {
            let mut new = NewWebhook::new(arguments.required("url")?);
            new.events = names(arguments)?.unwrap_or_default();
            new.description = arguments.text("description")?.unwrap_or_default().to_owned();
            new.enabled = arguments.flag("enabled")?.unwrap_or(true);
            json!(SignedWebhook::from(webhooks.create(&new).await?))
        }
        "get" => json!(webhooks.get(arguments.id("id")?).await?),
        "list" => {
            let mut query = WebhookQuery::newest(arguments.limit()?);
            query.before = arguments.parsed("before")?;
            page(&webhooks.list(query).await?)
        }
        "update" => {
            let mut changes = WebhookChanges::default();
            changes.url = arguments.text("url")?.map(str::to_owned);
            changes.events = names(arguments)?;
            changes.description = arguments.text("description")?.map(str::to_owned);
            changes.enabled = arguments.flag("enabled")?;
            json!(webhooks.update(arguments.id("id")?, &changes).await?)
        }
        "delete" => json!(webhooks.delete(arguments.id("id")?).await?),
        "rotate_secret" => {
            let overlap = arguments.seconds("overlap_seconds")?;
            json!(SignedWebhook::from(webhooks.rotate_secret(arguments.id("id")?, overlap).await?))
        }
        "test" => json!(webhooks.test(arguments.id("id")?).await?),
        "deliveries" => page(&webhooks.deliveries(deliveries(arguments)?).await?),
        "delivery" => json!(webhooks.delivery(arguments.id("id")?).await?),
        "redeliver" => json!(webhooks.redeliver(arguments.id("id")?).await?),
        "send" => {
            let data = arguments.given("data").map_or_else(|| Ok(Map::new()), |_| arguments.object("data").cloned())?;
            let session = arguments.given("session").map(|_| arguments.session("session")).transpose()?;
            json!(webhooks.send(arguments.required("name")?, data, session).await?)
        }
        "verify" => json!(verified(arguments)?),
        other => return Err(undone("webhooks", other)),
    })
}

fn names(arguments: &Arguments) -> Outcome<Option<BTreeSet<String>>> {
    let read = |listed: &Value| {
        BTreeSet::deserialize(listed).map_err(|_| ErrorRecord::invalid("events: expected a list of names"))
    };
    arguments.given("events").map(read).transpose()
}

fn deliveries(arguments: &Arguments) -> Outcome<DeliveryQuery> {
    let known = |name| {
        DeliveryStatus::from_name(name)
            .ok_or_else(|| ErrorRecord::invalid("status: expected pending, delivered or failed"))
    };
    let mut query = DeliveryQuery::default();
    query.webhook = arguments.parsed("webhook")?;
    query.status = arguments.text("status")?.map(known).transpose()?;
    query.name = arguments.text("name")?.map(str::to_owned);
    query.limit = arguments.limit()?;
    query.before = arguments.parsed("before")?;
    Ok(query)
}

fn verified(arguments: &Arguments) -> Outcome<()> {
    let wrong = || ErrorRecord::invalid("secrets: expected a list of secrets as `create` gave them");
    let listed = arguments.given("secrets").and_then(Value::as_array).ok_or_else(wrong)?;
    let secrets: Option<Vec<Secret>> = listed.iter().map(|secret| secret.as_str().map(Secret::from)).collect();
    let headers = SignedHeaders {
        id: arguments.required("id")?,
        timestamp: arguments.required("timestamp")?,
        signature: arguments.required("signature")?,
    };
    let tolerance: Duration = arguments.seconds("tolerance_seconds")?.unwrap_or(TOLERANCE);
    let body = arguments.required("body")?.as_bytes();
    Ok(verify(&secrets.ok_or_else(wrong)?, headers, body, Timestamp::now(), tolerance)?)
}
