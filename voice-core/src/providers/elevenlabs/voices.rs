//! The voices of an account, as `GET /v2/voices` lists them.

use serde_json::Value;

use super::language::tag;
use crate::{
    provider::{Voice, VoiceGender},
    providers::http::text,
};

/// The most voices of a page.
pub(super) const PAGE: &str = "100";

/// What the labels say that a voice says elsewhere.
const SAID: [&str; 3] = ["gender", "language", "locale"];

/// An entry of the list; `None`: it is no voice.
pub(super) fn voice(entry: &Value) -> Option<Voice> {
    let voice = Voice::new(text(entry, "voice_id")?).with_name(text(entry, "name").unwrap_or_default());
    let labels = entry.get("labels").and_then(Value::as_object);
    let label = |name: &str| labels.and_then(|labels| labels.get(name)?.as_str());
    let own = ["locale", "language"].into_iter().find_map(label).and_then(in_use);
    let verified = entry.get("verified_languages").and_then(Value::as_array).into_iter().flatten();
    let verified = verified.filter_map(|one| in_use(text(one, "locale").or_else(|| text(one, "language"))?));
    let mut voice = own.into_iter().chain(verified).fold(voice, Voice::with_language);
    voice.gender = label("gender").and_then(VoiceGender::from_word);
    voice.description = text(entry, "description").map(str::to_owned);
    voice.preview_url = text(entry, "preview_url").map(str::to_owned);
    let labels = labels.into_iter().flatten().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    let category = text(entry, "category").map(|category| ("category", category));
    let labels = labels.chain(category).filter(|(name, value)| !SAID.contains(name) && !value.trim().is_empty());
    voice.labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Some(voice)
}

/// A code of theirs as a tag, with its region as it is usually written.
fn in_use(code: &str) -> Option<String> {
    let (language, region) = match code.split_once(['-', '_']) {
        Some((language, region)) => (language, Some(region)),
        None => (code, None),
    };
    let language = tag(language)?;
    Some(region.map_or(language.clone(), |region| format!("{language}-{}", region.to_ascii_uppercase())))
}
