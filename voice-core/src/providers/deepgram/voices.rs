//! Voices, as `GET /v1/models` lists them among the models: all at once.

use serde_json::Value;

use crate::{
    provider::{Voice, VoiceGender},
    providers::http::text,
};

/// What cannot be spoken with over `/v1/speak`, by the beginning of its name.
const ELSEWHERE: &str = "flux";

/// An entry of the list; `None`: it is no voice that speaks here.
pub(super) fn voice(entry: &Value) -> Option<Voice> {
    let id = text(entry, "canonical_name").filter(|id| !id.starts_with(ELSEWHERE))?;
    let voice = Voice::new(id).with_name(text(entry, "name").unwrap_or_default());
    let languages = entry.get("languages").and_then(Value::as_array).into_iter().flatten();
    let mut voice = languages.filter_map(Value::as_str).fold(voice, Voice::with_language);
    let Some(more) = entry.get("metadata") else { return Some(voice) };
    let words = |field: &str| {
        let words = more.get(field).and_then(Value::as_array).into_iter().flatten();
        words.filter_map(Value::as_str).collect::<Vec<_>>()
    };
    let tags = words("tags");
    voice.gender = tags.iter().find_map(|tag| VoiceGender::from_word(tag));
    voice.preview_url = text(more, "sample").map(str::to_owned);
    let joined = |words: Vec<&str>| words.join(", ");
    let labels = [
        ("accent", text(more, "accent").unwrap_or_default().to_owned()),
        ("age", text(more, "age").unwrap_or_default().to_owned()),
        ("tags", joined(tags)),
        ("use_cases", joined(words("use_cases"))),
    ];
    voice.labels.extend(labels.into_iter().filter(|(_, value)| !value.is_empty()).map(|(k, v)| (k.to_owned(), v)));
    Some(voice)
}
