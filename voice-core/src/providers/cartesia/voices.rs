//! Voices, as `GET /voices` lists them.

use serde_json::Value;

use super::language::tag;
use crate::{
    provider::{Voice, VoiceGender},
    providers::http::text,
};

/// The most voices of a page.
pub(super) const PAGE: &str = "100";

/// An entry of the list; `None`: it is no voice. Its recorded preview cannot be heard without the key, so it is not named.
pub(super) fn voice(entry: &Value) -> Option<Voice> {
    let voice = Voice::new(text(entry, "id")?).with_name(text(entry, "name").unwrap_or_default());
    let locales = entry.get("locales").and_then(Value::as_array).into_iter().flatten();
    let locales = locales.filter_map(|one| text(one, "locale").map(str::to_owned));
    let mut voice = locales.fold(voice, Voice::with_language);
    if voice.languages.is_empty() {
        voice.languages.extend(text(entry, "language").and_then(tag));
    }
    voice.gender = text(entry, "gender").and_then(VoiceGender::from_word);
    voice.description = text(entry, "description").map(str::to_owned);
    voice.labels.extend(text(entry, "country").map(|country| ("country".to_owned(), country.to_owned())));
    Some(voice)
}
