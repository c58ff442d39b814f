//! Where a server is, how it is entered, and how its dialect differs.

use std::{borrow::Cow, env, time::Duration};

use crate::{
    error::{Error, ErrorKind, Result},
    secret::{Address, Secret},
};

/// The address of OpenAI itself.
const OFFICIAL: &str = "https://api.openai.com/v1";

/// The name under which a server takes the most tokens to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MaxTokensField {
    /// `max_completion_tokens`: OpenAI's present name; reasoning models accept no other.
    MaxCompletionTokens,
    /// `max_tokens`: the old name, and the only one that most compatible servers know.
    MaxTokens,
}

/// The role under which a server takes instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InstructionRole {
    /// `developer`: OpenAI's present name.
    Developer,
    /// `system`: the old name, understood everywhere.
    System,
}

/// How a server's wire format differs from OpenAI's. Data: nothing else in the library knows a server by its name.
///
/// When a server refuses a field all the same, the call is repeated once without it, and the model remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dialect {
    /// The name of the token limit.
    pub max_tokens_field: MaxTokensField,
    /// The role of instructions.
    pub instruction_role: InstructionRole,
    /// Whether to switch off the padding of stream chunks (`include_obfuscation`), which saves bandwidth.
    pub plain_chunks: bool,
    /// Whether models that reason are asked to do so as little as they can (`reasoning_effort`).
    pub reasoning_effort: bool,
    /// Whether `/audio/speech` gives headerless PCM; otherwise WAV is asked for.
    pub pcm_speech: bool,
    /// The containers that `/audio/transcriptions` accepts, by file extension. Other recordings are sent as WAV.
    pub upload: &'static [&'static str],
}

impl Dialect {
    /// OpenAI itself.
    pub const OPENAI: Self = Self {
        max_tokens_field: MaxTokensField::MaxCompletionTokens,
        instruction_role: InstructionRole::Developer,
        plain_chunks: true,
        reasoning_effort: true,
        pcm_speech: true,
        upload: &["wav", "mp3", "flac", "ogg", "webm", "m4a"],
    };

    /// A server about which nothing more is known: the fields that everybody understands.
    pub const COMPATIBLE: Self = Self {
        max_tokens_field: MaxTokensField::MaxTokens,
        instruction_role: InstructionRole::System,
        plain_chunks: false,
        reasoning_effort: false,
        pcm_speech: true,
        upload: &["wav", "mp3", "flac", "ogg"],
    };
}

/// A server known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preset {
    /// Its name, which also leads the provider names in errors and metrics: `groq/llama…`.
    pub name: &'static str,
    /// Its base URL.
    pub base_url: &'static str,
    /// The environment variable that holds its key.
    pub key_variable: &'static str,
    /// Whether it refuses calls without a key.
    pub needs_key: bool,
    /// Its dialect.
    pub dialect: Dialect,
}

/// Every server known by name.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "openai",
        base_url: OFFICIAL,
        key_variable: "OPENAI_API_KEY",
        needs_key: true,
        dialect: Dialect::OPENAI,
    },
    Preset {
        name: "groq",
        base_url: "https://api.groq.com/openai/v1",
        key_variable: "GROQ_API_KEY",
        needs_key: true,
        dialect: Dialect { pcm_speech: false, upload: Dialect::OPENAI.upload, ..Dialect::COMPATIBLE },
    },
    Preset {
        name: "together",
        base_url: "https://api.together.xyz/v1",
        key_variable: "TOGETHER_API_KEY",
        needs_key: true,
        dialect: Dialect { pcm_speech: false, ..Dialect::COMPATIBLE },
    },
    Preset {
        name: "ollama",
        base_url: "http://localhost:11434/v1",
        key_variable: "OLLAMA_API_KEY",
        needs_key: false,
        dialect: Dialect::COMPATIBLE,
    },
    Preset {
        name: "llamacpp",
        base_url: "http://127.0.0.1:8080/v1",
        key_variable: "LLAMA_API_KEY",
        needs_key: false,
        dialect: Dialect::COMPATIBLE,
    },
    Preset {
        name: "vllm",
        base_url: "http://localhost:8000/v1",
        key_variable: "VLLM_API_KEY",
        needs_key: false,
        dialect: Dialect::COMPATIBLE,
    },
];

/// How to reach a server. Cheap enough to clone; `Debug` shows no key.
#[derive(Clone, Debug)]
pub struct OpenAiConfig {
    pub(super) provider: Cow<'static, str>,
    pub(super) key: Option<Secret>,
    pub(super) base_url: Address,
    pub(super) organization: Option<String>,
    pub(super) project: Option<String>,
    pub(super) connect_timeout: Duration,
    dialect: Option<Dialect>,
}

impl OpenAiConfig {
    /// OpenAI with a key. Surrounding white space, the usual trace of a copied key, is dropped.
    #[must_use]
    pub fn new(key: impl Into<Secret>) -> Self {
        let key: Secret = key.into();
        Self { key: Some(Secret::new(key.expose().trim())), ..Self::keyless("openai", OFFICIAL) }
    }

    /// A server that needs no key; set its [`base_url`](Self::base_url). `provider` leads its name in errors and metrics.
    #[must_use]
    pub fn without_key(provider: impl Into<String>) -> Self {
        Self::keyless("openai", OFFICIAL).named(provider)
    }

