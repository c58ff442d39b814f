//! Who of several voices is the user: the one near the microphone. Voices behind, a crowd or a television, are fainter by as much
//! as they are farther away, and a detector of voice hears them all the same: the user's turn would never end.

use crate::audio::SPEECH_RATE;

/// How fast the measure of loudness follows, as a time constant in seconds. Shorter, and every gap between two syllables of a
/// crowd would be silence, and every one of the user's, too.
const FOLLOWS: f32 = 0.08;
/// How much fainter the user may become in a second without being taken for somebody else, in decibels: people move.
const FADES: f32 = 1.0;
/// The same while others are heard and the user is not.
const FADES_BEHIND_OTHERS: f32 = 0.5;
/// Who begins to speak while others are heard must be louder than who goes on, by so many decibels.
const BEGINS: f32 = 4.0;
/// Faint voice that goes on so long after the user's is others'. People trail off for less.
const BEHIND: usize = SPEECH_RATE as usize * 6 / 10;
/// When others are known to be there, so much of theirs alone is the user's silence: longer than the gaps between words.
const BETWEEN: usize = SPEECH_RATE as usize * 4 / 10;
/// Nobody is behind any more when no voice at all is heard for so long.
const ALONE: usize = SPEECH_RATE as usize;

/// Whose voice a frame has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Nobodys,
    Users,
    /// Fainter than the user by more than the user's own voice varies, and others are known to be there.
    Others,
}

/// Follows how loud the user is and whether others are behind.
pub(crate) struct Talker {
    /// Others are fainter by this many decibels; 0 when everybody is the user.
    below: f32,
    /// The power of the sound, smoothed; of full scale 1.
    power: f32,
    /// How loud the user's loudest syllables were, in decibels, as far as is known.
    level: Option<f32>,
    /// Samples with faint voice since the user's voice was heard.
    faint: usize,
    /// Samples in a row without any voice.
    quiet: usize,
    others: bool,
}

impl Talker {
    pub(crate) fn new(below: f32) -> Self {
        Self { below, power: 0.0, level: None, faint: 0, quiet: 0, others: false }
    }

    /// Hears a frame. While somebody `speaks`, who is loud is the user; before, nobody knows who begins.
    pub(crate) fn hear(&mut self, frame: &[i16], voice: bool, speaks: bool) -> Whose {
        if self.below <= 0.0 {
            return if voice { Whose::Users } else { Whose::Nobodys };
        }
        let seconds = frame.len() as f32 / SPEECH_RATE as f32;
        let energy: f32 = frame.iter().map(|&sample| (f32::from(sample) / 32_768.0).powi(2)).sum();
        self.power += (energy / frame.len().max(1) as f32 - self.power) * (seconds / FOLLOWS).min(1.0);
        let fades = if self.others && !speaks { FADES_BEHIND_OTHERS } else { FADES };
        self.level = self.level.map(|level| level - fades * seconds);
        if !voice {
            self.quiet += frame.len();
            if self.quiet >= ALONE {
                (self.faint, self.others) = (0, false);
            }
            return Whose::Nobodys;
        }
        self.quiet = 0;
        let loud = 10.0 * self.power.max(1e-10).log10();
        let below = if speaks { self.below } else { (self.below - BEGINS).max(1.0) };
        if self.level.is_some_and(|level| loud < level - below) {
            self.faint += frame.len();
            self.others |= speaks && self.faint >= BEHIND;
            return if self.others { Whose::Others } else { Whose::Users };
        }
        self.faint = 0;
        if speaks {
            self.level = Some(self.level.map_or(loud, |level| level.max(loud)));
        }
        Whose::Users
    }

    /// For how long others alone have been heard, when that is long enough for the user to be silent.
    pub(crate) fn others_alone(&self) -> Option<usize> {
        (self.others && self.faint >= BETWEEN).then_some(self.faint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: usize = 256;

    /// Hears a tone of this amplitude with voice for so long; whose voice it is at the end.
    fn heard(talker: &mut Talker, amplitude: i16, ms: usize, voice: bool) -> Whose {
        let frame: Vec<i16> = (0..FRAME).map(|n| if n % 2 == 0 { amplitude } else { -amplitude }).collect();
        let frames = (ms * 16).div_ceil(FRAME);
        (0..frames).map(|_| talker.hear(&frame, voice, true)).last().unwrap()
    }

    #[test]
    fn voice_that_stays_faint_is_others() {
        let mut talker = Talker::new(12.0);
        assert_eq!(heard(&mut talker, 8_000, 1_000, true), Whose::Users);
        assert_eq!(heard(&mut talker, 1_600, 400, true), Whose::Users, "people trail off");
        assert_eq!(heard(&mut talker, 1_600, 700, true), Whose::Others);
        assert_eq!(heard(&mut talker, 8_000, 100, true), Whose::Users);
        assert_eq!(heard(&mut talker, 1_600, 400, true), Whose::Others, "they are known to be there");
    }

    #[test]
    fn when_nobody_is_heard_any_more_nobody_is_behind() {
        let mut talker = Talker::new(12.0);
        heard(&mut talker, 8_000, 1_000, true);
        assert_eq!(heard(&mut talker, 1_600, 1_200, true), Whose::Others);
        assert_eq!(heard(&mut talker, 0, 1_100, false), Whose::Nobodys);
        assert_eq!(heard(&mut talker, 1_600, 300, true), Whose::Users);
    }

    #[test]
    fn who_moves_away_is_the_user_again_before_long() {
        let mut talker = Talker::new(12.0);
        heard(&mut talker, 8_000, 1_000, true);
        assert_eq!(heard(&mut talker, 1_600, 1_000, true), Whose::Others);
        assert_eq!(
            heard(&mut talker, 1_600, 2_000, true),
            Whose::Users,
            "14 dB fainter, and the voice of before fades"
        );
    }

    #[test]
    fn without_a_limit_every_voice_is_the_users() {
        let mut talker = Talker::new(0.0);
        heard(&mut talker, 8_000, 1_000, true);
        assert_eq!(heard(&mut talker, 100, 2_000, true), Whose::Users);
    }
}
