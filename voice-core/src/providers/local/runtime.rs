//! What all local models share: the thread budget, one copy of each model per process, and work off the async threads.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures_util::stream;
use tokio::{sync::mpsc, task::JoinHandle};

use super::process::{FirstProcess, PerProcess};
use crate::{
    error::{Error, ErrorKind, Result},
    provider::{CallContext, ResultStream},
};

/// How many threads the local models with this budget may keep busy, all together.
///
/// Default: the number of cores less one, so that audio keeps flowing while a model works; both cores where there are two,
/// since the first sound of an answer would otherwise take twice as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadBudget(NonZeroUsize);

impl ThreadBudget {
    /// A budget of exactly `threads`.
    #[must_use]
    pub const fn new(threads: NonZeroUsize) -> Self {
        Self(threads)
    }

    /// The number of threads.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0.get()
    }
}

impl Default for ThreadBudget {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self(NonZeroUsize::new(cores.saturating_sub(1).max(cores.min(2))).unwrap_or(NonZeroUsize::MIN))
    }
}

/// One copy per process of each thing loaded from a path, for as long as somebody holds it.
///
/// Two callers who ask for the same path at once load it once; different paths load side by side.
pub(crate) struct LoadOnce<T> {
    slots: PerProcess<Mutex<HashMap<PathBuf, Slot<T>>>>,
}

type Slot<T> = Arc<Mutex<Weak<T>>>;

impl<T> LoadOnce<T> {
    /// An empty cache, for a `static`.
    pub(crate) const fn new() -> Self {
        Self { slots: PerProcess::new(Mutex::default) }
    }

    /// What is loaded from `path`, loading it first if nobody holds it.
    ///
    /// # Errors
    /// Whatever `load` says; the next caller tries again.
    pub(crate) fn get_or_load(&self, path: &Path, load: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
        let key = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let slots = self.slots.get();
        let slot = lock(&slots).entry(key).or_default().clone();
        let mut held = lock(&slot);
        if let Some(loaded) = held.upgrade() {
            return Ok(loaded);
        }
        let loaded = Arc::new(load()?);
        *held = Arc::downgrade(&loaded);
        Ok(loaded)
    }
}

/// The pool that every local model of this process with that budget runs on. Its threads sleep when there is nothing to do.
///
/// One pool for all: while a piece is spoken, a language model fills the moments in which the voice keeps not all threads
/// busy, instead of taking half the machine from the sound that somebody waits for.
pub(crate) fn model_pool(budget: ThreadBudget) -> Arc<rten::ThreadPool> {
    static POOLS: PerProcess<Mutex<HashMap<usize, Weak<rten::ThreadPool>>>> = PerProcess::new(Mutex::default);
    let pools = POOLS.get();
    let mut pools = lock(&pools);
    let slot = pools.entry(budget.get()).or_default();
    slot.upgrade().unwrap_or_else(|| {
        let pool = Arc::new(rten::ThreadPool::with_num_threads(budget.get()));
        *slot = Arc::downgrade(&pool);
        pool
    })
}

/// Whether a voice is making sound in this process, and who waits until it is done.
static VOICE: PerProcess<(Mutex<bool>, Condvar)> = PerProcess::new(Default::default);

/// While it lives, a voice is making sound; there is one at a time.
pub(crate) struct Speaking(Arc<(Mutex<bool>, Condvar)>);

impl Speaking {
    pub(crate) fn begin() -> Self {
        let voice = VOICE.get();
        *lock(&voice.0) = true;
        Self(voice)
    }
}

impl Drop for Speaking {
    fn drop(&mut self) {
        let (speaking, changed) = &*self.0;
        *lock(speaking) = false;
        changed.notify_all();
    }
}

/// Waits until no voice makes sound, at most this long. Somebody waits for the sound, which is heard more slowly than the
/// words for the next one are written.
pub(crate) fn give_way_to_voice(longest: Duration) {
    let voice = VOICE.get();
    let waited = voice.1.wait_timeout_while(lock(&voice.0), longest, |speaking| *speaking);
    drop(waited.unwrap_or_else(PoisonError::into_inner));
}

/// An ONNX model, ready to run.
///
/// # Errors
/// `ModelMissing` when the file cannot be read or is not a model that this build can run.
pub(crate) fn load_onnx(path: &Path) -> Result<rten::Model> {
    load_onnx_as(path, rten::ModelOptions::with_all_ops())
}

/// An ONNX model, loaded as these options say.
///
/// # Errors
/// As of [`load_onnx`].
pub(crate) fn load_onnx_as(path: &Path, mut options: rten::ModelOptions) -> Result<rten::Model> {
    // When it optimises a network, rten computes what is constant in it on threads that it has for the whole process.
    static OPTIMISING: FirstProcess = FirstProcess::new();
    OPTIMISING.begin();
    options.enable_optimization(OPTIMISING.may_be_this());
    options.load_file(path).map_err(|e| {
        Error::new(
            ErrorKind::ModelMissing,
            format!("the model file {} cannot be loaded: {e}; `voice-core models fetch` replaces it", path.display()),
        )
        .with_source(e)
    })
}

/// The working side of a call that runs off the async threads: where results go, and whether anybody still wants them.
pub(crate) struct Work<T> {
    ctx: CallContext,
    results: mpsc::Sender<Result<T>>,
}

