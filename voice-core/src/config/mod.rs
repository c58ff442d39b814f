//! The one config document: the same in every language, in a JSON or TOML file, and from the environment.
//!
//! What is left out has a sensible default. A key that does not exist is an error that names its path and the nearest right
//! one. What the document says stands above the environment; what code sets stands above both.

mod accounts;
mod actions;
mod assistant;
mod environment;
mod interpreter;
mod knowledge;
mod live;
mod mcp;
mod parse;
mod provider;
mod recordings;
mod telemetry;
mod webhooks;

pub use accounts::{AccountsConfig, RetentionConfig};
pub(crate) use actions::BUILT_IN as BUILT_IN_ACTIONS;
pub use actions::{ActionDefinition, ActionsConfig};
pub use assistant::Assistant;
#[cfg(any(feature = "_http", feature = "local"))]
pub(crate) use assistant::VOICE_SETTINGS;
pub(crate) use assistant::{check_voice_id, check_voice_settings, language as check_language};
pub use interpreter::{InterpreterConfig, InterpreterVoice};
pub(crate) use knowledge::ALL as ALL_DOCUMENTS;
pub use knowledge::KnowledgeConfig;
pub use live::{
    ConversationOptions, EndpointingOptions, InputOptions, InterruptionOptions, LiveConfig, OutputOptions, Pacing,
    Recognition, TurnDetection, VadOptions,
};
pub use mcp::McpServerConfig;
pub use provider::{ProviderConfig, ProviderList};
pub use recordings::{RecordingFormat, RecordingsConfig};
pub use telemetry::TelemetryConfig;
pub use webhooks::WebhooksConfig;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    audio::AudioLimits,
    cost::PricesConfig,
    error::{Error, ErrorKind, Result},
    layer::{CircuitBreakerOptions, RateLimitOptions, RetryOptions, TimeoutOptions},
    secret::Secret,
};

/// What `log_level` may be.
const LOG_LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// The configuration of an agent. See the [module](self) for where it comes from.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Speech to text: one provider, or several tried in order. Default: the local one.
    pub stt: Option<ProviderList>,
    /// The language model: one provider, or several tried in order. Default: the local one.
    pub llm: Option<ProviderList>,
    /// Text to speech: one provider, or several tried in order. Default: the local one.
    pub tts: Option<ProviderList>,
    /// A model that hears and speaks by itself: it holds live sessions in place of the three. What of them is not named then is left
    /// out; one-shot turns need them. Default: none.
    pub realtime: Option<ProviderList>,
    /// Where conversations are kept: `sqlite:PATH`, `postgres://…`, `mongodb://…`, `memory`. Default: `DATABASE_URL`, else an SQLite file in the user's data
    /// folder.
    pub storage: Option<String>,
    /// Who the agent is.
    pub assistant: AssistantConfig,
    /// What is found in conversations that has to be acted on. Default: nothing is looked for.
    pub actions: Option<ActionsConfig>,
    /// Servers of the Model Context Protocol whose tools the language model may call, by names of your own. Default: none.
    pub mcp_servers: BTreeMap<String, McpServerConfig>,
    /// Which documents answers are drawn from. Default: none.
    pub knowledge: KnowledgeConfig,
    /// Organizations, users and their keys.
    pub accounts: AccountsConfig,
    /// How long things are kept.
    pub retention: RetentionConfig,
    /// How live sessions take turns and behave.
    pub live: LiveConfig,
    /// Whether the sound of turns is kept, and where. Default: it is not.
    pub recordings: Option<RecordingsConfig>,
    /// What is accepted, and for how long.
    pub limits: LimitsConfig,
    /// When a failed attempt at a provider is made again.
    pub retry: RetryOptions,
    /// How long an attempt at a provider may take.
    pub timeouts: TimeoutOptions,
    /// When a failing provider is left alone.
    pub circuit_breaker: CircuitBreakerOptions,
    /// How many calls each provider is sent at most.
    pub rate_limit: Option<RateLimitOptions>,
    /// What providers charge, so that turns know what they cost. Default: no prices, and no costs.
    pub prices: PricesConfig,
    /// Whether what is measured is sent to an OpenTelemetry collector. Default: it is not.
    pub telemetry: TelemetryConfig,
    /// How webhooks are delivered.
    pub webhooks: WebhooksConfig,
    /// Local models.
    pub local: LocalConfig,
    /// Whether every provider is made ready (models loaded, connections opened) before the agent is. Default false.
    pub warm_up: bool,
    /// Which log records the host should show: `error`, `warn`, `info`, `debug`, `trace`. The library never prints by itself.
    pub log_level: Option<String>,
}

