//! Sound as carriers write it: G.711 and 16-bit samples in either byte order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    audio::{g711, to_i16},
    error::{Error, ErrorKind, Result},
};

/// How the samples of a call are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PhoneEncoding {
    /// G.711 µ-law, one byte a sample.
    MuLaw,
    /// G.711 A-law, one byte a sample.
    ALaw,
    /// 16-bit samples.
    L16,
}

impl PhoneEncoding {
    /// The encoding that a carrier names, with the rate that stands beside it, as in `audio/x-l16;rate=16000`.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` (kind `UnsupportedAudio`) for any other.
    pub(super) fn named(name: &str) -> Result<(Self, Option<u32>)> {
        let mut parts = name.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let rate = parts.find_map(|part| part.strip_prefix("rate=")).and_then(|rate| rate.parse().ok());
        let kind = kind.strip_prefix("audio/").unwrap_or(&kind);
        let encoding = match kind.strip_prefix("x-").unwrap_or(kind) {
            "mulaw" | "ulaw" | "pcmu" | "basic" => Self::MuLaw,
            "alaw" | "pcma" => Self::ALaw,
            "l16" | "raw" | "slin" | "linear16" | "pcm" => Self::L16,
            _ => {
                return Err(Error::new(
                    ErrorKind::UnsupportedAudio,
                    "the carrier sends an encoding that is not supported; have it send PCMU (µ-law), PCMA (A-law) or L16",
                ));
            }
        };
        Ok((encoding, rate))
    }

    /// How many bytes one sample takes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::MuLaw | Self::ALaw => 1,
            Self::L16 => 2,
        }
    }

    /// The samples behind the bytes.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for half a sample.
    pub(super) fn decode(self, bytes: &[u8], order: ByteOrder) -> Result<Vec<i16>> {
        Ok(match self {
            Self::MuLaw => bytes.iter().map(|&code| g711::ULAW[usize::from(code)]).collect(),
            Self::ALaw => bytes.iter().map(|&code| g711::ALAW[usize::from(code)]).collect(),
            Self::L16 => {
                let (pairs, rest) = bytes.as_chunks::<2>();
                if !rest.is_empty() {
                    return Err(Error::new(ErrorKind::InvalidField, "the sound is no whole number of 16-bit samples"));
                }
                pairs.iter().map(|&pair| order.read(pair)).collect()
            }
        })
    }

    /// The bytes that say these samples.
    pub(super) fn encode(self, samples: &[i16], order: ByteOrder) -> Vec<u8> {
        match self {
            Self::MuLaw => samples.iter().map(|&sample| g711::to_ulaw(sample)).collect(),
            Self::ALaw => samples.iter().map(|&sample| g711::to_alaw(sample)).collect(),
            Self::L16 => samples.iter().flat_map(|&sample| order.write(sample)).collect(),
        }
    }
}

/// In which order the two bytes of a sample come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ByteOrder {
    /// The low byte first.
    Little,
    /// The high byte first: network byte order.
    Big,
}

impl ByteOrder {
    const fn read(self, pair: [u8; 2]) -> i16 {
        match self {
            Self::Little => i16::from_le_bytes(pair),
            Self::Big => i16::from_be_bytes(pair),
        }
    }

    const fn write(self, sample: i16) -> [u8; 2] {
        match self {
            Self::Little => sample.to_le_bytes(),
            Self::Big => sample.to_be_bytes(),
        }
    }
}

/// Hears in which order bytes come, where a carrier does not say it: sound whose bytes are swapped jumps from sample to sample.
#[derive(Debug, Default)]
pub(super) struct OrderDetector {
    little: u64,
    big: u64,
}

/// How many times rougher the wrong order has to be. White noise is as rough either way, silence has no roughness at all.
const ROUGHER: u64 = 3;
/// How much roughness there has to be, so that a few samples decide nothing: 20 ms of a quiet line have as much.
const ENOUGH: u64 = 20_000;

