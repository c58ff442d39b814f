//! What was acknowledged is never lost: not to a killed process, not to a second process, not to a full or read-only disk.
//!
//! The servers' share is small, for the sake of everyday runs. `VOICE_KILLS=1000 cargo test -p voice-tests --test durability`
//! kills so many writers on every store, and lets two processes take 8 x 200 turns on each.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use rand::Rng;
use voice_core::{
    ConversationStore, Session, SessionId, TurnId,
    store::{MessageQuery, Saved, SessionQuery},
    stores::{mongodb::MongoStore, postgres::PostgresStore, sqlite::SqliteStore},
};
use voice_tests::servers::{Mongo, Postgres};

const WRITER: &str = env!("CARGO_BIN_EXE_crash_writer");
const KILLS_ON_A_FILE: u32 = 300;
/// Every so many kills the whole file is checked, and a fresh one is begun.
const PER_FILE: u32 = 30;
/// A server is slower than a file, and its own crashes are not at stake.
const KILLS_ON_A_SERVER: u32 = 40;
/// How many turns each of two processes takes in a conversation on a file, and in a long run everywhere.
const TURNS: usize = 200;
/// The same on a server, in an everyday run.
const TURNS_ON_A_SERVER: usize = 50;

/// How many kills a long run was asked for.
fn asked() -> Option<u32> {
    std::env::var("VOICE_KILLS").ok().map(|kills| kills.parse().expect("VOICE_KILLS is a number"))
}

