//! Turns the bytes of a speech answer, cut anywhere, into sound: headerless samples, or WAV whatever its header claims.

use futures_util::{StreamExt, stream, stream::BoxStream};
use reqwest::{Response, header::CONTENT_TYPE};
use serde_json::Value;

use super::{Peer, Private};
use crate::{audio::Pcm, error::Result};

/// The most bytes of JSON that comes where sound was asked for.
const MOST_JSON_BYTES: usize = 64 * 1024;

/// The most bytes before the samples of a WAV file.
const MOST_HEADER_BYTES: usize = 64 * 1024;

/// Data lengths from here on stand for "not known yet": writers that stream put 0 or almost 4 GiB.
const UNKNOWN_LENGTH: u32 = 0x7FFF_0000;

/// How samples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    rate: u32,
    channels: usize,
    float: bool,
}

impl Layout {
    const fn frame(self) -> usize {
        self.channels * if self.float { 4 } else { 2 }
    }
}

/// Decodes a speech answer as it comes.
#[derive(Debug)]
pub(crate) struct SoundReader {
    peer: Peer,
    raw: Layout,
    state: State,
    /// Bytes that do not make a whole frame (or header) yet.
    carry: Vec<u8>,
    any: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The first bytes will tell.
    Start,
    /// Inside a WAV header.
    Header,
    /// Samples; `left` bytes of them before the end that the header claims.
    Samples { layout: Layout, left: Option<usize> },
    /// Chunks behind the samples.
    Trailer,
}

impl SoundReader {
    /// A reader of what `peer` sends: 16-bit mono samples of `rate`, unless a WAV header says otherwise.
    pub(crate) fn new(peer: Peer, rate: u32) -> Self {
        Self {
            peer,
            raw: Layout { rate, channels: 1, float: false },
            state: State::Start,
            carry: Vec::new(),
            any: false,
        }
    }

    /// The sound that is complete with these bytes; `None` when more are needed.
    ///
    /// # Errors
    /// `PROVIDER_ERROR` (kind `MalformedResponse`) when the bytes are neither samples nor a WAV file of 16-bit or float
    /// samples.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Option<Pcm>> {
        self.carry.extend_from_slice(bytes);
        self.decode(false)
    }

    /// The rest of the sound, at the end of the answer.
    ///
    /// # Errors
    /// As for [`push`](Self::push), and when there was no sound at all.
    pub(crate) fn finish(&mut self) -> Result<Option<Pcm>> {
        let rest = self.decode(true)?;
        if !self.any {
            return Err(self.peer.malformed("answered without any sound"));
        }
        Ok(rest)
    }

    fn decode(&mut self, at_end: bool) -> Result<Option<Pcm>> {
        if self.state == State::Start {
            if self.carry.len() < 12 && !at_end {
                return Ok(None);
            }
            self.state = self.recognise()?;
        }
        if self.state == State::Header && !self.header()? {
            return if at_end { Err(self.peer.cut_short()) } else { Ok(None) };
        }
        let State::Samples { layout, left } = self.state else {
            self.carry.clear();
            return Ok(None);
        };
        let mut take = self.carry.len();
        if let Some(left) = left {
            take = take.min(left);
            if self.carry.len() >= left.saturating_add(8) || (at_end && self.carry.len() > left) {
                // Chunks have printable names. Anything else behind the claimed end is sound, and the claim was a lie.
                if self.carry[left..].iter().take(4).all(|b| b.is_ascii_graphic() || *b == b' ') {
                    self.state = State::Trailer;
                } else {
                    self.state = State::Samples { layout, left: None };
                    take = self.carry.len();
                }
            }
        }
        take -= take % layout.frame();
        if let State::Samples { left: Some(left), .. } = &mut self.state {
            *left -= take;
        }
        let samples = samples(&self.carry[..take], layout);
        self.carry.drain(..take);
        self.any |= !samples.is_empty();
        Ok((!samples.is_empty()).then(|| Pcm::new(samples, layout.rate)))
    }

    fn recognise(&self) -> Result<State> {
        let starts = |magic: &[u8]| self.carry.starts_with(magic);
        if starts(b"RIFF") && self.carry.get(8..12) == Some(b"WAVE") {
            return Ok(State::Header);
        }
        for (magic, name) in [(&b"OggS"[..], "Ogg"), (b"fLaC", "FLAC"), (b"ID3", "MP3"), (b"{\"", "JSON")] {
            if starts(magic) {
                return Err(self.peer.malformed(&format!("answered with {name} where PCM or WAV was asked for")));
            }
        }
        Ok(State::Samples { layout: self.raw, left: None })
    }

    /// Reads the header up to the samples; `false` when more bytes are needed.
    fn header(&mut self) -> Result<bool> {
        let u16_at = |at: usize| self.carry.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        let u32_at = |at: usize| self.carry.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let mut at = 12;
        let mut layout = None;
        loop {
            if at > MOST_HEADER_BYTES {
                return Err(self.peer.malformed("answered with a WAV file that holds no samples"));
            }
            let (Some(name), Some(length)) = (self.carry.get(at..at + 4), u32_at(at + 4)) else { return Ok(false) };
            if name == b"data" {
                break;
            }
            let body = at + 8;
            if name == b"fmt " {
                let (Some(mut tag), Some(channels), Some(rate), Some(bits)) =
                    (u16_at(body), u16_at(body + 2), u32_at(body + 4), u16_at(body + 14))
                else {
                    return Ok(false);
                };
                if tag == 0xFFFE {
                    // The extensible form keeps the true tag at the front of its sub-format.
                    let Some(inner) = u16_at(body + 24) else { return Ok(false) };
                    tag = inner;
                }
                let known = matches!((tag, bits), (1, 16) | (3, 32));
                if !known || !(1..=8).contains(&channels) || !(4_000..=384_000).contains(&rate) {
                    return Err(self.peer.malformed(&format!(
                        "answered with WAV of format {tag}, {bits} bits, {channels} channels, {rate} Hz; 16-bit or float PCM is accepted"
                    )));
                }
                layout = Some(Layout { rate, channels: usize::from(channels), float: tag == 3 });
            }
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            at = body.saturating_add(length).saturating_add(length % 2);
        }
        let Some(layout) = layout else {
            return Err(self.peer.malformed("answered with a WAV file that does not say how its samples are written"));
        };
        let claimed = u32_at(at + 4).filter(|n| *n != 0 && *n < UNKNOWN_LENGTH);
        self.state = State::Samples { layout, left: claimed.and_then(|n| usize::try_from(n).ok()) };
        self.carry.drain(..at + 8);
        Ok(true)
    }
}

