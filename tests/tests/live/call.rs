//! One live call on the virtual clock: a user who speaks, a device that plays, and everything that was told.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout};
use voice_core::{
    Config, ConversationStore, LanguageModel, Message, Role, VoiceAgent,
    agent::Live,
    live::{LiveEvent, LiveSession, LiveTurn},
    store::{MemoryStore, MessageQuery},
};
use voice_testkit::{VirtualClock, Voice};

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const RATE: usize = 16_000;

/// A device that plays what it is given, in real time, and throws away what it is told to.
#[derive(Default)]
struct Device {
    waiting: Vec<i16>,
    played: Vec<i16>,
    at: Option<Instant>,
}

impl Device {
    fn play(&mut self, now: Instant) {
        let elapsed = now - *self.at.get_or_insert(now);
        let count = ((elapsed.as_secs_f64() * RATE as f64).round() as usize).min(self.waiting.len());
        self.played.extend(self.waiting.drain(..count));
        self.at = Some(now);
    }
}

#[derive(Default)]
struct Told {
    events: Vec<(Duration, LiveEvent)>,
    device: Device,
}

/// One call.
pub(crate) struct Call {
    pub(crate) voice: Voice,
    pub(crate) live: Arc<LiveSession>,
    pub(crate) agent: VoiceAgent,
    pub(crate) store: Arc<MemoryStore>,
    told: Arc<Mutex<Told>>,
    started: Instant,
}

impl Call {
    /// A call with the voice's own recogniser and speaker.
    pub(crate) async fn new(voice: &Voice, llm: impl LanguageModel + 'static, config: &str) -> Self {
        Self::with(voice, llm, config, |live| live).await
    }

    pub(crate) async fn with(
        voice: &Voice,
        llm: impl LanguageModel + 'static,
        config: &str,
        set: impl FnOnce(Live) -> Live,
    ) -> Self {
        let store = Arc::new(MemoryStore::new());
        let agent = VoiceAgent::builder()
            .config(Config::from_json(config).unwrap())
            .stt(voice.stt())
            .llm(llm)
            .tts(voice.tts())
            .store(Arc::clone(&store) as Arc<dyn ConversationStore>)
            .clock(Arc::new(VirtualClock::new()))
            .build()
            .await
            .unwrap();
        Self::on(agent, voice, store, set).await
    }

    pub(crate) async fn on(
        agent: VoiceAgent,
        voice: &Voice,
        store: Arc<MemoryStore>,
        set: impl FnOnce(Live) -> Live,
    ) -> Self {
        let live = set(agent.live().voice_activity(voice.activity()).output(16_000)).start().await.unwrap();
        let live = Arc::new(live);
        let told = Arc::new(Mutex::new(Told::default()));
        let started = Instant::now();
        tokio::spawn({
            let (live, told) = (Arc::clone(&live), Arc::clone(&told));
            async move {
                while let Some(event) = live.next().await {
                    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                    told.device.play(Instant::now());
                    match &event {
                        LiveEvent::Audio(pcm) => told.device.waiting.extend_from_slice(pcm.samples()),
                        LiveEvent::Clear { .. } => told.device.waiting.clear(),
                        _ => {}
                    }
                    told.events.push((started.elapsed(), event));
                }
            }
        });
        Self { voice: voice.clone(), live, agent, store, told, started }
    }

    /// Pushes sound at the pace at which it is spoken, 20 ms at a time.
    pub(crate) async fn push(&self, sound: &[i16]) {
        for frame in sound.chunks(RATE / 50) {
            self.live.push_audio(frame).unwrap();
            sleep(ms(frame.len() as u64 * 1_000 / RATE as u64)).await;
        }
    }

