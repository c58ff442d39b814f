//! Names to constructors: the only place that knows the concrete providers and stores.

mod blobs;
#[cfg(feature = "local")]
mod local;
#[cfg(feature = "openai")]
mod openai;
#[cfg(any(feature = "local", feature = "openai"))]
mod settings;
mod stores;
mod telemetry;

use std::sync::Arc;

use crate::{
    config::{Config, LocalConfig, ProviderConfig, TelemetryConfig, invalid},
    error::{Error, Result},
    layer::TimeoutOptions,
    provider::{LanguageModel, SpeechToText, TextToSpeech, TurnDetector},
    store::{BlobStore, Storage},
    telemetry::{MetricsSink, Starting},
};

/// Builds what a config names.
pub(crate) struct Registry {
    #[cfg_attr(not(feature = "local"), allow(dead_code))]
    local: LocalConfig,
    #[cfg_attr(not(feature = "openai"), allow(dead_code))]
    timeouts: TimeoutOptions,
}

/// Where in the config a provider stands, for errors: `stt`, `llm` or `tts`.
type Place = &'static str;

impl Registry {
    pub(crate) fn new(config: &Config) -> Self {
        Self { local: config.local.clone(), timeouts: config.timeouts }
    }

    pub(crate) async fn stt(&self, provider: &ProviderConfig) -> Result<Arc<dyn SpeechToText>> {
        const PLACE: Place = "stt";
        #[cfg(feature = "local")]
        if provider.provider == local::NAME {
            return local::stt(&self.local, provider, PLACE).await;
        }
        #[cfg(feature = "openai")]
        if let Some(config) = openai::config(provider, &self.timeouts)? {
            return openai::stt(config, provider, PLACE);
        }
        Err(unknown(PLACE, provider))
    }

    pub(crate) async fn llm(&self, provider: &ProviderConfig) -> Result<Arc<dyn LanguageModel>> {
        const PLACE: Place = "llm";
        #[cfg(feature = "local")]
        if provider.provider == local::NAME {
            return local::llm(&self.local, provider, PLACE).await;
        }
        #[cfg(feature = "openai")]
        if let Some(config) = openai::config(provider, &self.timeouts)? {
            return openai::llm(config, provider, PLACE);
        }
        Err(unknown(PLACE, provider))
    }

    pub(crate) async fn tts(&self, provider: &ProviderConfig) -> Result<Arc<dyn TextToSpeech>> {
        const PLACE: Place = "tts";
        #[cfg(feature = "local")]
        if provider.provider == local::NAME {
            return local::tts(&self.local, provider, PLACE).await;
        }
        #[cfg(feature = "openai")]
        if let Some(config) = openai::config(provider, &self.timeouts)? {
            return openai::tts(config, provider, PLACE);
        }
        Err(unknown(PLACE, provider))
    }

    /// The model that hears the end of turns, ready.
    pub(crate) async fn turn_detector(&self) -> Result<Arc<dyn TurnDetector>> {
        #[cfg(feature = "local")]
        return local::turn_detector(&self.local).await;
        #[cfg(not(feature = "local"))]
        Err(invalid(
            "live.turn_detection: no model that hears the end of turns is compiled in; build voice-core with the feature \
             `local`, or give the agent one of your own"
                .into(),
        ))
    }

    pub(crate) async fn blobs(&self, address: &str) -> Result<Arc<dyn BlobStore>> {
        blobs::open(address).await
    }

    pub(crate) async fn store(&self, storage: Option<&str>) -> Result<Storage> {
        stores::open(storage).await
    }

    /// What takes an agent's reports: the host's sinks, and a collector where the config names one.
    pub(crate) fn telemetry(
        &self,
        sinks: Vec<Arc<dyn MetricsSink>>,
        config: &TelemetryConfig,
    ) -> Result<Vec<Starting>> {
        telemetry::consumers(sinks, config)
    }

    /// Whether there is a provider of this name, compiled in.
    pub(crate) fn knows(&self, name: &str) -> bool {
        names().iter().any(|(known, _, there)| *known == name && *there)
    }
}

/// What to say of a store that this build lacks. The packages of Python and Node leave out only those of servers.
fn not_compiled_in(what: &str, feature: &str) -> String {
    let packages = if feature == "sqlite" { "" } else { "; in Python and Node, install voice-core-servers" };
    format!("{what} is not compiled in: build voice-core with the feature `{feature}`{packages}")
}

/// The names that a config may use, and the feature that each needs.
fn names() -> Vec<(&'static str, &'static str, bool)> {
    let mut names = vec![("local", "local", cfg!(feature = "local"))];
    #[cfg(feature = "openai")]
    names.extend(crate::providers::openai::PRESETS.iter().map(|preset| (preset.name, "openai", true)));
    #[cfg(not(feature = "openai"))]
    names.push(("openai", "openai", false));
    names
}

fn unknown(place: Place, provider: &ProviderConfig) -> Error {
    let names = names();
    if let Some((name, feature, _)) = names.iter().find(|(name, _, there)| *name == provider.provider && !there) {
        return invalid(format!(
            "{place}: the provider {name:?} is not compiled in; build voice-core with the feature `{feature}`"
        ));
    }
    let known: Vec<&str> = names.iter().filter(|(_, _, there)| *there).map(|(name, ..)| *name).collect();
    invalid(format!(
        "{place}: there is no provider {:?}; known are {}; any other server that speaks OpenAI's wire format is named by \
         its `base_url`",
        provider.provider,
        known.join(", ")
    ))
}
