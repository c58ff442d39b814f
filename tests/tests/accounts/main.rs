//! Accounts, assistants and what belongs to them: who reaches what, what is kept, and for how long.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod assistants;
mod audit;
mod input;
mod isolation;
mod keeping;
mod keys;
mod leases;
mod tokens;
mod watched;

use std::{sync::Arc, time::Duration};

use voice_core::{
    Config, ErrorKind, OrganizationId, VoiceAgent,
    store::{MemoryStore, Storage},
    stores::sqlite::SqliteStore,
};
use voice_testkit::{ScriptedLlm, ScriptedStt, ScriptedTts, VirtualClock};

/// 32 bytes to encrypt credentials with.
const VAULT: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// An agent that asks its store for nothing by itself.
const QUIET: &str = r#"{"webhooks": {"deliver": false}}"#;

const ANSWER: &str = "It will rain tomorrow.";

/// An agent on these stores, with scripted providers.
async fn agent_on(storage: Storage, config: &str) -> VoiceAgent {
    VoiceAgent::builder()
        .config(Config::from_json(config).unwrap())
        .stt(ScriptedStt::hearing("will it rain"))
        .llm(ScriptedLlm::saying(ANSWER))
        .tts(ScriptedTts::new())
        .stores(storage)
        .build()
        .await
        .unwrap()
}

fn memory() -> Storage {
    Storage::of(Arc::new(MemoryStore::new()))
}

fn sqlite(folder: &tempfile::TempDir) -> Storage {
    Storage::of(Arc::new(SqliteStore::open(folder.path().join("voice.db")).unwrap()))
}

async fn agent() -> VoiceAgent {
    agent_on(memory(), &format!(r#"{{"accounts": {{"credentials_key": "{VAULT}"}}}}"#)).await
}

async fn organization(agent: &VoiceAgent) -> OrganizationId {
    agent.accounts().create_organization("Bakery").await.unwrap().id
}
