//! An assistant that is kept in a store: who it is, whose voice and models it uses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    ActionsConfig, AssistantConfig, DEFAULT_SYSTEM_PROMPT, InterpreterConfig, interpreted, parse,
    provider::ProviderConfig,
};
use crate::error::{Error, ErrorKind, Result};

/// Who an assistant is and how it answers. Providers that are left out are the agent's own; whatever else is left out has the default that
/// is named beside it.
///
/// The document is validated when it is written: unknown fields are refused, and an error names the path of the fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name"]))]
#[non_exhaustive]
pub struct Assistant {
    /// Its name, for people: 1–200 characters.
    pub name: String,
    /// What it says when a session starts. Default: nothing.
    pub first_message: Option<String>,
    /// The instructions of the language model. Default: short ones, made for listening; not the agent's.
    pub system_prompt: String,
    /// The language of the conversation (BCP 47), or `auto`. Default `auto`.
    pub language: String,
    /// Whose speech to text: `openai`, `local`, … Default: the agent's.
    pub stt_provider: Option<String>,
    /// Which of its models.
    pub stt_model: Option<String>,
    /// Whose language model. Default: the agent's.
    pub model_provider: Option<String>,
    /// Which of its models.
    pub model_name: Option<String>,
    /// The sampling temperature, 0–2. Default 0.7.
    pub temperature: f64,
    /// The most tokens of one answer. Default 500.
    pub max_tokens: u32,
    /// How many messages of history the language model is shown (0–100). Default 10.
    pub context_messages: u32,
    /// Whose model hears and speaks by itself in live sessions, in place of the three. Default: the agent's, if it has one and
    /// `model_provider` names no other.
    pub realtime_provider: Option<String>,
    /// Which of its models.
    pub realtime_model: Option<String>,
    /// Whose text to speech. Default: the agent's. Beside a `realtime_provider` of the same name, `voice_id` and `voice_settings` are
    /// its.
    pub voice_provider: Option<String>,
    /// Which of its models.
    pub voice_model: Option<String>,
    /// Which voice, by the provider's own name or id.
    pub voice_id: Option<String>,
    /// How the voice speaks: `stability`, `similarity`, `style` (0–1 each) and `speed` (1 is normal), as far as its provider has them,
    /// and what only this provider knows.
    pub voice_settings: Map<String, Value>,
    /// Whether the user's speech stops the reply, in live sessions. Default true.
    pub interruptions_enabled: bool,
    /// Whether noise is taken out of what is heard, in turns and in live sessions. Default false.
    pub background_denoising: bool,
    /// When an answer has one of these phrases, a live session ends once it is spoken: at most 50. Default: the agent's.
    pub end_call_phrases: Vec<String>,
    /// The tools that the language model may call, by the names under which the host offers them: at most 64. Default: all of them.
    pub tools: Vec<String>,
    /// The documents of its organization that answers are drawn from, by their ids: at most 100. `*` stands for all of them.
    /// Default: the agent's own.
    pub knowledge: Vec<String>,
    /// It interprets between two languages instead of answering: a document as `assistant.interpreter` of the config. Default: as the
    /// agent does.
    #[schemars(with = "Option<Map<String, Value>>")]
    pub interpreter: Option<InterpreterConfig>,
    /// What is found in its conversations that has to be acted on: a document as `actions` of the config. Default: what the agent
    /// looks for.
    #[schemars(with = "Option<Map<String, Value>>")]
    pub actions: Option<ActionsConfig>,
}

impl Default for Assistant {
    fn default() -> Self {
        let AssistantConfig { language, max_tokens, .. } = AssistantConfig::default();
        Self {
            name: String::new(),
            first_message: None,
            system_prompt: DEFAULT_SYSTEM_PROMPT.into(),
            language,
            stt_provider: None,
            stt_model: None,
            model_provider: None,
            model_name: None,
            realtime_provider: None,
            realtime_model: None,
            temperature: 0.7,
            max_tokens,
            context_messages: 10,
            voice_provider: None,
            voice_model: None,
            voice_id: None,
            voice_settings: Map::new(),
            interruptions_enabled: true,
            background_denoising: false,
            end_call_phrases: Vec::new(),
            tools: Vec::new(),
            knowledge: Vec::new(),
            interpreter: None,
            actions: None,
        }
    }
}

/// The longest name, and the longest id of a model or a voice, in characters.
const LONGEST_NAME: usize = 200;
/// The longest prompt.
const LONGEST_PROMPT: usize = 100_000;
/// The longest first message: what is said before the user may say anything.
const LONGEST_FIRST_MESSAGE: usize = 4_000;
/// The most bytes of the voice's settings, as JSON.
const LARGEST_SETTINGS: usize = 16 * 1024;

