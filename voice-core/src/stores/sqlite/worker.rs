//! The threads that own the connections: one writes, a few read.
//!
//! The writer takes whatever waits and commits it in one transaction, so that many turns share one wait for the disk; each is
//! acknowledged only after the commit. When anything in such a group fails, the group is rolled back and each of its tasks gets
//! a transaction of its own: one bad task fails alone.

use std::{
    cell::Cell,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    connection,
    error::{explain, is_busy},
};
use crate::error::{Error, ErrorKind, Result};

/// How many tasks may wait before callers wait to hand theirs in.
const QUEUE: usize = 1_024;
/// The most tasks in one transaction: about a thousand pages of log.
const GROUP: usize = 128;
/// How often the log is tried again that another process would not let go of.
const EMPTY_AGAIN: Duration = Duration::from_secs(1);

/// What a task asks of its commit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Care {
    /// A loss of power may undo it.
    Passing,
    /// It survives a loss of power.
    Durable,
    /// That, and what it deletes is in the log no more.
    Gone,
}

/// Work on a connection. It may be run again after its transaction was rolled back.
trait Task: Send {
    /// Nobody waits for it any more.
    fn is_abandoned(&self) -> bool;
    fn care(&self) -> Care;
    /// Does the work and keeps its result.
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()>;
    /// Answers the caller: with the kept result, or with why it does not count.
    fn settle(self: Box<Self>, outcome: Result<()>);
}

struct Work<T, F> {
    work: F,
    care: Care,
    value: Option<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Task for Work<T, F>
where
    T: Send,
    F: Fn(&Connection) -> rusqlite::Result<T> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn care(&self) -> Care {
        self.care
    }

    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.value = Some((self.work)(connection)?);
        Ok(())
    }

    fn settle(self: Box<Self>, outcome: Result<()>) {
        let Self { value, reply, .. } = *self;
        let result = outcome.and_then(|()| value.ok_or_else(stopped));
        // A caller that went away in the meantime needs no answer.
        drop(reply.send(result));
    }
}

fn stopped() -> Error {
    Error::internal("the thread of the database stopped unexpectedly; open the store again")
}

fn closed() -> Error {
    Error::new(ErrorKind::Storage, "the store is closed")
}

type Queue = mpsc::Sender<Box<dyn Task>>;

#[derive(Clone)]
struct Queues {
    write: Queue,
    read: Queue,
}

/// The way to the threads. Dropping it lets them finish what waits and close, in the background.
pub(super) struct Workers {
    queues: Mutex<Option<Queues>>,
    finished: CancellationToken,
}

impl Workers {
    /// Opens the connections and starts a thread for each.
    pub(super) fn start(path: &Path, readers: usize, patience: Duration) -> Result<Self> {
        let writer = connection::open_writer(path, patience)?;
        let (write, writes) = mpsc::channel(QUEUE);
        let (read, reads) = mpsc::channel(QUEUE);
        let reads = Arc::new(Mutex::new(reads));
        let mut reading = Vec::new();
        for n in 0..readers {
            let (reader, reads, path) = (connection::open_reader(path)?, Arc::clone(&reads), path.to_owned());
            reading.push(spawn(format!("voice-db-read-{n}"), move || {
                connection::set_patience(patience);
                serve(&reader, &path, &reads);
            })?);
        }
        let finished = CancellationToken::new();
        // Cancelled when the writer is through, and also if it should panic.
        let (path, done) = (path.to_owned(), finished.clone().drop_guard());
        spawn("voice-db-write".into(), move || {
            let _done = done;
            connection::set_patience(patience);
            Writer { connection: &writer, path: &path, to_empty: Cell::new(None) }.serve(writes);
            for reader in reading {
                // The last connection to close copies the log into the database, and only the writer syncs fully.
                if reader.join().is_err() {
                    tracing::error!("a reading thread of the database panicked");
                }
            }
            close(writer, &path);
        })?;
        Ok(Self { queues: Mutex::new(Some(Queues { write, read })), finished })
    }

