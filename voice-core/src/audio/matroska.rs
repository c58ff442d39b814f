//! What browsers and broken transfers do to WebM: recordings joined end to end, and holes.

use std::ops::Range;

use bytes::Bytes;

use super::{
    container::{End, Found, Pass, View, corrupt},
    sink::SpeechSink,
    sniff::Container,
};
use crate::error::{Error, ErrorKind, Result};

const EBML: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];
const SEGMENT: [u8; 4] = [0x18, 0x53, 0x80, 0x67];
const CLUSTER: [u8; 4] = [0x1f, 0x43, 0xb6, 0x75];
const SEGMENT_ID: u32 = u32::from_be_bytes(SEGMENT);
const CLUSTER_ID: u32 = u32::from_be_bytes(CLUSTER);
const INFO: u32 = 0x1549_a966;
const TIMESTAMP_SCALE: u32 = 0x002a_d7b1;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK: u32 = 0xae;
const CODEC_DELAY: u32 = 0x56aa;
const TIMESTAMP: u32 = 0xe7;
/// The most recordings in one file: each costs a reader and a decoder, and no page joins so many.
const MAX_RECORDINGS: usize = 1_000;
/// How often reading is taken up again behind a hole, so that noise cannot keep us busy.
const MAX_RESUMES: usize = 64;

/// The recordings that are joined in one file, in order.
///
/// A reader stops at the end of the first; a page that starts and stops its recorder makes several.
fn recordings(bytes: &Bytes) -> Vec<Bytes> {
    let mut starts = vec![0];
    starts.extend(find_all(bytes, EBML, 4).filter(|&at| {
        let head = &bytes[at..bytes.len().min(at + 64)];
        head.windows(4).any(|w| w == b"webm") || head.windows(8).any(|w| w == b"matroska")
    }));
    let ends = starts[1..].iter().copied().chain([bytes.len()]);
    starts.iter().zip(ends).map(|(&start, end)| bytes.slice(start..end)).collect()
}

/// Decodes the recordings of one file in order. One that cannot be read costs its own sound and no other's.
pub(crate) fn decode(bytes: &Bytes, sink: &mut SpeechSink, found: &mut Found) -> Result<()> {
    let parts = recordings(bytes);
    let count = parts.len();
    if count > MAX_RECORDINGS {
        return Err(corrupt("webm", &format!("it claims to be {count} recordings, joined")));
    }
    let (mut lost, mut first_fault) = (0, None);
    for part in parts {
        match decode_one(part, sink, found) {
            Err(error) if count > 1 && costs_one_recording(error.kind()) => {
                lost += 1;
                first_fault.get_or_insert(error);
            }
            outcome => outcome?,
        }
    }
    if let Some(error) = first_fault.filter(|_| sink.is_empty()) {
        return Err(error);
    }
    match (count, lost) {
        (1, _) => {}
        (_, 0) => found.warnings.push(format!("{count} recordings are joined in one file; all were decoded")),
        _ => found.warnings.push(format!("{count} recordings are joined in one file; {lost} could not be read")),
    }
    Ok(())
}

/// Whether an error is about the bytes of one recording, not about a limit that all of them share.
fn costs_one_recording(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::TruncatedAudio | ErrorKind::CorruptAudio | ErrorKind::UnsupportedAudio)
}

/// Decodes one recording, going on at the next cluster when there is a hole.
fn decode_one(bytes: Bytes, sink: &mut SpeechSink, found: &mut Found) -> Result<()> {
    let head = Head::read(&bytes);
    let Some(header_end) = head.first_cluster.or_else(|| find_all(&bytes, CLUSTER, 0).next()) else {
        return Err(Error::new(
            ErrorKind::TruncatedAudio,
            "the webm file ends with its header, before its first sound; send the whole file",
        ));
    };
    // A reader that can seek refuses a file that is shorter than declared.
    let mut view = View::forward(bytes.clone());
    let mut pass = Pass::new(Container::Matroska, found);
    pass.delay = head.codec_delay();
    let (mut from, mut tries, mut holes) = (header_end, 0, 0);
    let end = loop {
        let before = pass.last_timestamp;
        let end = pass.run(view, sink)?;
        if tries > 0 && pass.last_timestamp > before {
            holes += 1;
        }
        // Damage may look like the end, so the next cluster is looked for in any case.
        match cluster_after(&bytes, from, pass.last_timestamp) {
            Some(at) if tries < MAX_RESUMES => {
                tries += 1;
                from = at + CLUSTER.len();
                view = View::forward(bytes.slice(..header_end)).followed_by(bytes.slice(at..));
            }
            _ => break end,
        }
    };
    // A recording that was streamed just stops; only one that knows its size can be too short.
    let end = if end == End::Cut && !sink.is_empty() && !is_short(&bytes) { End::Whole } else { end };
    if holes > 0 {
        pass.found.warnings.push(format!("the file is damaged in {holes} places; reading went on behind each"));
    }
    pass.conclude(end, sink)
}

