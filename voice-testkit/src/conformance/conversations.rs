//! The cases of a conversation store.

use futures_util::{FutureExt, future::join_all};
use serde_json::{Map, json};
use voice_core::{
    ConversationStore, ErrorCode, Message, MessageId, Role, Session, SessionId, TurnId,
    store::{MessageQuery, Saved, SessionQuery, SessionStatus, TurnRecord},
};

use super::{Case, Outcome, cases, finding::*, keeping::*, steps::*, told};

/// What every [`ConversationStore`] must do.
///
/// What a store's capabilities leave out must be refused with kind `Unsupported`, or do no harm.
pub const CONVERSATIONS: &[Case<dyn ConversationStore>] = cases![
    a_session_comes_back_as_it_was_created,
    an_unknown_session_is_none,
    creating_a_session_again_leaves_it_as_it_is,
    sessions_are_listed_newest_first_in_pages,
    sessions_are_listed_by_user_and_status,
    metadata_is_replaced_as_a_whole,
    a_session_ends_once,
    a_turn_creates_its_session,
    a_turn_only_moves_the_activity_of_a_session_that_is_there,
    activity_never_moves_backwards,
    a_message_comes_back_as_it_was_saved,
    a_turn_is_saved_once,
    concurrent_savings_of_one_turn_save_it_once,
    a_turn_that_fails_leaves_nothing,
    the_latest_messages_come_in_the_order_they_were_said,
    older_messages_are_reached_by_the_cursor,
    a_cursor_of_another_session_reaches_nothing,
    order_is_that_of_saving_and_not_of_times_or_ids,
    concurrent_turns_of_one_session_are_all_kept_unmixed,
    sessions_do_not_see_each_others_messages,
    deleting_a_session_deletes_its_messages,
    a_deleted_session_can_be_started_again,
    a_turn_that_continues_a_deleted_session_does_not_bring_it_back,
    only_idle_active_sessions_expire,
    only_sessions_that_are_over_for_long_are_deleted,
    large_and_unusual_text_is_kept,
    sessions_are_listed_by_organization_and_assistant,
    messages_are_read_from_the_beginning_in_pages,
    messages_are_found_by_their_words,
    a_search_stays_within_its_session_user_and_organization,
    found_messages_come_newest_first_in_pages,
    what_was_deleted_is_not_found,
    erasing_a_user_takes_everything_they_said_and_nothing_else,
    erasing_an_organization_takes_all_of_it,
    old_messages_are_deleted_and_their_turns_stay_saved,
    a_lease_keeps_others_out_until_it_ends,
    only_one_of_many_gets_a_lease,
    a_dropped_call_leaves_no_half_turn,
    a_closed_store_refuses_and_closes_again,
];

async fn a_session_comes_back_as_it_was_created(store: Store) -> Outcome {
    let mut session = Session::new(SessionId::new(), Some("ada@example.org".into()), at(0));
    session.metadata = object(json!({"topic": "räin ☔", "deep": {"list": [1, 2.5, null, true]}}));
    session.last_activity_at = at(5);
    create(&store, &session).await?;
    same("the session", found(&store, session.id).await?, Some(session.clone()))?;
    let mut over = session_at(0);
    (over.status, over.ended_at) = (SessionStatus::Ended, Some(at(9)));
    create(&store, &over).await?;
    same("a session that is over", found(&store, over.id).await?, Some(over.clone()))
}

async fn an_unknown_session_is_none(store: Store) -> Outcome {
    let id = SessionId::new();
    same("the session", found(&store, id).await?, None)?;
    same("messages", latest(&store, id, 10).await?.len(), 0)?;
    same("set_metadata", store.set_metadata(id, &Map::new()).await.map_err(|e| told(&e))?, false)?;
    same("end_session", store.end_session(id, at(0)).await.map_err(|e| told(&e))?, false)?;
    same("delete_session", store.delete_session(id).await.map_err(|e| told(&e))?, false)
}

async fn creating_a_session_again_leaves_it_as_it_is(store: Store) -> Outcome {
    let session = session_at(0);
    create(&store, &session).await?;
    let mut other = Session::new(session.id, Some("somebody".into()), at(50));
    other.metadata = object(json!({"new": true}));
    create(&store, &other).await?;
    same("the session", found(&store, session.id).await?, Some(session.clone()))
}

