//! What answers are drawn from: which documents, kept ready in memory, and searched when the user's words are known.
//!
//! Documents are read and indexed by tasks of their own, which nothing of a turn cancels, beside the hearing of the user; what came
//! too late for one answer is there for the next. Which versions there are is asked at every turn, so that a change is followed at
//! once. Searching never fails a turn: without it, the model answers from what it knows.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::{sync::OnceCell, task::JoinHandle};

use super::{driver::Run, engine::Engine};
use crate::{
    config::{ALL_DOCUMENTS, KnowledgeConfig},
    error::{Error, ErrorKind, Result, Stage},
    id::{DocumentId, OrganizationId},
    knowledge::{Index, Limits, Query, TOLD, block, search, with_note, with_sources},
    message::{Message, Role, Source},
    provider::{CallContext, PromptMessage},
    store::{DocumentVersion, KnowledgeStore},
    tool::{Tool, ToolOutput, Toolbox},
};

/// How many documents are read at the same time.
const AT_ONCE: usize = 4;
/// The bytes of a MiB.
const MIB: f64 = 1_048_576.0;

/// Whose documents answers are drawn from, and which.
#[derive(Clone, Debug)]
pub(crate) struct Attached {
    organization: Option<OrganizationId>,
    /// `None`: all of them.
    documents: Option<Vec<DocumentId>>,
}

impl Attached {
    /// What a config or an assistant names; `None`: nothing.
    pub(crate) fn named(organization: Option<OrganizationId>, names: &[String]) -> Option<Self> {
        if names.iter().any(|name| name == ALL_DOCUMENTS) {
            return Some(Self::all(organization));
        }
        let mut documents: Vec<DocumentId> = names.iter().filter_map(|name| name.parse().ok()).collect();
        documents.sort_unstable();
        documents.dedup();
        (!documents.is_empty()).then_some(Self { organization, documents: Some(documents) })
    }

    pub(crate) fn all(organization: Option<OrganizationId>) -> Self {
        Self { organization, documents: None }
    }
}

/// The documents of an agent, and how they are searched.
#[derive(Clone)]
pub(crate) struct Library {
    shelf: Arc<Shelf>,
    limits: Limits,
    patience: Duration,
    as_tool: bool,
    /// `None`: answers are drawn from none.
    attached: Option<Attached>,
}

impl Library {
    pub(crate) fn new(store: Arc<dyn KnowledgeStore>, config: &KnowledgeConfig) -> Self {
        let limits = Limits {
            passages: config.top_k as usize,
            min_score: config.min_score,
            characters: config.max_characters as usize,
        };
        Self {
            shelf: Arc::new(Shelf { store, most: (config.memory_mb * MIB) as u64, books: Mutex::default() }),
            limits,
            patience: Duration::from_millis(config.timeout_ms),
            as_tool: config.as_tool,
            attached: Attached::named(None, &config.documents),
        }
    }

    /// The same, with answers drawn from other documents.
    pub(crate) fn with(&self, attached: Attached) -> Self {
        Self { attached: Some(attached), ..self.clone() }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Begins to read what answers are drawn from. Must be called within a tokio runtime.
    fn open(&self) -> Option<Opening> {
        let attached = self.attached.clone()?;
        let shelf = Arc::clone(&self.shelf);
        let books = tokio::spawn(async move { shelf.open(&attached).await });
        Some(Opening { books, limits: self.limits, patience: self.patience })
    }

    /// Searches documents for a host that asks.
    pub(crate) async fn search(&self, attached: &Attached, query: Query, limits: Limits) -> Result<Vec<Source>> {
        found(self.shelf.open(attached).await?, query, limits).await
    }
}

impl Engine {
    /// Whether the model is given passages with every question.
    fn gives_passages(&self) -> bool {
        self.draws_from_documents() && !self.library.as_ref().is_some_and(|library| library.as_tool && self.can_call())
    }

    fn draws_from_documents(&self) -> bool {
        self.interpreter.is_none() && self.library.as_ref().is_some_and(|library| library.attached.is_some())
    }

    /// Whether whichever model answers can call tools.
    fn can_call(&self) -> bool {
        self.llm.services().all(|llm| llm.0.capabilities().tools)
    }

    /// Begins to read the documents that the next answer is drawn from; `None`: the model is given no passages.
    pub(crate) fn documents(&self) -> Option<Opening> {
        self.library.as_ref().filter(|_| self.gives_passages())?.open()
    }