/// Who the agent is and how it answers.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AssistantConfig {
    /// The instructions of the language model.
    pub system_prompt: String,
    /// What is spoken when a live session starts.
    pub first_message: Option<String>,
    /// The language of the conversation (BCP 47), or `auto`. Default `auto`.
    pub language: String,
    /// Whether noise is taken out of what is heard, in turns and in live sessions. Default false.
    pub background_denoising: bool,
    /// The sampling temperature, 0–2. Default 0.7.
    pub temperature: f32,
    /// The most tokens of one answer. Default 500.
    pub max_tokens: u32,
    /// How many messages of history the language model is shown (0–100). Default 10.
    pub context_messages: usize,
    /// How often in one turn the language model may call tools before it has to answer (1–100). Default 5.
    pub max_tool_rounds: u32,
    /// What is said, once in a turn, while a tool takes its time; empty: nothing. Default "One moment."
    pub filler: String,
    /// After how long of a tool's work that is said, in milliseconds. Default 2,000.
    pub filler_after_ms: u64,
    /// The agent interprets between two languages instead of answering. Default: it answers.
    pub interpreter: Option<InterpreterConfig>,
}

/// The default instructions: short and made for listening.
pub const DEFAULT_SYSTEM_PROMPT: &str = "You are a helpful voice assistant. Your answers are spoken aloud: be concise and \
    natural, two or three sentences at most, without lists, headings or symbols.";

impl Default for AssistantConfig {
    fn default() -> Self {
        Self {
            system_prompt: DEFAULT_SYSTEM_PROMPT.into(),
            first_message: None,
            language: "auto".into(),
            background_denoising: false,
            temperature: 0.7,
            max_tokens: 500,
            context_messages: 10,
            max_tool_rounds: 5,
            filler: "One moment.".into(),
            filler_after_ms: 2_000,
            interpreter: None,
        }
    }
}

/// What is accepted, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LimitsConfig {
    /// The most bytes of one recording. Default 26,214,400 (25 MiB).
    pub max_audio_bytes: u64,
    /// The longest recording, in seconds. Default 300.
    pub max_audio_seconds: f64,
    /// The most characters of a typed message. Default 10,000.
    pub max_text_characters: usize,
    /// After how many minutes without a turn a session expires. Default 30.
    pub session_idle_minutes: f64,
    /// How long a turn may take, in seconds, when the call does not say. Default 120.
    pub turn_seconds: f64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            max_audio_bytes: 25 * 1024 * 1024,
            max_audio_seconds: 300.0,
            max_text_characters: 10_000,
            session_idle_minutes: 30.0,
            turn_seconds: 120.0,
        }
    }
}

/// Local models.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LocalConfig {
    /// The folder of the model files. Default: `VOICE_CORE_MODELS`, else `voice-core/models` in the user's data folder.
    pub models: Option<PathBuf>,
    /// How many threads models may use, all together. Default: one less than there are cores, but both of two.
    pub threads: Option<usize>,
}

impl Config {
    /// The defaults with what the environment says.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`) when a variable has a value that it cannot have.
    pub fn from_env() -> Result<Self> {
        Self::from_value(serde_json::Value::Object(serde_json::Map::new()))
    }

    /// A JSON document above the environment.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`), naming the path of what is wrong.
    pub fn from_json(document: &str) -> Result<Self> {
        let value =
            serde_json::from_str(document).map_err(|e| invalid(format!("the config is not valid JSON: {e}")))?;
        Self::from_value(value)
    }

