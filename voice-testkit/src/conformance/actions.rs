//! The cases of a store for actions and summaries.

use std::sync::Arc;

use serde_json::json;
use voice_core::{
    Action, ConversationStore, Message, MessageId, Role, Session, SessionId, TurnId,
    store::{ActionQuery, ActionStore, Owner, Summary, TurnRecord},
};

use super::{Case, Outcome, cases, steps::*, told};

/// A store of actions beside the conversations that they belong to.
pub trait KeepsActions: ConversationStore + ActionStore {}

impl<S: ConversationStore + ActionStore> KeepsActions for S {}

type Actions = Arc<dyn KeepsActions>;

/// What every [`ActionStore`] must do, and the [`ConversationStore`] beside it.
pub const ACTIONS: &[Case<dyn KeepsActions>] = cases![
    an_action_comes_back_as_it_was_added,
    an_action_is_added_once_whatever_it_is_written_like,
    concurrent_additions_of_one_action_add_it_once,
    a_session_that_is_not_there_takes_nothing_and_has_nothing,
    actions_are_read_newest_first_in_pages,
    actions_are_found_by_their_type,
    sessions_do_not_see_each_others_actions,
    a_summary_replaces_the_one_before,
    actions_and_summaries_go_with_their_session,
    a_session_that_is_started_again_has_nothing_of_before,
    actions_go_with_their_user,
    old_actions_and_summaries_are_deleted_and_their_sessions_stay,
    the_language_of_a_message_is_kept,
];

async fn fresh(store: &Actions) -> Result<Session, String> {
    let session = Session::new(SessionId::new(), Some("ada".into()), at(0));
    store.create_session(&session).await.map_err(|e| told(&e))?;
    Ok(session)
}

fn action(session: &Session, number: i64) -> Action {
    let mut action = Action::new(session.id, TurnId::new(), MessageId::new(), "refill", at(number));
    action.details = object(json!({ "number": number }));
    action
}

async fn add(store: &Actions, action: &Action) -> Result<bool, String> {
    store.add_action(action).await.map_err(|e| told(&e))
}

async fn read(store: &Actions, session: SessionId, query: &ActionQuery) -> Result<(Vec<Action>, bool), String> {
    let page = store.actions(session, query).await.map_err(|e| told(&e))?;
    Ok((page.items, page.has_more))
}

async fn all(store: &Actions, session: SessionId) -> Result<Vec<Action>, String> {
    Ok(read(store, session, &ActionQuery::newest(100)).await?.0)
}

async fn summed_up(store: &Actions, session: SessionId) -> Result<Option<Summary>, String> {
    store.summary(session).await.map_err(|e| told(&e))
}

fn summary(session: &Session, words: &str) -> Summary {
    let mut summary = Summary::new(session.id, words, MessageId::new(), at(7));
    summary.points = vec!["räin ☔".into(), String::new(), "a, \"b\" {c}".into()];
    summary
}

async fn an_action_comes_back_as_it_was_added(store: Actions) -> Outcome {
    let session = fresh(&store).await?;
    let mut full = action(&session, 3);
    full.details =
        object(json!({"medication": "Metformin ☤", "$dose.mg": 500, "half": 0.5, "list": [1, null, {"a": true}]}));
    full.confidence = 0.625;
    same("added", add(&store, &full).await?, true)?;
    let bare = Action::new(session.id, TurnId::new(), MessageId::new(), "a_b", at(4));
    same("added", add(&store, &bare).await?, true)?;
    same("the actions", all(&store, session.id).await?, vec![bare, full])
}

async fn an_action_is_added_once_whatever_it_is_written_like(store: Actions) -> Outcome {
    let session = fresh(&store).await?;
    let mut first = action(&session, 1);
    first.details = object(json!({"medication": "Metformin", "dose": "500 mg"}));
    same("added", add(&store, &first).await?, true)?;
    same("added again", add(&store, &first).await?, false)?;
    let mut again = action(&session, 2);
    again.details = object(json!({"dose": " 500  MG ", "medication": "metformin", "pharmacy": null}));
    same("added in other words", add(&store, &again).await?, false)?;
    again.kind = "lab_order".into();
    same("another type", add(&store, &again).await?, true)?;
    same("the actions", all(&store, session.id).await?, vec![again, first])
}

async fn concurrent_additions_of_one_action_add_it_once(store: Actions) -> Outcome {
    let session = fresh(&store).await?;
    let mut copies = Vec::new();
    for _ in 0..8 {
        let mut copy = action(&session, 1);
        copy.details = object(json!({"medication": "metformin"}));
        copies.push(copy);
    }
    let added = futures_util::future::join_all(copies.iter().map(|copy| add(&store, copy))).await;
    let added: Vec<bool> = added.into_iter().collect::<Result<_, _>>()?;
    same("additions", added.iter().filter(|added| **added).count(), 1)?;
    same("the actions", all(&store, session.id).await?.len(), 1)
}

async fn a_session_that_is_not_there_takes_nothing_and_has_nothing(store: Actions) -> Outcome {
    let session = session_at(0);
    same("added", add(&store, &action(&session, 1)).await?, false)?;
    let saved = store.save_summary(&summary(&session, "Nothing.")).await.map_err(|e| told(&e))?;
    same("saved", saved, false)?;
    same("the actions", all(&store, session.id).await?, Vec::new())?;
    same("the summary", summed_up(&store, session.id).await?, None)
}

async fn actions_are_read_newest_first_in_pages(store: Actions) -> Outcome {
    let session = fresh(&store).await?;
    let mut expected = Vec::new();
    for number in 0..5 {
        // The order is that of the ids, whatever the times are.
        let mut action = action(&session, number);
        action.created_at = at(100 - number);
        add(&store, &action).await?;
        expected.insert(0, action);
    }
    let mut query = ActionQuery::newest(3);
    same("the first page", read(&store, session.id, &query).await?, (expected[..3].to_vec(), true))?;
    query.before = Some(expected[2].id);
    same("the last page", read(&store, session.id, &query).await?, (expected[3..].to_vec(), false))
}

