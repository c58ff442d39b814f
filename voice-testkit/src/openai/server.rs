//! The HTTP side of the double.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::AUTHORIZATION,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::yield_now,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{
    Recorded, RecordedBody, Reply, Route, State, realtime,
    record::{self, Entry},
    reply::End,
    socket,
};

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A connection that is reset instead of closed when the flag is up as it is dropped.
pub(super) struct Connection {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            // Without linger time closing turns into RST. Failing to set it would only make the fault milder.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reset.load(Ordering::Relaxed) {
            // A shutdown would send FIN first, and the peer would see an orderly end.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Serves connections until stopped.
pub(super) async fn accept(listener: TcpListener, state: Arc<State>, stop: CancellationToken) {
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
            () = stop.cancelled() => return,
        };
        state.connected();
        // Small pieces are to arrive as they are sent; nothing else depends on it.
        let _ = stream.set_nodelay(true);
        let (state, stop) = (state.clone(), stop.clone());
        tokio::spawn(async move {
            let reset = Arc::new(AtomicBool::new(false));
            let io = TokioIo::new(Connection { stream, reset: reset.clone() });
            let closing = stop.clone();
            let service = service_fn(move |request| answer(request, state.clone(), reset.clone(), stop.clone()));
            let connection = http1::Builder::new().serve_connection(io, service).with_upgrades();
            tokio::select! {
                // What goes wrong on a connection is the client's to notice.
                _ = connection => {}
                () = closing.cancelled() => {}
            }
        });
    }
}

async fn answer(
    mut request: Request<Incoming>,
    state: Arc<State>,
    reset: Arc<AtomicBool>,
    stop: CancellationToken,
) -> Result<Response<Body>, Infallible> {
    let upgrade = realtime::wanted(&request).then(|| hyper::upgrade::on(&mut request));
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let header = |name: &str| head.headers.get(name).and_then(|v| v.to_str().ok());
    let elsewhere = state.elsewhere(head.method.as_str(), head.uri.path());
    let route = elsewhere.unwrap_or_else(|| route(&head.method, head.uri.path()));
    let recorded = Recorded {
        route,
        method: head.method.to_string(),
        path: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers: head
            .headers
            .iter()
            .filter(|(name, _)| *name != AUTHORIZATION)
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        bearer: header("authorization").and_then(|v| v.strip_prefix("Bearer ")).map(Into::into),
        authorization: header("authorization").map(Into::into),
        body: if upgrade.is_some() {
            RecordedBody::Frames(Vec::new())
        } else {
            record::parse(header("content-type").unwrap_or_default(), body)
        },
    };
    let entry = state.record(Entry::new(recorded));
    let reply = state.next(route);
    match reply.first_byte {
        Some(delay) if delay.is_zero() => {}
        Some(delay) => sleep(delay).await,
        None => std::future::pending().await,
    }
    if let (Some(upgrade), 101) = (upgrade, reply.status) {
        let response = realtime::switching(header("sec-websocket-key").unwrap_or_default());
        tokio::spawn(async move {
            tokio::select! {
                () = async {
                    match route {
                        Route::At(_) => socket::serve(upgrade, entry, state, reset, reply).await,
                        _ => realtime::serve(upgrade, entry, state, reset).await,
                    }
                } => {}
                () = stop.cancelled() => {}
            }
        });
        return Ok(response);
    }
    Ok(respond(&reply, &entry.request, reset))
}

fn route(method: &Method, path: &str) -> Route {
    match (method.as_str(), path.strip_prefix("/v1").unwrap_or(path)) {
        ("POST", "/audio/transcriptions") => Route::Transcription,
        ("POST", "/chat/completions") => Route::Chat,
        ("POST", "/audio/speech") => Route::Speech,
        ("GET", "/models") => Route::Models,
        ("GET", "/realtime") => Route::RealtimeConnect,
        _ => Route::Unknown,
    }
}

fn respond(reply: &Reply, request: &Recorded, reset: Arc<AtomicBool>) -> Response<Body> {
    let (pieces, content_type) = reply.render(request);
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        let value = if name == "content-type" { content_type.unwrap_or(value) } else { value };
        response = response.header(name, value);
    }
    response.body(body(pieces, reply, reset)).unwrap_or_else(|_| {
        let mut broken = Response::new(http_body_util::Empty::new().map_err(|e| match e {}).boxed_unsync());
        *broken.status_mut() = StatusCode::NOT_IMPLEMENTED;
        broken
    })
}

fn body(pieces: Vec<Bytes>, reply: &Reply, reset: Arc<AtomicBool>) -> Body {
    let (gap, end) = (reply.gap, reply.end);
    let pieces = stream::unfold((pieces.into_iter(), 0usize), move |(mut pieces, sent)| {
        let reset = reset.clone();
        async move {
            match end {
                End::Stop(n) if sent >= n => return None,
                End::Hang(n) if sent >= n => std::future::pending().await,
                End::Cut(n) | End::Reset(n) if sent >= n => {
                    // Being pending for a moment lets everything before this point go out.
                    yield_now().await;
                    reset.store(matches!(end, End::Reset(_)), Ordering::Relaxed);
                    return Some((Err(io::Error::other("the script ends here")), (pieces, sent)));
                }
                _ => {}
            }
            let piece = pieces.next()?;
            if sent > 0 && !gap.is_zero() {
                sleep(gap).await;
            } else {
                yield_now().await;
            }
            Some((Ok(Frame::data(piece)), (pieces, sent + 1)))
        }
    });
    StreamBody::new(pieces).boxed_unsync()
}
