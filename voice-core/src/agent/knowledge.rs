//! Documents that answers are drawn from: added, changed, listed, searched.

use std::fmt;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{VoiceAgent, check, reach::Reach};
use crate::{
    config::ALL_DOCUMENTS,
    error::{Error, ErrorKind, Result},
    id::{DocumentId, OrganizationId},
    knowledge::{Query, plain},
    message::Source,
    store::{DocumentFormat, DocumentQuery, DocumentSaved, KnowledgeDocument, Page},
    time::Timestamp,
    turn::{Attached, Library},
};

/// How many documents an organization may have, and a host beside its organizations.
const MOST_DOCUMENTS: usize = 1_000;
/// The most bytes of a text that is given, and of one that is kept.
const LARGEST_GIVEN: usize = 8 * 1024 * 1024;
const LARGEST_TEXT: usize = 1024 * 1024;
/// The longest title, and the longest source, in characters.
const LONGEST_TITLE: usize = 200;
const LONGEST_SOURCE: usize = 2_000;
/// How many passages a search gives at most, and how many characters.
const MOST_FOUND: usize = 100;
const MOST_CHARACTERS: usize = 1_000_000;
/// How often a change is tried again when somebody else was faster.
const UPDATE_ATTEMPTS: usize = 8;

/// The documents of an organization, or of a host without organizations. Made by [`VoiceAgent::knowledge`] and
/// [`ScopedAgent::knowledge`](super::ScopedAgent::knowledge).
///
/// Answers are drawn from the documents that an assistant names ([`Assistant::knowledge`](crate::config::Assistant::knowledge)), or the
/// config ([`KnowledgeConfig`](crate::config::KnowledgeConfig)). A change is followed at the next turn. A user's credential may read
/// them; changing them needs one of the organization.
#[derive(Clone, Debug)]
pub struct Knowledge {
    agent: VoiceAgent,
    reach: Reach,
}

/// A document that is to be added. `Debug` leaves out what its owner wrote.
#[derive(Clone)]
#[non_exhaustive]
pub struct NewDocument {
    /// Its title, which the model is told with every passage: 1–200 characters.
    pub title: String,
    /// Its text, in `format`: at most 8 MiB, and 1 MiB once it is plain.
    pub text: String,
    /// What the text is. Default: plain text.
    pub format: DocumentFormat,
    /// Where it is from: an address, the name of a file. At most 2,000 characters.
    pub source: Option<String>,
    /// The host's own data: at most 64 KiB as JSON.
    pub metadata: Map<String, Value>,
}

impl NewDocument {
    /// A plain text.
    #[must_use]
    pub fn new(title: impl Into<String>, text: impl Into<String>) -> Self {
        let (title, text) = (title.into(), text.into());
        Self { title, text, format: DocumentFormat::Text, source: None, metadata: Map::new() }
    }

    /// Says what the text is.
    #[must_use]
    pub fn format(mut self, format: DocumentFormat) -> Self {
        self.format = format;
        self
    }

    /// Says where it is from.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds data of the host's own.
    #[must_use]
    pub fn metadata(mut self, metadata: Map<String, Value>) -> Self {
        self.metadata = metadata;
        self
    }
}

impl fmt::Debug for NewDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewDocument")
            .field("format", &self.format)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

/// What is to be changed of a document; `None`: it stays as it is. `Debug` leaves out what its owner wrote.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct DocumentChanges {
    /// Its title.
    pub title: Option<String>,
    /// Its text, in `format`.
    pub text: Option<String>,
    /// What the text is. Default: what the one before was.
    pub format: Option<DocumentFormat>,
    /// Where it is from; empty: nobody says.
    pub source: Option<String>,
    /// The host's own data, in place of the data before.
    pub metadata: Option<Map<String, Value>>,
}

impl fmt::Debug for DocumentChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentChanges")
            .field("title", &self.title.is_some())
            .field("text", &self.text.is_some())
            .finish_non_exhaustive()
    }
}

