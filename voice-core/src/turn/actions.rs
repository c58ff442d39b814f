//! Finding what has to be acted on, once a turn is stored: beside the conversation, which neither waits for it nor fails with it.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    driver::panic_error,
    engine::{Engine, who},
};
use crate::{
    actions::{Catalogue, SummaryWords, is_said, summary_of, summary_prompt},
    cost::Ledger,
    error::{Error, ErrorKind, Result, Stage},
    id::TurnId,
    layer::Failed,
    message::{Action, Message},
    provider::{CallContext, GenerateRequest, LlmEvent, PromptMessage},
    store::{ACTION_DETECTED, ActionQuery, ActionStore, Event, MessageQuery, Session, Summary, messages_up_to},
    telemetry::Scope,
};

/// How long the language model may take to find something, and to sum a conversation up.
const LONGEST: Duration = Duration::from_secs(60);
/// The most tokens that it writes.
const MOST_TOKENS: u32 = 1_000;
/// How many actions that are known it is shown, and how many are read for a summary.
const KNOWN: usize = 50;
/// How many messages are read at once for a summary.
const AT_ONCE: usize = 100;
/// What a summary is reported as.
const SUMMARY: &str = "summary";

/// What the calls of the language model are a part of.
#[derive(Clone, Default)]
pub(crate) struct Books {
    pub(crate) ledger: Ledger,
    pub(crate) scope: Scope,
}

impl Engine {
    /// Whether anything is looked for.
    pub(crate) fn looks_for_actions(&self) -> bool {
        self.actions.is_some() && self.action_store.is_some()
    }

    /// Whether a one-shot turn waits for what is found in it.
    pub(super) fn waits_for_actions(&self) -> bool {
        self.actions.as_ref().is_some_and(|actions| actions.on_replies())
    }

    /// Looks for actions in a turn that was stored, and keeps them: what is new. It goes on when nobody waits for it; whatever
    /// fails is logged, and finds nothing.
    pub(crate) fn look_for_actions(
        &self,
        session: Session,
        turn: TurnId,
        books: Books,
    ) -> impl Future<Output = Vec<Action>> + Send + use<> {
        let engine = self.clone();
        // Counted, and in its place among others, before it runs: whoever closes the agent or sums up waits for it.
        let unfinished = self.saving.begin_owned();
        let (detecting, id) = (self.detecting.clone(), session.id);
        let mut place = Box::pin(async move { detecting.lock(id).await });
        let alone = (&mut place).now_or_never();
        let task = tokio::spawn(async move {
            let _unfinished = unfinished;
            // One after the other: what one turn has found is known to the next.
            let _alone = match alone {
                Some(alone) => alone,
                None => place.await,
            };
            let looking = AssertUnwindSafe(engine.find_actions(&session, turn, books)).catch_unwind();
            looking.await.unwrap_or_else(|panic| Err(panic_error(panic.as_ref()))).unwrap_or_else(|error| {
                let (code, kind) = (error.code().as_str(), error.kind());
                tracing::warn!(code, ?kind, session_id = %session.id, "no actions were looked for in a turn");
                Vec::new()
            })
        });
        async move { task.await.unwrap_or_default() }
    }

    async fn find_actions(&self, session: &Session, turn: TurnId, books: Books) -> Result<Vec<Action>> {
        let (Some(catalogue), Some(store)) = (&self.actions, &self.action_store) else { return Ok(Vec::new()) };
        // Much may have been said since: that is looked at with the turns in which it was.
        let said = messages_up_to(&*self.store, session.id, turn, catalogue.context_messages(), is_said).await?;
        if said.is_empty() {
            tracing::warn!(session_id = %session.id, turn_id = %turn, "a turn in which actions were to be found is not there");
        }
        let mut known = store.actions(session.id, &ActionQuery::newest(KNOWN)).await?.items;
        known.reverse();
        let Some(prompt) = catalogue.prompt(&said, turn, &known) else { return Ok(Vec::new()) };
        // Closing the agent waits for it: what has to be acted on is not to be lost.
        let answer = self.ask(prompt, session, books, CancellationToken::new()).await?;
        self.keep(catalogue, store, session, (turn, &said), &answer).await
    }

    /// Keeps what an answer holds that is new.
    async fn keep(
        &self,
        catalogue: &Catalogue,
        store: &Arc<dyn ActionStore>,
        session: &Session,
        (turn, said): (TurnId, &[Message]),
        answer: &str,
    ) -> Result<Vec<Action>> {
        let found = catalogue.found(answer, said, turn);
        if found.is_malformed || found.left_out > 0 {
            let (left_out, malformed) = (found.left_out, found.is_malformed);
            tracing::debug!(session_id = %session.id, left_out, malformed, "what the model found is not all of use");
        }
        let mut new = Vec::new();
        for finding in found.actions {
            let mut action = Action::new(session.id, turn, finding.message, finding.kind, self.clock.now());
            (action.details, action.confidence) = (finding.details, finding.confidence);
            if store.add_action(&action).await? {
                self.tell_of(session, &action).await;
                new.push(action);
            }
        }
        Ok(new)
    }

