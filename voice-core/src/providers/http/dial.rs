//! The TCP connection of a WebSocket: to whichever address of a server answers first, or through a proxy.

use std::{io, net::SocketAddr, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use hyper_util::client::proxy::matcher::Intercept;
use reqwest::Url;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    time::{sleep, timeout},
};

use super::{
    Peer, proxy,
    transport::{io_reason, sentence},
};
use crate::error::{Error, ErrorKind, Result};

/// How long an address is waited for before the next is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// The most bytes with which a proxy may answer before it passes on.
const MOST_PROXY_BYTES: usize = 16 * 1024;

/// A TCP connection with `TCP_NODELAY` to the server of an address, through the proxy that the environment names for it, if any.
///
/// # Errors
/// `PROVIDER_ERROR` (kind `Connect`) saying whether the name, the connection or the proxy failed; `TIMEOUT` (kind
/// `ConnectTimeout`); `INVALID_REQUEST` (kind `InvalidConfig`) for a proxy that is not reached over plain HTTP.
pub(super) async fn connect(peer: &Peer, url: &Url, limit: Duration) -> Result<TcpStream> {
    connect_by(peer, url, proxy::before(url).as_ref(), limit).await
}

async fn connect_by(peer: &Peer, url: &Url, proxy: Option<&Intercept>, limit: Duration) -> Result<TcpStream> {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err(peer.error(ErrorKind::InvalidConfig, sentence(ErrorKind::InvalidConfig, &peer.host, "no address")));
    };
    let attempt = async {
        match proxy {
            Some(proxy) => through(peer, proxy, host, port).await,
            None => dial(host, port).await.map_err(|what| failed(peer, &what)),
        }
    };
    let late = || peer.error(ErrorKind::ConnectTimeout, sentence(ErrorKind::ConnectTimeout, &peer.host, ""));
    timeout(limit, attempt).await.unwrap_or_else(|_| Err(late()))
}

fn failed(peer: &Peer, what: &str) -> Error {
    peer.error(ErrorKind::Connect, sentence(ErrorKind::Connect, &peer.host, what))
}

