//! Sessions and their history.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Assistants, Export, ExportFormat, Greeting, VoiceAgent, check, reach::Reach};
use crate::{
    error::{Error, ErrorKind, Result},
    id::{AssistantId, MessageId, OrganizationId, SessionId, UserId},
    message::{Action, Message},
    secret::Secret,
    store::{
        ActionQuery, AuditEntry, BlobRef, BlobStore, Erased, MessageQuery, Owner, Page, SearchQuery, Session,
        SessionQuery, SessionStatus, blobs::Bytestream, folder_of,
    },
    time::Timestamp,
};

/// The sessions of an agent. Made by [`VoiceAgent::sessions`] and [`ScopedAgent::sessions`](super::ScopedAgent::sessions).
///
/// With [`for_user`](Self::for_user) only that user's sessions exist: any other id is answered exactly like an unknown one.
#[derive(Clone, Debug)]
pub struct Sessions {
    agent: VoiceAgent,
    reach: Reach,
}

impl Sessions {
    pub(super) fn new(agent: VoiceAgent, reach: Reach) -> Self {
        Self { agent, reach }
    }

    /// The sessions of one user only: the host's own name for them, or the id of a registered user.
    #[must_use]
    pub fn for_user(mut self, user: impl Into<String>) -> Self {
        self.reach = self.reach.user(user.into());
        self
    }

    /// The sessions of one organization only.
    #[must_use]
    pub fn of(mut self, organization: OrganizationId) -> Self {
        self.reach = self.reach.within(organization);
        self
    }

    /// Starts a session; await it, or give it metadata or an assistant first. (A turn without a session starts one by itself.)
    #[must_use = "a session is not created until this is awaited"]
    pub fn create(&self) -> NewSession {
        NewSession { sessions: self.clone(), metadata: Map::new(), assistant: None }
    }

    /// A session.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`; `STORAGE_ERROR`.
    pub async fn get(&self, id: SessionId) -> Result<Session> {
        let found = self.agent.engine()?.store.session(id).await?;
        found.filter(|session| self.reach.covers(session)).ok_or_else(not_found)
    }

    /// Sessions, newest first.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the limit is not 1–100; `STORAGE_ERROR`.
    pub async fn list(&self, mut query: SessionQuery) -> Result<Page<Session>> {
        check::limit(query.limit)?;
        let reach = self.narrowed(query.organization, query.user.take());
        if reach.is_nothing() {
            return Ok(Page::new(Vec::new(), false));
        }
        (query.organization, query.user) = (reach.organization, reach.user);
        self.agent.engine()?.store.list_sessions(&query).await
    }

    /// The latest messages of a session, in the order in which they were said.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the limit is not 1–100; `SESSION_NOT_FOUND`; `STORAGE_ERROR`.
    pub async fn history(&self, id: SessionId, query: MessageQuery) -> Result<Page<Message>> {
        check::limit(query.limit)?;
        self.get(id).await?;
        self.agent.engine()?.store.messages(id, query).await
    }

    /// What was found in a session that has to be acted on, newest first: see [`ActionsConfig`](crate::config::ActionsConfig).
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the limit is not 1–100; `SESSION_NOT_FOUND`; `INVALID_REQUEST` (kind `Unsupported`) when there is
    /// no store for actions; `STORAGE_ERROR`.
    pub async fn actions(&self, id: SessionId, query: ActionQuery) -> Result<Page<Action>> {
        check::limit(query.limit)?;
        self.get(id).await?;
        self.agent.storage()?.actions()?.actions(id, &query).await
    }

