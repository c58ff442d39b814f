//! What was used, and what that costs.
//!
//! Sums of money are whole numbers of a very small unit, so that no sum drifts, however many calls it is made of.
//!
//! ```
//! let config = voice_core::Config::from_toml(r#"
//!     [prices]
//!     currency = "USD"
//!     [prices.models."openai/gpt-6-luna"]       # an example, not today's price
//!     input_per_million = 0.25
//!     cached_input_per_million = 0.025
//!     output_per_million = 2
//!     [prices.models."openai/gpt-transcribe"]
//!     heard_per_minute = 0.0045
//!     [prices.models."local/*"]                 # nothing is charged
//! "#)?;
//! # assert_eq!(config.prices.models.len(), 3);
//! # Ok::<_, voice_core::Error>(())
//! ```

mod prices;

pub(crate) use prices::Price;
pub use prices::{ModelPrice, PricesConfig, Rate};

use std::{
    borrow::Cow,
    fmt,
    ops::AddAssign,
    sync::{Arc, Mutex, PoisonError},
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeStruct};

/// How much was used, as far as the providers say. Counts that nobody reported stay 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Usage {
    /// Tokens in the language model's prompt.
    pub input_tokens: u64,
    /// Of those, tokens that were served from a cache.
    pub cached_tokens: u64,
    /// Tokens that the language model wrote.
    pub output_tokens: u64,
    /// Seconds of speech that were transcribed.
    pub stt_seconds: f64,
    /// Characters that were spoken.
    pub tts_characters: u64,
    /// Seconds of speech that were produced.
    pub tts_seconds: f64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens += other.input_tokens;
        self.cached_tokens += other.cached_tokens;
        self.output_tokens += other.output_tokens;
        self.stt_seconds += other.stt_seconds;
        self.tts_characters += other.tts_characters;
        self.tts_seconds += other.tts_seconds;
    }
}

/// The tokens that an answer of a model that hears and speaks by itself used. Sound and text have their own prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokensUsed {
    /// Text that was read, cached text included.
    pub text_in: u64,
    /// Of that, what came from a cache.
    pub cached_text_in: u64,
    /// Sound that was heard, cached sound included.
    pub audio_in: u64,
    /// Of that, what came from a cache.
    pub cached_audio_in: u64,
    /// Text that was written.
    pub text_out: u64,
    /// Sound that was spoken.
    pub audio_out: u64,
}

/// A currency by its code of three letters (ISO 4217), for example `USD`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only letters of ASCII are ever kept.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Default for Currency {
    fn default() -> Self {
        Self(*b"USD")
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Currency {
    type Err = crate::Error;

    fn from_str(code: &str) -> crate::Result<Self> {
        match <[u8; 3]>::try_from(code.as_bytes()) {
            Ok(letters) if letters.iter().all(u8::is_ascii_uppercase) => Ok(Self(letters)),
            _ => Err(crate::Error::new(
                crate::ErrorKind::InvalidField,
                "a currency is a code of three capital letters, for example USD",
            )),
        }
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        code.parse().map_err(|_| serde::de::Error::custom("expected three capital letters, for example USD"))
    }
}

/// An amount of money, without rounding.
///
/// In JSON: `{"currency": "USD", "amount": "0.00042625", "micros": 426}`. `amount` is exact, `micros` the same in millionths,
/// rounded to the nearest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cost {
    currency: Currency,
    femtos: u128,
}

/// The parts of a unit of money that sums are counted in: a billionth of a unit for a million tokens is one of these a token.
const FEMTOS: u128 = 1_000_000_000_000_000;
const FEMTOS_IN_MICRO: u128 = 1_000_000_000;

impl Cost {
    pub(super) fn new(currency: Currency, femtos: u128) -> Self {
        Self { currency, femtos }
    }

    /// The currency.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// Millionths of the currency's unit, rounded to the nearest.
    #[must_use]
    pub fn micros(&self) -> u64 {
        u64::try_from((self.femtos + FEMTOS_IN_MICRO / 2) / FEMTOS_IN_MICRO).unwrap_or(u64::MAX)
    }

    /// The amount as a decimal number, exactly: `0.00042625`.
    #[must_use]
    pub fn amount(&self) -> String {
        let (whole, rest) = (self.femtos / FEMTOS, self.femtos % FEMTOS);
        let digits = format!("{rest:015}");
        match digits.trim_end_matches('0') {
            "" => whole.to_string(),
            digits => format!("{whole}.{digits}"),
        }
    }

