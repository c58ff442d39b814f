//! Every kind of recording that people and recorders produce, and what becomes of it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use voice_core::{
    Audio, AudioLimits, Utterance,
    error::{ErrorCode, ErrorKind, Stage},
};
use voice_tests::corpus;

const OUTCOMES: &str = include_str!("../corpus/outcomes.txt");

fn hear(name: &str) -> voice_core::Result<Utterance> {
    let audio = Audio::from_path(corpus::folder().join(name))?;
    voice_core::audio::prepare(&audio, &AudioLimits::default())
}

/// The best normalised correlation of two pieces of sound within 65 ms of each other.
fn likeness(heard: &[i16], wanted: &[i16]) -> f64 {
    let at_lag = |lag: i32| {
        let by = lag.unsigned_abs() as usize;
        let (heard, wanted) = if lag >= 0 { (heard.get(by..), Some(wanted)) } else { (Some(heard), wanted.get(by..)) };
        let (mut both, mut left, mut right) = (0.0f32, 0.0f32, 0.0f32);
        for (&a, &b) in heard.unwrap_or_default().iter().zip(wanted.unwrap_or_default()).step_by(5) {
            let (a, b) = (f32::from(a) / 32_768.0, f32::from(b) / 32_768.0);
            (both, left, right) = (both + a * b, left + a * a, right + b * b);
        }
        f64::from(both / (left * right).sqrt().max(1e-9))
    };
    (-1_040..=1_040).map(at_lag).fold(0.0, f64::max)
}

/// What is not as intended about one recording, and a line of what was found.
fn judge(intended: &[&str], result: &voice_core::Result<Utterance>, reference: &[i16]) -> (Vec<String>, String) {
    let mut faults = Vec::new();
    let mut fault_if = |is: bool, what: &str| {
        if is {
            faults.push(what.to_owned())
        }
    };
    let row = match result {
        Ok(heard) => {
            let info = &heard.info;
            // From one second in, where every codec has settled, and in the part that all partly heard ones have.
            let piece = 16_000..28_000.min(heard.samples.len());
            let like = likeness(heard.samples.get(piece).unwrap_or_default(), &reference[16_000..28_000]);
            let counted = heard.samples.len() as f64 / 16_000.0;
            fault_if((counted - info.seconds).abs() > 0.001, "the samples do not last as long as was counted");
            match intended {
                ["heard" | "warned", format, codec, seconds] => {
                    let seconds: f64 = seconds.parse().unwrap();
                    fault_if((info.seconds - seconds).abs() > 0.1, "another length");
                    fault_if((&*info.format, &*info.codec) != (*format, *codec), "another format");
                    fault_if(info.warnings.is_empty() != (intended[0] == "heard"), "warnings");
                    fault_if(like < 0.9, "another sound");
                }
                ["partly", format, seconds] => {
                    let seconds: f64 = seconds.parse().unwrap();
                    fault_if(info.seconds < seconds || info.seconds > 6.2, "another length");
                    fault_if(info.format != *format, "another format");
                    fault_if(info.warnings.is_empty(), "no warning");
                    fault_if(like < 0.5, "another sound");
                }
                _ => fault_if(true, "heard"),
            }
            let found = format!("{}/{} {} Hz {}ch", info.format, info.codec, info.sample_rate, info.channels);
            format!("{found:30} {:7.3} {like:6.3}  {}", info.seconds, info.warnings.join("; "))
        }
        Err(error) => {
            let kind = format!("{:?}", error.kind());
            fault_if(intended != ["refused", &*kind], "refused so");
            fault_if(error.code() != ErrorCode::ValidationError, "another code");
            fault_if(error.stage() != Some(Stage::Audio), "another stage");
            format!("{kind:30} {:>7} {:>6}  {}", "", "", error.message())
        }
    };
    (faults, row)
}

#[test]
fn every_kind_of_recording_has_the_intended_outcome() {
    let reference = hear("reference.wav").expect("the reference is heard").samples;
    let table: Vec<Vec<&str>> = OUTCOMES
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_whitespace().collect())
        .collect();
    let mut wrong = Vec::new();
    println!("{:36} {:30} {:>7} {:>6}  warnings or message", "recording", "outcome", "seconds", "like");
    for line in &table {
        let (faults, row) = judge(&line[1..], &hear(line[0]), &reference);
        println!("{:36} {row}", line[0]);
        if !faults.is_empty() {
            wrong.push(format!("{}: {} [{}] {row}", line[0], faults.join(", "), line[1..].join(" ")));
        }
    }
    for file in corpus::files() {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if !table.iter().any(|line| line[0] == name) {
            wrong.push(format!("{name} is in the corpus but not in the table"));
        }
    }
    println!("{} recordings, {} not as intended", table.len(), wrong.len());
    assert!(wrong.is_empty(), "not as intended:\n{}", wrong.join("\n"));
}

#[test]
fn a_file_beyond_the_limits_is_refused() {
    let audio = Audio::from_path(corpus::folder().join("voice.wav")).expect("a file");
    let mut limits = AudioLimits::default();
    limits.max_bytes = 1_000;
    let error = voice_core::audio::prepare(&audio, &limits).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::AudioTooLarge);
    limits = AudioLimits::default();
    limits.max_seconds = 5.9;
    let error = voice_core::audio::prepare(&audio, &limits).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::AudioTooLong);
}

#[test]
fn a_missing_file_is_told_as_such() {
    let error = Audio::from_path("/nowhere/question.wav").expect_err("missing");
    assert_eq!((error.kind(), error.stage()), (ErrorKind::File, Some(Stage::Audio)));
    assert!(error.message().contains("/nowhere/question.wav"));
}

#[test]
fn the_original_is_kept_with_its_real_media_type() {
    let (bytes, media_type) = hear("really-webm.mp3").expect("heard").original.expect("kept");
    assert_eq!(media_type, "audio/webm");
    assert_eq!(bytes, std::fs::read(corpus::folder().join("opus.webm")).unwrap());
}

#[test]
fn plain_samples_go_in_without_a_header() {
    let limits = AudioLimits::default();
    let reference = hear("reference.wav").expect("heard").samples;
    let mono = voice_core::audio::prepare(&Audio::from_pcm(reference.to_vec(), 16_000, 1), &limits).expect("heard");
    assert_eq!(mono.samples, reference);
    let stereo: Vec<f32> = reference.iter().flat_map(|&s| [f32::from(s) / 32_768.0; 2]).collect();
    let mixed = voice_core::audio::prepare(&Audio::from_pcm_f32(stereo, 16_000, 2), &limits).expect("heard");
    assert_eq!(mixed.samples, reference);
    let error = voice_core::audio::prepare(&Audio::from_pcm(vec![], 16_000, 1), &limits).expect_err("empty");
    assert_eq!(error.kind(), ErrorKind::EmptyAudio);
}
