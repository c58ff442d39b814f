//! The cases of an assistant store.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::json;
use voice_core::{
    AssistantId, OrganizationId,
    store::{AssistantQuery, AssistantRecord, AssistantStore, AssistantVersion},
};

use super::{Case, Outcome, cases, steps::*, told};

type Assistants = Arc<dyn AssistantStore>;

/// What every [`AssistantStore`] must do.
pub const ASSISTANTS: &[Case<dyn AssistantStore>] = cases![
    an_assistant_comes_back_as_it_was_created,
    creating_an_assistant_again_leaves_it_as_it_is,
    an_update_makes_the_next_version_and_keeps_those_before,
    concurrent_updates_make_one_version,
    assistants_are_listed_newest_first_in_their_current_version,
    an_assistant_is_not_reached_from_another_organization,
    a_deleted_assistant_is_gone_but_for_its_versions,
    erasing_takes_all_assistants_of_the_organization,
];

fn assistant(organization: Option<OrganizationId>, name: &str) -> AssistantRecord {
    let document = object(json!({"name": name, "voice_settings": {"speed": 1.5, "räin": [null, "☔"]}}));
    AssistantRecord::new(AssistantId::new(), organization, name, document, at(1))
}

fn next(record: &AssistantRecord, name: &str) -> AssistantRecord {
    let mut next = record.clone();
    next.version += 1;
    next.name = name.into();
    next.document = object(json!({"name": name}));
    next.updated_at = at(i64::from(next.version) * 10);
    next
}

async fn create(store: &Assistants, record: &AssistantRecord) -> Outcome {
    store.create_assistant(record).await.map_err(|e| told(&e))
}

async fn update(store: &Assistants, record: &AssistantRecord) -> Result<bool, String> {
    store.update_assistant(record).await.map_err(|e| told(&e))
}

async fn current(store: &Assistants, record: &AssistantRecord) -> Result<Option<AssistantRecord>, String> {
    store.assistant(record.organization, record.id).await.map_err(|e| told(&e))
}

async fn version(store: &Assistants, record: &AssistantRecord) -> Result<Option<AssistantRecord>, String> {
    store.assistant_version(record.organization, record.reference()).await.map_err(|e| told(&e))
}

/// Documents are left out of what is told, so both are compared whole.
fn is(what: &str, found: Option<AssistantRecord>, expected: Option<&AssistantRecord>) -> Outcome {
    holds(&format!("{what} is as expected: {found:?}"), found.as_ref() == expected)
}

async fn an_assistant_comes_back_as_it_was_created(store: Assistants) -> Outcome {
    for organization in [None, Some(OrganizationId::new())] {
        let record = assistant(organization, "Bäcker ☕");
        create(&store, &record).await?;
        is("the assistant", current(&store, &record).await?, Some(&record))?;
        is("its version 1", version(&store, &record).await?, Some(&record))?;
        is("an unknown version", version(&store, &next(&record, "x")).await?, None)?;
    }
    is("an unknown one", current(&store, &assistant(None, "x")).await?, None)
}

async fn creating_an_assistant_again_leaves_it_as_it_is(store: Assistants) -> Outcome {
    let record = assistant(None, "one");
    create(&store, &record).await?;
    let mut other = assistant(Some(OrganizationId::new()), "two");
    other.id = record.id;
    create(&store, &other).await?;
    is("the assistant", current(&store, &record).await?, Some(&record))?;
    is("the other", current(&store, &other).await?, None)
}

async fn an_update_makes_the_next_version_and_keeps_those_before(store: Assistants) -> Outcome {
    let one = assistant(Some(OrganizationId::new()), "one");
    create(&store, &one).await?;
    let (two, three) = (next(&one, "two"), next(&next(&one, "two"), "three"));
    same("a version too far", update(&store, &three).await?, false)?;
    same("the next", update(&store, &two).await?, true)?;
    same("the same again", update(&store, &two).await?, false)?;
    same("the one after it", update(&store, &three).await?, true)?;
    is("the current", current(&store, &one).await?, Some(&three))?;
    for record in [&one, &two, &three] {
        is("a version", version(&store, record).await?, Some(record))?;
    }
    same("of an unknown assistant", update(&store, &next(&assistant(None, "x"), "y")).await?, false)
}

