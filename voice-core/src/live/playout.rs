//! What has been given out, what of it was heard, and which words that was. Knows no clock: times are handed in.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use crate::audio::{Pcm, SpokenWord};

/// Sound that is waiting to be given out, and the book of what was.
pub(crate) struct Playout {
    rate: u32,
    queue: VecDeque<Pcm>,
    /// Samples of the first in the queue that were given out already.
    taken: usize,
    queued: usize,
    pieces: Vec<Piece>,
    /// How many of the pieces were announced.
    announced: usize,
    /// No more sound will come.
    complete: bool,
    /// It was told that all of it was given out.
    told_done: bool,
    /// Samples given out.
    given: u64,
    /// When the sound that was given out will have been heard, if it is played without a break.
    plays_until: Duration,
    /// What the host said was played, if it says so at all.
    acknowledged: Option<u64>,
    /// While paused: how much had been given out before what was not heard was taken back.
    paused: Option<u64>,
}

/// Words and the samples that speak them.
struct Piece {
    words: String,
    /// Its words come as its sound does: some were, and more may be, to come.
    grew: bool,
    grows: bool,
    /// How many bytes of the words were announced.
    told: usize,
    /// They fill time and are no part of the answer.
    filler: bool,
    start: u64,
    samples: u64,
    /// Where words end whose times the voice has told: how many samples after `start`, and how many letters of the piece
    /// are spoken then. In order.
    timed: Vec<(u64, usize)>,
}

impl Piece {
    /// The words of which so many letters are spoken: whole ones. What is written without spaces counts letter by letter.
    fn first_letters(&self, count: usize) -> &str {
        let is_spaced = self.words.trim().contains(char::is_whitespace);
        let (mut left, mut end) = (count, 0);
        for (at, letter) in self.words.char_indices() {
            if letter.is_whitespace() {
                end = at;
            } else if letter.is_alphanumeric() {
                if left == 0 {
                    return &self.words[..if is_spaced { end } else { at }];
                }
                left -= 1;
            }
        }
        &self.words
    }
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).count()
}

/// Where sentences end, as far as they have come: behind the mark and the space after it.
fn sentence_ends(words: &str) -> impl Iterator<Item = usize> {
    let next = words.chars().skip(1).chain([' ']);
    let ends = words.char_indices().zip(next).filter(|((at, mark), next)| {
        let dense = matches!(mark, '。' | '！' | '？');
        let ends = matches!(mark, '.' | '!' | '?' | '।' | '؟') && next.is_whitespace();
        dense || (ends && at + mark.len_utf8() < words.len())
    });
    ends.map(|((at, mark), _)| at + mark.len_utf8()).collect::<Vec<_>>().into_iter()
}

/// How many characters a second are spoken, where nothing better is known.
const CHARACTERS_A_SECOND: f64 = 15.0;

