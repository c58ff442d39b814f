//! The records of people, from which typed languages make their types.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::{Value, json};
use voice_core::{
    Action, Source,
    agent::{self, CleanedUp, ConversationSummary, CredentialInfo, Principal, StoredAssistant, WebhookInfo},
    config::Assistant,
    provider::{self, Voice},
    store::{ApiKey, AuditEntry, Erased, KnowledgeDocument, Organization, User, WebhookDelivery},
    telephony::PhoneCall,
    time::Timestamp,
};

/// A key that was just made.
#[derive(Serialize, JsonSchema)]
pub(super) struct NewApiKey {
    /// What is kept of it.
    key: ApiKey,
    /// `sk_` and 64 hexadecimal digits. Give it to its owner and forget it: only its hash is kept.
    secret: String,
}

impl From<agent::NewApiKey> for NewApiKey {
    fn from(new: agent::NewApiKey) -> Self {
        Self { secret: new.secret.expose().to_owned(), key: new.key }
    }
}

/// A user who was just registered.
#[derive(Serialize, JsonSchema)]
pub(super) struct Registered {
    /// The user.
    user: User,
    /// What is kept of their first key.
    key: ApiKey,
    /// The key itself. Give it to them and forget it: only its hash is kept.
    secret: String,
}

impl From<agent::Registered> for Registered {
    fn from(new: agent::Registered) -> Self {
        let NewApiKey { key, secret } = new.key.into();
        Self { user: new.user, key, secret }
    }
}

/// Who logged in.
#[derive(Serialize, JsonSchema)]
pub(super) struct Login {
    /// Who it is: the agent acts for them.
    principal: Principal,
    /// The user; `None` for a key of a whole organization.
    user: Option<User>,
}

impl From<agent::Login> for Login {
    fn from(login: agent::Login) -> Self {
        Self { principal: login.principal, user: login.user }
    }
}

/// A webhook with a secret that was just made.
#[derive(Serialize, JsonSchema)]
pub(super) struct SignedWebhook {
    /// The webhook.
    webhook: WebhookInfo,
    /// `whsec_` and 32 bytes in base64. Give it to the receiver and forget it: it is kept encrypted, and never given back.
    secret: String,
}

impl From<agent::SignedWebhook> for SignedWebhook {
    fn from(new: agent::SignedWebhook) -> Self {
        Self { webhook: new.webhook, secret: new.secret.expose().to_owned() }
    }
}

/// What opens a session of a browser's own with the speech-to-speech model, without the key.
#[derive(Serialize, JsonSchema)]
pub(super) struct ClientSecret {
    /// The secret: give it to the browser, and forget it.
    value: String,
    /// Until when a session may be begun with it; one that runs goes on.
    #[schemars(with = "String", extend("format" = "date-time"))]
    expires_at: Timestamp,
}

impl From<provider::ClientSecret> for ClientSecret {
    fn from(secret: provider::ClientSecret) -> Self {
        Self { value: secret.value.expose().to_owned(), expires_at: secret.expires_at }
    }
}

/// The answer to a browser's offer of a WebRTC connection.
#[derive(Serialize, JsonSchema)]
pub(super) struct CallAnswer {
    /// The session description: give it to the browser.
    sdp: String,
    /// What the provider calls the call, where it says.
    call_id: Option<String>,
}

impl From<provider::CallAnswer> for CallAnswer {
    fn from(answer: provider::CallAnswer) -> Self {
        Self { sdp: answer.sdp, call_id: answer.call_id }
    }
}

/// The JSON schema of the records: what is only given has all its fields, what a host writes those that it must.
pub(crate) fn schema() -> Value {
    let mut given = SchemaSettings::draft2020_12().for_serialize().into_generator();
    given.subschema_for::<Organization>();
    given.subschema_for::<NewApiKey>();
    given.subschema_for::<Registered>();
    given.subschema_for::<Login>();
    given.subschema_for::<Erased>();
    given.subschema_for::<CleanedUp>();
    given.subschema_for::<CredentialInfo>();
    given.subschema_for::<StoredAssistant>();
    given.subschema_for::<AuditEntry>();
    given.subschema_for::<PhoneCall>();
    given.subschema_for::<Action>();
    given.subschema_for::<ConversationSummary>();
    given.subschema_for::<KnowledgeDocument>();
    given.subschema_for::<Source>();
    given.subschema_for::<SignedWebhook>();
    given.subschema_for::<WebhookDelivery>();
    given.subschema_for::<ClientSecret>();
    given.subschema_for::<CallAnswer>();
    given.subschema_for::<Voice>();
    let mut written = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    written.subschema_for::<Principal>();
    written.subschema_for::<Assistant>();
    let mut parts = given.take_definitions(true);
    parts.extend(written.take_definitions(true));
    json!({ "$defs": parts })
}