    /// Begins to read the documents that answers are drawn from, so that the first answer need not wait for them.
    pub(crate) fn prepare_documents(&self) -> Option<Opening> {
        self.library.as_ref().filter(|_| self.draws_from_documents())?.open()
    }

    /// The system prompt, with what is to be said of passages.
    pub(crate) fn instructions(&self) -> Arc<str> {
        let prompt = &self.settings.system_prompt;
        if self.gives_passages() { with_note(prompt) } else { Arc::clone(prompt) }
    }

    /// What the model may call in a turn: the agent's tools, `more`, and the one that searches documents; nothing where it
    /// interprets.
    pub(crate) fn tools_of_turn(&self, more: Vec<Arc<dyn Tool>>) -> Result<Arc<Toolbox>> {
        if self.interpreter.is_some() {
            return Ok(Arc::default());
        }
        self.with_search(self.toolbox(more)?, false)
    }

    /// Tools, with the one that searches documents where the model is given that. `by_itself`: the model hears and speaks by itself.
    pub(crate) fn with_search(&self, tools: Arc<Toolbox>, by_itself: bool) -> Result<Arc<Toolbox>> {
        match &self.library {
            Some(library) if self.draws_from_documents() && (by_itself || !self.gives_passages()) => {
                let tool: Arc<dyn Tool> = Arc::new(SearchKnowledge(library.clone()));
                Ok(Arc::new(tools.with([tool])?))
            }
            _ => Ok(tools),
        }
    }
}

/// Documents that are being read.
pub(crate) struct Opening {
    books: JoinHandle<Result<Vec<Arc<Index>>>>,
    limits: Limits,
    patience: Duration,
}

impl Opening {
    /// Waits until they are read.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn ready(self) -> Result<()> {
        self.books.await.map_err(stopped)?.map(|_| ())
    }
}

/// What is looked for in documents before an answer is written.
pub(crate) struct Recall {
    opening: Opening,
    query: Query,
}

impl Recall {
    /// Looks for what is `said` now; `history` says what it goes on from.
    pub(crate) fn new(opening: Opening, said: &str, history: &[Message]) -> Self {
        let earlier = history.iter().rev().find(|message| message.role == Role::User);
        Self { opening, query: Query::new(said, earlier.map(|message| message.content.as_str())) }
    }

    async fn found(self) -> Result<Vec<Source>> {
        let Opening { books, limits, patience } = self.opening;
        let searching = async { found(books.await.map_err(stopped)??, self.query, limits).await };
        tokio::time::timeout(patience, searching).await.unwrap_or_else(|_| {
            let message = format!("the documents were not searched within {patience:?}: the answer does without them");
            Err(Error::new(ErrorKind::DeadlineExceeded, message))
        })
    }
}

async fn found(books: Vec<Arc<Index>>, query: Query, limits: Limits) -> Result<Vec<Source>> {
    if query.is_empty() || books.is_empty() {
        return Ok(Vec::new());
    }
    tokio::task::spawn_blocking(move || search(&books, &query, limits)).await.map_err(stopped)
}

/// A task that did not come to its end. What a panic says may hold anything, so it is not shown.
fn stopped(_: tokio::task::JoinError) -> Error {
    Error::internal("a task that searches documents stopped")
}

impl Run<'_> {
    /// Puts what documents say about it before what the user said.
    pub(super) async fn recall(&mut self, prompt: &mut [PromptMessage], recall: Option<Recall>) -> Result<()> {
        let Some(recall) = recall.filter(|recall| !recall.query.is_empty()) else { return Ok(()) };
        match recall.found().await {
            Ok(sources) => {
                self.machine.on_searched(self.at());
                with_sources(prompt, &sources);
                self.tell_sources(sources).await
            }
            Err(error) => {
                let error = error.with_stage(Stage::Knowledge);
                tracing::warn!(code = error.code().as_str(), kind = ?error.kind(), "the documents were not searched");
                let event = self.machine.on_search_failed(error);
                self.sink.emit(event).await
            }
        }
    }

    /// Tells what the model has looked up with a tool.
    pub(super) async fn tell_what_was_found(&mut self) -> Result<()> {
        let sources = self.ctx.found.take();
        if !sources.is_empty() {
            self.machine.on_searched(self.at());
        }
        self.tell_sources(sources).await
    }

    async fn tell_sources(&mut self, sources: Vec<Source>) -> Result<()> {
        tracing::debug!(passages = sources.len(), "documents searched");
        let event = self.machine.on_sources(sources);
        self.sink.emit_some(event).await
    }
}