impl<T> Work<T> {
    /// Whether to go on; to be asked between any two steps that take more than a few milliseconds.
    ///
    /// # Errors
    /// `CANCELLED` when the call was cancelled or its stream dropped, `TIMEOUT` past the deadline.
    pub(crate) fn check(&self) -> Result<()> {
        if self.results.is_closed() {
            return Err(abandoned());
        }
        self.ctx.check()
    }

    /// Hands a result to the caller, waiting while it has too many unread ones.
    ///
    /// # Errors
    /// `CANCELLED` when the stream was dropped.
    pub(crate) fn send(&self, item: T) -> Result<()> {
        self.results.blocking_send(Ok(item)).map_err(|_| abandoned())
    }
}

fn abandoned() -> Error {
    Error::new(ErrorKind::Cancelled, "nobody waits for the result any more")
}

/// Runs `work` on a blocking thread; what it sends is the stream, and the error it ends with, if any, the stream's last
/// item. Dropping the stream makes [`Work::check`] fail. At most `capacity` results wait unread.
pub(crate) fn run_blocking<T, F>(ctx: &CallContext, capacity: usize, work: F) -> ResultStream<T>
where
    T: Send + 'static,
    F: FnOnce(&Work<T>) -> Result<()> + Send + 'static,
{
    let (results, receiver) = mpsc::channel(capacity.max(1));
    let side = Work { ctx: ctx.clone(), results };
    let task = tokio::task::spawn_blocking(move || work(&side));
    Box::pin(stream::unfold(Some((receiver, task)), next_result))
}

type Running<T> = (mpsc::Receiver<Result<T>>, JoinHandle<Result<()>>);

/// The next result; after the last one, how the work ended.
async fn next_result<T>(running: Option<Running<T>>) -> Option<(Result<T>, Option<Running<T>>)> {
    let (mut receiver, task) = running?;
    if let Some(item) = receiver.recv().await {
        return Some((item, Some((receiver, task))));
    }
    let end = task.await.unwrap_or_else(|_| Err(Error::internal("a local model's worker thread panicked")));
    end.err().map(|e| (Err(e), None))
}

/// Runs `work` on a blocking thread and gives its result.
///
/// # Errors
/// Whatever `work` says; `INTERNAL_ERROR` when it panics.
pub(crate) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Error::internal("a local model's worker thread panicked")))
}

/// Locks a mutex whose data stays whole even if a holder panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    #[test]
    fn the_default_budget_leaves_a_core_free_unless_there_are_only_two() {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        assert_eq!(ThreadBudget::default().get(), if cores <= 2 { cores } else { cores - 1 });
    }

    #[test]
    fn a_path_is_loaded_once_while_somebody_holds_it_and_again_afterwards() {
        static CACHE: LoadOnce<u32> = LoadOnce::new();
        let path = Path::new("/some/model");
        let first = CACHE.get_or_load(path, || Ok(1)).unwrap();
        let second = CACHE.get_or_load(path, || Ok(2)).unwrap();
        assert_eq!((*first, *second), (1, 1));
        drop((first, second));
        assert_eq!(*CACHE.get_or_load(path, || Ok(3)).unwrap(), 3);
    }

    #[test]
    fn a_failed_load_is_tried_again() {
        static CACHE: LoadOnce<u32> = LoadOnce::new();
        let path = Path::new("/some/model");
        assert!(CACHE.get_or_load(path, || Err(Error::internal("no"))).is_err());
        assert_eq!(*CACHE.get_or_load(path, || Ok(1)).unwrap(), 1);
    }

    #[test]
    fn a_writer_goes_on_as_soon_as_the_voice_is_done_and_not_before() {
        let speaking = Speaking::begin();
        let (done, when_done) = std::sync::mpsc::channel();
        let writer = std::thread::spawn(move || {
            give_way_to_voice(Duration::from_secs(3600));
            done.send(()).unwrap();
        });
        assert!(when_done.try_recv().is_err());
        give_way_to_voice(Duration::ZERO);
        drop(speaking);
        when_done.recv().unwrap();
        writer.join().unwrap();
    }

    #[tokio::test]
    async fn results_come_in_order_and_the_error_last() {
        let stream = run_blocking(&CallContext::new(), 1, |work| {
            work.send(1)?;
            work.send(2)?;
            Err(Error::internal("the end"))
        });
        let items: Vec<Result<i32>> = stream.collect().await;
        assert_eq!(items.iter().filter_map(|i| i.as_ref().ok()).copied().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(items.last().unwrap().as_ref().unwrap_err().message(), "the end");
    }

    #[tokio::test]
    async fn dropping_the_stream_stops_the_work() {
        let (stopped, was_stopped) = tokio::sync::oneshot::channel();
        let stream = run_blocking::<i32, _>(&CallContext::new(), 1, move |work| {
            let end = loop {
                if let Err(e) = work.check() {
                    break e;
                }
                std::thread::yield_now();
            };
            let _ = stopped.send(end.kind());
            Err(end)
        });
        drop(stream);
        assert_eq!(was_stopped.await.unwrap(), ErrorKind::Cancelled);
    }

    #[tokio::test]
    async fn a_panic_in_the_work_is_an_internal_error_not_a_silent_end() {
        let items: Vec<Result<i32>> = run_blocking(&CallContext::new(), 1, |_| panic!("as planned")).collect().await;
        assert_eq!(items.len(), 1);
        assert_eq!(items[0].as_ref().unwrap_err().kind(), ErrorKind::Internal);
    }
}
