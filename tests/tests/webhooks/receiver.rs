//! A receiver of webhooks on this machine: it answers as it is told, and keeps what it got.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What it does with a message.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Status(u16),
    /// With a header.
    With(u16, &'static str, &'static str),
    /// With a body that never ends.
    Endless,
    /// Never.
    Hang,
    /// The connection is closed without an answer.
    Close,
}

/// A message as it came.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) struct Receiver {
    address: std::net::SocketAddr,
    state: Arc<State>,
}

struct State {
    answers: Mutex<VecDeque<Answer>>,
    otherwise: Mutex<Answer>,
    got: watch::Sender<Vec<Got>>,
}

impl Receiver {
    /// One that takes everything.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            answers: Mutex::default(),
            otherwise: Mutex::new(Answer::Status(204)),
            got: watch::Sender::new(Vec::new()),
        });
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// What the next messages are answered.
    pub(crate) fn next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.answers.lock().unwrap().extend(answers);
    }

    /// What all messages are answered that nothing else was said of.
    pub(crate) fn always(&self, answer: Answer) {
        *self.state.otherwise.lock().unwrap() = answer;
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.state.got.borrow().clone()
    }

    /// Waits until so many messages have come.
    pub(crate) async fn wait(&self, count: usize) -> Vec<Got> {
        let mut got = self.state.got.subscribe();
        let came = got.wait_for(|got| got.len() >= count);
        match tokio::time::timeout(Duration::from_secs(60), came).await {
            Ok(came) => came.unwrap().clone(),
            Err(_) => panic!("{count} messages were expected, and these came: {:#?}", self.got()),
        }
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let mut bytes = Vec::new();
    loop {
        let Some(message) = read(&mut stream, &mut bytes).await else { return };
        state.got.send_modify(|got| got.push(message));
        let next = state.answers.lock().unwrap().pop_front();
        let answer = next.unwrap_or_else(|| state.otherwise.lock().unwrap().clone());
        let text = match answer {
            Answer::Status(status) => format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n"),
            Answer::With(status, name, value) => {
                format!("HTTP/1.1 {status} x\r\n{name}: {value}\r\ncontent-length: 0\r\n\r\n")
            }
            Answer::Endless => {
                let chunk = [b'x'; 65_536];
                let head = "HTTP/1.1 200 x\r\ncontent-length: 99999999999\r\n\r\n";
                let mut sent = stream.write_all(head.as_bytes()).await;
                while sent.is_ok() {
                    sent = stream.write_all(&chunk).await;
                }
                return;
            }
            Answer::Hang => std::future::pending().await,
            Answer::Close => return,
        };
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Got> {
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let mut got = Got { head, body: Vec::new() };
            let whole = end + 4 + got.header("content-length").parse::<usize>().unwrap_or(0);
            if bytes.len() >= whole {
                got.body = bytes[end + 4..whole].to_vec();
                bytes.drain(..whole);
                return Some(got);
            }
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}
