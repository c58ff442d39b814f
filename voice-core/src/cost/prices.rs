//! The price table of the config.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, Visitor},
};

use super::{Cost, Currency, TokensUsed, Usage};
use crate::{
    audio::SPEECH_RATE,
    error::{Error, ErrorKind, Result},
};

/// What providers charge. The library knows no prices by itself: they change, and depend on contracts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PricesConfig {
    /// The currency of every price: three capital letters (ISO 4217). Default `USD`.
    #[schemars(with = "String")]
    pub currency: Currency,
    /// Prices by `provider/model`, or by its beginning and `*`; of several that fit, the longest counts. Without a price there is no
    /// cost.
    pub models: BTreeMap<String, ModelPrice>,
}

/// What one model costs. What it is not asked for may be left out; with nothing at all, it is free of charge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ModelPrice {
    /// The price of a million tokens of a prompt.
    #[schemars(with = "Option<f64>")]
    pub input_per_million: Option<Rate>,
    /// The price of a million tokens of a prompt that came from the provider's cache. Default: that of others.
    #[schemars(with = "Option<f64>")]
    pub cached_input_per_million: Option<Rate>,
    /// The price of a million tokens that were written.
    #[schemars(with = "Option<f64>")]
    pub output_per_million: Option<Rate>,
    /// The price of a million tokens of sound that was heard, by a model that hears and speaks by itself. `input_per_million` is then
    /// the price of text.
    #[schemars(with = "Option<f64>")]
    pub audio_input_per_million: Option<Rate>,
    /// The price of a million of these that came from the provider's cache. Default: that of others.
    #[schemars(with = "Option<f64>")]
    pub cached_audio_input_per_million: Option<Rate>,
    /// The price of a million tokens of sound that such a model spoke.
    #[schemars(with = "Option<f64>")]
    pub audio_output_per_million: Option<Rate>,
    /// The price of a minute of sound that was recognised.
    #[schemars(with = "Option<f64>")]
    pub heard_per_minute: Option<Rate>,
    /// The price of a million characters that were spoken.
    #[schemars(with = "Option<f64>")]
    pub spoken_per_million_characters: Option<Rate>,
}

impl PricesConfig {
    /// The price of a model, with the currency that it is in.
    pub(crate) fn of(&self, model: &str) -> Option<Price> {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(beginning) => model.starts_with(beginning),
            None => false,
        };
        let longest = || self.models.iter().filter(|(name, _)| fits(name)).max_by_key(|(name, _)| name.len());
        let price = self.models.get(model).or_else(|| longest().map(|(_, price)| price))?;
        Some(Price { currency: self.currency, model: *price })
    }
}

/// A model's price in its currency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Price {
    currency: Currency,
    model: ModelPrice,
}

impl Price {
    /// What this costs. `None`: it has no price for something that was used, or nobody said what was used.
    pub(crate) fn cost(&self, usage: Option<&Usage>) -> Option<Cost> {
        let price = &self.model;
        let cost = |femtos| Some(Cost::new(self.currency, femtos));
        if *price == ModelPrice::default() {
            return cost(0);
        }
        let usage = usage?;
        let cached = usage.cached_tokens.min(usage.input_tokens);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let samples = (usage.stt_seconds.max(0.0) * f64::from(SPEECH_RATE)).round() as u64;
        cost(sum(&[
            (price.input_per_million, usage.input_tokens - cached, 1),
            (price.cached_input_per_million.or(price.input_per_million), cached, 1),
            (price.output_per_million, usage.output_tokens, 1),
            (price.spoken_per_million_characters, usage.tts_characters, 1),
            (price.heard_per_minute, samples, u128::from(SPEECH_RATE) * 60),
        ])?)
    }

    /// What these tokens cost, of text and of sound.
    pub(crate) fn of_tokens(&self, used: Option<&TokensUsed>) -> Option<Cost> {
        let price = &self.model;
        let cost = |femtos| Some(Cost::new(self.currency, femtos));
        if *price == ModelPrice::default() {
            return cost(0);
        }
        let used = used?;
        let cached_audio = price.cached_audio_input_per_million.or(price.audio_input_per_million);
        cost(sum(&[
            (price.input_per_million, used.text_in.saturating_sub(used.cached_text_in), 1),
            (price.cached_input_per_million.or(price.input_per_million), used.cached_text_in, 1),
            (price.audio_input_per_million, used.audio_in.saturating_sub(used.cached_audio_in), 1),
            (cached_audio, used.cached_audio_in, 1),
            (price.output_per_million, used.text_out, 1),
            (price.audio_output_per_million, used.audio_out, 1),
        ])?)
    }
}

/// What all of this comes to: the rate of each, how much of it was used, and how many make a unit of it. `None`: something has no rate.
fn sum(parts: &[(Option<Rate>, u64, u128)]) -> Option<u128> {
    let mut sum = 0_u128;
    for (rate, used, per) in parts {
        if *used == 0 {
            continue;
        }
        // Both fit into 64 bits, and so their product into 128; that of a minute's price has six digits to spare.
        let charged = u128::from((*rate)?.nanos).checked_mul(u128::from(*used))?;
        let femtos = if *per == 1 { charged } else { (charged.checked_mul(1_000_000)? + per / 2) / per };
        sum = sum.checked_add(femtos)?;
    }
    Some(sum)
}

