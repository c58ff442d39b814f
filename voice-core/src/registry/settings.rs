//! The `settings` of a provider: each key is taken once, and what nobody took is an error.

use serde_json::Value;

use super::Place;
use crate::{
    config::{ProviderConfig, invalid},
    error::Result,
};

pub(super) struct Settings<'a> {
    place: Place,
    values: &'a serde_json::Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Settings<'a> {
    pub(super) fn new(provider: &'a ProviderConfig, place: Place) -> Self {
        Self { place, values: &provider.settings, known: Vec::new() }
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.push(key);
        self.values.get(key).filter(|value| !value.is_null())
    }

    #[cfg(feature = "openai")]
    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<&'a str>> {
        let place = self.place;
        self.take(key)
            .map(|v| v.as_str().ok_or_else(|| invalid(format!("{place}.settings.{key}: expected a string"))))
            .transpose()
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

    #[cfg(feature = "local")]
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
