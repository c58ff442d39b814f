//! Servers behind a proxy that the environment names. A process reads its environment once, so the calls are made by a process of their own.

use std::{
    net::SocketAddr,
    process::Stdio,
    sync::{Arc, Mutex},
};

use futures_util::{TryStreamExt, stream};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    process::Command,
};
use voice_core::{
    Pcm, Utterance,
    provider::{CallContext, ListenRequest, SpeechToText, TranscribeRequest},
    providers::deepgram::DeepgramStt,
};
use voice_testkit::openai::{OpenAiDouble, Reply, Route};

use super::{KEY, patient};

/// The variable that tells a process that its environment names a proxy, and where the double is.
const BEHIND_PROXY: &str = "VOICE_TEST_BEHIND_PROXY";

/// The first lines of what a proxy is asked.
type Asked = Arc<Mutex<Vec<String>>>;

/// A proxy behind which every name is `server`.
async fn proxy(server: SocketAddr) -> (SocketAddr, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Asked::default());
    let heard = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, server, Arc::clone(&heard)));
        }
    });
    (address, asked)
}

async fn pass(mut client: TcpStream, server: SocketAddr, asked: Asked) {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if client.read_buf(&mut head).await.unwrap_or_default() == 0 {
            return;
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let has_password = text.to_lowercase().contains("proxy-authorization: basic ywrhondvcmq=");
    asked.lock().unwrap().push(format!("{} {has_password}", text.lines().next().unwrap()));
    let mut server = TcpStream::connect(server).await.unwrap();
    if text.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    } else {
        server.write_all(&head).await.unwrap();
    }
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

#[tokio::test]
async fn http_and_websockets_go_through_the_proxy_of_the_environment() {
    let double = OpenAiDouble::start().await.unwrap();
    let recorded = json!({"results": {"channels": [{"alternatives": [{"transcript": "Hello."}]}]}});
    double.always(Route::At("POST /v1/listen"), Reply::json(200, recorded));
    let last = json!({"type": "Metadata"});
    double.always(Route::At("GET /v1/listen"), Reply::socket([]).answering("CloseStream", [last]));
    let server = double.origin().trim_start_matches("http://").parse().unwrap();
    let (proxy, asked) = proxy(server).await;
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "proxies::calls_by_the_environment"])
        .env("http_proxy", format!("http://ada:word@{proxy}"))
        .env("no_proxy", "past.invalid")
        .env(BEHIND_PROXY, double.origin())
        .stdin(Stdio::null())
        .output();
    let child = patient(child).await.unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert_eq!(
        *asked.lock().unwrap(),
        [
            "POST http://voice.invalid/v1/listen?model=nova-3&smart_format=true&detect_language=true HTTP/1.1 true",
            "CONNECT voice.invalid:80 HTTP/1.1 true",
        ]
    );
}

#[tokio::test]
async fn calls_by_the_environment() {
    // A part of the test above, which starts it with an environment of its own.
    let Ok(here) = std::env::var(BEHIND_PROXY) else { return };
    let stt = |url: &str| DeepgramStt::new(KEY).base_url(url);
    let recording = || TranscribeRequest::new(Utterance::from_samples(vec![0i16; 1600]));
    let ctx = CallContext::new();
    let transcribe = async |url: &str| stt(url).transcribe(recording(), &ctx).await?.try_collect::<Vec<_>>().await;
    let listen = async |url: &str| {
        let sound = Box::pin(stream::iter([Pcm::new(vec![1_i16; 1600], 16_000)]));
        stt(url).listen(ListenRequest::new(), sound, &ctx).await?.try_collect::<Vec<_>>().await
    };
    for url in ["http://voice.invalid", &here] {
        assert_eq!(patient(transcribe(url)).await.unwrap()[0].text, "Hello.", "{url}");
        assert!(patient(listen(url)).await.unwrap()[0].is_final, "{url}");
    }
    assert!(patient(transcribe("http://past.invalid")).await.is_err(), "a name that NO_PROXY lists is looked for here");
    assert!(patient(listen("http://past.invalid")).await.is_err());
}