/// What is looked for in documents. `Debug` leaves the words out.
#[derive(Clone)]
#[non_exhaustive]
pub struct KnowledgeQuery {
    /// What is asked, in the user's words.
    pub text: String,
    /// In which documents, by their ids. Default: in all of the owner's.
    pub documents: Option<Vec<DocumentId>>,
    /// At most this many passages (1–100). Default: [`KnowledgeConfig::top_k`](crate::config::KnowledgeConfig::top_k).
    pub top_k: Option<usize>,
    /// Only passages with this score, 0–1. Default: [`KnowledgeConfig::min_score`](crate::config::KnowledgeConfig::min_score).
    pub min_score: Option<f64>,
}

impl KnowledgeQuery {
    /// What is asked, looked for in every document of the owner.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), documents: None, top_k: None, min_score: None }
    }
}

impl fmt::Debug for KnowledgeQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnowledgeQuery")
            .field("characters", &self.text.chars().count())
            .field("documents", &self.documents)
            .field("top_k", &self.top_k)
            .field("min_score", &self.min_score)
            .finish()
    }
}

impl Knowledge {
    pub(super) fn new(agent: VoiceAgent, reach: Reach) -> Self {
        Self { agent, reach }
    }

    /// The documents of one organization only.
    #[must_use]
    pub fn of(mut self, organization: OrganizationId) -> Self {
        self.reach = self.reach.within(organization);
        self
    }

    /// Adds a document. One with the same title, text and format that is there already is given back as it is: adding twice is fine.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` naming the field: too long, without a word, more than 1,000 documents; `INVALID_REQUEST`: of kind `NotFound`
    /// when there is no such organization, of kind `Unsupported` without a store for documents; `UNAUTHORIZED` (kind `Forbidden`) for
    /// a user's credential; `STORAGE_ERROR`.
    pub async fn add(&self, document: &NewDocument) -> Result<KnowledgeDocument> {
        self.reach.check_not_a_user()?;
        let (storage, organization) = (self.agent.storage()?, self.reach.organization);
        let store = storage.knowledge()?;
        let text = as_kept(&document.text, document.format)?;
        check_words(&document.title, document.source.as_deref(), Some(&document.metadata))?;
        if let (Some(organization), Ok(accounts)) = (organization, storage.accounts())
            && accounts.organization(organization).await?.is_none()
        {
            return Err(Error::new(ErrorKind::NotFound, "there is no such organization"));
        }
        for _ in 0..UPDATE_ATTEMPTS {
            let mut kept = KnowledgeDocument::new(DocumentId::new(), organization, &document.title, "", self.now()?);
            kept.format = document.format;
            kept.source = document.source.clone().filter(|source| !source.is_empty());
            kept.metadata.clone_from(&document.metadata);
            complete(&mut kept, &text);
            let entry = self.agent.entry(&self.reach, organization, "document.add", kept.id)?;
            let change = async {
                let saved = store.add_document(&kept, &text).await?;
                // What is there already needs no room.
                if saved == DocumentSaved::Saved
                    && store.document_versions(organization, None).await?.len() > MOST_DOCUMENTS
                {
                    store.delete_document(organization, kept.id).await?;
                    return Ok(DocumentSaved::Outdated);
                }
                Ok(saved)
            };
            match self.agent.audited([entry], change).await? {
                DocumentSaved::Saved => return Ok(kept),
                DocumentSaved::SameContent(id) => {
                    if let Some(there) = store.document(organization, id).await? {
                        return Ok(there);
                    }
                }
                DocumentSaved::Outdated => {
                    return Err(check::invalid(format!(
                        "documents: there are {MOST_DOCUMENTS} already, and no more are accepted"
                    )));
                }
            }
        }
        Err(contended())
    }

    /// A document.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `NotFound`); `STORAGE_ERROR`.
    pub async fn get(&self, id: DocumentId) -> Result<KnowledgeDocument> {
        self.reach.check_own().map_err(|_| not_found())?;
        let found = self.agent.storage()?.knowledge()?.document(self.reach.organization, id).await?;
        found.ok_or_else(not_found)
    }

