//! Opus packets to 16 kHz mono, whatever container they came in.
//!
//! Decoding straight to the speech rate and one channel is half as long again as fast as decoding to 48 kHz and converting.

use opus_rs::{
    OpusDecoder,
    multistream::{ChannelMappingTable, MultistreamDecoder},
};

use super::{SPEECH_RATE, sample::Mix, sample::mix_interleaved, sink::MAX_CHANNELS};
use crate::error::{Error, ErrorKind, Result};

/// The most samples of one packet and channel: 120 ms (RFC 6716, section 3.2.5).
const MAX_FRAME: usize = SPEECH_RATE as usize * 120 / 1_000;
/// Encoder delay when nobody says (browsers leave the header out): 6.5 ms, the default of the reference encoder.
const USUAL_PRE_SKIP: u32 = 312;

/// A stream of Opus packets on its way to mono samples.
pub(crate) struct OpusStream {
    decoder: Decoder,
    pub(crate) channels: usize,
    gain: f32,
    mix: Mix,
    /// Samples at the speech rate still to be dropped from the start.
    skip: usize,
    raw: Vec<f32>,
    mono: Vec<f32>,
}

enum Decoder {
    /// Mono or stereo, mixed to mono by the decoder itself.
    Mono(Box<OpusDecoder>),
    /// Surround: several streams in each packet. Also stereo of which only one channel is wanted.
    Many(Box<MultistreamDecoder>, usize),
}

impl OpusStream {
    /// A stream described by its `OpusHead` (RFC 7845, section 5.1), if there is one. In MP4 the header's numbers are
    /// big-endian.
    pub(crate) fn new(head: Option<&[u8]>, big_endian: bool, channels: usize, mix: Mix) -> Result<Self> {
        let head = head.and_then(|bytes| Head::read(bytes, big_endian));
        let (channels, pre_skip, gain) = head.as_ref().map_or((channels, USUAL_PRE_SKIP, 1.0), |h| {
            (h.channels, u32::from(h.pre_skip), 10f32.powf(f32::from(h.gain) / (20.0 * 256.0)))
        });
        let broken = |what| Error::new(ErrorKind::CorruptAudio, format!("the Opus header cannot be used: {what}"));
        let stereo = || ChannelMappingTable { channels: 2, stream_count: 1, coupled_count: 1, mapping: vec![0, 1] };
        let one_of_two = (mix == Mix::First && channels == 2).then(stereo);
        let decoder = match head.and_then(|h| h.mapping).or(one_of_two) {
            Some(table) => {
                check_mapping(&table).map_err(broken)?;
                let count = usize::from(table.channels);
                Decoder::Many(Box::new(MultistreamDecoder::new(SPEECH_RATE as i32, table).map_err(broken)?), count)
            }
            None => Decoder::Mono(Box::new(OpusDecoder::new(SPEECH_RATE as i32, 1).map_err(broken)?)),
        };
        Ok(Self {
            decoder,
            channels: channels.max(1),
            gain,
            mix,
            // Pre-skip is counted at 48 kHz.
            skip: (pre_skip / (48_000 / SPEECH_RATE)) as usize,
            raw: Vec::new(),
            mono: Vec::new(),
        })
    }

    /// The mono samples of one packet; `None` when it is damaged.
    pub(crate) fn decode(&mut self, packet: &[u8]) -> Option<&[f32]> {
        if packet.is_empty() {
            return Some(&[]);
        }
        let frames = match &mut self.decoder {
            Decoder::Mono(decoder) => {
                self.mono.resize(MAX_FRAME, 0.0);
                let frames = decoder.decode(packet, MAX_FRAME, &mut self.mono).ok()?;
                self.mono.truncate(frames);
                frames
            }
            Decoder::Many(decoder, channels) => {
                self.raw.resize(MAX_FRAME * *channels, 0.0);
                let frames = decoder.decode(packet, MAX_FRAME, &mut self.raw).ok()?;
                mix_interleaved(&self.raw[..frames * *channels], *channels, self.mix, &mut self.mono, |v| v);
                frames
            }
        };
        if self.gain != 1.0 {
            self.mono.iter_mut().for_each(|v| *v *= self.gain);
        }
        let skipped = self.skip.min(frames);
        self.skip -= skipped;
        self.mono.get(skipped..)
    }
}

struct Head {
    channels: usize,
    pre_skip: u16,
    gain: i16,
    mapping: Option<ChannelMappingTable>,
}

impl Head {
    fn read(bytes: &[u8], big_endian: bool) -> Option<Self> {
        let body = bytes.strip_prefix(b"OpusHead")?;
        let field = |at: usize| {
            let field = *body.get(at..)?.first_chunk()?;
            Some(if big_endian { u16::from_be_bytes(field) } else { u16::from_le_bytes(field) })
        };
        let channels = *body.get(1)?;
        let family = *body.get(10)?;
        Some(Self {
            channels: usize::from(channels),
            pre_skip: field(2)?,
            gain: field(8)? as i16,
            mapping: ChannelMappingTable::parse(family, channels, body.get(11..)?),
        })
    }
}

/// The decoder indexes by what the table says, so the table is checked first.
fn check_mapping(table: &ChannelMappingTable) -> std::result::Result<(), &'static str> {
    let decoded = usize::from(table.stream_count) + usize::from(table.coupled_count);
    if table.stream_count == 0 || table.coupled_count > table.stream_count || decoded > MAX_CHANNELS {
        return Err("its number of streams is out of range");
    }
    if table.mapping.iter().any(|&source| source != 255 && usize::from(source) >= decoded) {
        return Err("its channel mapping points past the last stream");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: [u8; 19] = *b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\x03\0";

    #[test]
    fn the_header_of_mp4_is_read_in_its_own_byte_order() {
        let little = Head::read(&HEAD, false).expect("a header");
        assert_eq!((little.channels, little.pre_skip, little.gain), (2, 0x138, 0x300));
        let big = Head::read(&HEAD, true).expect("a header");
        assert_eq!((big.pre_skip, big.gain), (0x3801, 3));
    }

    #[test]
    fn a_mapping_beyond_its_streams_is_refused() {
        let mut head = HEAD.to_vec();
        head[9] = 6;
        head[18] = 1;
        head.extend([4, 2, 0, 4, 1, 2, 3, 5]);
        assert!(OpusStream::new(Some(&head), false, 6, Mix::All).is_ok());
        *head.last_mut().expect("a byte") = 6;
        assert_eq!(
            OpusStream::new(Some(&head), false, 6, Mix::All).err().map(|e| e.kind()),
            Some(ErrorKind::CorruptAudio)
        );
    }

    #[test]
    fn damage_is_told_apart_from_sound() {
        let mut stream = OpusStream::new(None, false, 1, Mix::All).expect("a stream");
        // Code 3 with no frame count.
        assert!(stream.decode(&[0xff, 0x00]).is_none());
    }
}
