//! Assistants as documents: one for the assistant, and one for each of its versions. The newest version is the current one, so
//! that a version counts from the moment at which its document is inserted.

use async_trait::async_trait;
use mongodb::bson::{DateTime, Document, Uuid, doc, oid::ObjectId};
use serde::{Deserialize, Serialize};

use super::{
    MongoStore,
    database::Database,
    documents::{foreign, metadata, moment, plain, timestamp, uuid},
    error::is_duplicate,
};
use crate::{
    error::Result,
    id::{AssistantId, OrganizationId},
    store::{AssistantQuery, AssistantRecord, AssistantStore, AssistantVersion, Page},
    stores::text,
    time::Timestamp,
};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AssistantDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    organization: Option<Uuid>,
    created_at: DateTime,
    deleted_at: Option<DateTime>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct VersionDocument {
    #[serde(rename = "_id")]
    id: ObjectId,
    assistant: Uuid,
    version: i64,
    name: String,
    /// JSON: its keys may be any text, and its numbers keep their kind.
    document: String,
    updated_at: DateTime,
}

impl VersionDocument {
    fn new(record: &AssistantRecord) -> Result<Self> {
        Ok(Self {
            id: ObjectId::new(),
            assistant: uuid(record.id.as_uuid()),
            version: record.version.into(),
            name: text::kept(&record.name).into_owned(),
            document: metadata(&record.document)?,
            updated_at: moment(record.updated_at),
        })
    }

    fn read(self, of: &AssistantDocument) -> Result<AssistantRecord> {
        let document = serde_json::from_str(&self.document).map_err(|_| foreign())?;
        let organization = of.organization.map(|id| OrganizationId::from_uuid(plain(id)));
        let (id, name) = (AssistantId::from_uuid(plain(of.id)), text::read(self.name));
        let mut record = AssistantRecord::new(id, organization, name, document, timestamp(of.created_at)?);
        record.version = u32::try_from(self.version).map_err(|_| foreign())?;
        record.updated_at = timestamp(self.updated_at)?;
        Ok(record)
    }
}

fn of_organization(organization: Option<OrganizationId>) -> Document {
    doc! { "organization": organization.map(|id| uuid(id.as_uuid())) }
}

impl Database {
    async fn make_assistant(&self, record: &AssistantRecord) -> Result<()> {
        let id = uuid(record.id.as_uuid());
        if self.told(self.assistants.find_one(doc! { "_id": id }).await)?.is_some() {
            return Ok(());
        }
        let version = VersionDocument::new(record)?;
        match self.versions.insert_one(&version).await {
            // Left by a call that did not come to its end, or another that is about to.
            Err(error) if is_duplicate(&error) => {}
            done => self.told(done).map(|_| ())?,
        }
        let document = AssistantDocument {
            id,
            organization: record.organization.map(|id| uuid(id.as_uuid())),
            created_at: moment(record.created_at),
            deleted_at: None,
        };
        match self.assistants.insert_one(&document).await {
            Err(error) if is_duplicate(&error) => Ok(()),
            done => self.told(done).map(|_| ()),
        }
    }

    async fn assistant_of(
        &self,
        organization: Option<OrganizationId>,
        id: AssistantId,
    ) -> Result<Option<AssistantDocument>> {
        let mut wanted = of_organization(organization);
        wanted.insert("_id", uuid(id.as_uuid()));
        self.told(self.assistants.find_one(wanted).await)
    }

    async fn current(&self, of: &AssistantDocument) -> Result<Option<AssistantRecord>> {
        let newest = self.versions.find_one(doc! { "assistant": of.id }).sort(doc! { "version": -1 }).await;
        self.told(newest)?.map(|version| version.read(of)).transpose()
    }

