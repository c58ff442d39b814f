//! A store that remembers what it was asked.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::{Map, Value};
use uuid::Uuid;
use voice_core::{
    Action, ApiKeyId, AssistantId, DocumentId, Message, Result, Session, SessionId, UserId,
    id::{AuditId, DeliveryId, MessageId, WebhookId},
    store::{
        AccountStore, ActionQuery, ActionStore, ApiKey, AssistantQuery, AssistantRecord, AssistantStore,
        AssistantVersion, AuditEntry, AuditLog, AuditQuery, ConversationStore, Credential, DeliveryQuery,
        DocumentQuery, DocumentSaved, DocumentVersion, Erased, Event, KeyHash, KeyQuery, KnowledgeDocument,
        KnowledgeStore, Lease, MessageQuery, NewRecord, Organization, OrganizationQuery, Owner, Page, Saved,
        SearchQuery, SessionQuery, StoreCapabilities, Summary, TurnRecord, User, UserQuery, Webhook, WebhookDelivery,
        WebhookLease, WebhookQuery, WebhookStore,
    },
};

use super::*;

/// A store before which somebody stands and writes down the names of its calls, in their order.
pub(crate) struct Watched<S> {
    store: Arc<S>,
    asked: Mutex<Vec<&'static str>>,
    /// Whether it says that processes share it.
    shared: bool,
}

impl<S> Watched<S> {
    pub(crate) fn new(store: S) -> Self {
        Self { store: Arc::new(store), asked: Mutex::default(), shared: false }
    }

    /// One that says that processes share it.
    pub(crate) fn shared(store: S) -> Self {
        Self { shared: true, ..Self::new(store) }
    }

