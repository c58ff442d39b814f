//! The cases of a store for documents.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::json;
use voice_core::{
    DocumentId, OrganizationId,
    store::{DocumentFormat, DocumentQuery, DocumentSaved, DocumentVersion, KnowledgeDocument, KnowledgeStore},
};

use super::{Case, Outcome, cases, steps::*, told};

type Knowledge = Arc<dyn KnowledgeStore>;

/// What every [`KnowledgeStore`] must do.
pub const KNOWLEDGE: &[Case<dyn KnowledgeStore>] = cases![
    a_document_comes_back_as_it_was_added,
    the_same_content_is_kept_once_for_each_owner,
    adding_an_id_again_leaves_it_as_it_is,
    concurrent_additions_of_one_content_keep_one,
    an_update_makes_the_next_version,
    an_update_to_what_another_document_says_changes_nothing,
    concurrent_updates_make_one_version,
    documents_are_listed_newest_first_in_pages,
    versions_are_told_of_those_that_are_there,
    a_document_is_not_reached_from_another_organization,
    a_deleted_document_is_gone_and_may_be_added_again,
    erasing_takes_all_documents_of_the_organization,
];

fn document(organization: Option<OrganizationId>, hash: &str) -> KnowledgeDocument {
    let mut document = KnowledgeDocument::new(DocumentId::new(), organization, "Räin ☔", hash, at(1));
    document.format = DocumentFormat::Markdown;
    document.source = Some("https://example.org/a?b=\"c\"".into());
    document.metadata = object(json!({"$a.b": [null, 1.5, "☔"], "c": {"d": true}}));
    document.bytes = 12;
    document
}

fn next(document: &KnowledgeDocument, hash: &str) -> KnowledgeDocument {
    let mut next = document.clone();
    next.version += 1;
    next.title = format!("{hash}.");
    next.hash = hash.into();
    next.bytes = 3_000_000_000;
    next.updated_at = at(i64::from(next.version) * 10);
    next
}

async fn add(store: &Knowledge, document: &KnowledgeDocument) -> Result<DocumentSaved, String> {
    store.add_document(document, &format!("text of {}", document.hash)).await.map_err(|e| told(&e))
}

async fn update(store: &Knowledge, document: &KnowledgeDocument) -> Result<DocumentSaved, String> {
    store.update_document(document, &format!("text of {}", document.hash)).await.map_err(|e| told(&e))
}

/// A document with its text, by both ways.
async fn read(store: &Knowledge, of: &KnowledgeDocument) -> Result<Option<(KnowledgeDocument, String)>, String> {
    let document = store.document(of.organization, of.id).await.map_err(|e| told(&e))?;
    let whole = store.read_document(of.organization, of.id).await.map_err(|e| told(&e))?;
    holds("both ways give the same document", document.as_ref() == whole.as_ref().map(|(document, _)| document))?;
    Ok(whole)
}

async fn is_kept(store: &Knowledge, document: &KnowledgeDocument) -> Outcome {
    let expected = Some((document.clone(), format!("text of {}", document.hash)));
    holds("the document is there as expected", read(store, document).await? == expected)
}

async fn is_gone(store: &Knowledge, document: &KnowledgeDocument) -> Outcome {
    holds("the document is not there", read(store, document).await?.is_none())
}

async fn versions(
    store: &Knowledge,
    organization: Option<OrganizationId>,
    documents: Option<&[DocumentId]>,
) -> Result<Vec<DocumentVersion>, String> {
    let mut versions = store.document_versions(organization, documents).await.map_err(|e| told(&e))?;
    versions.sort_by_key(|version| version.id);
    Ok(versions)
}

async fn a_document_comes_back_as_it_was_added(store: Knowledge) -> Outcome {
    let text = format!("# Räin\n\0\u{10FFFF} ☔ \"quoted\" {}", "long ".repeat(200_000));
    for organization in [None, Some(OrganizationId::new())] {
        let full = document(organization, "full");
        same("added", store.add_document(&full, &text).await.map_err(|e| told(&e))?, DocumentSaved::Saved)?;
        holds("it is as it was", read(&store, &full).await? == Some((full, text.clone())))?;
        let bare = KnowledgeDocument::new(DocumentId::new(), organization, "Bare", "bare", at(2));
        same("added", add(&store, &bare).await?, DocumentSaved::Saved)?;
        is_kept(&store, &bare).await?;
    }
    is_gone(&store, &document(None, "unknown")).await
}

