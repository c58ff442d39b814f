//! The threads that talk to the database, and how calls reach them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::error::{refused, storage};
use crate::error::{Error, Result};

/// At most this many changes share a transaction: a bound on how long the first of them waits.
const LARGEST_GROUP: usize = 256;

/// One call, on its way to a thread and back.
trait Job: Send {
    /// Does the work and keeps its result. May be called again, after what it did was rolled back.
    fn run(&mut self, db: &Connection) -> rusqlite::Result<()>;

    /// Answers the caller: what `run` kept, or the error that kept it from lasting.
    fn answer(self: Box<Self>, failed: Option<rusqlite::Error>);
}

struct Call<W, T> {
    action: &'static str,
    work: W,
    result: Option<T>,
    /// Not there any more when the caller has gone: the work is done all the same.
    caller: oneshot::Sender<Result<T>>,
}

impl<W, T> Job for Call<W, T>
where
    W: FnMut(&Connection) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.result = Some((self.work)(db)?);
        Ok(())
    }

    fn answer(self: Box<Self>, failed: Option<rusqlite::Error>) {
        let result = match (failed, self.result) {
            (Some(error), _) => Err(storage(self.action, error)),
            (None, Some(result)) => Ok(result),
            (None, None) => Err(Error::internal("a call of the database was answered before it was run")),
        };
        // The caller may have gone.
        let _gone = self.caller.send(result);
    }
}

type Jobs = mpsc::Sender<Box<dyn Job>>;

/// The way to the threads; gone once the store is closed.
struct Open {
    writer: Jobs,
    readers: Jobs,
    threads: Vec<JoinHandle<()>>,
}

pub(super) struct Threads {
    open: Mutex<Option<Open>>,
    process: u32,
}

impl Threads {
    pub(super) fn start(writer: Connection, readers: impl IntoIterator<Item = Connection>) -> Result<Self> {
        let mut threads = Vec::new();
        let mut spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let started = thread::Builder::new().name(name.into()).spawn(work);
            started
                .map(|thread| threads.push(thread))
                .map_err(|e| refused("cannot start a thread for the database").with_source(e))
        };
        let (to_writer, jobs) = mpsc::channel();
        spawn("voice-sqlite-w", Box::new(move || write_all(writer, &jobs)))?;
        let (to_readers, jobs) = mpsc::channel();
        let jobs = Arc::new(Mutex::new(jobs));
        for reader in readers {
            let jobs = Arc::clone(&jobs);
            spawn("voice-sqlite-r", Box::new(move || read_all(&reader, &jobs)))?;
        }
        let open = Open { writer: to_writer, readers: to_readers, threads };
        Ok(Self { open: Mutex::new(Some(open)), process: std::process::id() })
    }

    /// Runs a change in a transaction; answers when it is on the disk. `work` may run twice, after a rollback.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.call(action, work, |open| &open.writer).await
    }

    /// Runs a query on a snapshot of what was written when it began.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.call(action, work, |open| &open.readers).await
    }

    async fn call<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
        to: impl Fn(&Open) -> &Jobs,
    ) -> Result<T> {
        if self.process != std::process::id() {
            return Err(refused(format!(
                "cannot {action}: the database was opened before this process was forked; open it again"
            )));
        }
        let (caller, answer) = oneshot::channel();
        let job = Box::new(Call { action, work, result: None, caller });
        let sent = self.lock().as_ref().is_some_and(|open| to(open).send(job).is_ok());
        if !sent {
            return Err(refused(format!("cannot {action}: the store is closed")));
        }
        answer
            .await
            .unwrap_or_else(|_| Err(Error::internal(format!("cannot {action}: the database's thread panicked"))))
    }

    /// Lets the threads finish what they were given, and waits for them.
    pub(super) async fn close(&self) -> Result<()> {
        let Some(Open { writer, readers, threads }) = self.lock().take() else { return Ok(()) };
        drop((writer, readers));
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                // A thread that panicked has told its callers.
                let _panicked = thread.join();
            }
        });
        joined.await.map_err(|_| Error::internal("closing the database was interrupted"))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer: takes whatever waits, commits it together, answers. Ends when the store is closed or dropped.
fn write_all(mut db: Connection, jobs: &mpsc::Receiver<Box<dyn Job>>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        group.extend(jobs.try_iter().take(LARGEST_GROUP - 1));
        match commit(&mut db, &mut group) {
            Ok(()) => group.into_iter().for_each(|job| job.answer(None)),
            Err(error) => match <[_; 1]>::try_from(group) {
                Ok([job]) => job.answer(Some(error)),
                // One of them must not cost the others: each is tried on its own.
                Err(group) => {
                    for mut job in group {
                        let failed = commit(&mut db, std::slice::from_mut(&mut job)).err();
                        job.answer(failed);
                    }
                }
            },
        }
    }
    // Leaves one whole file behind. Where another process has it open, that one will do it.
    let _later = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
}

fn commit(db: &mut Connection, group: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    // Dropped without a commit, the transaction is rolled back; a panic in a job must not leave it open either.
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in group {
        catch_unwind(AssertUnwindSafe(|| job.run(&tx))).unwrap_or(Err(rusqlite::Error::InvalidQuery))?;
    }
    tx.commit()
}

fn read_all(db: &Connection, jobs: &Mutex<mpsc::Receiver<Box<dyn Job>>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut job) = next else { return };
        let snapshot = db.unchecked_transaction().and_then(|tx| {
            catch_unwind(AssertUnwindSafe(|| job.run(&tx))).unwrap_or(Err(rusqlite::Error::InvalidQuery))
        });
        job.answer(snapshot.err());
    }
}
