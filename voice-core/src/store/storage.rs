//! The stores that an agent holds, and what they can do.

use std::sync::Arc;

use serde::Serialize;

use super::{AccountStore, ActionStore, AssistantStore, AuditLog, ConversationStore, KnowledgeStore, WebhookStore};
use crate::error::{Error, ErrorKind, Result};

/// What a store can do beyond the required, as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoreCapabilities {
    /// What was acknowledged survives the end of the process.
    pub durable: bool,
    /// [`search`](ConversationStore::search) works, and at a cost that does not grow with everything that was ever said.
    pub full_text_search: bool,
    /// A turn is saved in a transaction of the database, not by ordered idempotent writes.
    pub transactions: bool,
    /// Several processes may use it at the same time: turns of one session are then kept apart by leases.
    pub shared_between_processes: bool,
}

impl Default for StoreCapabilities {
    fn default() -> Self {
        Self { durable: true, full_text_search: false, transactions: true, shared_between_processes: false }
    }
}

/// The stores of an agent, by subject. Only conversations are required; what needs a store that is not there fails with kind
/// `Unsupported`.
#[derive(Clone)]
pub struct Storage {
    conversations: Arc<dyn ConversationStore>,
    accounts: Option<Arc<dyn AccountStore>>,
    assistants: Option<Arc<dyn AssistantStore>>,
    audit: Option<Arc<dyn AuditLog>>,
    actions: Option<Arc<dyn ActionStore>>,
    knowledge: Option<Arc<dyn KnowledgeStore>>,
    webhooks: Option<Arc<dyn WebhookStore>>,
}

impl Storage {
    /// Conversations only.
    #[must_use]
    pub fn new(conversations: Arc<dyn ConversationStore>) -> Self {
        Self {
            conversations,
            accounts: None,
            assistants: None,
            audit: None,
            actions: None,
            knowledge: None,
            webhooks: None,
        }
    }

    /// One store for every subject, as the shipped ones are.
    #[must_use]
    pub fn of<S>(store: Arc<S>) -> Self
    where
        S: ConversationStore
            + AccountStore
            + AssistantStore
            + AuditLog
            + ActionStore
            + KnowledgeStore
            + WebhookStore
            + 'static,
    {
        Self::new(Arc::clone(&store) as _)
            .with_accounts(Arc::clone(&store) as _)
            .with_assistants(Arc::clone(&store) as _)
            .with_audit(Arc::clone(&store) as _)
            .with_actions(Arc::clone(&store) as _)
            .with_knowledge(Arc::clone(&store) as _)
            .with_webhooks(store)
    }

    /// Keeps conversations here instead.
    #[must_use]
    pub fn with_conversations(mut self, store: Arc<dyn ConversationStore>) -> Self {
        self.conversations = store;
        self
    }

    /// Keeps accounts here.
    #[must_use]
    pub fn with_accounts(mut self, store: Arc<dyn AccountStore>) -> Self {
        self.accounts = Some(store);
        self
    }

    /// Keeps assistants here.
    #[must_use]
    pub fn with_assistants(mut self, store: Arc<dyn AssistantStore>) -> Self {
        self.assistants = Some(store);
        self
    }

    /// Writes the audit log here. Without one, changes are not logged.
    #[must_use]
    pub fn with_audit(mut self, log: Arc<dyn AuditLog>) -> Self {
        self.audit = Some(log);
        self
    }

    /// Keeps actions and summaries here: it has to be the store that keeps the conversations, with which they go.
    #[must_use]
    pub fn with_actions(mut self, store: Arc<dyn ActionStore>) -> Self {
        self.actions = Some(store);
        self
    }

    /// Keeps documents here.
    #[must_use]
    pub fn with_knowledge(mut self, store: Arc<dyn KnowledgeStore>) -> Self {
        self.knowledge = Some(store);
        self
    }

    /// Keeps webhooks here, and what they are to be told. What becomes of sessions and turns is told only by a store that keeps the
    /// conversations as well.
    #[must_use]
    pub fn with_webhooks(mut self, store: Arc<dyn WebhookStore>) -> Self {
        self.webhooks = Some(store);
        self
    }

    /// Sessions and messages.
    #[must_use]
    pub fn conversations(&self) -> &Arc<dyn ConversationStore> {
        &self.conversations
    }

    /// Accounts.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `Unsupported`) when there is no store for them.
    pub fn accounts(&self) -> Result<&Arc<dyn AccountStore>> {
        self.accounts.as_ref().ok_or_else(|| missing("accounts"))
    }

    /// Assistants.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `Unsupported`) when there is no store for them.
    pub fn assistants(&self) -> Result<&Arc<dyn AssistantStore>> {
        self.assistants.as_ref().ok_or_else(|| missing("assistants"))
    }

    /// Documents that answers are drawn from.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `Unsupported`) when there is no store for them.
    pub fn knowledge(&self) -> Result<&Arc<dyn KnowledgeStore>> {
        self.knowledge.as_ref().ok_or_else(|| missing("knowledge"))
    }

    /// Webhooks.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `Unsupported`) when there is no store for them.
    pub fn webhooks(&self) -> Result<&Arc<dyn WebhookStore>> {
        self.webhooks.as_ref().ok_or_else(|| missing("webhooks"))
    }

    /// The audit log, if there is one.
    #[must_use]
    pub fn audit(&self) -> Option<&Arc<dyn AuditLog>> {
        self.audit.as_ref()
    }

    /// Actions and summaries.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `Unsupported`) when there is no store for them.
    pub fn actions(&self) -> Result<&Arc<dyn ActionStore>> {
        self.actions.as_ref().ok_or_else(|| missing("actions"))
    }
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storage")
            .field("conversations", &self.conversations.name())
            .field("accounts", &self.accounts.is_some())
            .field("assistants", &self.assistants.is_some())
            .field("audit", &self.audit.is_some())
            .field("actions", &self.actions.is_some())
            .field("knowledge", &self.knowledge.is_some())
            .field("webhooks", &self.webhooks.is_some())
            .finish()
    }
}

fn missing(what: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("the agent has no store for {what}; give it `Storage::of(store)`, or `Storage::with_{what}`"),
    )
}