async fn sessions_are_listed_newest_first_in_pages(store: Store) -> Outcome {
    let mut ids = Vec::new();
    for n in 0..5 {
        let session = session_at(n);
        create(&store, &session).await?;
        ids.push(session.id);
    }
    ids.reverse();
    let mut query = SessionQuery::default();
    query.limit = 2;
    same("the first page", listed(&store, &query).await?, (ids[..2].to_vec(), true))?;
    query.before = Some(ids[1]);
    same("the second page", listed(&store, &query).await?, (ids[2..4].to_vec(), true))?;
    query.before = Some(ids[3]);
    same("the last page", listed(&store, &query).await?, (ids[4..].to_vec(), false))?;
    query.before = Some(ids[4]);
    same("beyond it", listed(&store, &query).await?, (vec![], false))
}

async fn sessions_are_listed_by_user_and_status(store: Store) -> Outcome {
    let users = [Some("ada"), Some("bob"), None, Some("ada")];
    let mut ids = Vec::new();
    for (n, user) in (0..).zip(users) {
        let session = Session::new(SessionId::new(), user.map(Into::into), at(n));
        create(&store, &session).await?;
        ids.push(session.id);
    }
    store.end_session(ids[0], at(9)).await.map_err(|e| told(&e))?;
    let mut query = SessionQuery::default();
    query.user = Some("ada".into());
    same("ada's", listed(&store, &query).await?, (vec![ids[3], ids[0]], false))?;
    query.status = Some(SessionStatus::Ended);
    same("ada's that ended", listed(&store, &query).await?, (vec![ids[0]], false))?;
    query.user = None;
    query.status = Some(SessionStatus::Active);
    same("active", listed(&store, &query).await?, (vec![ids[3], ids[2], ids[1]], false))?;
    query.user = Some("ADA".into());
    same("a user's name is compared exactly", listed(&store, &query).await?, (vec![], false))
}

async fn metadata_is_replaced_as_a_whole(store: Store) -> Outcome {
    let mut session = session_at(0);
    session.metadata = object(json!({"a": 1}));
    create(&store, &session).await?;
    session.metadata = object(json!({"b": "2"}));
    let set = store.set_metadata(session.id, &session.metadata).await.map_err(|e| told(&e))?;
    same("set_metadata", set, true)?;
    same("the session", there(&store, session.id).await?, session)
}

async fn a_session_ends_once(store: Store) -> Outcome {
    let session = session_at(0);
    create(&store, &session).await?;
    same("the first end", store.end_session(session.id, at(7)).await.map_err(|e| told(&e))?, true)?;
    same("the second end", store.end_session(session.id, at(8)).await.map_err(|e| told(&e))?, false)?;
    let found = there(&store, session.id).await?;
    same("status and time", (found.status, found.ended_at), (SessionStatus::Ended, Some(at(7))))
}

async fn a_turn_creates_its_session(store: Store) -> Outcome {
    let mut session = Session::new(SessionId::new(), Some("ada".into()), at(0));
    session.metadata = object(json!({"a": 1}));
    let first = turn(&session, 3, "rain");
    same("saved", save(&store, &first).await?, Saved::New)?;
    same("the session", there(&store, session.id).await?, first.session)
}

async fn a_turn_only_moves_the_activity_of_a_session_that_is_there(store: Store) -> Outcome {
    let mut session = session_at(0);
    session.metadata = object(json!({"kept": true}));
    create(&store, &session).await?;
    store.end_session(session.id, at(1)).await.map_err(|e| told(&e))?;
    let other = Session::new(session.id, Some("somebody else".into()), at(40));
    save(&store, &turn(&other, 60, "rain")).await?;
    (session.status, session.ended_at, session.last_activity_at) = (SessionStatus::Ended, Some(at(1)), at(60));
    same("the session", there(&store, session.id).await?, session)
}

async fn activity_never_moves_backwards(store: Store) -> Outcome {
    let session = session_at(0);
    save(&store, &turn(&session, 60, "late")).await?;
    save(&store, &turn(&session, 30, "early")).await?;
    same("last activity", there(&store, session.id).await?.last_activity_at, at(60))
}

