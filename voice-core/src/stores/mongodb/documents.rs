//! Sessions and turns as documents.
//!
//! A turn is one document with its messages in it, so the server keeps it whole or not at all, with or without transactions.

use mongodb::bson::{DateTime, Uuid, oid::ObjectId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    error::{Error, ErrorKind, Result},
    id::{AssistantId, MessageId, OrganizationId, SessionId, TurnId},
    message::{Message, Role},
    store::{AssistantVersion, Session, SessionStatus, TurnRecord, index_words},
    stores::text,
    time::Timestamp,
};

/// Where a session's document stands between its making and its end. Only a live one is ever shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Made for its first turn, which is not saved yet.
    Pending,
    /// There.
    Live,
    /// Its turns are being deleted; the document goes last.
    Deleting,
}

impl State {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Live => "live",
            Self::Deleting => "deleting",
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SessionDocument {
    #[serde(rename = "_id")]
    pub(super) id: Uuid,
    /// Of this document: a session that is deleted and started again has another, so that no old turn belongs to it.
    pub(super) key: ObjectId,
    pub(super) state: State,
    pub(super) organization: Option<Uuid>,
    pub(super) user: Option<String>,
    pub(super) assistant: Option<Uuid>,
    pub(super) assistant_version: Option<i64>,
    pub(super) status: String,
    /// JSON: its keys may be any text, and its numbers keep their kind.
    pub(super) metadata: String,
    pub(super) created_at: DateTime,
    pub(super) last_activity_at: DateTime,
    pub(super) ended_at: Option<DateTime>,
    /// How many turns there were when one was last saved: a first guess at the place of the next.
    pub(super) turns: i64,
    /// What became of it and is still to be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) told: Vec<String>,
}

impl SessionDocument {
    pub(super) fn new(session: &Session, state: State) -> Result<Self> {
        Ok(Self {
            id: uuid(session.id.as_uuid()),
            key: ObjectId::new(),
            state,
            organization: session.organization.map(|id| uuid(id.as_uuid())),
            assistant: session.assistant.map(|assistant| uuid(assistant.id.as_uuid())),
            assistant_version: session.assistant.map(|assistant| i64::from(assistant.version)),
            user: session.user.as_deref().map(|user| text::kept(user).into_owned()),
            status: session.status.as_str().into(),
            metadata: metadata(&session.metadata)?,
            created_at: moment(session.created_at),
            last_activity_at: moment(session.last_activity_at),
            ended_at: session.ended_at.map(moment),
            turns: 0,
            told: Vec::new(),
        })
    }

    pub(super) fn read(self) -> Result<Session> {
        let mut session =
            Session::new(SessionId::from_uuid(plain(self.id)), self.user.map(text::read), timestamp(self.created_at)?);
        session.organization = self.organization.map(|id| OrganizationId::from_uuid(plain(id)));
        let version = self.assistant_version.and_then(|version| u32::try_from(version).ok());
        session.assistant = self
            .assistant
            .zip(version)
            .map(|(id, version)| AssistantVersion { id: AssistantId::from_uuid(plain(id)), version });
        session.status = SessionStatus::from_name(&self.status).ok_or_else(foreign)?;
        session.metadata = serde_json::from_str(&self.metadata).map_err(|_| foreign())?;
        session.last_activity_at = timestamp(self.last_activity_at)?;
        session.ended_at = self.ended_at.map(timestamp).transpose()?;
        Ok(session)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TurnDocument {
    #[serde(rename = "_id")]
    pub(super) id: Uuid,
    /// The key of its session's document.
    pub(super) session: ObjectId,
    /// Its place among the turns of the session, which no other has.
    pub(super) place: i64,
    /// The session's last activity as of this turn.
    pub(super) at: DateTime,
    /// Later than that of every turn that this process saved before: the order of a search.
    pub(super) saved: Uuid,
    /// The session's, which never change.
    pub(super) organization: Option<Uuid>,
    pub(super) user: Option<String>,
    /// Those of all its messages, split by the library, so that every store finds the same.
    words: Vec<String>,
    /// What became of it and is still to be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) told: Vec<String>,
    pub(super) messages: Vec<MessageDocument>,
}

impl TurnDocument {
    pub(super) fn new(turn: &TurnRecord, session: &SessionDocument, place: i64) -> Self {
        Self {
            id: uuid(turn.turn_id.as_uuid()),
            session: session.key,
            place,
            saved: uuid(uuid::Uuid::now_v7()),
            organization: session.organization,
            user: session.user.clone(),
            at: moment(turn.session.last_activity_at),
            words: Vec::new(),
            told: Vec::new(),
            messages: turn.messages.iter().map(MessageDocument::new).collect(),
        }
        .with_words()
    }

    /// With the words of the messages that it has now.
    pub(super) fn with_words(mut self) -> Self {
        let mut words: Vec<String> = self.messages.iter().flat_map(MessageDocument::words).collect();
        words.sort_unstable();
        words.dedup();
        self.words = words;
        self
    }

    /// Its messages, the last one first.
    pub(super) fn read(self, session: SessionId) -> impl Iterator<Item = Result<Message>> {
        let turn = TurnId::from_uuid(plain(self.id));
        self.messages.into_iter().rev().map(move |message| message.read(session, turn))
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MessageDocument {
    pub(super) id: Uuid,
    role: String,
    content: String,
    audio_ref: Option<String>,
    pub(super) created_at: DateTime,
    /// Messages of before there was such a field have none.
    #[serde(default)]
    language: Option<String>,
}

impl MessageDocument {
    fn new(message: &Message) -> Self {
        Self {
            id: uuid(message.id.as_uuid()),
            role: message.role.as_str().into(),
            content: text::kept(&message.content).into_owned(),
            audio_ref: message.audio_ref.as_deref().map(|reference| text::kept(reference).into_owned()),
            created_at: moment(message.created_at),
            language: message.language.as_deref().map(|language| text::kept(language).into_owned()),
        }
    }

    pub(super) fn words(&self) -> Vec<String> {
        index_words(&self.content)
    }

    pub(super) fn read(self, session: SessionId, turn: TurnId) -> Result<Message> {
        let role = Role::from_name(&self.role).ok_or_else(foreign)?;
        let mut message = Message::new(session, turn, role, text::read(self.content), timestamp(self.created_at)?);
        message.id = MessageId::from_uuid(plain(self.id));
        message.audio_ref = self.audio_ref.map(text::read);
        message.language = self.language.map(text::read);
        Ok(message)
    }
}

pub(super) fn uuid(id: uuid::Uuid) -> Uuid {
    Uuid::from_bytes(id.into_bytes())
}

pub(super) fn plain(id: Uuid) -> uuid::Uuid {
    uuid::Uuid::from_bytes(id.bytes())
}

pub(super) fn moment(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.as_millisecond())
}

pub(super) fn metadata(metadata: &Map<String, Value>) -> Result<String> {
    serde_json::to_string(metadata).map_err(|_| Error::internal("metadata cannot be written as JSON"))
}

pub(super) fn timestamp(at: DateTime) -> Result<Timestamp> {
    Timestamp::from_millisecond(at.timestamp_millis()).map_err(|_| foreign())
}

pub(super) fn foreign() -> Error {
    Error::new(ErrorKind::StorageCorrupt, "the MongoDB database holds a document that this library did not write")
}
