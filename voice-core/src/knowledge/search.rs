//! What was asked, and the passages that may answer it.

use std::sync::Arc;

use super::{
    index::Index,
    words::{is_empty, terms},
};
use crate::message::Source;

/// How soon more of the same counts less, and how much long passages are held back: the usual values.
const K1: f32 = 1.2;
const B: f32 = 0.75;
/// What the words before count at most, each, and all of them beside those of the question.
const EARLIER: f32 = 0.4;
const EARLIER_ALTOGETHER: f32 = 0.5;
/// The most different words of a question that are looked for.
const MOST_TERMS: usize = 64;

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    terms: Vec<String>,
    /// Those of what was said before, so that "And how much is it?" is understood.
    earlier: Vec<String>,
}

impl Query {
    /// The words of `said`; those of what the user said before it stand behind them.
    pub(crate) fn new(said: &str, earlier: Option<&str>) -> Self {
        let mut query = Self::default();
        collect(said, &mut query.terms, &[]);
        if let Some(earlier) = earlier {
            let (terms, known) = (&mut query.earlier, &query.terms);
            collect(earlier, terms, known);
        }
        query
    }

    /// Whether nothing is asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.earlier.is_empty()
    }
}

fn collect(text: &str, into: &mut Vec<String>, known: &[String]) {
    terms(text, |term| {
        let is_new = |all: &[String]| all.iter().all(|other| other != term);
        if into.len() < MOST_TERMS && !is_empty(term) && is_new(into) && is_new(known) {
            into.push(term.to_owned());
        }
    });
}

/// How much is found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many passages.
    pub(crate) passages: usize,
    /// How much of what was asked a passage has to have, 0–1.
    pub(crate) min_score: f64,
    /// How many characters, all together.
    pub(crate) characters: usize,
}

/// The passages that have most of what was asked, the best first.
pub(crate) fn search(documents: &[Arc<Index>], query: &Query, limits: Limits) -> Vec<Source> {
    let mut bases = Vec::with_capacity(documents.len());
    let mut count = 0;
    for document in documents {
        bases.push(count);
        count += document.len();
    }
    let length: u64 = documents.iter().map(|document| document.length).sum();
    if count == 0 || query.is_empty() {
        return Vec::new();
    }
    let average = (length as f32 / count as f32).max(1.0);
    let mut ranking = Ranking { documents, bases, average, occurrences: vec![0.0; count], found: Vec::new() };

    let asked: Vec<Weighed> = query.terms.iter().map(|term| ranking.weigh(term)).collect();
    let earlier: Vec<Weighed> = query.earlier.iter().map(|term| ranking.weigh(term)).collect();
    let sum = |all: &[Weighed]| all.iter().map(|term| term.weight).sum::<f32>();
    let (own, others) = (sum(&asked), sum(&earlier));
    let share = match (own > 0.0, others > 0.0) {
        (true, true) => EARLIER.min(EARLIER_ALTOGETHER * own / others),
        _ => 1.0,
    };
    let whole = own + share * others;
    let mut scores = vec![0.0_f32; count];
    for (terms, share) in [(asked, 1.0), (earlier, share)] {
        for term in terms {
            for (passage, part) in term.parts {
                scores[passage as usize] += share * term.weight * part;
            }
        }
    }
    let score = |passage: usize| f64::from((scores[passage] / whole).min(1.0));
    let mut best: Vec<usize> = (0..count).filter(|n| scores[*n] > 0.0 && score(*n) >= limits.min_score).collect();
    // Of equals the first, so that the same question finds the same.
    best.sort_by(|one, other| scores[*other].total_cmp(&scores[*one]).then(one.cmp(other)));
    chosen(&ranking, best, score, limits)
}