impl Playout {
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            rate,
            queue: VecDeque::new(),
            taken: 0,
            queued: 0,
            pieces: Vec::new(),
            announced: 0,
            complete: false,
            told_done: false,
            given: 0,
            plays_until: Duration::ZERO,
            acknowledged: None,
            paused: None,
        }
    }

    fn samples(&self, time: Duration) -> u64 {
        // Rounded: a time that was made of samples gives the same samples back.
        (time.as_secs_f64() * f64::from(self.rate)).round() as u64
    }

    fn time(&self, samples: u64) -> Duration {
        Duration::from_secs_f64(samples as f64 / f64::from(self.rate))
    }

    /// The sound that comes next speaks these words.
    pub(crate) fn begin_piece(&mut self, words: Arc<str>) {
        self.begin(words, false);
    }

    /// The sound that comes next speaks these words, which never count among those that were heard.
    pub(crate) fn begin_filler(&mut self, words: Arc<str>) {
        self.begin(words, true);
    }

    /// The sound that comes next speaks words that come with it. Gives where it begins.
    pub(crate) fn begin_growing(&mut self) -> u64 {
        self.begin("".into(), false);
        if let Some(piece) = self.pieces.last_mut() {
            (piece.grew, piece.grows) = (true, true);
        }
        self.given + self.queued as u64
    }

    /// More of the words that the sound of now speaks.
    pub(crate) fn add_words(&mut self, words: &str) {
        if let Some(piece) = self.pieces.last_mut().filter(|piece| piece.grows) {
            piece.words.push_str(words);
        }
    }

    /// When words of the piece that comes now are spoken, as its voice says, counted from its beginning.
    pub(crate) fn time_words(&mut self, words: &[SpokenWord]) {
        let ends: Vec<_> = words.iter().map(|word| (self.samples(word.end), letters(&word.text))).collect();
        if let Some(piece) = self.pieces.last_mut() {
            for (end, count) in ends {
                let (before, spoken) = piece.timed.last().copied().unwrap_or_default();
                piece.timed.push((end.max(before), spoken + count));
            }
        }
    }

    fn begin(&mut self, words: Arc<str>, filler: bool) {
        self.stop_growing();
        let start = self.given + self.queued as u64;
        self.pieces.push(Piece {
            words: words.as_ref().into(),
            grew: false,
            grows: false,
            told: 0,
            filler,
            start,
            samples: 0,
            timed: Vec::new(),
        });
        self.complete = false;
    }

    fn stop_growing(&mut self) {
        if let Some(piece) = self.pieces.last_mut() {
            piece.grows = false;
        }
    }

    /// No more sound will come for these words.
    pub(crate) fn complete(&mut self) {
        self.stop_growing();
        self.complete = true;
    }

    /// Whether all sound of these words was given out, and this was not told yet. `is_made`: no more will come, though it may have
    /// broken off in the middle of a piece.
    pub(crate) fn is_newly_done(&mut self, is_made: bool) -> bool {
        let is_all = (self.complete || is_made) && self.queued == 0;
        let done = is_all && self.pieces.iter().any(|piece| piece.samples > 0);
        !std::mem::replace(&mut self.told_done, done) && done
    }

    /// The words whose sound has begun to be given out since this was last asked, and whether they only fill time. Of words that
    /// come with their sound, one sentence after the other.
    pub(crate) fn announce(&mut self) -> Option<(String, bool)> {
        while let Some(piece) = self.pieces.get(self.announced).filter(|piece| piece.start < self.given) {
            let end = self.sentence_of_now(piece);
            let (words, filler) = (piece.words[piece.told..end].trim().to_owned(), piece.filler);
            let piece = &mut self.pieces[self.announced];
            piece.told = end;
            let is_whole = !piece.grows && end == piece.words.len();
            self.announced += usize::from(is_whole);
            if !words.is_empty() {
                return Some((words, filler));
            }
            if !is_whole {
                return None;
            }
        }
        None
    }

    /// The end of the sentence of a piece whose sound is being given out, as far as that is known.
    fn sentence_of_now(&self, piece: &Piece) -> usize {
        let (all, count) = (piece.words.len(), piece.words.chars().count());
        if !piece.grew {
            return all;
        }
        let given = (self.given - piece.start) as f64;
        let spoken = (given / self.whole(piece).max(1.0) * count as f64) as usize;
        let at = piece.words.char_indices().nth(spoken).map_or(all, |(at, _)| at);
        let last = (!piece.grows).then_some(all);
        let ends: Vec<usize> = sentence_ends(&piece.words).chain(last).collect();
        let of_now = ends.iter().copied().find(|end| *end > at).or(ends.last().copied());
        of_now.unwrap_or_default().max(piece.told)
    }

    /// How many samples a piece has in the end. One that is still coming is at least as long as its words take.
    fn whole(&self, piece: &Piece) -> f64 {
        let come = piece.samples as f64;
        if self.is_whole(piece) { come } else { self.likely_samples(piece).max(come) }
    }

    /// Takes sound of the right rate.
    pub(crate) fn push(&mut self, pcm: Pcm) {
        let count = pcm.samples().len();
        if count == 0 {
            return;
        }
        if let Some(piece) = self.pieces.last_mut() {
            piece.samples += count as u64;
        }
        self.queued += count;
        self.queue.push_back(pcm);
    }

    /// How much is waiting.
    pub(crate) fn waiting(&self) -> Duration {
        self.time(self.queued as u64)
    }

    /// When the next sound is due, given that it may be `lead` ahead of its time.
    pub(crate) fn due(&self, lead: Option<Duration>) -> Option<Duration> {
        (self.queued > 0 && self.paused.is_none())
            .then(|| lead.map_or(Duration::ZERO, |lead| self.plays_until.saturating_sub(lead)))
    }

    /// The next sound, at most `frame` long; `None` of a frame: as it came.
    pub(crate) fn take(&mut self, frame: Option<Duration>, now: Duration) -> Option<Pcm> {
        let longest = frame.map_or(usize::MAX, |frame| self.samples(frame).max(1) as usize);
        let first = self.queue.front()?;
        let pcm = if self.taken == 0 && first.samples().len() <= longest && frame.is_none() {
            self.queue.pop_front()?
        } else {
            let mut samples = Vec::with_capacity(longest.min(self.queued));
            while samples.len() < longest
                && let Some(first) = self.queue.front()
            {
                let rest = &first.samples()[self.taken..];
                let part = &rest[..rest.len().min(longest - samples.len())];
                samples.extend_from_slice(part);
                self.taken += part.len();
                if self.taken == first.samples().len() {
                    self.queue.pop_front();
                    self.taken = 0;
                }
            }
            Pcm::new(samples, self.rate)
        };
        let count = pcm.samples().len();
        self.queued -= count;
        self.given += count as u64;
        self.plays_until = self.plays_until.max(now) + self.time(count as u64);
        Some(pcm)
    }

    /// Where in the session's sound the next sound begins.
    pub(crate) fn position(&self) -> Duration {
        self.time(self.given)
    }

    /// When the sound that was given out will have been heard, if it is played without a break.
    pub(crate) fn plays_until(&self) -> Duration {
        self.plays_until
    }

    /// How many samples were heard by now.
    fn heard_samples(&self, now: Duration) -> u64 {
        match self.acknowledged {
            Some(position) => position.min(self.given),
            None => self.given - self.samples(self.plays_until.saturating_sub(now)).min(self.given),
        }
    }

    /// The host has played this much since the session began. Returns whether that is more than was thought when the sound was
    /// paused: what it played until it heard of the pause is not given out again, and the next sound begins later.
    pub(crate) fn acknowledge(&mut self, position: Duration) -> bool {
        let position = self.samples(position);
        let played_on = self.paused.map_or(0, |until| position.min(until).saturating_sub(self.given));
        self.skip(played_on);
        self.acknowledged = Some(self.acknowledged.unwrap_or_default().max(position.min(self.given)));
        played_on > 0
    }

    /// Counts waiting sound as given out.
    fn skip(&mut self, samples: u64) {
        let mut missing = samples.min(self.queued as u64) as usize;
        self.given += missing as u64;
        self.queued -= missing;
        while missing > 0
            && let Some(first) = self.queue.front()
        {
            let count = (first.samples().len() - self.taken).min(missing);
            missing -= count;
            self.taken += count;
            if self.taken == first.samples().len() {
                self.queue.pop_front();
                self.taken = 0;
            }
        }
    }

    /// Whether all that was taken in was heard; `None`: when it will have been.
    pub(crate) fn heard_all_at(&self) -> Option<Duration> {
        if self.queued > 0 {
            return None;
        }
        match self.acknowledged {
            Some(position) if position < self.given => None,
            Some(_) => Some(Duration::ZERO),
            None => Some(self.plays_until),
        }
    }

    /// Falls silent. What was given out and not heard yet is taken back: the host throws it away, and it is given out again.
    pub(crate) fn pause(&mut self, now: Duration, kept: &VecDeque<Pcm>) {
        self.paused.get_or_insert(self.given);
        let unheard = self.given - self.heard_samples(now);
        let mut missing = unheard as usize;
        // `kept` holds the latest sound that was given out, in order.
        for pcm in kept.iter().rev() {
            if missing == 0 {
                break;
            }
            let count = pcm.samples().len().min(missing);
            let part = &pcm.samples()[pcm.samples().len() - count..];
            self.give_back(Pcm::new(part, self.rate));
            missing -= count;
        }
        self.plays_until = now;
    }

    fn give_back(&mut self, pcm: Pcm) {
        if self.taken > 0
            && let Some(first) = self.queue.pop_front()
        {
            self.queue.push_front(Pcm::new(&first.samples()[self.taken..], self.rate));
            self.taken = 0;
        }
        let count = pcm.samples().len();
        self.queued += count;
        self.given -= count as u64;
        self.queue.push_front(pcm);
    }

    pub(crate) fn resume(&mut self) {
        self.paused = None;
    }

    /// The words that were heard by now. A piece that was heard in part counts word by word.
    pub(crate) fn heard_words(&self, now: Duration) -> String {
        let heard = self.heard_samples(now);
        let mut words = String::new();
        for piece in self.pieces.iter().filter(|piece| !piece.filler) {
            let text = if heard >= piece.start + piece.samples && self.is_whole(piece) {
                &piece.words
            } else {
                self.part_of(piece, heard.saturating_sub(piece.start).min(piece.samples))
            };
            let text = text.trim();
            if !text.is_empty() {
                if !words.is_empty() {
                    words.push(' ');
                }
                words.push_str(text);
            }
        }
        words
    }

    /// Whether all of a piece's sound has come: the next one began, or nothing more will come.
    fn is_whole(&self, piece: &Piece) -> bool {
        self.complete || self.pieces.last().is_some_and(|last| !std::ptr::eq(last, piece))
    }

    fn likely_samples(&self, piece: &Piece) -> f64 {
        piece.words.chars().count() as f64 / CHARACTERS_A_SECOND * f64::from(self.rate)
    }

    fn part_of<'a>(&self, piece: &'a Piece, heard: u64) -> &'a str {
        if heard == 0 {
            return "";
        }
        let whole = self.whole(piece);
        if !piece.timed.is_empty() {
            return piece.first_letters(Self::timed_letters(piece, heard, whole));
        }
        // A word counts once it and the space after it were heard; a piece ends with a pause as long as a space.
        let count = piece.words.chars().count() + 1;
        let spoken = (heard as f64 / whole.max(1.0) * count as f64) as usize;
        if spoken >= count {
            return &piece.words;
        }
        let before = piece.words.char_indices().take(spoken);
        let end = before.filter(|(_, c)| c.is_whitespace()).last().map_or(0, |(at, _)| at);
        &piece.words[..end]
    }

    /// How many letters of a piece were spoken when so many of its samples were heard. Between the last word whose time is known
    /// and the end of the sound, in proportion.
    fn timed_letters(piece: &Piece, heard: u64, whole: f64) -> usize {
        let known = piece.timed.iter().rfind(|(end, _)| *end <= heard).copied().unwrap_or_default();
        let all = letters(&piece.words);
        let (end, spoken) = known;
        if piece.timed.last() != Some(&known) || spoken >= all {
            return spoken;
        }
        let part = (heard - end) as f64 / (whole - end as f64).max(1.0);
        spoken + (part.min(1.0) * (all - spoken) as f64) as usize
    }

    /// Forgets all that is waiting and every word; returns whether something was given out that may not be heard yet.
    pub(crate) fn clear(&mut self, now: Duration) -> bool {
        let unheard = self.queued > 0 || self.given > self.heard_samples(now);
        self.queue.clear();
        self.taken = 0;
        self.queued = 0;
        self.paused = None;
        self.plays_until = now;
        if let Some(position) = &mut self.acknowledged {
            // What was thrown away will never be acknowledged.
            *position = self.given;
        }
        self.finish();
        unheard
    }

    /// How much was heard by now of the sound from `start` to `end`, and whether that is all of it.
    pub(crate) fn heard_between(&self, start: u64, end: u64, now: Duration) -> (Duration, bool) {
        let heard = self.heard_samples(now);
        (self.time(heard.min(end).saturating_sub(start)), heard >= end)
    }

    /// Where the sound that is waiting ends.
    pub(crate) fn end(&self) -> u64 {
        self.given + self.queued as u64
    }

    /// The samples that were given out and not heard by now.
    pub(crate) fn unheard(&self, now: Duration) -> usize {
        (self.given - self.heard_samples(now)) as usize
    }

    /// The words were heard to their end: forgets them.
    pub(crate) fn finish(&mut self) {
        self.pieces.clear();
        self.announced = 0;
        self.complete = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn sound(ms: usize) -> Pcm {
        Pcm::new(vec![1; ms * 16], 16_000)
    }

    fn speaking(words: &str, length: usize) -> Playout {
        let mut playout = Playout::new(16_000);
        playout.begin_piece(words.into());
        playout.push(sound(length));
        playout
    }

    #[test]
    fn sound_is_given_out_a_little_ahead_of_its_time() {
        let mut playout = speaking("one two", 1_000);
        let lead = Some(ms(200));
        let mut now = ms(5_000);
        let mut given = 0;
        while let Some(due) = playout.due(lead) {
            now = now.max(due);
            given += playout.take(Some(ms(20)), now).map_or(0, |pcm| pcm.samples().len());
        }
        assert_eq!(given, 16_000);
        assert_eq!(now, ms(5_780), "the last frame is due 200 ms before 980 ms have been heard");
        assert_eq!(playout.heard_all_at(), Some(ms(6_000)));
    }

    #[test]
    fn what_was_played_before_the_pause_was_heard_of_is_heard_and_not_given_out_again() {
        let mut playout = speaking("one two", 1_000);
        let kept = VecDeque::from([playout.take(None, ms(0)).unwrap()]);
        assert!(!playout.acknowledge(ms(400)));
        playout.pause(ms(450), &kept);
        assert_eq!((playout.position(), playout.waiting()), (ms(400), ms(600)));
        assert!(playout.acknowledge(ms(460)), "it played on for 60 ms");
        assert_eq!((playout.position(), playout.waiting()), (ms(460), ms(540)));
        assert!(!playout.acknowledge(ms(460)));
        assert!(playout.acknowledge(ms(5_000)), "and no more than there was");
        assert_eq!((playout.position(), playout.waiting()), (ms(1_000), ms(0)));
    }

    #[test]
    fn words_count_as_heard_when_their_sound_was() {
        let mut playout = speaking("one two three four", 2_000);
        playout.begin_piece("five".into());
        playout.push(sound(500));
        while playout.take(None, ms(0)).is_some() {}
        assert_eq!(playout.heard_words(ms(0)), "");
        assert_eq!(playout.heard_words(ms(1_000)), "one two");
        assert_eq!(playout.heard_words(ms(2_000)), "one two three four");
        assert_eq!(playout.heard_words(ms(2_500)), "one two three four five");
    }

    #[test]
    fn words_without_sound_are_not_heard_before_their_turn() {
        let mut playout = speaking("one", 500);
        playout.begin_piece("(two)".into());
        playout.push(sound(0));
        playout.begin_piece("three".into());
        playout.push(sound(500));
        playout.begin_piece("four".into());
        while playout.take(None, ms(0)).is_some() {}
        assert_eq!(playout.heard_words(ms(100)), "");
        assert_eq!(playout.heard_words(ms(500)), "one (two)");
    }

    fn word(text: &str, end: u64) -> SpokenWord {
        SpokenWord::new(text, ms(0), ms(end))
    }

    #[test]
    fn words_whose_times_the_voice_tells_count_when_they_are_over() {
        let mut playout = Playout::new(16_000);
        playout.begin_piece("One, two – three four.".into());
        playout.time_words(&[word("One,", 900)]);
        playout.push(sound(1_000));
        playout.time_words(&[word("two", 1_500), word("three", 1_600)]);
        playout.push(sound(1_000));
        while playout.take(None, ms(0)).is_some() {}
        for (at, words) in [
            (890, ""),
            (900, "One,"),
            (1_490, "One,"),
            (1_500, "One, two –"),
            (1_600, "One, two – three"),
            (1_900, "One, two – three"),
        ] {
            assert_eq!(playout.heard_words(ms(at)), words, "after {at} ms");
        }
        playout.complete();
        assert_eq!(playout.heard_words(ms(2_000)), "One, two – three four.");
    }

    #[test]
    fn what_is_written_without_spaces_is_heard_letter_by_letter() {
        let mut playout = Playout::new(16_000);
        playout.begin_piece("今天下雨。".into());
        playout.push(sound(1_000));
        playout.time_words(&[word("今天", 400), word("下雨", 1_000)]);
        while playout.take(None, ms(0)).is_some() {}
        assert_eq!(playout.heard_words(ms(500)), "今天");
    }

    #[test]
    fn words_that_fill_time_are_never_heard() {
        let mut playout = speaking("one", 500);
        playout.begin_filler("a moment".into());
        playout.push(sound(500));
        playout.begin_piece("two".into());
        playout.push(sound(500));
        while playout.take(None, ms(0)).is_some() {}
        assert_eq!(playout.heard_words(ms(1_000)), "one");
        assert_eq!(playout.heard_words(ms(1_500)), "one two");
    }

    #[test]
    fn what_the_host_says_it_played_stands_above_the_clock() {
        let mut playout = speaking("one two three four", 2_000);
        while playout.take(None, ms(0)).is_some() {}
        playout.acknowledge(ms(1_000));
        assert_eq!(playout.heard_words(ms(60_000)), "one two");
        assert_eq!(playout.heard_all_at(), None);
        playout.acknowledge(ms(2_000));
        assert_eq!(playout.heard_all_at(), Some(ms(0)));
    }

    #[test]
    fn a_pause_takes_back_what_was_not_heard_and_resuming_gives_it_out_again() {
        let mut playout = speaking("one two three four", 1_000);
        let kept: VecDeque<Pcm> = std::iter::from_fn(|| playout.take(Some(ms(100)), ms(0))).collect();
        playout.pause(ms(350), &kept);
        assert_eq!(playout.due(None), None);
        assert_eq!(playout.waiting(), ms(650));
        playout.resume();
        let again: usize = std::iter::from_fn(|| playout.take(None, ms(900))).map(|pcm| pcm.samples().len()).sum();
        assert_eq!(again, 650 * 16);
        assert_eq!(playout.heard_all_at(), Some(ms(1_550)));
    }

    #[test]
    fn after_clearing_nothing_is_left() {
        let mut playout = speaking("one", 1_000);
        let _given = playout.take(Some(ms(100)), ms(0));
        assert!(playout.clear(ms(10)));
        assert_eq!((playout.take(None, ms(10)), playout.heard_words(ms(10)).as_str()), (None, ""));
    }
}
