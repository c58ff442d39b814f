//! Assistants: made, changed, listed; each in all its versions.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{VoiceAgent, check, reach::Reach};
use crate::{
    config::Assistant,
    error::{Error, ErrorKind, Result},
    id::{AssistantId, OrganizationId},
    store::{AssistantQuery, AssistantRecord, AssistantVersion, Page},
    time::Timestamp,
};

/// How often an update is tried again when somebody else was faster.
const UPDATE_ATTEMPTS: usize = 8;

/// The assistants of an organization, or of a host without organizations. Made by [`VoiceAgent::assistants`] and
/// [`ScopedAgent::assistants`](super::ScopedAgent::assistants).
///
/// A user's credential may read them; changing them needs one of the organization.
#[derive(Clone, Debug)]
pub struct Assistants {
    agent: VoiceAgent,
    reach: Reach,
}

/// An assistant that is kept, in one version.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct StoredAssistant {
    /// Its id.
    pub id: AssistantId,
    /// Its organization; `None` in a host without organizations.
    pub organization: Option<OrganizationId>,
    /// Which version this is, from 1.
    pub version: u32,
    /// Who it is and how it answers.
    #[serde(flatten)]
    pub assistant: Assistant,
    /// When it was created.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
    /// When this version was made.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub updated_at: Timestamp,
}

impl StoredAssistant {
    pub(super) fn from_record(record: AssistantRecord) -> Result<Self> {
        let unreadable = |error: Error| {
            Error::new(
                ErrorKind::StorageCorrupt,
                format!("version {} of the assistant {} cannot be read: {error}", record.version, record.id),
            )
        };
        let assistant = Assistant::from_value(Value::Object(record.document.clone())).map_err(unreadable)?;
        Ok(Self {
            id: record.id,
            organization: record.organization,
            version: record.version,
            assistant,
            created_at: record.created_at,
            updated_at: record.updated_at,
        })
    }
}

impl Assistants {
    pub(super) fn new(agent: VoiceAgent, reach: Reach) -> Self {
        Self { agent, reach }
    }

    /// The assistants of one organization only.
    #[must_use]
    pub fn of(mut self, organization: OrganizationId) -> Self {
        self.reach = self.reach.within(organization);
        self
    }

    /// Keeps an assistant, in version 1.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` naming the path of the fault; `UNAUTHORIZED` (kind `Forbidden`) for a user's credential;
    /// `INVALID_REQUEST` (kind `NotFound`) when there is no such organization; `STORAGE_ERROR`.
    pub async fn create(&self, assistant: &Assistant) -> Result<StoredAssistant> {
        self.check_may_change(assistant)?;
        let storage = self.agent.storage()?;
        if let (Some(organization), Ok(accounts)) = (self.reach.organization, storage.accounts())
            && accounts.organization(organization).await?.is_none()
        {
            return Err(Error::new(ErrorKind::NotFound, "there is no such organization"));
        }
        self.agent.check_documents(self.reach.organization, &assistant.knowledge, &[]).await?;
        let now = self.agent.engine()?.clock.now();
        let organization = self.reach.organization;
        let record = AssistantRecord::new(AssistantId::new(), organization, &assistant.name, document(assistant)?, now);
        let entry = self.agent.entry(&self.reach, organization, "assistant.create", record.id)?;
        self.agent.audited([entry], storage.assistants()?.create_assistant(&record)).await?;
        StoredAssistant::from_record(record)
    }

    /// An assistant in its current version.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `NotFound`); `STORAGE_ERROR`.
    pub async fn get(&self, id: AssistantId) -> Result<StoredAssistant> {
        StoredAssistant::from_record(self.current(id).await?)
    }

    /// An assistant in one of its versions, also after it was deleted.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `NotFound`); `STORAGE_ERROR`.
    pub async fn version(&self, version: AssistantVersion) -> Result<StoredAssistant> {
        self.reach.check_own().map_err(|_| not_found())?;
        let store = self.agent.storage()?.assistants()?;
        let found = store.assistant_version(self.reach.organization, version).await?;
        StoredAssistant::from_record(found.ok_or_else(not_found)?)
    }

