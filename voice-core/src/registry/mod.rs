//! Names to constructors: the only place that knows the concrete providers and stores.

#[cfg(feature = "anthropic")]
mod anthropic;
#[cfg(feature = "bhashini")]
mod bhashini;
mod blobs;
#[cfg(feature = "cartesia")]
mod cartesia;
#[cfg(feature = "deepgram")]
mod deepgram;
#[cfg(feature = "elevenlabs")]
mod elevenlabs;
#[cfg(feature = "google")]
mod google;
#[cfg(feature = "local")]
mod local;
mod mcp;
#[cfg(feature = "openai")]
mod openai;
#[cfg(feature = "_server")]
mod reached;
#[cfg(any(feature = "local", feature = "_http"))]
mod settings;
mod stores;
mod telemetry;

use std::sync::Arc;

use crate::{
    config::{Config, LocalConfig, ProviderConfig, TelemetryConfig, invalid},
    error::{Error, Result},
    layer::TimeoutOptions,
    provider::{LanguageModel, SpeechToSpeech, SpeechToText, TextToSpeech, TurnDetector, VoiceChoice},
    store::{BlobStore, Storage},
    telemetry::{MetricsSink, Starting},
    tool::Tool,
};

/// Builds what a config names.
pub(crate) struct Registry {
    #[cfg_attr(not(feature = "local"), allow(dead_code))]
    local: LocalConfig,
    #[cfg_attr(not(feature = "_providers"), allow(dead_code))]
    timeouts: TimeoutOptions,
}

/// Where in the config a provider stands, for errors: `stt`, `llm`, `tts` or `realtime`.
type Place = &'static str;

impl Registry {
    pub(crate) fn new(config: &Config) -> Self {
        Self { local: config.local.clone(), timeouts: config.timeouts }
    }

    pub(crate) async fn stt(&self, provider: &ProviderConfig) -> Result<Arc<dyn SpeechToText>> {
        const PLACE: Place = "stt";
        match provider.provider.as_str() {
            #[cfg(feature = "local")]
            local::NAME => return local::stt(&self.local, provider, PLACE).await,
            #[cfg(feature = "bhashini")]
            "bhashini" => return bhashini::stt(provider, &self.timeouts, PLACE),
            #[cfg(feature = "cartesia")]
            "cartesia" => return cartesia::stt(provider, &self.timeouts, PLACE),
            #[cfg(feature = "deepgram")]
            "deepgram" => return deepgram::stt(provider, &self.timeouts, PLACE),
            #[cfg(feature = "elevenlabs")]
            "elevenlabs" => return elevenlabs::stt(provider, &self.timeouts, PLACE),
            #[cfg(feature = "google")]
            "google" => return google::stt(provider, &self.timeouts, PLACE),
            name if !does(name, PLACE) => return Err(unable(PLACE, provider)),
            _ => {}
        }
        #[cfg(feature = "openai")]
        if let Some(config) = openai::config(provider, &self.timeouts)? {
            return openai::stt(config, provider, PLACE);
        }
        Err(unknown(PLACE, provider))
    }

    pub(crate) async fn llm(&self, provider: &ProviderConfig) -> Result<Arc<dyn LanguageModel>> {
        const PLACE: Place = "llm";
        match provider.provider.as_str() {
            #[cfg(feature = "local")]
            local::NAME => return local::llm(&self.local, provider, PLACE).await,
            #[cfg(feature = "anthropic")]
            "anthropic" => return anthropic::llm(provider, &self.timeouts, PLACE),
            #[cfg(feature = "google")]
            "google" => return google::llm(provider, &self.timeouts, PLACE),
            name if !does(name, PLACE) => return Err(unable(PLACE, provider)),
            _ => {}
        }
        #[cfg(feature = "openai")]
        if let Some(config) = openai::config(provider, &self.timeouts)? {
            return openai::llm(config, provider, PLACE);
        }
        Err(unknown(PLACE, provider))
    }

    pub(crate) async fn tts(&self, provider: &ProviderConfig) -> Result<Arc<dyn TextToSpeech>> {
        const PLACE: Place = "tts";
        match provider.provider.as_str() {
            #[cfg(feature = "local")]
            local::NAME => return local::tts(&self.local, provider, PLACE).await,
            #[cfg(feature = "bhashini")]
            "bhashini" => return bhashini::tts(provider, &self.timeouts, PLACE),
            #[cfg(feature = "cartesia")]
            "cartesia" => return cartesia::tts(provider, &self.timeouts, PLACE),
            #[cfg(feature = "deepgram")]
            "deepgram" => return deepgram::tts(provider, &self.timeouts, PLACE),
            #[cfg(feature = "elevenlabs")]
            "elevenlabs" => return elevenlabs::tts(provider, &self.timeouts, PLACE),
            #[cfg(feature = "google")]
            "google" => return google::tts(provider, &self.timeouts, PLACE),
            name if !does(name, PLACE) => return Err(unable(PLACE, provider)),
            _ => {}
        }
        #[cfg(feature = "openai")]
        if let Some(config) = openai::config(provider, &self.timeouts)? {
            return openai::tts(config, provider, PLACE);
        }
        Err(unknown(PLACE, provider))
    }

