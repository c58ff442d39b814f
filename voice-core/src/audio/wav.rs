//! The family of files that hold plain samples: WAV (RIFF, RIFX, RF64, BW64), Wave64 and AU.
//!
//! A parser of our own, because recorders that stream cannot go back to write lengths: sizes in the header are taken as
//! hints, and the bytes that are present decide. The order of chunks does not matter.

use std::ops::Range;

use super::{sample::SampleEncoding, sniff::Container};
use crate::error::{Error, ErrorKind, Result};

/// What a header says and where the samples are.
pub(crate) struct Layout {
    pub(crate) payload: Payload,
    pub(crate) rate: u32,
    pub(crate) channels: usize,
    /// The samples' place in the file.
    pub(crate) data: Range<usize>,
    pub(crate) warnings: Vec<String>,
}

/// What the data chunk holds.
pub(crate) enum Payload {
    /// Samples to be read in place.
    Plain(SampleEncoding),
    /// IMA or Microsoft ADPCM.
    Adpcm,
    /// MPEG audio frames wrapped in a WAV header.
    Mpeg,
}

/// Reads the header of a plain-sample file.
pub(crate) fn parse(container: Container, bytes: &[u8]) -> Result<Layout> {
    match container {
        Container::Au => parse_au(bytes),
        Container::W64 => parse_chunks(bytes, &Dialect::W64),
        _ if bytes.starts_with(b"RIFX") => parse_chunks(bytes, &Dialect::Riff { big_endian: true }),
        _ => parse_chunks(bytes, &Dialect::Riff { big_endian: false }),
    }
}

/// How chunks are written: RIFF has four-byte names and sizes, Wave64 has GUIDs and eight-byte sizes that count the header.
enum Dialect {
    Riff { big_endian: bool },
    W64,
}

struct Chunk {
    name: [u8; 4],
    body: usize,
    /// The size that the header declares.
    declared: u64,
}

impl Dialect {
    fn first_chunk(&self) -> usize {
        match self {
            Self::Riff { .. } => 12,
            Self::W64 => 40,
        }
    }

    fn chunk(&self, bytes: &[u8], at: usize) -> Option<Chunk> {
        let name = bytes.get(at..)?.first_chunk::<4>().copied()?;
        match self {
            Self::Riff { big_endian } => {
                let declared = u64::from(u32_at(bytes, at + 4, *big_endian)?);
                Some(Chunk { name, body: at + 8, declared })
            }
            Self::W64 => {
                let size = u64::from_le_bytes(*bytes.get(at + 16..)?.first_chunk()?);
                Some(Chunk { name, body: at + 24, declared: size.saturating_sub(24) })
            }
        }
    }

    fn after(&self, chunk: &Chunk, declared: u64) -> Option<usize> {
        let align = if matches!(self, Self::W64) { 8 } else { 2 };
        let end = (chunk.body as u64).checked_add(declared)?.checked_next_multiple_of(align)?;
        usize::try_from(end).ok()
    }

    fn big_endian(&self) -> bool {
        matches!(self, Self::Riff { big_endian: true })
    }
}

