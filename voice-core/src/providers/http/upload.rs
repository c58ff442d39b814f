//! A recording as it is sent.

use bytes::Bytes;

use crate::audio::Utterance;

/// What is sent of an utterance.
pub(crate) struct Upload {
    pub(crate) bytes: Bytes,
    /// The extension that a file of this kind has.
    #[cfg_attr(not(feature = "openai"), allow(dead_code))]
    pub(crate) extension: &'static str,
    pub(crate) media_type: &'static str,
}

impl Upload {
    /// The recording as it came, when its container is one of `accepted` (file extensions) and it is the smaller upload; otherwise
    /// 16 kHz mono WAV.
    pub(crate) fn of(audio: &Utterance, accepted: &[&str]) -> Self {
        const WAV_HEADER: usize = 44;
        if let Some((bytes, media_type)) = &audio.original
            && let Some((extension, media_type)) = container(media_type)
            && accepted.contains(&extension)
            // A server's decoder may be stricter than ours, so what ours had to work around is not passed on; nor are
            // the rarer codecs inside WAV.
            && audio.info.warnings.is_empty()
            && (extension != "wav" || audio.info.codec == "pcm_s16le")
            && bytes.len() <= WAV_HEADER + audio.samples.len() * 2
        {
            return Self { bytes: bytes.clone(), extension, media_type };
        }
        Self { bytes: audio.to_wav(), extension: "wav", media_type: "audio/wav" }
    }
}

/// The file extension and plain media type that servers know a container by.
fn container(media_type: &str) -> Option<(&'static str, &'static str)> {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    Some(match essence {
        "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => ("wav", "audio/wav"),
        "audio/mpeg" | "audio/mp3" => ("mp3", "audio/mpeg"),
        "audio/flac" | "audio/x-flac" => ("flac", "audio/flac"),
        "audio/ogg" | "application/ogg" | "audio/opus" => ("ogg", "audio/ogg"),
        "audio/webm" | "video/webm" => ("webm", "audio/webm"),
        "audio/mp4" | "audio/m4a" | "audio/x-m4a" | "video/mp4" => ("m4a", "audio/mp4"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(media_type: &'static str, bytes: usize, change: impl FnOnce(&mut Utterance)) -> &'static str {
        let mut audio = Utterance::from_samples(vec![0i16; 1000]);
        audio.original = Some((vec![0u8; bytes].into(), media_type));
        change(&mut audio);
        Upload::of(&audio, &["wav", "mp3", "ogg"]).extension
    }

    #[test]
    fn the_recording_goes_out_as_it_came_when_that_is_accepted_and_smaller() {
        assert_eq!(upload("audio/mpeg", 500, |_| ()), "mp3");
        assert_eq!(upload("audio/ogg; codecs=opus", 500, |_| ()), "ogg");
        assert_eq!(upload("audio/mpeg", 5000, |_| ()), "wav");
        assert_eq!(upload("audio/webm", 500, |_| ()), "wav");
        assert_eq!(upload("audio/aiff", 500, |_| ()), "wav");
    }

    #[test]
    fn a_damaged_recording_goes_out_decoded() {
        let damage = |audio: &mut Utterance| {
            let mut info = (*audio.info).clone();
            info.warnings.push("skipped a packet".into());
            audio.info = info.into();
        };
        assert_eq!(upload("audio/mpeg", 500, damage), "wav");
    }
}