fn turns_on_a_server() -> usize {
    if asked().is_some() { TURNS } else { TURNS_ON_A_SERVER }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn acknowledged(line: &str) -> Option<(TurnId, SessionId)> {
    let mut words = line.strip_prefix("turn ")?.split(' ');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

fn integrity(path: &Path) -> String {
    rusqlite::Connection::open(path).unwrap().query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap()
}

/// The turns of a session with how many messages each has, checked to be whole.
async fn turns_of(store: &dyn ConversationStore, session: SessionId) -> Vec<TurnId> {
    let all = store.messages(session, MessageQuery::latest(1_000_000)).await.unwrap().items;
    all.chunks(2)
        .map(|pair| {
            assert!(pair.len() == 2 && pair[0].turn_id == pair[1].turn_id, "half a turn is visible");
            pair[0].turn_id
        })
        .collect()
}

/// The address of a file.
fn file(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

/// Runs the writer and kills it: after a few turns and a moment, or while it opens the store.
fn run_and_kill(storage: &str, while_opening: bool) -> Vec<(TurnId, SessionId)> {
    let mut random = rand::rng();
    let mut child =
        Command::new(WRITER).args(["turns", storage, "8", "1000000"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut read = Vec::new();
    if while_opening {
        std::thread::sleep(Duration::from_micros(random.random_range(0..20_000)));
    } else {
        read.extend(lines.by_ref().take(random.random_range(1..40)).map(Result::unwrap));
        std::thread::sleep(Duration::from_micros(random.random_range(0..3_000)));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // A last line that the kill cut short is no acknowledgement.
    read.extend(lines.map_while(Result::ok));
    for line in &read {
        assert!(!line.starts_with("error"), "{line}");
    }
    read.iter().filter_map(|line| acknowledged(line)).collect()
}

#[test]
fn no_acknowledged_turn_is_lost_and_none_is_half_there_when_the_process_is_killed() {
    let (runtime, folder, start) = (runtime(), tempfile::tempdir().unwrap(), Instant::now());
    let (mut total, mut visible, kills) = (0, 0, asked().unwrap_or(KILLS_ON_A_FILE).next_multiple_of(PER_FILE));
    for kill in 0..kills {
        let path = folder.path().join(format!("{}.db", kill / PER_FILE));
        let turns = run_and_kill(&file(&path), kill % 10 == 0);
        let store = SqliteStore::open(&path).expect("the database opens clean");
        let mut sessions: HashMap<SessionId, Vec<TurnId>> = HashMap::new();
        for (turn, session) in &turns {
            sessions.entry(*session).or_default().push(*turn);
        }
        runtime.block_on(async {
            for (session, turns) in sessions {
                let kept = turns_of(&store, session).await;
                for turn in turns {
                    assert_eq!(kept.iter().filter(|kept| **kept == turn).count(), 1, "an acknowledged turn is lost");
                }
            }
            if kill % PER_FILE == PER_FILE - 1 {
                let mut query = SessionQuery::default();
                query.limit = 1_000_000;
                for session in store.list_sessions(&query).await.unwrap().items {
                    visible += turns_of(&store, session.id).await.len();
                }
            }
            store.close().await.unwrap();
        });
        total += turns.len();
        if kill % PER_FILE == PER_FILE - 1 {
            assert_eq!(integrity(&path), "ok");
        }
    }
    println!(
        "sqlite: {kills} kills: {total} turns acknowledged, 0 lost, 0 half; {visible} visible; {:.1} s",
        start.elapsed().as_secs_f64()
    );
    assert!(total > kills as usize && visible >= total);
}

/// Kills writers on a server, and checks each time that what they acknowledged is there, whole.
fn kills_on_a_server(name: &str, storage: &str, open: impl AsyncFn() -> Arc<dyn ConversationStore>) {
    let (runtime, start, kills) = (runtime(), Instant::now(), asked().unwrap_or(KILLS_ON_A_SERVER));
    let (mut total, mut visible) = (0, 0);
    for kill in 0..kills {
        let turns = run_and_kill(storage, kill % 10 == 0);
        let mut sessions: HashMap<SessionId, Vec<TurnId>> = HashMap::new();
        for (turn, session) in &turns {
            sessions.entry(*session).or_default().push(*turn);
        }
        runtime.block_on(async {
            let store = open().await;
            for (session, turns) in sessions {
                let kept = turns_of(&*store, session).await;
                for turn in turns {
                    assert_eq!(kept.iter().filter(|kept| **kept == turn).count(), 1, "an acknowledged turn is lost");
                }
            }
            if kill == kills - 1 {
                let mut query = SessionQuery::default();
                query.limit = 1_000_000;
                for session in store.list_sessions(&query).await.unwrap().items {
                    let turns = turns_of(&*store, session.id).await.len();
                    assert!(turns > 0, "a session is visible without the turn that made it");
                    visible += turns;
                }
            }
            store.close().await.unwrap();
        });
        total += turns.len();
    }
    println!(
        "{name}: {kills} kills: {total} turns acknowledged, 0 lost, 0 half; {visible} visible; {:.1} s",
        start.elapsed().as_secs_f64()
    );
    assert!(total > kills as usize && visible >= total);
}

#[test]
fn no_turn_that_postgresql_acknowledged_is_lost_when_the_process_is_killed() {
    let url = Postgres::shared().url();
    kills_on_a_server("postgres", &url, async || Arc::new(PostgresStore::connect(&url).await.unwrap()) as _);
}

#[test]
fn no_turn_that_mongodb_acknowledged_is_lost_when_the_process_is_killed() {
    let url = Mongo::shared().url();
    kills_on_a_server("mongodb", &url, async || Arc::new(MongoStore::connect(&url).await.unwrap()) as _);
}

/// Two processes, the same conversations, one store: every turn is there once.
fn two_processes(name: &str, storage: &str, turns: usize, open: impl AsyncFn() -> Arc<dyn ConversationStore>) {
    const CONVERSATIONS: usize = 8;
    let (runtime, start) = (runtime(), Instant::now());
    let sessions: Vec<SessionId> = (0..CONVERSATIONS).map(|_| SessionId::new()).collect();
    runtime.block_on(async {
        let store = open().await;
        for id in &sessions {
            store.create_session(&Session::new(*id, None, jiff::Timestamp::now())).await.unwrap();
        }
        store.close().await.unwrap();
    });
    let writers: Vec<_> = (0..2)
        .map(|_| {
            Command::new(WRITER)
                .args(["turns", storage, &CONVERSATIONS.to_string(), &turns.to_string()])
                .args(sessions.iter().map(ToString::to_string))
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let outputs: Vec<_> = writers.into_iter().map(|w| std::thread::spawn(|| w.wait_with_output().unwrap())).collect();
    let mut acknowledged_in: HashMap<SessionId, Vec<TurnId>> = HashMap::new();
    for output in outputs {
        let output = output.join().unwrap();
        assert!(output.status.success());
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let (turn, session) = acknowledged(line).unwrap_or_else(|| panic!("{line}"));
            acknowledged_in.entry(session).or_default().push(turn);
        }
    }
    runtime.block_on(async {
        let store = open().await;
        for id in &sessions {
            let (mut kept, mut said) = (turns_of(&*store, *id).await, acknowledged_in.remove(id).unwrap());
            assert_eq!(said.len(), 2 * turns);
            kept.sort_unstable();
            said.sort_unstable();
            assert_eq!(kept, said, "every turn is there once");
        }
        store.close().await.unwrap();
    });
    assert!(acknowledged_in.is_empty(), "no session was started beside the named ones");
    println!(
        "{name}: 2 processes x {CONVERSATIONS} x {turns} turns: all kept once; {:.1} s",
        start.elapsed().as_secs_f64()
    );
}

#[test]
fn two_processes_on_one_file_lose_nothing_and_never_meet_a_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("voice.db");
    two_processes("sqlite", &file(&path), TURNS, async || Arc::new(SqliteStore::open(&path).unwrap()) as _);
    assert_eq!(integrity(&path), "ok");
}

#[test]
fn two_processes_on_one_postgresql_database_lose_nothing() {
    let url = Postgres::shared().url();
    let open = async || Arc::new(PostgresStore::connect(&url).await.unwrap()) as _;
    two_processes("postgres", &url, turns_on_a_server(), open);
}

#[test]
fn two_processes_on_one_mongodb_database_lose_nothing() {
    let url = Mongo::shared().url();
    let open = async || Arc::new(MongoStore::connect(&url).await.unwrap()) as _;
    two_processes("mongodb", &url, turns_on_a_server(), open);
}

/// Two processes that talk in the same sessions: each turn's model is shown all the turns before it, whichever process took them.
fn two_processes_meet(name: &str, storage: &str, open: impl AsyncFn() -> Arc<dyn ConversationStore>) {
    const SESSIONS: usize = 4;
    // Together no more than a model is shown of a history.
    const TURNS_EACH: usize = 3;
    let runtime = runtime();
    let sessions: Vec<SessionId> = (0..SESSIONS).map(|_| SessionId::new()).collect();
    runtime.block_on(async {
        let store = open().await;
        for id in &sessions {
            store.create_session(&Session::new(*id, None, jiff::Timestamp::now())).await.unwrap();
        }
        store.close().await.unwrap();
    });
    let talk = || {
        let mut command = Command::new(WRITER);
        command.args(["meet", storage, &TURNS_EACH.to_string()]).args(sessions.iter().map(ToString::to_string));
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let mut shown: HashMap<SessionId, Vec<usize>> = HashMap::new();
    let talking: Vec<_> = [talk(), talk()].map(|w| std::thread::spawn(|| w.wait_with_output().unwrap())).into();
    for output in talking {
        let output = output.join().unwrap();
        assert!(output.status.success());
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let (_, session) = acknowledged(line).unwrap_or_else(|| panic!("{line}"));
            shown.entry(session).or_default().push(line.rsplit(' ').next().unwrap().parse().unwrap());
        }
    }
    for id in &sessions {
        let mut shown = shown.remove(id).expect("each session was talked in");
        shown.sort_unstable();
        assert_eq!(shown, [2, 4, 6, 8, 10, 12], "{name}: a turn began before the one before it was saved");
    }
}

#[test]
fn turns_of_a_session_are_serialised_between_two_processes_on_every_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("voice.db");
    two_processes_meet("sqlite", &file(&path), async || Arc::new(SqliteStore::open(&path).unwrap()) as _);
    let url = Postgres::shared().url();
    two_processes_meet("postgres", &url, async || Arc::new(PostgresStore::connect(&url).await.unwrap()) as _);
    let url = Mongo::shared().url();
    two_processes_meet("mongodb", &url, async || Arc::new(MongoStore::connect(&url).await.unwrap()) as _);
}

#[test]
fn a_full_disk_is_a_clear_error_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    // A small disk of our own where the system lets us mount one, in a namespace that goes with the process; else a limit on
    // the size of files, which SQLite cannot tell from a failing disk.
    let mount = format!("mount -t tmpfs -o size=2m none '{place}' && exec '{WRITER}' fill '{place}'");
    let limit = format!("trap '' XFSZ; ulimit -f 900; exec '{WRITER}' fill '{place}'");
    let ways: [(&str, &str, &[&str]); 3] = [
        ("a disk of 2 MB", "StorageFull", &["unshare", "--mount", "sh", "-c", &mount]),
        ("a disk of 2 MB, as a user", "StorageFull", &["unshare", "--map-root-user", "--mount", "sh", "-c", &mount]),
        ("a file limit of 900 blocks", "Storage", &["sh", "-c", &limit]),
    ];
    let (way, kind, lines) = ways
        .iter()
        .find_map(|(way, kind, command)| {
            let output = Command::new(command[0]).args(&command[1..]).output().ok()?;
            let text = String::from_utf8(output.stdout).unwrap();
            let lines: Vec<String> = text.lines().map(Into::into).collect();
            (!lines.is_empty()).then_some((*way, *kind, lines))
        })
        .expect("one of the ways works");
    let first_error = lines.iter().position(|line| line.starts_with("error")).expect("the disk was filled");
    assert!(lines[first_error].starts_with(&format!("error STORAGE_ERROR {kind} ")), "{}", lines[first_error]);
    let says = |step: &str| assert!(lines.iter().any(|line| line == step), "{step}; found {lines:#?}");
    says("step the reply came with the error: true");
    says("step reading while full: true");
    says("step exactly the acknowledged turns are there: true");
    says("step integrity: ok");
    let after = lines[first_error..].iter().filter(|line| line.starts_with("turn")).count();
    if kind == "StorageFull" {
        assert_eq!(after, 10, "turns are kept again once there is room: {lines:#?}");
    }
    println!("full disk ({way}): {first_error} turns kept, then {:?}, then {after} more", lines[first_error]);
}

#[test]
fn a_read_only_file_is_a_clear_error_and_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("voice.db");
    runtime().block_on(async { SqliteStore::open(&path).unwrap().close().await.unwrap() });
    let before = std::fs::read(&path).unwrap();
    let set = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    // The writer where anybody may run it: this file may lie in a folder that is closed to others.
    let writer = folder.path().join("writer");
    std::fs::copy(WRITER, &writer).unwrap();
    set(&writer, 0o555);
    set(&path, 0o444);
    set(folder.path(), 0o555);
    let mut command = Command::new(&writer);
    command.args(["turns", &file(&path), "1", "1"]).current_dir("/");
    // Rights do not bind root, so root runs it as nobody.
    if std::fs::metadata("/proc/self").is_ok_and(|this| std::os::unix::fs::MetadataExt::uid(&this) == 0) {
        command.uid(65_534);
    }
    let output = command.output().unwrap();
    set(folder.path(), 0o755);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("error STORAGE_ERROR StorageReadOnly"), "{text}");
    assert!(text.contains("write access"), "{text}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_turn_whose_commit_was_not_heard_of_can_be_saved_again() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
    let path = folder.path().join("voice.db");
    runtime.block_on(async {
        let session = Session::new(SessionId::new(), None, jiff::Timestamp::now());
        let turn = voice_core::store::TurnRecord::new(TurnId::new(), session, Vec::new());
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.save_turn(&turn).await.unwrap(), Saved::New);
        store.close().await.unwrap();
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.save_turn(&turn).await.unwrap(), Saved::AlreadyThere);
    });
}
