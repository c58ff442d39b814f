//! The voices of a speech synthesiser: which there are, and what a host says who wants one of them.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// A voice that a provider has.
///
/// As JSON an object with these fields; read back, all but `id` may be missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Voice {
    /// What names it in a config (`voice`), in an assistant (`voice_id`) and for a preview.
    pub id: String,
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// The languages that it speaks (BCP 47), its own first. None: the provider does not say; usually those of its model.
    #[serde(default)]
    pub languages: Vec<String>,
    /// As what it is heard: `female`, `male` or `neutral`; `None`: the provider does not say.
    #[serde(default, deserialize_with = "gender")]
    #[schemars(with = "Option<String>")]
    pub gender: Option<VoiceGender>,
    /// What the provider says of it, in a sentence.
    #[serde(default)]
    pub description: Option<String>,
    /// An address at which anybody hears it, without a key.
    #[serde(default)]
    pub preview_url: Option<String>,
    /// What else the provider says of it, by the provider's own names: `accent`, `age`, `use_case`, …
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// As what a voice is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum VoiceGender {
    /// As a woman's.
    Female,
    /// As a man's.
    Male,
    /// As neither.
    Neutral,
}

impl VoiceGender {
    /// From one of the words in use for it, such as `female`, `MALE`, `feminine` or `gender_neutral`; `None`: any other.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word.trim().to_ascii_lowercase().as_str() {
            "female" | "feminine" | "woman" => Some(Self::Female),
            "male" | "masculine" | "man" => Some(Self::Male),
            "neutral" | "gender_neutral" | "gender-neutral" | "non-binary" | "nonbinary" => Some(Self::Neutral),
            _ => None,
        }
    }
}

fn gender<'de, D: Deserializer<'de>>(word: D) -> Result<Option<VoiceGender>, D::Error> {
    Ok(Option::<String>::deserialize(word)?.as_deref().and_then(VoiceGender::from_word))
}

impl Voice {
    /// A voice of which nothing but its id is known, which is its name, too.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        let id = id.into();
        Self {
            name: id.clone(),
            id,
            languages: Vec::new(),
            gender: None,
            description: None,
            preview_url: None,
            labels: BTreeMap::new(),
        }
    }

    /// Sets what people call it; an empty name leaves it as it is.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        if !name.trim().is_empty() {
            self.name = name;
        }
        self
    }

    /// Adds a language (BCP 47), unless it is there.
    #[must_use]
    pub fn with_language(mut self, tag: impl Into<String>) -> Self {
        let tag = tag.into();
        if !tag.is_empty() && !self.languages.contains(&tag) {
            self.languages.push(tag);
        }
        self
    }

    /// Sets as what it is heard.
    #[must_use]
    pub fn with_gender(mut self, gender: Option<VoiceGender>) -> Self {
        self.gender = gender;
        self
    }

    /// Whether it can be asked to speak a language (BCP 47). One that names no language is; regions count only where both tags
    /// have one: `en-GB` is spoken by voices of `en-GB` and of `en`, `en` by those of every region.
    #[must_use]
    pub fn speaks(&self, tag: &str) -> bool {
        self.languages.is_empty() || self.languages.iter().any(|own| alike(own, tag))
    }
}

/// Names of the same language, the one in use here behind the other.
const SAME: [(&str, &str); 6] = [("nb", "no"), ("nn", "no"), ("fil", "tl"), ("cmn", "zh"), ("iw", "he"), ("jw", "jv")];

/// The language of a tag in lower case, and its region.
fn parts(tag: &str) -> (String, Option<String>) {
    let mut parts = tag.trim().split(['-', '_']).map(str::to_ascii_lowercase);
    let language = parts.next().unwrap_or_default();
    let language = SAME.iter().find(|(name, _)| *name == language).map_or(language, |(_, same)| (*same).to_owned());
    let is_region = |part: &String| match part.len() {
        2 => part.bytes().all(|b| b.is_ascii_alphabetic()),
        3 => part.bytes().all(|b| b.is_ascii_digit()),
        _ => false,
    };
    (language, parts.find(is_region))
}

