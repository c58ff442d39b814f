//! Decoded sound.

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use voice_kernels::Resampler;

use super::{
    encode::{self, AudioFormat},
    sample::from_i16,
    sink::{check_shape, to_i16},
};
#[cfg(feature = "bhashini")]
use super::{
    sample::Mix,
    sniff::Container,
    wav::{self, Payload},
};
#[cfg(feature = "bhashini")]
use crate::error::{Error, ErrorKind};
use crate::error::{Result, Stage};

/// Mono 16-bit sound at a known rate. Cheap to clone.
#[derive(Clone)]
pub struct Pcm {
    sound: Sound,
    sample_rate: u32,
    words: Option<Arc<[SpokenWord]>>,
}

/// A word that a voice speaks, and when. `Debug` leaves the word out.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpokenWord {
    /// The word, as it stands in the text that was asked for.
    pub text: String,
    /// When it begins, counted from the beginning of the sound of that text.
    pub start: Duration,
    /// When it is over, counted in the same way.
    pub end: Duration,
}

impl SpokenWord {
    /// A word from `start` to `end`.
    #[must_use]
    pub fn new(text: impl Into<String>, start: Duration, end: Duration) -> Self {
        Self { text: text.into(), start, end }
    }
}

impl fmt::Debug for SpokenWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpokenWord").field("start", &self.start).field("end", &self.end).finish_non_exhaustive()
    }
}

#[derive(Clone)]
enum Sound {
    Whole(Arc<[i16]>),
    Pieces(Arc<Pieces>),
}

/// Pieces that become one when somebody asks for the samples: who heard them one by one never does.
struct Pieces {
    /// What is to be joined; nothing when it is.
    parts: Mutex<Vec<Pcm>>,
    count: usize,
    joined: OnceLock<Arc<[i16]>>,
}

impl Pieces {
    /// Every sample is copied once, and the pieces are let go.
    fn whole(&self) -> &Arc<[i16]> {
        self.joined.get_or_init(|| {
            let parts = std::mem::take(&mut *self.parts.lock().unwrap_or_else(PoisonError::into_inner));
            let mut samples: Arc<[i16]> = std::iter::repeat_n(0, self.count).collect();
            let mut rest = Arc::get_mut(&mut samples).unwrap_or_default();
            for part in parts {
                let (here, after) = rest.split_at_mut(part.len());
                here.copy_from_slice(part.samples());
                rest = after;
            }
            samples
        })
    }
}

impl Pcm {
    /// Sound from mono samples at `sample_rate` samples a second.
    #[must_use]
    pub fn new(samples: impl Into<Arc<[i16]>>, sample_rate: u32) -> Self {
        Self { sound: Sound::Whole(samples.into()), sample_rate, words: None }
    }

    /// The same sound, with words of its text whose times are known: those of this chunk, or of others of the same text. A
    /// [`TextToSpeech`](crate::TextToSpeech) tells them with any chunk, an empty one too.
    #[must_use]
    pub fn with_words(mut self, words: Vec<SpokenWord>) -> Self {
        self.words = (!words.is_empty()).then(|| words.into());
        self
    }

    /// The words that were told with this chunk. Sound that was put together of several tells none.
    #[must_use]
    pub fn words(&self) -> &[SpokenWord] {
        self.words.as_deref().unwrap_or_default()
    }

    /// The samples. The sound of a reply that came in pieces is joined when it is first asked for them.
    #[must_use]
    pub fn samples(&self) -> &[i16] {
        match &self.sound {
            Sound::Whole(samples) => samples,
            Sound::Pieces(pieces) => pieces.whole(),
        }
    }

    /// The samples, given away without a copy, unless they are yet to be joined.
    #[must_use]
    pub fn into_samples(self) -> Arc<[i16]> {
        match self.sound {
            Sound::Whole(samples) => samples,
            Sound::Pieces(pieces) => pieces.whole().clone(),
        }
    }

    fn len(&self) -> usize {
        match &self.sound {
            Sound::Whole(samples) => samples.len(),
            Sound::Pieces(pieces) => pieces.count,
        }
    }

    /// Samples a second.
    #[must_use]
    pub const fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Whether there is no sound at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How long it lasts.
    #[must_use]
    pub fn duration(&self) -> Duration {
        if self.sample_rate == 0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(self.len() as f64 / f64::from(self.sample_rate))
    }

    /// The same sound at another rate of 4,000–384,000 samples a second.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` (kind `UnsupportedAudio`) when either rate is outside that range.
    pub fn resampled(&self, sample_rate: u32) -> Result<Self> {
        if sample_rate == self.sample_rate {
            return Ok(self.clone());
        }
        let (mut converter, mut out) = (Converter::new(self.sample_rate, sample_rate)?, Vec::new());
        converter.push(self.samples(), &mut out);
        converter.finish(&mut out);
        Ok(Self { words: self.words.clone(), ..Self::new(out, sample_rate) })
    }