    /// The text of a document, as it is searched: of a page, the Markdown that was made of it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn text(&self, id: DocumentId) -> Result<String> {
        self.read(id).await.map(|(_, text)| text)
    }

    /// Documents, newest first.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the limit is not 1–100; `STORAGE_ERROR`.
    pub async fn list(&self, query: DocumentQuery) -> Result<Page<KnowledgeDocument>> {
        check::limit(query.limit)?;
        if self.reach.is_nothing() {
            return Ok(Page::new(Vec::new(), false));
        }
        self.agent.storage()?.knowledge()?.list_documents(self.reach.organization, &query).await
    }

    /// Changes a document. Sessions that run follow at their next turn.
    ///
    /// # Errors
    /// As [`add`](Self::add) and [`get`](Self::get); `VALIDATION_ERROR` of kind `AlreadyExists` when another document has this title and
    /// text.
    pub async fn update(&self, id: DocumentId, changes: &DocumentChanges) -> Result<KnowledgeDocument> {
        self.reach.check_not_a_user()?;
        let store = self.agent.storage()?.knowledge()?;
        for _ in 0..UPDATE_ATTEMPTS {
            let (current, mut text) = self.read(id).await?;
            let mut next = current.clone();
            if let Some(given) = &changes.text {
                next.format = changes.format.unwrap_or(current.format);
                text = as_kept(given, next.format)?;
            } else if changes.format.is_some_and(|format| format != current.format) {
                return Err(check::invalid("format: give the text that has it, too"));
            }
            if let Some(title) = &changes.title {
                title.clone_into(&mut next.title);
            }
            if let Some(source) = &changes.source {
                next.source = Some(source.clone()).filter(|source| !source.is_empty());
            }
            if let Some(metadata) = &changes.metadata {
                next.metadata.clone_from(metadata);
            }
            check_words(&next.title, next.source.as_deref(), Some(&next.metadata))?;
            complete(&mut next, &text);
            if next == current {
                return Ok(current);
            }
            next.version += 1;
            next.updated_at = self.now()?;
            let entry = self.agent.entry(&self.reach, next.organization, "document.update", id)?;
            match self.agent.audited([entry], store.update_document(&next, &text)).await? {
                DocumentSaved::Saved => return Ok(next),
                DocumentSaved::Outdated => {}
                DocumentSaved::SameContent(other) => {
                    let message = format!("text: the document {other} has this title and text already");
                    return Err(Error::new(ErrorKind::AlreadyExists, message));
                }
            }
        }
        Err(contended())
    }

    /// Deletes a document. Assistants that name it do without it from their next turn on.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `NotFound`); `UNAUTHORIZED` (kind `Forbidden`) for a user's credential; `STORAGE_ERROR`.
    pub async fn delete(&self, id: DocumentId) -> Result<()> {
        self.reach.check_not_a_user()?;
        let organization = self.reach.organization;
        let entry = self.agent.entry(&self.reach, organization, "document.delete", id)?;
        let change = self.agent.storage()?.knowledge()?.delete_document(organization, id);
        self.agent.audited([entry], change).await?.then_some(()).ok_or_else(not_found)
    }

    /// Searches as a turn does, the best passages first: to see what an answer would be drawn from.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a text without a word or above 1,000 characters, and a number out of range; `STORAGE_ERROR`.
    pub async fn search(&self, query: &KnowledgeQuery) -> Result<Vec<Source>> {
        check::search(&query.text)?;
        let library = self.library()?;
        let mut limits = library.limits();
        limits.characters = MOST_CHARACTERS;
        if let Some(top) = query.top_k {
            if !(1..=MOST_FOUND).contains(&top) {
                return Err(check::invalid(format!("top_k: {top} is out of range; 1 to {MOST_FOUND} is accepted")));
            }
            limits.passages = top;
        }
        if let Some(least) = query.min_score {
            if !(0.0..=1.0).contains(&least) {
                return Err(check::invalid(format!("min_score: {least} is out of range; 0 to 1 is accepted")));
            }
            limits.min_score = least;
        }
        if self.reach.is_nothing() {
            return Ok(Vec::new());
        }
        let attached = match &query.documents {
            None => Some(Attached::all(self.reach.organization)),
            Some(ids) => {
                let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
                Attached::named(self.reach.organization, &names)
            }
        };
        let Some(attached) = attached else { return Ok(Vec::new()) };
        library.search(&attached, Query::new(&query.text, None), limits).await
    }

    async fn read(&self, id: DocumentId) -> Result<(KnowledgeDocument, String)> {
        self.reach.check_own().map_err(|_| not_found())?;
        let found = self.agent.storage()?.knowledge()?.read_document(self.reach.organization, id).await?;
        found.ok_or_else(not_found)
    }

    fn library(&self) -> Result<&Library> {
        self.agent.storage()?.knowledge()?;
        self.agent.engine()?.library.as_ref().ok_or_else(|| Error::internal("a store for documents without a library"))
    }

    fn now(&self) -> Result<Timestamp> {
        self.agent.engine().map(|engine| engine.clock.now())
    }
}

