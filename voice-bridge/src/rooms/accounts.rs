//! Organizations, users, API keys, credentials and access tokens.

use serde::Deserialize;
use serde_json::{Value, json};
use voice_core::{
    Secret,
    agent::{Accounts, KeyOptions, NewApiKey, OrganizationAccounts},
    store::{KeyQuery, KeyRateLimit, OrganizationQuery, UserQuery},
};

use super::{check, page, principal, records, tokens, undone};
use crate::{Agent, ErrorRecord, Outcome, arguments::Arguments};

/// What the host does.
const OF_ALL: [(&str, &[&str]); 9] = [
    ("create_organization", &["name"]),
    ("organization", &["id"]),
    ("organizations", &["limit", "before"]),
    ("delete_organization", &["id"]),
    ("authenticate", &["key"]),
    ("log_in", &["key"]),
    ("admit", &["principal"]),
    ("issue_token", &["keys", "principal", "valid_seconds"]),
    ("authenticate_token", &["keys", "token"]),
];

/// What is done within one organization.
const OF_ONE: [(&str, &[&str]); 12] = [
    ("register", &["organization", "email"]),
    ("user", &["organization", "id"]),
    ("user_by_email", &["organization", "email"]),
    ("users", &["organization", "limit", "before"]),
    ("delete_user", &["organization", "id"]),
    ("create_key", &["organization", "user", "name", "rate_limit", "valid_seconds"]),
    ("keys", &["organization", "user", "limit", "before"]),
    ("rotate_key", &["organization", "id"]),
    ("revoke_key", &["organization", "id"]),
    ("set_credential", &["organization", "provider", "secret"]),
    ("credentials", &["organization"]),
    ("delete_credential", &["organization", "provider"]),
];

pub(super) async fn call(agent: &Agent, method: &str, arguments: &Arguments) -> Outcome<Value> {
    check("accounts", &[&OF_ALL[..], &OF_ONE].concat(), method, &[], arguments)?;
    if OF_ALL.iter().any(|(name, _)| *name == method) {
        of_all(&agent.host()?.accounts(), method, arguments).await
    } else {
        let accounts = agent.accounts_of(arguments.parsed("organization")?)?;
        of_one(&accounts, method, arguments).await
    }
}

async fn of_all(accounts: &Accounts, method: &str, arguments: &Arguments) -> Outcome<Value> {
    let who = || principal(Value::Object(arguments.object("principal")?.clone()));
    Ok(match method {
        "create_organization" => json!(accounts.create_organization(arguments.required("name")?).await?),
        "organization" => json!(accounts.organization(arguments.id("id")?).await?),
        "organizations" => {
            let mut query = OrganizationQuery::newest(arguments.limit()?);
            query.before = arguments.parsed("before")?;
            page(&accounts.organizations(query).await?)
        }
        "delete_organization" => json!(accounts.delete_organization(arguments.id("id")?).await?),
        "authenticate" => json!(accounts.authenticate(arguments.required("key")?).await?),
        "log_in" => {
            json!(records::Login::from(accounts.log_in(arguments.required("key")?).await?))
        }
        "admit" => json!(accounts.admit(&who()?)?),
        "issue_token" => {
            let valid = arguments.age("valid_seconds")?;
            json!(accounts.issue_token(&tokens::keys(arguments)?, &who()?, valid)?.expose())
        }
        "authenticate_token" => {
            let keys = tokens::keys(arguments)?;
            json!(accounts.authenticate_token(&keys, arguments.required("token")?).await?)
        }
        other => return Err(undone("accounts", other)),
    })
}

async fn of_one(accounts: &OrganizationAccounts, method: &str, arguments: &Arguments) -> Outcome<Value> {
    Ok(match method {
        "register" => {
            json!(records::Registered::from(accounts.register(arguments.required("email")?).await?))
        }
        "user" => json!(accounts.user(arguments.id("id")?).await?),
        "user_by_email" => json!(accounts.user_by_email(arguments.required("email")?).await?),
        "users" => {
            let mut query = UserQuery::newest(arguments.limit()?);
            query.before = arguments.parsed("before")?;
            page(&accounts.users(query).await?)
        }
        "delete_user" => json!(accounts.delete_user(arguments.id("id")?).await?),
        "create_key" => made(accounts.create_key(&key_options(arguments)?).await?),
        "keys" => {
            let mut query = KeyQuery::default();
            query.user = arguments.parsed("user")?;
            query.limit = arguments.limit()?;
            query.before = arguments.parsed("before")?;
            page(&accounts.keys(query).await?)
        }
        "rotate_key" => made(accounts.rotate_key(arguments.id("id")?).await?),
        "revoke_key" => json!(accounts.revoke_key(arguments.id("id")?).await?),
        "set_credential" => {
            let secret = Secret::new(arguments.required("secret")?);
            json!(accounts.set_credential(arguments.required("provider")?, &secret).await?)
        }
        "credentials" => json!(accounts.credentials().await?),
        "delete_credential" => json!(accounts.delete_credential(arguments.required("provider")?).await?),
        other => return Err(undone("accounts", other)),
    })
}

fn key_options(arguments: &Arguments) -> Outcome<KeyOptions> {
    let mut options = KeyOptions::new();
    options.user = arguments.parsed("user")?;
    if let Some(name) = arguments.text("name")? {
        options.name = name.to_owned();
    }
    let limit = |limit| {
        KeyRateLimit::deserialize(limit)
            .map_err(|_| ErrorRecord::invalid("rate_limit: expected per_minute and burst, whole numbers from 1"))
    };
    options.rate_limit = arguments.given("rate_limit").map(limit).transpose()?;
    options.valid_for = arguments.seconds("valid_seconds")?;
    Ok(options)
}

fn made(new: NewApiKey) -> Value {
    json!(records::NewApiKey::from(new))
}