async fn concurrent_updates_make_one_version(store: Assistants) -> Outcome {
    let one = assistant(None, "one");
    create(&store, &one).await?;
    let twos: Vec<_> = (0..8).map(|n| next(&one, &n.to_string())).collect();
    let outcomes = join_all(twos.iter().map(|two| update(&store, two))).await;
    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    same("made", outcomes.iter().filter(|made| **made).count(), 1)?;
    let winner = twos.iter().zip(&outcomes).find(|(_, made)| **made).map(|(two, _)| two);
    is("the current", current(&store, &one).await?, winner)
}

async fn assistants_are_listed_newest_first_in_their_current_version(store: Assistants) -> Outcome {
    let organization = Some(OrganizationId::new());
    let mut all: Vec<AssistantRecord> = Vec::new();
    for n in 0..3 {
        let record = assistant(organization, &n.to_string());
        create(&store, &record).await?;
        all.insert(0, record);
    }
    create(&store, &assistant(None, "of none")).await?;
    let updated = next(&all[1], "new");
    update(&store, &updated).await?;
    all[1] = updated;
    let list = async |query: AssistantQuery| {
        let page = store.list_assistants(organization, &query).await.map_err(|e| told(&e))?;
        Ok::<_, String>((page.items, page.has_more))
    };
    let mut query = AssistantQuery::newest(2);
    holds("the first page is as expected", list(query).await? == (all[..2].to_vec(), true))?;
    query.before = Some(all[1].id);
    holds("the last page is as expected", list(query).await? == (all[2..].to_vec(), false))
}

async fn an_assistant_is_not_reached_from_another_organization(store: Assistants) -> Outcome {
    let record = assistant(Some(OrganizationId::new()), "theirs");
    create(&store, &record).await?;
    for elsewhere in [None, Some(OrganizationId::new())] {
        let mut foreign = next(&record, "stolen");
        foreign.organization = elsewhere;
        is("by id", current(&store, &foreign).await?, None)?;
        let one: AssistantVersion = record.reference();
        is("by version", store.assistant_version(elsewhere, one).await.map_err(|e| told(&e))?, None)?;
        same("updating", update(&store, &foreign).await?, false)?;
        let deleted = store.delete_assistant(elsewhere, record.id, at(9)).await.map_err(|e| told(&e))?;
        same("deleting", deleted, false)?;
        let page = store.list_assistants(elsewhere, &AssistantQuery::default()).await.map_err(|e| told(&e))?;
        same("listed", page.items.len(), 0)?;
    }
    is("the assistant", current(&store, &record).await?, Some(&record))
}

async fn a_deleted_assistant_is_gone_but_for_its_versions(store: Assistants) -> Outcome {
    let (one, other) = (assistant(None, "one"), assistant(None, "other"));
    create(&store, &one).await?;
    create(&store, &other).await?;
    let delete = async || store.delete_assistant(None, one.id, at(9)).await.map_err(|e| told(&e));
    same("deleted", delete().await?, true)?;
    same("deleted again", delete().await?, false)?;
    is("the assistant", current(&store, &one).await?, None)?;
    is("its version 1", version(&store, &one).await?, Some(&one))?;
    same("updating it", update(&store, &next(&one, "two")).await?, false)?;
    let page = store.list_assistants(None, &AssistantQuery::default()).await.map_err(|e| told(&e))?;
    same("listed", page.items.iter().map(|r| r.id).collect::<Vec<_>>(), vec![other.id])
}

async fn erasing_takes_all_assistants_of_the_organization(store: Assistants) -> Outcome {
    let organization = OrganizationId::new();
    let theirs = [assistant(Some(organization), "one"), assistant(Some(organization), "two")];
    let others = [assistant(Some(OrganizationId::new()), "three"), assistant(None, "four")];
    for record in theirs.iter().chain(&others) {
        create(&store, record).await?;
    }
    store.delete_assistant(Some(organization), theirs[0].id, at(9)).await.map_err(|e| told(&e))?;
    same("erased", store.erase_assistants(organization).await.map_err(|e| told(&e))?, 2)?;
    for record in &theirs {
        is("a version", version(&store, record).await?, None)?;
    }
    for record in &others {
        is("another's", current(&store, record).await?, Some(record))?;
    }
    Ok(())
}