async fn a_message_comes_back_as_it_was_saved(store: Store) -> Outcome {
    let session = session_at(0);
    let id = TurnId::new();
    let roles = [Role::System, Role::User, Role::Tool, Role::Assistant];
    let mut messages: Vec<Message> =
        (0..).zip(roles).map(|(n, role)| Message::new(session.id, id, role, format!("{n}"), at(n))).collect();
    messages[1].audio_ref = Some("recordings/1.ogg".into());
    save(&store, &TurnRecord::new(id, session.clone(), messages.clone())).await?;
    same("the messages", latest(&store, session.id, 10).await?, messages)
}

async fn a_turn_is_saved_once(store: Store) -> Outcome {
    let session = session_at(0);
    let first = turn(&session, 1, "rain");
    same("at first", save(&store, &first).await?, Saved::New)?;
    let mut again = turn(&session, 99, "other words");
    again.turn_id = first.turn_id;
    same("again", save(&store, &again).await?, Saved::AlreadyThere)?;
    same("the messages", texts(&latest(&store, session.id, 10).await?), vec!["rain?", "rain."])?;
    same("last activity", there(&store, session.id).await?.last_activity_at, at(1))
}

async fn concurrent_savings_of_one_turn_save_it_once(store: Store) -> Outcome {
    let session = session_at(0);
    let record = turn(&session, 1, "rain");
    let saved = join_all((0..16).map(|_| save(&store, &record))).await;
    let new = saved.into_iter().collect::<Result<Vec<_>, _>>()?.iter().filter(|s| **s == Saved::New).count();
    same("times saved", new, 1)?;
    same("messages", latest(&store, session.id, 100).await?.len(), 2)
}

async fn a_turn_that_fails_leaves_nothing(store: Store) -> Outcome {
    let (session, other) = (session_at(0), session_at(0));
    let first = turn(&session, 1, "kept");
    save(&store, &first).await?;
    // A message id can be there only once. A store that does not mind keeps the whole turn, one that does keeps none of it.
    let mut bad = turn(&other, 2, "lost");
    bad.messages[1].id = first.messages[0].id;
    let good = turn(&session, 3, "also kept");
    let (bad_outcome, good_outcome) = tokio::join!(store.save_turn(&bad), save(&store, &good));
    same("the turn beside it", good_outcome?, Saved::New)?;
    let left = latest(&store, other.id, 10).await?.len();
    match bad_outcome {
        Ok(_) => same("messages of the accepted turn", left, 2)?,
        Err(error) => {
            same("the error's code", error.code(), ErrorCode::StorageError)?;
            same("messages of the refused turn", left, 0)?;
            same("its session", found(&store, other.id).await?, None)?;
            bad.messages[1].id = MessageId::new();
            same("saving it again, corrected", save(&store, &bad).await?, Saved::New)?;
        }
    }
    let kept = latest(&store, session.id, 10).await?;
    same("the others", texts(&kept), vec!["kept?", "kept.", "also kept?", "also kept."])
}

async fn ten_turns(store: &Store) -> Result<(SessionId, Vec<String>), String> {
    let session = session_at(0);
    let mut said = Vec::new();
    for n in 0..10 {
        let record = turn(&session, n, &n.to_string());
        save(store, &record).await?;
        said.extend(record.messages.into_iter().map(|m| m.content));
    }
    Ok((session.id, said))
}

async fn the_latest_messages_come_in_the_order_they_were_said(store: Store) -> Outcome {
    let (session, said) = ten_turns(&store).await?;
    same("the latest 5", texts(&latest(&store, session, 5).await?), said[15..].iter().map(String::as_str).collect())?;
    let page = store.messages(session, MessageQuery::latest(20)).await.map_err(|e| told(&e))?;
    same("all of them", texts(&page.items), said.iter().map(String::as_str).collect())?;
    same("more beyond all of them", page.has_more, false)
}

async fn older_messages_are_reached_by_the_cursor(store: Store) -> Outcome {
    let (session, said) = ten_turns(&store).await?;
    let mut query = MessageQuery::latest(6);
    let (mut read, mut pages) = (Vec::new(), 0);
    loop {
        let page = store.messages(session, query).await.map_err(|e| told(&e))?;
        pages += 1;
        query.before = page.items.first().map(|m| m.id);
        read.splice(0..0, page.items.into_iter().map(|m| m.content));
        if !page.has_more || pages > 4 {
            break;
        }
    }
    same("all pages", read, said)?;
    same("pages", pages, 4)
}

