//! The audit log as documents.

use async_trait::async_trait;
use mongodb::bson::{DateTime, Uuid, doc};
use serde::{Deserialize, Serialize};

use super::{
    MongoStore,
    documents::{foreign, moment, plain, timestamp, uuid},
    error::is_duplicate,
};
use crate::{
    error::Result,
    id::{AuditId, OrganizationId},
    store::{AuditEntry, AuditLog, AuditQuery, Page},
    stores::text,
    time::Timestamp,
};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EntryDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    at: DateTime,
    organization: Option<Uuid>,
    actor: String,
    action: String,
    target: String,
}

impl EntryDocument {
    fn new(entry: &AuditEntry) -> Self {
        Self {
            id: uuid(entry.id.as_uuid()),
            at: moment(entry.at),
            organization: entry.organization.map(|id| uuid(id.as_uuid())),
            actor: entry.actor.to_string(),
            action: text::kept(&entry.action).into_owned(),
            target: text::kept(&entry.target).into_owned(),
        }
    }

    fn read(self) -> Result<AuditEntry> {
        let organization = self.organization.map(|id| OrganizationId::from_uuid(plain(id)));
        let actor = self.actor.parse().map_err(|_| foreign())?;
        let (action, target) = (text::read(self.action), text::read(self.target));
        let mut entry = AuditEntry::new(timestamp(self.at)?, organization, actor, action, target);
        entry.id = AuditId::from_uuid(plain(self.id));
        Ok(entry)
    }
}

#[async_trait]
impl AuditLog for MongoStore {
    async fn append(&self, entry: &AuditEntry) -> Result<()> {
        let (database, document) = (&self.database, EntryDocument::new(entry));
        let insert = async {
            match database.audit.insert_one(&document).await {
                Err(error) if is_duplicate(&error) => Ok(()),
                done => database.told(done).map(|_| ()),
            }
        };
        database.run(insert).await
    }

    async fn entries(&self, query: &AuditQuery) -> Result<Page<AuditEntry>> {
        let database = &self.database;
        let mut wanted = doc! {};
        if let Some(organization) = query.organization {
            wanted.insert("organization", uuid(organization.as_uuid()));
        }
        if let Some(actor) = query.actor {
            wanted.insert("actor", actor.to_string());
        }
        for (field, value) in [("action", &query.action), ("target", &query.target)] {
            if let Some(value) = value {
                wanted.insert(field, text::kept(value).as_ref());
            }
        }
        if let Some(before) = query.before {
            wanted.insert("_id", doc! { "$lt": uuid(before.as_uuid()) });
        }
        let most = Some(query.limit.saturating_add(1));
        let found = database.run(database.all(&database.audit, wanted, doc! { "_id": -1 }, most)).await?;
        Page::cut(found, query.limit).try_map(EntryDocument::read)
    }

    async fn delete_entries_before(&self, before: Timestamp) -> Result<u64> {
        let database = &self.database;
        let old = doc! { "at": { "$lt": moment(before) } };
        let deleted = database.run(async { database.told(database.audit.delete_many(old).await) }).await?;
        Ok(deleted.deleted_count)
    }
}
