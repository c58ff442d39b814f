//! The way out: decoded sound to the bytes of a file or a stream.

use std::{fmt, path::Path};

use bytes::Bytes;
use rusty_mp3::{Mp3Encoder, Mp3EncoderConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Pcm, g711, stream::OpusStream};
use crate::error::{Error, ErrorKind, Result, Stage};

/// A format in which sound is given out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AudioFormat {
    /// WAV with 16-bit samples, at the sound's own rate.
    #[default]
    Wav,
    /// Opus in Ogg, 32 kbit/s: a twelfth of WAV at 24 kHz, played by every browser and phone.
    OggOpus,
    /// MP3 at a constant 64 kbit/s, 96 above 24,000 samples a second: larger than Opus, and played by everything.
    Mp3,
    /// G.711 µ-law without a header, at 8,000 samples a second.
    MuLaw,
    /// G.711 A-law without a header, at 8,000 samples a second.
    ALaw,
    /// Signed 16-bit little-endian samples without a header, at the sound's own rate.
    Pcm,
}

impl AudioFormat {
    /// Every format.
    pub const ALL: [Self; 6] = [Self::Wav, Self::OggOpus, Self::Mp3, Self::MuLaw, Self::ALaw, Self::Pcm];

    /// The media type under which the bytes are served.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::OggOpus => "audio/ogg",
            Self::Mp3 => "audio/mpeg",
            Self::MuLaw => "audio/PCMU",
            Self::ALaw => "audio/PCMA",
            Self::Pcm => "audio/pcm",
        }
    }

    /// The usual ending of a file's name, without a dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::OggOpus => "ogg",
            Self::Mp3 => "mp3",
            Self::MuLaw => "ulaw",
            Self::ALaw => "alaw",
            Self::Pcm => "pcm",
        }
    }

    /// The format that a file's name asks for: `wav`, `ogg` or `opus`, `mp3`, `ulaw`, `alaw`, `pcm` or `raw`.
    #[must_use]
    pub fn from_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "wav" => Some(Self::Wav),
            "ogg" | "opus" => Some(Self::OggOpus),
            "mp3" => Some(Self::Mp3),
            "ulaw" | "mulaw" => Some(Self::MuLaw),
            "alaw" => Some(Self::ALaw),
            "pcm" | "raw" => Some(Self::Pcm),
            _ => None,
        }
    }
}

impl fmt::Display for AudioFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wav => "wav",
            Self::OggOpus => "ogg_opus",
            Self::Mp3 => "mp3",
            Self::MuLaw => "mu_law",
            Self::ALaw => "a_law",
            Self::Pcm => "pcm",
        })
    }
}

impl std::str::FromStr for AudioFormat {
    type Err = Error;

    /// Reads the name that `Display` writes.
    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|format| format.to_string() == name).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidField,
                format!("there is no audio format {name:?}; wav, ogg_opus, mp3, mu_law, a_law and pcm are known"),
            )
        })
    }
}

/// The rate of telephony.
const PHONE_RATE: u32 = 8_000;

/// Encodes sound.
pub(super) fn encode(pcm: &Pcm, format: AudioFormat) -> Result<Bytes> {
    Ok(match format {
        AudioFormat::Wav => wav(pcm.samples(), pcm.sample_rate()),
        AudioFormat::OggOpus => ogg_opus(pcm)?,
        AudioFormat::Mp3 => mp3(pcm)?,
        AudioFormat::MuLaw => pcm.resampled(PHONE_RATE)?.samples().iter().map(|&s| g711::to_ulaw(s)).collect(),
        AudioFormat::ALaw => pcm.resampled(PHONE_RATE)?.samples().iter().map(|&s| g711::to_alaw(s)).collect(),
        AudioFormat::Pcm => pcm.samples().iter().flat_map(|s| s.to_le_bytes()).collect(),
    })
}

/// A WAV file: the header and the samples.
pub(super) fn wav(samples: &[i16], rate: u32) -> Bytes {
    let mut bytes = wav_header(rate, 1, Some(samples.len() * 2));
    bytes.reserve_exact(samples.len() * 2);
    bytes.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
    bytes.into()
}