impl VoiceAgent {
    /// Checks that the documents that an assistant names are its organization's, but for those that it had before.
    pub(super) async fn check_documents(
        &self,
        organization: Option<OrganizationId>,
        named: &[String],
        before: &[String],
    ) -> Result<()> {
        let mut ids = Vec::new();
        for (at, name) in named.iter().enumerate().filter(|(_, name)| *name != ALL_DOCUMENTS && !before.contains(name))
        {
            let id: DocumentId = name.parse().map_err(|_| {
                check::invalid(format!(
                    "knowledge[{at}]: expected the id of a document, or * for all of its organization"
                ))
            })?;
            ids.push((at, id));
        }
        if named.is_empty() {
            return Ok(());
        }
        let wanted: Vec<DocumentId> = ids.iter().map(|(_, id)| *id).collect();
        let there = self.storage()?.knowledge()?.document_versions(organization, Some(&wanted)).await?;
        match ids.iter().find(|(_, id)| there.iter().all(|version| version.id != *id)) {
            Some((at, _)) => Err(check::invalid(format!("knowledge[{at}]: there is no such document"))),
            None => Ok(()),
        }
    }
}

/// A text as it is kept and searched.
fn as_kept(given: &str, format: DocumentFormat) -> Result<String> {
    let too_large = |bytes: usize, most: usize| {
        Err(check::invalid(format!("text: {bytes} bytes; at most {most} are accepted: cut it into several documents")))
    };
    if given.len() > LARGEST_GIVEN {
        return too_large(given.len(), LARGEST_GIVEN);
    }
    let text = if format == DocumentFormat::Html { plain(given) } else { given.to_owned() };
    let text = text.replace("\r\n", "\n").replace(['\0', '\u{FEFF}'], "");
    let text = text.trim_end();
    if text.len() > LARGEST_TEXT {
        return too_large(text.len(), LARGEST_TEXT);
    }
    if !text.chars().any(char::is_alphanumeric) {
        return Err(check::invalid("text: expected at least one word"));
    }
    Ok(text.to_owned())
}

fn check_words(title: &str, source: Option<&str>, metadata: Option<&Map<String, Value>>) -> Result<()> {
    check::name("title", title, 1, LONGEST_TITLE)?;
    check::name("source", source.unwrap_or_default(), 0, LONGEST_SOURCE)?;
    metadata.map_or(Ok(()), check::metadata)
}

/// Says of a document what its text is.
fn complete(document: &mut KnowledgeDocument, text: &str) {
    let format = match document.format {
        DocumentFormat::Text => "text",
        DocumentFormat::Markdown => "markdown",
        DocumentFormat::Html => "html",
    };
    let digest = Sha256::new().chain_update(format).chain_update("\0").chain_update(&document.title);
    let digest = digest.chain_update("\0").chain_update(text).finalize();
    document.hash = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    document.bytes = text.len() as u64;
}

fn contended() -> Error {
    Error::new(ErrorKind::StorageBusy, "others change this document all the time; try again")
}

fn not_found() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such document")
}