    /// A provider as it is configured, with another voice and more settings.
    pub(crate) fn voiced(&self, mut provider: ProviderConfig, choice: &VoiceChoice) -> ProviderConfig {
        if let Some(id) = &choice.id {
            match provider.provider.as_str() {
                // There a voice is a model.
                "deepgram" => (provider.model, provider.voice) = (Some(id.clone()), None),
                _ => provider.voice = Some(id.clone()),
            }
        }
        provider.set(choice.settings.clone());
        provider
    }

    #[cfg_attr(not(feature = "openai"), allow(clippy::unused_async))]
    pub(crate) async fn realtime(&self, provider: &ProviderConfig) -> Result<Arc<dyn SpeechToSpeech>> {
        const PLACE: Place = "realtime";
        if !does(&provider.provider, PLACE) {
            return Err(unable(PLACE, provider));
        }
        #[cfg(feature = "openai")]
        if let Some(config) = openai::config(provider, &self.timeouts)? {
            return openai::realtime(config, provider, PLACE);
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

    /// The tools of servers of the Model Context Protocol.
    pub(crate) async fn mcp(&self, config: &Config) -> Result<Vec<Arc<dyn Tool>>> {
        mcp::tools(&config.mcp_servers).await
    }

    /// Whether there is a provider of this name, compiled in.
    pub(crate) fn knows(&self, name: &str) -> bool {
        names().iter().any(|known| known.name == name && known.compiled_in)
    }
}

/// What to say of a store that this build lacks. The packages of Python and Node leave out only those of servers.
fn not_compiled_in(what: &str, feature: &str) -> String {
    let packages = if feature == "sqlite" { "" } else { "; in Python and Node, install voice-core-servers" };
    format!("{what} is not compiled in: build voice-core with the feature `{feature}`{packages}")
}

/// A name that a config may use.
struct Known {
    name: &'static str,
    /// The feature that it needs.
    feature: &'static str,
    compiled_in: bool,
    /// What it can be.
    places: &'static [Place],
}

/// Every name that a config may use.
fn names() -> Vec<Known> {
    const ALL: &[Place] = &["stt", "llm", "tts"];
    const AND_REALTIME: &[Place] = &["stt", "llm", "tts", "realtime"];
    let named = |name, feature, compiled_in, places| Known { name, feature, compiled_in, places };
    let mut names = vec![named("local", "local", cfg!(feature = "local"), ALL)];
    #[cfg(feature = "openai")]
    names.extend(crate::providers::openai::PRESETS.iter().map(|preset| {
        let places = if preset.name == "openai" { AND_REALTIME } else { ALL };
        named(preset.name, "openai", true, places)
    }));
    #[cfg(not(feature = "openai"))]
    names.push(named("openai", "openai", false, AND_REALTIME));
    names.extend([
        named("anthropic", "anthropic", cfg!(feature = "anthropic"), &["llm"]),
        named("google", "google", cfg!(feature = "google"), ALL),
        named("deepgram", "deepgram", cfg!(feature = "deepgram"), &["stt", "tts"]),
        named("elevenlabs", "elevenlabs", cfg!(feature = "elevenlabs"), &["stt", "tts"]),
        named("cartesia", "cartesia", cfg!(feature = "cartesia"), &["stt", "tts"]),
        named("bhashini", "bhashini", cfg!(feature = "bhashini"), &["stt", "tts"]),
    ]);
    names
}

/// Whether a provider can stand in this place, as far as it is known.
fn does(name: &str, place: Place) -> bool {
    names().iter().find(|known| known.name == name).is_none_or(|known| known.places.contains(&place))
}

fn unable(place: Place, provider: &ProviderConfig) -> Error {
    let able: Vec<_> = names().iter().filter(|k| k.compiled_in && k.places.contains(&place)).map(|k| k.name).collect();
    invalid(format!("{place}: the provider {:?} has none; {} have", provider.provider, able.join(", ")))
}

fn unknown(place: Place, provider: &ProviderConfig) -> Error {
    let names = names();
    if let Some(known) = names.iter().find(|known| known.name == provider.provider && !known.compiled_in) {
        return invalid(format!(
            "{place}: the provider {:?} is not compiled in; build voice-core with the feature `{}`",
            known.name, known.feature
        ));
    }
    let known = names.iter().filter(|known| known.compiled_in && known.places.contains(&place));
    let known: Vec<&str> = known.map(|known| known.name).collect();
    invalid(format!(
        "{place}: there is no provider {:?}; known are {}; any other server that speaks OpenAI's wire format is named by \
         its `base_url`",
        provider.provider,
        known.join(", ")
    ))
}
