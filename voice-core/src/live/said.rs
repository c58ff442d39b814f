//! What the user said that is not answered yet: utterance by utterance, as far as it is recognised.

use std::time::Duration;

use super::words;

/// One utterance that is over.
struct Segment {
    id: u64,
    /// Unknown until it is recognised.
    text: Option<String>,
    /// What it seems to say until then.
    interim: Option<Interim>,
}

/// Words that may still change.
struct Interim {
    text: String,
    /// Since when they have not.
    since: Duration,
}

/// What was said, in the order in which it was said.
#[derive(Default)]
pub(super) struct Said {
    segments: Vec<Segment>,
    /// What the utterance that is being spoken says so far.
    being_said: Option<(u64, Interim)>,
}

impl Said {
    /// Somebody begins to speak.
    pub(super) fn begin(&mut self) {
        self.being_said = None;
    }

    /// An utterance is over, or cut off.
    pub(super) fn end(&mut self, segment: u64) {
        let interim = self.take_interim(segment);
        self.segments.push(Segment { id: segment, text: None, interim });
    }

    /// What an utterance says so far: one that is over, or the one that is being spoken.
    pub(super) fn note(&mut self, segment: u64, text: String, now: Duration) {
        let noted = |before: Option<Interim>| {
            let since = before.filter(|before| words::same(&before.text, &text)).map_or(now, |before| before.since);
            Interim { text, since }
        };
        match self.segments.iter_mut().find(|s| s.id == segment) {
            Some(over) => over.interim = Some(noted(over.interim.take())),
            None => {
                let before = self.take_interim(segment);
                self.being_said = Some((segment, noted(before)));
            }
        }
    }

    fn take_interim(&mut self, segment: u64) -> Option<Interim> {
        self.being_said.take().filter(|(id, _)| *id == segment).map(|(_, interim)| interim)
    }

    /// What an utterance says in the end.
    pub(super) fn recognised(&mut self, segment: u64, text: String) {
        if let Some(found) = self.segments.iter_mut().find(|s| s.id == segment) {
            found.text = Some(text);
        }
    }

    /// Something typed.
    pub(super) fn typed(&mut self, segment: u64, text: String) {
        self.segments.push(Segment { id: segment, text: Some(text), interim: None });
    }

    /// Whether this is the latest utterance that is over.
    pub(super) fn ends_with(&self, segment: u64) -> bool {
        self.segments.last().is_some_and(|last| last.id == segment)
    }

    /// Whether no utterance is over.
    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Whether some utterance is not recognised yet.
    pub(super) fn is_pending(&self) -> bool {
        self.segments.iter().any(|s| s.text.is_none())
    }

    /// Since when every utterance that is over is recognised or seems to say what it does; `None`: nothing is known of some.
    pub(super) fn stands_since(&self) -> Option<Duration> {
        let pending = self.segments.iter().filter(|s| s.text.is_none());
        pending
            .map(|s| s.interim.as_ref().map(|interim| interim.since))
            .try_fold(Duration::ZERO, |latest, since| Some(latest.max(since?)))
    }

    /// What is recognised.
    pub(super) fn words(&self) -> String {
        joined(self.segments.iter().filter_map(|s| s.text.as_deref()))
    }

    /// The same with what is only likely so far, and what is being said.
    pub(super) fn so_far(&self) -> String {
        let over = self.segments.iter().filter_map(|s| {
            let interim = || s.interim.as_ref().map(|interim| interim.text.as_str());
            s.text.as_deref().or_else(interim)
        });
        joined(over.chain([self.being_said()]))
    }

    /// What the utterance that is being spoken says so far.
    pub(super) fn being_said(&self) -> &str {
        self.being_said.as_ref().map_or("", |(_, interim)| &interim.text)
    }

    /// Forgets what is over.
    pub(super) fn clear(&mut self) {
        self.segments.clear();
    }

    /// Takes what is over away.
    pub(super) fn take(&mut self) -> Self {
        Self { segments: std::mem::take(&mut self.segments), being_said: None }
    }

    /// What was said before comes back.
    pub(super) fn put_before(&mut self, mut earlier: Self) {
        earlier.segments.append(&mut self.segments);
        self.segments = earlier.segments;
    }
}

fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.map(str::trim).filter(|text| words::count(text) > 0).collect::<Vec<_>>().join(" ")
}