    /// What a conversation came to, in the words of the language model, with everything that has to be acted on. It is kept, and
    /// written anew only when more was said since. `None`: nobody has said anything.
    ///
    /// It is written in the language that the assistant's config names, of an interpreter in the first of its two, else in that of the
    /// conversation. Dropping the future cancels it.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`; `INVALID_REQUEST` (kind `Unsupported`) when there is no store for summaries; the language model's
    /// errors, and `PROVIDER_ERROR` (kind `MalformedResponse`) when it writes nothing; `STORAGE_ERROR`.
    pub async fn summary(&self, id: SessionId) -> Result<Option<ConversationSummary>> {
        let session = self.get(id).await?;
        let own = self.agent.engine()?;
        let cast = own.engine_of(&session).await?;
        let engine = cast.as_ref().unwrap_or(own);
        let summed = engine.sum_up(&session, self.agent.cancel_token().child_token()).await?;
        Ok(summed.map(|(summary, actions)| ConversationSummary {
            session_id: summary.session_id,
            text: summary.text,
            points: summary.points,
            actions,
            until: summary.until,
            created_at: summary.created_at,
        }))
    }

    /// The sound of a message of a session, as it is kept: a stream that is held against what was stored. `None`: none was kept,
    /// or it was deleted.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`; `VALIDATION_ERROR` when the message is not of this session; `INVALID_REQUEST` (kind `Unsupported`)
    /// when the agent keeps no recordings; `STORAGE_ERROR`, of kind `StorageCorrupt` at the end of a stream that was changed.
    pub async fn recording(&self, id: SessionId, message: &Message) -> Result<Option<Bytestream>> {
        let Some((store, blob)) = self.recorded(id, message).await? else { return Ok(None) };
        store.get(&blob).await
    }

    /// An address at which anybody who has it can hear a message for as long as `valid`: for a host that hands it to a browser.
    /// `None`: none was kept, or the store gives no addresses.
    ///
    /// # Errors
    /// As [`recording`](Self::recording), and `VALIDATION_ERROR` when `valid` is longer than a week.
    pub async fn recording_url(&self, id: SessionId, message: &Message, valid: Duration) -> Result<Option<Secret>> {
        let Some((store, blob)) = self.recorded(id, message).await? else { return Ok(None) };
        store.presigned_url(&blob.key, valid).await
    }

    async fn recorded(&self, id: SessionId, message: &Message) -> Result<Option<(Arc<dyn BlobStore>, BlobRef)>> {
        self.get(id).await?;
        let Some(recordings) = &self.agent.engine()?.recordings else {
            return Err(Error::new(ErrorKind::Unsupported, "the agent keeps no recordings; configure `recordings`"));
        };
        let Some(reference) = &message.audio_ref else { return Ok(None) };
        let blob: BlobRef = reference.parse()?;
        // The session was checked, so the sound must be of it, whatever message was handed in.
        if !blob.key.is_in(&folder_of(id)?) {
            return Err(check::invalid("message: it is not of this session"));
        }
        Ok(Some((Arc::clone(&recordings.store), blob)))
    }

    /// Replaces a session's metadata: a JSON object of at most 64 KiB.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when it is larger; `SESSION_NOT_FOUND`; `STORAGE_ERROR`.
    pub async fn set_metadata(&self, id: SessionId, metadata: Map<String, Value>) -> Result<()> {
        check::metadata(&metadata)?;
        let session = self.get(id).await?;
        let change = self.agent.engine()?.store.set_metadata(id, &metadata);
        let there = self.agent.audited([self.entry(&session, "session.metadata")?], change).await?;
        there.then_some(()).ok_or_else(not_found)
    }

    /// Ends a session: later turns that name it start a fresh one. Ending one that is over changes nothing.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`; `STORAGE_ERROR`.
    pub async fn end(&self, id: SessionId) -> Result<()> {
        let session = self.get(id).await?;
        let engine = self.agent.engine()?;
        let change = engine.store.end_session(id, engine.clock.now());
        self.agent.audited([self.entry(&session, "session.end")?], change).await?;
        engine.outbox.ring();
        Ok(())
    }

