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
    /// Entries of before there was such a field were all of changes that had been made.
    #[serde(default = "confirmed")]
    confirmed: bool,
}

fn confirmed() -> bool {
    true
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
            confirmed: entry.confirmed,
        }
    }

    fn read(self) -> Result<AuditEntry> {
        let organization = self.organization.map(|id| OrganizationId::from_uuid(plain(id)));
        let actor = self.actor.parse().map_err(|_| foreign())?;
        let (action, target) = (text::read(self.action), text::read(self.target));
        let mut entry = AuditEntry::new(timestamp(self.at)?, organization, actor, action, target);
        entry.id = AuditId::from_uuid(plain(self.id));
        entry.confirmed = self.confirmed;
        Ok(entry)
    }
}

#[async_trait]
impl AuditLog for MongoStore {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        let database = &self.database;
        let insert = async {
            for entry in entries {
                match database.audit.insert_one(EntryDocument::new(entry)).await {
                    Err(error) if is_duplicate(&error) => {}
                    done => database.told(done).map(|_| ())?,
                }
            }
            Ok(())
        };
        database.run(insert).await
    }

    async fn settle(&self, entries: &[AuditId], made: bool) -> Result<()> {
        let database = &self.database;
        let ids: Vec<Uuid> = entries.iter().map(|id| uuid(id.as_uuid())).collect();
        let settle = async {
            let begun = doc! { "_id": { "$in": ids }, "confirmed": false };
            if made {
                let confirm = doc! { "$set": { "confirmed": true } };
                database.told(database.audit.update_many(begun, confirm).await).map(|_| ())
            } else {
                database.told(database.audit.delete_many(begun).await).map(|_| ())
            }
        };
        database.run(settle).await
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
