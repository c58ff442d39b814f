//! What was acknowledged outlives the process; what was not is there whole or not at all.
//!
//! Killing a process shows that no acknowledgement runs ahead of the file. That the file also outlives the machine rests on
//! `synchronous = FULL`, which a kill cannot show.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::HashMap,
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use voice_core::{ConversationStore, Session, SessionId, TurnId, stores::sqlite::SqliteStore, time::Timestamp};

const KILLS: usize = 300;

fn writer(file: &Path, conversations: usize, turns: usize, session: Option<SessionId>) -> Child {
    Command::new(env!("CARGO_BIN_EXE_crash-writer"))
        .arg(file)
        .args([conversations.to_string(), turns.to_string()])
        .args(session.map(|id| id.to_string()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the writer starts")
}

fn text(pipe: Option<impl Read>) -> String {
    let mut text = String::new();
    pipe.expect("a pipe").read_to_string(&mut text).expect("UTF-8");
    text
}

/// The turns that were acknowledged: all lines that are whole.
fn acknowledged(output: &str) -> Vec<TurnId> {
    let whole = output.rfind('\n').map_or("", |end| &output[..end]);
    whole.lines().map(|line| line.split(' ').next().expect("an id").parse().expect("a turn id")).collect()
}

/// The number of messages of each turn in the file, which must be sound.
fn turns_in(file: &Path) -> HashMap<TurnId, i64> {
    let db = rusqlite::Connection::open(file).expect("the file opens");
    let check: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a check");
    assert_eq!(check, "ok");
    let strays: i64 = db
        .query_row("SELECT count(*) FROM messages WHERE session_id NOT IN (SELECT id FROM sessions)", [], |r| r.get(0))
        .expect("a count");
    assert_eq!(strays, 0, "messages without a session");
    let mut rows = db
        .prepare("SELECT t.id, (SELECT count(*) FROM messages m WHERE m.turn_id = t.id) FROM turns t")
        .expect("a statement");
    let rows = rows.query_map([], |row| Ok((TurnId::from_uuid(row.get(0)?), row.get(1)?))).expect("rows");
    rows.collect::<Result<_, _>>().expect("rows")
}

#[test]
fn a_killed_process_loses_no_acknowledged_turn_and_leaves_no_half_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = StdRng::seed_from_u64(0x5eed);
    let (mut total, mut ahead, mut killed_while_opening, mut before) = (0, 0, 0, 0);
    for round in 0..KILLS {
        // Every tenth round a new file, so that making and migrating one is cut off too.
        let file = folder.path().join(format!("{}.db", round / 10));
        let mut child = writer(&file, 4, 1_000_000, None);
        if round % 10 == 0 {
            before = 0;
        }
        let span = if round % 10 == 0 { 12_000 } else { 60_000 };
        let end = Instant::now() + Duration::from_micros(random.random_range(0..span));
        while Instant::now() < end {
            std::thread::sleep(Duration::from_micros(200));
        }
        child.kill().expect("it is killed");
        let output = text(child.stdout.take());
        child.wait().expect("it ends");

        let acknowledged = acknowledged(&output);
        drop(SqliteStore::open(&file).expect("the library opens it"));
        let there = turns_in(&file);
        for turn in &acknowledged {
            assert_eq!(there.get(turn), Some(&2), "round {round}: an acknowledged turn is lost or not whole");
        }
        assert!(there.values().all(|messages| *messages == 2), "round {round}: half a turn");
        total += acknowledged.len();
        ahead += there.len() - before - acknowledged.len();
        before = there.len();
        killed_while_opening += usize::from(acknowledged.is_empty());
    }
    assert!(total > KILLS, "the writer was killed before it did anything");
    println!(
        "{KILLS} kills: {total} acknowledged turns, 0 lost, 0 half; {killed_while_opening} kills before the first turn; \
         {ahead} turns were whole but not yet acknowledged"
    );
}

#[tokio::test]
async fn two_processes_share_a_file_without_losing_or_refusing_a_turn() {
    const TURNS: usize = 200;
    const EACH: usize = 8;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("voice.db");
    let shared = Session::new(SessionId::new(), None, Timestamp::now());
    let store = SqliteStore::open(&file).unwrap();
    store.create_session(&shared).await.unwrap();

    let start = Instant::now();
    // The first two write to sessions of their own, the others to one session, against each other.
    let children = [writer(&file, EACH, TURNS, None), writer(&file, EACH, TURNS, Some(shared.id))];
    let mut readers = Vec::new();
    for mut child in children {
        readers.push(std::thread::spawn(move || {
            let output = text(child.stdout.take());
            let errors = text(child.stderr.take());
            (output, errors, child.wait().expect("it ends").success())
        }));
    }
    let mut turns = Vec::new();
    for reader in readers {
        let (output, errors, well) = reader.join().unwrap();
        assert!(well, "{errors}");
        turns.extend(acknowledged(&output));
    }
    let seconds = start.elapsed().as_secs_f64();
    store.close().await.unwrap();
    let there = turns_in(&file);
    assert_eq!((turns.len(), there.len()), (2 * EACH * TURNS, 2 * EACH * TURNS));
    assert!(turns.iter().all(|turn| there[turn] == 2));
    println!("2 processes × {EACH} × {TURNS} turns on one file: all there, in {seconds:.1} s");
}
