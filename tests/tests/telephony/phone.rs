//! One telephone call on the virtual clock: a carrier, a caller, an agent.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep};
use voice_core::{
    AgentBuilder, Config, ConversationStore, Pcm, Result, TextToSpeech, VoiceAgent,
    agent::Live,
    live::{LiveEvent, LiveSession, LiveTurn, wire::Frame},
    provider::{CallContext, ResultStream, SynthesisRequest},
    store::{MemoryStore, MessageQuery},
    telephony::PhoneWire,
};
use voice_testkit::{ScriptedLlm, ScriptedStt, VirtualClock, Voice};

use super::carrier::Carrier;

pub(crate) const ANSWER: &str = "It will rain in the morning and the sun will shine after that.";
pub(crate) const GREETING: &str = "Welcome to the weather line.";
pub(crate) const QUESTION: &str = "will it rain tomorrow?";

/// How long words are when the scripted voice says them.
pub(crate) fn length(words: &str) -> usize {
    words.split_whitespace().map(|word| (word.chars().count() + 1) * 40).sum()
}

/// A speaker whose sound comes through a telephone: 1 kHz for 40 ms a letter.
struct Hum;

#[async_trait]
impl TextToSpeech for Hum {
    fn name(&self) -> &str {
        "scripted/hum"
    }

    async fn synthesize(&self, request: SynthesisRequest, _: &CallContext) -> Result<ResultStream<Pcm>> {
        let sound: Vec<i16> =
            (0..length(&request.text) * 16).map(|n| if n % 16 < 8 { 8_000 } else { -8_000 }).collect();
        let chunks: Vec<_> = sound.chunks(1_600).map(|chunk| Ok(Pcm::new(chunk, 16_000))).collect();
        Ok(stream::iter(chunks).boxed())
    }
}

pub(crate) struct Phone {
    pub(crate) carrier: Carrier,
    pub(crate) wire: PhoneWire,
    pub(crate) session: LiveSession,
    pub(crate) events: Vec<LiveEvent>,
    /// Whoever lets go of it closes it.
    _agent: VoiceAgent,
    store: Arc<MemoryStore>,
    started: Instant,
    /// The most that ever waited at the carrier's.
    pub(crate) ahead: usize,
}

impl Phone {
    /// A call that the carrier has opened.
    pub(crate) async fn new(carrier: Carrier) -> Self {
        let rate = carrier.rate;
        let mut phone = Self::ringing(carrier, "{}", |live| live.input(rate, 1).output(rate)).await;
        phone.open();
        phone
    }

    /// A session of which the carrier knows nothing yet.
    pub(crate) async fn ringing(carrier: Carrier, live: &str, set: impl FnOnce(Live) -> Live) -> Self {
        let config = format!(r#"{{"assistant": {{"first_message": "{GREETING}"}}, "live": {live}}}"#);
        let stages = VoiceAgent::builder()
            .config(Config::from_json(&config).unwrap())
            .stt(ScriptedStt::hearing(QUESTION))
            .llm(ScriptedLlm::saying(ANSWER))
            .tts(Hum);
        Self::answered_by(stages, &Voice::new(), carrier, set).await
    }

    /// The same with an agent of one's own.
    pub(crate) async fn answered_by(
        agent: AgentBuilder,
        voice: &Voice,
        carrier: Carrier,
        set: impl FnOnce(Live) -> Live,
    ) -> Self {
        let store = Arc::new(MemoryStore::new());
        let agent = agent
            .store(Arc::clone(&store) as Arc<dyn ConversationStore>)
            .clock(Arc::new(VirtualClock::new()))
            .build()
            .await
            .unwrap();
        let session = set(agent.live().voice_activity(voice.activity())).start().await.unwrap();
        let wire = PhoneWire::new(&session, Some(carrier.protocol)).unwrap();
        Self { carrier, wire, session, events: Vec::new(), _agent: agent, store, started: Instant::now(), ahead: 0 }
    }

    pub(crate) fn open(&mut self) {
        for frame in self.carrier.opening() {
            self.receive(&frame);
        }
    }

    pub(crate) fn receive(&mut self, frame: &Frame) {
        self.wire.receive(&self.session, frame).unwrap();
    }

    /// 20 ms, in which the caller says this.
    async fn tick(&mut self, sound: &[i16]) {
        let frame = self.carrier.media(sound);
        self.receive(&frame);
        sleep(Duration::from_millis(20)).await;
        self.go_on();
        for frame in self.carrier.play(20) {
            self.receive(&frame);
        }
    }

    /// Takes what happened since.
    pub(crate) fn go_on(&mut self) {
        while let Some(event) = self.session.try_next() {
            for frame in self.wire.encode(&event) {
                for answer in self.carrier.take(frame) {
                    self.receive(&answer);
                }
            }
            self.events.push(event);
        }
        self.ahead = self.ahead.max(self.carrier.waiting());
    }

    /// The caller speaks for so long.
    pub(crate) async fn speak(&mut self, ms: usize) {
        let frame = (self.carrier.rate / 50) as usize;
        let wave: Vec<i16> = (0..frame).map(|n| if n % 16 < 8 { 6_000 } else { -6_000 }).collect();
        for _ in 0..ms / 20 {
            self.tick(&wave).await;
        }
    }

    pub(crate) async fn silence(&mut self, ms: usize) {
        for _ in 0..ms / 20 {
            self.tick(&vec![0; (self.carrier.rate / 50) as usize]).await;
        }
    }

    pub(crate) async fn until_loud(&mut self, ms: usize) {
        while self.carrier.loud() < ms {
            assert!(
                self.started.elapsed() < Duration::from_secs(60),
                "only {} ms: {:#?}",
                self.carrier.loud(),
                self.names()
            );
            self.silence(20).await;
        }
    }

    pub(crate) async fn until_turns(&mut self, count: usize) {
        while self.turns().len() < count {
            assert!(self.started.elapsed() < Duration::from_secs(60), "{:#?}", self.names());
            self.silence(20).await;
        }
    }

    pub(crate) fn turns(&self) -> Vec<LiveTurn> {
        let turn =
            |event: &LiveEvent| if let LiveEvent::TurnDone(turn) = event { Some((**turn).clone()) } else { None };
        self.events.iter().filter_map(turn).collect()
    }

    pub(crate) fn has(&self, is: impl Fn(&LiveEvent) -> bool) -> bool {
        self.events.iter().any(is)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let shown = self.events.iter().filter(|event| !matches!(event, LiveEvent::Audio(_)));
        shown.map(|event| format!("{event:?}")).collect()
    }

    /// What is stored.
    pub(crate) async fn history(&self) -> Vec<String> {
        let page = self.store.messages(self.session.session_id(), MessageQuery::latest(100)).await.unwrap();
        page.items.into_iter().map(|message| message.content).collect()
    }
}
