//! API keys: made, shown once, recognised, changed, limited.

use voice_core::{
    ErrorCode, Secret, UserId,
    agent::KeyOptions,
    store::{Actor, AuditQuery, KeyQuery, KeyRateLimit, UserQuery},
};

use super::*;

#[tokio::test]
async fn registering_gives_a_key_that_logs_in() {
    let agent = agent().await;
    let accounts = agent.accounts().of(organization(&agent).await);
    let registered = accounts.register(" Ada@Example.org ").await.unwrap();
    assert_eq!(registered.user.email, "ada@example.org");
    let secret = registered.key.secret.expose();
    assert_eq!(secret.len(), 67);
    assert!(secret.strip_prefix("sk_").unwrap().bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
    assert!(secret.ends_with(&registered.key.key.hint));

    let login = agent.accounts().log_in(secret).await.unwrap();
    assert_eq!(login.user.unwrap().id, registered.user.id);
    assert_eq!(login.principal.user(), Some(registered.user.id));
    assert_eq!(login.principal.actor(), Actor::Key(registered.key.key.id));
    assert_eq!(accounts.user_by_email("ADA@example.org").await.unwrap().id, registered.user.id);
}

#[tokio::test]
async fn an_address_is_registered_once_in_an_organization() {
    let agent = agent().await;
    let accounts = agent.accounts().of(organization(&agent).await);
    accounts.register("ada@example.org").await.unwrap();
    let error = accounts.register("ADA@example.org").await.unwrap_err();
    assert_eq!((error.code(), error.kind()), (ErrorCode::ValidationError, ErrorKind::AlreadyExists));
    assert!(error.message().starts_with("email: ") && !error.message().contains("example"));
    assert!(agent.accounts().of(organization(&agent).await).register("ada@example.org").await.is_ok());
    assert_eq!(accounts.users(UserQuery::default()).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn every_key_that_opens_nothing_is_answered_alike() {
    let agent = agent().await;
    let accounts = agent.accounts().of(organization(&agent).await);
    let revoked = accounts.create_key(&KeyOptions::new()).await.unwrap();
    accounts.revoke_key(revoked.key.id).await.unwrap();
    let unknown = format!("sk_{}", "0".repeat(64));
    let upper = revoked.secret.expose().to_uppercase();
    let mut answers = Vec::new();
    for key in [revoked.secret.expose(), &unknown, &upper, "", "sk_", "sk_12", "Bearer x", &"sk_é".repeat(20)] {
        let error = agent.accounts().authenticate(key).await.unwrap_err();
        assert_eq!((error.code(), error.http_status()), (ErrorCode::InvalidApiKey, 401));
        answers.push(format!("{error:?}"));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn a_rotated_key_is_replaced_in_one_moment() {
    let agent = agent().await;
    let accounts = agent.accounts().of(organization(&agent).await);
    let user = accounts.register("ada@example.org").await.unwrap().user;
    let options = KeyOptions::of_user(user.id).name("phone").valid_for(Duration::from_secs(3600));
    let old = accounts.create_key(&options).await.unwrap();
    let new = accounts.rotate_key(old.key.id).await.unwrap();
    assert_eq!((new.key.name.as_str(), new.key.expires_at), ("phone", old.key.expires_at));
    assert!(agent.accounts().authenticate(old.secret.expose()).await.is_err());
    assert_eq!(agent.accounts().authenticate(new.secret.expose()).await.unwrap().user(), Some(user.id));
    assert_eq!(accounts.rotate_key(old.key.id).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_key_ends_by_itself() {
    let clock = VirtualClock::new();
    let agent = VoiceAgent::builder()
        .stt(ScriptedStt::hearing("hi"))
        .llm(ScriptedLlm::saying(ANSWER))
        .tts(ScriptedTts::new())
        .stores(memory())
        .clock(Arc::new(clock))
        .build()
        .await
        .unwrap();
    let accounts = agent.accounts().of(organization(&agent).await);
    let key = accounts.create_key(&KeyOptions::new().valid_for(Duration::from_secs(60))).await.unwrap();
    clock.advance(Duration::from_secs(59)).await;
    assert!(agent.accounts().authenticate(key.secret.expose()).await.is_ok());
    clock.advance(Duration::from_secs(1)).await;
    assert!(agent.accounts().authenticate(key.secret.expose()).await.is_err());
}

#[tokio::test]
async fn listed_keys_have_no_secret() {
    let agent = agent().await;
    let accounts = agent.accounts().of(organization(&agent).await);
    let registered = accounts.register("ada@example.org").await.unwrap();
    let page = accounts.keys(KeyQuery::default()).await.unwrap();
    let written = serde_json::to_string(&page.items).unwrap() + &format!("{page:?}{registered:?}");
    assert!(written.contains(&registered.key.key.id.to_string()));
    assert!(!written.contains(&registered.key.secret.expose()[3..10]));
    assert!(!written.contains("hash\":"));
}

#[tokio::test(start_paused = true)]
async fn calls_above_a_keys_limit_are_told_when_to_come_back() {
    let config = r#"{"accounts": {"rate_limit": {"per_minute": 60, "burst": 3}}}"#;
    let agent = agent_on(memory(), config).await;
    let accounts = agent.accounts().of(organization(&agent).await);
    let (usual, other) = (
        accounts.create_key(&KeyOptions::new()).await.unwrap(),
        accounts.create_key(&KeyOptions::new()).await.unwrap(),
    );
    let one = std::num::NonZeroU32::MIN;
    let own = KeyOptions::new().rate_limit(KeyRateLimit { per_minute: one, burst: one });
    let slow = accounts.create_key(&own).await.unwrap();
    let call = async |secret: &Secret| agent.accounts().authenticate(secret.expose()).await;
    for _ in 0..3 {
        call(&usual.secret).await.unwrap();
    }
    let error = call(&usual.secret).await.unwrap_err();
    assert_eq!((error.code(), error.http_status()), (ErrorCode::RateLimitExceeded, 429));
    assert!(error.retry_after().unwrap() <= Duration::from_secs(1), "{error:?}");
    assert!(call(&other.secret).await.is_ok(), "each key has a bucket of its own");
    tokio::time::sleep(error.retry_after().unwrap()).await;
    call(&usual.secret).await.unwrap();

    let principal = call(&slow.secret).await.unwrap();
    // Its own limit holds for a connection that stays open, too.
    for error in [agent.accounts().admit(&principal).unwrap_err(), call(&slow.secret).await.unwrap_err()] {
        assert_eq!(error.code(), ErrorCode::RateLimitExceeded);
        assert!(error.retry_after().unwrap() > Duration::from_secs(55), "{error:?}");
    }
    assert_eq!(principal.user(), None);
    let principal = call(&other.secret).await.unwrap();
    for _ in 0..2 {
        agent.accounts().admit(&principal).unwrap();
    }
    assert!(call(&other.secret).await.is_err(), "both take their calls out of one bucket");
}

#[tokio::test]
async fn every_change_is_in_the_audit_log_with_who_made_it() {
    let agent = agent().await;
    let organization = organization(&agent).await;
    let accounts = agent.accounts().of(organization);
    let admin = accounts.create_key(&KeyOptions::new()).await.unwrap();
    let admin = agent.accounts().authenticate(admin.secret.expose()).await.unwrap();
    let theirs = agent.with(&admin);
    let ada = theirs.accounts().register("ada@example.org").await.unwrap();
    theirs.accounts().set_credential("openai", &Secret::new("sk-planted")).await.unwrap();
    let session = theirs.sessions().create().await.unwrap();
    theirs.sessions().end(session.id).await.unwrap();
    theirs.sessions().end(session.id).await.unwrap();
    theirs.accounts().delete_user(ada.user.id).await.unwrap();
    let other = agent.accounts().create_organization("Other").await.unwrap();

    let page = theirs.audit().entries(AuditQuery::default()).await.unwrap();
    let told: Vec<_> = page.items.iter().rev().map(|e| (e.action.as_str(), e.actor)).collect();
    assert_eq!(
        told,
        [
            ("organization.create", Actor::Host),
            ("key.create", Actor::Host),
            ("user.register", admin.actor()),
            ("key.create", admin.actor()),
            ("credential.set", admin.actor()),
            ("session.end", admin.actor()),
            ("user.delete", admin.actor()),
        ]
    );
    let mut query = AuditQuery::default();
    query.target = Some(ada.user.id.to_string());
    assert_eq!(theirs.audit().entries(query.clone()).await.unwrap().items.len(), 2);
    query.organization = Some(other.id);
    assert_eq!(theirs.audit().entries(query).await.unwrap().items.len(), 0);
    let all = agent.audit().entries(AuditQuery::default()).await.unwrap();
    assert_eq!(all.items.len(), 8);
    assert!(!serde_json::to_string(&all.items).unwrap().contains("example.org"));
}

#[tokio::test]
async fn a_user_reaches_their_own_keys_and_nothing_that_is_the_organizations() {
    let agent = agent().await;
    let accounts = agent.accounts().of(organization(&agent).await);
    let (ada, bob) = (accounts.register("ada@a.org").await.unwrap(), accounts.register("bob@a.org").await.unwrap());
    let caller = agent.accounts().authenticate(ada.key.secret.expose()).await.unwrap();
    let hers = agent.with(&caller).accounts();

    let second = hers.create_key(&KeyOptions::of_user(ada.user.id)).await.unwrap();
    let listed = hers.keys(KeyQuery::default()).await.unwrap();
    assert_eq!(listed.items.iter().map(|k| k.id).collect::<Vec<_>>(), [second.key.id, ada.key.key.id]);
    hers.revoke_key(second.key.id).await.unwrap();
    assert_eq!(hers.user(ada.user.id).await.unwrap().id, ada.user.id);

    let foreign = hers.user(bob.user.id).await.unwrap_err();
    let unknown = hers.user(UserId::new()).await.unwrap_err();
    assert_eq!(format!("{foreign:?}"), format!("{unknown:?}"));
    let mut theirs = KeyQuery::default();
    theirs.user = Some(bob.user.id);
    let forbidden = [
        hers.register("eve@a.org").await.err(),
        hers.users(UserQuery::default()).await.err(),
        hers.keys(theirs).await.err(),
        hers.create_key(&KeyOptions::new()).await.err(),
        hers.create_key(&KeyOptions::of_user(bob.user.id)).await.err(),
        hers.set_credential("openai", &Secret::new("x")).await.err(),
        hers.credentials().await.err(),
        hers.delete_user(ada.user.id).await.err(),
        agent.with(&caller).audit().entries(AuditQuery::default()).await.err(),
        agent.with(&caller).sessions().expire_idle().await.err(),
    ];
    for error in forbidden {
        let error = error.unwrap();
        assert_eq!((error.code(), error.kind()), (ErrorCode::Unauthorized, ErrorKind::Forbidden));
    }
    for error in [hers.revoke_key(bob.key.key.id).await.err(), hers.rotate_key(bob.key.key.id).await.err()] {
        assert_eq!(error.unwrap().kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn deleting_a_user_or_an_organization_takes_everything_with_it() {
    let agent = agent().await;
    let organization = organization(&agent).await;
    let accounts = agent.accounts().of(organization);
    let (ada, bob) = (accounts.register("ada@a.org").await.unwrap(), accounts.register("bob@a.org").await.unwrap());
    let mut callers = Vec::new();
    for registered in [&ada, &bob] {
        let caller = agent.accounts().authenticate(registered.key.secret.expose()).await.unwrap();
        agent.with(&caller).turn("will it rain?").await.unwrap();
        callers.push(caller);
    }
    let erased = accounts.delete_user(ada.user.id).await.unwrap();
    assert_eq!((erased.sessions, erased.messages), (1, 2));
    assert!(agent.accounts().authenticate(ada.key.secret.expose()).await.is_err());
    assert_eq!(agent.with(&callers[1]).sessions().list(Default::default()).await.unwrap().items.len(), 1);

    let erased = agent.accounts().delete_organization(organization).await.unwrap();
    assert_eq!((erased.sessions, erased.messages), (1, 2));
    assert!(agent.accounts().authenticate(bob.key.secret.expose()).await.is_err());
    assert_eq!(agent.accounts().organization(organization).await.unwrap_err().http_status(), 404);
    assert_eq!(agent.sessions().list(Default::default()).await.unwrap().items.len(), 0);
}

#[tokio::test]
async fn a_store_for_conversations_only_says_what_is_missing() {
    let agent = agent_on(Storage::new(Arc::new(MemoryStore::new())), "{}").await;
    agent.turn("hello").await.unwrap();
    let error = agent.accounts().create_organization("A").await.unwrap_err();
    assert_eq!((error.code(), error.kind()), (ErrorCode::InvalidRequest, ErrorKind::Unsupported));
    assert!(error.message().contains("Storage::of"));
    assert_eq!(agent.assistants().list(Default::default()).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(agent.audit().entries(AuditQuery::default()).await.unwrap_err().kind(), ErrorKind::Unsupported);
}
