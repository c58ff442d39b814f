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
    sample::{SampleEncoding, from_i16, mix_interleaved, tame},
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
            let mut sink = SpeechSink::new(limits);
            let (rate, channels) = (*sample_rate, *channels as usize);
            check_shape(rate, channels)?;
            read_plain(bytes, *encoding, rate, channels, &mut sink, limits)?;
            plain_utterance(sink, encoding.name(), rate, channels, bytes.len())
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
    let mut sink = SpeechSink::for_bytes(bytes.len(), limits);
    // The decoders are other people's code, some with arithmetic that is checked only in development builds.
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(container, bytes.slice(start..), &mut sink, limits)));
    let found = decoded.unwrap_or_else(|_| Err(container::corrupt(container.name(), "its decoder gave up on it")))?;
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
        encoding.read_mono(chunk, channels, &mut mono);
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
    let mut sink = SpeechSink::new(limits);
    let mut mono = Vec::with_capacity(CHUNK);
    for chunk in samples.chunks(CHUNK * channels) {
        mix_interleaved(chunk, channels, &mut mono, read);
        sink.push(&mono, rate)?;
    }
    plain_utterance(sink, codec, rate, channels, size_of_val(samples))
}

fn plain_utterance(sink: SpeechSink, codec: &str, rate: u32, channels: usize, bytes: usize) -> Result<Utterance> {
    let seconds = sink.seconds();
    let samples = sink.finish()?;
    let info = AudioInfo {
        format: "pcm".into(),
        codec: codec.into(),
        sample_rate: rate,
        channels: channels as u32,
        seconds,
        bytes: bytes as u64,
        warnings: Vec::new(),
    };
    Ok(Utterance { samples, info: Arc::new(info), original: None })
}
