//! What every conversation store must do, as cases to stamp on one: the library's own, or a host's.
//!
//! ```
//! use voice_core::store::MemoryStore;
//!
//! // One test per case; each gets a fresh, empty store.
//! voice_testkit::conversation_store_tests!(MemoryStore::new());
//! ```

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use serde_json::{Map, Value, json};
use voice_core::{
    ConversationStore, ErrorCode, Message, MessageId, Role, Session, SessionId, TurnId,
    store::{MessageQuery, Saved, SessionQuery, SessionStatus, TurnRecord},
    time::Timestamp,
};

/// One thing a store must do. Panics where it does not.
#[derive(Clone, Copy)]
pub struct Case {
    /// What it must do, as a statement.
    pub name: &'static str,
    /// Tries it on a fresh, empty store.
    pub run: fn(Arc<dyn ConversationStore>) -> BoxFuture<'static, ()>,
}

/// Calls a macro with the names of all cases.
#[doc(hidden)]
#[macro_export]
macro_rules! __conversation_store_cases {
    ($then:path, $($with:tt)*) => {
        $then! {
            [$($with)*]
            a_turn_is_read_back_as_it_was_saved
            saving_a_turn_twice_saves_it_once
            the_latest_messages_come_in_the_order_they_were_said
            pages_lead_back_to_the_first_message
            what_is_unknown_is_empty_and_no_error
            creating_a_session_that_exists_leaves_it_as_it_is
            activity_never_moves_back
            sessions_are_listed_newest_first
            sessions_are_listed_by_user_and_by_status
            metadata_is_replaced_whole
            only_an_active_session_can_be_ended
            a_deleted_session_takes_everything_with_it
            only_idle_sessions_expire
            only_sessions_that_are_long_over_are_deleted
            turns_saved_at_once_all_arrive_whole
            a_call_that_is_given_up_leaves_no_half_turn
            any_text_survives
            a_closed_store_says_so
        }
    };
}

macro_rules! list {
    ([] $($name:ident)*) => {
        /// All cases.
        pub const CASES: &[Case] = &[$(Case { name: stringify!($name), run: |store| $name(store).boxed() },)*];
    };
}
__conversation_store_cases!(list,);

/// Stamps one tokio test per case on the store that the expression makes.
#[macro_export]
macro_rules! conversation_store_tests {
    ($store:expr) => {
        $crate::__conversation_store_cases!($crate::__conversation_store_test, $store);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conversation_store_test {
    ([$store:expr] $($name:ident)*) => {$(
        #[tokio::test]
        async fn $name() {
            let case = $crate::conformance::CASES.iter().find(|case| case.name == stringify!($name));
            (case.expect("a case of this name").run)(std::sync::Arc::new($store)).await;
        }
    )*};
}

/// A moment that every store can keep.
fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_900_000_000 + seconds, 123_456_000).expect("a moment in range")
}

fn a_session(user: Option<&str>, seconds: i64) -> Session {
    Session::new(SessionId::new(), user.map(Into::into), at(seconds))
}

fn a_turn(session: &Session, n: usize) -> TurnRecord {
    let turn = TurnId::new();
    let say = |role, text: String| Message::new(session.id, turn, role, text, at(n as i64));
    let messages = vec![say(Role::User, format!("question {n}")), say(Role::Assistant, format!("answer {n}"))];
    TurnRecord::new(turn, session.clone(), messages)
}

async fn texts(store: &dyn ConversationStore, session: SessionId, limit: usize) -> Vec<String> {
    let page = store.messages(session, MessageQuery::latest(limit)).await.expect("messages are read");
    page.items.into_iter().map(|m| m.content).collect()
}

async fn saved(store: &dyn ConversationStore, turn: &TurnRecord) -> Saved {
    store.save_turn(turn).await.expect("a turn is saved")
}

async fn found(store: &dyn ConversationStore, id: SessionId) -> Option<Session> {
    store.session(id).await.expect("a session is read")
}