    fn keyless(provider: &'static str, base_url: &str) -> Self {
        Self {
            provider: Cow::Borrowed(provider),
            key: None,
            base_url: Address::new(base_url),
            organization: None,
            project: None,
            connect_timeout: Duration::from_secs(5),
            dialect: None,
        }
    }

    /// OpenAI by the environment: `OPENAI_API_KEY`, and `OPENAI_BASE_URL`, `OPENAI_ORG_ID`, `OPENAI_PROJECT_ID` if set.
    ///
    /// # Errors
    /// `INVALID_PROVIDER_KEY` (kind `MissingProviderKey`) when no key is set and the base URL is OpenAI's own.
    pub fn from_env() -> Result<Self> {
        let mut config = Self::preset("openai").or_else(|missing| match variable("OPENAI_BASE_URL") {
            Some(url) if !is_official(&url) => Ok(Self::keyless("openai", &url)),
            _ => Err(missing),
        })?;
        if let Some(url) = variable("OPENAI_BASE_URL") {
            config = config.base_url(&url);
        }
        config.organization = variable("OPENAI_ORG_ID");
        config.project = variable("OPENAI_PROJECT_ID");
        Ok(config)
    }

    /// A server of [`PRESETS`], its key read from its environment variable.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`) for an unknown name; `INVALID_PROVIDER_KEY` (kind `MissingProviderKey`)
    /// when the server needs a key and its variable is not set.
    pub fn preset(name: &str) -> Result<Self> {
        let Some(preset) = PRESETS.iter().find(|p| p.name == name) else {
            let names: Vec<_> = PRESETS.iter().map(|p| p.name).collect();
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                format!(
                    "no server is known as \"{name}\"; known are {}; any other is given by its base URL",
                    names.join(", ")
                ),
            ));
        };
        let key = variable(preset.key_variable);
        if preset.needs_key && key.is_none() {
            return Err(Error::new(
                ErrorKind::MissingProviderKey,
                format!(
                    "no key for {name}: set the environment variable {}, or give the key in code",
                    preset.key_variable
                ),
            )
            .with_provider(preset.name));
        }
        let config = Self { dialect: Some(preset.dialect), ..Self::keyless(preset.name, preset.base_url) };
        Ok(if let Some(key) = key { config.key(key) } else { config })
    }

    /// Sets the key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Secret>) -> Self {
        self.key = Some(Secret::new(key.into().expose().trim()));
        self
    }

    /// Sets the base URL of OpenAI's wire format, such as `http://localhost:8000/v1`. The dialect follows: that of OpenAI
    /// for OpenAI's own hosts, [`Dialect::COMPATIBLE`] for all others.
    #[must_use]
    pub fn base_url(mut self, url: impl AsRef<str>) -> Self {
        self.base_url = Address::new(url.as_ref());
        self.dialect = None;
        self
    }

    /// Sets the name that leads the provider names in errors, logs and metrics. Default `openai`, or the preset's.
    #[must_use]
    pub fn named(mut self, provider: impl Into<String>) -> Self {
        self.provider = Cow::Owned(provider.into());
        self
    }

    /// Sets the organization that is billed (`OpenAI-Organization`).
    #[must_use]
    pub fn organization(mut self, id: impl Into<String>) -> Self {
        self.organization = Some(id.into());
        self
    }

    /// Sets the project that is billed (`OpenAI-Project`).
    #[must_use]
    pub fn project(mut self, id: impl Into<String>) -> Self {
        self.project = Some(id.into());
        self
    }

    /// Sets the longest wait for a connection: name, TCP and TLS together. Default 5 s.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Sets the dialect, against what the base URL suggests. Call it after [`base_url`](Self::base_url).
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = Some(dialect);
        self
    }

    pub(super) fn effective_dialect(&self) -> Dialect {
        self.dialect.unwrap_or(if self.is_official() { Dialect::OPENAI } else { Dialect::COMPATIBLE })
    }

    pub(super) fn is_official(&self) -> bool {
        is_official(&self.base_url)
    }
}

/// Whether a base URL is OpenAI's own, its regional hosts included.
fn is_official(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split(['/', ':', '?']).next().unwrap_or_default();
    host == "api.openai.com" || host.ends_with(".api.openai.com")
}

/// An environment variable that is set to something.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialect_follows_the_base_url_unless_it_is_set() {
        let dialect = |url: &str| OpenAiConfig::new("k").base_url(url).effective_dialect();
        assert_eq!(dialect("https://api.openai.com/v1/"), Dialect::OPENAI);
        assert_eq!(dialect("https://eu.api.openai.com/v1"), Dialect::OPENAI);
        assert_eq!(dialect("https://api.openai.com.evil.example/v1"), Dialect::COMPATIBLE);
        assert_eq!(dialect("http://localhost:1/v1"), Dialect::COMPATIBLE);
        let set = OpenAiConfig::new("k").base_url("http://localhost:1/v1").dialect(Dialect::OPENAI);
        assert_eq!(set.effective_dialect(), Dialect::OPENAI);
    }

    #[test]
    fn an_unknown_preset_is_answered_with_the_known_ones() {
        let error = OpenAiConfig::preset("olama").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains("ollama"), "{error}");
    }

    #[test]
    fn debug_shows_no_key_and_no_password() {
        let config = OpenAiConfig::new("sk-planted").base_url("https://ada:planted@api.example.com/v1");
        let shown = format!("{config:?}");
        assert!(!shown.contains("planted") && shown.contains("@api.example.com/v1"), "{shown}");
    }
}