/// A connection to a host, or why there is none.
async fn dial(host: &str, port: u16) -> Result<TcpStream, String> {
    let unknown = || "its name does not resolve (DNS)".to_owned();
    let addresses = lookup_host((host.trim_matches(['[', ']']), port)).await.map_err(|_| unknown())?;
    let stream = match first_of(addresses, TcpStream::connect).await {
        Some(connected) => connected.map_err(|error| io_reason(&error))?,
        None => return Err(unknown()),
    };
    // Without it small frames wait for the acknowledgement of the one before; nothing breaks, though.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// The connection to the address that answers first: each has a head start before the next, and families take turns, so that one
/// that leads nowhere costs a moment and not the time-out. `None` without addresses.
async fn first_of<T, F>(
    addresses: impl Iterator<Item = SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> Option<io::Result<T>>
where
    F: Future<Output = io::Result<T>>,
{
    let mut waiting = taking_turns(addresses).into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failed = None;
    loop {
        match waiting.next() {
            Some(address) => attempts.push(connect(address)),
            None if attempts.is_empty() => return failed,
            None => {}
        }
        let ended = tokio::select! {
            ended = attempts.next() => ended,
            () = sleep(HEAD_START), if waiting.len() > 0 => None,
        };
        match ended {
            Some(Ok(connected)) => return Some(Ok(connected)),
            Some(Err(error)) => failed = Some(Err(error)),
            None => {}
        }
    }
}

/// The addresses with IPv4 and IPv6 in turn, beginning with the family that the system prefers.
fn taking_turns(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = addresses.peekable();
    let preferred = addresses.peek().is_some_and(SocketAddr::is_ipv6);
    let (preferred, others): (Vec<_>, Vec<_>) = addresses.partition(|address| address.is_ipv6() == preferred);
    let mut others = others.into_iter();
    let mut ordered = Vec::with_capacity(preferred.len() + others.len());
    for address in preferred {
        ordered.push(address);
        ordered.extend(others.next());
    }
    ordered.extend(others);
    ordered
}

/// A connection that a proxy passes on (`CONNECT`, RFC 9110, section 9.3.6).
async fn through(peer: &Peer, proxy: &Intercept, host: &str, port: u16) -> Result<TcpStream> {
    let uri = proxy.uri();
    let (Some("http"), Some(proxy_host)) = (uri.scheme_str(), uri.host()) else {
        let message = "a WebSocket passes through a proxy only if the proxy's address begins with http://";
        return Err(peer.error(ErrorKind::InvalidConfig, message));
    };
    let by_proxy = |what: &str| failed(peer, &format!("the proxy {proxy_host}: {what}"));
    let mut stream = dial(proxy_host, uri.port_u16().unwrap_or(80)).await.map_err(|what| by_proxy(&what))?;
    let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n").into_bytes();
    if let Some(credentials) = proxy.basic_auth() {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(credentials.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let answered = async {
        stream.write_all(&request).await?;
        status_of_tunnel(&mut stream).await
    };
    match answered.await.map_err(|error| by_proxy(&io_reason(&error)))? {
        Some(200..300) => Ok(stream),
        Some(407) => Err(by_proxy("it wants a name and a password, as in http://name:password@proxy:3128")),
        Some(status) => Err(by_proxy(&format!("it does not pass on and answers {status}"))),
        None => Err(by_proxy("it does not answer as a proxy does")),
    }
}

/// The status with which a proxy answers. What follows its head comes from the server, which in TLS and in HTTP speaks second: so there
/// is nothing behind it yet.
async fn status_of_tunnel(stream: &mut TcpStream) -> io::Result<Option<u16>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > MOST_PROXY_BYTES {
            return Ok(None);
        }
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let is_refused = status(&head).is_some_and(|status| !(200..300).contains(&status));
        // A refusal may have a body, which nobody needs.
        if is_refused && head.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
    }
    Ok(status(&head))
}

/// The status in the first line of an answer, once the line is whole.
fn status(head: &[u8]) -> Option<u16> {
    let end = head.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&head[..end]).ok()?;
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use hyper_util::client::proxy::matcher::Matcher;
    use tokio::{net::TcpListener, time::Instant};

    use super::*;
    use crate::error::Stage;

    const V6: &str = "[2001:db8::1]:1";
    const OTHER_V6: &str = "[2001:db8::2]:1";
    const V4: &str = "192.0.2.1:1";

    fn addresses(all: &[&str]) -> std::vec::IntoIter<SocketAddr> {
        all.iter().map(|address| address.parse().unwrap()).collect::<Vec<_>>().into_iter()
    }

    fn peer() -> Peer {
        Peer { provider: "p/m".into(), stage: Stage::Stt, host: "server.example".into(), key: None }
    }

    #[test]
    fn families_take_turns() {
        let order = taking_turns(addresses(&[V6, OTHER_V6, V4]));
        assert_eq!(order, addresses(&[V6, V4, OTHER_V6]).collect::<Vec<_>>());
        assert_eq!(taking_turns(addresses(&[])), []);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_leads_nowhere_costs_a_moment_and_not_the_time_out() {
        let begun = Instant::now();
        let connected = first_of(addresses(&[V6, OTHER_V6, V4]), |address| async move {
            if address.is_ipv6() { std::future::pending().await } else { Ok(address) }
        });
        assert_eq!(connected.await.unwrap().unwrap(), V4.parse().unwrap());
        assert_eq!(begun.elapsed(), HEAD_START);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_followed_by_the_next_at_once_and_what_is_slow_may_still_win() {
        let begun = Instant::now();
        let connected = first_of(addresses(&[V6, V4]), |address| async move {
            if address.is_ipv6() { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(address) }
        });
        assert_eq!(connected.await.unwrap().unwrap(), V4.parse().unwrap());
        assert_eq!(begun.elapsed(), Duration::ZERO);

        let connected = first_of(addresses(&[V6, V4]), |address| async move {
            sleep(Duration::from_secs(1)).await;
            if address.is_ipv6() { Ok(address) } else { Err(io::ErrorKind::ConnectionRefused.into()) }
        });
        assert_eq!(connected.await.unwrap().unwrap(), V6.parse().unwrap());

        let refused = first_of(addresses(&[V6, V4]), |_| async { Err::<(), _>(io::ErrorKind::HostUnreachable.into()) });
        assert_eq!(refused.await.unwrap().unwrap_err().kind(), io::ErrorKind::HostUnreachable);
        assert!(first_of(addresses(&[]), |_| async { Ok(()) }).await.is_none());
    }

    /// A proxy that answers once; what it was asked comes back.
    async fn ask(answer: &'static str) -> (Result<TcpStream>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut request).await.unwrap();
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(request).unwrap()
        });
        let proxies = Matcher::builder().all(format!("http://ada:pa%20ss@{address}")).build();
        let proxy = proxies.intercept(&"https://server.example".parse().unwrap());
        let url = Url::parse("wss://server.example/v1/listen").unwrap();
        let connected = connect_by(&peer(), &url, proxy.as_ref(), Duration::from_secs(5)).await;
        (connected, asked.await.unwrap())
    }

    #[tokio::test]
    async fn a_proxy_is_asked_for_the_server_by_name_and_with_its_password() {
        let (connected, asked) = ask("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n").await;
        assert!(connected.is_ok(), "{connected:?}");
        let credentials = "Proxy-Authorization: Basic YWRhOnBhIHNz";
        assert_eq!(
            asked,
            format!("CONNECT server.example:443 HTTP/1.1\r\nHost: server.example:443\r\n{credentials}\r\n\r\n")
        );
    }

    #[tokio::test]
    async fn a_proxy_that_does_not_pass_on_says_why_and_shows_no_password() {
        for (answer, word) in [
            ("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 3\r\n\r\nno!", "name and a password"),
            ("HTTP/1.0 403 Forbidden\r\n\r\n", "answers 403"),
            ("SSH-2.0-x\r\n\r\n", "not answer as a proxy"),
            ("HTTP/1.1 200", "closed early"),
        ] {
            let (connected, _) = ask(answer).await;
            let error = connected.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Connect, "{answer}");
            assert!(error.message().contains(word), "{answer}: {error}");
            assert!(!format!("{error:?}").contains("pa ss") && !format!("{error:?}").contains("YWRh"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_proxy_that_is_not_reached_over_plain_http_is_a_fault_of_the_config() {
        let proxies = Matcher::builder().all("socks5://127.0.0.1:1").build();
        let proxy = proxies.intercept(&"https://server.example".parse().unwrap());
        let url = Url::parse("wss://server.example/").unwrap();
        let error = connect_by(&peer(), &url, proxy.as_ref(), Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    }
}
