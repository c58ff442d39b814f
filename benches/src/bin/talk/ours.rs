//! A live session that hears the set, on the virtual clock. What a model takes is measured and passes on that clock too.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep, sleep_until};
use voice_bench::process::cpu_ms;
use voice_core::{
    Config, LiveEvent, Pcm, Result, SpeechToText, TextToSpeech, Transcript, Utterance, VoiceAgent,
    live::{LiveTurn, SpeechKind},
    provider::{CallContext, ResultStream, SynthesisRequest, TranscribeRequest, TurnDetector},
};
use voice_testkit::ScriptedLlm;

use crate::set::{RATE, clipped};

const FRAME: usize = RATE / 50;

/// The processor time of this process so far: what models take on one core, however busy the machine is.
fn worked() -> Duration {
    Duration::from_secs_f64(cpu_ms() / 1e3)
}

/// How long a language model of the cloud takes to its first words, and a voice to its first sound.
const MODEL: Duration = Duration::from_millis(300);

/// A recogniser whose time passes on the virtual clock.
pub(crate) struct Timed(Arc<dyn SpeechToText>);

#[async_trait]
impl SpeechToText for Timed {
    fn name(&self) -> &str {
        "timed"
    }

    async fn transcribe(&self, request: TranscribeRequest, ctx: &CallContext) -> Result<ResultStream<Transcript>> {
        let begun = worked();
        let transcripts: Vec<_> = self.0.transcribe(request, ctx).await?.collect().await;
        sleep(worked().saturating_sub(begun)).await;
        Ok(stream::iter(transcripts).boxed())
    }
}

/// The same for what hears the end of turns.
struct TimedEnd(Arc<dyn TurnDetector>);

#[async_trait]
impl TurnDetector for TimedEnd {
    fn name(&self) -> &str {
        "timed"
    }

    async fn completeness(&self, said: Utterance, ctx: &CallContext) -> Result<f32> {
        let begun = worked();
        let answer = self.0.completeness(said, ctx).await;
        sleep(worked().saturating_sub(begun)).await;
        answer
    }
}

/// A voice that always says the same recording.
struct Recorded(Vec<i16>);

#[async_trait]
impl TextToSpeech for Recorded {
    fn name(&self) -> &str {
        "recorded"
    }

    async fn synthesize(&self, _: SynthesisRequest, _: &CallContext) -> Result<ResultStream<Pcm>> {
        let chunks: Vec<_> = self.0.chunks(RATE / 10).map(|chunk| Ok(Pcm::new(chunk, RATE as u32))).collect();
        Ok(stream::iter(chunks).boxed())
    }
}

/// What was told, and when, in seconds.
pub(crate) type Told = Vec<(f64, LiveEvent)>;

/// How sound comes back from the loudspeaker into the microphone: attenuation, delay in samples, and later reflections.
pub(crate) struct Echo {
    pub(crate) below_db: f64,
}

impl Echo {
    fn heard(&self, played: &[i16], n: usize) -> f64 {
        let gain = 10_f64.powf(-self.below_db / 20.0);
        let reflections = [(640, 1.0), (720, -0.4), (1_010, 0.25), (1_500, -0.12), (2_300, 0.06)];
        let back = |delay: usize| n.checked_sub(delay).and_then(|at| played.get(at)).map_or(0.0, |&s| f64::from(s));
        gain * reflections.iter().map(|&(delay, part)| part * back(delay)).sum::<f64>()
    }
}

/// What our side hears with.
#[derive(Clone)]
pub(crate) struct Ears {
    pub(crate) stt: Arc<dyn SpeechToText>,
    pub(crate) turn_end: Arc<dyn TurnDetector>,
}

/// An agent that says `voice` to everything.
pub(crate) async fn agent(ears: &Ears, voice: Vec<i16>, live: &str) -> Result<VoiceAgent> {
    let config = Config::from_json(&format!(r#"{{ "storage": "memory", "live": {live} }}"#))?;
    let llm = ScriptedLlm::saying("That is well said.").first_after(MODEL);
    let builder = VoiceAgent::builder().config(config).llm(llm).tts(Recorded(voice));
    builder.stt(Timed(Arc::clone(&ears.stt))).turn_detector(TimedEnd(Arc::clone(&ears.turn_end))).build().await
}

/// Lets a session hear `sound` and, if there is an `echo`, itself. The sound of a device without one is thrown away.
pub(crate) async fn hear(agent: &VoiceAgent, sound: &[i16], echo: Option<&Echo>) -> Result<Told> {
    let live = Arc::new(agent.live().output(RATE as u32).start().await?);
    let (start, told) = (Instant::now(), Arc::new(Mutex::new(Told::new())));
    let waiting = Arc::new(Mutex::new(Vec::<i16>::new()));
    let listener = tokio::spawn({
        let (live, told, waiting) = (Arc::clone(&live), Arc::clone(&told), Arc::clone(&waiting));
        async move {
            while let Some(event) = live.next().await {
                match &event {
                    LiveEvent::Audio(pcm) => waiting.lock().unwrap().extend_from_slice(pcm.samples()),
                    LiveEvent::Clear { .. } => waiting.lock().unwrap().clear(),
                    _ => {}
                }
                told.lock().unwrap().push((start.elapsed().as_secs_f64(), event));
            }
        }
    });
    let mut played: Vec<i16> = Vec::new();
    for (n, frame) in sound.chunks(FRAME).enumerate() {
        let begin = played.len();
        {
            let mut waiting = waiting.lock().unwrap();
            let count = waiting.len().min(frame.len());
            played.extend(waiting.drain(..count));
        }
        played.resize(begin + frame.len(), 0);
        let mixed = frame.iter().enumerate().map(|(i, &s)| {
            let back = echo.map_or(0.0, |echo| echo.heard(&played, begin + i));
            clipped(f64::from(s) + back)
        });
        sleep_until(start + Duration::from_millis(20) * (n as u32 + 1)).await;
        live.push_audio(mixed.collect::<Vec<_>>())?;
    }
    sleep(Duration::from_secs(6)).await;
    live.end().await?;
    listener.await.unwrap();
    Ok(Arc::into_inner(told).map(|told| told.into_inner().unwrap()).unwrap_or_default())
}

/// When the user's turns were taken to be over.
pub(crate) fn decisions(told: &Told) -> Vec<f64> {
    let decided = |event: &LiveEvent| matches!(event, LiveEvent::TurnStarted { kind: SpeechKind::Answer, .. });
    told.iter().filter(|(_, event)| decided(event)).map(|(at, _)| *at).collect()
}

/// All that was understood, in order.
pub(crate) fn understood(told: &Told) -> String {
    let turn = |event: &LiveEvent| match event {
        LiveEvent::TurnDone(turn) => Some(LiveTurn::clone(turn).transcript),
        _ => None,
    };
    told.iter().filter_map(|(_, event)| turn(event)).collect::<Vec<_>>().join(" ")
}