async fn actions_are_found_by_their_type(store: Actions) -> Outcome {
    let session = fresh(&store).await?;
    let mut expected = Vec::new();
    for number in 0..4 {
        let mut action = action(&session, number);
        if number % 2 == 0 {
            action.kind = "lab_order".into();
            expected.insert(0, action.clone());
        }
        add(&store, &action).await?;
    }
    let mut query = ActionQuery::newest(1);
    query.kind = Some("lab_order".into());
    same("the first page", read(&store, session.id, &query).await?, (expected[..1].to_vec(), true))?;
    query.before = Some(expected[0].id);
    same("the last page", read(&store, session.id, &query).await?, (expected[1..].to_vec(), false))
}

async fn sessions_do_not_see_each_others_actions(store: Actions) -> Outcome {
    let (one, other) = (fresh(&store).await?, fresh(&store).await?);
    let (first, second) = (action(&one, 1), action(&other, 1));
    same("added", add(&store, &first).await?, true)?;
    same("the same in another session", add(&store, &second).await?, true)?;
    same("the one", all(&store, one.id).await?, vec![first])?;
    same("the other", all(&store, other.id).await?, vec![second])?;
    store.save_summary(&summary(&one, "Mine.")).await.map_err(|e| told(&e))?;
    same("the other's summary", summed_up(&store, other.id).await?, None)
}

async fn a_summary_replaces_the_one_before(store: Actions) -> Outcome {
    let session = fresh(&store).await?;
    for words in ["It was about rain.", "It was about räin ☔ and snow."] {
        let summary = summary(&session, words);
        same("saved", store.save_summary(&summary).await.map_err(|e| told(&e))?, true)?;
        same("the summary", summed_up(&store, session.id).await?, Some(summary))?;
    }
    Ok(())
}

async fn actions_and_summaries_go_with_their_session(store: Actions) -> Outcome {
    let (gone, stays) = (fresh(&store).await?, fresh(&store).await?);
    for session in [&gone, &stays] {
        add(&store, &action(session, 1)).await?;
        store.save_summary(&summary(session, "Words.")).await.map_err(|e| told(&e))?;
    }
    same("deleted", store.delete_session(gone.id).await.map_err(|e| told(&e))?, true)?;
    same("its actions", all(&store, gone.id).await?, Vec::new())?;
    same("its summary", summed_up(&store, gone.id).await?, None)?;
    same("the others", (all(&store, stays.id).await?.len(), summed_up(&store, stays.id).await?.is_some()), (1, true))
}

async fn a_session_that_is_started_again_has_nothing_of_before(store: Actions) -> Outcome {
    let session = fresh(&store).await?;
    let action = action(&session, 1);
    add(&store, &action).await?;
    store.save_summary(&summary(&session, "Words.")).await.map_err(|e| told(&e))?;
    store.delete_session(session.id).await.map_err(|e| told(&e))?;
    store.create_session(&session).await.map_err(|e| told(&e))?;
    same("its actions", all(&store, session.id).await?, Vec::new())?;
    same("its summary", summed_up(&store, session.id).await?, None)?;
    same("added anew", add(&store, &action).await?, true)
}

async fn actions_go_with_their_user(store: Actions) -> Outcome {
    let session = fresh(&store).await?;
    add(&store, &action(&session, 1)).await?;
    let owner = Owner::User { organization: None, user: "ada".into() };
    store.erase(&owner).await.map_err(|e| told(&e))?;
    same("what is left", all(&store, session.id).await?, Vec::new())
}

async fn old_actions_and_summaries_are_deleted_and_their_sessions_stay(store: Actions) -> Outcome {
    let (early, late) = (fresh(&store).await?, fresh(&store).await?);
    let (old, recent) = (action(&early, 10), action(&early, 100));
    for action in [&old, &recent] {
        add(&store, action).await?;
    }
    store.save_summary(&summary(&early, "Old.")).await.map_err(|e| told(&e))?;
    let mut written = summary(&late, "Recent.");
    written.created_at = at(100);
    store.save_summary(&written).await.map_err(|e| told(&e))?;
    store.delete_actions_before(at(100)).await.map_err(|e| told(&e))?;
    same("the actions", all(&store, early.id).await?, vec![recent])?;
    same("the old summary", summed_up(&store, early.id).await?, None)?;
    same("the recent summary", summed_up(&store, late.id).await?, Some(written))?;
    same("found again", add(&store, &old).await?, true)
}

async fn the_language_of_a_message_is_kept(store: Actions) -> Outcome {
    let (session, id) = (session_at(0), TurnId::new());
    let message = |role, words: &str, language: Option<&str>| {
        let mut message = Message::new(session.id, id, role, words, at(1));
        message.language = language.map(str::to_owned);
        message
    };
    let said = vec![message(Role::User, "hola", Some("es-MX")), message(Role::Assistant, "hello", None)];
    let conversations: Store = store;
    save(&conversations, &TurnRecord::new(id, session.clone(), said.clone())).await?;
    same("the messages", latest(&conversations, session.id, 10).await?, said.clone())?;
    let read = conversations.messages_from(session.id, None, 10).await.map_err(|e| told(&e))?.items;
    same("from the beginning", read, said.clone())?;
    if !conversations.capabilities().full_text_search {
        return Ok(());
    }
    let found = conversations.search(&voice_core::store::SearchQuery::new("hola")).await.map_err(|e| told(&e))?.items;
    same("what is found", found, said[..1].to_vec())
}
