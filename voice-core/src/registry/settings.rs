//! The `settings` of a provider: each key is taken once, and what nobody took is an error.

// Which kinds of values there are depends on the providers that are compiled in.
#![cfg_attr(not(all(feature = "local", feature = "cloud")), allow(dead_code))]

use serde_json::Value;

use super::Place;
use crate::{
    config::{ProviderConfig, VOICE_SETTINGS, check_voice_settings, invalid},
    error::Result,
};

pub(super) struct Settings<'a> {
    place: Place,
    provider: &'a str,
    values: &'a serde_json::Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Settings<'a> {
    pub(super) fn new(provider: &'a ProviderConfig, place: Place) -> Self {
        Self { place, provider: &provider.provider, values: &provider.settings, known: Vec::new() }
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.push(key);
        self.values.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<&'a str>> {
        let place = self.place;
        self.take(key)
            .map(|v| v.as_str().ok_or_else(|| invalid(format!("{place}.settings.{key}: expected a string"))))
            .transpose()
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Result<Option<bool>> {
        let place = self.place;
        self.take(key)
            .map(|v| v.as_bool().ok_or_else(|| invalid(format!("{place}.settings.{key}: expected true or false"))))
            .transpose()
    }

    pub(super) fn one_of(&mut self, key: &'static str, accepted: &[&str]) -> Result<Option<&'a str>> {
        let place = self.place;
        self.take(key)
            .map(|v| {
                v.as_str()
                    .filter(|text| accepted.contains(text))
                    .ok_or_else(|| invalid(format!("{place}.settings.{key}: expected one of {}", accepted.join(", "))))
            })
            .transpose()
    }

    pub(super) fn texts(&mut self, key: &'static str, most: usize) -> Result<Vec<&'a str>> {
        let place = self.place;
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        let texts: Option<Vec<&str>> = value.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
        let texts = texts.ok_or_else(|| invalid(format!("{place}.settings.{key}: expected a list of strings")))?;
        if texts.len() > most {
            return Err(invalid(format!("{place}.settings.{key}: expected at most {most} strings")));
        }
        Ok(texts)
    }

    pub(super) fn number(&mut self, key: &'static str, least: f64, most: f64) -> Result<Option<f64>> {
        let place = self.place;
        self.take(key)
            .map(|v| {
                v.as_f64()
                    .filter(|n| (least..=most).contains(n))
                    .ok_or_else(|| invalid(format!("{place}.settings.{key}: expected a number from {least} to {most}")))
            })
            .transpose()
    }

    pub(super) fn whole(&mut self, key: &'static str, least: usize, most: usize) -> Result<Option<usize>> {
        let place = self.place;
        self.take(key)
            .map(|v| {
                v.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| (least..=most).contains(n)).ok_or_else(
                    || invalid(format!("{place}.settings.{key}: expected a whole number from {least} to {most}")),
                )
            })
            .transpose()
    }

    /// A number that goes by two names, of which one at most is given.
    pub(super) fn number_by(&mut self, keys: [&'static str; 2], least: f64, most: f64) -> Result<Option<f64>> {
        let [first, second] = keys;
        match (self.number(first, least, most)?, self.number(second, least, most)?) {
            (Some(_), Some(_)) => {
                let place = self.place;
                Err(invalid(format!("{place}.settings: `{first}` and `{second}` are the same; give one of them")))
            }
            (one, other) => Ok(one.or(other)),
        }
    }

    /// Refuses every key that was not taken, except settings that voices have in common: those that this provider's do not have are
    /// left out, and the log says so.
    pub(super) fn finish_voice(mut self) -> Result<()> {
        let common = check_voice_settings(&format!("{}.settings", self.place), self.values);
        common.map_err(|error| invalid(error.message().to_owned()))?;
        for (setting, ..) in VOICE_SETTINGS {
            if !self.known.contains(&setting) && self.take(setting).is_some() {
                let provider = self.provider;
                tracing::warn!(provider, setting, "voices of this provider have no such setting; it is left out");
            }
        }
        self.finish()
    }

    /// Refuses every key that was not taken.
    pub(super) fn finish(self) -> Result<()> {
        let Some(stray) = self.values.keys().find(|key| !self.known.contains(&key.as_str())) else { return Ok(()) };
        let nearest = self
            .known
            .iter()
            .max_by(|a, b| strsim::jaro_winkler(stray, a).total_cmp(&strsim::jaro_winkler(stray, b)))
            .map(|key| format!("; did you mean `{key}`?"));
        let place = self.place;
        Err(invalid(format!(
            "{place}.settings.{stray}: this provider has no such setting{}",
            nearest.unwrap_or_default()
        )))
    }
}
