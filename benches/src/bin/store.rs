//! What the SQLite store adds to SQLite: turns saved by one and by 16 writers, beside bare `rusqlite` doing the same writes in
//! the same run; history read from sessions of 10, 10⁴ and 10⁶ messages, in a database of a few and of 10⁶ sessions; a session of
//! 10⁶ messages written out; and how long a foreign session takes to be refused beside one that never was.
//!
//! The floor runs the same statements on the same schema with the same durability, a transaction a turn, on a connection
//! behind a mutex; beside it a floor without the index of words, for what searching costs. Rounds of all alternate, so that a noisy
//! machine disturbs them alike.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::{
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::Instant,
};

use rusqlite::{Connection, TransactionBehavior, params};
use voice_bench::{Percentiles, bars::Bars, process, script::Script};
use voice_core::{
    ConversationStore, Message, Role, Session, SessionId, TurnId, VoiceAgent,
    agent::ExportFormat,
    id::MessageId,
    store::{MessageQuery, TurnRecord},
    stores::sqlite::SqliteStore,
};

const ROUNDS: usize = 5;
const TURNS: usize = 800;
const WRITERS: [usize; 2] = [1, 16];
const READS: usize = 2_000;

fn turn(session: &Session) -> TurnRecord {
    let id = TurnId::new();
    let mut session = session.clone();
    session.last_activity_at = jiff::Timestamp::now();
    let at = session.last_activity_at;
    let question = "What will the weather be like tomorrow in the north?";
    let answer =
        "It will be mild and dry in the morning. In the afternoon it may rain in the far north, so take a coat.";
    let messages = vec![
        Message::new(session.id, id, Role::User, question, at),
        Message::new(session.id, id, Role::Assistant, answer, at),
    ];
    TurnRecord::new(id, session, messages)
}

fn bytes(id: uuid::Uuid) -> [u8; 16] {
    id.into_bytes()
}

fn session() -> Session {
    Session::new(SessionId::new(), None, jiff::Timestamp::now())
}

/// A connection as durable as the store's.
fn floor(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; \
             PRAGMA temp_store = MEMORY;",
        )
        .unwrap();
    connection
}

/// The writes of one turn, by hand.
fn floor_save(connection: &mut Connection, turn: &TurnRecord) {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let known = transaction
        .prepare_cached("SELECT 1 FROM turns WHERE id = ?1")
        .unwrap()
        .exists([bytes(turn.turn_id.as_uuid())])
        .unwrap();
    assert!(!known);
    let session: i64 = transaction
        .prepare_cached(
            "INSERT INTO sessions (id, user, status, metadata, created_at, last_activity_at)
             VALUES (?1, ?2, 'active', '{}', ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET last_activity_at = max(last_activity_at, excluded.last_activity_at)
             RETURNING key",
        )
        .unwrap()
        .query_row(
            params![
                bytes(turn.session.id.as_uuid()),
                turn.session.user,
                turn.session.created_at.as_microsecond(),
                turn.session.last_activity_at.as_microsecond()
            ],
            |row| row.get(0),
        )
        .unwrap();
    transaction
        .prepare_cached("INSERT INTO turns (id, session) VALUES (?1, ?2)")
        .unwrap()
        .execute(params![bytes(turn.turn_id.as_uuid()), session])
        .unwrap();
    for message in &turn.messages {
        transaction
            .prepare_cached(
                "INSERT INTO messages (id, session, turn, role, content, audio_ref, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, NULL, ?6)",
            )
            .unwrap()
            .execute(params![
                bytes(message.id.as_uuid()),
                session,
                bytes(turn.turn_id.as_uuid()),
                message.role.as_str(),
                message.content,
                message.created_at.as_microsecond()
            ])
            .unwrap();
    }
    transaction.commit().unwrap();
}

/// Every commit's time in ms, and the whole round's in s.
type Round = (Vec<f64>, f64);

fn timed(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e3
}

fn floor_round(connection: &Mutex<Connection>, writers: usize) -> Round {
    let start = Instant::now();
    let times = std::thread::scope(|scope| {
        let writing: Vec<_> = (0..writers)
            .map(|_| {
                scope.spawn(|| {
                    let session = session();
                    let save = |_| timed(|| floor_save(&mut connection.lock().unwrap(), &turn(&session)));
                    (0..TURNS / writers).map(save).collect::<Vec<_>>()
                })
            })
            .collect();
        writing.into_iter().flat_map(|w| w.join().unwrap()).collect()
    });
    (times, start.elapsed().as_secs_f64())
}

async fn our_round(store: &Arc<SqliteStore>, writers: usize) -> Round {
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..writers {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            let (session, mut times) = (session(), Vec::new());
            for _ in 0..TURNS / writers {
                let start = Instant::now();
                store.save_turn(&turn(&session)).await.unwrap();
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
            times
        });
    }
    let times = tasks.join_all().await.into_iter().flatten().collect();
    (times, start.elapsed().as_secs_f64())
}

