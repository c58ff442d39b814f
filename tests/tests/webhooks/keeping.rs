//! Webhooks as they are kept: who reaches them, what is accepted, what is shown.

use serde_json::json;
use voice_core::{
    Error, ErrorKind, SessionId,
    agent::{Principal, WebhookChanges, Webhooks},
    id::WebhookId,
    store::{AuditQuery, WebhookQuery},
};

use super::*;

fn changes(value: Value) -> WebhookChanges {
    serde_json::from_value(value).unwrap()
}

fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    result.err().unwrap().kind()
}

async fn still(storage: Storage) -> VoiceAgent {
    building(storage, r#""deliver": false"#).build().await.unwrap()
}

#[tokio::test]
async fn an_organization_is_told_of_its_own_and_reaches_nothing_of_another() {
    let agent = agent_on(memory()).await;
    let (ours, theirs) = (Receiver::start().await, Receiver::start().await);
    let mut rooms = Vec::new();
    for receiver in [&ours, &theirs] {
        let organization = agent.accounts().create_organization("Bakery").await.unwrap().id;
        let view = agent.with(&Principal::organization_itself(organization));
        let hook = view.webhooks().create(&NewWebhook::new(receiver.url())).await.unwrap();
        rooms.push((organization, view, hook));
    }
    let [(_, mine, _), (other, _, hook)] = &rooms[..] else { panic!() };
    let session = mine.sessions().create().await.unwrap();
    ours.wait(1).await;
    let theirs_session = agent.with(&Principal::organization_itself(*other)).sessions().create().await.unwrap();
    let delivery = id_of(&theirs.wait(1).await[0]);
    assert_eq!(ours.got().len(), 1);
    assert_eq!(ours.got()[0].json()["data"]["session_id"], json!(session.id));

    let view = mine.webhooks();
    assert_eq!(kind(view.get(hook.webhook.id).await), ErrorKind::NotFound);
    assert_eq!(kind(view.update(hook.webhook.id, &WebhookChanges::default()).await), ErrorKind::NotFound);
    assert_eq!(kind(view.rotate_secret(hook.webhook.id, None).await), ErrorKind::NotFound);
    assert_eq!(kind(view.test(hook.webhook.id).await), ErrorKind::NotFound);
    assert_eq!(kind(view.delete(hook.webhook.id).await), ErrorKind::NotFound);
    assert_eq!(kind(view.delivery(delivery).await), ErrorKind::NotFound);
    assert_eq!(kind(view.redeliver(delivery).await), ErrorKind::NotFound);
    let in_theirs = view.send("order.placed", object(json!({})), Some(theirs_session.id)).await;
    assert_eq!(kind(in_theirs), ErrorKind::SessionNotFound);
    let mut query = DeliveryQuery::default();
    query.webhook = Some(hook.webhook.id);
    assert!(view.deliveries(query).await.unwrap().items.is_empty());
    assert_eq!(view.list(WebhookQuery::default()).await.unwrap().items.len(), 1);
    assert_eq!(agent.webhooks().list(WebhookQuery::default()).await.unwrap().items.len(), 0);

    // A user's credential reaches none of it, and an organization that goes takes its webhooks along.
    let user = agent.accounts().of(*other).register("ada@example.org").await.unwrap();
    let user = agent.with(&agent.accounts().authenticate(user.key.secret.expose()).await.unwrap()).webhooks();
    assert_eq!(kind(user.list(WebhookQuery::default()).await), ErrorKind::Forbidden);
    assert_eq!(kind(user.create(&NewWebhook::new("https://example.org")).await), ErrorKind::Forbidden);
    assert_eq!(kind(user.send("order.placed", object(json!({})), None).await), ErrorKind::Forbidden);
    agent.accounts().delete_organization(*other).await.unwrap();
    assert_eq!(kind(agent.webhooks().of(*other).get(hook.webhook.id).await), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_filter_lets_through_what_it_names() {
    let agent = agent_on(memory()).await;
    let (some, all) = (Receiver::start().await, Receiver::start().await);
    let filter = NewWebhook::new(some.url()).events(["order.*", "session.ended"]);
    agent.webhooks().create(&filter).await.unwrap();
    hooked(&agent, &all).await;
    let session = agent.sessions().create().await.unwrap();
    assert!(agent.webhooks().send("order.placed", object(json!({"cakes": 2})), Some(session.id)).await.unwrap());
    agent.sessions().end(session.id).await.unwrap();
    assert_eq!(types(&all.wait(3).await), ["order.placed", "session.ended", "session.started"]);
    let got = some.wait(2).await;
    assert_eq!(types(&got), ["order.placed", "session.ended"]);
    let order = got.iter().map(Got::json).find(|json| json["type"] == "order.placed").unwrap();
    assert_eq!(order["data"], json!({"cakes": 2}));
    // What is told of a session goes with it.
    agent.sessions().delete(session.id).await.unwrap();
    assert!(log(&agent).await.is_empty());
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign_until_the_old_one_has_run_out() {
    let (receiver, agent) = (Receiver::start().await, agent_on(memory()).await);
    let old = hooked(&agent, &receiver).await;
    let id = old.webhook.id;
    let new = agent.webhooks().rotate_secret(id, None).await.unwrap();
    assert_ne!(new.secret.expose(), old.secret.expose());
    agent.webhooks().test(id).await.unwrap();
    let got = receiver.wait(1).await;
    assert!(good(std::slice::from_ref(&old.secret), &got[0]) && good(std::slice::from_ref(&new.secret), &got[0]));
    let newest = agent.webhooks().rotate_secret(id, Some(Duration::ZERO)).await.unwrap();
    let delivery = agent.webhooks().test(id).await.unwrap();
    let got = receiver.wait(2).await;
    assert_eq!(id_of(&got[1]), delivery.id);
    assert_eq!(got[1].json()["type"], "webhook.test");
    assert!(!good(&[old.secret, new.secret], &got[1]) && good(&[newest.secret], &got[1]));
    let too_long = agent.webhooks().rotate_secret(id, Some(Duration::from_secs(31 * 86_400))).await;
    assert_eq!(kind(too_long), ErrorKind::InvalidField);
}

#[tokio::test]
async fn secrets_are_shown_once_and_kept_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    let agent = still(sqlite(folder.path())).await;
    let made = agent.webhooks().create(&NewWebhook::new("https://example.org/?token=planted")).await.unwrap();
    let secret = made.secret.expose().to_owned();
    assert!(secret.starts_with("whsec_"));
    assert!(!format!("{made:?}").contains("planted") && !format!("{made:?}").contains(&secret));
    let listed = agent.webhooks().list(WebhookQuery::default()).await.unwrap();
    assert!(!serde_json::to_string(&listed.items).unwrap().contains(&secret[6..]));
    agent.close().await.unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len() - 6).any(|w| w == &secret.as_bytes()[6..]));
    }
}

