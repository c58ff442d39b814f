//! Everything that symphonia takes apart: compressed formats and their containers.
//!
//! Each container is opened by the reader for it, never by probing, on a view of the bytes that suits it: see [`View`].

use std::io::{self, Read, Seek, SeekFrom};

use bytes::Bytes;
use symphonia::{
    core::{
        audio::{Audio as _, AudioBuffer, GenericAudioBufferRef, conv::FromSample, sample::Sample},
        codecs::{
            CodecParameters,
            audio::{
                AudioCodecParameters, AudioDecoder, AudioDecoderOptions, CODEC_ID_NULL_AUDIO, well_known::CODEC_ID_OPUS,
            },
        },
        errors::Error as Fault,
        formats::{FormatOptions, FormatReader, Track, TrackType},
        io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions},
        packet::Packet,
        units::Timestamp,
    },
    default::formats::{
        AdtsReader, AiffReader, CafReader, FlacReader, IsoMp4Reader, MkvReader, MpaReader, OggReader, WavReader,
    },
};

use super::{
    SPEECH_RATE, matroska, mp4, mpeg, opus::OpusStream, sample::Mix, sample::tame, sink::SpeechSink, sink::check_shape,
    sniff::Container,
};
use crate::error::{Error, ErrorKind, Result};

/// What was found while decoding.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) codec: String,
    pub(crate) rate: u32,
    pub(crate) channels: usize,
    pub(crate) warnings: Vec<String>,
}

/// Decodes a recording into the sink.
pub(crate) fn decode(container: Container, bytes: Bytes, sink: &mut SpeechSink) -> Result<Found> {
    let mut found = Found::default();
    match container {
        Container::Mp4 => {
            let (view, warnings) = mp4::repair(bytes)?;
            found.warnings = warnings;
            decode_view(container, view, sink, &mut found)?;
        }
        Container::Matroska => matroska::decode(&bytes, sink, &mut found)?,
        // A reader that can seek believes lengths that are estimated from the first frame of these, and stops early.
        Container::Adts => decode_view(container, View::forward(bytes), sink, &mut found)?,
        Container::Mpeg => {
            let frames = mpeg::survey(&bytes);
            let mut pass = Pass::new(container, &mut found);
            let end = pass.run(View::forward(bytes), sink)?;
            pass.damaged = pass.damaged.max(frames.holes);
            pass.conclude(if frames.cut && end == End::Whole { End::Cut } else { end }, sink)?;
        }
        _ => decode_view(container, View::seekable(bytes), sink, &mut found)?,
    }
    Ok(found)
}

/// How a pass over one container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Where the container says it ends.
    Whole,
    /// At the last byte, in the middle of something.
    Cut,
    /// At damage that the reader could not step over.
    Damaged,
}

fn decode_view(container: Container, view: View, sink: &mut SpeechSink, found: &mut Found) -> Result<()> {
    let mut pass = Pass::new(container, found);
    let end = pass.run(view, sink)?;
    pass.conclude(end, sink)
}

/// One pass over one container.
pub(crate) struct Pass<'a> {
    pub(crate) container: Container,
    pub(crate) found: &'a mut Found,
    /// Packets that could not be decoded.
    pub(crate) damaged: usize,
    /// The latest time of a packet of any track, in the container's own units, before the encoder's delay is taken off.
    pub(crate) last_timestamp: i64,
    /// What the reader takes off the times of the sound's packets, in the same units.
    pub(crate) delay: i64,
    /// Seconds that the packets' times leap over.
    missing: f64,
}

