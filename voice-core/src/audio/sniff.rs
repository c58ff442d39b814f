//! Telling a recording's format from its bytes. Names and declared types are never asked.

use super::mpeg;

/// A container, by content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    /// The family of plain-sample files with a parser of our own: RIFF, RIFX, RF64, BW64.
    Wav,
    /// Sony Wave64.
    W64,
    /// Sun/NeXT `.snd`.
    Au,
    Aiff,
    Caf,
    Flac,
    Ogg,
    /// WebM and Matroska.
    Matroska,
    /// MP4, M4A, MOV, 3GP, whole or fragmented.
    Mp4,
    /// MP3: layer III of MPEG audio.
    Mpeg,
    /// AAC in ADTS frames.
    Adts,
}

impl Container {
    /// The name given as [`AudioInfo::format`](super::AudioInfo).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::W64 => "w64",
            Self::Au => "au",
            Self::Aiff => "aiff",
            Self::Caf => "caf",
            Self::Flac => "flac",
            Self::Ogg => "ogg",
            Self::Matroska => "webm",
            Self::Mp4 => "mp4",
            Self::Mpeg => "mp3",
            Self::Adts => "adts",
        }
    }

    /// The media type under which the bytes may be sent on.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::W64 => "audio/x-w64",
            Self::Au => "audio/basic",
            Self::Aiff => "audio/aiff",
            Self::Caf => "audio/x-caf",
            Self::Flac => "audio/flac",
            Self::Ogg => "audio/ogg",
            Self::Matroska => "audio/webm",
            Self::Mp4 => "audio/mp4",
            Self::Mpeg => "audio/mpeg",
            Self::Adts => "audio/aac",
        }
    }
}

/// How far MPEG and ADTS frames are searched for behind leading junk.
const JUNK: usize = 64 * 1024;

/// What the bytes are and where the container begins in them; `None` when they are no audio that is known.
pub(crate) fn sniff(bytes: &[u8]) -> Option<(Container, usize)> {
    let start = skip_id3(bytes);
    let body = bytes.get(start..)?;
    if let Some(container) = by_magic(body) {
        return Some((container, start));
    }
    let junk = body.iter().take_while(|&&b| b == 0).count();
    if let Some(container) = by_magic(&body[junk..]) {
        return Some((container, start + junk));
    }
    // Frame headers are only twelve bits of certainty, so two frames in a row are asked for.
    let window = &body[..body.len().min(JUNK)];
    window
        .windows(2)
        .enumerate()
        .filter(|(_, w)| w[0] == 0xff && w[1] & 0xe0 == 0xe0)
        .find_map(|(at, _)| frames_in_a_row(&body[at..]).map(|container| (container, start + at)))
}

/// What an unknown recording looks like, for the error message.
pub(crate) fn describe_unknown(bytes: &[u8]) -> &'static str {
    match bytes {
        [b'%', b'P', b'D', b'F', ..] => "a PDF document",
        [b'P', b'K', 3, 4, ..] => "a ZIP archive",
        [0x1f, 0x8b, ..] => "a gzip archive",
        [0x89, b'P', b'N', b'G', ..] | [0xff, 0xd8, 0xff, ..] | [b'G', b'I', b'F', b'8', ..] => "a picture",
        [b'#', b'!', b'A', b'M', b'R', ..] => "AMR telephone audio",
        [b'M', b'T', b'h', b'd', ..] => "a MIDI file",
        [b'F', b'L', b'V', ..] => "Flash video",
        [0x30, 0x26, 0xb2, 0x75, ..] => "Windows Media",
        [b'w', b'v', b'p', b'k', ..] => "WavPack audio",
        [0xff, second, ..] if second & 0xe4 == 0xe4 => "MPEG audio of layer I or II",
        _ if bytes.len() > 188 && bytes[0] == 0x47 && bytes[188] == 0x47 => "an MPEG transport stream",
        _ if looks_like_text(bytes) => "text",
        _ => "nothing known",
    }
}

