//! The cases of a conversation store about finding things again.

use voice_core::{
    ErrorKind, Message, OrganizationId, Session, SessionId,
    store::{AssistantVersion, SearchQuery, SessionQuery},
};

use super::{Outcome, steps::*, told};

/// A session of an organization and a user.
pub(super) fn owned(organization: Option<OrganizationId>, user: Option<&str>) -> Session {
    let mut session = Session::new(SessionId::new(), user.map(Into::into), at(0));
    session.organization = organization;
    session
}

/// What a search finds, newest first, and whether there is more.
async fn search(store: &Store, query: &SearchQuery) -> Result<(Vec<Message>, bool), String> {
    let page = store.search(query).await.map_err(|e| told(&e))?;
    Ok((page.items, page.has_more))
}

async fn finds(store: &Store, query: &SearchQuery, expected: &[&str]) -> Outcome {
    let (found, _) = search(store, query).await?;
    same(&format!("found by {:?}", query.text), texts(&found), expected.to_vec())
}

/// Whether the store says that it searches; one that does not must refuse.
async fn searches(store: &Store) -> Result<bool, String> {
    if store.capabilities().full_text_search {
        return Ok(true);
    }
    let refused = store.search(&SearchQuery::new("rain")).await.map(|_| ()).map_err(|e| e.kind());
    same("a search that the capabilities leave out", refused, Err(ErrorKind::Unsupported))?;
    Ok(false)
}

pub(super) async fn sessions_are_listed_by_organization_and_assistant(store: Store) -> Outcome {
    let (one, two) = (OrganizationId::new(), OrganizationId::new());
    let [helper, other] = [1, 1].map(|version| AssistantVersion { id: voice_core::AssistantId::new(), version });
    let mut ids = Vec::new();
    for (organization, assistant) in [
        (Some(one), Some(helper)),
        (Some(one), Some(AssistantVersion { version: 2, ..helper })),
        (Some(one), Some(other)),
        (Some(two), Some(helper)),
        (None, None),
    ] {
        let mut session = owned(organization, Some("ada"));
        session.assistant = assistant;
        create(&store, &session).await?;
        same("the session", found(&store, session.id).await?, Some(session.clone()))?;
        ids.push(session.id);
    }
    let mut query = SessionQuery::default();
    query.organization = Some(one);
    same("of the organization", listed(&store, &query).await?, (vec![ids[2], ids[1], ids[0]], false))?;
    query.assistant = Some(helper.id);
    same("with the assistant too", listed(&store, &query).await?, (vec![ids[1], ids[0]], false))?;
    query.limit = 1;
    same("the first of them", listed(&store, &query).await?, (vec![ids[1]], true))?;
    query.before = Some(ids[1]);
    same("the next of them", listed(&store, &query).await?, (vec![ids[0]], false))?;
    let mut query = SessionQuery::default();
    query.assistant = Some(helper.id);
    same("with the assistant", listed(&store, &query).await?, (vec![ids[3], ids[1], ids[0]], false))?;
    query.user = Some("bob".into());
    same("of another user", listed(&store, &query).await?, (vec![], false))
}

pub(super) async fn messages_are_read_from_the_beginning_in_pages(store: Store) -> Outcome {
    let session = session_at(0);
    let mut said = Vec::new();
    for n in 0..120 {
        let record = turn(&session, n, &n.to_string());
        save(&store, &record).await?;
        said.extend(record.messages);
    }
    let mut read: Vec<Message> = Vec::new();
    for page in 1.. {
        let after = read.last().map(|m| m.id);
        let found = store.messages_from(session.id, after, 50).await.map_err(|e| told(&e))?;
        holds("a page is at most as long as asked for", found.items.len() <= 50)?;
        read.extend(found.items);
        same("more beyond it", found.has_more, page < 5)?;
        if !found.has_more {
            break;
        }
    }
    same("the messages", texts(&read), texts(&said))?;
    let other = session_at(0);
    save(&store, &turn(&other, 1, "other")).await?;
    let foreign = latest(&store, other.id, 1).await?.first().map(|m| m.id);
    let page = store.messages_from(session.id, foreign, 50).await.map_err(|e| told(&e))?;
    same("after a message of another session", (page.items.len(), page.has_more), (0, false))?;
    let page = store.messages_from(SessionId::new(), None, 50).await.map_err(|e| told(&e))?;
    same("of an unknown session", (page.items.len(), page.has_more), (0, false))
}