impl<'a> Pass<'a> {
    pub(crate) fn new(container: Container, found: &'a mut Found) -> Self {
        Self { container, found, damaged: 0, last_timestamp: i64::MIN, delay: 0, missing: 0.0 }
    }
    pub(crate) fn run(&mut self, view: View, sink: &mut SpeechSink) -> Result<End> {
        let name = self.container.name();
        let mut reader = open(self.container, view).map_err(|fault| refuse(name, &fault))?;
        let (mut track, mut stream) = self.choose(reader.as_ref(), sink.mix)?;
        let mut expected = None;
        let mut mono = Vec::new();
        loop {
            let packet = match reader.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(End::Whole),
                // A second recording follows in the same file (chained Ogg).
                Err(Fault::ResetRequired) => match self.choose(reader.as_ref(), sink.mix) {
                    Ok(next) => {
                        (track, stream) = next;
                        expected = None;
                        continue;
                    }
                    // What was heard before it stays.
                    Err(_) if !sink.is_empty() => return Ok(End::Damaged),
                    Err(error) => return Err(error),
                },
                Err(Fault::IoError(e)) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(End::Cut),
                Err(_) => return Ok(End::Damaged),
            };
            let delay = if packet.track_id == track { self.delay } else { 0 };
            self.last_timestamp = self.last_timestamp.max(packet.pts.get().saturating_add(delay));
            if packet.track_id != track {
                continue;
            }
            // These two number their packets by samples, so a leap is sound that was lost with a damaged page or frame.
            if matches!(self.container, Container::Ogg | Container::Flac) {
                let start = packet.pts.get();
                let leap = start.saturating_sub(expected.unwrap_or(start));
                let base = reader.tracks().iter().find(|t| t.id == track).and_then(|t| t.time_base);
                if let (true, Some(base)) = (leap > 0, base) {
                    self.missing += base.calc_time_saturating(Timestamp::new(leap)).as_secs_f64();
                }
                expected = Some(start.saturating_add_unsigned(packet.block_dur().get()));
            }
            self.decode_packet(&mut stream, &packet, &mut mono, sink)?;
        }
    }

    fn decode_packet(
        &mut self,
        stream: &mut Stream,
        packet: &Packet,
        mono: &mut Vec<f32>,
        sink: &mut SpeechSink,
    ) -> Result<()> {
        match stream {
            Stream::Opus(opus) => match opus.decode(&packet.data) {
                Some(samples) => {
                    // Only Ogg tells padding at the end; the number is in 48 kHz samples.
                    let padding = if self.container == Container::Ogg { packet.trim_end.get() / 3 } else { 0 };
                    let kept = samples.len().saturating_sub(usize::try_from(padding).unwrap_or(usize::MAX));
                    sink.push(&samples[..kept], SPEECH_RATE)
                }
                None => {
                    self.damaged += 1;
                    Ok(())
                }
            },
            Stream::Other(decoder) => match decoder.decode(packet) {
                Ok(buffer) => {
                    // The buffer's own shape counts: HE-AAC declares twice the rate that its core is decoded at.
                    let (rate, channels) = (buffer.spec().rate(), buffer.spec().channels().count());
                    check_shape(rate, channels)?;
                    (self.found.rate, self.found.channels) = (rate, channels);
                    mix(&buffer, sink.mix, mono);
                    sink.push(mono, rate)
                }
                // Damage in AAC comes as any of several faults; each costs its packet only.
                Err(Fault::ResetRequired) => {
                    decoder.reset();
                    Ok(())
                }
                Err(_) => {
                    self.damaged += 1;
                    Ok(())
                }
            },
        }
    }

    /// Turns the way it ended into a warning, or into an error when nothing could be heard.
    pub(crate) fn conclude(&mut self, end: End, sink: &SpeechSink) -> Result<()> {
        let name = self.container.name();
        if sink.is_empty() {
            return match end {
                End::Cut => Err(Error::new(
                    ErrorKind::TruncatedAudio,
                    format!("the {name} file ends before its first sound; send the whole file"),
                )),
                End::Damaged => Err(corrupt(name, "nothing in it could be decoded")),
                End::Whole if self.damaged > 0 => {
                    Err(corrupt(name, &format!("none of its {} packets could be decoded", self.damaged)))
                }
                End::Whole => Ok(()),
            };
        }
        let at = sink.seconds();
        match end {
            End::Cut => self.found.warnings.push(format!("the file ends early, after {at:.1} s of sound")),
            End::Damaged => {
                self.found.warnings.push(format!("the file is damaged after {at:.1} s; the rest could not be read"))
            }
            End::Whole => {}
        }
        if self.missing > 0.01 {
            self.found.warnings.push(format!("{:.2} s of sound are missing between damaged parts", self.missing));
        }
        if self.damaged > 0 {
            self.found.warnings.push(format!("{} damaged packets were skipped", self.damaged));
        }
        Ok(())
    }

    /// Picks the audio track and makes its decoder.
    fn choose(&mut self, reader: &(dyn FormatReader + '_), how: Mix) -> Result<(u32, Stream)> {
        let name = self.container.name();
        let sound = |track: &&Track| matches!(&track.codec_params, Some(CodecParameters::Audio(_)));
        let track =
            reader.default_track(TrackType::Audio).or_else(|| reader.tracks().iter().find(sound)).ok_or_else(|| {
                Error::new(ErrorKind::UnsupportedAudio, format!("the {name} file has no audio track that is known"))
            })?;
        let Some(CodecParameters::Audio(params)) = &track.codec_params else {
            return Err(corrupt(name, "its audio track is not described"));
        };
        let declared = params.channels.as_ref().map_or(1, |c| c.count());
        if let Some(rate) = params.sample_rate {
            check_shape(rate, declared.max(1))?;
        }
        if params.codec == CODEC_ID_OPUS {
            let head = params.extra_data.as_deref();
            let opus = OpusStream::new(head, self.container == Container::Mp4, declared, how)?;
            self.found.codec = "opus".into();
            (self.found.rate, self.found.channels) = (48_000, opus.channels);
            return Ok((track.id, Stream::Opus(Box::new(opus))));
        }
        let decoder = make_decoder(params).map_err(|fault| match fault {
            Fault::Unsupported(_) => Error::new(
                ErrorKind::UnsupportedAudio,
                format!(
                    "the {name} file holds {}; AAC, ALAC, MP3, FLAC, Vorbis, Opus, PCM, G.711 and ADPCM are accepted",
                    if params.codec == CODEC_ID_NULL_AUDIO {
                        "an unknown codec"
                    } else {
                        "a codec that is not supported"
                    }
                ),
            ),
            other => refuse(name, &other),
        })?;
        self.found.codec = decoder.codec_info().short_name.to_owned();
        Ok((track.id, Stream::Other(decoder)))
    }
}