/// A database with the schema of the store, bare.
async fn bare(path: &Path) -> Connection {
    SqliteStore::open(path).unwrap().close().await.unwrap();
    floor(path)
}

async fn commits(folder: &Path, bars: &mut Bars) {
    let store = Arc::new(SqliteStore::open(folder.join("ours.db")).unwrap());
    let indexed = bare(&folder.join("floor.db")).await;
    let unindexed = bare(&folder.join("unindexed.db")).await;
    unindexed
        .execute_batch(
            "DROP TRIGGER messages_said; DROP TRIGGER messages_gone; DROP TRIGGER messages_changed; DROP TABLE words",
        )
        .unwrap();
    let floors = [unindexed, indexed].map(|floor| Arc::new(Mutex::new(floor)));
    println!("turn commit (session, turn and two messages; WAL, synchronous = FULL), {ROUNDS} rounds of {TURNS} turns");
    println!("{:<22} {:>8} | {:>8} {:>8} | {:>9}", "", "writers", "p50 ms", "p99 ms", "turns/s");
    for writers in WRITERS {
        let mut all: [Round; 3] = Default::default();
        for _ in 0..ROUNDS {
            for (floor, sum) in floors.iter().zip(&mut all) {
                let floor = Arc::clone(floor);
                let round = tokio::task::spawn_blocking(move || floor_round(&floor, writers)).await.unwrap();
                sum.0.extend(round.0);
                sum.1 += round.1;
            }
            let round = our_round(&store, writers).await;
            all[2].0.extend(round.0);
            all[2].1 += round.1;
        }
        let mut rates = Vec::new();
        for (name, (times, seconds)) in ["bare, no word index", "bare rusqlite", "ours"].into_iter().zip(all) {
            let rate = times.len() as f64 / seconds;
            let p = Percentiles::of(times);
            println!("{name:<22} {writers:>8} | {:>8.2} {:>8.2} | {rate:>9.0}", p.p50, p.p99);
            rates.push(rate);
        }
        let ratio = rates[2] / rates[1];
        println!("{:<22} {writers:>8} | ours over writes without the index, turns/s: {:.2}", "", rates[2] / rates[0]);
        bars.hold(
            ratio >= 0.8,
            &format!("{writers} writers: ours over the same writes, turns/s: {ratio:.2}; bar 0.8 at least"),
        );
    }
    store.close().await.unwrap();
}

/// Adds a session of `messages` messages with one statement; its id.
fn long_session(connection: &Connection, messages: u32) -> SessionId {
    let id = SessionId::new();
    connection
        .execute(
            "INSERT INTO sessions (id, created_at, last_activity_at) VALUES (?1, 0, 0)",
            params![bytes(id.as_uuid())],
        )
        .unwrap();
    let key = connection.last_insert_rowid();
    connection
        .execute(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
             INSERT INTO messages (id, session, turn, role, content, created_at)
             SELECT unhex(printf('%016x%016x', ?2, n)), ?2, zeroblob(16), iif(n % 2, 'user', 'assistant'),
                    'It will be mild and dry in the morning, and it may rain later.', n FROM n",
            params![messages, key],
        )
        .unwrap();
    id
}

fn many_sessions(connection: &Connection, sessions: u32) {
    connection
        .execute(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
             INSERT INTO sessions (id, user, created_at, last_activity_at)
             SELECT unhex(printf('%032x', n)), 'user ' || (n % 1000), n, n FROM n",
            params![sessions],
        )
        .unwrap();
}