fn parse_chunks(bytes: &[u8], dialect: &Dialect) -> Result<Layout> {
    let mut format = None;
    let mut data: Option<Chunk> = None;
    let mut long_size = None;
    let mut at = dialect.first_chunk();
    while let Some(chunk) = dialect.chunk(bytes, at) {
        let mut declared = chunk.declared;
        match &chunk.name {
            b"fmt " if format.is_none() => {
                let end = bytes.len().min(chunk.body.saturating_add(declared.min(1 << 16) as usize));
                format = Some(Format::read(&bytes[chunk.body.min(end)..end], dialect.big_endian())?);
            }
            b"ds64" => {
                long_size = bytes.get(chunk.body + 8..).and_then(|b| b.first_chunk()).map(|b| u64::from_le_bytes(*b))
            }
            b"data" if data.is_none() => {
                if declared == u64::from(u32::MAX) {
                    declared = long_size.unwrap_or(declared);
                }
                let open_ended = declared == 0 && format.is_some();
                data = Some(Chunk { declared, ..chunk });
                if open_ended {
                    break;
                }
            }
            _ => {}
        }
        match dialect.after(&chunk, declared) {
            Some(next) if next <= bytes.len() => at = next,
            _ => break,
        }
    }
    let Some(format) = format else {
        return Err(Error::new(
            if data.is_some() { ErrorKind::CorruptAudio } else { ErrorKind::TruncatedAudio },
            "the WAV file has no format chunk, so its samples cannot be told; send the whole file",
        ));
    };
    let Some(data) = data else {
        return Err(Error::new(
            ErrorKind::TruncatedAudio,
            "the WAV file ends before its samples begin; send the whole file",
        ));
    };
    let present = bytes.len() - data.body.min(bytes.len());
    let mut warnings = Vec::new();
    let length = match data.declared {
        // A recorder that streams writes one of these and never comes back.
        0 | 0x7fff_ffff | 0xffff_ffff => {
            if present > 0 {
                warnings.push(format!("the header does not tell the length; all {present} bytes present were taken"));
            }
            present
        }
        declared if declared > present as u64 => {
            warnings.push(format!(
                "the file ends early: the header tells {declared} bytes of samples, {present} are present"
            ));
            present
        }
        declared => declared as usize,
    };
    Ok(Layout {
        payload: format.payload,
        rate: format.rate,
        channels: format.channels,
        data: data.body.min(bytes.len())..data.body.min(bytes.len()) + length,
        warnings,
    })
}

struct Format {
    payload: Payload,
    rate: u32,
    channels: usize,
}

impl Format {
    fn read(body: &[u8], big_endian: bool) -> Result<Self> {
        let cut =
            || Error::new(ErrorKind::TruncatedAudio, "the WAV file's format chunk is cut short; send the whole file");
        let field = |at| u16_at(body, at, big_endian).ok_or_else(cut);
        let mut tag = field(0)?;
        let channels = usize::from(field(2)?);
        let rate = u32_at(body, 4, big_endian).ok_or_else(cut)?;
        let block = usize::from(field(12)?);
        let bits = u16_at(body, 14, big_endian).unwrap_or(8);
        if tag == 0xfffe {
            // EXTENSIBLE: the real tag opens the sub-format's GUID.
            tag = u16_at(body, 24, big_endian).unwrap_or(1);
        }
        use SampleEncoding as E;
        // The width of a sample is its share of the block: 24 bits may lie in four bytes, left-aligned.
        let width = if channels > 0 && block % channels == 0 && block > 0 {
            block / channels
        } else {
            usize::from(bits).div_ceil(8)
        };
        let pick = |little, big| if big_endian { big } else { little };
        let plain = match (tag, width) {
            (1, 1) => Some(E::U8),
            (1, 2) => Some(pick(E::S16Le, E::S16Be)),
            (1, 3) => Some(pick(E::S24Le, E::S24Be)),
            (1, 4) => Some(pick(E::S32Le, E::S32Be)),
            (3, 4) => Some(pick(E::F32Le, E::F32Be)),
            (3, 8) => Some(pick(E::F64Le, E::F64Be)),
            (6, _) => Some(E::ALaw),
            (7, _) => Some(E::MuLaw),
            _ => None,
        };
        let payload = match (plain, tag) {
            (Some(encoding), _) => Payload::Plain(encoding),
            (None, 2 | 0x11) if !big_endian => Payload::Adpcm,
            (None, 0x50 | 0x55) => Payload::Mpeg,
            _ => {
                return Err(Error::new(
                    ErrorKind::UnsupportedAudio,
                    format!(
                        "the WAV file holds codec {tag:#06x} with {bits} bits a sample; PCM of 8 to 32 bits, float, \
                         G.711, IMA and Microsoft ADPCM and MP3 are accepted"
                    ),
                ));
            }
        };
        Ok(Self { payload, rate, channels })
    }
}

