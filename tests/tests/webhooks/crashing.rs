//! What a crash does to events: none is lost, and none is told of twice under two ids.

use std::collections::HashMap;

use super::*;

/// A process of its own, as far as that goes: when it is killed nothing in it runs any further.
struct Process(Option<tokio::runtime::Runtime>);

impl Process {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self(Some(runtime))
    }

    async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        self.0.as_ref().unwrap().spawn(work).await.unwrap()
    }

    fn kill(mut self) {
        self.0.take().unwrap().shutdown_background();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[tokio::test]
async fn what_was_committed_before_a_crash_is_delivered_after_it_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let (process, url, path) = (Process::start(), receiver.url(), folder.path().to_owned());
    let session = process
        .run(async move {
            // It stops before it has delivered anything.
            let agent = building(sqlite(&path), r#""deliver": false"#).build().await.unwrap();
            agent.webhooks().create(&NewWebhook::new(url)).await.unwrap();
            let session = agent.turn("Will it rain?").speak(false).await.unwrap().session_id;
            agent.sessions().end(session).await.unwrap();
            session
        })
        .await;
    process.kill();
    assert!(receiver.got().is_empty());
    let agent = agent_on(sqlite(folder.path())).await;
    let got = receiver.wait(3).await;
    assert_eq!(types(&got), ["session.ended", "session.started", "turn.completed"]);
    assert!(got.iter().all(|message| message.json()["data"]["session_id"] == serde_json::json!(session)));
    agent.close().await.unwrap();
    assert_eq!(receiver.got().len(), 3);
}

#[tokio::test]
async fn what_a_crash_left_unnoted_is_delivered_again_under_the_same_id() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    receiver.next([Answer::Hang]);
    let (process, url, path) = (Process::start(), receiver.url(), folder.path().to_owned());
    // Leases are as long as an attempt may take, and half a minute: this one ran out by the clock of the second process.
    process
        .run(async move {
            let agent = building(sqlite(&path), r#""timeout_seconds": 20"#).build().await.unwrap();
            agent.webhooks().create(&NewWebhook::new(url)).await.unwrap();
            agent.sessions().create().await.unwrap();
            std::mem::forget(agent);
        })
        .await;
    let first = id_of(&receiver.wait(1).await[0]);
    process.kill();
    let later = Later(jiff::SignedDuration::from_secs(60));
    let webhooks = r#""first_delay_seconds": 0.02, "poll_seconds": 0.2"#;
    let agent = building(sqlite(folder.path()), webhooks).clock(Arc::new(later)).build().await.unwrap();
    let got = receiver.wait(2).await;
    assert_eq!(id_of(&got[1]), first);
    assert_eq!(got[1].body, got[0].body);
    settled(&agent, first, DeliveryStatus::Delivered).await;
    assert_eq!(log(&agent).await.len(), 1);
}

/// A clock that is ahead.
#[derive(Debug)]
struct Later(jiff::SignedDuration);

impl voice_core::time::Clock for Later {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now() + self.0
    }
}

#[tokio::test]
async fn two_processes_on_one_file_deliver_each_event_once() {
    const SESSIONS: usize = 30;
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let agents = [agent_on(sqlite(folder.path())).await, agent_on(sqlite(folder.path())).await];
    hooked(&agents[0], &receiver).await;
    let creating = (0..SESSIONS).map(|n| {
        let agent = agents[n % 2].clone();
        async move {
            let session = agent.sessions().create().await.unwrap();
            agent.sessions().end(session.id).await.unwrap();
        }
    });
    futures_util::future::join_all(creating).await;
    receiver.wait(SESSIONS * 2).await;
    for agent in agents {
        agent.close().await.unwrap();
    }
    let mut told: HashMap<(String, String), usize> = HashMap::new();
    for message in receiver.got() {
        let json = message.json();
        *told.entry((json["type"].to_string(), json["data"]["session_id"].to_string())).or_default() += 1;
    }
    assert_eq!(told.len(), SESSIONS * 2);
    assert!(told.values().all(|times| *times == 1), "{told:?}");
}