    /// Both together; `None` when they are of different currencies, which have no sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let femtos = self.femtos.checked_add(other.femtos)?;
        (self.currency == other.currency).then_some(Self { femtos, ..self })
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency.as_str())
    }
}

impl fmt::Debug for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cost({self})")
    }
}

impl JsonSchema for Cost {
    fn schema_name() -> Cow<'static, str> {
        "Cost".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "currency": { "type": "string" }, "amount": { "type": "string" }, "micros": { "type": "integer" },
            },
            "required": ["currency", "amount", "micros"],
        })
    }
}

impl Serialize for Cost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut cost = serializer.serialize_struct("Cost", 3)?;
        cost.serialize_field("currency", &self.currency)?;
        cost.serialize_field("amount", &self.amount())?;
        cost.serialize_field("micros", &self.micros())?;
        cost.end()
    }
}

/// What calls have used, and what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Spent {
    pub(crate) usage: Usage,
    /// `None`: nothing was called, or something without a price.
    pub(crate) cost: Option<Cost>,
    calls: u32,
}

impl Spent {
    fn call(cost: Option<Cost>) -> Self {
        Self { usage: Usage::default(), cost, calls: 1 }
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.usage += other.usage;
        self.cost = match (self.calls, other.calls) {
            (_, 0) => self.cost,
            (0, _) => other.cost,
            _ => self.cost.zip(other.cost).and_then(|(one, two)| one.plus(two)),
        };
        self.calls = self.calls.saturating_add(other.calls);
    }
}

/// The book that the calls of a turn or of a live session are entered in, as soon as it is known what they use: a call that is
/// cut short stands in it, too. Clones are one book.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Spent>>);

impl Ledger {
    fn enter(&self, spent: Spent) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += spent;
    }

    /// Enters what a call uses.
    pub(crate) fn use_up(&self, usage: Usage) {
        self.enter(Spent { usage, ..Spent::default() });
    }

    /// Enters what a call costs; `None`: nobody can tell.
    pub(crate) fn charge(&self, cost: Option<Cost>) {
        self.enter(Spent::call(cost));
    }

    /// What was entered since this was last asked.
    pub(crate) fn take(&self) -> Spent {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(femtos: u128) -> Cost {
        Cost::new(Currency::default(), femtos)
    }

    #[test]
    fn an_amount_is_written_exactly_and_in_millionths_to_the_nearest() {
        assert_eq!((cost(426_250_000_000).amount(), cost(426_250_000_000).micros()), ("0.00042625".into(), 426));
        assert_eq!((cost(1).amount(), cost(1).micros()), ("0.000000000000001".into(), 0));
        assert_eq!((cost(12 * FEMTOS).amount(), cost(12 * FEMTOS).micros()), ("12".into(), 12_000_000));
        assert_eq!(cost(1_500_000_000).micros(), 2);
        let json = serde_json::to_value(cost(426_250_000_000)).unwrap();
        assert_eq!(json, serde_json::json!({"currency": "USD", "amount": "0.00042625", "micros": 426}));
    }

    #[test]
    fn ten_million_small_sums_do_not_drift() {
        let mut sum = Spent::default();
        for _ in 0..10_000_000 {
            sum += Spent::call(Some(cost(100_000_000)));
        }
        assert_eq!(sum.cost.unwrap().amount(), "1");
    }

    #[test]
    fn one_call_without_a_price_leaves_the_sum_without_one() {
        let ledger = Ledger::default();
        ledger.charge(Some(cost(5)));
        assert_eq!(ledger.take().cost, Some(cost(5)));
        assert_eq!(ledger.take(), Spent::default());
        ledger.charge(Some(cost(5)));
        ledger.charge(None);
        ledger.charge(Some(cost(5)));
        let mut sum = ledger.take();
        assert_eq!(sum.cost, None);
        sum += Spent::default();
        assert_eq!(sum.cost, None);
    }

    #[test]
    fn currencies_are_not_added_up() {
        let euros = Cost::new("EUR".parse().unwrap(), 1);
        assert_eq!(euros.plus(cost(1)), None);
        assert!("euro".parse::<Currency>().is_err() && "usd".parse::<Currency>().is_err());
    }
}
