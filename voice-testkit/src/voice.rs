//! Speech made of numbers: words become sound that only the recogniser made with them understands, to the sample. With it, tests of
//! live sessions say what is spoken when, without a recording and without chance.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use voice_core::{
    Pcm, Result, SpeechToText, TextToSpeech, Transcript,
    audio::{VoiceActivity, VoiceActivityDetector},
    provider::{CallContext, ResultStream, SynthesisRequest, TranscribeRequest},
};

/// Samples of a millisecond.
const MS: usize = 16;
/// How long a letter of a word is, and the space after it.
const LETTER: usize = 40 * MS;
/// The loudness of the first word; each word has one of its own.
const FIRST: i16 = 2_000;
/// Every other loudness above this is sound without words.
const NOISE: i16 = 1_500;

/// A speaker and the recogniser that understands it. Clones share their words.
///
/// ```
/// use voice_testkit::Voice;
/// let voice = Voice::new();
/// assert_eq!(voice.say("good morning").len(), (5 + 8) * 40 * 16, "40 ms a letter or space at 16 kHz");
/// assert_eq!(voice.understood(&voice.say("good morning")), "good morning");
/// assert_eq!(voice.understood(&voice.cough(300)), "");
/// ```
#[derive(Clone, Default)]
pub struct Voice {
    words: Arc<Mutex<Words>>,
    delay: Duration,
}

#[derive(Default)]
struct Words {
    known: HashMap<String, i16>,
    heard: Vec<String>,
    delays: HashMap<usize, Duration>,
}

impl Voice {
    /// A voice without a vocabulary: it learns every word that it says.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long its recogniser takes for each utterance. Default: none.
    #[must_use]
    pub fn recognised_after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// How long its recogniser takes for utterance number `n`, from 0.
    #[must_use]
    pub fn late(self, n: usize, delay: Duration) -> Self {
        self.locked().delays.insert(n, delay);
        self
    }

    fn locked(&self) -> MutexGuard<'_, Words> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sound of these words: 40 ms for each letter and for the space after a word, 16 kHz mono.
    #[must_use]
    pub fn say(&self, text: &str) -> Vec<i16> {
        let mut words = self.locked();
        let mut sound = Vec::new();
        for word in text.split_whitespace() {
            let next = FIRST + i16::try_from(words.known.len()).unwrap_or(i16::MAX - FIRST);
            let loudness = *words.known.entry(word.to_owned()).or_insert(next);
            sound.extend((0..length(word)).map(|n| if n % 2 == 0 { loudness } else { -loudness }));
        }
        sound
    }

    /// A sound without words.
    #[must_use]
    pub fn cough(&self, ms: usize) -> Vec<i16> {
        (0..ms * MS).map(|n| if n % 2 == 0 { NOISE } else { -NOISE }).collect()
    }

    /// What the recogniser understands: every word that is there but for its last 20 ms.
    #[must_use]
    pub fn understood(&self, samples: &[i16]) -> String {
        let words = self.locked();
        let named =
            |loudness: i16| words.known.iter().find(|(_, known)| **known == loudness).map(|(word, _)| word.as_str());
        let (mut said, mut rest) = (Vec::new(), samples);
        while let Some(loudness) = rest.first().map(|sample| sample.saturating_abs()) {
            let same = rest.iter().take_while(|sample| sample.saturating_abs() == loudness).count();
            let (run, after) = rest.split_at(same);
            if let Some(word) = named(loudness) {
                // A word that is said twice in a row is as long as two.
                let times = (run.len() + 20 * MS) / length(word);
                said.extend(std::iter::repeat_n(word, times));
            }
            rest = after;
        }
        said.join(" ")
    }

    /// What its recogniser has heard so far, call by call.
    #[must_use]
    pub fn heard(&self) -> Vec<String> {
        self.locked().heard.clone()
    }

    /// The recogniser.
    #[must_use]
    pub fn stt(&self) -> impl SpeechToText + use<> {
        Recogniser(self.clone())
    }

    /// A speaker that says everything in this voice, 16 kHz, in chunks of 100 ms, all at once.
    #[must_use]
    pub fn tts(&self) -> impl TextToSpeech + use<> {
        Speaker(self.clone())
    }

    /// The detector that tells its sound from silence.
    #[must_use]
    pub fn activity(&self) -> VoiceActivity {
        VoiceActivity::new(|| Loud)
    }
}

fn length(word: &str) -> usize {
    (word.chars().count() + 1) * LETTER
}

struct Recogniser(Voice);

#[async_trait]
impl SpeechToText for Recogniser {
    fn name(&self) -> &str {
        "scripted/voice"
    }

    async fn transcribe(&self, request: TranscribeRequest, _: &CallContext) -> Result<ResultStream<Transcript>> {
        let text = self.0.understood(&request.audio.samples);
        let delay = {
            let mut words = self.0.locked();
            let delay = words.delays.get(&words.heard.len()).copied().unwrap_or(self.0.delay);
            words.heard.push(text.clone());
            delay
        };
        tokio::time::sleep(delay).await;
        Ok(stream::once(async { Ok(Transcript::last(text)) }).boxed())
    }
}

struct Speaker(Voice);

#[async_trait]
impl TextToSpeech for Speaker {
    fn name(&self) -> &str {
        "scripted/speaker"
    }

    async fn synthesize(&self, request: SynthesisRequest, _: &CallContext) -> Result<ResultStream<Pcm>> {
        let sound = self.0.say(&request.text);
        let chunks: Vec<_> = sound.chunks(100 * MS).map(|chunk| Ok(Pcm::new(chunk, 16_000))).collect();
        Ok(stream::iter(chunks).boxed())
    }
}

/// Everything that is not quiet is voice.
struct Loud;

impl VoiceActivityDetector for Loud {
    fn frame_samples(&self) -> usize {
        10 * MS
    }

    fn predict(&mut self, frame: &[i16]) -> f32 {
        f32::from(u8::from(frame.iter().any(|sample| sample.unsigned_abs() >= 1_000)))
    }
}
