//! The way from a turn to a sink: a bounded queue and a task for each, so that nobody waits for anybody.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::FutureExt;
use tokio::{
    sync::{
        Mutex,
        mpsc::{self, error::TrySendError},
    },
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{MetricsSink, Report};
use crate::time::Clock;

/// How many reports may wait for a sink.
const WAITING: usize = 2_048;
/// The most reports that a sink is given at once.
const BATCH: usize = 256;
/// How long a sink may take over a batch.
const LONGEST_RECORD: Duration = Duration::from_secs(30);
/// How long closing waits for all sinks together.
const LONGEST_CLOSE: Duration = Duration::from_secs(5);

/// How long closing waits for a task that it has given up.
const LAST_GASP: Duration = Duration::from_millis(100);

/// Why reports are lost that the agent's end comes before.
const CLOSED: &str = "the agent closed before they were taken";

/// What stands at the end of a queue.
#[async_trait]
pub(crate) trait Consumer: Send {
    /// Takes reports, in order.
    async fn take(&mut self, reports: Vec<Report>);

    /// When it has something to do although nothing comes.
    fn wake(&self) -> Option<Instant> {
        None
    }

    /// Does it.
    async fn woken(&mut self) {}

    /// Lets go of what it holds: nothing more will come.
    async fn finish(&mut self);
}

/// Makes a consumer for the end of a queue.
pub(crate) type Starting = Box<dyn FnOnce(Ends) -> Box<dyn Consumer> + Send>;

/// What a consumer is given.
#[cfg_attr(not(feature = "otel"), allow(dead_code))]
pub(crate) struct Ends {
    /// Where it counts what it loses.
    pub(crate) lost: Lost,
    /// Tells it that the agent closes.
    pub(crate) closing: CancellationToken,
    /// The agent's own.
    pub(crate) clock: Arc<dyn Clock>,
}

/// Reports that did not arrive: all are counted, the first of a series is told in the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lost(Arc<LostInner>);

#[derive(Debug, Default)]
struct LostInner {
    count: AtomicU64,
    told: AtomicBool,
}

impl Lost {
    /// So many more, and why.
    pub(crate) fn add(&self, reports: u64, why: &str) {
        let before = self.0.count.fetch_add(reports, Ordering::Relaxed);
        if !self.0.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(reports, before, why, "metrics are dropped; the next message comes when they arrive again");
        }
    }

    /// Reports arrive.
    pub(crate) fn is_over(&self) {
        if self.0.told.load(Ordering::Relaxed) && self.0.told.swap(false, Ordering::Relaxed) {
            tracing::info!(dropped = self.count(), "metrics arrive again");
        }
    }

    fn count(&self) -> u64 {
        self.0.count.load(Ordering::Relaxed)
    }

    /// So many are on their way: they are lost when what is given back is dropped before they [have arrived](InHand::arrived).
    pub(crate) fn in_hand(&self, reports: usize) -> InHand {
        InHand { lost: self.clone(), reports: reports as u64 }
    }
}

/// Reports on their way.
pub(crate) struct InHand {
    lost: Lost,
    reports: u64,
}

impl InHand {
    /// They have arrived.
    pub(crate) fn arrived(mut self) {
        self.reports = 0;
        self.lost.is_over();
    }

    /// So many of them were lost, and the others have arrived.
    pub(crate) fn lost(mut self, reports: u64, why: &str) {
        self.reports = 0;
        self.lost.add(reports, why);
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        if self.reports > 0 {
            self.lost.add(self.reports, CLOSED);
        }
    }
}

/// Where an agent's reports go. Clones are one; the default one goes nowhere and costs nothing.
#[derive(Clone, Default)]
pub(crate) struct Telemetry(pub(super) Option<Arc<Lanes>>);

pub(super) struct Lanes {
    lanes: Vec<Lane>,
    clock: Arc<dyn Clock>,
}

struct Lane {
    queue: mpsc::Sender<Report>,
    lost: Lost,
    closing: CancellationToken,
    /// Until closing has seen its end; locked meanwhile.
    worker: Mutex<Option<JoinHandle<()>>>,
}

impl Telemetry {
    /// Starts a task for each consumer, within the present tokio runtime.
    pub(crate) fn start(consumers: impl IntoIterator<Item = Starting>, clock: &Arc<dyn Clock>) -> Self {
        let lanes: Vec<Lane> = consumers.into_iter().map(|consumer| Lane::start(consumer, clock)).collect();
        let clock = Arc::clone(clock);
        Self((!lanes.is_empty()).then(|| Arc::new(Lanes { lanes, clock })))
    }