    /// Assistants in their current version, newest first.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the limit is not 1–100; `STORAGE_ERROR`.
    pub async fn list(&self, query: AssistantQuery) -> Result<Page<StoredAssistant>> {
        check::limit(query.limit)?;
        if self.reach.is_nothing() {
            return Ok(Page::new(Vec::new(), false));
        }
        let page = self.agent.storage()?.assistants()?.list_assistants(self.reach.organization, &query).await?;
        page.try_map(StoredAssistant::from_record)
    }

    /// Replaces an assistant by the next version of it. Sessions that run go on with the version with which they began.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn update(&self, id: AssistantId, assistant: &Assistant) -> Result<StoredAssistant> {
        self.change(id, |_| Ok(assistant.clone())).await
    }

    /// Changes the fields of an assistant that a JSON object names, and leaves the others. `null` brings back a default.
    ///
    /// # Errors
    /// As [`create`](Self::create); unknown fields are refused by name.
    pub async fn patch(&self, id: AssistantId, fields: &serde_json::Map<String, Value>) -> Result<StoredAssistant> {
        self.change(id, |current| {
            let mut document = current.document.clone();
            for (key, value) in fields {
                if value.is_null() {
                    // Put there before it is taken away, so that an unknown one is refused all the same.
                    if !Assistant::has_field(key) {
                        document.insert(key.clone(), Value::Null);
                    } else {
                        document.remove(key);
                    }
                } else {
                    document.insert(key.clone(), value.clone());
                }
            }
            Assistant::from_value(Value::Object(document))
        })
        .await
    }

    /// Deletes an assistant: nobody can start with it any more. Sessions that run go on with their version of it.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `NotFound`); `UNAUTHORIZED` (kind `Forbidden`) for a user's credential; `STORAGE_ERROR`.
    pub async fn delete(&self, id: AssistantId) -> Result<()> {
        self.reach.check_not_a_user()?;
        let now = self.agent.engine()?.clock.now();
        let organization = self.reach.organization;
        let entry = self.agent.entry(&self.reach, organization, "assistant.delete", id)?;
        let change = self.agent.storage()?.assistants()?.delete_assistant(organization, id, now);
        self.agent.audited([entry], change).await?.then_some(()).ok_or_else(not_found)
    }

    async fn change(
        &self,
        id: AssistantId,
        change: impl Fn(&AssistantRecord) -> Result<Assistant>,
    ) -> Result<StoredAssistant> {
        self.reach.check_not_a_user()?;
        let store = self.agent.storage()?.assistants()?;
        for _ in 0..UPDATE_ATTEMPTS {
            let current = self.current(id).await?;
            let assistant = change(&current)?;
            self.check_may_change(&assistant)?;
            let before = StoredAssistant::from_record(current.clone())?.assistant.knowledge;
            self.agent.check_documents(current.organization, &assistant.knowledge, &before).await?;
            let next = AssistantRecord {
                version: current.version + 1,
                name: assistant.name.clone(),
                document: document(&assistant)?,
                updated_at: self.agent.engine()?.clock.now(),
                ..current
            };
            let entry = self.agent.entry(&self.reach, next.organization, "assistant.update", id)?;
            if self.agent.audited([entry], store.update_assistant(&next)).await? {
                return StoredAssistant::from_record(next);
            }
        }
        Err(Error::new(ErrorKind::StorageBusy, "others change this assistant all the time; try again"))
    }

    pub(super) async fn current(&self, id: AssistantId) -> Result<AssistantRecord> {
        self.reach.check_own().map_err(|_| not_found())?;
        let found = self.agent.storage()?.assistants()?.assistant(self.reach.organization, id).await?;
        found.ok_or_else(not_found)
    }

    fn check_may_change(&self, assistant: &Assistant) -> Result<()> {
        self.reach.check_not_a_user()?;
        assistant.validate()?;
        self.agent.casting()?.check(assistant)
    }
}

fn document(assistant: &Assistant) -> Result<serde_json::Map<String, Value>> {
    match serde_json::to_value(assistant) {
        Ok(Value::Object(document)) => Ok(document),
        _ => Err(Error::internal("an assistant could not be written as a document")),
    }
}

fn not_found() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such assistant")
}
