//! The cases of a conversation store about how long things are kept, and who may work on them.

use futures_util::future::join_all;
use uuid::Uuid;
use voice_core::{
    ErrorKind, OrganizationId, SessionId,
    store::{Erased, Lease, Owner, Saved},
};

use super::{Outcome, finding::owned, steps::*, told};

pub(super) async fn erasing_a_user_takes_everything_they_said_and_nothing_else(store: Store) -> Outcome {
    let (one, two) = (OrganizationId::new(), OrganizationId::new());
    let theirs: Vec<_> = (0..3).map(|_| owned(Some(one), Some("ada"))).collect();
    let others = [
        owned(Some(one), Some("bob")),
        owned(Some(one), None),
        owned(Some(two), Some("ada")),
        owned(None, Some("ada")),
    ];
    for session in theirs.iter().chain(&others) {
        save(&store, &turn(session, 1, "words")).await?;
        save(&store, &turn(session, 2, "words")).await?;
    }
    let ada = Owner::User { organization: Some(one), user: "ada".into() };
    same("erased", store.erase(&ada).await.map_err(|e| told(&e))?, Erased::new(3, 12))?;
    same("erased again", store.erase(&ada).await.map_err(|e| told(&e))?, Erased::default())?;
    for session in &theirs {
        same("their session", found(&store, session.id).await?, None)?;
        same("their messages", latest(&store, session.id, 10).await?.len(), 0)?;
    }
    for session in &others {
        same("messages of somebody else", latest(&store, session.id, 10).await?.len(), 4)?;
    }
    let nowhere = Owner::User { organization: None, user: "ada".into() };
    same("of no organization", store.erase(&nowhere).await.map_err(|e| told(&e))?, Erased::new(1, 4))?;
    same("of the other organization", latest(&store, others[2].id, 10).await?.len(), 4)
}

pub(super) async fn erasing_an_organization_takes_all_of_it(store: Store) -> Outcome {
    let (one, two) = (OrganizationId::new(), OrganizationId::new());
    let sessions =
        [owned(Some(one), Some("ada")), owned(Some(one), None), owned(Some(two), Some("ada")), owned(None, None)];
    for session in &sessions {
        save(&store, &turn(session, 1, "words")).await?;
    }
    same("erased", store.erase(&Owner::Organization(one)).await.map_err(|e| told(&e))?, Erased::new(2, 4))?;
    for (n, session) in (0..).zip(&sessions) {
        same("the session is there", found(&store, session.id).await?.is_some(), n > 1)?;
    }
    Ok(())
}

pub(super) async fn old_messages_are_deleted_and_their_turns_stay_saved(store: Store) -> Outcome {
    let session = session_at(0);
    let (old, recent) = (turn(&session, 10, "old"), turn(&session, 100, "recent"));
    save(&store, &old).await?;
    save(&store, &recent).await?;
    match store.delete_messages_before(at(100)).await {
        Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
        deleted => same("deleted", deleted.map_err(|e| told(&e))?, 2)?,
    }
    same("what is left", texts(&latest(&store, session.id, 10).await?), vec!["recent?", "recent."])?;
    same("saving the old turn again", save(&store, &old).await?, Saved::AlreadyThere)?;
    same("what is left then", latest(&store, session.id, 10).await?.len(), 2)?;
    holds("the session is still there", found(&store, session.id).await?.is_some())
}

async fn lease(store: &Store, session: SessionId, holder: Uuid, now: i64, until: i64) -> Result<bool, String> {
    store.try_lease(&Lease::new(session, holder, at(now), at(until))).await.map_err(|e| told(&e))
}

pub(super) async fn a_lease_keeps_others_out_until_it_ends(store: Store) -> Outcome {
    let (session, other) = (SessionId::new(), SessionId::new());
    let (ada, bob) = (Uuid::now_v7(), Uuid::now_v7());
    same("the first asker", lease(&store, session, ada, 0, 30).await?, true)?;
    same("extending it", lease(&store, session, ada, 10, 40).await?, true)?;
    same("another session", lease(&store, other, bob, 10, 40).await?, true)?;
    if !store.capabilities().shared_between_processes {
        return store.release(session, ada).await.map_err(|e| told(&e));
    }
    same("somebody else", lease(&store, session, bob, 39, 60).await?, false)?;
    store.release(session, bob).await.map_err(|e| told(&e))?;
    same("somebody else, after giving back what they had not", lease(&store, session, bob, 39, 60).await?, false)?;
    same("somebody else, when it has run out", lease(&store, session, bob, 40, 60).await?, true)?;
    same("the first, too late", lease(&store, session, ada, 41, 70).await?, false)?;
    store.release(session, ada).await.map_err(|e| told(&e))?;
    same("the first still", lease(&store, session, ada, 41, 70).await?, false)?;
    store.release(session, bob).await.map_err(|e| told(&e))?;
    same("the first, when it was given back", lease(&store, session, ada, 42, 70).await?, true)
}

pub(super) async fn only_one_of_many_gets_a_lease(store: Store) -> Outcome {
    if !store.capabilities().shared_between_processes {
        return Ok(());
    }
    let session = SessionId::new();
    let asked = join_all((0..16).map(|_| lease(&store, session, Uuid::now_v7(), 0, 30))).await;
    let got = asked.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().filter(|got| *got).count();
    same("how many got it", got, 1)
}
