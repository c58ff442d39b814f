//! Sound that is encoded while it comes, in bounded memory, whatever its length.

use ogg::{PacketWriteEndInfo, PacketWriter};
use ropus::{Application, Bitrate, Channels, Encoder, Signal};

use super::{AudioFormat, encode};
use crate::error::{Error, ErrorKind, Result, Stage};

const OPUS_BITRATE: u32 = 32_000;
/// 20 ms, the usual packet.
const PACKETS_A_SECOND: u32 = 50;
/// Opus counts time at 48 kHz whatever the rate of the sound.
const GRANULE_RATE: u32 = 48_000;
/// The largest packet that is asked for.
const LARGEST_PACKET: usize = 1_500;
const VENDOR: &str = concat!("voice-core ", env!("CARGO_PKG_VERSION"));
const SERIAL: u32 = 1;

/// Encodes one stream of interleaved samples.
pub(crate) enum StreamEncoder {
    /// WAV whose length nobody knows yet: its header says so, and readers take what is there.
    Wav,
    Opus(Box<OpusStream>),
}

impl StreamEncoder {
    /// An encoder, and the bytes that come first. `rate` is one that Opus knows.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `Unsupported`) for a format that cannot be made in pieces.
    pub(crate) fn new(format: AudioFormat, rate: u32, channels: u16) -> Result<(Self, Vec<u8>)> {
        match format {
            AudioFormat::Wav => Ok((Self::Wav, encode::wav_header(rate, channels, None))),
            AudioFormat::OggOpus => {
                let mut stream = OpusStream::new(rate, channels)?;
                let head = stream.take();
                Ok((Self::Opus(Box::new(stream)), head))
            }
            other => Err(Error::new(ErrorKind::Unsupported, format!("{other} is not made in pieces"))),
        }
    }

    /// Takes samples and gives the bytes that are ready.
    pub(crate) fn push(&mut self, samples: &[i16]) -> Result<Vec<u8>> {
        match self {
            Self::Wav => Ok(samples.iter().flat_map(|s| s.to_le_bytes()).collect()),
            Self::Opus(stream) => {
                stream.push(samples)?;
                Ok(stream.take())
            }
        }
    }

    /// The last bytes.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        match self {
            Self::Wav => Ok(Vec::new()),
            Self::Opus(stream) => stream.finish(),
        }
    }
}

/// One Opus stream in Ogg (RFC 7845).
pub(crate) struct OpusStream {
    encoder: Encoder,
    writer: PacketWriter<'static, Vec<u8>>,
    channels: usize,
    /// Samples of a packet in one channel.
    frame: usize,
    /// What a sample counts in Opus's time.
    scale: u64,
    pending: Vec<i16>,
    /// Samples of one channel that were taken.
    given: u64,
    packets: u64,
}

fn failed(what: impl std::fmt::Display) -> Error {
    Error::internal(format!("Opus encoding failed: {what}")).with_stage(Stage::Audio)
}

impl OpusStream {
    pub(super) fn new(rate: u32, channels: u16) -> Result<Self> {
        let layout = if channels == 2 { Channels::Stereo } else { Channels::Mono };
        let encoder = Encoder::builder(rate, layout, Application::Audio)
            .bitrate(Bitrate::Bits(OPUS_BITRATE * u32::from(channels)))
            .signal(Signal::Voice)
            .build()
            .map_err(failed)?;
        let scale = u64::from(GRANULE_RATE / rate);
        let pre_skip = u64::from(encoder.lookahead()) * scale;
        let mut head = b"OpusHead\x01".to_vec();
        head.push(channels as u8);
        head.extend((pre_skip as u16).to_le_bytes());
        head.extend(rate.to_le_bytes());
        head.extend([0, 0, 0]);
        let mut tags = b"OpusTags".to_vec();
        tags.extend((VENDOR.len() as u32).to_le_bytes());
        tags.extend(VENDOR.as_bytes());
        tags.extend(0u32.to_le_bytes());
        let mut writer = PacketWriter::new(Vec::new());
        for header in [head, tags] {
            writer.write_packet(header, SERIAL, PacketWriteEndInfo::EndPage, 0).map_err(failed)?;
        }
        Ok(Self {
            encoder,
            writer,
            channels: channels.into(),
            frame: (rate / PACKETS_A_SECOND) as usize,
            scale,
            pending: Vec::new(),
            given: 0,
            packets: 0,
        })
    }

