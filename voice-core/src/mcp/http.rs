//! A session over Streamable HTTP: every message is a request of its own, and its answer comes with it or as events.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::{
    RequestBuilder, Response, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::{
    message::{self, Incoming},
    server::Unanswered,
};
use crate::{
    error::{Error, ErrorKind, Result, Stage},
    providers::http::{ClientOptions, Peer, SseReader, client},
    secret::Secret,
};

/// The most bytes of an answer.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;
/// How long a server may take over what nobody waits for.
const AFTERTHOUGHT: Duration = Duration::from_secs(5);

const SESSION: &str = "Mcp-Session-Id";
const VERSION: &str = "MCP-Protocol-Version";

/// Where to, and with which headers.
#[derive(Clone)]
struct Address {
    url: Url,
    headers: Arc<BTreeMap<String, Secret>>,
    options: ClientOptions,
    /// The server's name for the session, and the revision that is spoken in it.
    session: Option<Arc<str>>,
    revision: Option<Arc<str>>,
}

impl Address {
    fn request(&self, request: RequestBuilder) -> RequestBuilder {
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.expose()));
        let session = self.session.iter().map(|id| (SESSION, &**id));
        let revision = self.revision.iter().map(|revision| (VERSION, &**revision));
        own.chain(session).chain(revision).fold(request, |request, (name, value)| request.header(name, value))
    }

    fn post(&self, body: String) -> Result<RequestBuilder> {
        let post = client(self.options)?.post(self.url.clone()).body(body);
        Ok(self
            .request(post)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream"))
    }

    /// Sends what nobody waits for.
    fn tell(&self, request: impl FnOnce(&Self) -> Result<RequestBuilder>) {
        if let (Ok(request), Ok(runtime)) = (request(self), Handle::try_current()) {
            runtime.spawn(request.timeout(AFTERTHOUGHT).send());
        }
    }
}

/// A session. Dropping it ends it on the server's side, too.
pub(super) struct Http {
    address: Address,
    peer: Peer,
    next: AtomicU64,
}

impl Http {
    pub(super) async fn open(
        name: &Arc<str>,
        url: &str,
        headers: &BTreeMap<String, Secret>,
        patience: Duration,
    ) -> Result<Arc<Self>> {
        // An address may hold a password, so it is not shown.
        let url = Url::parse(url).map_err(|_| Error::new(ErrorKind::InvalidConfig, "the url is no address"))?;
        let host = match (url.host_str(), url.port_or_known_default()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or("the server").to_owned(),
        };
        let longest = headers.values().max_by_key(|value| value.expose().len());
        let key = longest.map(|value| Secret::new(value.expose().rsplit(' ').next().unwrap_or_default()));
        let peer = Peer { provider: name.clone(), stage: Stage::Llm, host: host.into(), key };
        let options = ClientOptions::to(&url, patience);
        let address = Address { url, headers: Arc::new(headers.clone()), options, session: None, revision: None };
        let mut line = Self { address, peer, next: AtomicU64::new(1) };

        let answer = line.send(message::request(0, "initialize", &message::hello())).await.map_err(known)?;
        let session = answer.headers().get(SESSION).and_then(|id| id.to_str().ok()).map(Arc::from);
        line.address.session = session;
        let welcome = line.read(answer, 0).await?;
        line.address.revision = Some(message::revision(&welcome)?.into());
        line.send(message::notification("notifications/initialized", &json!({}))).await.map_err(known)?;
        Ok(Arc::new(line))
    }

    pub(super) async fn ask(&self, method: &str, params: &Value) -> Result<Value, Unanswered> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut waiting = Waiting { line: self, id, over: false };
        let outcome = async {
            let answer = self.send(message::request(id, method, params)).await?;
            self.read(answer, id).await.map_err(Unanswered::Failed)
        };
        let outcome = outcome.await;
        waiting.over = true;
        outcome
    }

    async fn send(&self, body: String) -> Result<Response, Unanswered> {
        let request = self.address.post(body).map_err(Unanswered::Failed)?;
        let answer = request.send().await.map_err(|e| Unanswered::Failed(self.peer.transport(&e)))?;
        // That is how a server says that it has forgotten the session: a new one is to be begun.
        let forgotten = answer.status() == StatusCode::NOT_FOUND && self.address.session.is_some();
        let accepted = self.peer.accept(answer, &Vec::new()).await.map_err(|refusal| refusal.error);
        accepted.map_err(if forgotten { Unanswered::Over } else { Unanswered::Failed })
    }

    /// Reads on until the answer to `id` has come.
    async fn read(&self, answer: Response, id: u64) -> Result<Value> {
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            let body = self.peer.read_all(answer, LONGEST_ANSWER).await?;
            return match message::read(&String::from_utf8_lossy(&body)) {
                Incoming::Answer(which, outcome) if which == id => outcome.map_err(|why| refused(&why)),
                _ => Err(self.peer.malformed("sent something else than an answer")),
            };
        }
        let mut events = SseReader::new(answer, self.peer.clone());
        while let Some(event) = events.next().await {
            match message::read(&event?.data) {
                Incoming::Answer(which, outcome) if which == id => {
                    events.release();
                    return outcome.map_err(|why| refused(&why));
                }
                Incoming::Asked(said) => self.address.tell(|address| address.post(said)),
                Incoming::Answer(..) | Incoming::Told => {}
            }
        }
        Err(self.peer.error(ErrorKind::ConnectionLost, format!("{} ended before it answered", self.peer.host)))
    }
}

/// What a server says of a request that it does not carry out. Told to the model, which chose it.
pub(super) fn refused(why: &str) -> Error {
    Error::new(ErrorKind::ToolFailed, why)
}

fn known(why: Unanswered) -> Error {
    match why {
        Unanswered::Over(error) | Unanswered::Failed(error) => error,
    }
}

/// A request that is under way: dropped before its answer, it is cancelled.
struct Waiting<'a> {
    line: &'a Http,
    id: u64,
    over: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.line.address.tell(|address| address.post(message::cancelled(self.id)));
        }
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        if self.address.session.is_some() {
            self.address.tell(|address| Ok(address.request(client(address.options)?.delete(address.url.clone()))));
        }
    }
}
