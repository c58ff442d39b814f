//! The first message of an assistant: spoken and stored before anybody has said anything.

use std::{collections::VecDeque, sync::Arc};

use uuid::Uuid;

use super::{
    driver::{Engine, narrowest},
    sentence::Splitter,
    speech::{Speech, Spoken},
};
use crate::{
    audio::{Pcm, SPEECH_RATE},
    error::{Error, Result, Stage},
    id::{MessageId, SessionId, TurnId},
    message::{Message, Role},
    provider::CallContext,
    store::{MessageQuery, Session, TurnRecord},
};

/// What opens a conversation. `Debug` leaves the words and the sound out.
#[derive(Clone)]
#[non_exhaustive]
pub struct Greeting {
    /// What was said.
    pub text: String,
    /// How it sounds; empty when speech failed or the agent answers in writing only.
    pub audio: Pcm,
    /// Why sound is missing or incomplete.
    pub audio_error: Option<Error>,
    /// The session.
    pub session_id: SessionId,
    /// The stored message.
    pub message_id: MessageId,
}

impl std::fmt::Debug for Greeting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Greeting")
            .field("session_id", &self.session_id)
            .field("characters", &self.text.chars().count())
            .field("audio", &self.audio)
            .field("audio_error", &self.audio_error)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Speaks and stores the first message of a session. `None`: there is none, or the conversation has gone on already.
    pub(crate) async fn greet(&self, session: Session, speak: bool) -> Result<Option<Greeting>> {
        let engine = self.engine_of(&session).await?;
        let engine = engine.as_deref().unwrap_or(self);
        let Some(text) = engine.settings.first_message.clone() else { return Ok(None) };

        let leave = self.enter(session.id).await?;
        let id = greeting_id(session.id);
        let (turn_id, message_id) = (TurnId::from_uuid(id), MessageId::from_uuid(id));
        let said = self.store.messages(session.id, MessageQuery::latest(1)).await;
        let said = said.map_err(|e| e.with_stage(Stage::Store))?;
        if said.items.iter().any(|message| message.id != message_id) {
            leave.give_back().await;
            return Ok(None);
        }
        let (audio, audio_error) = engine.say(&text, &session, turn_id, speak).await;

        let now = self.clock.now();
        let mut message = Message::new(session.id, turn_id, Role::Assistant, &*text, now);
        message.id = message_id;
        let session_id = session.id;
        let saved =
            self.save(&TurnRecord::new(turn_id, Session { last_activity_at: now, ..session }, vec![message])).await;
        leave.give_back().await;
        saved.map_err(|e| e.with_stage(Stage::Store))?;
        Ok(Some(Greeting { text: text.to_string(), audio, audio_error, session_id, message_id }))
    }

    /// Speaks a text as a whole. Whatever fails, what was spoken until then is kept.
    async fn say(&self, text: &str, session: &Session, turn_id: TurnId, speak: bool) -> (Pcm, Option<Error>) {
        let (mut samples, mut rate, mut failed) = (Vec::new(), SPEECH_RATE, None);
        if let Some(tts) = self.tts.as_ref().filter(|_| speak) {
            let capabilities = narrowest(tts);
            let mut pieces: VecDeque<Arc<str>> = VecDeque::new();
            let mut splitter = Splitter::new(capabilities.max_characters, false);
            splitter.push(text, |piece| pieces.push_back(piece.into()));
            splitter.finish(|piece| pieces.push_back(piece.into()));
            let mut ctx = CallContext::new();
            (ctx.session_id, ctx.turn_id) = (session.id, turn_id);
            ctx.deadline = Some(tokio::time::Instant::now() + self.settings.deadline);
            let _stop = ctx.cancel.clone().drop_guard();
            let mut speech = Speech::new(Arc::clone(tts), ctx, self.settings.language.clone());
            loop {
                while speech.wants_piece()
                    && let Some(piece) = pieces.pop_front()
                {
                    speech.push(piece);
                }
                if speech.is_idle() {
                    break;
                }
                let spoken = match speech.next().await {
                    Spoken::Audio(pcm) if samples.is_empty() => {
                        rate = pcm.sample_rate();
                        Ok(pcm)
                    }
                    Spoken::Audio(pcm) if pcm.sample_rate() == rate => Ok(pcm),
                    Spoken::Audio(pcm) => pcm.resampled(rate),
                    Spoken::Piece(_) => continue,
                    Spoken::BrokeOff(error) | Spoken::Failed(error) => Err(error),
                };
                match spoken {
                    Ok(pcm) => samples.extend_from_slice(pcm.samples()),
                    Err(error) => {
                        failed = Some(error.with_stage(Stage::Tts));
                        break;
                    }
                }
            }
        }
        (Pcm::new(samples, rate), failed)
    }
}

/// The id of a session's greeting, so that it is stored once whoever asks for it and how often.
fn greeting_id(session: SessionId) -> Uuid {
    session.as_uuid()
}