impl Assistant {
    /// An assistant with the defaults.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Reads and validates a document.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`, naming the path of the fault.
    pub fn from_value(document: Value) -> Result<Self> {
        let read = parse::document(document);
        let assistant: Self = read.map_err(|e| Error::new(ErrorKind::InvalidField, e.message()))?;
        assistant.validate()?;
        Ok(assistant)
    }

    /// Reads and validates a JSON document.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`, naming the path of the fault.
    pub fn from_json(document: &str) -> Result<Self> {
        let value = serde_json::from_str(document)
            .map_err(|e| Error::new(ErrorKind::InvalidField, format!("the assistant is not valid JSON: {e}")))?;
        Self::from_value(value)
    }

    /// The JSON schema of the document.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Whether a document may have this field.
    pub(crate) fn has_field(name: &str) -> bool {
        serde_json::to_value(Self::default()).is_ok_and(|document| document.get(name).is_some())
    }

    /// Checks what types cannot: ranges and lengths, and that a model or a voice names its provider.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`, naming the path of the first fault.
    pub fn validate(&self) -> Result<()> {
        length("name", &self.name, 1, LONGEST_NAME)?;
        if self.name.chars().any(char::is_control) || self.name.trim().is_empty() {
            return fault("name: expected something to read, without control characters");
        }
        length("system_prompt", &self.system_prompt, 0, LONGEST_PROMPT)?;
        if let Some(message) = &self.first_message {
            length("first_message", message, 1, LONGEST_FIRST_MESSAGE)?;
            if !message.chars().any(char::is_alphanumeric) {
                return fault("first_message: expected something to say, or leave it out");
            }
        }
        language("language", &self.language)?;
        for (path, provider) in self.providers() {
            word(path, provider)?;
        }
        self.owned("model_name", &self.model_name, "model_provider", &self.model_provider)?;
        self.owned("realtime_model", &self.realtime_model, "realtime_provider", &self.realtime_provider)?;
        self.owned("stt_model", &self.stt_model, "stt_provider", &self.stt_provider)?;
        self.owned("voice_model", &self.voice_model, "voice_provider", &self.voice_provider)?;
        self.owned("voice_id", &self.voice_id, "voice_provider", &self.voice_provider)?;
        number("temperature", self.temperature, 0.0, 2.0)?;
        number("max_tokens", f64::from(self.max_tokens), 1.0, 1_000_000.0)?;
        number("context_messages", f64::from(self.context_messages), 0.0, 100.0)?;
        if !self.voice_settings.is_empty() && self.voice_provider.is_none() {
            return fault("voice_settings: name the voice_provider that they are for");
        }
        check_voice_settings("voice_settings", &self.voice_settings)?;
        list("end_call_phrases", &self.end_call_phrases, 50)?;
        list("tools", &self.tools, 64)?;
        list("knowledge", &self.knowledge, 100)?;
        let parts = interpreted("", &self.language, self.interpreter.as_ref());
        let parts = parts.and_then(|()| self.actions.as_ref().map_or(Ok(()), |actions| actions.validate("actions")));
        parts.map_err(|error| Error::new(ErrorKind::InvalidField, error.message()))
    }

