//! How one sample is written in bytes, and how bytes of it become mono float samples.

use super::g711;

/// How the samples of raw, headerless audio are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SampleEncoding {
    /// Unsigned 8-bit.
    U8,
    /// Signed 8-bit.
    S8,
    /// Signed 16-bit, little-endian.
    S16Le,
    /// Signed 16-bit, big-endian (network order; `L16` of RTP).
    S16Be,
    /// Signed 24-bit in three bytes, little-endian.
    S24Le,
    /// Signed 24-bit in three bytes, big-endian.
    S24Be,
    /// Signed 32-bit, little-endian. Also 24 bits in four bytes, left-aligned.
    S32Le,
    /// Signed 32-bit, big-endian.
    S32Be,
    /// 32-bit float, full scale ±1, little-endian.
    F32Le,
    /// 32-bit float, full scale ±1, big-endian.
    F32Be,
    /// 64-bit float, full scale ±1, little-endian.
    F64Le,
    /// 64-bit float, full scale ±1, big-endian.
    F64Be,
    /// G.711 µ-law: North American and Japanese telephony, most media streams.
    MuLaw,
    /// G.711 A-law: telephony elsewhere.
    ALaw,
}

impl SampleEncoding {
    /// The bytes of one sample.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::S8 | Self::MuLaw | Self::ALaw => 1,
            Self::S16Le | Self::S16Be => 2,
            Self::S24Le | Self::S24Be => 3,
            Self::S32Le | Self::S32Be | Self::F32Le | Self::F32Be => 4,
            Self::F64Le | Self::F64Be => 8,
        }
    }

    /// The name of the encoding as [`AudioInfo::codec`](super::AudioInfo) gives it, for example `pcm_s16le`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::U8 => "pcm_u8",
            Self::S8 => "pcm_s8",
            Self::S16Le => "pcm_s16le",
            Self::S16Be => "pcm_s16be",
            Self::S24Le => "pcm_s24le",
            Self::S24Be => "pcm_s24be",
            Self::S32Le => "pcm_s32le",
            Self::S32Be => "pcm_s32be",
            Self::F32Le => "pcm_f32le",
            Self::F32Be => "pcm_f32be",
            Self::F64Le => "pcm_f64le",
            Self::F64Be => "pcm_f64be",
            Self::MuLaw => "pcm_mulaw",
            Self::ALaw => "pcm_alaw",
        }
    }

    /// Replaces `out` with the frames of `bytes`, made mono. `bytes` must hold whole frames.
    pub(crate) fn read_mono(self, bytes: &[u8], channels: usize, how: Mix, out: &mut Vec<f32>) {
        match self {
            Self::U8 => mix(bytes, channels, how, out, |[a]: [u8; 1]| (f32::from(a) - 128.0) / 128.0),
            Self::S8 => mix(bytes, channels, how, out, |[a]: [u8; 1]| f32::from(a as i8) / 128.0),
            Self::S16Le => mix(bytes, channels, how, out, |b| from_i16(i16::from_le_bytes(b))),
            Self::S16Be => mix(bytes, channels, how, out, |b| from_i16(i16::from_be_bytes(b))),
            Self::S24Le => mix(bytes, channels, how, out, |[a, b, c]| from_i32(i32::from_le_bytes([0, a, b, c]))),
            Self::S24Be => mix(bytes, channels, how, out, |[a, b, c]| from_i32(i32::from_be_bytes([a, b, c, 0]))),
            Self::S32Le => mix(bytes, channels, how, out, |b| from_i32(i32::from_le_bytes(b))),
            Self::S32Be => mix(bytes, channels, how, out, |b| from_i32(i32::from_be_bytes(b))),
            Self::F32Le => mix(bytes, channels, how, out, |b| tame(f32::from_le_bytes(b))),
            Self::F32Be => mix(bytes, channels, how, out, |b| tame(f32::from_be_bytes(b))),
            Self::F64Le => mix(bytes, channels, how, out, |b| tame(f64::from_le_bytes(b) as f32)),
            Self::F64Be => mix(bytes, channels, how, out, |b| tame(f64::from_be_bytes(b) as f32)),
            Self::MuLaw => mix(bytes, channels, how, out, |[a]: [u8; 1]| from_i16(g711::ULAW[usize::from(a)])),
            Self::ALaw => mix(bytes, channels, how, out, |[a]: [u8; 1]| from_i16(g711::ALAW[usize::from(a)])),
        }
    }
}

