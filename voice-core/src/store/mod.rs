//! What is kept: small traits by subject, so that a host can supply one and leave the others out.
//!
//! | trait | keeps |
//! |---|---|
//! | [`ConversationStore`] | sessions and messages; every agent has one |
//! | [`AccountStore`] | organizations, users, API keys, provider credentials |
//! | [`AssistantStore`] | assistants, each in all its versions |
//! | [`AuditLog`] | who changed what, and when |
//! | [`ActionStore`] | what has to be acted on, and what conversations came to |
//! | [`KnowledgeStore`] | documents that answers are drawn from |
//! | [`WebhookStore`] | who wants to be told of events, and what is to be told them |
//! | [`BlobStore`] | recordings |
//!
//! [`Storage`] is the set of them that an agent holds. Every implementation passes the suites in
//! `voice_testkit::conformance`.

mod accounts;
mod actions;
mod assistants;
mod audit;
pub mod blobs;
mod conversations;
mod knowledge;
mod memory;
mod page;
mod recorded;
mod storage;
mod webhooks;

pub use accounts::{
    AccountStore, ApiKey, Credential, KeyHash, KeyQuery, KeyRateLimit, NewRecord, Organization, OrganizationQuery,
    User, UserQuery,
};
pub use actions::{ActionQuery, ActionStore, Summary};
pub use assistants::{AssistantQuery, AssistantRecord, AssistantStore};
pub use audit::{Actor, AuditEntry, AuditLog, AuditQuery};
pub use blobs::{BlobKey, BlobRef, BlobStore, MemoryBlobs};
#[cfg(any(feature = "mongodb", feature = "postgres"))]
pub(crate) use conversations::index_words;
pub(crate) use conversations::messages_up_to;
pub use conversations::{
    AssistantVersion, ConversationStore, Erased, Lease, MessageQuery, Owner, Saved, SearchQuery, Session, SessionQuery,
    SessionStatus, TurnRecord,
};
pub use knowledge::{DocumentFormat, DocumentQuery, DocumentSaved, DocumentVersion, KnowledgeDocument, KnowledgeStore};
pub use memory::MemoryStore;
pub use page::{Cursor, Listed, Page, PageQuery};
pub(crate) use recorded::{RecordedStore, folder_of, key_of, live_key_of};
pub use storage::{Storage, StoreCapabilities};
pub(crate) use webhooks::Outbox;
pub use webhooks::{
    ACTION_DETECTED, DeliveryAttempt, DeliveryQuery, DeliveryStatus, Event, SealedSecret, Webhook, WebhookDelivery,
    WebhookLease, WebhookQuery, WebhookStore,
};