/// A price: a decimal number with up to nine decimals, kept exactly.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    nanos: u64,
}

const NANOS: u64 = 1_000_000_000;
const DECIMALS: usize = 9;

impl std::str::FromStr for Rate {
    type Err = Error;

    /// Reads a decimal number: `0.15`.
    fn from_str(text: &str) -> Result<Self> {
        let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
        let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
        let nanos = if !whole.is_empty() && is_number(whole) && is_number(rest) && rest.len() <= DECIMALS {
            let rest = format!("{rest:0<DECIMALS$}");
            let whole = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(NANOS));
            whole.zip(rest.parse::<u64>().ok()).and_then(|(whole, rest)| whole.checked_add(rest))
        } else {
            None
        };
        nanos.map(|nanos| Self { nanos }).ok_or_else(|| Error::new(ErrorKind::InvalidField, EXPECTED))
    }
}

const EXPECTED: &str = "expected a price: a number from 0 to 1,000,000,000 with at most 9 decimals";

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.nanos / NANOS, self.nanos % NANOS)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.nanos as f64 / NANOS as f64)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Number;

        impl Visitor<'_> for Number {
            type Value = Rate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a price")
            }

            // The shortest decimal number that stands for the same float is what was written.
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> std::result::Result<Rate, E> {
                value.to_string().parse().map_err(|_| E::custom(EXPECTED))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> std::result::Result<Rate, E> {
                value.to_string().parse().map_err(|_| E::custom(EXPECTED))
            }

            fn visit_i64<E: serde::de::Error>(self, _: i64) -> std::result::Result<Rate, E> {
                Err(E::custom(EXPECTED))
            }
        }

        deserializer.deserialize_any(Number).map_err(|error| D::Error::custom(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table() -> PricesConfig {
        serde_json::from_value(json!({
            "currency": "EUR",
            "models": {
                "openai/gpt": {"input_per_million": 0.15, "cached_input_per_million": 0.075, "output_per_million": 0.6},
                "openai/*": {"input_per_million": 1, "output_per_million": 2},
                "openai/transcribe*": {"heard_per_minute": 0.006},
                "eleven/*": {"spoken_per_million_characters": 50},
                "local/*": {},
            },
        }))
        .unwrap()
    }

    fn amount(model: &str, usage: &Usage) -> Option<String> {
        table().of(model).and_then(|price| price.cost(Some(usage))).map(|cost| cost.to_string())
    }

    #[test]
    fn tokens_from_the_cache_have_a_price_of_their_own() {
        let usage = Usage { input_tokens: 1_000, cached_tokens: 400, output_tokens: 7, ..Usage::default() };
        // 600 × 0.15 + 400 × 0.075 + 7 × 0.6, a millionth of that.
        assert_eq!(amount("openai/gpt", &usage).unwrap(), "0.0001242 EUR");
        assert_eq!(amount("openai/gpt-mini", &usage).unwrap(), "0.001014 EUR");
    }

    #[test]
    fn the_whole_name_stands_before_the_longest_beginning() {
        let second = Usage { stt_seconds: 1.0, ..Usage::default() };
        assert_eq!(amount("openai/transcribe-2", &second).unwrap(), "0.0001 EUR");
        let characters = Usage { tts_characters: 3, ..Usage::default() };
        assert_eq!(amount("eleven/v3", &characters).unwrap(), "0.00015 EUR");
        assert_eq!(amount("other/model", &characters), None);
    }

    #[test]
    fn what_has_no_price_has_no_cost_and_an_empty_price_is_free() {
        let characters = Usage { tts_characters: 3, ..Usage::default() };
        assert_eq!(amount("openai/gpt", &characters), None, "that model was never to speak");
        assert_eq!(amount("local/kokoro", &characters).unwrap(), "0 EUR");
        assert_eq!(table().of("openai/gpt").unwrap().cost(None), None, "nobody said what was used");
        assert!(table().of("local/any").unwrap().cost(None).is_some());
    }

    #[test]
    fn a_price_is_what_was_written_and_not_the_float_next_to_it() {
        for (written, nanos) in [("0.15", 150_000_000), ("0.000000001", 1), ("2", 2_000_000_000), ("0.1", 100_000_000)]
        {
            let rate: Rate = serde_json::from_str(written).unwrap();
            assert_eq!((rate.nanos, rate), (nanos, written.parse().unwrap()));
        }
        for wrong in ["-1", "0.0000000001", "1e30", "\"1\"", "-0.5"] {
            assert!(serde_json::from_str::<Rate>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_minute_is_charged_by_the_sample() {
        let price = table().of("openai/transcribe").unwrap();
        let usage = |samples: u32| Usage { stt_seconds: f64::from(samples) / 16_000.0, ..Usage::default() };
        assert_eq!(price.cost(Some(&usage(960_000))).unwrap().amount(), "0.006");
        assert_eq!(price.cost(Some(&usage(1))).unwrap().amount(), "0.00000000625");
    }
}