#[tokio::test]
async fn without_a_key_to_encrypt_with_no_webhook_is_made() {
    let config = Config::from_json(r#"{"webhooks": {"deliver": false}}"#).unwrap();
    let agent = building(memory(), "").config(config).build().await.unwrap();
    let error = agent.webhooks().create(&NewWebhook::new("https://example.org")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.message().contains("accounts.credentials_key"), "{error}");
}

#[tokio::test]
async fn under_another_key_nothing_is_signed_and_the_log_says_why() {
    let (receiver, stores) = (Receiver::start().await, memory());
    hooked(&still(stores.clone()).await, &receiver).await;
    let other = VAULT.replace("00", "ff");
    let config = format!(
        r#"{{"accounts": {{"credentials_key": "{other}"}},
             "webhooks": {{"allow_http": true, "allow_private": true, "attempts": 1}}}}"#
    );
    let agent = building(stores, "").config(Config::from_json(&config).unwrap()).build().await.unwrap();
    agent.sessions().create().await.unwrap();
    while log(&agent).await.first().is_none_or(|delivery| delivery.status != DeliveryStatus::Failed) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let delivery = log(&agent).await.remove(0);
    assert!(delivery.attempts[0].error.as_deref().unwrap().contains("accounts.credentials_key"));
    assert!(receiver.got().is_empty());
}

