//! Webhooks from the event to the receiver, over real connections: what is sent, how often, and what is kept of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crashing;
mod delivering;
mod keeping;
mod receiver;

use std::{path::Path, sync::Arc, time::Duration};

use serde_json::Value;
use voice_core::{
    Config, Secret, VoiceAgent,
    agent::{NewWebhook, SignedWebhook},
    id::DeliveryId,
    store::{DeliveryQuery, DeliveryStatus, MemoryStore, Storage, WebhookDelivery},
    stores::sqlite::SqliteStore,
    webhooks::{SignedHeaders, TOLERANCE, verify},
};
use voice_testkit::{ScriptedLlm, ScriptedStt, ScriptedTts, VirtualClock};

use self::receiver::{Answer, Got, Receiver};

/// 32 bytes to encrypt secrets with.
const VAULT: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A config with webhooks as `webhooks` says, which may lead to this machine.
fn config(webhooks: &str) -> Config {
    let also = if webhooks.is_empty() { String::new() } else { format!(", {webhooks}") };
    let config = format!(
        r#"{{"accounts": {{"credentials_key": "{VAULT}"}},
             "webhooks": {{"allow_http": true, "allow_private": true{also}}}}}"#
    );
    Config::from_json(&config).unwrap()
}

fn building(storage: Storage, webhooks: &str) -> voice_core::AgentBuilder {
    VoiceAgent::builder()
        .config(config(webhooks))
        .stt(ScriptedStt::hearing("will it rain"))
        .llm(ScriptedLlm::saying("It will rain tomorrow."))
        .tts(ScriptedTts::new())
        .stores(storage)
}

/// An agent that tries again soon.
async fn agent_on(storage: Storage) -> VoiceAgent {
    building(storage, r#""first_delay_seconds": 0.02, "poll_seconds": 0.2, "attempts": 4"#).build().await.unwrap()
}

fn memory() -> Storage {
    Storage::of(Arc::new(MemoryStore::new()))
}

fn sqlite(folder: &Path) -> Storage {
    Storage::of(Arc::new(SqliteStore::open(folder.join("voice.db")).unwrap()))
}

async fn hooked(agent: &VoiceAgent, receiver: &Receiver) -> SignedWebhook {
    agent.webhooks().create(&NewWebhook::new(receiver.url())).await.unwrap()
}

fn good(secrets: &[Secret], got: &Got) -> bool {
    let headers = SignedHeaders {
        id: got.header("webhook-id"),
        timestamp: got.header("webhook-timestamp"),
        signature: got.header("webhook-signature"),
    };
    let sent = voice_core::time::Timestamp::from_second(headers.timestamp.parse().unwrap()).unwrap();
    verify(secrets, headers, &got.body, sent, TOLERANCE).is_ok()
}

fn types(got: &[Got]) -> Vec<String> {
    let mut types: Vec<String> = got.iter().map(|got| got.json()["type"].as_str().unwrap().to_owned()).collect();
    types.sort_unstable();
    types
}

fn id_of(got: &Got) -> DeliveryId {
    got.header("webhook-id").parse().unwrap()
}

/// The deliveries of the host's own webhooks, newest first.
async fn log(agent: &VoiceAgent) -> Vec<WebhookDelivery> {
    let mut query = DeliveryQuery::default();
    query.limit = 100;
    agent.webhooks().deliveries(query).await.unwrap().items
}

/// The delivery, once it stands where it is expected to.
async fn settled(agent: &VoiceAgent, id: DeliveryId, status: DeliveryStatus) -> WebhookDelivery {
    // By the machine's clock: the one of the test may stand still.
    let begun = std::time::Instant::now();
    loop {
        let delivery = agent.webhooks().delivery(id).await.unwrap();
        if delivery.status == status {
            return delivery;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{delivery:?}");
        tokio::task::yield_now().await;
    }
}

fn statuses(delivery: &WebhookDelivery) -> Vec<Option<u16>> {
    delivery.attempts.iter().map(|attempt| attempt.status).collect()
}

fn object(value: Value) -> serde_json::Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other}"),
    }
}