    /// What it was asked since this was last called.
    pub(crate) fn asked(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ask(&self, what: &'static str) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }
}

macro_rules! watch {
    ($subject:ident { $($rest:item)* } $($name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        #[async_trait]
        impl<S: $subject> $subject for Watched<S> {
            $($rest)*

            $(async fn $name(&self, $($argument: $kind),*) -> Result<$result> {
                self.ask(stringify!($name));
                self.store.$name($($argument),*).await
            })*
        }
    };
}

watch! {
    ConversationStore {
        fn name(&self) -> &str {
            self.store.name()
        }

        fn capabilities(&self) -> StoreCapabilities {
            let mut capabilities = self.store.capabilities();
            capabilities.shared_between_processes |= self.shared;
            capabilities
        }
    }
    create_session(session: &Session) -> ();
    session(id: SessionId) -> Option<Session>;
    list_sessions(query: &SessionQuery) -> Page<Session>;
    set_metadata(id: SessionId, metadata: &Map<String, Value>) -> bool;
    end_session(id: SessionId, at: jiff::Timestamp) -> bool;
    delete_session(id: SessionId) -> bool;
    save_turn(turn: &TurnRecord) -> Saved;
    messages(session: SessionId, query: MessageQuery) -> Page<Message>;
    expire_idle(idle_since: jiff::Timestamp, at: jiff::Timestamp) -> u64;
    delete_over(ended_before: jiff::Timestamp) -> u64;
    messages_from(session: SessionId, after: Option<MessageId>, limit: usize) -> Page<Message>;
    search(query: &SearchQuery) -> Page<Message>;
    erase(owner: &Owner) -> Erased;
    delete_messages_before(before: jiff::Timestamp) -> u64;
    try_lease(lease: &Lease) -> bool;
    release(session: SessionId, holder: Uuid) -> ();
    close() -> ();
}

watch! {
    AccountStore {}
    create_organization(organization: &Organization) -> ();
    organization(id: OrganizationId) -> Option<Organization>;
    list_organizations(query: &OrganizationQuery) -> Page<Organization>;
    delete_organization(id: OrganizationId) -> bool;
    create_user(user: &User, key: Option<&ApiKey>) -> NewRecord;
    user(organization: OrganizationId, id: UserId) -> Option<User>;
    user_by_email(organization: OrganizationId, email: &str) -> Option<User>;
    list_users(organization: OrganizationId, query: &UserQuery) -> Page<User>;
    delete_user(organization: OrganizationId, id: UserId) -> bool;
    create_key(key: &ApiKey) -> NewRecord;
    key_by_hash(hash: &KeyHash) -> Option<ApiKey>;
    key(organization: OrganizationId, id: ApiKeyId) -> Option<ApiKey>;
    list_keys(organization: OrganizationId, query: &KeyQuery) -> Page<ApiKey>;
    revoke_key(organization: OrganizationId, id: ApiKeyId, at: jiff::Timestamp) -> bool;
    rotate_key(old: ApiKeyId, new: &ApiKey) -> NewRecord;
    set_credential(credential: &Credential) -> bool;
    credentials(organization: OrganizationId) -> Vec<Credential>;
    delete_credential(organization: OrganizationId, provider: &str) -> bool;
}

watch! {
    AssistantStore {}
    create_assistant(assistant: &AssistantRecord) -> ();
    update_assistant(assistant: &AssistantRecord) -> bool;
    assistant(organization: Option<OrganizationId>, id: AssistantId) -> Option<AssistantRecord>;
    assistant_version(organization: Option<OrganizationId>, version: AssistantVersion) -> Option<AssistantRecord>;
    list_assistants(organization: Option<OrganizationId>, query: &AssistantQuery) -> Page<AssistantRecord>;
    delete_assistant(organization: Option<OrganizationId>, id: AssistantId, at: jiff::Timestamp) -> bool;
    erase_assistants(organization: OrganizationId) -> u64;
}

watch! {
    AuditLog {}
    append(entries: &[AuditEntry]) -> ();
    settle(entries: &[AuditId], made: bool) -> ();
    entries(query: &AuditQuery) -> Page<AuditEntry>;
    delete_entries_before(before: jiff::Timestamp) -> u64;
}

watch! {
    ActionStore {}
    add_action(action: &Action) -> bool;
    actions(session: SessionId, query: &ActionQuery) -> Page<Action>;
    save_summary(summary: &Summary) -> bool;
    summary(session: SessionId) -> Option<Summary>;
    delete_actions_before(before: jiff::Timestamp) -> ();
}

watch! {
    KnowledgeStore {}
    add_document(document: &KnowledgeDocument, text: &str) -> DocumentSaved;
    update_document(document: &KnowledgeDocument, text: &str) -> DocumentSaved;
    document(organization: Option<OrganizationId>, id: DocumentId) -> Option<KnowledgeDocument>;
    read_document(organization: Option<OrganizationId>, id: DocumentId) -> Option<(KnowledgeDocument, String)>;
    list_documents(organization: Option<OrganizationId>, query: &DocumentQuery) -> Page<KnowledgeDocument>;
    document_versions(organization: Option<OrganizationId>, documents: Option<&[DocumentId]>) -> Vec<DocumentVersion>;
    delete_document(organization: Option<OrganizationId>, id: DocumentId) -> bool;
    erase_documents(organization: OrganizationId) -> u64;
}

watch! {
    WebhookStore {}
    create_webhook(webhook: &Webhook) -> ();
    update_webhook(webhook: &Webhook) -> bool;
    webhook(organization: Option<OrganizationId>, id: WebhookId) -> Option<Webhook>;
    list_webhooks(organization: Option<OrganizationId>, query: &WebhookQuery) -> Page<Webhook>;
    delete_webhook(organization: Option<OrganizationId>, id: WebhookId) -> bool;
    erase_webhooks(organization: OrganizationId) -> u64;
    anybody_listens() -> bool;
    enqueue(event: &Event) -> bool;
    queued(limit: usize) -> Vec<Event>;
    spread(event: &Event, deliveries: &[WebhookDelivery]) -> ();
    create_delivery(delivery: &WebhookDelivery) -> bool;
    lease_deliveries(lease: &WebhookLease) -> Vec<WebhookDelivery>;
    settle_delivery(delivery: &WebhookDelivery, holder: Option<Uuid>) -> bool;
    next_due() -> Option<jiff::Timestamp>;
    delivery(organization: Option<OrganizationId>, id: DeliveryId) -> Option<WebhookDelivery>;
    list_deliveries(organization: Option<OrganizationId>, query: &DeliveryQuery) -> Page<WebhookDelivery>;
    delete_deliveries_before(before: jiff::Timestamp) -> u64;
}