async fn listed(store: &dyn ConversationStore, query: SessionQuery) -> Vec<SessionId> {
    store.list_sessions(&query).await.expect("sessions are listed").items.iter().map(|s| s.id).collect()
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

async fn a_turn_is_read_back_as_it_was_saved(store: Arc<dyn ConversationStore>) {
    let mut session = a_session(Some("ann"), 0);
    session.metadata = map(json!({"from": "web"}));
    let mut turn = a_turn(&session, 1);
    turn.messages[1].audio_ref = Some("blob/1".into());
    assert_eq!(saved(&*store, &turn).await, Saved::New);
    assert_eq!(found(&*store, session.id).await, Some(session.clone()));
    let page = store.messages(session.id, MessageQuery::default()).await.expect("messages are read");
    assert_eq!((page.items, page.has_more), (turn.messages, false));
}

async fn saving_a_turn_twice_saves_it_once(store: Arc<dyn ConversationStore>) {
    let session = a_session(None, 0);
    let turn = a_turn(&session, 1);
    assert_eq!(saved(&*store, &turn).await, Saved::New);
    assert_eq!(saved(&*store, &turn).await, Saved::AlreadyThere);
    assert_eq!(texts(&*store, session.id, 10).await, ["question 1", "answer 1"]);
}

async fn the_latest_messages_come_in_the_order_they_were_said(store: Arc<dyn ConversationStore>) {
    let session = a_session(None, 0);
    for n in 0..20 {
        saved(&*store, &a_turn(&session, n)).await;
    }
    assert_eq!(texts(&*store, session.id, 3).await, ["answer 18", "question 19", "answer 19"]);
    let all = texts(&*store, session.id, 100).await;
    assert_eq!((all.len(), all[0].as_str()), (40, "question 0"));
}

async fn pages_lead_back_to_the_first_message(store: Arc<dyn ConversationStore>) {
    let (session, other) = (a_session(None, 0), a_session(None, 0));
    for n in 0..5 {
        saved(&*store, &a_turn(&session, n)).await;
        saved(&*store, &a_turn(&other, n)).await;
    }
    let (mut seen, mut query) = (Vec::new(), MessageQuery::latest(4));
    loop {
        let page = store.messages(session.id, query).await.expect("messages are read");
        query.before = page.items.first().map(|m| m.id);
        seen.splice(0..0, page.items);
        if !page.has_more {
            break;
        }
    }
    assert_eq!(seen.len(), 10);
    assert!(seen.iter().all(|m| m.session_id == session.id));
    assert!(seen.windows(2).all(|pair| pair[0].created_at <= pair[1].created_at));
}

async fn what_is_unknown_is_empty_and_no_error(store: Arc<dyn ConversationStore>) {
    let (nobody, session) = (SessionId::new(), a_session(None, 0));
    assert_eq!(found(&*store, nobody).await, None);
    assert!(texts(&*store, nobody, 10).await.is_empty());
    saved(&*store, &a_turn(&session, 1)).await;
    let mut query = MessageQuery::latest(10);
    query.before = Some(MessageId::new());
    let page = store.messages(session.id, query).await.expect("messages are read");
    assert!(page.items.is_empty() && !page.has_more);
    assert!(!store.end_session(nobody, at(0)).await.expect("no error"));
    assert!(!store.delete_session(nobody).await.expect("no error"));
    assert!(!store.set_metadata(nobody, &Map::new()).await.expect("no error"));
}

async fn creating_a_session_that_exists_leaves_it_as_it_is(store: Arc<dyn ConversationStore>) {
    let first = a_session(Some("ann"), 0);
    let mut second = Session::new(first.id, Some("bob".into()), at(9));
    second.metadata = map(json!({"other": true}));
    store.create_session(&first).await.expect("a session is created");
    store.create_session(&second).await.expect("no error");
    saved(&*store, &a_turn(&second, 1)).await;
    let there = found(&*store, first.id).await.expect("it is there");
    assert_eq!((there.user.as_deref(), there.metadata.len()), (Some("ann"), 0));
}

async fn activity_never_moves_back(store: Arc<dyn ConversationStore>) {
    let mut session = a_session(None, 100);
    saved(&*store, &a_turn(&session, 1)).await;
    session.last_activity_at = at(50);
    saved(&*store, &a_turn(&session, 2)).await;
    assert_eq!(found(&*store, session.id).await.expect("it is there").last_activity_at, at(100));
    session.last_activity_at = at(200);
    saved(&*store, &a_turn(&session, 3)).await;
    assert_eq!(found(&*store, session.id).await.expect("it is there").last_activity_at, at(200));
}

async fn sessions_are_listed_newest_first(store: Arc<dyn ConversationStore>) {
    let mut ids = Vec::new();
    for n in 0..7 {
        let session = a_session(None, n);
        store.create_session(&session).await.expect("a session is created");
        ids.insert(0, session.id);
    }
    let mut query = SessionQuery::default();
    query.limit = 3;
    let mut seen = Vec::new();
    loop {
        let page = store.list_sessions(&query).await.expect("sessions are listed");
        query.before = page.items.last().map(|s| s.id);
        seen.extend(page.items.iter().map(|s| s.id));
        if !page.has_more {
            break;
        }
    }
    assert_eq!(seen, ids);
}

async fn sessions_are_listed_by_user_and_by_status(store: Arc<dyn ConversationStore>) {
    let (ann, bob, over) = (a_session(Some("ann"), 0), a_session(Some("bob"), 0), a_session(Some("ann"), 0));
    for session in [&ann, &bob, &over] {
        store.create_session(session).await.expect("a session is created");
    }
    store.end_session(over.id, at(5)).await.expect("it is ended");
    let query = |user: Option<&str>, status| {
        let mut query = SessionQuery::default();
        query.user = user.map(Into::into);
        query.status = status;
        query
    };
    assert_eq!(listed(&*store, query(Some("ann"), None)).await, [over.id, ann.id]);
    assert_eq!(listed(&*store, query(Some("ann"), Some(SessionStatus::Active))).await, [ann.id]);
    assert_eq!(listed(&*store, query(None, Some(SessionStatus::Ended))).await, [over.id]);
    assert_eq!(listed(&*store, query(None, None)).await, [over.id, bob.id, ann.id]);
    assert!(listed(&*store, query(Some("eve"), None)).await.is_empty());
}

async fn metadata_is_replaced_whole(store: Arc<dyn ConversationStore>) {
    let mut session = a_session(None, 0);
    session.metadata = map(json!({"old": 1}));
    store.create_session(&session).await.expect("a session is created");
    let new = map(json!({"größe": [1, 2.5, null, {"deep": "日本"}], "": true}));
    assert!(store.set_metadata(session.id, &new).await.expect("no error"));
    assert_eq!(found(&*store, session.id).await.expect("it is there").metadata, new);
}

async fn only_an_active_session_can_be_ended(store: Arc<dyn ConversationStore>) {
    let session = a_session(None, 0);
    store.create_session(&session).await.expect("a session is created");
    assert!(store.end_session(session.id, at(5)).await.expect("no error"));
    assert!(!store.end_session(session.id, at(9)).await.expect("no error"));
    let there = found(&*store, session.id).await.expect("it is there");
    assert_eq!((there.status, there.ended_at), (SessionStatus::Ended, Some(at(5))));
}

async fn a_deleted_session_takes_everything_with_it(store: Arc<dyn ConversationStore>) {
    let (gone, kept) = (a_session(None, 0), a_session(None, 0));
    let turn = a_turn(&gone, 1);
    saved(&*store, &turn).await;
    saved(&*store, &a_turn(&kept, 1)).await;
    assert!(store.delete_session(gone.id).await.expect("no error"));
    assert!(!store.delete_session(gone.id).await.expect("no error"));
    assert_eq!(found(&*store, gone.id).await, None);
    assert!(texts(&*store, gone.id, 10).await.is_empty());
    assert_eq!(texts(&*store, kept.id, 10).await.len(), 2);
    assert_eq!(saved(&*store, &turn).await, Saved::New, "nothing of the turn was left");
}

async fn only_idle_sessions_expire(store: Arc<dyn ConversationStore>) {
    let (idle, busy, ended) = (a_session(None, 0), a_session(None, 100), a_session(None, 0));
    for session in [&idle, &busy, &ended] {
        store.create_session(session).await.expect("a session is created");
    }
    store.end_session(ended.id, at(1)).await.expect("it is ended");
    assert_eq!(store.expire_idle(at(50), at(60)).await.expect("no error"), 1);
    assert_eq!(store.expire_idle(at(50), at(70)).await.expect("no error"), 0);
    let there = found(&*store, idle.id).await.expect("it is there");
    assert_eq!((there.status, there.ended_at), (SessionStatus::Expired, Some(at(60))));
    assert_eq!(found(&*store, busy.id).await.expect("it is there").status, SessionStatus::Active);
    assert_eq!(found(&*store, ended.id).await.expect("it is there").status, SessionStatus::Ended);
}

async fn only_sessions_that_are_long_over_are_deleted(store: Arc<dyn ConversationStore>) {
    let (old, recent, active) = (a_session(None, 0), a_session(None, 0), a_session(None, 0));
    for session in [&old, &recent, &active] {
        saved(&*store, &a_turn(session, 1)).await;
    }
    store.end_session(old.id, at(10)).await.expect("it is ended");
    store.end_session(recent.id, at(90)).await.expect("it is ended");
    assert_eq!(store.delete_over(at(50)).await.expect("no error"), 1);
    assert_eq!(found(&*store, old.id).await, None);
    assert!(texts(&*store, old.id, 10).await.is_empty());
    for kept in [recent.id, active.id] {
        assert_eq!(texts(&*store, kept, 10).await.len(), 2);
    }
}

async fn turns_saved_at_once_all_arrive_whole(store: Arc<dyn ConversationStore>) {
    let (shared, own) = (a_session(None, 0), a_session(None, 0));
    let tasks = (0..40).map(|n| {
        let (store, session) = (Arc::clone(&store), if n % 4 == 0 { own.clone() } else { shared.clone() });
        tokio::spawn(async move { saved(&*store, &a_turn(&session, n)).await })
    });
    for task in tasks.collect::<Vec<_>>() {
        assert_eq!(task.await.expect("no panic"), Saved::New);
    }
    for (session, turns) in [(shared.id, 30), (own.id, 10)] {
        whole_turns(&*store, session, turns).await;
    }
}

async fn a_call_that_is_given_up_leaves_no_half_turn(store: Arc<dyn ConversationStore>) {
    let session = a_session(None, 0);
    for n in 0..40 {
        let turn = a_turn(&session, n);
        // Given up after 0 to 3 looks at it.
        let mut save = store.save_turn(&turn);
        for _ in 0..n % 4 {
            if (&mut save).now_or_never().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    let last = a_turn(&session, 99);
    assert_eq!(saved(&*store, &last).await, Saved::New);
    let count = texts(&*store, session.id, 100).await.len();
    assert_eq!(count % 2, 0);
    whole_turns(&*store, session.id, count / 2).await;
}

/// Every turn of a session has both its messages, one after the other.
async fn whole_turns(store: &dyn ConversationStore, session: SessionId, turns: usize) {
    let page = store.messages(session, MessageQuery::latest(100)).await.expect("messages are read");
    assert_eq!(page.items.len(), turns * 2);
    let mut seen: HashMap<TurnId, usize> = HashMap::new();
    for pair in page.items.chunks(2) {
        assert_eq!((pair[0].role, pair[1].role), (Role::User, Role::Assistant));
        assert_eq!(pair[0].turn_id, pair[1].turn_id, "the messages of a turn stand together");
        *seen.entry(pair[0].turn_id).or_default() += 1;
    }
    assert!(seen.values().all(|times| *times == 1));
}

async fn any_text_survives(store: Arc<dyn ConversationStore>) {
    let session = a_session(Some("o'brien \"; DROP TABLE sessions; --\u{0} 🙂"), 0);
    let long = "ж".repeat(500_000);
    let all =
        ["", "\u{0}null\u{0}", "'; DROP TABLE messages; --", "👩‍👩‍👧‍👦 e\u{301}", "\u{202e}عربى", "\u{feff}\r\n\t", &long];
    for text in all {
        let turn = TurnId::new();
        let said = Message::new(session.id, turn, Role::User, text, at(1));
        saved(&*store, &TurnRecord::new(turn, session.clone(), vec![said])).await;
    }
    assert_eq!(texts(&*store, session.id, 10).await, all);
    assert_eq!(found(&*store, session.id).await.expect("it is there").user, session.user);
}

async fn a_closed_store_says_so(store: Arc<dyn ConversationStore>) {
    let session = a_session(None, 0);
    saved(&*store, &a_turn(&session, 1)).await;
    tokio::time::timeout(Duration::from_secs(30), store.close()).await.expect("it closes").expect("no error");
    store.close().await.expect("closing again is fine");
    let errors = [
        store.session(session.id).await.err(),
        store.save_turn(&a_turn(&session, 2)).await.err(),
        store.messages(session.id, MessageQuery::default()).await.err(),
    ];
    for error in errors {
        assert_eq!(error.expect("an error").code(), ErrorCode::StorageError);
    }
}