    /// An action is kept, for the first time: here, and only here, whoever is to hear of it is told, whatever becomes of the
    /// conversation.
    async fn tell_of(&self, session: &Session, action: &Action) {
        tracing::info!(session_id = %session.id, action_id = %action.id, kind = action.kind, "an action was found");
        let Ok(Value::Object(data)) = serde_json::to_value(action) else { return };
        let event = Event::new(ACTION_DETECTED, session.organization, data, action.created_at);
        let event = event.in_session(session.id).in_turn(action.turn_id);
        if let Err(error) = self.outbox.offer(&event).await {
            let code = error.code().as_str();
            tracing::warn!(session_id = %session.id, action_id = %action.id, code, "webhooks will not hear of an action");
        }
    }

    /// What a conversation came to: as it was written last, if nothing was said since, else anew. `None`: nobody has said
    /// anything.
    pub(crate) async fn sum_up(
        &self,
        session: &Session,
        cancel: CancellationToken,
    ) -> Result<Option<(Summary, Vec<Action>)>> {
        let missing = || Error::new(ErrorKind::Unsupported, "the agent has no store for actions and summaries");
        let store = self.action_store.as_ref().ok_or_else(missing)?;
        // What is being looked for is part of it.
        let _alone = self.detecting.lock(session.id).await;
        let mut actions = Vec::new();
        let mut query = ActionQuery::newest(AT_ONCE);
        loop {
            let page = store.actions(session.id, &query).await?;
            query.before = page.items.last().map(|action| action.id);
            actions.extend(page.items);
            if !page.has_more {
                break;
            }
        }
        actions.reverse();
        let latest = self.store.messages(session.id, MessageQuery::latest(1)).await?.items;
        let Some(latest) = latest.last() else { return Ok(None) };
        if let Some(summary) = store.summary(session.id).await?.filter(|summary| summary.until == latest.id) {
            return Ok(Some((summary, actions)));
        }
        let mut said = Vec::new();
        loop {
            let page = self.store.messages_from(session.id, said.last().map(|m: &Message| m.id), AT_ONCE).await?;
            said.extend(page.items);
            if !page.has_more {
                break;
            }
        }
        let Some(until) = said.last().map(|message| message.id) else { return Ok(None) };
        let known = &actions[actions.len().saturating_sub(KNOWN)..];
        let Some(prompt) = summary_prompt(&said, known, self.own_language().as_deref()) else { return Ok(None) };
        let mut measured = self.telemetry.turn(TurnId::new(), SUMMARY);
        let books = Books { ledger: Ledger::default(), scope: measured.enters(session.id, || who(session)) };
        let answer = self.ask(prompt, session, books.clone(), cancel).await;
        let words = answer.and_then(|answer| {
            summary_of(&answer).ok_or_else(|| {
                Error::new(ErrorKind::MalformedResponse, "the language model wrote no summary").with_stage(Stage::Llm)
            })
        });
        measured.end_with(books.ledger.take(), words.as_ref().err().map(Error::code));
        let SummaryWords { text, points } = words?;
        let mut summary = Summary::new(session.id, text, until, self.clock.now());
        summary.points = points;
        store.save_summary(&summary).await?;
        Ok(Some((summary, actions)))
    }

    /// What the language model writes, as a whole.
    async fn ask(
        &self,
        prompt: Vec<PromptMessage>,
        session: &Session,
        books: Books,
        cancel: CancellationToken,
    ) -> Result<String> {
        let mut ctx = CallContext::new();
        ctx.session_id = session.id;
        ctx.user = session.user.as_deref().map(Into::into);
        ctx.deadline = Some(Instant::now() + LONGEST);
        (ctx.ledger, ctx.scope, ctx.cancel) = (books.ledger, books.scope, cancel.clone());
        let mut request = GenerateRequest::new(prompt);
        (request.max_tokens, request.temperature) = (MOST_TOKENS, 0.0);
        let asking = async {
            let mut call = self.llm.open(request, &ctx, Failed::default()).await?;
            let mut answer = String::new();
            while let Some(event) = call.next().await {
                if let LlmEvent::Text(delta) = event? {
                    answer.push_str(&delta);
                }
            }
            Ok(answer)
        };
        let late =
            || Error::new(ErrorKind::DeadlineExceeded, "the language model took too long").with_stage(Stage::Llm);
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Error::new(ErrorKind::Cancelled, "the agent is closing")),
            answer = tokio::time::timeout(LONGEST, asking) => answer.unwrap_or_else(|_| Err(late())),
        }
    }
}
