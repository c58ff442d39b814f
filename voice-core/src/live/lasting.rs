//! Results of tools that outlasted their turns: told when nobody speaks, or with the next answer; kept when the session is over.

use std::{mem, sync::Arc};

use tokio::sync::mpsc;

use super::{
    event::{AgentState, LiveEvent, SpeechKind},
    production::Production,
    session::Driver,
};
use crate::{
    error::Result,
    id::{SessionId, TurnId},
    message::{Message, ToolCallRecord},
    store::{SessionStatus, TurnRecord},
    tool::Lasting,
    turn::Engine,
};

impl Driver {
    /// A tool whose turn is over has its result.
    pub(super) fn on_late(&mut self, record: ToolCallRecord) {
        // Somebody has waited for it: the silence begins anew.
        self.touch();
        self.emit(LiveEvent::ToolResult(Box::new(record.clone())));
        self.results.push(record);
    }

    /// What has arrived until now, so that no answer is begun without it.
    pub(super) fn take_late(&mut self) {
        while let Ok(record) = self.late.try_recv() {
            self.on_late(*record);
        }
    }

    /// Tells the results that wait for it, once nobody speaks.
    pub(super) fn tell_results(&mut self) {
        if self.results.is_empty() || self.ending.is_some() || self.host_paused || !self.is_quiet() {
            return;
        }
        if self.talk.is_some() {
            self.have_results_told();
            return;
        }
        let kind = SpeechKind::ToolResult;
        let mut production = self.produce(kind, None, None);
        production.want();
        let turn_id = production.turn_id;
        self.production = Some(production);
        self.emit(LiveEvent::TurnStarted { turn_id, kind });
        self.set_agent_state(AgentState::Thinking);
    }

    /// The user is first: results that nothing was heard of yet are told with the answer.
    pub(super) fn put_off_results(&mut self) {
        let unheard = |p: &Production| p.kind == SpeechKind::ToolResult && !p.audible;
        if self.production.as_ref().is_some_and(unheard)
            && let Some((mut production, _)) = self.stop()
        {
            self.results.append(&mut production.tool_calls);
        }
    }

    /// The results that were told with this, which do not wait any more.
    pub(super) fn told_results(&mut self, production: &Production) -> Vec<ToolCallRecord> {
        let told = production.tells.min(self.results.len());
        self.results.drain(..told).collect()
    }

    /// The session is over. What still comes is kept in its history, unless that is ended or gone by then.
    pub(super) fn keep_late(&mut self) {
        let (engine, id) = (Arc::clone(&self.engine), self.session.id);
        // Without this end the other one closes when the last call is over.
        let mut late = mem::replace(&mut self.late, mpsc::unbounded_channel().1);
        self.lasting = Lasting::new().0;
        tokio::spawn(async move {
            while let Some(record) = late.recv().await {
                if let Err(error) = keep(&engine, id, &record).await {
                    tracing::info!(session_id = %id, code = error.code().as_str(), "a late result of a tool is not kept");
                }
            }
        });
    }
}

async fn keep(engine: &Engine, id: SessionId, record: &ToolCallRecord) -> Result<()> {
    let leave = engine.enter(id).await?;
    let kept = async {
        // One that was ended or deleted meanwhile is not brought back to life.
        let session = engine.store.session(id).await?;
        let Some(session) = session.filter(|session| session.status == SessionStatus::Active) else { return Ok(()) };
        let (turn_id, now) = (TurnId::new(), engine.clock.now());
        let messages = vec![Message::tool(id, turn_id, record, now)];
        engine.save(&TurnRecord::new(turn_id, session, messages).continuing(true)).await.map(|_| ())
    };
    let kept = kept.await;
    leave.give_back().await;
    kept
}