impl OrderDetector {
    /// Hears more; the order, once it is clear.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Option<ByteOrder> {
        let (pairs, _) = bytes.as_chunks::<2>();
        for step in pairs.windows(2) {
            let jump = |order: ByteOrder| u64::from(order.read(step[0]).abs_diff(order.read(step[1])));
            self.little = self.little.saturating_add(jump(ByteOrder::Little));
            self.big = self.big.saturating_add(jump(ByteOrder::Big));
        }
        let is = |this: u64, other: u64| other > ENOUGH && other / ROUGHER > this;
        if is(self.little, self.big) {
            Some(ByteOrder::Little)
        } else if is(self.big, self.little) {
            Some(ByteOrder::Big)
        } else {
            None
        }
    }
}

/// Floats, full scale ±1, of samples, and back.
pub(super) fn floats(samples: &[i16]) -> impl Iterator<Item = f32> + '_ {
    samples.iter().map(|&sample| f32::from(sample) / 32_768.0)
}

pub(super) fn samples(floats: &[f32]) -> impl Iterator<Item = i16> + '_ {
    floats.iter().map(|&float| to_i16(float))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriers_names_of_encodings_are_understood() {
        for (name, expected) in [
            ("audio/x-mulaw", (PhoneEncoding::MuLaw, None)),
            ("audio/x-mulaw;rate=8000", (PhoneEncoding::MuLaw, Some(8_000))),
            ("PCMU", (PhoneEncoding::MuLaw, None)),
            ("PCMA", (PhoneEncoding::ALaw, None)),
            ("audio/x-l16", (PhoneEncoding::L16, None)),
            ("audio/l16;rate=16000", (PhoneEncoding::L16, Some(16_000))),
            ("audio/x-raw", (PhoneEncoding::L16, None)),
            ("L16", (PhoneEncoding::L16, None)),
        ] {
            assert_eq!(PhoneEncoding::named(name).unwrap(), expected, "{name}");
        }
        for name in ["OPUS", "G722", "AMR-WB", ""] {
            assert_eq!(PhoneEncoding::named(name).unwrap_err().kind(), ErrorKind::UnsupportedAudio, "{name}");
        }
    }

    #[test]
    fn sound_comes_back_as_it_went_in() {
        let tone: Vec<i16> = (0..160u8).map(|n| ((f32::from(n) / 5.0).sin() * 12_000.0) as i16).collect();
        for encoding in [PhoneEncoding::MuLaw, PhoneEncoding::ALaw, PhoneEncoding::L16] {
            for order in [ByteOrder::Little, ByteOrder::Big] {
                let bytes = encoding.encode(&tone, order);
                assert_eq!(bytes.len(), 160 * encoding.bytes());
                let back = encoding.decode(&bytes, order).unwrap();
                let furthest = back.iter().zip(&tone).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
                assert!(furthest <= if encoding == PhoneEncoding::L16 { 0 } else { 512 }, "{encoding:?} {furthest}");
            }
        }
        assert!(PhoneEncoding::L16.decode(&[1], ByteOrder::Little).is_err());
        assert_eq!(PhoneEncoding::MuLaw.encode(&[0], ByteOrder::Little), [0xff], "silence as carriers write it");
    }

    #[test]
    fn the_byte_order_is_heard_from_speech_and_from_a_quiet_line_and_not_from_silence() {
        let speech: Vec<i16> = (0..160u8).map(|n| ((f32::from(n) / 3.0).sin() * 9_000.0) as i16).collect();
        let quiet: Vec<i16> = (0..160i16).map(|n| (n * 7 % 5) - 2).collect();
        for order in [ByteOrder::Little, ByteOrder::Big] {
            for sound in [&speech, &quiet] {
                let bytes = PhoneEncoding::L16.encode(sound, order);
                assert_eq!(OrderDetector::default().hear(&bytes), Some(order));
            }
        }
        assert_eq!(OrderDetector::default().hear(&[0; 3_200]), None);
    }
}
