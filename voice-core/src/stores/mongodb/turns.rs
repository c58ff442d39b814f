//! Saving a turn, and deleting a session, in steps that may stop anywhere.
//!
//! Saving: the session's document is made (`pending`, which nobody sees) unless it is there; the turn is inserted as one document
//! at the next place, which a unique index gives to one turn only; the session becomes `live` and its activity moves. Whoever
//! saves the turn again after a stop goes on where that was. Deleting: the session becomes `deleting`, which nobody sees; its
//! turns go; its document goes. Whoever meets a session that is `deleting` finishes that first.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, Uuid, doc, oid::ObjectId};

use super::{
    database::Database,
    documents::{SessionDocument, State, TurnDocument, uuid},
    error::is_duplicate,
    webhooks,
};
use crate::{
    error::{Error, ErrorKind, Result},
    id::{MessageId, SessionId},
    message::Message,
    store::{MessageQuery, Owner, Page, Saved, Session, TurnRecord},
    stores::text,
};

/// How often a step is tried anew that another writer came before.
const ATTEMPTS: u32 = 200;
/// The most that is waited before that.
const PAUSE: Duration = Duration::from_millis(20);

/// What a look for a turn's session found.
enum Found {
    Session(Box<SessionDocument>),
    /// Somebody came between: look again.
    Moved,
    /// It is not there.
    Nothing,
}

impl Database {
    /// The document of a session that callers may see.
    pub(super) async fn live(&self, id: SessionId) -> Result<Option<SessionDocument>> {
        let wanted = doc! { "_id": uuid(id.as_uuid()), "state": State::Live.as_str() };
        self.told(self.sessions.find_one(wanted).await)
    }

    /// Whether callers may (still) see the session with this document.
    pub(super) async fn is_live(&self, key: ObjectId) -> Result<bool> {
        let wanted = doc! { "key": key, "state": State::Live.as_str() };
        Ok(self.told(self.sessions.find_one(wanted).await)?.is_some())
    }

    pub(super) async fn create(&self, session: &Session) -> Result<()> {
        let id = uuid(session.id.as_uuid());
        for _ in 0..ATTEMPTS {
            match self.sessions.insert_one(self.started(session, State::Live).await?).await {
                Err(error) if is_duplicate(&error) => {}
                done => return self.told(done).map(|_| ()),
            }
            let Some(found) = self.told(self.sessions.find_one(doc! { "_id": id }).await)? else { continue };
            match found.state {
                State::Live => return Ok(()),
                State::Deleting => self.finish_deleting(id, found.key).await?,
                // A first turn was begun and never saved; the session is now what this call says.
                State::Pending => {
                    let mut fresh = self.started(session, State::Live).await?;
                    (fresh.key, fresh.turns) = (found.key, found.turns);
                    let pending = doc! { "_id": id, "key": found.key, "state": State::Pending.as_str() };
                    if self.told(self.sessions.replace_one(pending, fresh).await)?.matched_count > 0 {
                        return Ok(());
                    }
                }
            }
        }
        Err(contended())
    }

    /// The document of a session that begins, with the note of it.
    async fn started(&self, session: &Session, state: State) -> Result<SessionDocument> {
        let mut document = SessionDocument::new(session, state)?;
        if self.is_listened_to(document.organization).await? {
            document.told = vec![webhooks::STARTED.into()];
        }
        Ok(document)
    }

    pub(super) async fn save(&self, turn: &TurnRecord) -> Result<Saved> {
        let session = uuid(turn.session.id.as_uuid());
        let mut guess = None;
        for attempt in 0..ATTEMPTS {
            let found = match self.session_for(&turn.session, !turn.continues).await? {
                Found::Session(found) => *found,
                Found::Moved => continue,
                Found::Nothing => return Ok(Saved::SessionGone),
            };
            let place = guess.take().unwrap_or(found.turns);
            let mut document = TurnDocument::new(turn, &found, place);
            if self.is_listened_to(found.organization).await? {
                document.told = vec![webhooks::COMPLETED.into()];
            }
            match self.turns.insert_one(&document).await {
                Ok(_) if self.commit(session, &document).await? => return Ok(Saved::New),
                // The session was deleted meanwhile, and the turn comes after that: a session that begins with it starts again.
                Ok(_) => self.remove(document.id, found.key).await?,
                Err(error) if is_duplicate(&error) => {
                    if let Some(there) = self.told(self.turns.find_one(doc! { "_id": document.id }).await)? {
                        if self.finish(&there).await? {
                            return Ok(Saved::AlreadyThere);
                        }
                        // Left over from a session that is gone.
                        self.remove(there.id, there.session).await?;
                    } else {
                        guess = Some(self.next_place(found.key).await?);
                        let spread = rand::random_range(0..=u64::from(attempt.min(20)));
                        tokio::time::sleep(PAUSE.min(Duration::from_millis(spread))).await;
                    }
                }
                Err(error) => return self.told(Err(error)),
            }
        }
        Err(contended())
    }

