//! The first message of an assistant: spoken and stored before anybody has said anything.

use tokio::time::Instant;
use uuid::Uuid;

use super::{
    driver::Sink,
    engine::{Engine, who},
    machine::TurnMachine,
};
use crate::{
    audio::Pcm,
    error::{Error, Result, Stage},
    id::{MessageId, SessionId, TurnId},
    message::{Message, Reply, Role},
    provider::{CallContext, LlmEvent},
    store::{MessageQuery, Session, TurnRecord},
    telemetry::Scope,
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
        let mut measured = self.telemetry.turn(turn_id, "greeting");
        let scope = measured.enters(session.id, || who(&session));
        let reply = engine.say_whole(&text, &session, turn_id, speak, scope).await;

        let now = self.clock.now();
        let mut message = Message::new(session.id, turn_id, Role::Assistant, text.as_str(), now);
        message.id = message_id;
        let session_id = session.id;
        let session = Session { last_activity_at: now, ..session };
        let saved = self.save(&TurnRecord::new(turn_id, session, vec![message]).continuing(true)).await;
        leave.give_back().await;
        measured.end(Some(&reply), saved.as_ref().err().map(Error::code));
        saved.map_err(|e| e.with_stage(Stage::Store))?;
        let Reply { audio, audio_error, .. } = reply;
        Ok(Some(Greeting { text, audio, audio_error, session_id, message_id }))
    }

    /// Speaks a text as a whole. Whatever fails, what was spoken until then is kept.
    pub(super) async fn say_whole(
        &self,
        text: &str,
        session: &Session,
        turn_id: TurnId,
        speak: bool,
        scope: Scope,
    ) -> Reply {
        let tts = self.tts.as_ref().filter(|_| speak);
        let mut ctx = CallContext::new();
        (ctx.session_id, ctx.turn_id, ctx.scope) = (session.id, turn_id, scope);
        ctx.user = session.user.as_deref().map(Into::into);
        ctx.deadline = Some(Instant::now() + self.settings.deadline);
        let (_stop, language) = (ctx.cancel.clone().drop_guard(), self.own_language());
        let machine = TurnMachine::new(tts.map(|tts| self.narrowest(tts)).as_ref());
        let mut run = self.run_of(machine, ctx, &Sink::Reply);
        run.machine.on_typed(String::new(), language);
        let saying = async {
            run.machine.on_llm(LlmEvent::Text(text.to_owned()), run.at());
            run.machine.on_llm_end(run.at())?;
            let speech = run.speech(tts);
            run.speak_out(speech).await
        };
        let failed = saying.await.err();
        let now = self.clock.now();
        let spent = run.ctx.ledger.take();
        let (_, mut reply) = run.machine.finish(turn_id, session.clone(), (now, now), spent);
        reply.audio_error = failed.or(reply.audio_error);
        reply
    }
}

/// The id of a session's greeting, so that it is stored once whoever asks for it and how often.
fn greeting_id(session: SessionId) -> Uuid {
    session.as_uuid()
}
