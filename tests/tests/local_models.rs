//! The real models, from the directory that `VOICE_CORE_MODELS` names (`cargo xtask test` fetches them first).

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed expectation is a failed test")]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use voice_core::{
    ErrorKind, Transcript, Utterance,
    provider::{CallContext, SpeechToText, TranscribeRequest},
    providers::local::{ModelDir, MoonshineStt, WhisperStt},
};
use voice_testkit::words::word_errors;

/// What is said in `two_cities.wav`, recorded by a human.
const TWO_CITIES: &str = "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of \
    foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the season \
    of Darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had nothing before \
    us, we were all going direct to Heaven, we were all going direct the other way – in short, the period was so far like \
    the present period, that some of its noisiest authorities insisted on its being received, for good or for evil, in the \
    superlative degree of comparison only.";

/// What is said in `beckett.wav`, recorded by a human.
const BECKETT: &str = "Ever tried? Ever failed? No matter. Try again. Fail again. Fail better.";

fn models() -> ModelDir {
    ModelDir::locate().unwrap()
}

fn moonshine() -> MoonshineStt {
    MoonshineStt::tiny_en(&models()).unwrap()
}

/// A 16-bit mono WAV file at 16 or 48 kHz, as 16 kHz samples.
fn recording(name: &str) -> Vec<i16> {
    let bytes = std::fs::read(models().file(&format!("test-audio/{name}")).unwrap()).unwrap();
    let rate = u32::from_le_bytes(bytes[24..28].try_into().unwrap());
    let data = bytes.windows(4).position(|w| w == b"data").unwrap() + 8;
    let samples: Vec<i16> = bytes[data..].chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    let step = (rate / 16_000) as usize;
    samples.chunks_exact(step).map(|c| (c.iter().map(|&s| i32::from(s)).sum::<i32>() / step as i32) as i16).collect()
}

async fn all(stt: &dyn SpeechToText, samples: Vec<i16>) -> Vec<Transcript> {
    let request = TranscribeRequest::new(Utterance::from_samples(samples));
    let stream = stt.transcribe(request, &CallContext::new()).await.unwrap();
    stream.map(Result::unwrap).collect().await
}

async fn text(stt: &dyn SpeechToText, samples: Vec<i16>) -> String {
    let transcripts = all(stt, samples).await;
    let finals: Vec<_> = transcripts.iter().filter(|t| t.is_final).collect();
    assert_eq!(finals.len(), 1, "exactly one final transcript");
    assert!(transcripts.last().unwrap().is_final, "the final transcript is the last");
    finals[0].text.clone()
}

/// Noise whose samples are as good as independent, from a fixed seed.
fn noise(seconds: usize, amplitude: i32) -> Vec<i16> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..seconds * 16_000)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((state >> 33) as i32 % (2 * amplitude + 1) - amplitude) as i16
        })
        .collect()
}

#[tokio::test]
async fn a_human_recording_is_transcribed_with_at_most_five_percent_word_errors() {
    let stt = moonshine();
    for (name, said) in [("two_cities.wav", TWO_CITIES), ("beckett.wav", BECKETT)] {
        let samples = recording(name);
        let (seconds, start) = (samples.len() as f64 / 16_000.0, Instant::now());
        let heard = text(&stt, samples).await;
        let errors = word_errors(said, &heard);
        println!("{name}: WER {:.1} %, RTF {:.3}, {heard}", errors * 100.0, start.elapsed().as_secs_f64() / seconds);
        assert!(errors <= 0.05, "{name}: {errors:.3} word errors in: {heard}");
    }
}

#[tokio::test]
async fn five_minutes_are_transcribed_in_parts_with_interim_transcripts_that_only_grow() {
    let once = recording("two_cities.wav");
    let times = 300 * 16_000 / once.len();
    let transcripts = all(&moonshine(), once.repeat(times)).await;
    let (last, interim) = transcripts.split_last().unwrap();
    let errors = word_errors(&vec![TWO_CITIES; times].join(" "), &last.text);
    println!("{} interim transcripts, WER {:.1} %", interim.len(), errors * 100.0);
    assert!(errors <= 0.10, "{errors:.3} word errors");
    assert!(interim.len() >= times, "{} interim transcripts", interim.len());
    for pair in transcripts.windows(2) {
        assert!(pair[1].text.starts_with(&pair[0].text));
    }
    assert!(interim.iter().all(|t| !t.is_final) && last.is_final);
}

