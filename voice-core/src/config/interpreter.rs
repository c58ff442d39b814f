//! An agent that interprets between two languages instead of answering.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{assistant, invalid, range};
use crate::error::{Error, Result};

/// The longest instructions, in characters.
const LONGEST_INSTRUCTIONS: usize = 10_000;
/// The most phrases of one language.
const MOST_PHRASES: usize = 100;

/// The agent is an interpreter between two languages: whatever is said in the one is said again in the other, and nothing is
/// answered.
///
/// The system prompt is then the interpreter's own, the temperature is 0, and no tools are offered. Both wordings are kept in the
/// history, each with its language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct InterpreterConfig {
    /// The two languages (BCP 47). Default `en` and `es`.
    pub languages: Vec<String>,
    /// Who speaks which language, by its tag. Default: the agent's own voice, which is told the language.
    pub voices: BTreeMap<String, InterpreterVoice>,
    /// How many of the latest utterances the language model is shown with their interpretations, so that it knows what pronouns
    /// refer to (0–50). Default 6.
    pub context_utterances: u32,
    /// What is said in another language: true, it is interpreted into the first of the two; false, it is kept and not spoken.
    /// Default false.
    pub other_languages: bool,
    /// What asks for the last interpretation again when nothing else is said, by language tag; more than the built-in ones.
    pub repeat_phrases: BTreeMap<String, Vec<String>>,
    /// What the language model is told besides: the setting, names, how terms are to be said.
    pub instructions: Option<String>,
}

impl Default for InterpreterConfig {
    fn default() -> Self {
        Self {
            languages: vec!["en".into(), "es".into()],
            voices: BTreeMap::new(),
            context_utterances: 6,
            other_languages: false,
            repeat_phrases: BTreeMap::new(),
            instructions: None,
        }
    }
}

/// Who speaks one of an interpreter's languages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct InterpreterVoice {
    /// Whose text to speech. Default: the first that the agent or its assistant names.
    pub provider: Option<String>,
    /// Which of its models.
    pub model: Option<String>,
    /// Which voice, by the provider's own name or id.
    pub voice: Option<String>,
    /// What only this provider knows, such as `speed`.
    pub settings: Map<String, Value>,
}

impl InterpreterConfig {
    /// Between these two languages (BCP 47), with the defaults.
    #[must_use]
    pub fn between(first: impl Into<String>, second: impl Into<String>) -> Self {
        Self { languages: vec![first.into(), second.into()], ..Self::default() }
    }

    /// The part of a tag that says which language it is, in lower case: `es` of `es-MX`.
    pub(crate) fn primary(tag: &str) -> String {
        tag.split(['-', '_']).next().unwrap_or_default().to_lowercase()
    }

    /// Checks what types cannot. `path` is where it stands in its document.
    pub(super) fn validate(&self, path: &str) -> Result<()> {
        let [first, second] = &self.languages[..] else {
            return Err(invalid(format!("{path}.languages: {} entries; two are accepted", self.languages.len())));
        };
        for (at, tag) in self.languages.iter().enumerate() {
            assistant::language(&format!("{path}.languages[{at}]"), tag).map_err(wrong)?;
        }
        if Self::primary(first) == Self::primary(second) {
            return Err(invalid(format!("{path}.languages: expected two different languages")));
        }
        let known = |key: &str, tag: &str| {
            if self.languages.iter().any(|language| language == tag) {
                return Ok(());
            }
            Err(invalid(format!("{path}.{key}.{tag}: it is neither {first} nor {second}, the languages")))
        };
        for (tag, voice) in &self.voices {
            known("voices", tag)?;
            if voice.provider.as_deref().is_some_and(|name| name.trim().is_empty()) {
                return Err(invalid(format!("{path}.voices.{tag}.provider: expected the name of a provider")));
            }
        }
        for (tag, phrases) in &self.repeat_phrases {
            known("repeat_phrases", tag)?;
            if phrases.len() > MOST_PHRASES {
                let (count, key) = (phrases.len(), format!("{path}.repeat_phrases.{tag}"));
                return Err(invalid(format!("{key}: {count} entries; at most {MOST_PHRASES} are accepted")));
            }
        }
        let characters = self.instructions.as_deref().map_or(0, |text| text.chars().count());
        if characters > LONGEST_INSTRUCTIONS {
            let most = format!("at most {LONGEST_INSTRUCTIONS} are accepted");
            return Err(invalid(format!("{path}.instructions: {characters} characters; {most}")));
        }
        range(&format!("{path}.context_utterances"), f64::from(self.context_utterances), 0.0, 50.0)
    }
}

/// A fault of a document as one of a config.
fn wrong(error: Error) -> Error {
    invalid(error.message().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::Config;

    #[test]
    fn a_fault_is_named_by_its_path() {
        for (document, says) in [
            (json!({"languages": ["en"]}), "assistant.interpreter.languages: 1 entries; two are accepted"),
            (
                json!({"languages": ["en", "en-GB"]}),
                "assistant.interpreter.languages: expected two different languages",
            ),
            (json!({"languages": ["en", "?"]}), "assistant.interpreter.languages[1]: expected a language tag"),
            (json!({"voices": {"fr": {}}}), "assistant.interpreter.voices.fr: it is neither en nor es"),
            (json!({"repeat_phrases": {"fr": []}}), "assistant.interpreter.repeat_phrases.fr: it is neither"),
            (json!({"context_utterances": 51}), "assistant.interpreter.context_utterances: 51 is out of range"),
            (json!({"language": "en"}), "assistant.interpreter.language: there is no such key; did you mean"),
        ] {
            let document = json!({"assistant": {"interpreter": document}}).to_string();
            let error = Config::from_json(&document).unwrap_err();
            assert!(error.message().starts_with(says), "{document}: {}", error.message());
        }
    }

    #[test]
    fn the_language_of_an_interpreter_is_one_of_its_two() {
        let document = |language: &str| {
            let interpreter = json!({"languages": ["en", "es"]});
            json!({"assistant": {"language": language, "interpreter": interpreter}}).to_string()
        };
        assert!(Config::from_json(&document("auto")).is_ok() && Config::from_json(&document("es-MX")).is_ok());
        let error = Config::from_json(&document("fr")).unwrap_err();
        assert!(error.message().starts_with("assistant.language: fr is not one of"), "{}", error.message());
    }
}