    /// How many reports did not arrive, at all sinks together.
    pub(crate) fn lost(&self) -> u64 {
        self.0.iter().flat_map(|all| &all.lanes).map(|lane| lane.lost.count()).sum()
    }

    /// Delivers what waits, and stops. What comes later goes nowhere.
    pub(crate) async fn close(&self) {
        let Some(all) = &self.0 else { return };
        let until = Instant::now() + LONGEST_CLOSE;
        all.lanes.iter().for_each(|lane| lane.closing.cancel());
        for lane in &all.lanes {
            let mut slot = lane.worker.lock().await;
            let Some(worker) = &mut *slot else { continue };
            if tokio::time::timeout_at(until, &mut *worker).await.is_err() {
                drop(lane.lost.in_hand(lane.queue.max_capacity() - lane.queue.capacity()));
                worker.abort();
                // What it had in its hands is counted when it is gone. One that blocks its thread is not waited for.
                let _gone = timeout(LAST_GASP, worker).await;
            }
            *slot = None;
        }
    }
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Telemetry({} sinks)", self.0.as_ref().map_or(0, |all| all.lanes.len()))
    }
}

impl Lanes {
    pub(super) fn send(&self, report: Report) {
        if let Some((last, others)) = self.lanes.split_last() {
            others.iter().for_each(|lane| lane.send(report.clone()));
            last.send(report);
        }
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }
}

impl Lane {
    fn start(consumer: Starting, clock: &Arc<dyn Clock>) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        let (lost, closing) = (Lost::default(), CancellationToken::new());
        let consumer = consumer(Ends { lost: lost.clone(), closing: closing.clone(), clock: Arc::clone(clock) });
        let worker = Mutex::new(Some(tokio::spawn(work(consumer, waiting, closing.clone()))));
        Self { queue, lost, closing, worker }
    }

    fn send(&self, report: Report) {
        // One that comes after the end goes nowhere.
        if let Err(TrySendError::Full(_)) = self.queue.try_send(report) {
            self.lost.add(1, "the sink is slower than what it is told");
        }
    }
}

/// Takes from the queue until it is closed and empty, or everybody who could add to it is gone.
async fn work(mut consumer: Box<dyn Consumer>, mut queue: mpsc::Receiver<Report>, closing: CancellationToken) {
    loop {
        let mut batch = Vec::new();
        let wake = consumer.wake();
        tokio::select! {
            biased;
            () = closing.cancelled(), if !queue.is_closed() => queue.close(),
            taken = queue.recv_many(&mut batch, BATCH) => match taken {
                0 => break,
                _ => consumer.take(batch).await,
            },
            () = at(wake) => consumer.woken().await,
        }
    }
    consumer.finish().await;
}

async fn at(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}

/// A host's sink at the end of a queue.
pub(crate) struct SinkConsumer {
    sink: Arc<dyn MetricsSink>,
    lost: Lost,
}

impl SinkConsumer {
    pub(crate) fn starting(sink: Arc<dyn MetricsSink>) -> Starting {
        Box::new(|ends| Box::new(Self { sink, lost: ends.lost }))
    }
}

#[async_trait]
impl Consumer for SinkConsumer {
    async fn take(&mut self, reports: Vec<Report>) {
        let (in_hand, count) = (self.lost.in_hand(reports.len()), reports.len() as u64);
        let recording = AssertUnwindSafe(self.sink.record(&reports)).catch_unwind();
        match timeout(LONGEST_RECORD, recording).await {
            Ok(Ok(Ok(()))) => in_hand.arrived(),
            Ok(Ok(Err(error))) => in_hand.lost(count, &format!("the sink failed: {}", error.code())),
            Ok(Err(_panic)) => in_hand.lost(count, "the sink panicked"),
            Err(_) => in_hand.lost(count, "the sink did not come back"),
        }
    }

    async fn finish(&mut self) {
        let flushing = AssertUnwindSafe(self.sink.flush()).catch_unwind();
        if !matches!(timeout(LONGEST_RECORD, flushing).await, Ok(Ok(Ok(())))) {
            tracing::warn!("a sink of metrics could not let go of what it held");
        }
    }
}