#[tokio::test]
async fn silence_and_noise_give_an_empty_transcript() {
    let stt = moonshine();
    let hum: Vec<i16> = (0..5 * 16_000).map(|i| ((i as f32 * 0.0196).sin() * 6000.0) as i16).collect();
    let mut clicks = vec![0_i16; 5 * 16_000];
    clicks.iter_mut().step_by(8_000).for_each(|s| *s = 25_000);
    let swell = |i: usize| 0.55 + 0.45 * (i as f32 / 2_600.0).sin();
    let swelling = noise(5, 8_000).iter().enumerate().map(|(i, &s)| (f32::from(s) * swell(i)) as i16).collect();
    let ring = (0..5 * 16_000).map(|i| ((i as f32 * 0.173).sin() * swell(i) * 6000.0) as i16).collect();
    for (name, samples) in [
        ("silence", vec![0; 3 * 16_000]),
        ("nothing at all", Vec::new()),
        ("a quiet room", noise(5, 30)),
        ("soft noise", noise(5, 400)),
        ("loud noise", noise(5, 8_000)),
        ("mains hum", hum),
        ("clicks", clicks),
        ("noise that swells", swelling),
        ("a ringing tone", ring),
    ] {
        let heard = text(&stt, samples).await;
        assert_eq!(heard, "", "{name}");
    }
}

#[tokio::test]
async fn speech_in_a_noisy_room_is_still_heard() {
    let samples: Vec<i16> =
        recording("beckett.wav").iter().zip(noise(30, 250)).map(|(s, n)| s.saturating_add(n)).collect();
    let heard = text(&moonshine(), samples).await;
    let errors = word_errors(BECKETT, &heard);
    assert!(errors <= 0.35, "{errors:.2} word errors in: {heard}");
}

#[tokio::test]
async fn a_dropped_call_stops_working_at_once() {
    let stt = moonshine();
    stt.warm_up().await.unwrap();
    let samples = recording("two_cities.wav").repeat(6);
    let request = TranscribeRequest::new(Utterance::from_samples(samples));
    let ctx = CallContext::new();
    let mut stream = stt.transcribe(request, &ctx).await.unwrap();
    assert!(stream.next().await.unwrap().is_ok(), "work has begun");
    ctx.cancel.cancel();
    let start = Instant::now();
    let mut end = None;
    while let Some(item) = stream.next().await {
        end = Some(item);
    }
    assert_eq!(end.unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(start.elapsed() < Duration::from_secs(5), "stopped only after {:?}", start.elapsed());
}

#[tokio::test]
async fn one_network_serves_many_callers_at_once() {
    let (a, b) = (moonshine(), moonshine());
    let (one, two) = tokio::join!(text(&a, recording("beckett.wav")), text(&b, recording("beckett.wav")));
    assert_eq!(one, two);
    assert!(!one.is_empty());
}

#[tokio::test]
async fn another_language_is_refused_by_name() {
    let request = TranscribeRequest::new(Utterance::from_samples(vec![0; 16_000])).with_language(Some("es".into()));
    let error = moonshine().transcribe(request, &CallContext::new()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::RejectedByProvider);
    assert!(error.message().contains("es"), "{error}");
}

#[test]
fn missing_files_are_an_error_that_says_which_command_fetches_them() {
    let error = MoonshineStt::tiny_en(&ModelDir::new(Path::new("/nowhere"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelMissing);
    assert!(error.message().contains("voice-core models fetch"), "{error}");
}

fn whisper() -> WhisperStt {
    WhisperStt::open(models().path().join("whisper-tiny-en")).unwrap()
}

#[tokio::test]
async fn whisper_hears_a_human_as_well() {
    let heard = text(&whisper(), recording("beckett.wav")).await;
    assert!(word_errors(BECKETT, &heard) < 0.1, "{heard}");
}

#[tokio::test]
async fn an_english_whisper_says_so_and_refuses_another_language() {
    let stt = whisper();
    assert_eq!(stt.capabilities().languages, ["en"]);
    assert!(!stt.capabilities().detects_language);
    let request = TranscribeRequest::new(Utterance::from_samples(vec![0; 16_000])).with_language(Some("de".into()));
    let error = stt.transcribe(request, &CallContext::new()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::RejectedByProvider);
}

#[tokio::test]
async fn a_folder_without_a_whisper_in_it_is_told() {
    let error = WhisperStt::open(models().path().join("nobody-here")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelMissing);
    assert!(error.message().contains("model.safetensors"), "{error}");
}