/// The 44 bytes before 16-bit samples that take up `size` bytes; `None`: nobody knows yet.
pub(super) fn wav_header(rate: u32, channels: u16, size: Option<usize>) -> Vec<u8> {
    // Without a size, or beyond 4 GiB, the header cannot tell it; all ones says so, and every reader takes what is there.
    let size = size.and_then(|size| u32::try_from(size).ok()).unwrap_or(u32::MAX);
    let sample = 2 * channels;
    let mut bytes = Vec::with_capacity(44);
    bytes.extend(b"RIFF");
    bytes.extend(size.saturating_add(36).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    for field in [1, channels] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend(rate.to_le_bytes());
    bytes.extend(rate.saturating_mul(sample.into()).to_le_bytes());
    for field in [sample, 16] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend(b"data");
    bytes.extend(size.to_le_bytes());
    bytes
}

/// An Ogg file with one mono Opus stream (RFC 7845).
fn ogg_opus(pcm: &Pcm) -> Result<Bytes> {
    // The nearest rate that Opus knows at or above the sound's own.
    let rate = [8_000, 12_000, 16_000, 24_000].into_iter().find(|&r| pcm.sample_rate() <= r).unwrap_or(48_000);
    let pcm = pcm.resampled(rate)?;
    let mut stream = OpusStream::new(rate, 1)?;
    stream.push(pcm.samples())?;
    Ok(stream.finish()?.into())
}

/// The rates of MP3; up to the first `MPEG2` of them it has frames of half the length, which do with fewer bits.
const MP3_RATES: [u32; 9] = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
const MPEG2: usize = 6;

/// One mono stream with the tag that tells a player what to cut off at its ends.
fn mp3(pcm: &Pcm) -> Result<Bytes> {
    let at = MP3_RATES.iter().position(|&rate| pcm.sample_rate() <= rate).unwrap_or(MP3_RATES.len() - 1);
    let rate = MP3_RATES[at];
    let pcm = pcm.resampled(rate)?;
    let mut encoder =
        Mp3Encoder::new(Mp3EncoderConfig { bitrate_kbps: if at < MPEG2 { 64 } else { 96 }, vbr_quality: None });
    encoder
        .push_pcm_s16(pcm.samples(), 1, rate)
        .map_err(|e| Error::internal(format!("the sound cannot be written as MP3: {e}")).with_stage(Stage::Audio))?;
    encoder.finish();
    Ok(std::iter::from_fn(|| encoder.next_packet().ok()).flatten().collect())
}

/// Writes sound to a file, in the format that its name asks for.
pub(super) fn save(pcm: &Pcm, path: &Path) -> Result<()> {
    let format = AudioFormat::from_path(path).ok_or_else(|| {
        Error::new(
            ErrorKind::File,
            format!(
                "cannot tell the format of {}: the name should end in .wav, .ogg, .opus, .mp3, .ulaw, .alaw or .pcm",
                path.display()
            ),
        )
        .with_stage(Stage::Audio)
    })?;
    std::fs::write(path, encode(pcm, format)?).map_err(|e| {
        Error::new(ErrorKind::File, format!("cannot write {}: {e}", path.display()))
            .with_stage(Stage::Audio)
            .with_source(e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Audio, AudioLimits, SampleEncoding, prepare};

    fn voice(rate: u32, seconds: f64) -> Pcm {
        let samples: Vec<i16> = (0..(f64::from(rate) * seconds) as u32)
            .map(|i| {
                let t = f64::from(i) / f64::from(rate);
                let pitch = (t * 2.0 * std::f64::consts::PI * (120.0 + 40.0 * t)).sin();
                let overtone = (t * 2.0 * std::f64::consts::PI * 900.0).sin();
                ((pitch * 0.4 + overtone * 0.2 * (t * 9.0).sin()) * 20_000.0) as i16
            })
            .collect();
        Pcm::new(samples, rate)
    }

    fn correlation(a: &[i16], b: &[i16]) -> f64 {
        let dot = |x: &[i16], y: &[i16]| x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
        let n = a.len().min(b.len());
        dot(&a[..n], &b[..n]) / (dot(&a[..n], &a[..n]) * dot(&b[..n], &b[..n])).sqrt()
    }

    #[test]
    fn every_format_is_heard_again_as_it_was() {
        for rate in [16_000, 24_000, 22_050] {
            let pcm = voice(rate, 1.3);
            let wanted = pcm.resampled(16_000).expect("a rate");
            for format in AudioFormat::ALL {
                let bytes = pcm.encode(format).expect("encoded");
                let audio = match format {
                    AudioFormat::MuLaw => Audio::from_mulaw(bytes, 8_000),
                    AudioFormat::ALaw => Audio::from_alaw(bytes, 8_000),
                    AudioFormat::Pcm => Audio::from_raw(bytes, SampleEncoding::S16Le, rate, 1),
                    _ => Audio::from_bytes(bytes),
                };
                let heard = prepare(&audio, &AudioLimits::default()).expect("decoded");
                let off = heard.samples.len().abs_diff(wanted.samples().len());
                assert!(off <= 2, "{format} at {rate}: {off} samples longer or shorter");
                let likeness = correlation(&heard.samples, wanted.samples());
                assert!(likeness > 0.97, "{format} at {rate}: correlation {likeness:.4}");
                assert!(heard.info.warnings.is_empty(), "{format}: {:?}", heard.info.warnings);
            }
        }
    }

    #[test]
    fn a_file_is_written_in_the_format_of_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("Answer.OPUS");
        voice(24_000, 0.5).save(&path).expect("saved");
        let heard = prepare(&Audio::from_path(&path).expect("a file"), &AudioLimits::default()).expect("decoded");
        assert_eq!((heard.info.format.as_str(), heard.info.codec.as_str()), ("ogg", "opus"));
        let error = voice(24_000, 0.5).save(folder.path().join("answer.mp9")).expect_err("unknown");
        assert!(error.message().contains(".wav"), "{}", error.message());
    }

    #[test]
    fn nothing_at_all_makes_a_file_too() {
        for format in AudioFormat::ALL {
            assert!(Pcm::new(vec![], 24_000).encode(format).is_ok(), "{format}");
        }
    }
}
