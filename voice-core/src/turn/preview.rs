//! A voice to listen to: a text that is spoken and belongs to no conversation.

use tokio_util::sync::CancellationToken;

use super::{
    engine::{Engine, who},
    parts::caught,
};
use crate::{
    error::{Error, ErrorKind, Result, Stage},
    id::TurnId,
    message::Reply,
    store::Session,
};

/// Why the agent speaks, as it is reported.
const PREVIEW: &str = "preview";

impl Engine {
    /// Speaks a text as any other, with limits, retries, costs and reports. Nothing is stored: the session, which says on whose behalf
    /// it is spoken, is known to the reports alone.
    ///
    /// A panic in a provider comes back as `INTERNAL_ERROR`.
    pub(crate) async fn preview(&self, text: &str, session: Session, cancel: CancellationToken) -> Result<Reply> {
        let turn_id = TurnId::new();
        let mut measured = self.telemetry.turn(turn_id, PREVIEW);
        let scope = measured.enters(session.id, || who(&session));
        let limit = self.settings.deadline;
        let speaking = caught(async { Ok(self.say_whole(text, &session, turn_id, true, scope).await) });
        let said = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Error::new(ErrorKind::Cancelled, "the agent is closing")),
            said = tokio::time::timeout(limit, speaking) => said.unwrap_or_else(|_| {
                let message = format!("the voice took longer than the deadline of {limit:?}");
                Err(Error::new(ErrorKind::DeadlineExceeded, message).with_stage(Stage::Tts))
            }),
        };
        let failed = match &said {
            Err(error) => Some(error.clone()),
            Ok(reply) if reply.audio_error.is_some() => reply.audio_error.clone(),
            Ok(reply) if reply.audio.is_empty() => {
                Some(Error::new(ErrorKind::MalformedResponse, "the voice made no sound").with_stage(Stage::Tts))
            }
            Ok(_) => None,
        };
        measured.end(said.as_ref().ok(), failed.as_ref().map(Error::code));
        match failed {
            Some(error) => Err(error),
            None => said,
        }
    }
}
