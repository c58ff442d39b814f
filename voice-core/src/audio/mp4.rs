//! What is put right in an MP4 file before it is read.

use bytes::Bytes;

use super::container::View;
use crate::error::{Error, ErrorKind, Result};

/// A view of the file whose boxes all fit into it, and what had to be put right.
///
/// A recording cut short in transfer declares more sound than is present, and a reader that believes it finds none. Its
/// last box is given the size of the bytes that are there. A file whose index was never written cannot be read at all.
pub(crate) fn repair(bytes: Bytes) -> Result<(View, Vec<String>)> {
    let mut indexed = false;
    let mut samples = 0;
    let mut at = 0;
    while let Some(top) = TopBox::read(&bytes, at) {
        let present = bytes.len() - at;
        let fits = top.size <= present as u64;
        if fits && (&top.name == b"moov" || &top.name == b"moof") {
            indexed = true;
            check_runs(&bytes[at..at + top.size as usize], 0, &mut samples)?;
        }
        if !fits {
            if !indexed {
                break;
            }
            let warning = vec!["the file ends early: its last part is cut short".to_owned()];
            return Ok((
                match (&top.name, top.long) {
                    (b"mdat", false) => View::seekable(bytes).patched(at, (present as u32).to_be_bytes().to_vec()),
                    (b"mdat", true) => View::seekable(bytes).patched(at + 8, (present as u64).to_be_bytes().to_vec()),
                    // Half an index is of no use; what came before it is.
                    _ => View::seekable(bytes.slice(..at)),
                },
                warning,
            ));
        }
        at += top.size as usize;
    }
    if !indexed {
        return Err(Error::new(
            ErrorKind::TruncatedAudio,
            "the mp4 file ends before its index (`moov`), which tells where the sound is; send the whole file",
        ));
    }
    Ok((View::seekable(bytes), Vec::new()))
}

/// Adds up the samples of fragments and refuses more than there can be: the reader would count them one by one.
fn check_runs(parent: &[u8], depth: usize, samples: &mut u32) -> Result<()> {
    /// Five hours of the shortest samples there are.
    const MOST_SAMPLES: u32 = 4_000_000;
    let mut at = 8;
    while let Some(inner) = TopBox::read(parent, at) {
        let size = usize::try_from(inner.size).unwrap_or(usize::MAX).min(parent.len() - at);
        let body = &parent[at..at + size];
        match &inner.name {
            b"traf" if depth == 0 => check_runs(body, 1, samples)?,
            // Version, flags, then how many samples there are.
            b"trun" => {
                let count = body.get(12..).and_then(<[u8]>::first_chunk).map_or(0, |count| u32::from_be_bytes(*count));
                *samples = samples.saturating_add(count);
                if *samples > MOST_SAMPLES {
                    return Err(Error::new(
                        ErrorKind::CorruptAudio,
                        format!("the mp4 file is damaged: its fragments claim {samples} samples and more"),
                    ));
                }
            }
            _ => {}
        }
        at += size;
    }
    Ok(())
}

struct TopBox {
    name: [u8; 4],
    size: u64,
    /// Whether the size is the 64-bit one behind the name.
    long: bool,
}

impl TopBox {
    fn read(bytes: &[u8], at: usize) -> Option<Self> {
        let rest = bytes.get(at..)?;
        let short = u32::from_be_bytes(*rest.first_chunk()?);
        let name = *rest.get(4..)?.first_chunk()?;
        let (size, long) = match short {
            // To the end of the file.
            0 => (rest.len() as u64, false),
            1 => (u64::from_be_bytes(*rest.get(8..)?.first_chunk()?), true),
            size => (u64::from(size), false),
        };
        (size >= 8).then_some(Self { name, size, long })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn seen(bytes: &[u8]) -> (Vec<u8>, Vec<String>) {
        let (mut view, warnings) = repair(Bytes::copy_from_slice(bytes)).expect("readable");
        let mut seen = Vec::new();
        view.read_to_end(&mut seen).expect("memory can be read");
        (seen, warnings)
    }

    #[test]
    fn a_cut_sound_box_gets_the_size_that_is_there() {
        let (seen, warnings) = seen(b"\0\0\0\x08moov\0\0\0\xffmdatabcd");
        assert_eq!(seen, b"\0\0\0\x08moov\0\0\0\x0cmdatabcd");
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn half_a_fragment_is_left_out() {
        assert_eq!(seen(b"\0\0\0\x08moov\0\0\0\xffmoofabcd").0, b"\0\0\0\x08moov");
    }

    #[test]
    fn a_fragment_that_claims_billions_of_samples_is_refused() {
        let fragment = |count: &[u8; 4]| {
            let run = [b"\0\0\0\x10trun\0\0\0\0", &count[..]].concat();
            [b"\0\0\0\x20moof\0\0\0\x18traf", &run[..]].concat()
        };
        let refused = repair(fragment(&[0xff; 4]).into()).err().map(|e| e.kind());
        assert_eq!(refused, Some(ErrorKind::CorruptAudio));
        assert!(repair(fragment(&[0, 0, 1, 0]).into()).is_ok());
        let many = fragment(&[0, 32, 0, 0]).repeat(3);
        assert_eq!(
            repair(many.into()).err().map(|e| e.kind()),
            Some(ErrorKind::CorruptAudio),
            "millions in small parts"
        );
    }

    #[test]
    fn a_file_without_an_index_is_told_as_truncated() {
        for bytes in [&b"\0\0\0\x08ftyp\0\0\0\xffmdatabcd"[..], b"\0\0\0\x08ftyp", b"\0\0\0\x08ftyp\0\0\0\xffmoovabcd"]
        {
            assert_eq!(repair(Bytes::copy_from_slice(bytes)).err().map(|e| e.kind()), Some(ErrorKind::TruncatedAudio));
        }
    }
}
