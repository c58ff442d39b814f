//! Finding messages by their words, forgetting old ones, and who may work on a session.

use std::{collections::HashMap, time::Duration};

use futures_util::TryStreamExt;
use mongodb::bson::{DateTime, Document, Uuid, doc, oid::ObjectId};

use super::{
    database::Database,
    documents::{SessionDocument, State, TurnDocument, moment, plain, uuid},
    error::is_duplicate,
};
use crate::{
    error::Result,
    id::{SessionId, TurnId},
    message::Message,
    store::{Lease, Page, SearchQuery, index_words},
    stores::text,
    time::Timestamp,
};

/// How many turns are looked at together.
const AT_ONCE: usize = 100;
/// How long something is locked by who changes it and does not come to an end.
const LOCKED: Duration = Duration::from_secs(10);

impl Database {
    /// Walks back through the turns that have every word, for the messages in which all of them are.
    pub(super) async fn find(&self, query: &SearchQuery) -> Result<Page<Message>> {
        let none = || Page::new(Vec::new(), false);
        let words = index_words(&query.text);
        if words.is_empty() {
            return Ok(none());
        }
        let mut wanted = doc! { "words": { "$all": &words } };
        if let Some(organization) = query.organization {
            wanted.insert("organization", uuid(organization.as_uuid()));
        }
        if let Some(user) = &query.user {
            wanted.insert("user", text::kept(user).as_ref());
        }
        if let Some(session) = query.session {
            let Some(found) = self.live(session).await? else { return Ok(none()) };
            wanted.insert("session", found.key);
        }
        let mut items = Vec::new();
        let has_words = |there: &[String]| words.iter().all(|word| there.contains(word));
        if let Some(before) = query.before {
            let before = uuid(before.as_uuid());
            let found = self.told(self.turns.find_one(doc! { "messages.id": before }).await)?;
            let Some(mut turn) = found else { return Ok(none()) };
            wanted.insert("saved", doc! { "$lt": turn.saved });
            turn.messages.truncate(turn.messages.iter().position(|m| m.id == before).unwrap_or(0));
            items.extend(self.in_live_sessions(vec![turn], &has_words).await?);
        }
        while items.len() <= query.limit {
            let found = self.turns.find(wanted.clone()).sort(doc! { "saved": -1 }).limit(AT_ONCE as i64).await;
            let found: Vec<TurnDocument> = self.told(self.told(found)?.try_collect().await)?;
            let Some(last) = found.last() else { break };
            wanted.insert("saved", doc! { "$lt": last.saved });
            items.extend(self.in_live_sessions(found, &has_words).await?);
        }
        Ok(Page::cut(items, query.limit))
    }

    /// The messages of turns that have what is wanted, the newest first, without those whose session is not there (yet, or
    /// any more).
    async fn in_live_sessions(
        &self,
        turns: Vec<TurnDocument>,
        wanted: &(impl Fn(&[String]) -> bool + Sync),
    ) -> Result<Vec<Message>> {
        let keys: Vec<ObjectId> = turns.iter().map(|turn| turn.session).collect();
        let live = doc! { "key": { "$in": keys }, "state": State::Live.as_str() };
        let found: Vec<SessionDocument> = self.told(self.told(self.sessions.find(live).await)?.try_collect().await)?;
        let sessions: HashMap<ObjectId, Uuid> = found.into_iter().map(|session| (session.key, session.id)).collect();
        let mut messages = Vec::new();
        for turn in turns {
            let Some(session) = sessions.get(&turn.session) else { continue };
            let (session, id) = (SessionId::from_uuid(plain(*session)), TurnId::from_uuid(plain(turn.id)));
            for message in turn.messages.into_iter().rev().filter(|message| wanted(&message.words())) {
                messages.push(message.read(session, id)?);
            }
        }
        Ok(messages)
    }

    /// Forgets some messages of before a moment. Their turns stay. `None`: there are no more.
    pub(super) async fn forget_some(&self, before: Timestamp) -> Result<Option<u64>> {
        let before: DateTime = moment(before);
        let old = doc! { "messages.created_at": { "$lt": before } };
        let found: Vec<TurnDocument> =
            self.told(self.told(self.turns.find(old).limit(AT_ONCE as i64).await)?.try_collect().await)?;
        if found.is_empty() {
            return Ok(None);
        }
        let mut forgotten = 0;
        for mut turn in found {
            let there = turn.messages.len();
            turn.messages.retain(|message| message.created_at >= before);
            forgotten += (there - turn.messages.len()) as u64;
            // Nothing else of a turn ever changes, so what was read is still so.
            let turn = turn.with_words();
            self.told(self.turns.replace_one(doc! { "_id": turn.id, "session": turn.session }, &turn).await)?;
        }
        Ok(Some(forgotten))
    }

    /// Changes what has this id while nobody else does; `None`: somebody else is at it. Not every server that speaks MongoDB's protocol
    /// finds and changes in one step.
    pub(super) async fn locked<T>(&self, id: uuid::Uuid, change: impl Future<Output = Result<T>>) -> Result<Option<T>> {
        let now = Timestamp::now();
        let until = now.checked_add(LOCKED).unwrap_or(Timestamp::MAX);
        let lock = Lease::new(SessionId::from_uuid(id), uuid::Uuid::now_v7(), now, until);
        if !self.lease(&lock).await? {
            return Ok(None);
        }
        let changed = change.await;
        // Also after a failure: else nobody could change it until the lock runs out. One that is not released does that by itself.
        let released = self.release(lock.session, lock.holder).await;
        if let Err(error) = released {
            tracing::debug!(code = error.code().as_str(), "a lock was not released; it runs out by itself");
        }
        changed.map(Some)
    }

    pub(super) async fn lease(&self, lease: &Lease) -> Result<bool> {
        let (holder, now) = (uuid(lease.holder), moment(lease.now));
        let free = doc! {
            "_id": uuid(lease.session.as_uuid()),
            "$or": [{ "holder": holder }, { "until": { "$lte": now } }],
        };
        let take = doc! { "$set": { "holder": holder, "until": moment(lease.until) } };
        match self.leases.update_one(free, take).upsert(true).await {
            // Somebody else has it: it is there, and was not free.
            Err(error) if is_duplicate(&error) => Ok(false),
            done => self.told(done).map(|_| true),
        }
    }

    pub(super) async fn release(&self, session: SessionId, holder: uuid::Uuid) -> Result<()> {
        let held: Document = doc! { "_id": uuid(session.as_uuid()), "holder": uuid(holder) };
        self.told(self.leases.delete_one(held).await).map(|_| ())
    }

    /// Forgets leases that ran out long ago: of processes that died.
    pub(super) async fn forget_leases(&self, before: Timestamp) -> Result<()> {
        self.told(self.leases.delete_many(doc! { "until": { "$lt": moment(before) } }).await).map(|_| ())
    }
}
