//! Sessions and their history.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use serde_json::{Map, Value};

use super::VoiceAgent;
use crate::{
    error::{Error, ErrorKind, Result},
    id::SessionId,
    message::Message,
    store::{MessageQuery, Page, Session, SessionQuery},
    time::Timestamp,
};

/// The most items of one page.
const LARGEST_PAGE: usize = 100;
/// The most bytes of a session's metadata, as JSON.
const LARGEST_METADATA: usize = 64 * 1024;

/// The sessions of an agent. Made by [`VoiceAgent::sessions`].
///
/// With [`for_user`](Self::for_user) only that user's sessions exist: any other id is answered exactly like an unknown one.
#[derive(Clone, Debug)]
pub struct Sessions {
    agent: VoiceAgent,
    user: Option<String>,
}

impl Sessions {
    pub(super) fn new(agent: VoiceAgent) -> Self {
        Self { agent, user: None }
    }

    /// The sessions of one user only.
    #[must_use]
    pub fn for_user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Starts a session; await it, or give it metadata first. (A turn without a session starts one by itself.)
    #[must_use = "a session is not created until this is awaited"]
    pub fn create(&self) -> NewSession {
        NewSession { sessions: self.clone(), metadata: Map::new() }
    }

    /// A session.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`; `STORAGE_ERROR`.
    pub async fn get(&self, id: SessionId) -> Result<Session> {
        let found = self.agent.engine()?.store.session(id).await?;
        found.filter(|s| self.user.is_none() || s.user == self.user).ok_or_else(not_found)
    }

    /// Sessions, newest first.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the limit is not 1–100; `STORAGE_ERROR`.
    pub async fn list(&self, mut query: SessionQuery) -> Result<Page<Session>> {
        check_limit(query.limit)?;
        if self.user.is_some() {
            query.user.clone_from(&self.user);
        }
        self.agent.engine()?.store.list_sessions(&query).await
    }

    /// The latest messages of a session, in the order in which they were said.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the limit is not 1–100; `SESSION_NOT_FOUND`; `STORAGE_ERROR`.
    pub async fn history(&self, id: SessionId, query: MessageQuery) -> Result<Page<Message>> {
        check_limit(query.limit)?;
        self.get(id).await?;
        self.agent.engine()?.store.messages(id, query).await
    }

    /// Replaces a session's metadata: a JSON object of at most 64 KiB.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when it is larger; `SESSION_NOT_FOUND`; `STORAGE_ERROR`.
    pub async fn set_metadata(&self, id: SessionId, metadata: Map<String, Value>) -> Result<()> {
        check_metadata(&metadata)?;
        self.get(id).await?;
        let there = self.agent.engine()?.store.set_metadata(id, &metadata).await?;
        there.then_some(()).ok_or_else(not_found)
    }

    /// Ends a session: later turns that name it start a fresh one. Ending one that is over changes nothing.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`; `STORAGE_ERROR`.
    pub async fn end(&self, id: SessionId) -> Result<()> {
        self.get(id).await?;
        let engine = self.agent.engine()?;
        engine.store.end_session(id, engine.clock.now()).await.map(|_| ())
    }

    /// Deletes a session with everything said in it.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`; `STORAGE_ERROR`.
    pub async fn delete(&self, id: SessionId) -> Result<()> {
        self.get(id).await?;
        let there = self.agent.engine()?.store.delete_session(id).await?;
        there.then_some(()).ok_or_else(not_found)
    }

    /// Marks every session as expired that has been idle for longer than `limits.session_idle_minutes`; says how many. Call
    /// it now and then; turns do not depend on it.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    pub async fn expire_idle(&self) -> Result<u64> {
        let engine = self.agent.engine()?;
        let now = engine.clock.now();
        engine.store.expire_idle(before(now, engine.settings.session_idle), now).await
    }

    /// Deletes every session that has been over for longer than `age`, with everything said in it; says how many.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    pub async fn delete_over(&self, age: Duration) -> Result<u64> {
        let engine = self.agent.engine()?;
        engine.store.delete_over(before(engine.clock.now(), age)).await
    }
}

fn before(now: Timestamp, age: Duration) -> Timestamp {
    now.checked_sub(age).unwrap_or(Timestamp::MIN)
}

/// A session that is about to be created. Await it for the [`Session`].
#[must_use = "a session is not created until this is awaited"]
#[derive(Debug)]
pub struct NewSession {
    sessions: Sessions,
    metadata: Map<String, Value>,
}

impl NewSession {
    /// Gives it metadata: a JSON object of at most 64 KiB.
    pub fn metadata(mut self, metadata: Map<String, Value>) -> Self {
        self.metadata = metadata;
        self
    }
}

impl IntoFuture for NewSession {
    type Output = Result<Session>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Session>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            check_metadata(&self.metadata)?;
            let engine = self.sessions.agent.engine()?;
            let mut session = Session::new(SessionId::new(), self.sessions.user.clone(), engine.clock.now());
            session.metadata = self.metadata;
            engine.store.create_session(&session).await?;
            Ok(session)
        })
    }
}

fn not_found() -> Error {
    Error::new(ErrorKind::SessionNotFound, "there is no such session")
}

fn check_limit(limit: usize) -> Result<()> {
    if (1..=LARGEST_PAGE).contains(&limit) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidField, format!("limit: {limit} is out of range; 1 to {LARGEST_PAGE} is accepted")))
}

fn check_metadata(metadata: &Map<String, Value>) -> Result<()> {
    let bytes = serde_json::to_string(metadata).map_or(usize::MAX, |json| json.len());
    if bytes <= LARGEST_METADATA {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidField,
        format!("metadata: {bytes} bytes as JSON; at most {LARGEST_METADATA} are accepted"),
    ))
}
