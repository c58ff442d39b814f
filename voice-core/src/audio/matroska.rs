//! What browsers and broken transfers do to WebM: recordings joined end to end, and holes.

use bytes::Bytes;

use super::{
    container::{End, Found, Pass, View},
    sink::SpeechSink,
    sniff::Container,
};
use crate::error::Result;

const EBML: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];
const SEGMENT: [u8; 4] = [0x18, 0x53, 0x80, 0x67];
const CLUSTER: [u8; 4] = [0x1f, 0x43, 0xb6, 0x75];
/// How often reading is taken up again behind a hole, so that noise cannot keep us busy.
const MAX_RESUMES: usize = 64;

/// The recordings that are joined in one file, in order.
///
/// A reader stops at the end of the first; a page that starts and stops its recorder makes several.
pub(crate) fn recordings(bytes: &Bytes) -> Vec<Bytes> {
    let mut starts = vec![0];
    starts.extend(find_all(bytes, EBML, 4).filter(|&at| {
        let head = &bytes[at..bytes.len().min(at + 64)];
        head.windows(4).any(|w| w == b"webm") || head.windows(8).any(|w| w == b"matroska")
    }));
    let ends = starts[1..].iter().copied().chain([bytes.len()]);
    starts.iter().zip(ends).map(|(&start, end)| bytes.slice(start..end)).collect()
}

/// Decodes one recording, going on at the next cluster when there is a hole.
pub(crate) fn decode(bytes: Bytes, sink: &mut SpeechSink, found: &mut Found) -> Result<()> {
    // A reader that can seek refuses a file that is shorter than declared.
    let mut view = View::forward(bytes.clone());
    let mut pass = Pass::new(Container::Matroska, found);
    let header_end = find_all(&bytes, CLUSTER, 0).next().unwrap_or(bytes.len());
    let mut resumed = 0;
    let end = loop {
        let end = pass.run(view, sink)?;
        // Damage may look like the end, so the next cluster is looked for in any case.
        match cluster_after(&bytes, header_end, pass.last_timestamp) {
            Some(at) if resumed < MAX_RESUMES => {
                resumed += 1;
                view = View::forward(bytes.slice(..header_end)).followed_by(bytes.slice(at..));
            }
            _ => break end,
        }
    };
    // A recording that was streamed just stops; only one that knows its size can be too short.
    let end = if end == End::Cut && !sink.is_empty() && !is_short(&bytes) { End::Whole } else { end };
    if resumed > 0 {
        pass.found.warnings.push(format!("the file is damaged in {resumed} places; reading went on behind each"));
    }
    pass.conclude(end, sink)
}

/// Whether the file declares more bytes than there are.
fn is_short(bytes: &[u8]) -> bool {
    let segment = find_all(&bytes[..bytes.len().min(4_096)], SEGMENT, 0).next().map(|at| &bytes[at + 4..]);
    let Some((rest, &first)) = segment.and_then(|rest| Some((rest, rest.first()?))) else { return false };
    let length = first.leading_zeros() as usize + 1;
    let Some(field) = rest.get(..length) else { return false };
    let size = field.iter().fold(0u64, |size, &byte| size << 8 | u64::from(byte));
    // The length's own marker bit is no part of the size, and a size of all ones means "unknown".
    let mask = (1u64 << (7 * length.min(8))) - 1;
    size & mask != mask && size & mask > (rest.len() - length) as u64
}

/// The first cluster that starts later than `timestamp`.
fn cluster_after(bytes: &[u8], from: usize, timestamp: i64) -> Option<usize> {
    find_all(bytes, CLUSTER, from).find(|&at| cluster_timestamp(&bytes[at + 4..]).is_some_and(|t| t > timestamp))
}

/// The time at which a cluster starts, from its first element.
fn cluster_timestamp(bytes: &[u8]) -> Option<i64> {
    let size_length = bytes.first()?.leading_zeros() as usize + 1;
    let element = bytes.get(size_length..)?;
    let (&[0xe7, size], value) = element.split_first_chunk::<2>()? else { return None };
    let length = usize::from(size & 0x7f);
    if size & 0x80 == 0 || length > 8 {
        return None;
    }
    let value = value.get(..length)?.iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
    i64::try_from(value).ok()
}

fn find_all(bytes: &[u8], tag: [u8; 4], from: usize) -> impl Iterator<Item = usize> + '_ {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.windows(4).enumerate().filter(move |(_, w)| **w == tag).map(move |(at, _)| at + from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_recordings_are_taken_apart() {
        let one = [&EBML[..], b"\x9f\x42\x82\x84webm", b"abcdef"].concat();
        let joined = Bytes::from([&one[..], &one].concat());
        assert_eq!(recordings(&joined), [one.clone(), one]);
        assert_eq!(recordings(&Bytes::from_static(b"\x1a\x45\xdf\xa3 and \x1a\x45\xdf\xa3 by chance")).len(), 1);
    }

    #[test]
    fn only_a_known_size_can_be_too_short() {
        assert!(is_short(b"\x1a\x45\xdf\xa3\x18\x53\x80\x67\x88abc"));
        assert!(!is_short(b"\x1a\x45\xdf\xa3\x18\x53\x80\x67\x83abc"));
        assert!(!is_short(b"\x1a\x45\xdf\xa3\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xffabc"));
    }

    #[test]
    fn a_cluster_tells_its_time() {
        let bytes = [&CLUSTER[..], b"\x01\0\0\0\0\0\x10\0\xe7\x82\x13\x88", &CLUSTER, b"\xff\xe7\x82\x27\x10"].concat();
        assert_eq!(cluster_after(&bytes, 0, 0), Some(0));
        assert_eq!(cluster_after(&bytes, 0, 5_000), Some(16));
        assert_eq!(cluster_after(&bytes, 0, 10_000), None);
    }
}