enum Stream {
    Opus(Box<OpusStream>),
    Other(Box<dyn AudioDecoder>),
}

fn make_decoder(params: &AudioCodecParameters) -> std::result::Result<Box<dyn AudioDecoder>, Fault> {
    symphonia::default::get_codecs().make_audio_decoder(params, &AudioDecoderOptions::default())
}

fn open(container: Container, view: View) -> std::result::Result<Box<dyn FormatReader>, Fault> {
    let stream = MediaSourceStream::new(Box::new(view), MediaSourceStreamOptions::default());
    let options = FormatOptions::default();
    Ok(match container {
        Container::Aiff => Box::new(AiffReader::try_new(stream, options)?),
        Container::Caf => Box::new(CafReader::try_new(stream, options)?),
        Container::Flac => Box::new(FlacReader::try_new(stream, options)?),
        Container::Ogg => Box::new(OggReader::try_new(stream, options)?),
        Container::Matroska => Box::new(MkvReader::try_new(stream, options)?),
        Container::Mp4 => Box::new(IsoMp4Reader::try_new(stream, options)?),
        Container::Mpeg => Box::new(MpaReader::try_new(stream, options)?),
        Container::Adts => Box::new(AdtsReader::try_new(stream, options)?),
        // Only ADPCM comes here: plain samples are read in place.
        Container::Wav | Container::W64 | Container::Au => Box::new(WavReader::try_new(stream, options)?),
    })
}

/// The error for a container that could not be opened.
fn refuse(name: &str, fault: &Fault) -> Error {
    match fault {
        Fault::IoError(_) => Error::new(
            ErrorKind::TruncatedAudio,
            format!("the {name} file ends within its header; send the whole file"),
        ),
        Fault::Unsupported(what) => Error::new(
            ErrorKind::UnsupportedAudio,
            format!("the {name} file uses something that is not supported ({what})"),
        ),
        other => corrupt(name, &other.to_string()),
    }
}

/// The error for a file damaged beyond use.
pub(crate) fn corrupt(name: &str, what: &str) -> Error {
    Error::new(ErrorKind::CorruptAudio, format!("the {name} file is damaged beyond use: {what}"))
}

