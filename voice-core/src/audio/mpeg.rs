//! What the frame headers of an MP3 tell and its reader passes over in silence: that the file was cut, or has holes.

/// How the frames of an MP3 lie in its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frames {
    /// Places where no frame follows the one before.
    pub(crate) holes: usize,
    /// Whether it ends within a frame, or before as many frames as its first one promises.
    pub(crate) cut: bool,
}

/// Steps from header to header through the bytes, the first of which begin a frame. No sound is decoded.
pub(crate) fn survey(bytes: &[u8]) -> Frames {
    let mut found = Frames::default();
    let (mut at, mut frames) = (0, 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !is_tail(rest)) {
        match frame(rest) {
            Some(length) if length > rest.len() => {
                found.cut = true;
                break;
            }
            Some(length) => {
                frames += 1;
                at += length;
            }
            None => {
                // A tag, or what is left of one, may end the file; a hole has sound behind it.
                let Some(next) = (1..rest.len()).find(|&next| two_in_a_row(&rest[next..])) else { break };
                found.holes += 1;
                at += next;
            }
        }
    }
    // Encoders differ in whether the frame that promises counts itself.
    found.cut |= found.holes == 0 && promised(bytes).is_some_and(|promised| frames < promised);
    found
}

/// Whether what follows belongs to no frame: nothing, padding, or a tag at the end.
fn is_tail(rest: &[u8]) -> bool {
    [&b"TAG"[..], b"APETAGEX", b"LYRICSBEGIN", b"ID3"].iter().any(|tag| rest.starts_with(tag))
        || (rest.first().is_none_or(|&byte| byte == 0) && rest.iter().all(|&byte| byte == 0))
}

fn two_in_a_row(bytes: &[u8]) -> bool {
    frame(bytes).is_some_and(|length| bytes.get(length..).and_then(frame).is_some())
}

/// How many frames the first one, which encoders use for a table of contents, says that follow it.
fn promised(bytes: &[u8]) -> Option<usize> {
    let length = frame(bytes)?;
    let first = bytes.get(..length)?;
    let (whole_rate, mono) = (first[1] >> 3 & 3 == 3, first[3] >> 6 == 3);
    let side = match (whole_rate, mono) {
        (true, false) => 32,
        (true, true) | (false, false) => 17,
        (false, true) => 9,
    };
    let checksum = if first[1] & 1 == 0 { 2 } else { 0 };
    let number = |at: usize| {
        let four: [u8; 4] = first.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(four)).ok().filter(|&frames| frames > 0)
    };
    let table = first.get(4 + checksum + side..)?;
    if table.starts_with(b"Xing") || table.starts_with(b"Info") {
        return if table.get(7)? & 1 == 1 { number(4 + checksum + side + 8) } else { None };
    }
    if first.get(36..)?.starts_with(b"VBRI") { number(36 + 14) } else { None }
}

/// The length of the layer III frame that starts here.
pub(crate) fn frame(bytes: &[u8]) -> Option<usize> {
    let h = bytes.get(..4)?;
    let (version, layer) = ((h[1] >> 3) & 3, (h[1] >> 1) & 3);
    let (bitrate, rate) = (usize::from(h[2] >> 4), usize::from((h[2] >> 2) & 3));
    let padding = usize::from((h[2] >> 1) & 1);
    if h[0] != 0xff || h[1] & 0xe0 != 0xe0 || version == 1 || layer != 1 || bitrate == 0 || bitrate == 15 || rate == 3 {
        return None;
    }
    let hz = [44_100, 48_000, 32_000][rate] >> [2, 0, 1, 0][usize::from(version)];
    let (slots, kbps) = if version == 3 {
        (144, [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320])
    } else {
        (72, [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160])
    };
    Some(slots * 1_000 * kbps[bitrate - 1] / hz + padding)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of 417 bytes: 128 kbit/s at 44.1 kHz.
    fn frames(count: usize) -> Vec<u8> {
        let mut one = vec![0x55; 417];
        one[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
        one.repeat(count)
    }

    fn promising(frames_said: u32, count: usize) -> Vec<u8> {
        let mut bytes = frames(count + 1);
        bytes[36..44].copy_from_slice(b"Xing\0\0\0\x01");
        bytes[44..48].copy_from_slice(&frames_said.to_be_bytes());
        bytes
    }

    #[test]
    fn a_whole_file_is_whole_whatever_tag_ends_it() {
        let whole = Frames::default();
        assert_eq!(survey(&frames(5)), whole);
        assert_eq!(survey(&promising(5, 5)), whole);
        for tag in [&b"TAGtitle"[..], b"APETAGEX....", &[0; 300]] {
            assert_eq!(survey(&[&frames(5), tag].concat()), whole);
        }
    }

    #[test]
    fn a_file_that_ends_early_is_told_as_cut() {
        assert!(survey(&frames(5)[..5 * 417 - 1]).cut, "within a frame");
        assert!(survey(&promising(9, 5)).cut, "between two");
    }

    #[test]
    fn holes_are_counted_and_sound_behind_them_is_found() {
        let bytes = [frames(3), vec![0x11; 100], frames(3), vec![0x22; 7], frames(2)].concat();
        assert_eq!(survey(&bytes), Frames { holes: 2, cut: false });
    }

    #[test]
    fn bytes_that_are_no_frames_are_no_trouble() {
        for bytes in [&b""[..], b"\xff", b"\xff\xfb\x90", &[0xff; 64], &[0; 64]] {
            survey(bytes);
        }
    }
}