/// What the header tells that the reader keeps to itself.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    /// Where the first cluster starts.
    first_cluster: Option<usize>,
    /// Nanoseconds of one tick of the clusters' clock.
    tick: u64,
    /// Nanoseconds that the reader takes off the time of each packet of sound: the encoder's delay.
    delay: u64,
}

impl Head {
    fn read(bytes: &[u8]) -> Self {
        let mut head = Self { first_cluster: None, tick: 1_000_000, delay: 0 };
        head.walk(bytes, 0..bytes.len(), 0);
        head
    }

    /// Reads the elements in a range, down to those that tell something, up to the first cluster. No file needs more depth,
    /// and one made with ill intent may not have it.
    fn walk(&mut self, bytes: &[u8], range: Range<usize>, depth: usize) {
        let mut at = range.start;
        while let Some(element) = Element::read(&bytes[..range.end], at).filter(|_| self.first_cluster.is_none()) {
            at = element.body.end;
            match element.id {
                CLUSTER_ID => self.first_cluster = Some(element.start),
                SEGMENT_ID | INFO | TRACKS | TRACK if depth < 3 => self.walk(bytes, element.body, depth + 1),
                TIMESTAMP_SCALE => self.tick = number(&bytes[element.body]).max(1),
                CODEC_DELAY => self.delay = self.delay.max(number(&bytes[element.body])),
                _ => {}
            }
        }
    }

    /// The delay in ticks, rounded up: the reader may have rounded either way.
    fn codec_delay(&self) -> i64 {
        i64::try_from(self.delay.div_ceil(self.tick)).unwrap_or(i64::MAX)
    }
}

/// One element: its tag, where it starts, and where its content lies. Content that goes on past the end, or whose size is unknown, lies up to
/// the end.
struct Element {
    id: u32,
    start: usize,
    body: Range<usize>,
    /// The size that is declared; `None` when it is unknown.
    size: Option<u64>,
}

impl Element {
    fn read(bytes: &[u8], at: usize) -> Option<Self> {
        let rest = bytes.get(at..)?;
        let id_length = rest.first()?.leading_zeros() as usize + 1;
        let id = rest.get(..id_length).filter(|_| id_length <= 4)?;
        let field = rest.get(id_length..)?;
        let length = field.first()?.leading_zeros() as usize + 1;
        let field = field.get(..length).filter(|_| length <= 8)?;
        // The length's own marker bit is no part of the size, and a size of all ones means "unknown".
        let mask = (1u64 << (7 * length)) - 1;
        let size = Some(number(field) & mask).filter(|&size| size != mask);
        let body = at + id_length + length;
        let end = size.and_then(|size| body.checked_add(usize::try_from(size).ok()?)).unwrap_or(bytes.len());
        Some(Self { id: number(id) as u32, start: at, body: body..end.min(bytes.len()), size })
    }
}

/// A number as elements hold it: big-endian, at most eight bytes of it.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// Whether the file declares more bytes than there are.
fn is_short(bytes: &[u8]) -> bool {
    let segment = find_all(&bytes[..bytes.len().min(4_096)], SEGMENT, 0).next();
    segment
        .and_then(|at| Element::read(bytes, at))
        .is_some_and(|segment| segment.size.is_some_and(|size| size > segment.body.len() as u64))
}

/// The first cluster from a place on that starts later than `timestamp`.
fn cluster_after(bytes: &[u8], from: usize, timestamp: i64) -> Option<usize> {
    find_all(bytes, CLUSTER, from).find(|&at| cluster_timestamp(bytes, at).is_some_and(|t| t > timestamp))
}

/// The time at which the cluster at a place starts, from its first element.
fn cluster_timestamp(bytes: &[u8], at: usize) -> Option<i64> {
    let cluster = Element::read(bytes, at)?;
    let first = Element::read(bytes, cluster.body.start).filter(|first| first.id == TIMESTAMP)?;
    let whole = first.size == Some(first.body.len() as u64) && first.body.len() <= 8;
    i64::try_from(number(&bytes[first.body])).ok().filter(|_| whole)
}