async fn the_same_content_is_kept_once_for_each_owner(store: Knowledge) -> Outcome {
    for organization in [None, Some(OrganizationId::new()), Some(OrganizationId::new())] {
        let first = document(organization, "one");
        same("added", add(&store, &first).await?, DocumentSaved::Saved)?;
        let again = document(organization, "one");
        same("added again", add(&store, &again).await?, DocumentSaved::SameContent(first.id))?;
        is_gone(&store, &again).await?;
        is_kept(&store, &first).await?;
    }
    Ok(())
}

async fn adding_an_id_again_leaves_it_as_it_is(store: Knowledge) -> Outcome {
    let first = document(None, "one");
    same("added", add(&store, &first).await?, DocumentSaved::Saved)?;
    let mut other = document(Some(OrganizationId::new()), "two");
    other.id = first.id;
    same("the other", add(&store, &other).await?, DocumentSaved::SameContent(first.id))?;
    is_gone(&store, &other).await?;
    is_kept(&store, &first).await
}

async fn concurrent_additions_of_one_content_keep_one(store: Knowledge) -> Outcome {
    let copies: Vec<_> = (0..8).map(|_| document(None, "one")).collect();
    let added = join_all(copies.iter().map(|copy| add(&store, copy))).await;
    let added: Vec<DocumentSaved> = added.into_iter().collect::<Result<_, _>>()?;
    same("kept", added.iter().filter(|saved| **saved == DocumentSaved::Saved).count(), 1)?;
    same("there", versions(&store, None, None).await?.len(), 1)
}

async fn an_update_makes_the_next_version(store: Knowledge) -> Outcome {
    for organization in [None, Some(OrganizationId::new())] {
        let one = document(organization, "one");
        add(&store, &one).await?;
        let (two, three) = (next(&one, "two"), next(&next(&one, "two"), "three"));
        same("a version too far", update(&store, &three).await?, DocumentSaved::Outdated)?;
        same("the next", update(&store, &two).await?, DocumentSaved::Saved)?;
        is_kept(&store, &two).await?;
        same("the same again", update(&store, &two).await?, DocumentSaved::Outdated)?;
        same("the one after it", update(&store, &three).await?, DocumentSaved::Saved)?;
        is_kept(&store, &three).await?;
        let unknown = next(&document(organization, "four"), "five");
        same("of an unknown document", update(&store, &unknown).await?, DocumentSaved::Outdated)?;
        let first_again = document(organization, "one");
        same("what it said before may be added", add(&store, &first_again).await?, DocumentSaved::Saved)?;
    }
    Ok(())
}

async fn an_update_to_what_another_document_says_changes_nothing(store: Knowledge) -> Outcome {
    let (one, two) = (document(None, "one"), document(None, "two"));
    add(&store, &one).await?;
    add(&store, &two).await?;
    same("to the other's", update(&store, &next(&two, "one")).await?, DocumentSaved::SameContent(one.id))?;
    is_kept(&store, &two).await?;
    // With other words about the same text.
    let mut retitled = next(&two, "two");
    retitled.source = None;
    same("to its own", update(&store, &retitled).await?, DocumentSaved::Saved)?;
    is_kept(&store, &retitled).await
}

async fn concurrent_updates_make_one_version(store: Knowledge) -> Outcome {
    let one = document(None, "one");
    add(&store, &one).await?;
    let twos: Vec<_> = (0..8).map(|n| next(&one, &n.to_string())).collect();
    let outcomes = join_all(twos.iter().map(|two| update(&store, two))).await;
    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    let made: Vec<_> = twos.iter().zip(&outcomes).filter(|(_, saved)| **saved == DocumentSaved::Saved).collect();
    same("made", made.len(), 1)?;
    is_kept(&store, made[0].0).await
}