    /// Deletes a session with everything said in it.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`; `STORAGE_ERROR`.
    pub async fn delete(&self, id: SessionId) -> Result<()> {
        let session = self.get(id).await?;
        let change = self.agent.engine()?.store.delete_session(id);
        let there = self.agent.audited([self.entry(&session, "session.delete")?], change).await?;
        there.then_some(()).ok_or_else(not_found)
    }

    /// Messages with all the words of a text, newest first, in every session of this view. Words are compared whole, without
    /// regard to case.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when there is no word in the text, it is too long, or the limit is not 1–100; `SESSION_NOT_FOUND`
    /// when one session is named that is not there; `INVALID_REQUEST` (kind `Unsupported`) when the store cannot search;
    /// `STORAGE_ERROR`.
    pub async fn search(&self, mut query: SearchQuery) -> Result<Page<Message>> {
        check::limit(query.limit)?;
        check::search(&query.text)?;
        let reach = self.narrowed(query.organization, query.user.take());
        if let Some(session) = query.session {
            self.get(session).await?;
        }
        if reach.is_nothing() {
            return Ok(Page::new(Vec::new(), false));
        }
        (query.organization, query.user) = (reach.organization, reach.user);
        self.agent.engine()?.store.search(&query).await
    }

    /// Writes a whole conversation out, page by page, in bounded memory.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`; `STORAGE_ERROR`, also while it is read.
    pub async fn export(&self, id: SessionId, format: ExportFormat) -> Result<Export> {
        let session = self.get(id).await?;
        Ok(Export::new(self.agent.clone(), session, format))
    }