fn chosen(ranking: &Ranking<'_>, best: Vec<usize>, score: impl Fn(usize) -> f64, limits: Limits) -> Vec<Source> {
    let (mut sources, mut room): (Vec<Source>, usize) = (Vec::new(), limits.characters);
    for place in best {
        let (document, passage) = ranking.at(place);
        let (heading, text) = document.passage(passage);
        let characters = text.chars().count();
        if characters > room || sources.iter().any(|source| source.text == text) {
            continue;
        }
        room -= characters;
        sources.push(Source {
            document_id: document.document,
            title: document.title.clone(),
            heading: heading.to_owned(),
            passage: u32::try_from(passage).unwrap_or(u32::MAX),
            text: text.to_owned(),
            score: (score(place) * 1e4).round() / 1e4,
        });
        if sources.len() == limits.passages {
            break;
        }
    }
    sources
}

struct Ranking<'a> {
    documents: &'a [Arc<Index>],
    /// How many passages there are before those of each document.
    bases: Vec<usize>,
    average: f32,
    /// How often a term occurs in each passage, and in which it does: used for one after the other.
    occurrences: Vec<f32>,
    found: Vec<u32>,
}

/// A term: how much it says, and what that comes to in each passage that has it.
struct Weighed {
    weight: f32,
    parts: Vec<(u32, f32)>,
}

