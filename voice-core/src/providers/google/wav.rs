//! Reads the sound of a whole answer: a WAV file, or samples without a header.

use crate::audio::Pcm;

/// The mono 16-bit samples in `bytes`, at the rate that a WAV header names, else at `rate`. `None`: it is a WAV file of another kind,
/// or holds no sound.
pub(super) fn read(bytes: &[u8], rate: u32) -> Option<Pcm> {
    let (samples, rate) = match (bytes.get(..4), bytes.get(8..12)) {
        (Some(b"RIFF"), Some(b"WAVE")) => in_chunks(&bytes[12..])?,
        _ => (bytes, rate),
    };
    let samples: Vec<i16> = samples.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    (!samples.is_empty()).then(|| Pcm::new(samples, rate))
}

/// The samples among a file's chunks, and their rate.
fn in_chunks(mut rest: &[u8]) -> Option<(&[u8], u32)> {
    let mut rate = None;
    loop {
        let (name, length) = (rest.get(..4)?, rest.get(4..8)?);
        let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
        let body = &rest[8..];
        // A length that nobody knew when the header was written is 0 or far too long.
        let whole = &body[..length.min(body.len())];
        match name {
            b"fmt " => {
                let u16_at = |at: usize| whole.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
                let mono_16_bit = (u16_at(0)?, u16_at(2)?, u16_at(14)?) == (1, 1, 16);
                let hertz = u32::from_le_bytes(whole.get(4..8)?.try_into().ok()?);
                rate = Some(hertz).filter(|hertz| mono_16_bit && (4_000..=384_000).contains(hertz));
            }
            b"data" => return Some((if length == 0 { body } else { whole }, rate?)),
            _ => {}
        }
        rest = body.get(length + length % 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(channels: u16, rate: u32, claimed: u32) -> Vec<u8> {
        let mut out = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0".to_vec();
        out.extend_from_slice(&channels.to_le_bytes());
        out.extend_from_slice(&rate.to_le_bytes());
        out.extend_from_slice(b"\0\0\0\0\x02\0\x10\0data");
        out.extend_from_slice(&claimed.to_le_bytes());
        out.extend_from_slice(&[1, 0, 2, 0]);
        out
    }

    #[test]
    fn samples_come_out_whatever_the_header_claims() {
        for claimed in [0, 4, 1_000, u32::MAX] {
            let pcm = read(&file(1, 16_000, claimed), 24_000).unwrap();
            assert_eq!((pcm.samples(), pcm.sample_rate()), (&[1, 2][..], 16_000), "{claimed}");
        }
        let bare = read(&[1, 0, 2, 0, 9], 24_000).unwrap();
        assert_eq!((bare.samples(), bare.sample_rate()), (&[1, 2][..], 24_000));
    }

    #[test]
    fn other_sound_and_none_are_told_apart_from_speech() {
        let whole = file(1, 16_000, 4);
        assert!(read(&file(2, 16_000, 4), 24_000).is_none());
        assert!(read(&file(1, 0, 4), 24_000).is_none());
        assert!((12..=whole.len() - 4).all(|n| read(&whole[..n], 24_000).is_none()));
        assert!(read(&[], 24_000).is_none());
    }
}