async fn read(store: &SqliteStore, session: SessionId, before: Option<MessageId>) -> Percentiles {
    let mut times = Vec::new();
    let mut query = MessageQuery::latest(10);
    query.before = before;
    for _ in 0..READS {
        let start = Instant::now();
        let page = store.messages(session, query).await.unwrap();
        times.push(start.elapsed().as_secs_f64() * 1e6);
        assert!(!page.items.is_empty());
    }
    Percentiles::of(times)
}

/// How much the process may grow while a session of 10⁶ messages, about 300 MB of JSON, is written out.
const EXPORT_ROOM_KB: u64 = 16 * 1024;

/// Writes a long session out, page by page.
async fn export(agent: &VoiceAgent, session: SessionId, bars: &mut Bars) {
    println!("\na session of 1000000 messages written out");
    // What was read before fills the caches of the database.
    agent.sessions().export(session, ExportFormat::Json).await.unwrap().next().await.unwrap().unwrap();
    let (before, start) = (process::rss_kb(), Instant::now());
    let (mut bytes, mut largest) = (0, before);
    let mut export = agent.sessions().export(session, ExportFormat::Json).await.unwrap();
    while let Some(piece) = export.next().await {
        bytes += piece.unwrap().len();
        largest = largest.max(process::rss_kb());
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{} MB in {seconds:.1} s; resident {before} kB before, {largest} kB at most", bytes / 1_000_000);
    let grown = largest - before;
    bars.hold(grown <= EXPORT_ROOM_KB, &format!("an export grows by {grown} kB; bar {EXPORT_ROOM_KB} kB"));
}

/// Asks in a user's name for a session of somebody else and for one that never was, turn by turn.
async fn refusals(agent: &VoiceAgent, foreign: SessionId, bars: &mut Bars) {
    let sessions = agent.sessions().for_user("eve");
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..READS {
        for (id, times) in [foreign, SessionId::new()].into_iter().zip(&mut times) {
            let start = Instant::now();
            sessions.history(id, MessageQuery::latest(10)).await.unwrap_err();
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    let [foreign, unknown] = times.map(Percentiles::of);
    let ratio = foreign.p50 / unknown.p50;
    println!("\na session refused, p50: foreign {:.1} µs, unknown {:.1} µs", foreign.p50, unknown.p50);
    bars.hold(
        (0.8..1.25).contains(&ratio),
        &format!("a foreign session takes {ratio:.2} of the time of an unknown one; bar 0.8 to 1.25"),
    );
}

async fn histories(folder: &Path, bars: &mut Bars) {
    let path = folder.join("history.db");
    SqliteStore::open(&path).unwrap().close().await.unwrap();
    let mut sessions: Vec<(u32, SessionId)> = Vec::new();
    println!("\nhistory, the latest 10 messages, {READS} reads");
    println!("{:>12} {:>12} | {:>8} {:>8}", "sessions", "messages", "p50 µs", "p99 µs");
    let mut middles = Vec::new();
    for others in [0, 1_000_000] {
        let connection = floor(&path);
        if others == 0 {
            sessions.extend([10, 10_000, 1_000_000].map(|messages| (messages, long_session(&connection, messages))));
        } else {
            many_sessions(&connection, others);
        }
        drop(connection);
        let store = SqliteStore::open(&path).unwrap();
        for (messages, session) in &sessions {
            let p = read(&store, *session, None).await;
            println!("{:>12} {messages:>12} | {:>8.1} {:>8.1}", others + 3, p.p50, p.p99);
            middles.push(p.p50);
        }
        let long = sessions[2].1;
        let oldest = MessageId::from_uuid(uuid::Uuid::from_u64_pair(3, 500_000));
        let p = read(&store, long, Some(oldest)).await;
        println!("{:>12} {:>12} | {:>8.1} {:>8.1}", "", "from middle", p.p50, p.p99);
        store.close().await.unwrap();
    }
    let spread = middles.iter().copied().fold(0.0, f64::max) / middles.iter().copied().fold(f64::INFINITY, f64::min);
    bars.hold(spread <= 2.0, &format!("history, slowest over fastest p50 of the latest messages: {spread:.2}; bar 2"));
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let agent = VoiceAgent::builder().stt("none").llm(Script).tts("none").store(store).build().await.unwrap();
    export(&agent, sessions[2].1, bars).await;
    refusals(&agent, sessions[1].1, bars).await;
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let mut bars = Bars::default();
    commits(folder.path(), &mut bars).await;
    histories(folder.path(), &mut bars).await;
    bars.verdict()
}