/// The sound of a speech answer, as it comes: 16-bit mono samples of `rate`, unless it is WAV and says otherwise. Dropping it
/// closes the connection.
///
/// # Errors
/// The provider's own when the answer is an error in JSON; `PROVIDER_ERROR` (kind `MalformedResponse`) for anything else that
/// is no sound.
pub(crate) async fn spoken(
    response: Response,
    rate: u32,
    peer: Peer,
    private: &Private,
) -> Result<BoxStream<'static, Result<Pcm>>> {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_lowercase();
    if kind.contains("json") {
        let body = peer.read_all(response, MOST_JSON_BYTES).await?;
        return Err(match serde_json::from_slice::<Value>(&body) {
            Ok(value)
                if ["error", "err_code", "error_code", "category", "detail"]
                    .iter()
                    .any(|field| value.get(field).is_some()) =>
            {
                peer.reported(&value, private)
            }
            _ => peer.malformed("answered with JSON where sound was asked for"),
        });
    }
    if kind.starts_with("text/html") {
        return Err(peer.malformed("answered with a web page where sound was asked for"));
    }
    let spoken = Spoken { sound: SoundReader::new(peer.clone(), rate), response, peer, ended: false };
    Ok(stream::unfold(spoken, |mut spoken| async move { spoken.next().await.map(|item| (item, spoken)) }).boxed())
}

struct Spoken {
    response: Response,
    sound: SoundReader,
    peer: Peer,
    ended: bool,
}

impl Spoken {
    async fn next(&mut self) -> Option<Result<Pcm>> {
        while !self.ended {
            let sound = match self.response.chunk().await {
                Ok(Some(bytes)) => self.sound.push(&bytes),
                Ok(None) => {
                    self.ended = true;
                    self.sound.finish()
                }
                Err(error) => Err(self.peer.transport(&error)),
            };
            self.ended |= sound.is_err();
            if let Some(item) = sound.transpose() {
                return Some(item);
            }
        }
        None
    }
}