#[tokio::test]
async fn wrong_input_is_refused_by_name() {
    let agent = VoiceAgent::builder()
        .config(Config::from_json(&format!(r#"{{"accounts": {{"credentials_key": "{VAULT}"}}}}"#)).unwrap())
        .stt(ScriptedStt::hearing("x"))
        .llm(ScriptedLlm::saying("x"))
        .tts(ScriptedTts::new())
        .stores(memory())
        .build()
        .await
        .unwrap();
    let hooks = agent.webhooks();
    let made = hooks.create(&NewWebhook::new("https://example.org/hook")).await.unwrap().webhook.id;
    for (field, value) in [
        ("url", json!({"url": "http://example.org"})),
        ("url", json!({"url": "https://127.0.0.1/hook"})),
        ("url", json!({"url": "https://[::1]/"})),
        ("url", json!({"url": "no address"})),
        ("events", json!({"events": ["Session Ended"]})),
        ("events", json!({"events": [""]})),
        ("events", json!({"events": ["a..b"]})),
        ("events", json!({"events": ["*.ended"]})),
        ("events", json!({"events": ["a".repeat(65)]})),
        ("events", json!({"events": (0..51).map(|n| format!("e{n}")).collect::<Vec<_>>()})),
        ("description", json!({"description": "x".repeat(501)})),
        ("description", json!({"description": "a\nb"})),
    ] {
        let mut new = json!({"url": "https://example.org"});
        new.as_object_mut().unwrap().extend(object(value.clone()));
        let created = hooks.create(&serde_json::from_value(new).unwrap()).await.unwrap_err();
        let updated = hooks.update(made, &changes(value.clone())).await.unwrap_err();
        for error in [created, updated] {
            assert_eq!(error.kind(), ErrorKind::InvalidField, "{value}");
            assert!(error.message().starts_with(&format!("{field}: ")), "{value}: {error}");
        }
    }
    for name in ["", "Order", "a b", "order.", "*", "order.*"] {
        assert_eq!(kind(hooks.send(name, object(json!({})), None).await), ErrorKind::InvalidField, "{name}");
    }
    let large = object(json!({"x": "x".repeat(65_536)}));
    assert!(hooks.send("order.placed", large, None).await.unwrap_err().message().starts_with("data: "));
    let unknown = hooks.send("order.placed", object(json!({})), Some(SessionId::new())).await;
    assert_eq!(kind(unknown), ErrorKind::SessionNotFound);
    for limit in [0, 101] {
        let mut query = DeliveryQuery::default();
        query.limit = limit;
        assert_eq!(kind(hooks.deliveries(query).await), ErrorKind::InvalidField);
        assert_eq!(kind(hooks.list(WebhookQuery::newest(limit)).await), ErrorKind::InvalidField);
    }
    assert_eq!(kind(hooks.get(WebhookId::new()).await), ErrorKind::NotFound);
    for config in [r#"{"timeout_seconds": 0}"#, r#"{"attempts": 0}"#, r#"{"backoff": 0.5}"#, r#"{"keep_days": -1}"#] {
        let error = Config::from_json(&format!(r#"{{"webhooks": {config}}}"#)).unwrap_err();
        assert!(error.message().starts_with("webhooks."), "{error}");
    }
    let full = async || {
        for _ in 0..60 {
            hooks.create(&NewWebhook::new("https://example.org")).await?;
        }
        Ok(())
    };
    assert_eq!(kind::<()>(full().await), ErrorKind::InvalidField);
}

#[tokio::test]
async fn changes_are_in_the_audit_log_and_deliveries_in_pages() {
    let agent = still(memory()).await;
    let hooks: Webhooks = agent.webhooks();
    let id = hooks.create(&NewWebhook::new("https://example.org")).await.unwrap().webhook.id;
    hooks.update(id, &changes(json!({"url": "https://example.net", "events": ["session.*"]}))).await.unwrap();
    let info = hooks.get(id).await.unwrap();
    assert_eq!((info.url.as_str(), info.events.len()), ("https://example.net", 1));
    hooks.rotate_secret(id, None).await.unwrap();
    for _ in 0..5 {
        hooks.test(id).await.unwrap();
    }
    let (mut query, mut pages) = (DeliveryQuery::default(), Vec::new());
    query.limit = 2;
    loop {
        let page = hooks.deliveries(query.clone()).await.unwrap();
        pages.push(page.items.len());
        let Some(next) = page.next() else { break };
        query = query.after(&next.to_string()).unwrap();
    }
    assert_eq!(pages, [2, 2, 1]);
    hooks.delete(id).await.unwrap();
    assert_eq!(kind(hooks.delete(id).await), ErrorKind::NotFound);
    let mut query = AuditQuery::default();
    query.target = Some(id.to_string());
    let actions: Vec<String> =
        agent.audit().entries(query).await.unwrap().items.into_iter().map(|entry| entry.action).collect();
    assert_eq!(actions, ["webhook.delete", "webhook.rotate_secret", "webhook.update", "webhook.create"]);
}

#[tokio::test]
async fn without_a_store_for_them_there_are_no_webhooks() {
    let agent = still(Storage::new(Arc::new(MemoryStore::new()))).await;
    assert_eq!(kind(agent.webhooks().list(WebhookQuery::default()).await), ErrorKind::Unsupported);
}