pub(super) async fn messages_are_found_by_their_words(store: Store) -> Outcome {
    if !searches(&store).await? {
        return Ok(());
    }
    let session = session_at(0);
    for (n, words) in
        (0..).zip(["Heavy RAIN, in the north", "rainbow", "Der Zug fährt nach Köln", "कल बारिश होगी", "order 4711"])
    {
        save(&store, &turn(&session, n, words)).await?;
    }
    let query = SearchQuery::new;
    finds(&store, &query("rain"), &["Heavy RAIN, in the north.", "Heavy RAIN, in the north?"]).await?;
    finds(&store, &query("north Rain"), &["Heavy RAIN, in the north.", "Heavy RAIN, in the north?"]).await?;
    finds(&store, &query("köln!"), &["Der Zug fährt nach Köln.", "Der Zug fährt nach Köln?"]).await?;
    finds(&store, &query("बारिश"), &["कल बारिश होगी.", "कल बारिश होगी?"]).await?;
    finds(&store, &query("4711"), &["order 4711.", "order 4711?"]).await?;
    for nothing in ["rain snow", "rai", "", " ?!", "\"rain OR", "rain* NOT", "(", "%", "'; --"] {
        let (found, more) = search(&store, &query(nothing)).await?;
        same(&format!("found by {nothing:?}"), (texts(&found), more), (vec![], false))?;
    }
    Ok(())
}

pub(super) async fn a_search_stays_within_its_session_user_and_organization(store: Store) -> Outcome {
    if !searches(&store).await? {
        return Ok(());
    }
    let (one, two) = (OrganizationId::new(), OrganizationId::new());
    let sessions = [
        (owned(Some(one), Some("ada")), "rain a"),
        (owned(Some(one), Some("bob")), "rain b"),
        (owned(Some(two), Some("ada")), "rain c"),
        (owned(None, None), "rain d"),
    ];
    for (session, words) in &sessions {
        save(&store, &turn(session, 1, words)).await?;
    }
    let mut query = SearchQuery::new("rain");
    finds(&store, &query, &["rain d.", "rain d?", "rain c.", "rain c?", "rain b.", "rain b?", "rain a.", "rain a?"])
        .await?;
    query.organization = Some(one);
    finds(&store, &query, &["rain b.", "rain b?", "rain a.", "rain a?"]).await?;
    query.user = Some("ada".into());
    finds(&store, &query, &["rain a.", "rain a?"]).await?;
    query.session = Some(sessions[2].0.id);
    finds(&store, &query, &[]).await?;
    (query.organization, query.user) = (None, None);
    finds(&store, &query, &["rain c.", "rain c?"]).await
}

pub(super) async fn found_messages_come_newest_first_in_pages(store: Store) -> Outcome {
    if !searches(&store).await? {
        return Ok(());
    }
    let sessions = [session_at(0), session_at(0)];
    let mut said = Vec::new();
    for n in 0..10_i64 {
        let record = turn(&sessions[usize::from(n % 2 == 0)], 60 - n, &format!("rain {n}"));
        save(&store, &record).await?;
        said.extend(record.messages);
    }
    said.reverse();
    let mut query = SearchQuery::new("rain");
    query.limit = 6;
    let mut found = Vec::new();
    loop {
        let (some, more) = search(&store, &query).await?;
        query.before = some.last().map(|m| m.id);
        found.extend(some);
        if !more || found.len() > said.len() {
            break;
        }
    }
    same("all pages", texts(&found), texts(&said))?;
    query.before = Some(voice_core::MessageId::new());
    finds(&store, &query, &[]).await
}

pub(super) async fn what_was_deleted_is_not_found(store: Store) -> Outcome {
    if !searches(&store).await? {
        return Ok(());
    }
    let (gone, kept) = (session_at(0), session_at(0));
    save(&store, &turn(&gone, 1, "rain gone")).await?;
    save(&store, &turn(&kept, 1, "rain kept")).await?;
    store.delete_session(gone.id).await.map_err(|e| told(&e))?;
    finds(&store, &SearchQuery::new("rain"), &["rain kept.", "rain kept?"]).await
}
