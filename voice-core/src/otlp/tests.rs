//! The way to a collector on the virtual clock, without a network.

use std::sync::Mutex;

use bytes::Bytes;

use super::{send::Answer, *};
use crate::{config::Config, time::system_clock};

/// A status with the seconds that are to be waited; `None`: no answer.
type Planned = Option<(u16, Option<u64>)>;

/// Answers by script, and notes when it was asked.
#[derive(Clone)]
struct Scripted(Arc<Mutex<(Vec<Planned>, Vec<Duration>)>>, Instant);

impl Scripted {
    fn new(script: impl IntoIterator<Item = Planned>) -> Self {
        let mut script: Vec<_> = script.into_iter().collect();
        script.reverse();
        Self(Arc::new(Mutex::new((script, Vec::new()))), Instant::now())
    }

    fn asked(&self) -> Vec<u64> {
        self.0.lock().unwrap().1.iter().map(Duration::as_secs).collect()
    }
}

#[async_trait]
impl Post for Scripted {
    async fn post(&self, _: &'static str, _: Bytes) -> Result<Answer, String> {
        let next = {
            let mut script = self.0.lock().unwrap();
            let at = self.1.elapsed();
            script.1.push(at);
            script.0.pop().unwrap_or(Some((200, None)))
        };
        match next {
            Some((status, wait)) => Ok(Answer { status, retry_after: wait.map(Duration::from_secs), body: Vec::new() }),
            None => std::future::pending().await,
        }
    }
}

const LIMIT: Duration = Duration::from_secs(10);

async fn delivered(post: &Scripted) -> Result<Vec<u8>, String> {
    deliver(post, TRACES, &json!({}), LIMIT, &CancellationToken::new()).await
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_is_asked_for_is_kept_to_the_second() {
    let post = Scripted::new([Some((429, Some(7))), Some((503, Some(2)))]);
    delivered(&post).await.unwrap();
    assert_eq!(post.asked(), [0, 7, 9]);
}

#[tokio::test(start_paused = true)]
async fn waits_double_and_end_after_five_attempts() {
    let post = Scripted::new([Some((502, None)); 9]);
    assert_eq!(delivered(&post).await.unwrap_err(), "the collector answered 502");
    let asked = post.asked();
    assert_eq!(asked.len(), 5);
    // Each is drawn between half of its longest and all of it: 1, 2, 4, 8 seconds.
    assert!((7..=15).contains(&asked[4]), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_and_a_wait_of_an_hour_end_it_at_once() {
    for (answer, asked) in [((400, None), 1), ((401, Some(1)), 1), ((500, None), 1), ((429, Some(3_600)), 1)] {
        let post = Scripted::new([Some(answer); 3]);
        assert!(delivered(&post).await.is_err());
        assert_eq!(post.asked().len(), asked, "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_is_given_up_and_asked_for_again() {
    let post = Scripted::new([None]);
    delivered(&post).await.unwrap();
    let asked = post.asked();
    assert!(asked.len() == 2 && (10..=11).contains(&asked[1]), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn closing_ends_a_wait_with_one_more_attempt() {
    let (post, closing) = (Scripted::new([Some((503, Some(50))); 9]), CancellationToken::new());
    let stop = closing.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        stop.cancel();
    });
    assert!(deliver(&post, TRACES, &json!({}), LIMIT, &closing).await.is_err());
    assert_eq!(post.asked(), [0, 3]);
}

#[tokio::test(start_paused = true)]
async fn spans_and_metrics_go_at_their_intervals_and_only_when_there_are_any() {
    let post = Scripted::new([]);
    let config = Config::default().telemetry;
    let closing = CancellationToken::new();
    let mut exporter = Exporter::new(Box::new(post.clone()), &config, system_clock(), Lost::default(), closing);
    assert_eq!(exporter.wake(), None, "nothing is to be done");
    exporter.metrics.is_changed();
    exporter.take(Vec::new()).await;
    for _ in 0..2 {
        tokio::time::sleep_until(exporter.wake().unwrap()).await;
        exporter.woken().await;
    }
    assert_eq!((post.asked(), exporter.wake()), (vec![60], None), "there were no spans after 5 seconds");
}

#[test]
fn what_a_collector_rejects_is_read_in_both_ways_of_writing() {
    assert_eq!(rejected(br#"{"partialSuccess": {"rejectedSpans": "3"}}"#), 3);
    assert_eq!(rejected(br#"{"partialSuccess": {"rejectedSpans": 3}}"#), 3);
    assert_eq!(rejected(b"{}") + rejected(b"") + rejected(b"[1]"), 0);
}