    async fn next_version(&self, record: &AssistantRecord) -> Result<bool> {
        let found = self.assistant_of(record.organization, record.id).await?;
        let Some(found) = found.filter(|found| found.deleted_at.is_none()) else { return Ok(false) };
        let current = self.current(&found).await?.map_or(0, |current| current.version);
        if current.checked_add(1) != Some(record.version) {
            return Ok(false);
        }
        match self.versions.insert_one(VersionDocument::new(record)?).await {
            Err(error) if is_duplicate(&error) => Ok(false),
            done => self.told(done).map(|_| true),
        }
    }

    async fn page_of_assistants(
        &self,
        organization: Option<OrganizationId>,
        query: &AssistantQuery,
    ) -> Result<Page<AssistantRecord>> {
        let mut wanted = of_organization(organization);
        wanted.insert("deleted_at", mongodb::bson::Bson::Null);
        if let Some(before) = query.before {
            wanted.insert("_id", doc! { "$lt": uuid(before.as_uuid()) });
        }
        let found = self.all(&self.assistants, wanted, doc! { "_id": -1 }, Some(query.limit.saturating_add(1))).await?;
        let page = Page::cut(found, query.limit);
        let mut items = Vec::with_capacity(page.items.len());
        for assistant in page.items {
            items.extend(self.current(&assistant).await?);
        }
        Ok(Page::new(items, page.has_more))
    }

    async fn drop_assistants(&self, organization: OrganizationId) -> Result<u64> {
        let theirs = of_organization(Some(organization));
        let found = self.all(&self.assistants, theirs, doc! { "_id": 1 }, None).await?;
        let mut erased = 0;
        for assistant in found {
            self.told(self.versions.delete_many(doc! { "assistant": assistant.id }).await)?;
            erased += self.told(self.assistants.delete_one(doc! { "_id": assistant.id }).await)?.deleted_count;
        }
        Ok(erased)
    }
}

#[async_trait]
impl AssistantStore for MongoStore {
    async fn create_assistant(&self, assistant: &AssistantRecord) -> Result<()> {
        self.database.run(self.database.make_assistant(assistant)).await
    }

    async fn update_assistant(&self, assistant: &AssistantRecord) -> Result<bool> {
        self.database.run(self.database.next_version(assistant)).await
    }

    async fn assistant(
        &self,
        organization: Option<OrganizationId>,
        id: AssistantId,
    ) -> Result<Option<AssistantRecord>> {
        let database = &self.database;
        let find = async {
            let found = database.assistant_of(organization, id).await?;
            match found.filter(|found| found.deleted_at.is_none()) {
                Some(found) => database.current(&found).await,
                None => Ok(None),
            }
        };
        database.run(find).await
    }

    async fn assistant_version(
        &self,
        organization: Option<OrganizationId>,
        version: AssistantVersion,
    ) -> Result<Option<AssistantRecord>> {
        let database = &self.database;
        let find = async {
            let Some(found) = database.assistant_of(organization, version.id).await? else { return Ok(None) };
            let wanted = doc! { "assistant": found.id, "version": i64::from(version.version) };
            let version = database.told(database.versions.find_one(wanted).await)?;
            version.map(|version| version.read(&found)).transpose()
        };
        database.run(find).await
    }

    async fn list_assistants(
        &self,
        organization: Option<OrganizationId>,
        query: &AssistantQuery,
    ) -> Result<Page<AssistantRecord>> {
        self.database.run(self.database.page_of_assistants(organization, query)).await
    }

    async fn delete_assistant(
        &self,
        organization: Option<OrganizationId>,
        id: AssistantId,
        at: Timestamp,
    ) -> Result<bool> {
        let database = &self.database;
        let mut there = of_organization(organization);
        there.extend(doc! { "_id": uuid(id.as_uuid()), "deleted_at": null });
        let delete = doc! { "$set": { "deleted_at": moment(at) } };
        let deleted =
            database.run(async { database.told(database.assistants.update_one(there, delete).await) }).await?;
        Ok(deleted.matched_count > 0)
    }

    async fn erase_assistants(&self, organization: OrganizationId) -> Result<u64> {
        self.database.run(self.database.drop_assistants(organization)).await
    }
}