    /// The bytes that are ready.
    fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.inner_mut())
    }

    /// Takes interleaved samples.
    pub(super) fn push(&mut self, samples: &[i16]) -> Result<()> {
        self.pending.extend_from_slice(samples);
        self.given += (samples.len() / self.channels) as u64;
        let size = self.frame * self.channels;
        let mut done = 0;
        // The last packet is not known to be the last before the end: something always stays.
        while self.pending.len() - done > size {
            let whole_second = (self.packets + 1).is_multiple_of(u64::from(PACKETS_A_SECOND));
            let place = if whole_second { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket };
            let input = self.pending[done..done + size].to_vec();
            self.packet(&input, place, (self.packets + 1) * self.frame as u64)?;
            done += size;
        }
        self.pending.drain(..done);
        Ok(())
    }

    fn packet(&mut self, input: &[i16], place: PacketWriteEndInfo, until: u64) -> Result<()> {
        let mut packet = [0; LARGEST_PACKET];
        let size = self.encoder.encode(input, &mut packet).map_err(failed)?;
        self.packets += 1;
        self.writer.write_packet(packet[..size].to_vec(), SERIAL, place, until * self.scale).map_err(failed)
    }

    /// Everything that was not taken yet, to the end of the file.
    pub(super) fn finish(mut self) -> Result<Vec<u8>> {
        // The encoder lags by its look-ahead, so that much more goes in for everything to come out.
        let wanted = self.given + u64::from(self.encoder.lookahead());
        let packets = wanted.div_ceil(self.frame as u64).max(1);
        let mut rest = std::mem::take(&mut self.pending);
        rest.resize((packets - self.packets) as usize * self.frame * self.channels, 0);
        let inputs: Vec<&[i16]> = rest.chunks(self.frame * self.channels).collect();
        for (index, input) in inputs.iter().enumerate() {
            let last = index + 1 == inputs.len();
            // The last page tells where the sound really ends, so players drop the padding.
            let (place, until) = if last {
                (PacketWriteEndInfo::EndStream, wanted)
            } else {
                (PacketWriteEndInfo::NormalPacket, (self.packets + 1) * self.frame as u64)
            };
            self.packet(input, place, until)?;
        }
        Ok(self.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Audio, AudioLimits, prepare};

    /// Two channels of the same tone, so that what is mixed down is the tone again.
    fn tone(seconds: usize) -> Vec<i16> {
        let wave = |n: usize| ((n as f32 * 440.0 * std::f32::consts::TAU / 16_000.0).sin() * 8_000.0) as i16;
        (0..seconds * 16_000).flat_map(|n| [wave(n); 2]).collect()
    }

    #[test]
    fn what_is_encoded_in_pieces_is_a_whole_recording() {
        for format in [AudioFormat::Wav, AudioFormat::OggOpus] {
            let (mut encoder, mut bytes) = StreamEncoder::new(format, 16_000, 2).unwrap();
            for piece in tone(3).chunks(2 * 777) {
                bytes.extend(encoder.push(piece).unwrap());
            }
            bytes.extend(encoder.finish().unwrap());
            let heard = prepare(&Audio::from_bytes(bytes), &AudioLimits::default()).unwrap();
            assert_eq!(heard.info.channels, 2, "{format}");
            assert!(heard.samples.len().abs_diff(48_000) <= 320, "{format}: {} samples", heard.samples.len());
            let loud = heard.samples[16_000..32_000].iter().map(|s| s.unsigned_abs()).max().unwrap();
            assert!((7_000..9_500).contains(&loud), "{format}: {loud}");
        }
    }

    #[test]
    fn nothing_is_a_recording_as_well() {
        let (encoder, mut bytes) = StreamEncoder::new(AudioFormat::OggOpus, 16_000, 2).unwrap();
        bytes.extend(encoder.finish().unwrap());
        assert_eq!(&bytes[..4], b"OggS");
    }
}
