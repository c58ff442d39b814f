//! When OpenAI's models end, and what replaces them.
//!
//! Source: OpenAI's deprecations page and the notes in its Python SDK 3.52.0, as of 21 November 2026.

use std::{collections::HashSet, sync::Mutex, sync::PoisonError};

use jiff::civil::Date;

use crate::time::{Clock, SystemClock};

/// The end of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shutdown {
    /// The first day without it, `YYYY-MM-DD`.
    pub date: &'static str,
    /// What OpenAI names in its place, if anything.
    pub successor: Option<&'static str>,
}

const SPEECH: Option<&str> = Some("gpt-realtime-2.1-mini over the Realtime API");
const REALTIME: Option<&str> = Some("gpt-realtime-2.1");
const REALTIME_MINI: Option<&str> = Some("gpt-realtime-2.1-mini");
const TRANSCRIBE: Option<&str> = Some("gpt-transcribe");
const CHAT: Option<&str> = Some("gpt-6-luna");

/// Exact models; their dated snapshots (`name-2025-12-15`) share their fate.
const MODELS: &[(&str, &str, Option<&str>)] = &[
    ("gpt-3.5-turbo", "2026-10-23", CHAT),
    ("gpt-3.5-turbo-16k", "2026-10-23", CHAT),
    ("gpt-4", "2026-10-23", CHAT),
    ("gpt-4-32k", "2026-10-23", CHAT),
    ("gpt-4-turbo", "2026-10-23", CHAT),
    ("gpt-4-turbo-preview", "2026-10-23", CHAT),
    ("o1", "2026-10-23", CHAT),
    ("o4-mini", "2026-10-23", CHAT),
    ("gpt-5", "2026-12-11", Some("gpt-5.6-sol")),
    ("gpt-5-mini", "2026-12-11", Some("gpt-5.6-sol")),
    ("gpt-5-nano", "2026-12-11", Some("gpt-5.6-sol")),
    ("o3", "2026-12-11", Some("gpt-5.6-sol")),
    ("tts-1", "2027-01-06", SPEECH),
    ("tts-1-hd", "2027-01-06", SPEECH),
    ("gpt-4o-mini-tts", "2027-01-06", SPEECH),
    ("gpt-4o", "2027-01-14", CHAT),
    ("gpt-4o-mini", "2027-01-14", CHAT),
    ("gpt-4.1", "2027-01-14", CHAT),
    ("gpt-4.1-mini", "2027-01-14", CHAT),
    ("gpt-realtime", "2027-01-20", REALTIME),
    ("gpt-realtime-mini", "2027-01-20", REALTIME_MINI),
    ("gpt-audio-mini", "2027-01-20", REALTIME_MINI),
    ("whisper-1", "2027-02-26", TRANSCRIBE),
    ("gpt-4o-transcribe", "2027-02-26", TRANSCRIBE),
    ("gpt-4o-mini-transcribe", "2027-02-26", TRANSCRIBE),
    ("gpt-4o-transcribe-diarize", "2027-02-26", None),
    ("gpt-5.1", "2027-04-01", None),
    ("gpt-5.4-nano", "2027-04-01", None),
];

/// When OpenAI ends `model`, if that is known.
#[must_use]
pub fn shutdown_of(model: &str) -> Option<Shutdown> {
    MODELS
        .iter()
        .find(|(name, ..)| *name == without_snapshot(model))
        .map(|&(_, date, successor)| Shutdown { date, successor })
}

/// A model's name without the date of its snapshot: `-2025-12-15`, or `-0613` as it was written long ago.
fn without_snapshot(model: &str) -> &str {
    let digits = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
    if let Some((rest, day)) = model.rsplit_once('-')
        && let Some((rest, month)) = rest.rsplit_once('-')
        && let Some((name, year)) = rest.rsplit_once('-')
        && digits(year, 4)
        && digits(month, 2)
        && digits(day, 2)
    {
        return name;
    }
    match model.rsplit_once('-') {
        Some((name, tail)) if digits(tail, 4) => name,
        _ => model,
    }
}

/// Warns, once in the life of the process for each model, when its end is known.
pub(super) fn warn_once(model: &str) {
    static WARNED: Mutex<Option<HashSet<String>>> = Mutex::new(None);

    let Some(end) = shutdown_of(model) else { return };
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    if !warned.get_or_insert_default().insert(model.to_owned()) {
        return;
    }
    let gone = end.date.parse::<Date>().is_ok_and(|d| SystemClock.now().to_zoned(jiff::tz::TimeZone::UTC).date() >= d);
    let successor = end.successor.unwrap_or("none named");
    if gone {
        tracing::warn!(model, date = end.date, successor, "OpenAI has shut this model down; configure its successor");
    } else {
        tracing::warn!(model, date = end.date, successor, "OpenAI will shut this model down; configure its successor");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_date_is_a_date() {
        for (name, date, _) in MODELS {
            assert!(date.parse::<Date>().is_ok(), "{name}");
        }
    }

    #[test]
    fn snapshots_end_with_their_model_and_relatives_do_not() {
        let date = |model: &str| shutdown_of(model).map(|s| s.date);
        assert_eq!(date("gpt-4o-mini-tts-2025-12-15"), Some("2027-01-06"));
        assert_eq!(date("gpt-3.5-turbo-0125"), Some("2026-10-23"));
        assert_eq!(date("gpt-realtime-2025-08-28"), Some("2027-01-20"));
        assert_eq!(date("gpt-realtime-2.1-mini"), None);
        assert_eq!(date("gpt-6-luna"), None);
        assert_eq!(date("gpt-transcribe"), None);
        assert_eq!(date("gpt-5.6-sol"), None);
    }
}