fn find_all(bytes: &[u8], tag: [u8; 4], from: usize) -> impl Iterator<Item = usize> + '_ {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.windows(4).enumerate().filter(move |(_, w)| **w == tag).map(move |(at, _)| at + from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::AudioLimits;

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

    /// One packet of Opus: 20 ms.
    const PACKET: [u8; 3] = [0xf8, 0xff, 0xfe];
    const SOUND: u8 = 1;
    const PICTURE: u8 = 2;
    /// What encoders put in front, in samples at 16 kHz: 6.5 ms.
    const DELAY: usize = 104;

    fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
        let size = (1u64 << 56 | body.len() as u64).to_be_bytes();
        [id, &size, body].concat()
    }

    /// A header as browsers and converters write it: sound with the encoder's delay, and a picture.
    fn header() -> Vec<u8> {
        let delay = element(&[0x56, 0xaa], &6_500_000u32.to_be_bytes());
        let opus_head = b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0";
        let track = |number: u8, kind: u8, codec: &[u8], rest: &[u8]| {
            let fields = [element(&[0xd7], &[number]), element(&[0x73, 0xc5], &[number]), element(&[0x83], &[kind])];
            element(&[0xae], &[&fields.concat()[..], &element(&[0x86], codec), rest].concat())
        };
        let voice = [delay, element(&[0x63, 0xa2], opus_head), element(&[0xe1], &element(&[0x9f], &[1]))].concat();
        let picture = element(&[0xe0], &[element(&[0xb0], &[64]), element(&[0xba], &[64])].concat());
        let tracks = [track(SOUND, 2, b"A_OPUS", &voice), track(PICTURE, 1, b"V_VP8", &picture)].concat();
        let scale = element(&[0x2a, 0xd7, 0xb1], &1_000_000u32.to_be_bytes());
        let info = [scale, element(&[0x4d, 0x80], b"test"), element(&[0x57, 0x41], b"test")].concat();
        [
            element(&EBML, &element(&[0x42, 0x82], b"webm")),
            [&SEGMENT[..], b"\x01\xff\xff\xff\xff\xff\xff\xff"].concat(),
            element(&INFO.to_be_bytes(), &info),
            element(&TRACKS.to_be_bytes(), &tracks),
        ]
        .concat()
    }

    fn cluster(track: u8, packets: Range<u16>) -> Vec<u8> {
        let time = element(&[0xe7], &(u32::from(packets.start) * 20).to_be_bytes());
        let blocks = packets.clone().flat_map(|n| {
            let [high, low] = ((n - packets.start) * 20).to_be_bytes();
            element(&[0xa3], &[&[0x80 | track, high, low, 0x80], &PACKET[..]].concat())
        });
        element(&CLUSTER, &time.into_iter().chain(blocks).collect::<Vec<_>>())
    }

    /// Decoded samples at 16 kHz, and the warnings.
    fn heard(parts: &[Vec<u8>]) -> Result<(usize, Vec<String>)> {
        let (mut sink, mut found) = (SpeechSink::new(&AudioLimits::default()), Found::default());
        decode(&parts.concat().into(), &mut sink, &mut found)?;
        Ok(((sink.seconds() * 16_000.0).round() as usize, found.warnings))
    }

    #[test]
    fn the_last_cluster_is_heard_once_though_it_holds_a_single_packet() {
        let parts = [header(), cluster(SOUND, 0..250), cluster(SOUND, 250..251)];
        assert_eq!(heard(&parts).expect("heard"), (251 * 320 - DELAY, Vec::new()));
    }

    #[test]
    fn pictures_after_the_sound_are_no_damage() {
        let mut parts = vec![header(), cluster(SOUND, 0..50)];
        parts.extend((50..120).map(|n| cluster(PICTURE, n..n + 1)));
        assert_eq!(heard(&parts).expect("heard"), (50 * 320 - DELAY, Vec::new()));
    }

    #[test]
    fn behind_a_hole_every_packet_is_heard_once() {
        let hole = vec![0; 200];
        let parts = [header(), cluster(SOUND, 0..50), hole, cluster(SOUND, 50..100), cluster(SOUND, 100..101)];
        let (samples, warnings) = heard(&parts).expect("heard");
        assert_eq!((samples, warnings.len()), (101 * 320 - 2 * DELAY, 1));
    }

    #[test]
    fn a_joined_recording_that_is_cut_in_its_header_costs_only_itself() {
        let whole = [header(), cluster(SOUND, 0..50)].concat();
        for left in [70, header().len() - 10, header().len()] {
            let (samples, warnings) = heard(&[whole.clone(), header()[..left].to_vec()]).expect("the first is heard");
            assert_eq!((samples, warnings.len()), (50 * 320 - DELAY, 1), "{left} bytes: {warnings:?}");
        }
        let (samples, _) = heard(&[header(), whole.clone(), whole]).expect("the others are heard");
        assert_eq!(samples, 2 * (50 * 320 - DELAY));
    }

    #[test]
    fn a_header_alone_is_a_recording_that_was_cut_off() {
        for left in [40, header().len() - 10, header().len()] {
            let cut = header()[..left].to_vec();
            assert_eq!(heard(&[cut]).expect_err("no sound").kind(), ErrorKind::TruncatedAudio, "{left} bytes");
        }
        let twice = heard(&[header(), header()]).expect_err("no sound");
        assert_eq!(twice.kind(), ErrorKind::TruncatedAudio);
    }

    #[test]
    fn a_file_of_thousands_of_recordings_is_refused() {
        let parts = vec![element(&EBML, &element(&[0x42, 0x82], b"webm")); MAX_RECORDINGS + 1];
        assert_eq!(heard(&parts).expect_err("refused").kind(), ErrorKind::CorruptAudio);
    }

    #[test]
    fn elements_within_elements_without_end_are_not_followed() {
        assert_eq!(Head::read(&[0xae, 0xff].repeat(1 << 20)).first_cluster, None);
    }
}
