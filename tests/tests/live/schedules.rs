//! Thousands of conversations by chance: whatever happens in whatever order, no session gets stuck, no word is lost, nothing is
//! heard after it was stopped, and history is what was played.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use tokio::time::sleep;
use voice_core::{
    Error, ErrorKind, LanguageModel, Result,
    live::{AgentState, LiveEvent, SpeechKind},
    provider::{CallContext, FinishReason, GenerateRequest, LlmEvent, ResultStream},
};
use voice_testkit::{Step, Voice};

use crate::call::{Call, ms};

/// How many conversations are held; more by `VOICE_SCHEDULES`.
const CONVERSATIONS: u64 = 400;

/// A model that never says the same word twice, takes any time, and sometimes fails.
struct Chatter {
    words: Arc<AtomicUsize>,
    seed: u64,
}

#[async_trait]
impl LanguageModel for Chatter {
    fn name(&self) -> &str {
        "chance/model"
    }

    async fn generate(&self, _: GenerateRequest, _: &CallContext) -> Result<ResultStream<LlmEvent>> {
        let first = self.words.fetch_add(100, Ordering::Relaxed);
        let mut dice = SmallRng::seed_from_u64(self.seed ^ first as u64);
        let count = dice.random_range(1..12);
        let (wait, each) = (dice.random_range(0..1_500), dice.random_range(0..60));
        let breaks = dice.random_bool(0.05).then(|| dice.random_range(0..=count));
        let events = stream::unfold(0, move |n| async move {
            sleep(ms(if n == 0 { wait } else { each })).await;
            if breaks == Some(n) {
                return Some((Err(Error::new(ErrorKind::RejectedByProvider, "by chance")), usize::MAX - 1));
            }
            let end = if n % 4 == 3 { ". " } else { " " };
            match n {
                n if n < count => Some((Ok(LlmEvent::Text(format!("a{}{end}", first + n))), n + 1)),
                n if n == count => Some((Ok(LlmEvent::Finished(FinishReason::Stop)), n + 1)),
                _ => None,
            }
        });
        Ok(events.boxed())
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().map(|word| word.trim_end_matches('.')).collect()
}

async fn conversation(seed: u64) {
    let mut dice = SmallRng::seed_from_u64(seed);
    let mut voice = Voice::new();
    for n in 0..40 {
        voice = voice.late(n, ms(dice.random_range(0..2_000)));
    }
    if dice.random_bool(0.5) {
        voice = voice.streaming(ms(dice.random_range(0..200)));
        for n in 0..40 {
            let step = match dice.random_range(0..8) {
                0 => Step::fail(Error::new(ErrorKind::ConnectionLost, "by chance")),
                1 => Step::end(),
                2 => Step::hang(),
                _ => continue,
            };
            voice = voice.stream(n, step.after(dice.random_range(0..6)));
        }
    }
    let config = serde_json::json!({ "timeouts": { "idle_ms": 2_000 }, "live": {
        "endpointing": { "preemptive_generation": dice.random_bool(0.7), "max_utterance_seconds": 5 },
        "interruption": {
            "enabled": dice.random_bool(0.9),
            "min_words": if dice.random_bool(0.2) { 2 } else { 0 },
            "resume_false_interruption": dice.random_bool(0.8),
        },
        "output": { "pacing": if dice.random_bool(0.5) { "immediate" } else { "real_time" } },
        "conversation": { "greeting_interruptible": dice.random_bool(0.5), "reminder_seconds": 15 },
    }, "assistant": { "first_message": if dice.random_bool(0.3) { Some("g1 g2 g3 g4.") } else { None } } });
    let call = Call::new(&voice, Chatter { words: Arc::default(), seed }, &config.to_string()).await;

    let mut said: HashSet<String> = HashSet::new();
    let mut next = 0;
    let mut fresh = |count: usize, said: &mut HashSet<String>| {
        let text: Vec<String> = (next..next + count).map(|n| format!("u{n}")).collect();
        next += count;
        said.extend(text.iter().cloned());
        text.join(" ")
    };
    for _ in 0..dice.random_range(4..14) {
        match dice.random_range(0..12) {
            0..=4 => call.speak(&format!("{}.", fresh(dice.random_range(1..8), &mut said))).await,
            5 => call.speak(&fresh(dice.random_range(1..4), &mut said)).await,
            6 => call.cough(dice.random_range(50..1_200)).await,
            7 => call.live.push_text(fresh(2, &mut said)).unwrap(),
            8 => call.live.say("s1 s2 s3 s4 s5.").unwrap(),
            9 => call.live.interrupt().unwrap(),
            10 => call.live.pause().unwrap(),
            _ => call.live.resume().unwrap(),
        }
        call.silence(dice.random_range(0..3_000)).await;
    }
    call.live.resume().unwrap();
    call.silence(30_000).await;
    check(seed, &call, &said).await;
}

async fn check(seed: u64, call: &Call, said: &HashSet<String>) {
    let events = call.events();
    #[allow(clippy::panic)]
    let fail = |what: &str| panic!("seed {seed}: {what}\n{:#?}", call.names());

    // Nothing is stuck: after half a minute of silence the agent listens, but for a reminder.
    let mut states =
        events.iter().filter_map(|(_, e)| if let LiveEvent::AgentState(state) = e { Some(*state) } else { None });
    let latest = events
        .iter()
        .rev()
        .find_map(|(_, e)| if let LiveEvent::TurnStarted { kind, .. } = e { Some(*kind) } else { None });
    if !matches!(states.next_back(), None | Some(AgentState::Listening)) && latest != Some(SpeechKind::Reminder) {
        fail("the agent is not listening");
    }
    let summary = call.live.end().await.unwrap();

    // Every turn ends exactly once.
    let mut turns: HashMap<String, (usize, usize)> = HashMap::new();
    for (_, event) in &call.events() {
        match event {
            LiveEvent::TurnStarted { turn_id, .. } => turns.entry(turn_id.to_string()).or_default().0 += 1,
            LiveEvent::TurnDone(turn) => turns.entry(turn.turn_id.to_string()).or_default().1 += 1,
            _ => {}
        }
    }
    if turns.values().any(|(started, done)| *started > 1 || *done > 1) {
        fail("a turn began or ended twice");
    }

    // Nothing of a stopped turn is heard after it was stopped.
    let mut stopped = false;
    for (_, event) in &events {
        match event {
            LiveEvent::Interrupted { .. } => stopped = true,
            LiveEvent::TurnStarted { .. } => stopped = false,
            LiveEvent::Audio(_) | LiveEvent::Speaking(_) if stopped => fail("sound after the end of its turn"),
            _ => {}
        }
    }

    // No word of the user's is lost, and none is there twice.
    let history = call.history().await;
    let mut kept = Vec::new();
    for line in &history {
        if let Some(text) = line.strip_prefix("user: ") {
            kept.extend(words(text).into_iter().filter(|w| w.starts_with('u')));
        }
    }
    let unique: HashSet<&str> = kept.iter().copied().collect();
    if unique.len() != kept.len() {
        fail(&format!("a word is kept twice: {history:#?}"));
    }
    let lost: Vec<&String> = said.iter().filter(|word| !unique.contains(word.as_str())).collect();
    if !lost.is_empty() {
        fail(&format!("{lost:?} of {summary:?} are lost: {history:#?}"));
    }

    // History is what was played: no word of the agent's that was not heard.
    let played = call.played();
    let played: HashSet<&str> = words(&played).into_iter().collect();
    for line in &history {
        if let Some(text) = line.strip_prefix("agent: ")
            && let Some(word) = words(text).into_iter().find(|word| !played.contains(word))
        {
            fail(&format!("{word} is in the history and was not heard: {history:#?}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_nothing_is_stuck_lost_or_heard_too_late() {
    let count = std::env::var("VOICE_SCHEDULES").ok().and_then(|n| n.parse().ok()).unwrap_or(CONVERSATIONS);
    let first = std::env::var("VOICE_SCHEDULE").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    for seed in first..first + count {
        let done = tokio::time::timeout(Duration::from_secs(3_600), conversation(seed)).await;
        assert!(done.is_ok(), "seed {seed} hangs");
    }
}
