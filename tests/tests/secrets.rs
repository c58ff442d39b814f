//! Planted keys, searched for wherever they must not be. Alone in its program: others would change what is logged.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use voice_core::{
    Config, Secret, VoiceAgent,
    agent::{KeyOptions, Principal, TokenKey, TokenKeys},
    config::Assistant,
    store::{AuditQuery, Storage},
    stores::sqlite::SqliteStore,
};
use voice_testkit::{ScriptedLlm, ScriptedStt, ScriptedTts};

/// 32 bytes to encrypt credentials with.
const VAULT: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn no_key_reaches_a_log_an_error_debug_output_or_the_database() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let folder = tempfile::tempdir().unwrap();
    let credential = "sk-planted-provider-credential";
    let signing = "planted-signing-secret-of-many-bytes";
    let mut secrets = vec![credential.to_owned(), signing.to_owned(), VAULT.to_owned()];
    let mut shown = String::new();

    let config = format!(r#"{{"accounts": {{"credentials_key": "{VAULT}", "rate_limit": {{"per_minute": 1}}}}}}"#);
    let agent = VoiceAgent::builder()
        .config(Config::from_json(&config).unwrap())
        .stt(ScriptedStt::hearing("will it rain"))
        .llm(ScriptedLlm::saying("It will rain."))
        .tts(ScriptedTts::new())
        .stores(Storage::of(Arc::new(SqliteStore::open(folder.path().join("voice.db")).unwrap())))
        .build()
        .await
        .unwrap();
    let organization = agent.accounts().create_organization("Bakery").await.unwrap().id;
    let accounts = agent.accounts().of(organization);
    let registered = accounts.register("ada@example.org").await.unwrap();
    let admin = accounts.create_key(&KeyOptions::new().name("admin")).await.unwrap();
    let rotated = accounts.rotate_key(admin.key.id).await.unwrap();
    for key in [&registered.key, &admin, &rotated] {
        secrets.push(key.secret.expose()[3..].to_owned());
        for _ in 0..2 {
            let outcome = agent.accounts().log_in(key.secret.expose()).await;
            shown += &format!("{key:?} {:?} {outcome:?} {:#?}\n", key.key, outcome.as_ref().err());
        }
    }
    accounts.set_credential("openai", &Secret::new(credential)).await.unwrap();
    shown += &format!(
        "{:?} {:?}\n",
        accounts.credentials().await,
        accounts.set_credential("!", &Secret::new(credential)).await
    );
    let caller = agent.accounts().authenticate(rotated.secret.expose()).await;
    shown += &format!("{caller:?}\n");
    let theirs = agent.with(&Principal::organization_itself(organization));
    let assistant = Assistant::from_value(serde_json::json!({"name": "A", "stt_provider": "openai"})).unwrap();
    let made = theirs.assistants().create(&assistant).await.unwrap();
    let reply = theirs.turn("hello").assistant(made.id).await.unwrap();
    shown += &format!("{made:?} {theirs:?} {reply:?}\n");
    let keys = TokenKeys::new(TokenKey::hs256("k", &Secret::new(signing)).unwrap());
    let token = agent.accounts().issue_token(&keys, theirs.principal(), Duration::from_secs(60)).unwrap();
    shown += &format!("{keys:?} {token:?} {:?}\n", agent.accounts().authenticate_token(&keys, signing).await);
    secrets.push(token.expose().to_owned());
    shown += &format!("{:?}\n", agent.audit().entries(AuditQuery::default()).await.unwrap());
    shown += &format!("{:?}\n", agent.accounts().authenticate(&format!("{}0", registered.key.secret.expose())).await);

    shown += &String::from_utf8_lossy(&log.0.lock().unwrap());
    assert!(shown.contains("turn done"), "the log was listened to");
    assert!(shown.contains("key.rotate"), "the audit log was looked at");
    let mut files = 0;
    // The log of the database is looked at before it is copied into the file, and the file after.
    for round in 0..2 {
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            files += 1;
            for secret in &secrets {
                assert!(!holds(&bytes, secret.as_bytes()), "round {round}: the database holds a secret");
            }
        }
        agent.close().await.unwrap();
    }
    assert!(files >= 3);
    for secret in &secrets {
        assert!(!shown.contains(secret.as_str()) && !shown.contains(&secret[..12]), "a secret is shown");
    }
    assert!(!shown.contains("ada@example.org"));
}