/// A 16-bit sample in float, full scale ±1.
pub(crate) fn from_i16(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

fn from_i32(sample: i32) -> f32 {
    sample as f32 / 2_147_483_648.0
}

/// A float sample as it may be heard: not a number becomes silence, and what is beyond full scale is cut off there.
pub(crate) fn tame(sample: f32) -> f32 {
    if sample.is_nan() { 0.0 } else { sample.clamp(-1.0, 1.0) }
}

/// How the channels of a recording become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mix {
    /// Their mean.
    #[default]
    All,
    /// The first alone, where the mean would be silence: channels of opposite phase cancel each other out.
    First,
}

/// Replaces `out` with interleaved frames made mono.
pub(crate) fn mix_interleaved<T: Copy>(
    samples: &[T],
    channels: usize,
    how: Mix,
    out: &mut Vec<f32>,
    read: impl Fn(T) -> f32,
) {
    out.clear();
    match channels {
        _ if how == Mix::First => out.extend(samples.chunks_exact(channels).map(|f| read(f[0]))),
        1 => out.extend(samples.iter().map(|&s| read(s))),
        2 => out.extend(samples.as_chunks::<2>().0.iter().map(|&[l, r]| 0.5 * (read(l) + read(r)))),
        _ => {
            let scale = 1.0 / channels as f32;
            out.extend(samples.chunks_exact(channels).map(|f| f.iter().map(|&s| read(s)).sum::<f32>() * scale));
        }
    }
}

fn mix<const N: usize>(bytes: &[u8], channels: usize, how: Mix, out: &mut Vec<f32>, read: impl Fn([u8; N]) -> f32) {
    mix_interleaved(bytes.as_chunks::<N>().0, channels, how, out, read);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float_samples_that_are_no_sound_are_tamed() {
        let wild = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -0.25];
        let bytes: Vec<u8> = wild.iter().flat_map(|v| v.to_le_bytes()).collect();
        let mut out = Vec::new();
        SampleEncoding::F32Le.read_mono(&bytes, 1, Mix::All, &mut out);
        assert_eq!(out, [0.0, 1.0, -1.0, 1.0, -0.25]);
    }

    #[test]
    fn every_width_reads_half_scale_as_half() {
        let cases: [(SampleEncoding, &[u8]); 8] = [
            (SampleEncoding::U8, &[192]),
            (SampleEncoding::S8, &[64]),
            (SampleEncoding::S16Le, &[0, 64]),
            (SampleEncoding::S16Be, &[64, 0]),
            (SampleEncoding::S24Le, &[0, 0, 64]),
            (SampleEncoding::S24Be, &[64, 0, 0]),
            (SampleEncoding::S32Be, &[64, 0, 0, 0]),
            (SampleEncoding::F64Be, &[0x3f, 0xe0, 0, 0, 0, 0, 0, 0]),
        ];
        for (encoding, bytes) in cases {
            let mut out = Vec::new();
            encoding.read_mono(bytes, 1, Mix::All, &mut out);
            assert_eq!(out, [0.5], "{}", encoding.name());
        }
    }

    #[test]
    fn channels_are_averaged() {
        let mut out = Vec::new();
        mix_interleaved(&[1.0, 0.0, 0.5, -0.5], 2, Mix::All, &mut out, |v| v);
        assert_eq!(out, [0.5, 0.0]);
        mix_interleaved(&[0.9, 0.0, 0.0, 0.3, 0.3, 0.3], 3, Mix::All, &mut out, |v: f32| v);
        assert!((out[0] - 0.3).abs() < 1e-6 && (out[1] - 0.3).abs() < 1e-6);
    }
}