impl Ranking<'_> {
    fn weigh(&mut self, term: &str) -> Weighed {
        let (occurrences, found) = (&mut self.occurrences, &mut self.found);
        for (document, base) in self.documents.iter().zip(&self.bases) {
            document.with(term, |passage, count| {
                let place = base + passage;
                if occurrences[place] == 0.0 {
                    found.push(u32::try_from(place).unwrap_or(u32::MAX));
                }
                occurrences[place] += count;
            });
        }
        // A word that is everywhere still says something where there is little; one that is nowhere says no more than one that is once.
        let (all, with) = (self.occurrences.len() as f32, self.found.len().max(1) as f32);
        let weight = (1.0 + (all + 1.0) / (with + 0.5)).ln();
        let found = std::mem::take(&mut self.found);
        let mut parts = Vec::with_capacity(found.len());
        for place in &found {
            let count = std::mem::take(&mut self.occurrences[*place as usize]);
            let (document, passage) = self.at(*place as usize);
            let length = document.length_of(passage) / self.average;
            parts.push((*place, count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length))));
        }
        self.found = found;
        self.found.clear();
        Weighed { weight, parts }
    }

    /// Which passage of which document it is.
    fn at(&self, place: usize) -> (&Index, usize) {
        let n = self.bases.partition_point(|base| *base <= place) - 1;
        (&self.documents[n], place - self.bases[n])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::DocumentId,
        store::{DocumentFormat, KnowledgeDocument},
        time::Timestamp,
    };

    const LIMITS: Limits = Limits { passages: 3, min_score: 0.2, characters: 2_000 };

    fn document(title: &str, text: &str) -> Arc<Index> {
        let mut document = KnowledgeDocument::new(DocumentId::new(), None, title, "", Timestamp::UNIX_EPOCH);
        document.format = DocumentFormat::Markdown;
        Arc::new(Index::new(&document, text.to_owned()))
    }

    fn bakery() -> Vec<Arc<Index>> {
        let text = "# Opening hours\nWe open at six in the morning and close at seven in the evening. On Sundays we are closed.\n\
             # Prices\n## Bread\nA sourdough loaf costs 4.50 euros, rye bread 3.90.\n## Cakes\nApple pie is 3 euros a slice. Whole \
             cakes must be ordered two days before.\n\
             # Allergies\nOur almond croissants contain nuts. Ask for the list of ingredients.\n\
             # Delivery\nWe deliver within the city for orders above twenty euros. Delivery takes an hour.\n\
             # Returns\nBread that you are not happy with is replaced, no receipt needed.\n";
        vec![document("The bakery's handbook", text), document("Parking", "There is a car park behind the church.")]
    }

    fn found(said: &str, earlier: Option<&str>) -> Vec<String> {
        let sources = search(&bakery(), &Query::new(said, earlier), LIMITS);
        sources
            .into_iter()
            .map(|source| if source.heading.is_empty() { source.title } else { source.heading })
            .collect()
    }

    #[test]
    fn the_passage_that_answers_comes_first() {
        for (said, answer) in [
            ("When do you open?", "Opening hours"),
            ("what are your opening hours on sunday", "Opening hours"),
            ("Um, hi, I was wondering if you could tell me how much a sourdough loaf costs, please?", "Prices › Bread"),
            ("How much is a slice of apple pie?", "Prices › Cakes"),
            ("I'm allergic to nuts. Can I eat the croissant?", "Allergies"),
            ("do you do deliveries", "Delivery"),
            ("How long does it take until my order is delivered?", "Delivery"),
            ("Can I give a bread back without a receipt?", "Returns"),
            ("Where can I park my car?", "Parking"),
        ] {
            assert_eq!(found(said, None).first().map(String::as_str), Some(answer), "{said}");
        }
    }

    #[test]
    fn what_has_nothing_to_do_with_the_documents_finds_nothing() {
        for said in ["What is the capital of France?", "Thanks, bye!", "Who won the game yesterday?", "", "?!"] {
            assert_eq!(found(said, None), [""; 0], "{said}");
        }
    }

    #[test]
    fn a_question_that_goes_on_is_understood_with_the_one_before() {
        assert_eq!(found("And how much is it?", Some("Do you have sourdough?")).first().unwrap(), "Prices › Bread");
        let changed = "Thank you. And when do you open on Sundays?";
        assert_eq!(found(changed, Some("How much is the rye bread, and a sourdough loaf?"))[0], "Opening hours");
    }

    #[test]
    fn no_more_is_found_than_there_is_room_for() {
        let (documents, query) = (bakery(), Query::new("euros", None));
        assert_eq!(search(&documents, &query, Limits { passages: 1, ..LIMITS }).len(), 1);
        let all = search(&documents, &query, LIMITS);
        assert_eq!(all.len(), 3);
        let room = all[0].text.chars().count() + 5;
        let some = search(&documents, &query, Limits { characters: room, ..LIMITS });
        assert_eq!(some, all[..1], "nothing is cut off in its middle");
    }

    #[test]
    fn scores_are_shares_of_what_was_asked() {
        let sources = search(&bakery(), &Query::new("sourdough loaf", None), LIMITS);
        assert!(sources[0].score > 0.9 && sources[0].score <= 1.0, "{}", sources[0].score);
        let half = search(&bakery(), &Query::new("sourdough zeppelin", None), LIMITS);
        assert!((0.2..0.8).contains(&half[0].score), "{}", half[0].score);
        assert!(
            search(&bakery(), &Query::new("sourdough zeppelin", None), Limits { min_score: 0.9, ..LIMITS }).is_empty()
        );
    }

    #[test]
    fn the_same_words_in_two_documents_are_told_once() {
        let twice = [document("One", "Rye bread is dark."), document("Two", "Rye bread is dark.")];
        assert_eq!(search(&twice, &Query::new("rye", None), LIMITS).len(), 1);
    }

    #[test]
    fn other_languages_and_scripts_are_searched_alike() {
        let documents = [
            document("営業案内", "営業時間は午前九時から午後六時までです。\n\n# 駐車場\n駐車場は店の裏にあります。"),
            document("दुकान", "# समय\nदुकान सुबह नौ बजे खुलती है।\n\n# कीमत\nरोटी की कीमत दस रुपये है।"),
            document("Bäckerei", "# Öffnungszeiten\nWir öffnen um sechs Uhr.\n\n# Preise\nEin Brot kostet vier Euro."),
        ];
        for (said, answer) in [
            ("営業時間を教えてください", "営業時間"),
            ("車はどこに駐車できますか", "駐車場"),
            ("रोटी की कीमत क्या है?", "दस रुपये"),
            ("Wann öffnet die Bäckerei?", "sechs Uhr"),
            ("Was kostet denn ein Brot bei Ihnen?", "vier Euro"),
        ] {
            let sources = search(&documents, &Query::new(said, None), Limits { min_score: 0.1, ..LIMITS });
            assert!(sources.first().is_some_and(|s| s.text.contains(answer)), "{said}: {sources:?}");
        }
    }
}
