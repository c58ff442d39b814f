//! The cases of an audit log.

use std::sync::Arc;

use voice_core::{
    ApiKeyId, OrganizationId, UserId,
    store::{Actor, AuditEntry, AuditLog, AuditQuery},
};

use super::{Case, Outcome, cases, steps::*, told};

type Log = Arc<dyn AuditLog>;

/// What every [`AuditLog`] must do.
pub const AUDIT: &[Case<dyn AuditLog>] = cases![
    an_entry_comes_back_as_it_was_appended,
    appending_an_entry_again_leaves_it_as_it_is,
    an_entry_is_confirmed_or_taken_out_when_its_change_is_settled,
    entries_are_read_newest_first_in_pages,
    entries_are_found_by_organization_actor_action_and_target,
    old_entries_are_deleted,
];

async fn append(log: &Log, entry: &AuditEntry) -> Outcome {
    log.append(std::slice::from_ref(entry)).await.map_err(|e| told(&e))
}

async fn entries(log: &Log, query: &AuditQuery) -> Result<(Vec<AuditEntry>, bool), String> {
    let page = log.entries(query).await.map_err(|e| told(&e))?;
    Ok((page.items, page.has_more))
}

fn entry(seconds: i64) -> AuditEntry {
    AuditEntry::new(at(seconds), None, Actor::Host, "user.register", UserId::new().to_string())
}

async fn an_entry_comes_back_as_it_was_appended(log: Log) -> Outcome {
    let organization = OrganizationId::new();
    let actors =
        [Actor::Host, Actor::Key(ApiKeyId::new()), Actor::User(UserId::new()), Actor::Organization(organization)];
    let mut all = Vec::new();
    for (n, actor) in (0..).zip(actors) {
        let entry = AuditEntry::new(at(n), (n % 2 == 0).then_some(organization), actor, "key.revoke", "Ziel ☎");
        append(&log, &entry).await?;
        all.insert(0, entry);
    }
    same("the entries", entries(&log, &AuditQuery::default()).await?, (all, false))
}

async fn appending_an_entry_again_leaves_it_as_it_is(log: Log) -> Outcome {
    let first = entry(1);
    append(&log, &first).await?;
    let mut again = entry(2);
    again.id = first.id;
    append(&log, &again).await?;
    same("the entries", entries(&log, &AuditQuery::default()).await?, (vec![first], false))
}

async fn an_entry_is_confirmed_or_taken_out_when_its_change_is_settled(log: Log) -> Outcome {
    let mut all: Vec<AuditEntry> = (0..5).map(entry).collect();
    all.iter_mut().take(4).for_each(|entry| entry.confirmed = false);
    log.append(&all).await.map_err(|e| told(&e))?;
    let settle = async |entries: &[AuditEntry], made| {
        let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
        log.settle(&ids, made).await.map_err(|e| told(&e))
    };
    settle(&all[..2], true).await?;
    // The last was confirmed from the first.
    settle(&all[2..3], false).await?;
    settle(&all[4..], false).await?;
    settle(&[entry(9)], true).await?;
    settle(&[], true).await?;
    all.remove(2);
    all[..2].iter_mut().for_each(|entry| entry.confirmed = true);
    all.reverse();
    same("the entries", entries(&log, &AuditQuery::default()).await?, (all, false))
}

async fn entries_are_read_newest_first_in_pages(log: Log) -> Outcome {
    let mut all = Vec::new();
    for n in 0..5 {
        let entry = entry(100 - n);
        append(&log, &entry).await?;
        all.insert(0, entry);
    }
    let mut query = AuditQuery::default();
    query.limit = 3;
    same("the first page", entries(&log, &query).await?, (all[..3].to_vec(), true))?;
    query.before = Some(all[2].id);
    same("the last page", entries(&log, &query).await?, (all[3..].to_vec(), false))
}

async fn entries_are_found_by_organization_actor_action_and_target(log: Log) -> Outcome {
    let organization = OrganizationId::new();
    let key = Actor::Key(ApiKeyId::new());
    let all = [
        AuditEntry::new(at(0), Some(organization), key, "key.revoke", "a"),
        AuditEntry::new(at(1), Some(OrganizationId::new()), key, "key.revoke", "a"),
        AuditEntry::new(at(2), Some(organization), Actor::Host, "key.revoke", "a"),
        AuditEntry::new(at(3), Some(organization), key, "key.create", "a"),
        AuditEntry::new(at(4), Some(organization), key, "key.revoke", "b"),
    ];
    for entry in &all {
        append(&log, entry).await?;
    }
    let find = async |change: fn(&mut AuditQuery, &AuditEntry)| {
        let mut query = AuditQuery::default();
        change(&mut query, &all[0]);
        let (found, _) = entries(&log, &query).await?;
        let places = found.iter().map(|e| all.iter().position(|other| other == e));
        Ok::<_, String>(places.map(|at| at.unwrap_or(99)).collect::<Vec<_>>())
    };
    same("by organization", find(|q, e| q.organization = e.organization).await?, vec![4, 3, 2, 0])?;
    same("by actor", find(|q, e| q.actor = Some(e.actor)).await?, vec![4, 3, 1, 0])?;
    same("by action", find(|q, e| q.action = Some(e.action.clone())).await?, vec![4, 2, 1, 0])?;
    same("by target", find(|q, e| q.target = Some(e.target.clone())).await?, vec![3, 2, 1, 0])?;
    let by_all = find(|q, e| {
        (q.organization, q.actor) = (e.organization, Some(e.actor));
        (q.action, q.target) = (Some(e.action.clone()), Some(e.target.clone()));
    });
    same("by all", by_all.await?, vec![0])
}

async fn old_entries_are_deleted(log: Log) -> Outcome {
    let (old, recent) = (entry(10), entry(20));
    append(&log, &old).await?;
    append(&log, &recent).await?;
    same("deleted", log.delete_entries_before(at(20)).await.map_err(|e| told(&e))?, 1)?;
    same("what is left", entries(&log, &AuditQuery::default()).await?, (vec![recent], false))
}
