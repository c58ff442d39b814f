//! The sound of a turn, kept beside its words.

use std::{sync::Arc, time::Duration};

use crate::{
    audio::{AudioFormat, Pcm},
    error::{Error, ErrorKind, Result},
    id::{SessionId, TurnId},
    message::Role,
    store::{BlobRef, BlobStore, TurnRecord, blobs::bytestream, key_of},
};

/// How long keeping the sound of a turn may hold up its end.
const LONGEST: Duration = Duration::from_secs(15);

/// What is kept of the sound, and where.
#[derive(Clone)]
pub(crate) struct Recordings {
    pub(crate) store: Arc<dyn BlobStore>,
    pub(crate) user: bool,
    pub(crate) assistant: bool,
    /// Whether live sessions are kept whole.
    pub(crate) live: bool,
    pub(crate) format: AudioFormat,
}

impl Recordings {
    /// Keeps what was heard and spoken, and refers to it in the messages. A turn whose sound cannot be kept is saved without.
    pub(crate) async fn keep(&self, record: &mut TurnRecord, heard: Option<Pcm>, spoken: &Pcm) {
        let (session, turn) = (record.session.id, record.turn_id);
        let heard = heard.filter(|pcm| self.user && !pcm.is_empty());
        let spoken = Some(spoken.clone()).filter(|pcm| self.assistant && !pcm.is_empty());
        let (heard, spoken) =
            tokio::join!(self.put(session, turn, Role::User, heard), self.put(session, turn, Role::Assistant, spoken));
        for (role, outcome) in [(Role::User, heard), (Role::Assistant, spoken)] {
            match outcome {
                Ok(reference) => {
                    if let Some(message) = record.messages.iter_mut().find(|message| message.role == role) {
                        message.audio_ref = reference;
                    }
                }
                Err(error) => tracing::warn!(
                    store = self.store.name(),
                    role = role.as_str(),
                    kind = ?error.kind(),
                    %error,
                    "the turn is saved without its recording"
                ),
            }
        }
    }

    async fn put(&self, session: SessionId, turn: TurnId, role: Role, pcm: Option<Pcm>) -> Result<Option<String>> {
        let Some(pcm) = pcm else { return Ok(None) };
        let format = self.format;
        let encoded = tokio::task::spawn_blocking(move || pcm.encode(format)).await;
        let encoded = encoded.map_err(|_| Error::internal("encoding a recording stopped unexpectedly"))??;
        let key = key_of(session, turn, role, format.extension())?;
        match tokio::time::timeout(LONGEST, self.store.put(&key, bytestream(encoded))).await {
            Ok(blob) => Ok(Some(blob?.to_string())),
            Err(_) => {
                Err(Error::new(ErrorKind::StorageBusy, format!("the recording took longer than {LONGEST:?} to keep")))
            }
        }
    }

    /// Deletes the sound of a turn that could not be saved.
    pub(crate) async fn discard(&self, record: &TurnRecord) {
        let references = record.messages.iter().filter_map(|message| message.audio_ref.as_deref());
        for BlobRef { key, .. } in references.filter_map(|reference| reference.parse().ok()) {
            let deleted = tokio::time::timeout(LONGEST, self.store.delete(&key)).await;
            if !matches!(deleted, Ok(Ok(_))) {
                tracing::warn!(store = self.store.name(), %key, "the recording of a turn that was not saved is left over");
            }
        }
    }
}