    /// Runs `work` in a transaction and answers when that is on the disk.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        hand_in(&self.queues()?.write, work, Care::Durable).await
    }

    /// Like [`write`](Self::write), for work that deletes what must be gone: once it is answered, the log holds nothing of it either, unless
    /// another process is reading at that moment. Then a later write empties the log.
    pub(super) async fn write_gone<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        hand_in(&self.queues()?.write, work, Care::Gone).await
    }

    /// Runs `work` in a transaction that every process sees, but that the loss of power may undo: without waiting for the disk.
    pub(super) async fn write_passing<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        hand_in(&self.queues()?.write, work, Care::Passing).await
    }

    /// Runs `work` on a connection that only reads.
    pub(super) async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        hand_in(&self.queues()?.read, work, Care::Passing).await
    }

    /// Takes nothing more, and waits until all that was handed in is done and the file is closed.
    pub(super) async fn close(&self) {
        drop(self.lock().take());
        self.finished.cancelled().await;
    }

    fn queues(&self) -> Result<Queues> {
        self.lock().clone().ok_or_else(closed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Queues>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn hand_in<T, F>(queue: &Queue, work: F, care: Care) -> Result<T>
where
    T: Send + 'static,
    F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    queue.send(Box::new(Work { work, care, value: None, reply })).await.map_err(|_| stopped())?;
    answer.await.map_err(|_| stopped())?
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(name).spawn(body).map_err(|error| {
        Error::new(ErrorKind::Storage, "the system gave no thread for the database").with_source(error)
    })
}

/// Answers reads until the queue is closed. Readers take turns at waiting for the next task.
fn serve(connection: &Connection, path: &Path, tasks: &Mutex<mpsc::Receiver<Box<dyn Task>>>) {
    loop {
        let next = tasks.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(mut task) = next else { return };
        if !task.is_abandoned() {
            let outcome = task.run(connection).map_err(|error| explain(path, error));
            task.settle(outcome);
        }
    }
}

struct Writer<'a> {
    connection: &'a Connection,
    path: &'a PathBuf,
    /// The log still holds what was deleted; when it is due to be emptied.
    to_empty: Cell<Option<Instant>>,
}

impl Writer<'_> {
    fn serve(&self, mut tasks: mpsc::Receiver<Box<dyn Task>>) {
        while let Some(first) = tasks.blocking_recv() {
            let mut group = vec![first];
            while group.len() < GROUP
                && let Ok(task) = tasks.try_recv()
            {
                group.push(task);
            }
            group.retain(|task| !task.is_abandoned());
            self.commit_group(group);
        }
    }

    fn commit_group(&self, mut group: Vec<Box<dyn Task>>) {
        match self.transaction(&mut group) {
            Ok(()) => group.into_iter().for_each(|task| task.settle(Ok(()))),
            // Nobody's fault in the group, and trying each would only wait as long again for each.
            Err(error) if group.len() == 1 || is_busy(&error) => {
                let error = explain(self.path, error);
                group.into_iter().for_each(|task| task.settle(Err(error.clone())));
            }
            Err(_) => {
                for mut task in group {
                    let outcome = self.transaction(std::slice::from_mut(&mut task));
                    task.settle(outcome.map_err(|error| explain(self.path, error)));
                }
            }
        }
    }

    /// All of the tasks, or none.
    fn transaction(&self, tasks: &mut [Box<dyn Task>]) -> rusqlite::Result<()> {
        if tasks.is_empty() {
            return Ok(());
        }
        if tasks.iter().any(|task| task.care() != Care::Passing) {
            self.commit(tasks)?;
            if tasks.iter().any(|task| task.care() == Care::Gone) {
                self.to_empty.set(Some(Instant::now()));
            }
            self.empty_log();
            return Ok(());
        }
        // In WAL mode such a commit is lost whole or not at all, and the next full one brings it to the disk too.
        self.connection.pragma_update(None, "synchronous", "NORMAL")?;
        let outcome = self.commit(tasks);
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        outcome
    }

    /// Copies the log into the database, where what was deleted is overwritten, and cuts it to nothing.
    fn empty_log(&self) {
        if self.to_empty.get().is_none_or(|due| due > Instant::now()) {
            return;
        }
        let busy = connection::briefly(|| {
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))
        });
        // Whatever is in the way, what was written is safe, and the log is read by whoever opens the file next.
        self.to_empty.set((busy != Ok(false)).then(|| Instant::now() + EMPTY_AGAIN));
    }

    fn commit(&self, tasks: &mut [Box<dyn Task>]) -> rusqlite::Result<()> {
        let transaction = Transaction::new_unchecked(self.connection, TransactionBehavior::Immediate)?;
        for task in tasks {
            task.run(&transaction)?;
        }
        transaction.commit()
    }
}

fn close(connection: Connection, path: &Path) {
    if let Err((_, error)) = connection.close() {
        // Nothing is lost: the log is read again by whoever opens the file next.
        tracing::warn!(error = %explain(path, error), "the database did not close cleanly");
    }
}
