//! Conversations whose recordings go when they go.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    BlobKey, BlobStore, ConversationStore, Erased, Lease, MessageQuery, Owner, Page, Saved, SearchQuery, Session,
    SessionQuery, SessionStatus, StoreCapabilities, TurnRecord,
};
use crate::{
    error::Result,
    id::{MessageId, SessionId, TurnId},
    message::{Message, Role},
    time::Timestamp,
};

/// The folder of all recordings; in it each session has one of its own.
const FOLDER: &str = "sessions";
/// How much is listed at once.
const AT_ONCE: usize = 100;

/// Where the sound of a session lies.
pub(crate) fn folder_of(session: SessionId) -> Result<BlobKey> {
    BlobKey::new(format!("{FOLDER}/{session}"))
}

/// Where the sound of a message lies.
pub(crate) fn key_of(session: SessionId, turn: TurnId, role: Role, extension: &str) -> Result<BlobKey> {
    BlobKey::new(format!("{FOLDER}/{session}/{turn}-{}.{extension}", role.as_str()))
}

/// Where the sound of a whole live session lies, named after the moment when it began.
pub(crate) fn live_key_of(session: SessionId, began: TurnId, extension: &str) -> Result<BlobKey> {
    BlobKey::new(format!("{FOLDER}/{session}/{began}-live.{extension}"))
}

/// The turn whose sound lies at a key of ours.
fn turn_of(key: &BlobKey) -> Option<TurnId> {
    let name = key.as_str().rsplit('/').next()?;
    name.get(..36)?.parse().ok()
}

/// A store of conversations, with the recordings that belong to them. Whatever deletes words deletes their sound first: should
/// that fail, the call fails and the words are still there, so that it can be made again. What is erased on demand is looked for
/// once more afterwards: a turn that was saved in between has left its sound, one that comes later takes its own away.
pub(crate) struct RecordedStore {
    conversations: Arc<dyn ConversationStore>,
    recordings: Arc<dyn BlobStore>,
}

impl RecordedStore {
    pub(crate) fn new(conversations: Arc<dyn ConversationStore>, recordings: Arc<dyn BlobStore>) -> Self {
        Self { conversations, recordings }
    }

    async fn forget(&self, session: SessionId) -> Result<()> {
        self.recordings.delete_folder(&folder_of(session)?).await.map(|_| ())
    }

    /// Forgets the sound of the sessions that a query finds and `wanted` names, and says which those are.
    async fn forget_all(
        &self,
        mut query: SessionQuery,
        wanted: impl Fn(&Session) -> bool + Send + Sync,
    ) -> Result<Vec<SessionId>> {
        query.limit = AT_ONCE;
        let mut forgotten = Vec::new();
        loop {
            let page = self.conversations.list_sessions(&query).await?;
            query.before = page.items.last().map(|session| session.id);
            for session in page.items.iter().filter(|session| wanted(session)) {
                self.forget(session.id).await?;
                forgotten.push(session.id);
            }
            if !page.has_more {
                return Ok(forgotten);
            }
        }
    }
}

#[async_trait]
impl ConversationStore for RecordedStore {
    fn name(&self) -> &str {
        self.conversations.name()
    }

    fn capabilities(&self) -> StoreCapabilities {
        self.conversations.capabilities()
    }

    async fn create_session(&self, session: &Session) -> Result<()> {
        self.conversations.create_session(session).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        self.conversations.session(id).await
    }

    async fn list_sessions(&self, query: &SessionQuery) -> Result<Page<Session>> {
        self.conversations.list_sessions(query).await
    }

    async fn set_metadata(&self, id: SessionId, metadata: &Map<String, Value>) -> Result<bool> {
        self.conversations.set_metadata(id, metadata).await
    }

    async fn end_session(&self, id: SessionId, at: Timestamp) -> Result<bool> {
        self.conversations.end_session(id, at).await
    }

    async fn delete_session(&self, id: SessionId) -> Result<bool> {
        self.forget(id).await?;
        let deleted = self.conversations.delete_session(id).await?;
        self.forget(id).await?;
        Ok(deleted)
    }

    async fn save_turn(&self, turn: &TurnRecord) -> Result<Saved> {
        self.conversations.save_turn(turn).await
    }

    async fn messages(&self, session: SessionId, query: MessageQuery) -> Result<Page<Message>> {
        self.conversations.messages(session, query).await
    }

    async fn expire_idle(&self, idle_since: Timestamp, at: Timestamp) -> Result<u64> {
        self.conversations.expire_idle(idle_since, at).await
    }

    async fn delete_over(&self, ended_before: Timestamp) -> Result<u64> {
        for status in [SessionStatus::Ended, SessionStatus::Expired] {
            let query = SessionQuery { status: Some(status), ..SessionQuery::default() };
            self.forget_all(query, |session| session.ended_at.is_some_and(|at| at < ended_before)).await?;
        }
        self.conversations.delete_over(ended_before).await
    }

    async fn messages_from(&self, session: SessionId, after: Option<MessageId>, limit: usize) -> Result<Page<Message>> {
        self.conversations.messages_from(session, after, limit).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<Page<Message>> {
        self.conversations.search(query).await
    }

    async fn erase(&self, owner: &Owner) -> Result<Erased> {
        let mut query = SessionQuery::default();
        let forgotten = match owner {
            Owner::User { organization, user } => {
                (query.organization, query.user) = (*organization, Some(user.clone()));
                self.forget_all(query, |session| session.organization == *organization).await?
            }
            Owner::Organization(organization) => {
                query.organization = Some(*organization);
                self.forget_all(query, |_| true).await?
            }
        };
        let erased = self.conversations.erase(owner).await?;
        for session in forgotten {
            self.forget(session).await?;
        }
        Ok(erased)
    }

    /// Walks through all recordings: their keys tell when each turn began.
    async fn delete_messages_before(&self, before: Timestamp) -> Result<u64> {
        let (folder, mut last) = (BlobKey::new(FOLDER)?, None);
        let old = |key: &BlobKey| {
            let began = turn_of(key).and_then(|turn| turn.as_uuid().get_timestamp());
            began.is_some_and(|at| i128::from(at.to_unix().0) < i128::from(before.as_second()))
        };
        loop {
            let page = self.recordings.list(&folder, last.as_ref(), AT_ONCE).await?;
            for key in page.items.iter().filter(|key| old(key)) {
                self.recordings.delete(key).await?;
            }
            last = page.items.into_iter().last();
            if !page.has_more {
                return self.conversations.delete_messages_before(before).await;
            }
        }
    }

    async fn try_lease(&self, lease: &Lease) -> Result<bool> {
        self.conversations.try_lease(lease).await
    }

    async fn release(&self, session: SessionId, holder: Uuid) -> Result<()> {
        self.conversations.release(session, holder).await
    }

    async fn close(&self) -> Result<()> {
        self.conversations.close().await
    }
}
