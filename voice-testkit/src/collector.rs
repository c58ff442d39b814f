//! A collector of OpenTelemetry: takes OTLP in JSON over HTTP and keeps it.

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use crate::openai::lock;

/// A collector on a free port of this machine. It takes everything, unless it is told otherwise.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let collector = voice_testkit::Collector::start().await?;
/// collector.answer_next(429, Some("1"));
/// // … give `collector.endpoint()` to an agent as `telemetry.otlp_endpoint`, run it and close it …
/// assert!(collector.exported("/v1/traces").is_empty());
/// # std::io::Result::Ok(())
/// # })?;
/// # std::io::Result::Ok(())
/// ```
pub struct Collector {
    address: SocketAddr,
    state: Arc<State>,
    stop: CancellationToken,
}

/// One request that a collector got.
#[derive(Clone)]
pub struct Exported {
    /// Its path, for example `/v1/traces`.
    pub path: String,
    /// Its headers, names in small letters.
    pub headers: Vec<(String, String)>,
    /// What it brought.
    pub body: Bytes,
    /// What it was answered; `None`: never anything.
    pub status: Option<u16>,
}

#[derive(Default)]
struct State {
    script: Mutex<VecDeque<Planned>>,
    exported: Mutex<Vec<Exported>>,
    count: watch::Sender<usize>,
}

enum Planned {
    Answer { status: u16, retry_after: Option<String> },
    Silence,
}

impl Collector {
    /// Starts a collector. Must be called on a tokio runtime with I/O.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let collector = Self { address: listener.local_addr()?, state: Arc::default(), stop: CancellationToken::new() };
        tokio::spawn(accept(listener, Arc::clone(&collector.state), collector.stop.clone()));
        Ok(collector)
    }

    /// The address to give to an agent.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers the next request that is not planned for yet with this status and, if it is given, a header `retry-after`.
    pub fn answer_next(&self, status: u16, retry_after: Option<&str>) -> &Self {
        let retry_after = retry_after.map(str::to_owned);
        lock(&self.state.script).push_back(Planned::Answer { status, retry_after });
        self
    }

    /// Never answers the next request that is not planned for yet.
    pub fn be_silent_next(&self) -> &Self {
        lock(&self.state.script).push_back(Planned::Silence);
        self
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Exported> {
        lock(&self.state.exported).clone()
    }

    /// What was taken at a path (answered with 200) so far.
    #[must_use]
    pub fn exported(&self, path: &str) -> Vec<Exported> {
        self.requests().into_iter().filter(|r| r.path == path && r.status == Some(200)).collect()
    }

    /// Waits until there were so many requests.
    pub async fn until_requests(&self, count: usize) {
        let mut counted = self.state.count.subscribe();
        // It ends only with the collector, which outlives this borrow.
        let _gone = counted.wait_for(|now| *now >= count).await;
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, stop: CancellationToken) {
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
            () = stop.cancelled() => return,
        };
        let (state, stop) = (Arc::clone(&state), stop.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&state), request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                // A client that goes away is no concern of the collector.
                _ended = connection => {}
                () = stop.cancelled() => {}
            }
        });
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|all| all.to_bytes()).unwrap_or_default();
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let planned = lock(&state.script).pop_front();
    let (status, retry_after) = match planned {
        None => (Some(200), None),
        Some(Planned::Answer { status, retry_after }) => (Some(status), retry_after),
        Some(Planned::Silence) => (None, None),
    };
    lock(&state.exported).push(Exported { path: parts.uri.path().to_owned(), headers, body, status });
    state.count.send_modify(|count| *count += 1);
    let Some(status) = status else { return std::future::pending().await };
    let mut response = Response::new(Full::new(Bytes::from_static(b"{}")));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    if let Some(wait) = retry_after.and_then(|wait| wait.parse().ok()) {
        response.headers_mut().insert(hyper::header::RETRY_AFTER, wait);
    }
    Ok(response)
}