    /// The document of a turn's session, made if it is not there and the session `begins`.
    async fn session_for(&self, session: &Session, begins: bool) -> Result<Found> {
        let id = uuid(session.id.as_uuid());
        match self.told(self.sessions.find_one(doc! { "_id": id }).await)? {
            Some(found) if found.state == State::Deleting => {
                self.finish_deleting(id, found.key).await?;
                Ok(Found::Moved)
            }
            Some(found) => Ok(Found::Session(Box::new(found))),
            None if !begins => Ok(Found::Nothing),
            None => {
                let fresh = self.started(session, State::Pending).await?;
                match self.sessions.insert_one(&fresh).await {
                    Ok(_) => Ok(Found::Session(Box::new(fresh))),
                    Err(error) if is_duplicate(&error) => Ok(Found::Moved),
                    Err(error) => self.told(Err(error)),
                }
            }
        }
    }

    /// The last step: the session is there, and its activity moves. `false`: there is no such session any more.
    async fn commit(&self, session: Uuid, turn: &TurnDocument) -> Result<bool> {
        let wanted = doc! { "_id": session, "key": turn.session, "state": { "$ne": State::Deleting.as_str() } };
        let change = doc! {
            "$set": { "state": State::Live.as_str() },
            "$max": { "last_activity_at": turn.at, "turns": turn.place + 1 },
        };
        Ok(self.told(self.sessions.update_one(wanted, change).await)?.matched_count > 0)
    }

    /// The last step of a turn that was found to be there. `false`: its session is gone.
    async fn finish(&self, turn: &TurnDocument) -> Result<bool> {
        let owner = self.told(self.sessions.find_one(doc! { "key": turn.session }).await)?;
        match owner {
            Some(owner) => self.commit(owner.id, turn).await,
            None => Ok(false),
        }
    }

    async fn remove(&self, turn: Uuid, session: ObjectId) -> Result<()> {
        self.told(self.turns.delete_one(doc! { "_id": turn, "session": session }).await).map(|_| ())
    }

    async fn next_place(&self, session: ObjectId) -> Result<i64> {
        let last = self.turns.find_one(doc! { "session": session }).sort(doc! { "place": -1 }).await;
        Ok(self.told(last)?.map_or(0, |turn| turn.place + 1))
    }

    /// Deletes a session in whatever state it is; `true`: callers could see it. One that is `pending` goes too: a process that died
    /// may have left it, with a turn in it.
    pub(super) async fn delete(&self, id: SessionId) -> Result<bool> {
        let id = uuid(id.as_uuid());
        for _ in 0..ATTEMPTS {
            let Some(found) = self.told(self.sessions.find_one(doc! { "_id": id }).await)? else { return Ok(false) };
            let as_found = doc! { "_id": id, "key": found.key, "state": found.state.as_str() };
            let mark = doc! { "$set": { "state": State::Deleting.as_str() } };
            if self.told(self.sessions.update_one(as_found, mark).await)?.matched_count > 0 {
                self.finish_deleting(id, found.key).await?;
                return Ok(found.state == State::Live);
            }
        }
        Err(contended())
    }

    /// Some of an owner's sessions, in whatever state they are.
    pub(super) async fn some_of(&self, owner: &Owner, most: usize) -> Result<Vec<SessionDocument>> {
        let wanted = match owner {
            Owner::User { organization, user } => doc! {
                "organization": organization.map(|id| uuid(id.as_uuid())),
                "user": text::kept(user).as_ref(),
            },
            Owner::Organization(organization) => doc! { "organization": uuid(organization.as_uuid()) },
        };
        self.all(&self.sessions, wanted, doc! { "_id": -1 }, Some(most)).await
    }

    /// How many messages are in a session's turns.
    pub(super) async fn count_messages(&self, session: ObjectId) -> Result<u64> {
        let collection = self.turns.clone_with_type::<Document>();
        let ids = collection.find(doc! { "session": session }).projection(doc! { "messages.id": 1 });
        let mut turns = self.told(ids.await)?;
        let mut count = 0;
        while let Some(turn) = self.told(turns.try_next().await)? {
            count += turn.get_array("messages").map_or(0, Vec::len) as u64;
        }
        Ok(count)
    }