async fn a_cursor_of_another_session_reaches_nothing(store: Store) -> Outcome {
    let (session, _) = ten_turns(&store).await?;
    let (other, _) = ten_turns(&store).await?;
    let foreign = latest(&store, other, 1).await?.first().map(|m| m.id);
    for cursor in [foreign, Some(MessageId::new())] {
        let mut query = MessageQuery::latest(5);
        query.before = cursor;
        let page = store.messages(session, query).await.map_err(|e| told(&e))?;
        same("items and more", (page.items.len(), page.has_more), (0, false))?;
    }
    Ok(())
}

async fn order_is_that_of_saving_and_not_of_times_or_ids(store: Store) -> Outcome {
    let session = session_at(0);
    // Made first, saved last, with an earlier time: as from a machine whose clock is behind.
    let behind = turn(&session, 1, "second");
    save(&store, &turn(&session, 50, "first")).await?;
    save(&store, &behind).await?;
    let said = latest(&store, session.id, 10).await?;
    same("the order", texts(&said), vec!["first?", "first.", "second?", "second."])
}

async fn concurrent_turns_of_one_session_are_all_kept_unmixed(store: Store) -> Outcome {
    let session = session_at(0);
    let records: Vec<TurnRecord> = (0..40).map(|n| turn(&session, n, &n.to_string())).collect();
    for saved in join_all(records.iter().map(|record| save(&store, record))).await {
        same("saved", saved?, Saved::New)?;
    }
    let said = latest(&store, session.id, 100).await?;
    same("messages", said.len(), 80)?;
    holds("each answer follows its question", said.chunks(2).all(|pair| pair[0].turn_id == pair[1].turn_id))?;
    holds("each question comes first", said.chunks(2).all(|pair| pair[0].role == Role::User))
}

async fn sessions_do_not_see_each_others_messages(store: Store) -> Outcome {
    let (one, two) = (session_at(0), session_at(0));
    for n in 0..3 {
        save(&store, &turn(&one, n, "one")).await?;
        save(&store, &turn(&two, n, "two")).await?;
    }
    let said = latest(&store, one.id, 100).await?;
    same("messages", said.len(), 6)?;
    holds("all are of the session", said.iter().all(|m| m.session_id == one.id && m.content.starts_with("one")))
}

async fn deleting_a_session_deletes_its_messages(store: Store) -> Outcome {
    let (gone, kept) = (session_at(0), session_at(0));
    save(&store, &turn(&gone, 1, "gone")).await?;
    save(&store, &turn(&kept, 1, "kept")).await?;
    same("deleted", store.delete_session(gone.id).await.map_err(|e| told(&e))?, true)?;
    same("the session", found(&store, gone.id).await?, None)?;
    same("its messages", latest(&store, gone.id, 10).await?.len(), 0)?;
    same("deleted again", store.delete_session(gone.id).await.map_err(|e| told(&e))?, false)?;
    same("the other's messages", latest(&store, kept.id, 10).await?.len(), 2)
}

async fn a_deleted_session_can_be_started_again(store: Store) -> Outcome {
    let session = session_at(0);
    let record = turn(&session, 1, "rain");
    save(&store, &record).await?;
    store.delete_session(session.id).await.map_err(|e| told(&e))?;
    same("the same turn again", save(&store, &record).await?, Saved::New)?;
    same("its messages", latest(&store, session.id, 10).await?, record.messages)
}

