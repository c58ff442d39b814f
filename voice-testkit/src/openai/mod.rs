//! A double of OpenAI's API: a real server on this machine that speaks the real wire format, by script.
//!
//! It answers transcription, chat, speech, models and the Realtime WebSocket sensibly from the start. A script replaces
//! answers and brings in latency and faults, for every request of a route or for the n-th; everything that was asked is
//! recorded.
//!
//! ```
//! use std::time::Duration;
//! use voice_testkit::openai::{OpenAiDouble, Reply, Route};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let openai = OpenAiDouble::start().await?;
//! openai
//!     .always(Route::Chat, Reply::chat(["Good ", "morning."]).first_byte(Duration::from_millis(2)))
//!     .nth(Route::Chat, 0, Reply::error(429, "rate_limit_exceeded", "Slow down.").header("retry-after", "1"))
//!     .nth(Route::Speech, 0, Reply::silence(1.0).reset_after(2));
//!
//! // … point a provider at `openai.base_url()` and run it …
//!
//! assert_eq!(openai.count(Route::Chat), 0);
//! # std::io::Result::Ok(())
//! # })?;
//! # std::io::Result::Ok(())
//! ```
//!
//! Any other HTTP API is scripted by method and path: [`Route::At`], below [`OpenAiDouble::origin`].

mod conversation;
mod realtime;
mod record;
mod reply;
mod server;
mod socket;
mod spec;
mod unreachable;
mod yaml;

use std::{
    collections::HashMap,
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use record::{Part, Recorded, RecordedBody};
pub use reply::Reply;
pub use spec::{OpenAiSpec, Spec, SpecCheck};
pub use unreachable::{HangingAddress, refused_address};

/// What can be asked of the double.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Route {
    /// `POST /audio/transcriptions`.
    Transcription,
    /// `POST /chat/completions`.
    Chat,
    /// `POST /audio/speech`.
    Speech,
    /// `GET /models`.
    Models,
    /// Opening the Realtime WebSocket. Only the status of a reply counts: a bad one refuses the connection.
    RealtimeConnect,
    /// What a Realtime session says of itself when it is opened: see [`Reply::session_until`].
    RealtimeSession,
    /// One `response.create` on a Realtime WebSocket.
    Realtime,
    /// One utterance on a Realtime WebSocket, from its first sound to its commit.
    LiveTranscription,
    /// Another method and path, such as `POST /v1/listen`, of whatever API; only what is scripted is known. A WebSocket is opened
    /// there by a [`Reply::socket`].
    At(&'static str),
    /// Any other path; answered with 404.
    Unknown,
}

/// The server. Dropping it closes everything. Cheap to share behind an `Arc`.
pub struct OpenAiDouble {
    address: SocketAddr,
    state: Arc<State>,
    stop: CancellationToken,
}

#[derive(Default)]
pub(crate) struct State {
    script: Mutex<Script>,
    requests: Mutex<Vec<Arc<record::Entry>>>,
    connections: AtomicUsize,
    sockets: AtomicUsize,
    /// What holds conversations, and what was said of them to clients.
    conversation: Mutex<Option<crate::ScriptedRealtime>>,
    told: Mutex<Vec<serde_json::Value>>,
}

#[derive(Default)]
struct Script {
    always: HashMap<Route, Reply>,
    nth: HashMap<(Route, usize), Reply>,
    served: HashMap<Route, usize>,
}

impl State {
    /// The reply to the next request of `route`.
    pub(crate) fn next(&self, route: Route) -> Reply {
        let mut script = lock(&self.script);
        let n = script.served.entry(route).or_default();
        let now = *n;
        *n += 1;
        let nth = script.nth.get(&(route, now)).cloned();
        nth.or_else(|| script.always.get(&route).cloned()).unwrap_or_else(|| Reply::standard(route))
    }

    /// The scripted route of a method and path that no API of OpenAI's has.
    pub(crate) fn elsewhere(&self, method: &str, path: &str) -> Option<Route> {
        let script = lock(&self.script);
        let mut routes = script.always.keys().chain(script.nth.keys().map(|(route, _)| route));
        routes.find(|route| matches!(route, Route::At(at) if at.split_once(' ') == Some((method, path)))).copied()
    }

    pub(crate) fn record(&self, entry: record::Entry) -> Arc<record::Entry> {
        let entry = Arc::new(entry);
        lock(&self.requests).push(entry.clone());
        entry
    }

    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OpenAiDouble {
    /// Starts a double on a free port of 127.0.0.1. Must be called on a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let double = Self { address: listener.local_addr()?, state: Arc::default(), stop: CancellationToken::new() };
        tokio::spawn(server::accept(listener, double.state.clone(), double.stop.clone()));
        Ok(double)
    }

    /// The base URL to give to a provider: `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The address without a path: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same as [`base_url`](Self::base_url) with `https://`. The double speaks no TLS, so every handshake fails.
    #[must_use]
    pub fn tls_base_url(&self) -> String {
        format!("https://{}/v1", self.address)
    }

    /// Answers every request of `route` with `reply`, except those that [`nth`](Self::nth) names.
    pub fn always(&self, route: Route, reply: Reply) -> &Self {
        lock(&self.state.script).always.insert(route, reply);
        self
    }

    /// Answers the n-th request of `route`, counted from 0 since the start, with `reply`.
    pub fn nth(&self, route: Route, n: usize, reply: Reply) -> &Self {
        lock(&self.state.script).nth.insert((route, n), reply);
        self
    }

    /// Holds conversations over the Realtime WebSocket with this model from now on: what it is told and does crosses in the real wire format.
    /// Its sound is taken for 24 kHz.
    pub fn converse(&self, model: crate::ScriptedRealtime) -> &Self {
        *lock(&self.state.conversation) = Some(model);
        self
    }

    /// Every event that was sent to clients in conversations so far.
    #[must_use]
    pub fn told(&self) -> Vec<serde_json::Value> {
        lock(&self.state.told).clone()
    }

    /// Everything that was asked so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.state.requests).iter().map(|e| e.snapshot()).collect()
    }

    /// What was asked of one route so far. For [`Route::Realtime`] and [`Route::LiveTranscription`] look into [`RecordedBody::Frames`] of
    /// [`Route::RealtimeConnect`].
    #[must_use]
    pub fn requests_to(&self, route: Route) -> Vec<Recorded> {
        self.requests().into_iter().filter(|r| r.route == route).collect()
    }

    /// How often a route was asked so far.
    #[must_use]
    pub fn count(&self, route: Route) -> usize {
        lock(&self.state.script).served.get(&route).copied().unwrap_or(0)
    }

    /// How many WebSockets are open.
    #[must_use]
    pub fn open_sockets(&self) -> usize {
        self.state.sockets.load(Ordering::Relaxed)
    }

    /// How many TCP connections were made so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }
}

impl Drop for OpenAiDouble {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl fmt::Debug for OpenAiDouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiDouble").field("address", &self.address).finish_non_exhaustive()
    }
}
