//! A session with a program of this machine: a message a line, on its standard input and output.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    http::refused,
    message::{self, Incoming},
    server::Unanswered,
};
use crate::{
    error::{Error, ErrorKind, Result},
    secret::Secret,
};

/// What a program gets of this process's environment: what every program needs, and no keys.
#[cfg(not(windows))]
const ENVIRONMENT: &[&str] = &["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "USER", "LANG"];
#[cfg(windows)]
const ENVIRONMENT: &[&str] = &[
    "APPDATA",
    "HOMEDRIVE",
    "HOMEPATH",
    "LOCALAPPDATA",
    "PATH",
    "PATHEXT",
    "PROCESSOR_ARCHITECTURE",
    "PROGRAMFILES",
    "SYSTEMDRIVE",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "USERNAME",
    "USERPROFILE",
];

/// How many messages may wait for a program that does not read.
const MOST_UNREAD: usize = 64;
/// The most bytes of a message.
const LONGEST_MESSAGE: u64 = 4 * 1024 * 1024;
/// How long a program may take to end by itself once its input has ended.
const FAREWELL: Duration = Duration::from_secs(2);

type Pending = Arc<Mutex<HashMap<u64, oneshot::Sender<Result<Value, String>>>>>;

/// A session. Dropping it ends the program: its input ends, and it is killed if that is not enough.
pub(super) struct Process {
    say: mpsc::Sender<String>,
    pending: Pending,
    next: AtomicU64,
    /// Cancelled when the program has ended, or nobody reads it any more.
    over: CancellationToken,
    /// What was started here is not there for a process that was forked off.
    owner: u32,
}

impl Process {
    /// Starts the program and greets it. Within a tokio runtime with I/O.
    pub(super) async fn open(command: &str, args: &[String], env: &BTreeMap<String, Secret>) -> Result<Arc<Self>> {
        let own = ENVIRONMENT.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
        let mut program = Command::new(command);
        program.args(args).env_clear().envs(own).envs(env.iter().map(|(name, value)| (name, value.expose())));
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = program.spawn().map_err(|error| unstarted(command, error))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::internal("a program was started without its input and output"));
        };

        let (say, said) = mpsc::channel(MOST_UNREAD);
        let (over, pending) = (CancellationToken::new(), Pending::default());
        tokio::spawn(kept(child, input, said, over.clone()));
        tokio::spawn(heard(output, Arc::clone(&pending), say.downgrade(), over.clone()));
        let line = Self { say, pending, next: AtomicU64::new(1), over, owner: std::process::id() };

        let welcome = line.ask("initialize", &message::hello()).await.map_err(|why| match why {
            Unanswered::Over(error) | Unanswered::Failed(error) => error,
        })?;
        message::revision(&welcome)?;
        let greeted = line.say.send(message::notification("notifications/initialized", &json!({}))).await;
        greeted.map_err(|_| gone())?;
        Ok(Arc::new(line))
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.is_cancelled() || self.say.is_closed() || self.owner != std::process::id()
    }

    pub(super) async fn ask(&self, method: &str, params: &Value) -> Result<Value, Unanswered> {
        if self.is_over() {
            return Err(Unanswered::Over(gone()));
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
        let waiting = Waiting { line: self, id };
        self.say.send(message::request(id, method, params)).await.map_err(|_| Unanswered::Over(gone()))?;
        let outcome = self.over.run_until_cancelled(answer).await;
        drop(waiting);
        match outcome {
            Some(Ok(outcome)) => outcome.map_err(|why| Unanswered::Failed(refused(&why))),
            Some(Err(_)) | None => Err(Unanswered::Failed(gone())),
        }
    }
}

/// A request that is under way: dropped before its answer, it is cancelled.
struct Waiting<'a> {
    line: &'a Process,
    id: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let unanswered = self.line.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        if unanswered.is_some() {
            // A program that reads nothing does not hear it, and need not.
            let _told = self.line.say.try_send(message::cancelled(self.id));
        }
    }
}

/// Writes what is said, until nobody says anything more, and sees the program to its end.
async fn kept(mut child: Child, mut input: ChildStdin, mut said: mpsc::Receiver<String>, over: CancellationToken) {
    while let Some(Some(mut line)) = over.run_until_cancelled(said.recv()).await {
        line.push('\n');
        if input.write_all(line.as_bytes()).await.is_err() {
            break;
        }
    }
    over.cancel();
    drop((input, said));
    if timeout(FAREWELL, child.wait()).await.is_err() {
        let _gone_already = child.kill().await;
    }
}

/// Reads what the program says, until it ends.
async fn heard(output: ChildStdout, pending: Pending, say: mpsc::WeakSender<String>, over: CancellationToken) {
    let _over = over.clone().drop_guard();
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut message = (&mut output).take(LONGEST_MESSAGE);
        match over.run_until_cancelled(message.read_until(b'\n', &mut line)).await {
            // A line without its end is a program's that is over, or that has too much to say.
            Some(Ok(1..)) if line.ends_with(b"\n") => {}
            _ => return,
        }
        match message::read(&String::from_utf8_lossy(&line)) {
            Incoming::Answer(id, outcome) => {
                let waiting = pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                // Whoever asked may have gone.
                let _taken = waiting.map(|waiting| waiting.send(outcome));
            }
            Incoming::Asked(answer) => {
                let Some(say) = say.upgrade() else { return };
                // A program that asks and does not read waits for itself.
                let _told = say.try_send(answer);
            }
            Incoming::Told => {}
        }
    }
}

fn unstarted(command: &str, error: io::Error) -> Error {
    let told = format!("the program `{command}` of an MCP server cannot be started: {error}");
    Error::new(ErrorKind::InvalidConfig, told).with_source(error)
}

fn gone() -> Error {
    let told = "the program of an MCP server has ended; run its command by hand to see why";
    Error::new(ErrorKind::ConnectionLost, told)
}