    /// Pushes sound over a network: with each frame the time at which its sender took it, when it comes in, or not at all.
    pub(crate) async fn push_over(&self, from: Duration, sound: &[i16], arrives: impl Fn(usize) -> Option<Duration>) {
        let begun = Instant::now();
        let mut frames: Vec<(Duration, usize)> =
            (0..sound.len() / 320).filter_map(|n| Some((arrives(n)?, n))).collect();
        frames.sort_unstable();
        for (at, n) in frames {
            tokio::time::sleep_until(begun + at).await;
            self.live.push_audio_at(from + ms(20) * n as u32, &sound[n * 320..(n + 1) * 320]).unwrap();
        }
    }

    pub(crate) async fn speak(&self, text: &str) {
        self.push(&self.voice.say(text)).await;
    }

    pub(crate) async fn cough(&self, ms: usize) {
        self.push(&self.voice.cough(ms)).await;
    }

    pub(crate) async fn silence(&self, ms: usize) {
        self.push(&vec![0; ms * RATE / 1_000]).await;
    }

    /// Is silent until something was told.
    pub(crate) async fn until(&self, what: &str, is: impl Fn(&LiveEvent) -> bool) {
        let came = async {
            while !self.events().iter().any(|(_, event)| is(event)) {
                self.silence(20).await;
            }
        };
        assert!(timeout(Duration::from_secs(120), came).await.is_ok(), "{what} never came: {:#?}", self.names());
    }

    /// Is silent until so many exchanges are stored.
    pub(crate) async fn until_turns(&self, count: usize) {
        let came = async {
            while self.turns().len() < count {
                self.silence(20).await;
            }
        };
        let done = timeout(Duration::from_secs(120), came).await;
        assert!(done.is_ok(), "only {} of {count} exchanges: {:#?}", self.turns().len(), self.names());
    }

    /// Is silent until the agent has said so many words.
    pub(crate) async fn until_played(&self, words: usize) {
        while self.played().split_whitespace().count() < words {
            assert!(self.started.elapsed() < Duration::from_secs(120), "too little was played: {:#?}", self.names());
            self.silence(20).await;
        }
    }

    /// Is silent until the agent's sound was played for so long.
    pub(crate) async fn until_sound_of(&self, length: Duration) {
        while self.heard_sound() < length {
            assert!(self.started.elapsed() < Duration::from_secs(120), "too little was played: {:#?}", self.names());
            self.silence(20).await;
        }
    }

    /// How much of the agent's sound was played.
    pub(crate) fn heard_sound(&self) -> Duration {
        let mut told = self.told.lock().unwrap();
        told.device.play(Instant::now());
        ms((told.device.played.len() * 1_000 / RATE) as u64)
    }

    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn events(&self) -> Vec<(Duration, LiveEvent)> {
        self.told.lock().unwrap().events.clone()
    }

    pub(crate) fn turns(&self) -> Vec<LiveTurn> {
        let turn = |event| match event {
            (_, LiveEvent::TurnDone(turn)) => Some(*turn),
            _ => None,
        };
        self.events().into_iter().filter_map(turn).collect()
    }

    pub(crate) fn count(&self, is: impl Fn(&LiveEvent) -> bool) -> usize {
        self.events().iter().filter(|(_, event)| is(event)).count()
    }

    /// The names of what was told, without the sound.
    pub(crate) fn names(&self) -> Vec<String> {
        let shown = self.events().into_iter().filter(|(_, e)| !matches!(e, LiveEvent::Audio(_)));
        shown.map(|(at, event)| format!("{:>6} {event:?}", at.as_millis())).collect()
    }

    /// What the user heard, to the word.
    pub(crate) fn played(&self) -> String {
        let mut told = self.told.lock().unwrap();
        told.device.play(Instant::now());
        self.voice.understood(&told.device.played)
    }

    /// What is stored, as `role: words`.
    pub(crate) async fn history(&self) -> Vec<String> {
        let said = |m: &Message| {
            let role = if m.role == Role::User { "user" } else { "agent" };
            format!("{role}: {}", m.content)
        };
        self.stored().await.iter().map(said).collect()
    }

    /// What is stored.
    pub(crate) async fn stored(&self) -> Vec<Message> {
        let page = self.store.messages(self.live.session_id(), MessageQuery::latest(100)).await.unwrap();
        page.items
    }
}
