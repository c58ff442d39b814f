//! Voices, as `GET /voices` lists them: all at once.

use serde_json::Value;

use super::language::canonical;
use crate::{
    provider::{Voice, VoiceGender},
    providers::http::text,
};

/// An entry of the list; `None`: it is no voice.
pub(super) fn voice(entry: &Value) -> Option<Voice> {
    let voice = Voice::new(text(entry, "name")?);
    let languages = entry.get("languageCodes").and_then(Value::as_array).into_iter().flatten();
    let voice = languages.filter_map(Value::as_str).map(canonical).fold(voice, Voice::with_language);
    Some(voice.with_gender(text(entry, "ssmlGender").and_then(VoiceGender::from_word)))
}

/// The language of voices that are asked for, as Google names it.
pub(super) fn listed(tag: &str) -> String {
    let tag = canonical(tag);
    match tag.split_once('-') {
        None if tag == "zh" => "cmn".to_owned(),
        Some(("zh", region)) => format!("cmn-{region}"),
        _ => tag,
    }
}