    /// The pieces one after another, at the rate of the first; pieces of another rate are converted. Nothing when there
    /// are no pieces.
    ///
    /// # Errors
    /// As [`Pcm::resampled`].
    pub fn concat<'a>(pieces: impl IntoIterator<Item = &'a Self>) -> Result<Option<Self>> {
        let mut pieces = pieces.into_iter().peekable();
        let Some(sample_rate) = pieces.peek().map(|first| first.sample_rate) else { return Ok(None) };
        let pieces: Vec<Self> = pieces.map(|piece| piece.resampled(sample_rate)).collect::<Result<_>>()?;
        Ok(Some(Self::joined(pieces, sample_rate)))
    }

    /// Pieces of the same rate as one, joined when somebody asks for the samples.
    pub(crate) fn joined(mut pieces: Vec<Self>, sample_rate: u32) -> Self {
        match pieces.len() {
            0 => Self::new([], sample_rate),
            1 => Self { words: None, ..pieces.swap_remove(0) },
            _ => {
                let count = pieces.iter().map(Self::len).sum();
                let pieces = Pieces { parts: Mutex::new(pieces), count, joined: OnceLock::new() };
                Self { sound: Sound::Pieces(Arc::new(pieces)), sample_rate, words: None }
            }
        }
    }

    /// The sound of a WAV file whose samples are plain ones of any width, mixed to mono, at the file's own rate.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when it is no such file, or of a shape that is not supported.
    #[cfg(feature = "bhashini")]
    pub(crate) fn from_wav(bytes: &[u8]) -> Result<Self> {
        let layout = wav::parse(Container::Wav, bytes)?;
        let Payload::Plain(encoding) = layout.payload else {
            return Err(Error::new(ErrorKind::UnsupportedAudio, "the samples of the WAV file are compressed"));
        };
        check_shape(layout.rate, layout.channels)?;
        let data = &bytes[layout.data];
        let whole = data.len() - data.len() % (encoding.bytes() * layout.channels);
        let mut mono = Vec::new();
        encoding.read_mono(&data[..whole], layout.channels, Mix::All, &mut mono);
        Ok(Self::new(mono.into_iter().map(to_i16).collect::<Vec<_>>(), layout.rate))
    }

    /// The bytes of a file or stream in `format`.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` (kind `UnsupportedAudio`) when the sound's rate is outside 4,000–384,000 and the format needs
    /// another.
    pub fn encode(&self, format: AudioFormat) -> Result<Bytes> {
        encode::encode(self, format)
    }

    /// Writes a file in the format that its name asks for: `.wav`, `.ogg` or `.opus`, `.mp3`, `.ulaw`, `.alaw`, `.pcm`.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `File`) when the name asks for no known format or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        encode::save(self, path.as_ref())
    }
}

/// Sound that comes in chunks, brought to another rate as one.
pub(crate) struct Converter {
    from: u32,
    resampler: Resampler,
    floats: Vec<f32>,
}

impl Converter {
    /// # Errors
    /// As [`Pcm::resampled`].
    pub(crate) fn new(from: u32, to: u32) -> Result<Self> {
        for rate in [from, to] {
            check_shape(rate, 1).map_err(|error| error.with_stage(Stage::Audio))?;
        }
        Ok(Self { from, resampler: Resampler::new(from, to), floats: Vec::new() })
    }

    /// The rate of what it takes.
    pub(crate) fn takes(&self) -> u32 {
        self.from
    }

    /// Takes a chunk and adds what is certain by now to `out`.
    pub(crate) fn push(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        for piece in samples.chunks(4_096) {
            self.floats.clear();
            self.floats.extend(piece.iter().map(|&s| from_i16(s)));
            self.resampler.push(&self.floats, &mut |block| out.extend(block.iter().map(|&s| to_i16(s))));
        }
    }

    /// Adds the rest.
    pub(crate) fn finish(mut self, out: &mut Vec<i16>) {
        self.resampler.finish(&mut |block| out.extend(block.iter().map(|&s| to_i16(s))));
    }
}

impl PartialEq for Pcm {
    fn eq(&self, other: &Self) -> bool {
        self.sample_rate == other.sample_rate && self.len() == other.len() && self.samples() == other.samples()
    }
}

impl Eq for Pcm {}

impl fmt::Debug for Pcm {
    /// Shows the shape, never the sound.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pcm({} samples at {} Hz)", self.len(), self.sample_rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_one_after_another_and_one_piece_is_not_copied() {
        let pieces = [Pcm::new([1, 2], 16_000), Pcm::new([], 16_000), Pcm::new([3], 16_000)];
        let whole = Pcm::concat(&pieces).unwrap().unwrap();
        assert_eq!((whole.len(), whole.is_empty(), whole.duration()), (3, false, Duration::from_secs(3) / 16_000));
        assert_eq!((whole.samples(), whole.sample_rate()), (&[1, 2, 3][..], 16_000));
        assert_eq!(whole, Pcm::new([1, 2, 3], 16_000));
        assert_eq!(Pcm::concat([&whole, &pieces[2]]).unwrap().unwrap().samples(), [1, 2, 3, 3]);
        let alone = Pcm::concat(&pieces[..1]).unwrap().unwrap();
        assert_eq!(alone.samples().as_ptr(), pieces[0].samples().as_ptr());
        assert_eq!(Pcm::concat([]).unwrap(), None);
        assert!(Pcm::joined(Vec::new(), 16_000).is_empty());
    }

    #[test]
    fn pieces_are_joined_once_for_all_copies_and_then_let_go() {
        let piece = Pcm::new([1, 2], 16_000);
        let Sound::Whole(samples) = &piece.sound else { panic!("one piece is whole") };
        let whole = Pcm::concat([&piece, &piece]).unwrap().unwrap();
        assert_eq!(Arc::strong_count(samples), 3);
        let copy = whole.clone();
        assert_eq!(copy.samples().as_ptr(), whole.samples().as_ptr());
        assert_eq!(Arc::strong_count(samples), 1);
        assert_eq!(copy.into_samples()[..], [1, 2, 1, 2]);
    }
}
