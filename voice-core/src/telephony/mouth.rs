//! What the agent says, as a carrier wants to play it: pieces of the right size, and marks that tell how far they were played.

use std::{collections::VecDeque, time::Duration};

use super::{
    codec::{ByteOrder, floats, samples},
    message::PhoneCall,
    speaker::Speaker,
};
use crate::{audio::LiveResampler, live::wire::Frame};

/// How much sound there is between two marks.
const MARKED: Duration = Duration::from_millis(100);
/// How long a mark may be overdue before its sound counts as played: carriers lose some.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many marks may be waited for: with a carrier that neither sends any back nor lets the caller be heard.
const MOST_WAITING: usize = 600;
/// What pushes the rest out of a resampler.
const TAIL: Duration = Duration::from_millis(5);

/// Cuts a session's sound into a carrier's pieces, and keeps the book of marks.
pub(super) struct Mouth {
    speaker: Speaker,
    /// The rates of the session's sound and of the carrier's.
    from: u32,
    to: u32,
    resampler: Option<LiveResampler>,
    piece: usize,
    fills: bool,
    /// What is too short for a piece yet.
    rest: Vec<i16>,
    /// Samples that were sent since the last mark.
    unmarked: usize,
    /// Where in the session's sound what comes next begins, and where the last mark stands, in samples.
    position: u64,
    marked: u64,
    /// How often sound was thrown away: marks from before that tell nothing, for carriers send those of what they threw away, too.
    generation: u32,
    /// Marks that did not come back, and when they should have: as long as the caller was heard until then.
    waiting: VecDeque<(u64, Duration)>,
    /// When what was sent will have been played.
    plays_until: Duration,
    /// Whether any mark ever came back.
    is_told: bool,
}

impl Mouth {
    /// For sound at `rate`; `position` is where in the session's sound it begins.
    pub(super) fn new(call: &PhoneCall, rate: u32, position: u64) -> Self {
        Self {
            speaker: Speaker::new(call),
            from: rate,
            to: call.sample_rate,
            resampler: None,
            piece: call.protocol.piece(call.encoding, call.sample_rate),
            fills: call.protocol.fills_pieces(),
            rest: Vec::new(),
            unmarked: 0,
            position,
            marked: position,
            generation: 0,
            waiting: VecDeque::new(),
            plays_until: Duration::ZERO,
            is_told: false,
        }
    }

    pub(super) fn speaker(&self) -> &Speaker {
        &self.speaker
    }

    /// Says more. `heard` is how long the caller was heard so far: the clock of the call.
    pub(super) fn say(&mut self, sound: &[i16], order: ByteOrder, heard: Duration, out: &mut Vec<Frame>) {
        self.position += sound.len() as u64;
        self.convert(sound);
        self.cut(order, heard, out);
    }

    fn convert(&mut self, sound: &[i16]) {
        if self.from == self.to {
            self.rest.extend_from_slice(sound);
            return;
        }
        let (from, to) = (self.from, self.to);
        let resampler = self.resampler.get_or_insert_with(|| LiveResampler::new(from, to));
        let mut converted = Vec::new();
        resampler.push(floats(sound), &mut converted);
        self.rest.extend(samples(&converted));
    }

    fn cut(&mut self, order: ByteOrder, heard: Duration, out: &mut Vec<Frame>) {
        while self.rest.len() >= self.piece {
            let rest = self.rest.split_off(self.piece);
            let piece = std::mem::replace(&mut self.rest, rest);
            self.send(&piece, order, heard, out);
            if Duration::from_secs_f64(self.unmarked as f64 / f64::from(self.to)) >= MARKED {
                let unsent = self.rest.len() as u64 * u64::from(self.from) / u64::from(self.to);
                self.mark(self.position.saturating_sub(unsent), out);
            }
        }
    }

    fn send(&mut self, piece: &[i16], order: ByteOrder, heard: Duration, out: &mut Vec<Frame>) {
        out.push(self.speaker.sound(piece, order));
        self.unmarked += piece.len();
        let lasts = Duration::from_secs_f64(piece.len() as f64 / f64::from(self.to));
        self.plays_until = self.plays_until.max(heard) + lasts;
    }

    fn mark(&mut self, position: u64, out: &mut Vec<Frame>) {
        if position <= self.marked {
            return;
        }
        (self.marked, self.unmarked) = (position, 0);
        if self.waiting.len() == MOST_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back((position, self.plays_until + PATIENCE));
        out.push(self.speaker.mark(&format!("{}-{position}", self.generation)));
    }

    /// Sends what is left: nothing comes after it for a while.
    pub(super) fn finish(&mut self, order: ByteOrder, heard: Duration, out: &mut Vec<Frame>) {
        if self.resampler.is_some() {
            let tail = (TAIL.as_secs_f64() * f64::from(self.from)) as usize;
            self.convert(&vec![0; tail]);
            self.resampler = None;
            self.cut(order, heard, out);
        }
        let mut rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            if self.fills {
                rest.resize(self.piece, 0);
            }
            self.send(&rest, order, heard, out);
        }
        self.mark(self.position, out);
    }

    /// Throws away what is not played; what comes next begins at `position` in the session's sound.
    pub(super) fn clear(&mut self, position: u64, heard: Duration, out: &mut Vec<Frame>) {
        self.rest.clear();
        self.resampler = None;
        self.waiting.clear();
        (self.position, self.marked, self.unmarked) = (position, position, 0);
        self.plays_until = heard;
        self.generation = self.generation.wrapping_add(1);
        out.push(self.speaker.clear());
    }

    /// A mark came back: where in the session's sound it stands, if it tells how much was played.
    pub(super) fn played(&mut self, mark: &str) -> Option<u64> {
        let (generation, position) = mark.split_once('-')?;
        let position: u64 = position.parse().ok()?;
        if generation.parse() != Ok(self.generation) || position > self.marked {
            return None;
        }
        self.is_told = true;
        self.waiting.retain(|(waits, _)| *waits > position);
        Some(position)
    }

    /// The mark that is given up, with those before it: it should have come back long ago.
    pub(super) fn overdue(&mut self, heard: Duration) -> Option<u64> {
        let mut latest = None;
        while let Some((position, _)) = self.waiting.front().filter(|(_, due)| *due <= heard) {
            latest = Some(*position);
            self.waiting.pop_front();
        }
        // A carrier that sends none back at all is left to the session's own clock.
        latest.filter(|_| self.is_told)
    }
}