    /// A TOML document above the environment.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`), naming the path of what is wrong.
    pub fn from_toml(document: &str) -> Result<Self> {
        let value =
            toml::from_str(document).map_err(|e| invalid(format!("the config is not valid TOML: {}", e.message())))?;
        Self::from_value(value)
    }

    /// A `.json` or `.toml` file above the environment.
    ///
    /// # Errors
    /// `INVALID_REQUEST`: kind `File` when it cannot be read, kind `InvalidConfig` when it is wrong.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|e| {
            Error::new(ErrorKind::File, format!("cannot read the config file {}: {e}", path.display())).with_source(e)
        })?;
        match path.extension().and_then(|e| e.to_str()) {
            Some("toml") => Self::from_toml(&text),
            _ => Self::from_json(&text),
        }
    }

    fn from_value(document: serde_json::Value) -> Result<Self> {
        let mut base = environment::as_document(|name| std::env::var(name).ok())?;
        parse::merge(&mut base, document);
        if base.as_object().is_some_and(serde_json::Map::is_empty) {
            return Ok(Self::default());
        }
        let config: Self = parse::document(base)?;
        config.validate()?;
        Ok(config)
    }

    /// The limits on audio.
    #[must_use]
    pub fn audio_limits(&self) -> AudioLimits {
        AudioLimits { max_bytes: self.limits.max_audio_bytes, max_seconds: self.limits.max_audio_seconds }
    }

    /// The JSON schema of the config document.
    #[must_use]
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Checks what types cannot: ranges.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`), naming the path of what is wrong.
    pub fn validate(&self) -> Result<()> {
        let a = &self.assistant;
        range("assistant.temperature", f64::from(a.temperature), 0.0, 2.0)?;
        range("assistant.max_tokens", f64::from(a.max_tokens), 1.0, 1_000_000.0)?;
        range("assistant.context_messages", a.context_messages as f64, 0.0, 100.0)?;
        range("assistant.max_tool_rounds", f64::from(a.max_tool_rounds), 1.0, 100.0)?;
        interpreted("assistant", &a.language, a.interpreter.as_ref())?;
        self.actions.as_ref().map_or(Ok(()), |actions| actions.validate("actions"))?;
        self.mcp_servers.iter().try_for_each(|(name, server)| server.validate(&format!("mcp_servers.{name}")))?;
        self.knowledge.validate()?;
        let l = &self.limits;
        range("limits.max_audio_bytes", l.max_audio_bytes as f64, 1.0, 4.0e9)?;
        range("limits.max_audio_seconds", l.max_audio_seconds, 0.01, 86_400.0)?;
        range("limits.max_text_characters", l.max_text_characters as f64, 1.0, 1.0e7)?;
        range("limits.session_idle_minutes", l.session_idle_minutes, 0.01, 5_256_000.0)?;
        range("limits.turn_seconds", l.turn_seconds, 0.01, 86_400.0)?;
        if self.realtime.as_ref().is_some_and(|models| models.0.len() > 1) {
            return Err(invalid("realtime: expected one model; there is no fallback in a conversation".into()));
        }
        self.retention.validate()?;
        range("retry.attempts", f64::from(self.retry.attempts), 1.0, 10.0)?;
        self.live.validate()?;
        self.telemetry.validate()?;
        self.webhooks.validate()?;
        if let Some(threads) = self.local.threads {
            range("local.threads", threads as f64, 1.0, 1024.0)?;
        }
        if let Some(level) = &self.log_level
            && !LOG_LEVELS.contains(&level.to_lowercase().as_str())
        {
            return Err(invalid("log_level: expected error, warn, info, debug, trace or off".into()));
        }
        Ok(())
    }
}

/// Checks an interpreter, and that the language that is set is one of its own.
fn interpreted(path: &str, language: &str, interpreter: Option<&InterpreterConfig>) -> Result<()> {
    let Some(interpreter) = interpreter else { return Ok(()) };
    let place = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    interpreter.validate(&place("interpreter"))?;
    let is_own = |own: &String| InterpreterConfig::primary(own) == InterpreterConfig::primary(language);
    if language.is_empty() || language == "auto" || interpreter.languages.iter().any(is_own) {
        return Ok(());
    }
    let key = place("language");
    Err(invalid(format!("{key}: {language} is not one of the interpreter's languages; auto detects which is spoken")))
}

fn range(path: &str, value: f64, least: f64, most: f64) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(invalid(format!("{path}: {value} is out of range; {least} to {most} is accepted")))
}

/// Checks the headers that a host gives requests. Values are not shown.
fn check_headers(path: &str, headers: &BTreeMap<String, Secret>) -> Result<()> {
    let is_token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    for (name, value) in headers {
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(invalid(format!("{path}: a name is made of letters, digits, `-` and `_`")));
        }
        if !value.expose().bytes().all(|c| c == b' ' || c == b'\t' || c.is_ascii_graphic()) {
            return Err(invalid(format!("{path}.{name}: a value is made of visible ASCII characters")));
        }
    }
    Ok(())
}

pub(crate) fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(document: &str) -> String {
        Config::from_json(document).unwrap_err().message().to_owned()
    }

    #[test]
    fn what_a_document_does_not_say_has_its_default() {
        // The first is not read at all, the second is.
        for document in ["{}", r#"{ "limits": {} }"#] {
            let config = Config::from_json(document).unwrap();
            assert_eq!(config.assistant, AssistantConfig::default());
            assert_eq!(config.limits, LimitsConfig::default());
            assert_eq!(config.limits.max_audio_seconds, 300.0);
            assert_eq!(config.retry.attempts, 3);
        }
    }

    #[test]
    fn the_documented_example_is_accepted_in_json_and_toml() {
        let config = Config::from_json(
            r#"{
              "stt": "openai/gpt-transcribe",
              "llm": ["openai/gpt-6-luna", "local/smollm2-135m"],
              "tts": { "provider": "elevenlabs", "voice": "v", "settings": { "stability": 0.4 } },
              "storage": "sqlite:voice.db",
              "assistant": { "system_prompt": "Hi", "first_message": "Hello", "language": "auto" },
              "limits": { "max_audio_bytes": 26214400, "max_audio_seconds": 300, "session_idle_minutes": 30 },
              "retry": { "attempts": 3, "first_delay_ms": 1000 }
            }"#,
        )
        .unwrap();
        assert_eq!(config.llm.unwrap().0.len(), 2);
        let tts = config.tts.unwrap();
        assert_eq!((tts.0[0].provider.as_str(), tts.0[0].voice.as_deref()), ("elevenlabs", Some("v")));

        let config = Config::from_toml("stt = \"openai/gpt-transcribe\"\n[limits]\nmax_audio_seconds = 60").unwrap();
        assert_eq!(config.limits.max_audio_seconds, 60.0);
    }

    #[test]
    fn a_wrong_key_names_its_path_and_the_nearest_right_one() {
        assert_eq!(
            message(r#"{"limits": {"max_audio_secs": 3}}"#),
            "limits.max_audio_secs: there is no such key; did you mean `max_audio_seconds`?"
        );
        assert!(
            message(r#"{"tts": {"provider": "openai", "voise": "alloy"}}"#).starts_with("tts.voise"),
            "{}",
            message(r#"{"tts": {"provider": "openai", "voise": "alloy"}}"#)
        );
    }

    #[test]
    fn a_wrong_type_or_range_names_its_path() {
        assert!(message(r#"{"retry": {"attempts": "three"}}"#).starts_with("retry.attempts: "));
        assert!(
            message(r#"{"assistant": {"temperature": 3}}"#).starts_with("assistant.temperature: 3 is out of range")
        );
    }

    #[test]
    fn a_key_in_the_document_is_never_shown() {
        let config = Config::from_json(r#"{"stt": {"provider": "openai", "api_key": "sk-planted"}}"#).unwrap();
        assert!(!format!("{config:?}").contains("planted"));
        assert!(!message(r#"{"stt": {"provider": "openai", "api_key": "sk-planted", "x": 1}}"#).contains("planted"));
        assert!(!message(r#"{"stt": {"provider": "openai", "api_key": ["sk-planted"]}}"#).contains("planted"));
    }
}
