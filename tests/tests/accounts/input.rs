//! What is given and cannot be accepted: a typed error that names the field, and nothing is kept.

use serde_json::json;
use voice_core::{
    AssistantId, Error, ErrorCode, MessageId, OrganizationId, Secret, SessionId, UserId,
    agent::{ExportFormat, KeyOptions},
    config::Assistant,
    store::{
        Actor, AssistantQuery, AuditQuery, KeyQuery, MessageQuery, OrganizationQuery, SearchQuery, SessionQuery,
        UserQuery,
    },
};

use super::*;

fn refused<T>(field: &str, outcome: voice_core::Result<T>) {
    let error: Error = outcome.err().unwrap_or_else(|| unreachable!("{field} was accepted"));
    assert_eq!(error.code(), ErrorCode::ValidationError, "{field}: {error:?}");
    assert!(error.message().starts_with(field), "{field}: {error}");
}

#[tokio::test]
async fn what_cannot_be_accepted_is_refused_by_the_name_of_its_field() {
    let agent = agent().await;
    let organization = organization(&agent).await;
    let (accounts, sessions) = (agent.accounts().of(organization), agent.sessions());
    let long = "x".repeat(300);

    for name in ["", "  ", "a\u{0}b", "line\nline", &long] {
        refused("name", agent.accounts().create_organization(name).await);
    }
    for email in ["", "ada", "ada@", "a b@c.org", "ada@example", &format!("{long}@example.org")] {
        refused("email", accounts.register(email).await);
        refused("email", accounts.user_by_email(email).await);
    }
    refused("name", accounts.create_key(&KeyOptions::new().name(&long)).await);
    refused("valid_for", accounts.create_key(&KeyOptions::new().valid_for(Duration::ZERO)).await);
    refused("valid_for", accounts.create_key(&KeyOptions::new().valid_for(Duration::MAX)).await);
    for provider in ["", "Open AI", "../openai", &long] {
        refused("provider", accounts.set_credential(provider, &Secret::new("x")).await);
        refused("provider", accounts.delete_credential(provider).await);
    }
    refused("secret", accounts.set_credential("openai", &Secret::new("")).await);
    refused("secret", accounts.set_credential("openai", &Secret::new("x".repeat(20_000))).await);

    refused("user", sessions.clone().for_user("").create().await);
    refused("user", sessions.clone().for_user(&long).create().await);
    refused("user", agent.turn("hello").user(&long).await);
    refused("user", sessions.erase_user().await);
    let large = json!({"x": "y".repeat(70_000)}).as_object().unwrap().clone();
    refused("metadata", sessions.create().metadata(large).await);
    refused("text", sessions.search(SearchQuery::new(" ?! ")).await);
    refused("text", sessions.search(SearchQuery::new("word ".repeat(300))).await);
    refused("name", agent.assistants().create(&Assistant::named("")).await);

    assert_eq!(accounts.users(UserQuery::default()).await.unwrap().items.len(), 0);
    assert_eq!(agent.accounts().organizations(OrganizationQuery::default()).await.unwrap().items.len(), 1);
    assert_eq!(sessions.list(SessionQuery::default()).await.unwrap().items.len(), 0);
}

#[tokio::test]
async fn limits_that_are_no_page_are_refused() {
    let agent = agent().await;
    let accounts = agent.accounts().of(organization(&agent).await);
    let session = agent.sessions().create().await.unwrap().id;
    for limit in [0, 101, usize::MAX] {
        let mut sessions = SessionQuery::default();
        sessions.limit = limit;
        refused("limit", agent.sessions().list(sessions).await);
        refused("limit", agent.sessions().history(session, MessageQuery::latest(limit)).await);
        let mut search = SearchQuery::new("rain");
        search.limit = limit;
        refused("limit", agent.sessions().search(search).await);
        refused("limit", accounts.users(UserQuery::newest(limit)).await);
        let mut keys = KeyQuery::default();
        keys.limit = limit;
        refused("limit", accounts.keys(keys).await);
        refused("limit", agent.accounts().organizations(OrganizationQuery::newest(limit)).await);
        refused("limit", agent.assistants().list(AssistantQuery::newest(limit)).await);
        let mut audit = AuditQuery::default();
        audit.limit = limit;
        refused("limit", agent.audit().entries(audit).await);
    }
}

#[test]
fn malformed_cursors_ids_and_names_are_refused() {
    for text in ["", "x", "AAAA", "not a cursor", "💥", &SessionId::new().to_string(), &"A".repeat(5_000)] {
        refused("cursor", SessionQuery::default().after(text));
        refused("cursor", MessageQuery::latest(5).after(text));
        refused("cursor", UserQuery::default().after(text));
        refused("cursor", KeyQuery::default().after(text));
        refused("cursor", OrganizationQuery::default().after(text));
        refused("cursor", AssistantQuery::default().after(text));
        refused("cursor", AuditQuery::default().after(text));
    }
    for text in ["", "1", "../..", "00000000-0000-0000-0000-00000000000g"] {
        refused("not a session id", text.parse::<SessionId>());
        refused("not a message id", text.parse::<MessageId>());
        refused("not an organization id", text.parse::<OrganizationId>());
        refused("not a user id", text.parse::<UserId>());
        refused("format", text.parse::<ExportFormat>());
        refused("actor", format!("nobody:{text}").parse::<Actor>());
        refused("not an assistant id", text.parse::<AssistantId>());
    }
}

#[tokio::test]
async fn a_wrong_config_of_accounts_or_retention_names_its_path() {
    for (config, says) in [
        (r#"{"accounts": {"rate_limits": 1}}"#, "accounts.rate_limits: there is no such key"),
        (r#"{"accounts": {"rate_limit": {"per_minute": 0}}}"#, "accounts.rate_limit.per_minute"),
        (r#"{"accounts": {"rate_limit": {"per_minute": -1}}}"#, "accounts.rate_limit.per_minute"),
        (r#"{"retention": {"every_minutes": 0}}"#, "retention.every_minutes: 0 is out of range"),
        (r#"{"retention": {"sessions_days": -1, "every_minutes": 5}}"#, "retention.sessions_days: -1 is out of range"),
        (r#"{"retention": {"sessions_days": 30}}"#, "retention.every_minutes: say how often"),
    ] {
        let error = Config::from_json(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().starts_with(says), "{config}: {error}");
    }
    let config = Config::from_json(r#"{"accounts": {"credentials_key": "planted"}}"#).unwrap();
    assert!(!format!("{config:?}").contains("planted"));
    let error = VoiceAgent::builder().config(config).build().await.unwrap_err();
    assert!(error.message().starts_with("accounts.credentials_key: ") && !error.message().contains("planted"));
    let without = agent_on(memory(), "{}").await;
    let accounts = without.accounts().of(organization(&without).await);
    let error = accounts.set_credential("openai", &Secret::new("x")).await.unwrap_err();
    assert!(error.message().contains("VOICE_CORE_CREDENTIALS_KEY"), "{error}");
}
