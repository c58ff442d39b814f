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
    provider::{
        CallContext, ListenRequest, ResultStream, SpokenSound, SttCapabilities, SynthesisRequest, TranscribeRequest,
    },
};

use crate::scripted::{Fault, Step};

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
    /// How long a word takes to be told while it is spoken, where that is done at all.
    streams: Option<Duration>,
}

#[derive(Default)]
struct Words {
    known: HashMap<String, i16>,
    heard: Vec<String>,
    delays: HashMap<usize, Duration>,
    listened: Vec<String>,
    /// How many streams were opened, and how many of them are open.
    streams: usize,
    listening: usize,
    sound: Duration,
    faults: HashMap<usize, Step>,
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

    /// Its recogniser listens while it is spoken, and tells every word so long after it was said. What was set for utterances
    /// holds for their final transcripts, which are numbered by themselves.
    #[must_use]
    pub fn streaming(mut self, delay: Duration) -> Self {
        self.streams = Some(delay);
        self
    }

    /// What goes wrong in the stream of utterance number `n`, from 0, after so many interim transcripts.
    #[must_use]
    pub fn stream(self, n: usize, step: Step) -> Self {
        self.locked().faults.insert(n, step);
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
        let mut ear = Ear::default();
        ear.hear(&self.locked(), samples);
        ear.understood(&self.locked())
    }

    /// What its recogniser has heard so far, call by call, of whole utterances.
    #[must_use]
    pub fn heard(&self) -> Vec<String> {
        self.locked().heard.clone()
    }

    /// What its recogniser has heard so far to its end while it was spoken.
    #[must_use]
    pub fn listened(&self) -> Vec<String> {
        self.locked().listened.clone()
    }

    /// To how many utterances its recogniser is listening, and how much sound it was given to listen to so far.
    #[must_use]
    pub fn listening(&self) -> (usize, Duration) {
        let words = self.locked();
        (words.listening, words.sound)
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

/// Understands sound as it comes.
#[derive(Default)]
struct Ear {
    said: Vec<String>,
    /// The latest sound of one loudness, and how long it is.
    run: (i16, usize),
}

impl Ear {
    fn hear(&mut self, words: &Words, samples: &[i16]) {
        let mut rest = samples;
        while let Some(loudness) = rest.first().map(|sample| sample.saturating_abs()) {
            let same = rest.iter().take_while(|sample| sample.saturating_abs() == loudness).count();
            if self.run.0 != loudness {
                let run: Vec<String> = self.latest(words).map(str::to_owned).collect();
                self.said.extend(run);
                self.run = (loudness, 0);
            }
            self.run.1 += same;
            rest = &rest[same..];
        }
    }

    fn understood(&self, words: &Words) -> String {
        let said = self.said.iter().map(String::as_str).chain(self.latest(words));
        said.collect::<Vec<_>>().join(" ")
    }

    /// The word that the latest sound is; one that is said twice in a row is as long as two.
    fn latest<'a>(&self, words: &'a Words) -> impl Iterator<Item = &'a str> {
        let (loudness, samples) = self.run;
        let word = words.known.iter().find(|(_, known)| **known == loudness).map(|(word, _)| word.as_str());
        let times = word.map_or(0, |word| (samples + 20 * MS) / length(word));
        std::iter::repeat_n(word.unwrap_or_default(), times)
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

    fn capabilities(&self) -> SttCapabilities {
        SttCapabilities::default().with_streaming(self.0.streams.is_some())
    }

    async fn listen(&self, _: ListenRequest, sound: SpokenSound, _: &CallContext) -> Result<ResultStream<Transcript>> {
        let fault = {
            let mut words = self.0.locked();
            let number = words.streams;
            words.streams += 1;
            words.listening += 1;
            words.faults.get(&number).cloned()
        };
        if let Some(Step { after: 0, fault: Fault::Fail(error) }) = fault {
            self.0.locked().listening -= 1;
            return Err(error);
        }
        let listener = Listener {
            voice: self.0.clone(),
            sound,
            ear: Ear::default(),
            told: String::new(),
            count: 0,
            fault,
            over: false,
        };
        Ok(stream::unfold(listener, |mut l| async move { l.next().await.map(|item| (item, l)) }).boxed())
    }
}

/// One utterance that is recognised while it is spoken.
struct Listener {
    voice: Voice,
    sound: SpokenSound,
    ear: Ear,
    told: String,
    count: usize,
    fault: Option<Step>,
    over: bool,
}

impl Listener {
    async fn next(&mut self) -> Option<Result<Transcript>> {
        if self.over {
            return None;
        }
        if let Some(Step { after, fault }) = &self.fault
            && *after == self.count
        {
            self.over = true;
            match fault {
                Fault::Fail(error) => return Some(Err(error.clone())),
                Fault::Hang => std::future::pending().await,
                #[allow(clippy::panic)]
                Fault::Panic => panic!("scripted panic"),
                Fault::End => return None,
            }
        }
        while let Some(pcm) = self.sound.next().await {
            let understood = {
                let mut words = self.voice.locked();
                words.sound += pcm.duration();
                self.ear.hear(&words, pcm.samples());
                self.ear.understood(&words)
            };
            if understood != self.told {
                self.told.clone_from(&understood);
                self.count += 1;
                tokio::time::sleep(self.voice.streams.unwrap_or_default()).await;
                return Some(Ok(Transcript::interim(understood)));
            }
        }
        self.over = true;
        let (text, delay) = {
            let mut words = self.voice.locked();
            let text = self.ear.understood(&words);
            let delay = words.delays.get(&words.listened.len()).copied().unwrap_or(self.voice.delay);
            words.listened.push(text.clone());
            (text, delay)
        };
        tokio::time::sleep(delay).await;
        Some(Ok(Transcript::last(text)))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.voice.locked().listening -= 1;
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
