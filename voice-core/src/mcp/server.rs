//! One server: the line to it, opened when it is needed.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

use super::{
    http::Http,
    message::{self, Described},
    process::Process,
};
use crate::{
    config::McpServerConfig,
    error::{Error, ErrorKind, Result, Stage},
    time::after,
};

/// More pages of tools than this come only from a server that goes round in circles.
const MOST_PAGES: usize = 100;

/// Why a request has no answer.
pub(super) enum Unanswered {
    /// The line is over, and nothing was done.
    Over(Error),
    /// It failed; what was done is not known.
    Failed(Error),
}

/// A session with a server.
#[derive(Clone)]
enum Line {
    Http(Arc<Http>),
    Process(Arc<Process>),
}

impl Line {
    async fn ask(&self, method: &str, params: &Value) -> Result<Value, Unanswered> {
        match self {
            Self::Http(line) => line.ask(method, params).await,
            Self::Process(line) => line.ask(method, params).await,
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Http(_) => false,
            Self::Process(line) => line.is_over(),
        }
    }
}

/// A server, whether or not it is reached at present.
pub(super) struct Server {
    /// `mcp/NAME`, for errors.
    name: Arc<str>,
    config: McpServerConfig,
    patience: Duration,
    line: Mutex<Option<Line>>,
}

impl Server {
    pub(super) fn new(name: &str, config: &McpServerConfig) -> Self {
        Self {
            name: format!("mcp/{name}").into(),
            config: config.clone(),
            patience: Duration::from_secs_f64(config.timeout_seconds),
            line: Mutex::default(),
        }
    }

    /// How long it may take over one call.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// All of its tools.
    pub(super) async fn tools(&self) -> Result<Vec<Described>> {
        let (mut all, mut cursor) = (Vec::new(), None::<String>);
        let until = after(Instant::now(), self.patience);
        for _ in 0..MOST_PAGES {
            let params = cursor.map_or_else(|| json!({}), |cursor| json!({"cursor": cursor}));
            let page = timeout_at(until, self.ask("tools/list", &params)).await.map_err(|_| self.late())??;
            let (tools, next) = message::described(page);
            all.extend(tools);
            cursor = next;
            if cursor.is_none() {
                return Ok(all);
            }
        }
        Err(self.error(ErrorKind::MalformedResponse, format!("more than {MOST_PAGES} pages of tools came")))
    }

    /// Asks for something, once. Over a line that turns out to be over it was not asked: then over a new one.
    ///
    /// # Errors
    /// Why it could not be reached, or what it said; names the server. Dropping the future tells the server that nobody waits any more.
    pub(super) async fn ask(&self, method: &str, params: &Value) -> Result<Value> {
        let first = self.line().await?;
        let over = match first.ask(method, params).await {
            Err(Unanswered::Over(error)) => error,
            outcome => return self.named(outcome),
        };
        tracing::debug!(server = &*self.name, "the session with an MCP server was over: {over}");
        self.let_go(&first).await;
        self.named(self.line().await?.ask(method, params).await)
    }

    fn named(&self, outcome: Result<Value, Unanswered>) -> Result<Value> {
        outcome.map_err(|why| match why {
            Unanswered::Over(error) | Unanswered::Failed(error) => {
                error.with_stage(Stage::Llm).with_provider(self.name.clone())
            }
        })
    }

    async fn line(&self) -> Result<Line> {
        let mut line = self.line.lock().await;
        if let Some(open) = line.as_ref().filter(|open| !open.is_over()) {
            return Ok(open.clone());
        }
        let opened = self.open();
        let opened = timeout_at(after(Instant::now(), self.patience), opened).await.map_err(|_| self.late())??;
        Ok(line.insert(opened).clone())
    }

    /// Forgets a line, if it is still the one.
    async fn let_go(&self, old: &Line) {
        let mut line = self.line.lock().await;
        let same = match (line.as_ref(), old) {
            (Some(Line::Http(a)), Line::Http(b)) => Arc::ptr_eq(a, b),
            (Some(Line::Process(a)), Line::Process(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        if same {
            *line = None;
        }
    }

    async fn open(&self) -> Result<Line> {
        let opened = match (&self.config.url, &self.config.command) {
            (Some(url), _) => Http::open(&self.name, url, &self.config.headers, self.patience).await.map(Line::Http),
            (None, Some(command)) => {
                Process::open(command, &self.config.args, &self.config.env).await.map(Line::Process)
            }
            (None, None) => Err(Error::new(ErrorKind::InvalidConfig, "expected either a url or a command")),
        };
        opened.map_err(|error| error.with_stage(Stage::Llm).with_provider(self.name.clone()))
    }

    fn late(&self) -> Error {
        self.error(ErrorKind::FirstByteTimeout, format!("the MCP server did not answer within {:?}", self.patience))
    }

    fn error(&self, kind: ErrorKind, message: String) -> Error {
        Error::new(kind, message).with_stage(Stage::Llm).with_provider(self.name.clone())
    }
}