    /// The providers that are named, each with its path.
    pub(crate) fn providers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let named = [
            ("stt_provider", &self.stt_provider),
            ("model_provider", &self.model_provider),
            ("realtime_provider", &self.realtime_provider),
            ("voice_provider", &self.voice_provider),
        ];
        let voices = self.interpreter.iter().flat_map(|interpreter| interpreter.voices.values());
        let voices = voices.filter_map(|voice| Some(("interpreter.voices", voice.provider.as_deref()?)));
        named.into_iter().filter_map(|(path, name)| Some((path, name.as_deref()?))).chain(voices)
    }

    /// The models and voices that are named, each with its path and its provider; `None`: whoever else speaks for the assistant.
    pub(crate) fn names(&self) -> impl Iterator<Item = (String, Option<&str>, &str)> {
        let named = [
            ("stt_model", &self.stt_provider, &self.stt_model),
            ("model_name", &self.model_provider, &self.model_name),
            ("realtime_model", &self.realtime_provider, &self.realtime_model),
            ("voice_model", &self.voice_provider, &self.voice_model),
            ("voice_id", &self.voice_provider, &self.voice_id),
        ];
        let named = named.into_iter().map(|(path, provider, name)| (path.to_owned(), provider, name));
        let voices = self.interpreter.iter().flat_map(|interpreter| &interpreter.voices);
        let voices = voices.flat_map(|(language, voice)| {
            let path = |key: &str| format!("interpreter.voices.{language}.{key}");
            [(path("model"), &voice.provider, &voice.model), (path("voice"), &voice.provider, &voice.voice)]
        });
        named.chain(voices).filter_map(|(path, provider, name)| Some((path, provider.as_deref(), name.as_deref()?)))
    }

    fn owned(&self, path: &str, value: &Option<String>, owner: &str, provider: &Option<String>) -> Result<()> {
        let Some(value) = value else { return Ok(()) };
        if provider.is_none() {
            return fault(format!("{path}: name its {owner} too"));
        }
        length(path, value, 1, LONGEST_NAME)
    }

    /// Speech to text as a config names it; `None`: the agent's.
    pub(crate) fn stt(&self) -> Option<ProviderConfig> {
        provider(self.stt_provider.as_deref()?, &self.stt_model)
    }

    /// The language model as a config names it; `None`: the agent's.
    pub(crate) fn llm(&self) -> Option<ProviderConfig> {
        provider(self.model_provider.as_deref()?, &self.model_name)
    }

    /// The model that hears and speaks by itself as a config names it; `None`: the agent's.
    pub(crate) fn realtime(&self) -> Option<ProviderConfig> {
        let mut config = provider(self.realtime_provider.as_deref()?, &self.realtime_model)?;
        if self.has_the_voice_of_its_realtime() {
            config.voice.clone_from(&self.voice_id);
            config.settings.clone_from(&self.voice_settings);
        }
        Some(config)
    }

    fn has_the_voice_of_its_realtime(&self) -> bool {
        self.realtime_provider.is_some() && self.realtime_provider == self.voice_provider
    }

    /// Text to speech as a config names it; `None`: the agent's.
    pub(crate) fn tts(&self) -> Option<ProviderConfig> {
        if self.has_the_voice_of_its_realtime() {
            return None;
        }
        let mut config = provider(self.voice_provider.as_deref()?, &self.voice_model)?;
        config.voice.clone_from(&self.voice_id);
        config.settings.clone_from(&self.voice_settings);
        Some(config)
    }
}

fn provider(name: &str, model: &Option<String>) -> Option<ProviderConfig> {
    let mut config = ProviderConfig::named(name);
    config.model.clone_from(model);
    Some(config)
}

fn fault<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::new(ErrorKind::InvalidField, message))
}

fn length(path: &str, text: &str, least: usize, most: usize) -> Result<()> {
    let characters = text.chars().count();
    if (least..=most).contains(&characters) {
        return Ok(());
    }
    fault(format!("{path}: {characters} characters; {least} to {most} are accepted"))
}

/// The settings that voices have in common, whoever's they are, and what they can be. Which of them a provider has is told in
/// `docs/providers.md`.
pub(crate) const VOICE_SETTINGS: [(&str, f64, f64); 4] =
    [("stability", 0.0, 1.0), ("similarity", 0.0, 1.0), ("style", 0.0, 1.0), ("speed", 0.1, 10.0)];

/// Checks the settings of a voice, as far as that can be done without its provider.
///
/// # Errors
/// `VALIDATION_ERROR`, naming the path of the first fault.
pub(crate) fn check_voice_settings(path: &str, settings: &Map<String, Value>) -> Result<()> {
    for (name, least, most) in VOICE_SETTINGS {
        let (path, value) = (format!("{path}.{name}"), settings.get(name).unwrap_or(&Value::Null));
        match value.as_f64() {
            Some(value) => number(&path, value, least, most)?,
            None if value.is_null() => {}
            None => return fault(format!("{path}: expected a number from {least} to {most}")),
        }
    }
    let bytes = serde_json::to_string(settings).map_or(usize::MAX, |json| json.len());
    if bytes > LARGEST_SETTINGS {
        return fault(format!("{path}: {bytes} bytes as JSON; at most {LARGEST_SETTINGS} are accepted"));
    }
    Ok(())
}

/// Checks the id of a voice.
///
/// # Errors
/// `VALIDATION_ERROR` when it is empty or too long.
pub(crate) fn check_voice_id(path: &str, id: &str) -> Result<()> {
    length(path, id, 1, LONGEST_NAME)
}

fn number(path: &str, value: f64, least: f64, most: f64) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    fault(format!("{path}: {value} is out of range; {least} to {most} is accepted"))
}

pub(crate) fn language(path: &str, tag: &str) -> Result<()> {
    let parts_are_right =
        tag.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    let begins_right = tag
        .split('-')
        .next()
        .is_some_and(|first| (2..=8).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic()));
    if parts_are_right && begins_right && tag.len() <= 35 {
        return Ok(());
    }
    fault(format!("{path}: expected a language tag, such as en or pt-BR, or auto"))
}

