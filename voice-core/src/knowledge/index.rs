//! One document, cut and indexed: which term is in which passage, and how often.

use std::collections::HashMap;

use super::{
    passages::{Passage, passages},
    words::{are_alike, stem, terms},
};
use crate::{
    id::DocumentId,
    store::{DocumentFormat, KnowledgeDocument},
};

/// What a term counts where it stands, in halves of an occurrence: what a passage stands under says what it is about.
const IN_TITLE: u16 = 1;
const IN_TEXT: u16 = 2;
const IN_HEADING: u16 = 3;

/// A document as it is searched. It never changes: a new version has a new index.
pub(crate) struct Index {
    pub(super) document: DocumentId,
    pub(super) title: String,
    text: String,
    headings: Vec<String>,
    passages: Vec<Passage>,
    /// How many terms each passage has, and all of them together.
    lengths: Vec<u32>,
    pub(super) length: u64,
    /// Every term once, in order, one behind the other.
    terms: String,
    /// Where each begins in `terms` and in `places`; the last stands for the end.
    vocabulary: Vec<(u32, u32)>,
    /// Passages, and what a term counts in them.
    places: Vec<(u32, u16)>,
}

impl Index {
    pub(crate) fn new(document: &KnowledgeDocument, text: String) -> Self {
        // HTML is kept as the Markdown that was made of it.
        let format =
            if document.format == DocumentFormat::Text { DocumentFormat::Text } else { DocumentFormat::Markdown };
        let (headings, passages) = passages(&text, format);
        let mut counted: HashMap<String, Vec<(u32, u16)>> = HashMap::new();
        let mut lengths = Vec::with_capacity(passages.len());
        for (n, passage) in (0_u32..).zip(&passages) {
            let mut length = 0;
            let parts = [
                (document.title.as_str(), IN_TITLE),
                (headings[passage.heading].as_str(), IN_HEADING),
                (&text[passage.place.clone()], IN_TEXT),
            ];
            for (part, counts) in parts {
                terms(part, |term| {
                    length += u32::from(counts != IN_TITLE);
                    if !counted.contains_key(term) {
                        counted.insert(term.to_owned(), Vec::new());
                    }
                    let Some(places) = counted.get_mut(term) else { return };
                    match places.last_mut().filter(|(passage, _)| *passage == n) {
                        Some((_, count)) => *count = count.saturating_add(counts),
                        None => places.push((n, counts)),
                    }
                });
            }
            lengths.push(length);
        }
        let mut counted: Vec<(String, Vec<(u32, u16)>)> = counted.into_iter().collect();
        counted.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let (mut all, mut vocabulary, mut places) = (String::new(), Vec::with_capacity(counted.len() + 1), Vec::new());
        for (term, there) in counted {
            vocabulary.push((offset(all.len()), offset(places.len())));
            all.push_str(&term);
            places.extend(there);
        }
        vocabulary.push((offset(all.len()), offset(places.len())));
        Self {
            document: document.id,
            title: document.title.clone(),
            length: lengths.iter().map(|length| u64::from(*length)).sum(),
            text,
            headings,
            passages,
            lengths,
            terms: all,
            vocabulary,
            places,
        }
    }

    /// How many passages it has.
    pub(super) fn len(&self) -> usize {
        self.passages.len()
    }

    /// What stands above a passage, and what it says.
    pub(super) fn passage(&self, n: usize) -> (&str, &str) {
        let passage = &self.passages[n];
        (&self.headings[passage.heading], &self.text[passage.place.clone()])
    }

    /// How many terms a passage has.
    pub(super) fn length_of(&self, n: usize) -> f32 {
        self.lengths[n] as f32
    }

    /// The passages in which a term is, or a form of it, which counts half; one may come more than once.
    pub(super) fn with(&self, term: &str, mut each: impl FnMut(usize, f32)) {
        let stem = stem(term);
        let start = stem.unwrap_or(term);
        for n in self.first_from(start)..self.count() {
            let found = self.term(n);
            if !found.starts_with(start) {
                return;
            }
            let weight = if found == term { 0.5 } else { 0.25 };
            if found == term || (stem.is_some() && are_alike(found, term)) {
                let (from, to) = (self.vocabulary[n].1 as usize, self.vocabulary[n + 1].1 as usize);
                for (passage, count) in &self.places[from..to] {
                    each(*passage as usize, weight * f32::from(*count));
                }
            }
        }
    }

    /// The first term that is not before `start`.
    fn first_from(&self, start: &str) -> usize {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low.midpoint(high);
            if self.term(middle) < start { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// How many terms there are.
    fn count(&self) -> usize {
        self.vocabulary.len() - 1
    }

    fn term(&self, n: usize) -> &str {
        &self.terms[self.vocabulary[n].0 as usize..self.vocabulary[n + 1].0 as usize]
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
