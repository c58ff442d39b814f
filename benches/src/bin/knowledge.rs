//! What looking something up costs: documents of 10³, 10⁴ and 10⁵ passages added, read and indexed for the first time, searched, and
//! searched after one of them was changed, beside SQLite's own FTS5 (`bm25`, words joined by OR) over the same passages in memory.
//!
//! The texts are made of 30,000 words, of which the second is said half as often as the first, the third a third as often, and so
//! on; questions are eight words drawn alike, so that each has some that are in nearly every passage.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::{process::ExitCode, sync::Arc, time::Instant};

use rusqlite::{Connection, params};
use voice_bench::{Percentiles, bars::Bars, process, script::Script};
use voice_core::{
    Config, VoiceAgent,
    agent::{DocumentChanges, KnowledgeQuery, NewDocument},
    store::Storage,
    stores::sqlite::SqliteStore,
};

const PASSAGES: [usize; 3] = [1_000, 10_000, 100_000];
const IN_EACH: usize = 100;
const WORDS: f64 = 30_000.0;
const QUESTION: usize = 8;
const SEARCHES: usize = 500;

/// The bars, at 10,000 passages.
const BARS_AT: usize = 10_000;
const SEARCH_MS: f64 = 5.0;
const FIRST_MS: f64 = 1_500.0;
/// Resident memory over the size of the texts.
const HELD: f64 = 6.0;

/// Words drawn one after the other, the same in every run.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn word(&mut self) -> String {
        const SYLLABLES: [&str; 32] = [
            "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "qui", "ro", "su", "ta", "ve",
            "wi", "xo", "yu", "zan", "bel", "cim", "dor", "fun", "gar", "hes", "jit", "kol", "lum", "mar", "nek",
        ];
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let mut rank = (self.next() * WORDS.ln()).exp() as usize;
        let mut word = String::new();
        while rank > 0 || word.len() < 3 {
            word.push_str(SYLLABLES[rank % 32]);
            rank /= 32;
        }
        word
    }

    /// A passage: a paragraph too long to stand in one with the next.
    fn paragraph(&mut self) -> String {
        let mut text = String::new();
        for n in 1.. {
            text.push_str(&self.word());
            text.push_str(if n % 12 == 0 { ". " } else { " " });
            if text.len() > 600 {
                break;
            }
        }
        text
    }

    fn question(&mut self) -> String {
        (0..QUESTION).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }
}

fn ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// How long SQLite's own search takes, asked for as many.
fn fts5(documents: &[Vec<String>], questions: &[String]) -> Percentiles {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE VIRTUAL TABLE passages USING fts5 (text, tokenize = 'porter unicode61')").unwrap();
    for passage in documents.iter().flatten() {
        connection.prepare_cached("INSERT INTO passages VALUES (?1)").unwrap().execute(params![passage]).unwrap();
    }
    let mut found = connection
        .prepare("SELECT text, bm25(passages) FROM passages WHERE passages MATCH ?1 ORDER BY rank LIMIT 3")
        .unwrap();
    Percentiles::of(questions.iter().map(|question| {
        let start = Instant::now();
        let rows = found.query_map([question.replace(' ', " OR ")], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(rows.count(), 3);
        ms(start)
    }))
}

async fn measured(passages: usize, bars: &mut Bars) {
    let folder = tempfile::tempdir().unwrap();
    let mut draw = Draw(42);
    let documents: Vec<Vec<String>> =
        (0..passages / IN_EACH).map(|_| (0..IN_EACH).map(|_| draw.paragraph()).collect()).collect();
    let bytes: usize = documents.iter().flatten().map(String::len).sum();
    let questions: Vec<String> = (0..SEARCHES).map(|_| draw.question()).collect();

    let store = Arc::new(SqliteStore::open(folder.path().join("ours.db")).unwrap());
    let config = Config::from_json(r#"{ "knowledge": { "memory_mb": 256 } }"#).unwrap();
    let builder = VoiceAgent::builder().config(config).stt("none").llm(Script).tts("none").stores(Storage::of(store));
    let agent = builder.build().await.unwrap();
    let (mut added, mut one) = (Vec::new(), None);
    for (n, document) in documents.iter().enumerate() {
        let start = Instant::now();
        one = Some(
            agent.knowledge().add(&NewDocument::new(format!("Document {n}"), document.join("\n\n"))).await.unwrap(),
        );
        added.push(ms(start));
    }

    let (before, start) = (process::rss_kb(), Instant::now());
    agent.knowledge().search(&KnowledgeQuery::new(&questions[0])).await.unwrap();
    let first = ms(start);
    let held = (process::rss_kb().saturating_sub(before) * 1024) as f64 / bytes as f64;

    let mut times = Vec::new();
    for question in &questions {
        let mut query = KnowledgeQuery::new(question);
        query.min_score = Some(0.0);
        let start = Instant::now();
        let found = agent.knowledge().search(&query).await.unwrap();
        times.push(ms(start));
        assert_eq!(found.len(), 3);
    }
    let searched = Percentiles::of(times);

    let mut changes = DocumentChanges::default();
    changes.text = Some(documents[0].join("\n\n") + "\n\nSomething new.");
    agent.knowledge().update(one.unwrap().id, &changes).await.unwrap();
    let start = Instant::now();
    agent.knowledge().search(&KnowledgeQuery::new("Is there something new?")).await.unwrap();
    let changed = ms(start);
    agent.close().await.unwrap();

    let floor = fts5(&documents, &questions);
    println!(
        "{passages:>9} {:>6.1} | {:>8.1} {first:>9.0} {held:>8.1} | {:>8.2} {:>8.2} {changed:>9.1} | {:>8.2} {:>8.2}",
        bytes as f64 / 1e6,
        Percentiles::of(added).p50,
        searched.p50,
        searched.p95,
        floor.p50,
        floor.p95,
    );
    if passages == BARS_AT {
        bars.hold(
            searched.p95 <= SEARCH_MS,
            &format!("a search takes {:.2} ms at p95; bar {SEARCH_MS} ms", searched.p95),
        );
        bars.hold(first <= FIRST_MS, &format!("the first takes {first:.0} ms; bar {FIRST_MS} ms"));
        bars.hold(held <= HELD, &format!("memory is {held:.1} times the text; bar {HELD}"));
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let mut bars = Bars::default();
    println!("documents of {IN_EACH} passages in SQLite; {SEARCHES} searches of {QUESTION} words; times in ms");
    println!(
        "{:>9} {:>6} | {:>8} {:>9} {:>8} | {:>8} {:>8} {:>9} | {:>8} {:>8}",
        "passages", "MB", "an add", "first", "× text", "p50", "p95", "changed", "FTS5 p50", "p95"
    );
    for passages in PASSAGES {
        measured(passages, &mut bars).await;
    }
    bars.verdict()
}