fn looks_like_text(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(512)];
    head.iter().all(|&b| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..))
        && std::str::from_utf8(head).map_or_else(|e| e.error_len().is_none(), |_| true)
}

fn by_magic(bytes: &[u8]) -> Option<Container> {
    let tag = bytes.get(..4)?;
    let form = bytes.get(8..12);
    match tag {
        b"RIFF" | b"RIFX" | b"RF64" | b"BW64" if form.is_none_or(|f| f == b"WAVE") => Some(Container::Wav),
        b"riff" if bytes.get(24..28).is_none_or(|t| t == b"wave") => Some(Container::W64),
        b".snd" | b"dns." => Some(Container::Au),
        b"FORM" if form.is_some_and(|f| f == b"AIFF" || f == b"AIFC") => Some(Container::Aiff),
        b"caff" => Some(Container::Caf),
        b"fLaC" => Some(Container::Flac),
        b"OggS" => Some(Container::Ogg),
        [0x1a, 0x45, 0xdf, 0xa3] => Some(Container::Matroska),
        _ => matches!(bytes.get(4..8)?, b"ftyp" | b"moov" | b"mdat" | b"moof" | b"wide" | b"styp" | b"free" | b"skip")
            .then_some(Container::Mp4),
    }
}

/// Steps over ID3v2 tags, which some tools put before any format, more than once if need be.
fn skip_id3(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some([b'I', b'D', b'3', _, _, flags, a, b, c, d]) = bytes.get(at..at + 10) {
        let size = [a, b, c, d].iter().fold(0, |size, &&byte| size << 7 | usize::from(byte & 0x7f));
        let footer = if flags & 0x10 != 0 { 10 } else { 0 };
        at = at.saturating_add(10 + size + footer).min(bytes.len());
    }
    at
}

fn frames_in_a_row(bytes: &[u8]) -> Option<Container> {
    for (container, length) in
        [(Container::Adts, adts_frame as fn(&[u8]) -> Option<usize>), (Container::Mpeg, mpeg::frame)]
    {
        if let Some(first) = length(bytes) {
            match bytes.get(first..) {
                Some(next) if next.len() >= 7 => {
                    if length(next).is_some() {
                        return Some(container);
                    }
                }
                // A single frame that fills the rest exactly, or is cut short, is all there is to see.
                _ => return Some(container),
            }
        }
    }
    None
}

/// The length of the ADTS frame that starts here.
pub(crate) fn adts_frame(bytes: &[u8]) -> Option<usize> {
    let h = bytes.get(..7)?;
    let sync = h[0] == 0xff && h[1] & 0xf6 == 0xf0;
    let rate = (h[2] >> 2) & 15;
    let length = usize::from(h[3] & 3) << 11 | usize::from(h[4]) << 3 | usize::from(h[5] >> 5);
    (sync && rate < 13 && length >= 8).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_before_the_content_do_not_hide_it() {
        let mut bytes = b"ID3\x04\0\0\0\0\0\x05hello".to_vec();
        bytes.extend(b"ID3\x04\0\0\0\0\0\0");
        bytes.extend(b"fLaC\0\0\0\0");
        assert_eq!(sniff(&bytes), Some((Container::Flac, 25)));
    }

    #[test]
    fn what_is_not_audio_is_named() {
        for (bytes, name) in [
            (&b"%PDF-1.7"[..], "a PDF document"),
            (b"PK\x03\x04....", "a ZIP archive"),
            (b"{\"error\": \"no file\"}", "text"),
            (b"\x01\x02\x03\x04\x05\x06\x07\x08", "nothing known"),
        ] {
            assert_eq!(sniff(bytes), None, "{name}");
            assert_eq!(describe_unknown(bytes), name);
        }
    }

    #[test]
    fn one_chance_sync_word_is_not_an_mp3() {
        let mut bytes = vec![0x55; 4_000];
        bytes[100..104].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
        assert_eq!(sniff(&bytes), None);
        bytes[517..521].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
        assert_eq!(sniff(&bytes), Some((Container::Mpeg, 100)));
    }
}