fn parse_au(bytes: &[u8]) -> Result<Layout> {
    let big_endian = bytes.starts_with(b".snd");
    let field = |index: usize| {
        u32_at(bytes, 4 + index * 4, big_endian).ok_or_else(|| {
            Error::new(ErrorKind::TruncatedAudio, "the AU file ends within its header; send the whole file")
        })
    };
    let (offset, declared, code, rate, channels) = (field(0)?, field(1)?, field(2)?, field(3)?, field(4)?);
    use SampleEncoding as E;
    let pick = |little, big| if big_endian { big } else { little };
    let encoding = match code {
        1 => E::MuLaw,
        2 => E::S8,
        3 => pick(E::S16Le, E::S16Be),
        4 => pick(E::S24Le, E::S24Be),
        5 => pick(E::S32Le, E::S32Be),
        6 => pick(E::F32Le, E::F32Be),
        7 => pick(E::F64Le, E::F64Be),
        27 => E::ALaw,
        _ => {
            return Err(Error::new(
                ErrorKind::UnsupportedAudio,
                format!("the AU file holds codec {code}; PCM of 8 to 32 bits, float and G.711 are accepted"),
            ));
        }
    };
    let start = (offset as usize).min(bytes.len());
    let present = bytes.len() - start;
    let mut warnings = Vec::new();
    // All ones is the format's own way to say "unknown".
    let length = if declared == u32::MAX {
        present
    } else {
        if declared as usize > present {
            warnings.push(format!(
                "the file ends early: the header tells {declared} bytes of samples, {present} are present"
            ));
        }
        present.min(if declared == 0 { present } else { declared as usize })
    };
    Ok(Layout {
        payload: Payload::Plain(encoding),
        rate,
        channels: channels as usize,
        data: start..start + length,
        warnings,
    })
}

fn u16_at(bytes: &[u8], at: usize, big_endian: bool) -> Option<u16> {
    let field = *bytes.get(at..)?.first_chunk()?;
    Some(if big_endian { u16::from_be_bytes(field) } else { u16::from_le_bytes(field) })
}

fn u32_at(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let field = *bytes.get(at..)?.first_chunk()?;
    Some(if big_endian { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(data_size: u32, samples: &[u8]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data".to_vec();
        bytes.extend(data_size.to_le_bytes());
        bytes.extend(samples);
        bytes
    }

    #[test]
    fn the_bytes_present_decide_the_length() {
        for size in [0, 0x7fff_ffff, 0xffff_ffff, 1_000] {
            let layout = parse(Container::Wav, &wav(size, &[1; 100])).expect("a layout");
            assert_eq!(layout.data.len(), 100, "declared {size:#x}");
            assert_eq!(layout.warnings.len(), 1, "declared {size:#x}");
        }
        let exact = parse(Container::Wav, &wav(100, &[1; 100])).expect("a layout");
        assert!(exact.data.len() == 100 && exact.warnings.is_empty());
    }

    #[test]
    fn a_header_without_samples_is_truncated_and_one_with_none_is_empty() {
        let whole = wav(100, &[]);
        assert_eq!(parse(Container::Wav, &whole[..40]).err().map(|e| e.kind()), Some(ErrorKind::TruncatedAudio));
        assert_eq!(parse(Container::Wav, &whole[..16]).err().map(|e| e.kind()), Some(ErrorKind::TruncatedAudio));
        assert!(parse(Container::Wav, &wav(0, &[])).expect("a layout").data.is_empty());
    }

    #[test]
    fn samples_before_the_format_are_found() {
        let mut bytes = b"RIFF\0\0\0\0WAVEdata\x04\0\0\0\x01\0\x02\0".to_vec();
        bytes.extend(b"fmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0");
        let layout = parse(Container::Wav, &bytes).expect("a layout");
        assert_eq!((layout.data.clone(), layout.rate), (20..24, 16_000));
    }

    #[test]
    fn an_unknown_codec_is_named() {
        let mut bytes = wav(4, &[0; 4]);
        bytes[20] = 0x31;
        let error = parse(Container::Wav, &bytes).err().expect("refused");
        assert_eq!(error.kind(), ErrorKind::UnsupportedAudio);
        assert!(error.message().contains("0x0031"), "{}", error.message());
    }
}