    async fn finish_deleting(&self, id: Uuid, key: ObjectId) -> Result<()> {
        self.forget(key).await?;
        self.told(self.sessions.delete_one(doc! { "_id": id, "key": key }).await)?;
        // What was inserted between the two belongs to nothing now.
        self.forget(key).await?;
        self.forget_told(id).await
    }

    /// Deletes everything that belongs to a session's document.
    async fn forget(&self, key: ObjectId) -> Result<()> {
        self.told(self.summaries.delete_one(doc! { "_id": key }).await)?;
        self.told(self.actions.delete_many(doc! { "session": key }).await)?;
        self.told(self.turns.delete_many(doc! { "session": key }).await).map(|_| ())
    }

    /// Finishes the deletions that were broken off.
    pub(super) async fn sweep(&self) -> Result<()> {
        let wanted = doc! { "state": State::Deleting.as_str() };
        let found: Vec<SessionDocument> =
            self.told(self.told(self.sessions.find(wanted).await)?.try_collect().await)?;
        for session in found {
            self.finish_deleting(session.id, session.key).await?;
        }
        Ok(())
    }

    /// Walks back from the newest, or from the cursor, so that the cost does not grow with the session.
    pub(super) async fn read_messages(&self, session: SessionId, query: MessageQuery) -> Result<Page<Message>> {
        let none = || Page::new(Vec::new(), false);
        let Some(found) = self.live(session).await? else { return Ok(none()) };
        let mut wanted = doc! { "session": found.key };
        let mut newest = Vec::new();
        if let Some(before) = query.before {
            let before = uuid(before.as_uuid());
            let of_cursor = doc! { "session": found.key, "messages.id": before };
            // A cursor that is not of the session has nothing before it.
            let Some(mut turn) = self.told(self.turns.find_one(of_cursor).await)? else { return Ok(none()) };
            wanted.insert("place", doc! { "$lt": turn.place });
            turn.messages.truncate(turn.messages.iter().position(|m| m.id == before).unwrap_or(0));
            newest.push(turn);
        }
        let most = query.limit.saturating_add(1);
        // Most turns have two messages.
        let at_once = u32::try_from(most / 2 + 1).unwrap_or(1_000).min(1_000);
        let turns = self.turns.find(wanted).sort(doc! { "place": -1 }).batch_size(at_once).await;
        let mut turns = self.told(turns)?;
        let mut items = Vec::new();
        for turn in newest {
            items.extend(turn.read(session).collect::<Result<Vec<_>>>()?);
        }
        while items.len() < most
            && let Some(turn) = self.told(turns.try_next().await)?
        {
            items.extend(turn.read(session).collect::<Result<Vec<_>>>()?);
        }
        let has_more = items.len() > query.limit;
        items.truncate(query.limit);
        items.reverse();
        Ok(Page::new(items, has_more))
    }

    /// Walks on from the oldest, or from the cursor.
    pub(super) async fn read_messages_from(
        &self,
        session: SessionId,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Page<Message>> {
        let none = || Page::new(Vec::new(), false);
        let Some(found) = self.live(session).await? else { return Ok(none()) };
        let mut wanted = doc! { "session": found.key };
        let mut items = Vec::new();
        if let Some(after) = after {
            let of_cursor = doc! { "session": found.key, "messages.id": uuid(after.as_uuid()) };
            // A cursor that is not of the session has nothing after it.
            let Some(turn) = self.told(self.turns.find_one(of_cursor).await)? else { return Ok(none()) };
            wanted.insert("place", doc! { "$gt": turn.place });
            let said = in_order(turn, session)?;
            items.extend(said.into_iter().skip_while(|message| message.id != after).skip(1));
        }
        let most = limit.saturating_add(1);
        let at_once = u32::try_from(most / 2 + 1).unwrap_or(1_000).min(1_000);
        let mut turns = self.told(self.turns.find(wanted).sort(doc! { "place": 1 }).batch_size(at_once).await)?;
        while items.len() < most
            && let Some(turn) = self.told(turns.try_next().await)?
        {
            items.extend(in_order(turn, session)?);
        }
        Ok(Page::cut(items, limit))
    }
}

/// A turn's messages in the order in which they were said.
fn in_order(turn: TurnDocument, session: SessionId) -> Result<Vec<Message>> {
    let mut said = turn.read(session).collect::<Result<Vec<_>>>()?;
    said.reverse();
    Ok(said)
}

fn contended() -> Error {
    Error::new(ErrorKind::StorageBusy, "too many others wrote to the same session at the same time: try again")
}
