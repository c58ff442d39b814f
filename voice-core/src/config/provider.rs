//! How a provider is named in the config.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use crate::secret::{Address, Secret};

/// One provider: `"provider/model"`, or an object that says more.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ProviderConfig {
    /// Whose: `local`, `openai`, `anthropic`, `google`, `deepgram`, `elevenlabs`, `cartesia`, `bhashini`, `groq`, …
    pub provider: String,
    /// Which of its models; left out: its default. For `local`, a name in the model folder or a path.
    #[serde(default)]
    pub model: Option<String>,
    /// Which voice, by the provider's own name or id.
    #[serde(default)]
    pub voice: Option<String>,
    /// The key. Default: the provider's environment variable.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub api_key: Option<Secret>,
    /// Where the server is, if not where the provider's own is. Beside a name that is not known: a server that speaks OpenAI's wire
    /// format.
    #[serde(default)]
    pub base_url: Option<String>,
    /// What only this provider knows, such as `speed`, `instructions` or `live_model`: `docs/providers.md` lists all.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
}

impl ProviderConfig {
    /// From `provider` or `provider/model`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let (provider, model) = match name.split_once('/') {
            Some((provider, model)) => (provider, Some(model.to_owned())),
            None => (name, None),
        };
        Self {
            provider: provider.trim().to_lowercase(),
            model: model.filter(|m| !m.is_empty()),
            voice: None,
            api_key: None,
            base_url: None,
            settings: serde_json::Map::new(),
        }
    }

    /// Sets what is said above these settings, whichever of its names was used before.
    pub(crate) fn set(&mut self, above: serde_json::Map<String, serde_json::Value>) {
        for (name, value) in above {
            for names in SAME_SETTINGS.iter().filter(|names| names.contains(&name.as_str())) {
                names.iter().for_each(|same| drop(self.settings.remove(*same)));
            }
            self.settings.insert(name, value);
        }
    }
}

/// Shows no key, no password, and of the settings their names alone: they may be ids of accounts, or words.
impl fmt::Debug for ProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderConfig")
            .field("provider", &self.provider)
            .field("model", &self.model)
            .field("voice", &self.voice)
            .field("api_key", &self.api_key)
            .field("base_url", &self.base_url.as_deref().map(Address::new))
            .field("settings", &self.settings.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// Settings of voices that go by two names: the one that providers share, and a provider's own.
const SAME_SETTINGS: [[&str; 2]; 2] = [["similarity", "similarity_boost"], ["speed", "speaking_rate"]];

/// One provider, or several in the order in which they are tried.
#[derive(Clone, Debug)]
pub struct ProviderList(pub Vec<ProviderConfig>);

struct OneOrMore;

impl<'de> Visitor<'de> for OneOrMore {
    type Value = ProviderList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"provider/model\", an object with a `provider`, or a list of these")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<ProviderList, E> {
        if name.trim().is_empty() {
            return Err(E::custom("expected the name of a provider, as in \"openai/gpt-transcribe\""));
        }
        Ok(ProviderList(vec![ProviderConfig::named(name)]))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ProviderList, A::Error> {
        ProviderConfig::deserialize(MapAccessDeserializer::new(map)).map(|one| ProviderList(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ProviderList, A::Error> {
        let mut all = Vec::new();
        while let Some(ProviderList(some)) = seq.next_element()? {
            all.extend(some);
        }
        if all.is_empty() {
            return Err(serde::de::Error::custom("expected at least one provider"));
        }
        Ok(ProviderList(all))
    }
}

impl<'de> Deserialize<'de> for ProviderList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMore)
    }
}

impl JsonSchema for ProviderList {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ProviderList".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<ProviderConfig>();
        json_schema!({
            "anyOf": [
                { "type": "string", "description": "provider/model" },
                one,
                { "type": "array", "minItems": 1, "items": { "anyOf": [{ "type": "string" }, one] } }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_password_and_no_value_of_a_setting() {
        let config: ProviderConfig = serde_json::from_value(serde_json::json!({
            "provider": "bhashini", "model": "m", "api_key": "planted", "base_url": "https://ada:planted@ulca.example.org",
            "settings": {"user_id": "planted"},
        }))
        .unwrap();
        let shown = format!("{config:?}");
        assert!(!shown.contains("planted"), "{shown}");
        assert!(shown.contains("@ulca.example.org") && shown.contains("user_id"), "{shown}");
    }
}