fn alike(one: &str, other: &str) -> bool {
    let ((one, its_region), (other, other_region)) = (parts(one), parts(other));
    one == other && (its_region.is_none() || other_region.is_none() || its_region == other_region)
}

/// Which voices are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VoicesRequest {
    /// Only those that speak this language (BCP 47), as far as the provider can tell them apart: whoever asks leaves out the others.
    pub language: Option<String>,
    /// Where the page before ended: its [`VoicesPage::next`]. `None`: the first page.
    pub after: Option<String>,
}

impl VoicesRequest {
    /// For the first page, of a language (BCP 47) or of all.
    #[must_use]
    pub fn in_language(language: Option<String>) -> Self {
        Self { language, after: None }
    }

    /// For the page behind the one that ended so.
    #[must_use]
    pub fn after(mut self, next: Option<String>) -> Self {
        self.after = next;
        self
    }
}

/// Some of a provider's voices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VoicesPage {
    /// The voices, in the provider's order.
    pub voices: Vec<Voice>,
    /// What the next page is asked for with; `None`: this is the last.
    pub next: Option<String>,
}

impl VoicesPage {
    /// The only page, or the last.
    #[must_use]
    pub fn last(voices: Vec<Voice>) -> Self {
        Self { voices, next: None }
    }

    /// A page with the way to the next, if there is one.
    #[must_use]
    pub fn with_next(mut self, next: Option<String>) -> Self {
        self.next = next.filter(|next| !next.is_empty());
        self
    }
}

/// One of a provider's voices, and how it is to speak. `Debug` shows which settings there are, not what they hold.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct VoiceChoice {
    /// The voice, by its id; `None`: the provider's own.
    pub id: Option<String>,
    /// How it speaks, as in the `settings` of a config: `stability`, `similarity`, `style`, `speed`, and what only this provider
    /// knows.
    pub settings: Map<String, Value>,
}

impl VoiceChoice {
    /// A voice with settings.
    #[must_use]
    pub fn new(id: Option<String>, settings: Map<String, Value>) -> Self {
        Self { id, settings }
    }

    /// Whether it leaves everything to the provider.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.id.is_none() && self.settings.is_empty()
    }
}

impl fmt::Debug for VoiceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings: Vec<&String> = self.settings.keys().collect();
        f.debug_struct("VoiceChoice").field("id", &self.id).field("settings", &settings).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_speaks_its_languages_in_every_region_that_is_not_told_apart() {
        let voice = |tags: &[&str]| tags.iter().fold(Voice::new("v"), |voice, tag| voice.with_language(*tag));
        for (own, asked, speaks) in [
            (&["en-GB"][..], "en", true),
            (&["en-GB"], "EN_gb", true),
            (&["en-GB"], "en-US", false),
            (&["en"], "en-US", true),
            (&["de", "es-419"], "es-419", true),
            (&["zh-Hans-CN"], "zh-CN", true),
            (&["cmn-TW"], "zh", true),
            (&["nb-NO"], "no", true),
            (&["de"], "en", false),
            (&[], "sw", true),
        ] {
            assert_eq!(voice(own).speaks(asked), speaks, "{own:?} {asked}");
        }
    }

    #[test]
    fn a_voice_is_read_from_as_little_as_its_id() {
        let voice: Voice = serde_json::from_str(r#"{"id": "ann", "gender": "Feminine", "new": 1}"#).unwrap();
        assert_eq!((voice.id.as_str(), voice.gender), ("ann", Some(VoiceGender::Female)));
        let written =
            serde_json::to_value(Voice::new("b").with_gender(VoiceGender::from_word("gender_neutral"))).unwrap();
        assert_eq!((written["gender"].as_str(), written["name"].as_str()), (Some("neutral"), Some("b")));
        assert!(serde_json::from_str::<Voice>(r#"{"name": "Ann"}"#).is_err());
    }
}