/// Replaces `mono` with the buffer's frames, made mono.
fn mix(buffer: &GenericAudioBufferRef<'_>, how: Mix, mono: &mut Vec<f32>) {
    use GenericAudioBufferRef as B;
    match buffer {
        B::U8(b) => mix_planes(b, how, mono),
        B::U16(b) => mix_planes(b, how, mono),
        B::U24(b) => mix_planes(b, how, mono),
        B::U32(b) => mix_planes(b, how, mono),
        B::S8(b) => mix_planes(b, how, mono),
        B::S16(b) => mix_planes(b, how, mono),
        B::S24(b) => mix_planes(b, how, mono),
        B::S32(b) => mix_planes(b, how, mono),
        B::F32(b) => mix_planes(b, how, mono),
        B::F64(b) => mix_planes(b, how, mono),
    }
}

fn mix_planes<S: Sample>(buffer: &AudioBuffer<S>, how: Mix, mono: &mut Vec<f32>)
where
    f32: FromSample<S>,
{
    mono.clear();
    let planes = if how == Mix::First { 1 } else { buffer.num_planes().max(1) };
    let scale = 1.0 / planes as f32;
    for (index, plane) in buffer.iter_planes().take(planes).enumerate() {
        if index == 0 {
            mono.extend(plane.iter().map(|&s| tame(f32::from_sample(s)) * scale));
        } else {
            mono.iter_mut().zip(plane).for_each(|(sum, &s)| *sum += tame(f32::from_sample(s)) * scale);
        }
    }
}

/// The bytes of a recording as a reader sees them: a first piece, a second piece, with a few bytes corrected on the way.
/// Nothing is copied.
pub(crate) struct View {
    head: Bytes,
    tail: Bytes,
    /// Bytes to be seen instead of those at an offset.
    patch: Option<(u64, Vec<u8>)>,
    seekable: bool,
    at: u64,
}

impl View {
    /// A view in which a reader may go back and ask for the length.
    pub(crate) fn seekable(bytes: Bytes) -> Self {
        Self { head: bytes, tail: Bytes::new(), patch: None, seekable: true, at: 0 }
    }

    /// A view that can only be read on: the reader takes what comes instead of believing declared lengths.
    pub(crate) fn forward(bytes: Bytes) -> Self {
        Self { seekable: false, ..Self::seekable(bytes) }
    }

    /// The same with a second piece behind the first.
    pub(crate) fn followed_by(mut self, tail: Bytes) -> Self {
        self.tail = tail;
        self
    }

    /// The same with the bytes at an offset replaced.
    pub(crate) fn patched(mut self, at: usize, bytes: Vec<u8>) -> Self {
        self.patch = Some((at as u64, bytes));
        self
    }

    fn len(&self) -> u64 {
        (self.head.len() + self.tail.len()) as u64
    }
}

impl Read for View {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let at = usize::try_from(self.at).unwrap_or(usize::MAX);
        let rest = if at < self.head.len() {
            &self.head[at..]
        } else {
            self.tail.get(at - self.head.len()..).unwrap_or_default()
        };
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        if let Some((start, patch)) = &self.patch {
            for (place, byte) in (*start..).zip(patch) {
                if let Some(seen) = place.checked_sub(self.at).and_then(|i| out[..count].get_mut(i as usize)) {
                    *seen = *byte;
                }
            }
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for View {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

impl MediaSource for View {
    fn is_seekable(&self) -> bool {
        self.seekable
    }

    fn byte_len(&self) -> Option<u64> {
        self.seekable.then(|| self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_joins_its_pieces_and_shows_the_correction() {
        let view = View::seekable(Bytes::from_static(b"hello "))
            .followed_by(Bytes::from_static(b"world"))
            .patched(4, b"O_W".into());
        let mut view = view;
        let mut seen = Vec::new();
        view.read_to_end(&mut seen).expect("memory can be read");
        assert_eq!(seen, b"hellO_World");
        view.seek(SeekFrom::End(-5)).expect("inside");
        seen.clear();
        view.read_to_end(&mut seen).expect("memory can be read");
        assert_eq!(seen, b"World");
    }
}