async fn documents_are_listed_newest_first_in_pages(store: Knowledge) -> Outcome {
    let organization = Some(OrganizationId::new());
    let mut all: Vec<KnowledgeDocument> = Vec::new();
    for n in 0..3 {
        let one = document(organization, &n.to_string());
        add(&store, &one).await?;
        all.insert(0, one);
    }
    add(&store, &document(None, "of none")).await?;
    let updated = next(&all[1], "new");
    update(&store, &updated).await?;
    all[1] = updated;
    let list = async |query: DocumentQuery| {
        let page = store.list_documents(organization, &query).await.map_err(|e| told(&e))?;
        Ok::<_, String>((page.items, page.has_more))
    };
    let mut query = DocumentQuery::newest(2);
    holds("the first page is as expected", list(query).await? == (all[..2].to_vec(), true))?;
    query.before = Some(all[1].id);
    holds("the last page is as expected", list(query).await? == (all[2..].to_vec(), false))
}

async fn versions_are_told_of_those_that_are_there(store: Knowledge) -> Outcome {
    for organization in [None, Some(OrganizationId::new())] {
        let (one, two) = (document(organization, "one"), document(organization, "two"));
        add(&store, &one).await?;
        add(&store, &two).await?;
        let changed = next(&two, "three");
        update(&store, &changed).await?;
        let (first, second) = (DocumentVersion::new(one.id, 1, 12), DocumentVersion::new(two.id, 2, 3_000_000_000));
        same("all", versions(&store, organization, None).await?, vec![first, second])?;
        let asked = [DocumentId::new(), two.id];
        same("those that are asked for", versions(&store, organization, Some(&asked)).await?, vec![second])?;
        same("of none", versions(&store, organization, Some(&[])).await?, Vec::new())?;
    }
    Ok(())
}

async fn a_document_is_not_reached_from_another_organization(store: Knowledge) -> Outcome {
    let theirs = document(Some(OrganizationId::new()), "theirs");
    add(&store, &theirs).await?;
    for elsewhere in [None, Some(OrganizationId::new())] {
        let mut foreign = next(&theirs, "stolen");
        foreign.organization = elsewhere;
        is_gone(&store, &foreign).await?;
        same("updating", update(&store, &foreign).await?, DocumentSaved::Outdated)?;
        same("deleting", store.delete_document(elsewhere, theirs.id).await.map_err(|e| told(&e))?, false)?;
        same("its version", versions(&store, elsewhere, Some(&[theirs.id])).await?, Vec::new())?;
        same("all versions", versions(&store, elsewhere, None).await?, Vec::new())?;
        let page = store.list_documents(elsewhere, &DocumentQuery::default()).await.map_err(|e| told(&e))?;
        same("listed", page.items.len(), 0)?;
    }
    is_kept(&store, &theirs).await
}

async fn a_deleted_document_is_gone_and_may_be_added_again(store: Knowledge) -> Outcome {
    let (one, other) = (document(None, "one"), document(None, "other"));
    add(&store, &one).await?;
    add(&store, &other).await?;
    let delete = async || store.delete_document(None, one.id).await.map_err(|e| told(&e));
    same("deleted", delete().await?, true)?;
    same("deleted again", delete().await?, false)?;
    is_gone(&store, &one).await?;
    same("updating it", update(&store, &next(&one, "two")).await?, DocumentSaved::Outdated)?;
    same("left", versions(&store, None, None).await?, vec![DocumentVersion::new(other.id, 1, 12)])?;
    let again = document(None, "one");
    same("added again", add(&store, &again).await?, DocumentSaved::Saved)?;
    is_kept(&store, &again).await
}

async fn erasing_takes_all_documents_of_the_organization(store: Knowledge) -> Outcome {
    let organization = OrganizationId::new();
    let theirs = [document(Some(organization), "one"), document(Some(organization), "two")];
    let others = [document(Some(OrganizationId::new()), "one"), document(None, "one")];
    for one in theirs.iter().chain(&others) {
        add(&store, one).await?;
    }
    same("erased", store.erase_documents(organization).await.map_err(|e| told(&e))?, 2)?;
    for one in &theirs {
        is_gone(&store, one).await?;
    }
    for one in &others {
        is_kept(&store, one).await?;
    }
    Ok(())
}