/// What a model searches documents with by itself.
struct SearchKnowledge(Library);

#[async_trait]
impl Tool for SearchKnowledge {
    fn name(&self) -> &str {
        "search_knowledge"
    }

    fn description(&self) -> &str {
        "Searches the documents that belong to this conversation. Call it before you answer a question of facts that they may hold: about \
         products, prices, places, times, rules, people."
    }

    fn parameters(&self) -> Value {
        let query = json!({ "type": "string", "description": "What is looked for, in the words in which a document would say it." });
        json!({ "type": "object", "properties": { "query": query }, "required": ["query"] })
    }

    async fn call(&self, arguments: Value, ctx: &CallContext) -> Result<ToolOutput> {
        let query = Query::new(arguments["query"].as_str().unwrap_or_default(), None);
        let sources = match &self.0.attached {
            Some(attached) => self.0.search(attached, query, self.0.limits).await?,
            None => Vec::new(),
        };
        if sources.is_empty() {
            return Ok("Nothing was found.".into());
        }
        let told = format!("{TOLD}\n{}", block(&sources));
        ctx.found.add(sources);
        Ok(told.into())
    }
}

/// Documents that are ready to be searched, for all assistants: those that were used last.
struct Shelf {
    store: Arc<dyn KnowledgeStore>,
    /// How many bytes of text they have at most, all together.
    most: u64,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    all: HashMap<DocumentId, Book>,
    /// Counts how often documents were asked for.
    asked: u64,
}

struct Book {
    version: DocumentVersion,
    /// `None`: it was deleted before it could be read.
    index: Arc<OnceCell<Option<Arc<Index>>>>,
    used: u64,
}

impl Shelf {
    /// Documents in their current versions. Each version is read and indexed once, whoever asks.
    async fn open(&self, attached: &Attached) -> Result<Vec<Arc<Index>>> {
        let organization = attached.organization;
        let mut there = self.store.document_versions(organization, attached.documents.as_deref()).await?;
        there.sort_unstable_by_key(|version| version.id);
        let bytes: u64 = there.iter().map(|version| version.bytes).sum();
        if bytes > self.most {
            let mib = |bytes: u64| bytes as f64 / MIB;
            let message = format!(
                "the documents have {:.1} MiB of text; {:.1} are searched at most: attach fewer, or raise knowledge.memory_mb",
                mib(bytes),
                mib(self.most)
            );
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let cells: Vec<_> = {
            let mut books = self.lock();
            books.asked += 1;
            there.into_iter().map(|version| (version.id, books.cell(version))).collect()
        };
        let read = cells.into_iter().map(|(id, cell)| async move {
            let index = cell.get_or_try_init(|| self.read(organization, id)).await?;
            Ok::<_, Error>(index.clone())
        });
        let indexes: Vec<_> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
        self.lock().forget(self.most);
        Ok(indexes.into_iter().flatten().collect())
    }

    async fn read(&self, organization: Option<OrganizationId>, id: DocumentId) -> Result<Option<Arc<Index>>> {
        let Some((document, text)) = self.store.read_document(organization, id).await? else { return Ok(None) };
        let index = tokio::task::spawn_blocking(move || Index::new(&document, text)).await.map_err(stopped)?;
        Ok(Some(Arc::new(index)))
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// The place of a version, in place of every other.
    fn cell(&mut self, version: DocumentVersion) -> Arc<OnceCell<Option<Arc<Index>>>> {
        let used = self.asked;
        let book = self.all.entry(version.id).or_insert_with(|| Book { version, index: Arc::default(), used });
        if book.version != version {
            *book = Book { version, index: Arc::default(), used };
        }
        book.used = used;
        Arc::clone(&book.index)
    }

    /// Lets those go that were not used for longest, until there is room.
    fn forget(&mut self, most: u64) {
        let mut bytes: u64 = self.all.values().map(|book| book.version.bytes).sum();
        while bytes > most
            && let Some((id, book)) = self.all.iter().min_by_key(|(_, book)| book.used)
        {
            bytes -= book.version.bytes;
            let id = *id;
            self.all.remove(&id);
        }
    }
}