async fn a_turn_that_continues_a_deleted_session_does_not_bring_it_back(store: Store) -> Outcome {
    let session = session_at(0);
    create(&store, &session).await?;
    let first = turn(&session, 5, "one").continuing(true);
    same("a turn that continues", save(&store, &first).await?, Saved::New)?;
    same("the same again", save(&store, &first).await?, Saved::AlreadyThere)?;
    same("the activity", there(&store, session.id).await?.last_activity_at, at(5))?;
    store.delete_session(session.id).await.map_err(|e| told(&e))?;
    same("a turn after that", save(&store, &turn(&session, 9, "two").continuing(true)).await?, Saved::SessionGone)?;
    same("the session", found(&store, session.id).await?, None)?;
    same("messages", latest(&store, session.id, 10).await?.len(), 0)?;

    for n in 0..20 {
        let session = session_at(n);
        create(&store, &session).await?;
        let going_on = turn(&session, n + 1, "three").continuing(true);
        let delete = async { store.delete_session(session.id).await.map_err(|e| told(&e)) };
        let (saved, deleted) = futures_util::future::join(save(&store, &going_on), delete).await;
        same("deleted", deleted?, true)?;
        holds("a turn beside it is saved and deleted, or not saved", saved? != Saved::AlreadyThere)?;
        same("the session", found(&store, session.id).await?, None)?;
        same("messages", latest(&store, session.id, 10).await?.len(), 0)?;
    }
    Ok(())
}

async fn only_idle_active_sessions_expire(store: Store) -> Outcome {
    let (idle, busy, ended) = (session_at(0), session_at(0), session_at(0));
    for session in [&idle, &busy, &ended] {
        create(&store, session).await?;
    }
    store.end_session(ended.id, at(5)).await.map_err(|e| told(&e))?;
    save(&store, &turn(&busy, 100, "still here")).await?;
    same("expired", store.expire_idle(at(100), at(200)).await.map_err(|e| told(&e))?, 1)?;
    same("expired again", store.expire_idle(at(100), at(300)).await.map_err(|e| told(&e))?, 0)?;
    let expired = there(&store, idle.id).await?;
    same("the idle one", (expired.status, expired.ended_at), (SessionStatus::Expired, Some(at(200))))?;
    same("the busy one", there(&store, busy.id).await?.status, SessionStatus::Active)?;
    same("the ended one", there(&store, ended.id).await?.ended_at, Some(at(5)))
}

async fn only_sessions_that_are_over_for_long_are_deleted(store: Store) -> Outcome {
    let (old, recent, active) = (session_at(0), session_at(0), session_at(0));
    for session in [&old, &recent, &active] {
        save(&store, &turn(session, 1, "words")).await?;
    }
    store.end_session(old.id, at(10)).await.map_err(|e| told(&e))?;
    store.end_session(recent.id, at(20)).await.map_err(|e| told(&e))?;
    same("deleted", store.delete_over(at(20)).await.map_err(|e| told(&e))?, 1)?;
    same("the old one", found(&store, old.id).await?, None)?;
    same("its messages", latest(&store, old.id, 10).await?.len(), 0)?;
    holds(
        "the others are there",
        found(&store, recent.id).await?.is_some() && found(&store, active.id).await?.is_some(),
    )
}

async fn large_and_unusual_text_is_kept(store: Store) -> Outcome {
    let session = session_at(0);
    for words in
        ["", "'; DROP TABLE messages; --", "नमस्ते 👩‍👩‍👧 \u{202e}", "line\nline\r\n\ttab\0nul", &"long ".repeat(200_000)]
    {
        let record = turn(&session, 1, words);
        save(&store, &record).await?;
        let read = latest(&store, session.id, 2).await?;
        holds("the text is the same", read == record.messages)?;
    }
    Ok(())
}

async fn a_dropped_call_leaves_no_half_turn(store: Store) -> Outcome {
    let session = session_at(0);
    for n in 0..50 {
        let record = turn(&session, n, &n.to_string());
        // Begun, and dropped at once.
        drop(store.save_turn(&record).now_or_never());
    }
    save(&store, &turn(&session, 60, "last")).await?;
    let said = latest(&store, session.id, 100).await?;
    holds("turns are whole", said.chunks(2).all(|pair| pair.len() == 2 && pair[0].turn_id == pair[1].turn_id))?;
    same("the last answer", said.last().map(|m| m.content.as_str()), Some("last."))
}

async fn a_closed_store_refuses_and_closes_again(store: Store) -> Outcome {
    let session = session_at(0);
    create(&store, &session).await?;
    store.close().await.map_err(|e| told(&e))?;
    store.close().await.map_err(|e| told(&e))?;
    let read = store.session(session.id).await.map_err(|e| e.code());
    same("reading", read, Err(ErrorCode::StorageError))?;
    let written = store.save_turn(&turn(&session, 1, "rain")).await.map_err(|e| e.code());
    same("writing", written, Err(ErrorCode::StorageError))
}
