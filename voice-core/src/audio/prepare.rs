//! The way in: any recording to one utterance of 16 kHz mono.

use std::{
    fs::File,
    io::Read,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;

use super::{
    Audio, AudioInfo, AudioLimits, SPEECH_RATE, Utterance,
    container::{self, Found},
    sample::{Mix, SampleEncoding, from_i16, mix_interleaved, tame},
    sink::{SpeechSink, check_shape, check_sound, too_long},
    sniff::{self, Container},
    source::Source,
    wav::{self, Payload},
};
use crate::error::{Error, ErrorKind, Result, Stage};

/// Frames of plain samples converted at a time: enough to work in the processor's nearest cache.
const CHUNK: usize = 4_096;

/// Reads, checks and decodes a recording to 16 kHz mono.
///
/// The format is told from the content; a wrong name or declared type does no harm. Work that blocks: about 50 ms of
/// processor time for five minutes of WAV, 250 ms of Opus; call it off the async threads. Memory stays near the size of the recording and of the
/// result together. What could be worked around (a header that lies, damaged packets, a file that ends early) is told in
/// [`AudioInfo::warnings`].
///
/// # Errors
/// Always of stage [`Stage::Audio`]. `VALIDATION_ERROR` with the kind
/// - `EmptyAudio`: no bytes, or no samples in them;
/// - `AudioTooLarge`, `AudioTooLong`: beyond `limits`;
/// - `SilentAudio`: nothing above −66 dB of full scale;
/// - `TruncatedAudio`: the file ends before its first sound or its index;
/// - `CorruptAudio`: the format is known, but nothing could be decoded;
/// - `UnsupportedAudio`: not audio, or a format, codec, rate or channel count that is not supported.
///
/// `INVALID_REQUEST` (kind `File`) when a file cannot be read.
pub fn prepare(audio: &Audio, limits: &AudioLimits) -> Result<Utterance> {
    prepare_source(&audio.0, limits).map_err(|error| error.with_stage(Stage::Audio))
}

fn prepare_source(source: &Source, limits: &AudioLimits) -> Result<Utterance> {
    let check_bytes = |count: usize| check_size(count as u64, limits);
    match source {
        Source::Encoded(bytes) => {
            check_bytes(bytes.len())?;
            prepare_encoded(bytes, limits)
        }
        Source::File(path) => prepare_encoded(&read_file(path, limits)?, limits),
        Source::Raw { bytes, encoding, sample_rate, channels } => {
            check_bytes(bytes.len())?;
            let (rate, channels) = (*sample_rate, *channels as usize);
            check_shape(rate, channels)?;
            let (sink, found) = pour(
                || SpeechSink::new(limits),
                |sink| {
                    read_plain(bytes, *encoding, rate, channels, sink, limits)?;
                    Ok(Found { codec: encoding.name().into(), rate, channels, warnings: Vec::new() })
                },
            )?;
            plain_utterance(sink, found, bytes.len())
        }
        Source::Pcm { samples, sample_rate, channels } => {
            check_bytes(size_of_val(&samples[..]))?;
            if (*sample_rate, *channels) == (SPEECH_RATE, 1) {
                let seconds = samples.len() as f64 / f64::from(SPEECH_RATE);
                if seconds > limits.max_seconds {
                    return Err(too_long(limits.max_seconds));
                }
                check_sound(samples, seconds)?;
                return Ok(Utterance::from_shared(Arc::clone(samples)));
            }
            prepare_samples(samples, *sample_rate, *channels, "pcm_s16le", limits, from_i16)
        }
        Source::PcmF32 { samples, sample_rate, channels } => {
            check_bytes(size_of_val(&samples[..]))?;
            prepare_samples(samples, *sample_rate, *channels, "pcm_f32le", limits, tame)
        }
    }
}

fn check_size(bytes: u64, limits: &AudioLimits) -> Result<()> {
    if bytes > limits.max_bytes {
        return Err(Error::new(
            ErrorKind::AudioTooLarge,
            format!("the audio has {bytes} bytes; at most {} are accepted", limits.max_bytes),
        ));
    }
    Ok(())
}

/// Reads a file, but never more than the limit of it.
fn read_file(path: &Path, limits: &AudioLimits) -> Result<Bytes> {
    let failed = |e: std::io::Error| {
        Error::new(ErrorKind::File, format!("cannot read the audio file {}: {e}", path.display())).with_source(e)
    };
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    check_size(size, limits)?;
    let mut bytes = Vec::with_capacity(size as usize + 1);
    // The file may grow while it is read, or be a pipe that tells no size.
    file.take(limits.max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    check_size(bytes.len() as u64, limits)?;
    Ok(bytes.into())
}

fn prepare_encoded(bytes: &Bytes, limits: &AudioLimits) -> Result<Utterance> {
    if bytes.is_empty() {
        return Err(Error::new(ErrorKind::EmptyAudio, "the audio has no bytes; a recording is expected"));
    }
    let Some((container, start)) = sniff::sniff(bytes) else {
        return Err(Error::new(
            ErrorKind::UnsupportedAudio,
            format!(
                "the bytes are not audio of a format that is known (they look like {}); WAV, MP3, WebM, Ogg, FLAC, M4A/MP4, \
                 AAC, AIFF, CAF, AU and W64 are accepted, and raw samples through `Audio::from_raw`",
                sniff::describe_unknown(bytes)
            ),
        ));
    };
    // The decoders are other people's code, some with arithmetic that is checked only in development builds.
    let decode = |sink: &mut SpeechSink| {
        let decoded = catch_unwind(AssertUnwindSafe(|| decode(container, bytes.slice(start..), sink, limits)));
        decoded.unwrap_or_else(|_| Err(container::corrupt(container.name(), "its decoder gave up on it")))
    };
    let (sink, found) = pour(|| SpeechSink::for_bytes(bytes.len(), limits), decode)?;
    let seconds = sink.seconds();
    let samples = sink.finish()?;
    for warning in &found.warnings {
        tracing::debug!(format = container.name(), warning, "recording repaired");
    }
    let info = AudioInfo {
        format: container.name().into(),
        codec: found.codec,
        sample_rate: found.rate,
        channels: found.channels as u32,
        seconds,
        bytes: bytes.len() as u64,
        warnings: found.warnings,
    };
    Ok(Utterance { samples, info: Arc::new(info), original: Some((bytes.clone(), container.media_type())) })
}

/// Has a recording decoded into a sink. Where its channels cancel each other out, as those of a cable that is wired the wrong
/// way round, it is decoded again and the first channel is taken alone.
fn pour(
    sink: impl Fn() -> SpeechSink,
    decode: impl Fn(&mut SpeechSink) -> Result<Found>,
) -> Result<(SpeechSink, Found)> {
    let mut mixed = sink();
    let found = decode(&mut mixed)?;
    if found.channels < 2 || mixed.is_empty() || !mixed.is_silent() {
        return Ok((mixed, found));
    }
    let mut first = sink();
    first.mix = Mix::First;
    match decode(&mut first) {
        Ok(mut alone) if !first.is_silent() => {
            alone.warnings.push("the channels cancel each other out; the first was taken alone".into());
            Ok((first, alone))
        }
        _ => Ok((mixed, found)),
    }
}

fn decode(container: Container, bytes: Bytes, sink: &mut SpeechSink, limits: &AudioLimits) -> Result<Found> {
    if !matches!(container, Container::Wav | Container::W64 | Container::Au) {
        return container::decode(container, bytes, sink);
    }
    let layout = wav::parse(container, &bytes)?;
    let mut found = match layout.payload {
        Payload::Plain(encoding) => {
            check_shape(layout.rate, layout.channels)?;
            read_plain(&bytes[layout.data], encoding, layout.rate, layout.channels, sink, limits)?;
            Found { codec: encoding.name().into(), rate: layout.rate, channels: layout.channels, warnings: Vec::new() }
        }
        Payload::Adpcm => container::decode(Container::Wav, bytes, sink)?,
        Payload::Mpeg => container::decode(Container::Mpeg, bytes.slice(layout.data), sink)?,
    };
    found.warnings.splice(..0, layout.warnings);
    Ok(found)
}

/// Pours plain samples into the sink, leaving a torn last frame out.
fn read_plain(
    bytes: &[u8],
    encoding: SampleEncoding,
    rate: u32,
    channels: usize,
    sink: &mut SpeechSink,
    limits: &AudioLimits,
) -> Result<()> {
    let frame = encoding.bytes() * channels;
    let frames = bytes.len() / frame;
    // Plain samples can be counted before any work is done on them.
    if frames as f64 / f64::from(rate) > limits.max_seconds {
        return Err(too_long(limits.max_seconds));
    }
    let mut mono = Vec::with_capacity(CHUNK);
    for chunk in bytes[..frames * frame].chunks(CHUNK * frame) {
        encoding.read_mono(chunk, channels, sink.mix, &mut mono);
        sink.push(&mono, rate)?;
    }
    Ok(())
}

fn prepare_samples<T: Copy>(
    samples: &[T],
    rate: u32,
    channels: u32,
    codec: &'static str,
    limits: &AudioLimits,
    read: impl Fn(T) -> f32 + Copy,
) -> Result<Utterance> {
    let channels = channels as usize;
    check_shape(rate, channels)?;
    let read_all = |sink: &mut SpeechSink| {
        let mut mono = Vec::with_capacity(CHUNK);
        for chunk in samples.chunks(CHUNK * channels) {
            mix_interleaved(chunk, channels, sink.mix, &mut mono, read);
            sink.push(&mono, rate)?;
        }
        Ok(Found { codec: codec.into(), rate, channels, warnings: Vec::new() })
    };
    let (sink, found) = pour(|| SpeechSink::new(limits), read_all)?;
    plain_utterance(sink, found, size_of_val(samples))
}

fn plain_utterance(sink: SpeechSink, found: Found, bytes: usize) -> Result<Utterance> {
    let seconds = sink.seconds();
    let samples = sink.finish()?;
    let info = AudioInfo {
        format: "pcm".into(),
        codec: found.codec,
        sample_rate: found.rate,
        channels: found.channels as u32,
        seconds,
        bytes: bytes as u64,
        warnings: found.warnings,
    };
    Ok(Utterance { samples, info: Arc::new(info), original: None })
}

#[cfg(test)]
mod tests {
    use ogg::{PacketWriteEndInfo, PacketWriter};

    use super::*;
    use crate::audio::stream::OpusStream;

    /// A second of a tone on the left, and its opposite on the right.
    fn opposite() -> Vec<i16> {
        let tone = |i: i32| ((f64::from(i) * 0.05).sin() * 8_000.0) as i16;
        (0..48_000).flat_map(|i| [tone(i), -tone(i)]).collect()
    }

    fn ogg_opus(samples: &[i16], channels: u16) -> Vec<u8> {
        let mut stream = OpusStream::new(48_000, channels).expect("a stream");
        stream.push(samples).expect("taken");
        stream.finish().expect("bytes")
    }

    #[test]
    fn channels_of_opposite_phase_are_heard() {
        let samples = opposite();
        let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        for (name, audio) in [
            ("samples", Audio::from_pcm(samples.clone(), 48_000, 2)),
            ("raw", Audio::from_raw(bytes, SampleEncoding::S16Le, 48_000, 2)),
            ("opus", Audio::from_bytes(ogg_opus(&samples, 2))),
        ] {
            let heard = prepare(&audio, &AudioLimits::default()).expect(name);
            let loudest = heard.samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
            assert!((6_000..10_000).contains(&loudest), "{name}: {loudest}");
            assert!(heard.samples.len().abs_diff(16_000) <= 2, "{name}: {}", heard.samples.len());
            assert_eq!(heard.info.warnings.len(), 1, "{name}: {:?}", heard.info.warnings);
        }
        let silent = prepare(&Audio::from_pcm(vec![0; 32_000], 16_000, 2), &AudioLimits::default());
        assert_eq!(silent.expect_err("nobody speaks").kind(), ErrorKind::SilentAudio);
    }

    #[test]
    fn what_follows_in_an_ogg_file_and_cannot_be_read_costs_nothing_before_it() {
        let left: Vec<i16> = opposite().into_iter().step_by(2).collect();
        // Surround sound of no streams at all.
        let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\x01\0\0\0\x01";
        let mut unusable = PacketWriter::new(Vec::new());
        let packets = [&head[..], b"OpusTags\0\0\0\0\0\0\0\0", &[0xf8, 0xff, 0xfe]];
        for (packet, granule) in packets.into_iter().zip([0, 0, 960]) {
            let end = if granule > 0 { PacketWriteEndInfo::EndStream } else { PacketWriteEndInfo::EndPage };
            unusable.write_packet(packet.to_vec(), 7, end, granule).expect("written");
        }
        let joined = [ogg_opus(&left, 1), unusable.into_inner()].concat();
        let heard = prepare(&Audio::from_bytes(joined), &AudioLimits::default()).expect("the first is heard");
        assert!(heard.samples.len().abs_diff(16_000) <= 2, "{}", heard.samples.len());
        assert_eq!(heard.info.warnings.len(), 1, "{:?}", heard.info.warnings);
    }
}