/// Whole frames as mono 16-bit samples; channels are averaged.
fn samples(bytes: &[u8], layout: Layout) -> Vec<i16> {
    let count = i32::try_from(layout.channels).unwrap_or(1);
    bytes
        .chunks_exact(layout.frame())
        .map(|frame| {
            let sum: i32 = if layout.float {
                frame
                    .chunks_exact(4)
                    .map(|b| (f32::from_le_bytes([b[0], b[1], b[2], b[3]]).clamp(-1.0, 1.0) * 32_767.0).round() as i32)
                    .sum()
            } else {
                frame.chunks_exact(2).map(|b| i32::from(i16::from_le_bytes([b[0], b[1]]))).sum()
            };
            i16::try_from(sum / count).unwrap_or(0)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::{ErrorKind, Stage};

    fn reader() -> SoundReader {
        let peer = Peer { provider: "p/m".into(), stage: Stage::Tts, host: "h".into(), key: None };
        SoundReader::new(peer, 24_000)
    }

    fn read(pieces: &[&[u8]]) -> Result<(Vec<i16>, u32)> {
        let mut reader = reader();
        let mut out = Vec::new();
        let mut rate = 0;
        let mut take = |pcm: Option<Pcm>| {
            if let Some(pcm) = pcm {
                rate = pcm.sample_rate();
                out.extend_from_slice(pcm.samples());
            }
        };
        for piece in pieces {
            take(reader.push(piece)?);
        }
        take(reader.finish()?);
        Ok((out, rate))
    }

    fn wav(channels: u16, tag: u16, bits: u16, rate: u32, claimed: u32, data: &[u8], tail: &[u8]) -> Vec<u8> {
        let mut out = b"RIFF\xFF\xFF\xFF\xFFWAVEfmt \x10\0\0\0".to_vec();
        out.extend_from_slice(&tag.to_le_bytes());
        out.extend_from_slice(&channels.to_le_bytes());
        out.extend_from_slice(&rate.to_le_bytes());
        out.extend_from_slice(&[0; 6]);
        out.extend_from_slice(&bits.to_le_bytes());
        out.extend_from_slice(b"LIST\x03\0\0\0abc\0data");
        out.extend_from_slice(&claimed.to_le_bytes());
        out.extend_from_slice(data);
        out.extend_from_slice(tail);
        out
    }

    fn bytes(samples: &[i16]) -> Vec<u8> {
        samples.iter().flat_map(|s| s.to_le_bytes()).collect()
    }

    const SAMPLES: [i16; 9] = [1, -2, 300, -400, 32_767, -32_768, 7, -1, 260];

    proptest! {
        #[test]
        fn cutting_the_bytes_anywhere_changes_nothing(cuts in prop::collection::vec(0usize..200, 0..10), as_wav: bool) {
            let raw = bytes(&SAMPLES);
            let file = if as_wav { wav(1, 1, 16, 22_050, 0xFFFF_FFFF, &raw, b"") } else { raw };
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c % file.len()).chain([0, file.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &file[w[0]..w[1]]).collect();
            let (samples, rate) = read(&pieces).unwrap();
            prop_assert_eq!(samples, SAMPLES);
            prop_assert_eq!(rate, if as_wav { 22_050 } else { 24_000 });
        }
    }

    #[test]
    fn a_header_may_claim_nothing_too_much_or_too_little() {
        let raw = bytes(&SAMPLES);
        for claimed in [0, 4, 18, 1_000, 0xFFFF_FFFF] {
            assert_eq!(read(&[&wav(1, 1, 16, 24_000, claimed, &raw, b"")]).unwrap().0, SAMPLES, "claimed {claimed}");
        }
    }

    #[test]
    fn chunks_behind_the_samples_are_not_sound() {
        let raw = bytes(&SAMPLES);
        assert_eq!(read(&[&wav(1, 1, 16, 24_000, 18, &raw, b"LIST\x04\0\0\0abcd")]).unwrap().0, SAMPLES);
    }

    #[test]
    fn float_and_stereo_become_mono_16_bit() {
        let float: Vec<u8> = [0.5f32, -1.0].iter().flat_map(|f| f.to_le_bytes()).collect();
        assert_eq!(read(&[&wav(1, 3, 32, 24_000, 0, &float, b"")]).unwrap().0, [16_384, -32_767]);
        assert_eq!(read(&[&wav(2, 1, 16, 24_000, 0, &bytes(&[100, 200, -4, 0]), b"")]).unwrap().0, [150, -2]);
    }

    #[test]
    fn what_is_not_sound_is_refused() {
        for answer in [&b"ID3\x04\0\0\0\0\0\0\0\0\0"[..], b"OggS\0\0\0\0\0\0\0\0\0", b"", b"\x01"] {
            assert_eq!(read(&[answer]).unwrap_err().kind(), ErrorKind::MalformedResponse);
        }
        let eight_bit = wav(1, 1, 8, 24_000, 0, b"abcd", b"");
        assert!(read(&[&eight_bit]).unwrap_err().message().contains("8 bits"));
    }
}
