//! Sound that comes with the times of its letters, as words.

use std::time::Duration;

use serde_json::Value;

use crate::{
    audio::SpokenWord,
    providers::http::{Pieces, Said},
};

/// How far the times of a piece may lie before the end of the one before it, if they count from the beginning of the whole sound.
const OVERLAP: Duration = Duration::from_millis(50);

/// What was read so far.
#[derive(Default)]
pub(super) struct Aligned {
    /// The word whose letters are still coming.
    word: Option<SpokenWord>,
    /// When the last letter was over.
    until: Duration,
}

impl Pieces for Aligned {
    fn read(&mut self, piece: &Value, _: &str, spoken: Duration) -> Said {
        if ["detail", "error"].iter().any(|field| piece.get(field).is_some_and(|fault| !fault.is_null())) {
            return Said::Failed;
        }
        let sound = piece["audio_base64"].as_str().filter(|sound| !sound.is_empty());
        Said::Part(sound.map(str::to_owned), self.words(&piece["alignment"], spoken))
    }

    fn rest(&mut self) -> Vec<SpokenWord> {
        self.word.take().into_iter().collect()
    }
}

impl Aligned {
    /// The words that are whole with the letters of a piece. Their times count from the beginning of all sound; where those of a piece
    /// begin anew they count from its own, `spoken` after that.
    fn words(&mut self, alignment: &Value, spoken: Duration) -> Vec<SpokenWord> {
        let list = |field: &str| alignment[field].as_array().map(Vec::as_slice).unwrap_or_default();
        let seconds = |value: &Value| Duration::try_from_secs_f64(value.as_f64()?).ok();
        let times = list("character_start_times_seconds").iter().zip(list("character_end_times_seconds"));
        let letters = list("characters").iter().zip(times);
        let letters: Vec<(&str, Duration, Duration)> = letters
            .filter_map(|(letter, (start, end))| Some((letter.as_str()?, seconds(start)?, seconds(end)?)))
            .collect();
        let begins_anew = letters.first().is_some_and(|(_, start, _)| *start + OVERLAP < self.until);
        let offset = if begins_anew { spoken } else { Duration::ZERO };
        let mut words = Vec::new();
        for (letter, start, end) in letters {
            let (start, end) = (start + offset, end + offset);
            self.until = self.until.max(end);
            if letter.trim().is_empty() {
                words.extend(self.word.take());
                continue;
            }
            let word = self.word.get_or_insert_with(|| SpokenWord::new("", start, end));
            word.text.push_str(letter);
            word.end = end;
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn alignment(text: &str, start: f64) -> Value {
        let letters: Vec<String> = text.chars().map(String::from).collect();
        let at = |n: usize| start + n as f64 / 10.0;
        let starts: Vec<f64> = (0..letters.len()).map(at).collect();
        let ends: Vec<f64> = (1..=letters.len()).map(at).collect();
        json!({"characters": letters, "character_start_times_seconds": starts, "character_end_times_seconds": ends})
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn letters_become_words_also_across_pieces_whose_times_go_on_or_begin_anew() {
        for second in [0.5, 0.0] {
            let mut aligned = Aligned::default();
            let mut words = aligned.words(&alignment("I see", 0.0), ms(0));
            words.extend(aligned.words(&alignment("n it", second), ms(500)));
            words.extend(aligned.rest());
            let expected = [("I", 0, 100), ("seen", 200, 600), ("it", 700, 900)];
            assert_eq!(words, expected.map(|(text, start, end)| SpokenWord::new(text, ms(start), ms(end))), "{second}");
        }
    }

    #[test]
    fn what_is_missing_or_makes_no_sense_tells_no_words() {
        for alignment in [Value::Null, json!({"characters": ["a"]}), json!({"characters": 3}), {
            json!({"characters": ["a"], "character_start_times_seconds": [-1], "character_end_times_seconds": [1e300]})
        }] {
            let mut aligned = Aligned::default();
            assert_eq!((aligned.words(&alignment, ms(0)), aligned.rest()), (vec![], vec![]));
        }
    }
}