/// The name of a provider: small letters, digits, `-`, `_` and `.`.
fn word(path: &str, name: &str) -> Result<()> {
    let is_right = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    if (1..=64).contains(&name.len()) && name.bytes().all(is_right) {
        return Ok(());
    }
    fault(format!("{path}: expected the name of a provider, such as openai or local"))
}

fn list(path: &str, items: &[String], most: usize) -> Result<()> {
    if items.len() > most {
        return fault(format!("{path}: {} entries; at most {most} are accepted", items.len()));
    }
    for (at, item) in items.iter().enumerate() {
        length(&format!("{path}[{at}]"), item, 1, LONGEST_NAME)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_with_all_fields_comes_back_as_it_was() {
        let document = json!({
            "name": "Baker", "first_message": "Hello!", "system_prompt": "Be brief.", "language": "de-AT",
            "stt_provider": "openai", "stt_model": "gpt-transcribe", "model_provider": "groq", "model_name": "llama",
            "realtime_provider": "openai", "realtime_model": "gpt-realtime-2.1",
            "temperature": 0.3, "max_tokens": 200, "context_messages": 4, "voice_provider": "elevenlabs",
            "voice_model": "flash", "voice_id": "v1", "voice_settings": {"stability": 0.4, "speed": 1.1},
            "interruptions_enabled": false, "background_denoising": true, "end_call_phrases": ["bye"],
            "tools": ["weather"], "knowledge": ["prices"], "actions": null, "interpreter": {
                "languages": ["de", "uk"], "context_utterances": 3, "other_languages": true, "instructions": "A school.",
                "voices": {"uk": {"provider": "google", "model": null, "voice": "v2", "settings": {"speed": 1.2}}},
                "repeat_phrases": {"de": ["Noch einmal"]}
            }
        });
        let assistant = Assistant::from_value(document.clone()).unwrap();
        assert_eq!(serde_json::to_value(&assistant).unwrap(), document);
        assert_eq!(assistant.tts().unwrap().voice.as_deref(), Some("v1"));
    }

    #[test]
    fn a_fault_is_named_by_its_path() {
        let long = "x".repeat(201);
        for (document, says) in [
            (json!({}), "name: 0 characters; 1 to 200"),
            (json!({"name": long}), "name: 201 characters"),
            (json!({"name": "a\u{7}"}), "name: expected something to read"),
            (json!({"name": 3}), "name: expected"),
            (json!({"name": "a", "temprature": 1}), "temprature: there is no such key; did you mean `temperature`?"),
            (json!({"name": "a", "temperature": 2.5}), "temperature: 2.5 is out of range"),
            (json!({"name": "a", "max_tokens": 0}), "max_tokens: 0 is out of range"),
            (json!({"name": "a", "max_tokens": -5}), "max_tokens: expected"),
            (json!({"name": "a", "context_messages": 101}), "context_messages: 101 is out of range"),
            (json!({"name": "a", "language": "English please"}), "language: expected a language tag"),
            (json!({"name": "a", "model_name": "m"}), "model_name: name its model_provider too"),
            (json!({"name": "a", "voice_id": "v"}), "voice_id: name its voice_provider too"),
            (json!({"name": "a", "voice_settings": {"speed": 1}}), "voice_settings: name the voice_provider"),
            (
                json!({"name": "a", "voice_provider": "v", "voice_settings": {"stability": 1.5}}),
                "voice_settings.stability: 1.5 is out of range; 0 to 1",
            ),
            (
                json!({"name": "a", "voice_provider": "v", "voice_settings": {"speed": "fast"}}),
                "voice_settings.speed: expected a number from 0.1 to 10",
            ),
            (json!({"name": "a", "voice_provider": "Not A Name"}), "voice_provider: expected the name"),
            (json!({"name": "a", "first_message": "  "}), "first_message: expected something to say"),
            (json!({"name": "a", "tools": ["ok", ""]}), "tools[1]: 0 characters"),
            (json!({"name": "a", "end_call_phrases": vec!["x"; 51]}), "end_call_phrases: 51 entries"),
            (json!({"name": "a", "interpreter": {"languages": []}}), "interpreter.languages: 0 entries"),
            (json!({"name": "a", "actions": {"confidence": 2}}), "actions.confidence: 2 is out of range"),
            (json!([1]), ""),
        ] {
            let error = Assistant::from_value(document.clone()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidField, "{document}");
            assert!(error.message().starts_with(says), "{document}: {}", error.message());
        }
    }
}