    /// Speaks the first message of a session's assistant, and stores it as what was said first. `None`: it has no first
    /// message, or the conversation has gone on already. Asked for again before that, it is spoken again and stored once.
    ///
    /// When speech fails there is text and no sound: see [`Greeting::audio_error`].
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`, also when the session is over; `STORAGE_ERROR`.
    pub async fn greet(&self, id: SessionId) -> Result<Option<Greeting>> {
        let session = self.get(id).await?;
        if session.status != SessionStatus::Active {
            return Err(not_found());
        }
        self.agent.engine()?.greet(session, true).await
    }

    /// Deletes every session of this view's user with everything said in them; says how much.
    ///
    /// Of the host's own view, those that belong to no organization; see [`of`](Self::of). For registered users there is
    /// [`OrganizationAccounts::delete_user`](super::OrganizationAccounts::delete_user).
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the view is not of one user; `UNAUTHORIZED` (kind `Forbidden`) when it is not of the caller's own;
    /// `STORAGE_ERROR`.
    pub async fn erase_user(&self) -> Result<Erased> {
        self.reach.check_own()?;
        let Some(user) = self.reach.user.clone() else {
            return Err(check::invalid("user: say whose sessions are erased, by `for_user`"));
        };
        let organization = self.reach.organization;
        // The host's names for users may be anything, an address too: the log does not repeat them.
        let target = user.parse::<UserId>().map_or_else(|_| "user".into(), |id| id.to_string());
        let owner = Owner::User { organization, user };
        let entry = self.agent.entry(&self.reach, organization, "user.erase", target)?;
        self.agent.audited([entry], self.agent.engine()?.store.erase(&owner)).await
    }

    /// Marks every session as expired that has been idle for longer than `limits.session_idle_minutes`; says how many. Call
    /// it now and then, or let [`RetentionConfig`](crate::config::RetentionConfig) do it; turns do not depend on it.
    ///
    /// # Errors
    /// `UNAUTHORIZED` (kind `Forbidden`) in a view that is not the host's own; `STORAGE_ERROR`.
    pub async fn expire_idle(&self) -> Result<u64> {
        self.reach.check_host()?;
        let engine = self.agent.engine()?;
        let now = engine.clock.now();
        let expired = engine.store.expire_idle(before(now, engine.settings.session_idle), now).await?;
        engine.outbox.ring();
        Ok(expired)
    }

    /// Deletes every session that has been over for longer than `age`, with everything said in it; says how many.
    ///
    /// # Errors
    /// `UNAUTHORIZED` (kind `Forbidden`) in a view that is not the host's own; `STORAGE_ERROR`.
    pub async fn delete_over(&self, age: Duration) -> Result<u64> {
        self.reach.check_host()?;
        let engine = self.agent.engine()?;
        engine.store.delete_over(before(engine.clock.now(), age)).await
    }

    /// Deletes every message that is older than `age`, whatever becomes of its session, with the actions that were found and the summaries
    /// that were written before; says how many messages.
    ///
    /// # Errors
    /// `UNAUTHORIZED` (kind `Forbidden`) in a view that is not the host's own; `INVALID_REQUEST` (kind `Unsupported`) when
    /// the store cannot do it; `STORAGE_ERROR`.
    pub async fn delete_messages_older_than(&self, age: Duration) -> Result<u64> {
        self.reach.check_host()?;
        let engine = self.agent.engine()?;
        self.agent.delete_said_before(before(engine.clock.now(), age)).await
    }

    /// This view, narrowed further by what a query says.
    fn narrowed(&self, organization: Option<OrganizationId>, user: Option<String>) -> Reach {
        let mut reach = self.reach.clone();
        if let Some(organization) = organization {
            reach = reach.within(organization);
        }
        match user {
            // A view of one user stays one.
            Some(user) if reach.user.as_ref().is_none_or(|mine| *mine == user) => reach.user(user),
            Some(_) => reach.emptied(),
            None => reach,
        }
    }

    fn entry(&self, session: &Session, action: &str) -> Result<AuditEntry> {
        self.agent.entry(&self.reach, session.organization, action, session.id)
    }
}

pub(super) fn before(now: Timestamp, age: Duration) -> Timestamp {
    now.checked_sub(age).unwrap_or(Timestamp::MIN)
}

/// What a conversation came to. `Debug` leaves the words out.
#[derive(Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct ConversationSummary {
    /// The session.
    pub session_id: SessionId,
    /// A few sentences.
    pub text: String,
    /// What matters, a line each.
    pub points: Vec<String>,
    /// What has to be acted on, in the order in which it was found.
    pub actions: Vec<Action>,
    /// The last message that it takes account of.
    pub until: MessageId,
    /// When it was written.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
}

impl std::fmt::Debug for ConversationSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConversationSummary")
            .field("session_id", &self.session_id)
            .field("characters", &self.text.chars().count())
            .field("actions", &self.actions)
            .finish_non_exhaustive()
    }
}

/// A session that is about to be created. Await it for the [`Session`].
#[must_use = "a session is not created until this is awaited"]
#[derive(Debug)]
pub struct NewSession {
    sessions: Sessions,
    metadata: Map<String, Value>,
    assistant: Option<AssistantId>,
}

impl NewSession {
    /// Gives it metadata: a JSON object of at most 64 KiB.
    pub fn metadata(mut self, metadata: Map<String, Value>) -> Self {
        self.metadata = metadata;
        self
    }

    /// Lets an assistant talk in it, in its current version.
    pub fn assistant(mut self, assistant: AssistantId) -> Self {
        self.assistant = Some(assistant);
        self
    }
}

impl IntoFuture for NewSession {
    type Output = Result<Session>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Session>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Sessions { agent, reach } = self.sessions;
            check::metadata(&self.metadata)?;
            check::user(reach.user.as_deref())?;
            reach.check_own()?;
            let engine = agent.engine()?;
            let mut session = Session::new(SessionId::new(), reach.user.clone(), engine.clock.now());
            session.organization = reach.organization;
            if let Some(assistant) = self.assistant {
                let current = Assistants::new(agent.clone(), reach).current(assistant).await?;
                session.assistant = Some(current.reference());
            }
            session.metadata = self.metadata;
            engine.store.create_session(&session).await?;
            engine.outbox.ring();
            Ok(session)
        })
    }
}

fn not_found() -> Error {
    Error::new(ErrorKind::SessionNotFound, "there is no such session")
}
