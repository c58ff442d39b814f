//! The stores do what the suites say, those on real servers too: one table of all cases and all stores.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use voice_core::{
    ErrorKind, SessionId,
    store::{BlobKey, BlobStore, MemoryBlobs, MemoryStore, blobs},
    stores::{
        folder::FolderBlobs,
        mongodb::MongoStore,
        postgres::PostgresStore,
        s3::{S3Blobs, S3Options},
        sqlite::SqliteStore,
    },
};
use voice_testkit::conformance::{self, Report};
use voice_tests::servers::{Mongo, Postgres, S3, fresh};

/// Prints what became of each case in each store, and checks that all passed.
fn table(subject: &str, reports: &[(&str, Report)]) {
    let mut rows: Vec<(&str, BTreeMap<&str, bool>)> = Vec::new();
    for (store, report) in reports {
        for (case, outcome) in report.outcomes() {
            let at = rows.iter().position(|(name, _)| *name == case).unwrap_or_else(|| {
                rows.push((case, BTreeMap::new()));
                rows.len() - 1
            });
            rows[at].1.insert(store, outcome.is_ok());
        }
    }
    print!("{subject:<76}");
    reports.iter().for_each(|(store, _)| print!(" {store:>8}"));
    println!();
    for (case, outcomes) in rows {
        print!("{case:<76}");
        reports.iter().for_each(|(store, _)| print!(" {:>8}", if outcomes[store] { "pass" } else { "FAIL" }));
        println!();
    }
    for (_, report) in reports.iter().filter(|(_, report)| !report.passed()) {
        println!("{report}");
    }
    assert!(reports.iter().all(|(_, report)| report.passed()));
}

async fn postgres() -> voice_core::Result<Arc<PostgresStore>> {
    Ok(Arc::new(PostgresStore::connect(&Postgres::shared().url()).await?))
}

async fn mongo() -> voice_core::Result<Arc<MongoStore>> {
    Ok(Arc::new(MongoStore::connect(&Mongo::shared().url()).await?))
}

/// A suite on every store of its subject.
macro_rules! on_every_store {
    ($suite:ident, $folder:expr, $($store:literal: $open:expr),*) => {
        table(stringify!($suite), &[
            ("memory", conformance::$suite("memory", async || Ok(Arc::new(MemoryStore::new()) as _)).await),
            ("sqlite", conformance::$suite("sqlite", async || {
                Ok(Arc::new(SqliteStore::open($folder.path().join(SessionId::new().to_string()))?) as _)
            }).await),
            $(($store, conformance::$suite($store, async || Ok($open.await? as _)).await),)*
        ])
    };
}

#[tokio::test]
async fn every_store_keeps_conversations_as_the_suite_says() {
    let folder = tempfile::tempdir().unwrap();
    on_every_store!(conversations, folder, "postgres": postgres(), "mongodb": mongo());
}

#[tokio::test]
async fn every_store_keeps_accounts_as_the_suite_says() {
    let folder = tempfile::tempdir().unwrap();
    on_every_store!(accounts, folder, "postgres": postgres(), "mongodb": mongo());
}

#[tokio::test]
async fn every_store_keeps_assistants_as_the_suite_says() {
    let folder = tempfile::tempdir().unwrap();
    on_every_store!(assistants, folder, "postgres": postgres(), "mongodb": mongo());
}

#[tokio::test]
async fn every_store_keeps_the_audit_log_as_the_suite_says() {
    let folder = tempfile::tempdir().unwrap();
    on_every_store!(audit, folder, "postgres": postgres(), "mongodb": mongo());
}

#[tokio::test]
async fn every_store_keeps_actions_as_the_suite_says() {
    let folder = tempfile::tempdir().unwrap();
    on_every_store!(actions, folder, "postgres": postgres(), "mongodb": mongo());
}

#[tokio::test]
async fn every_store_keeps_documents_as_the_suite_says() {
    let folder = tempfile::tempdir().unwrap();
    on_every_store!(knowledge, folder, "postgres": postgres(), "mongodb": mongo());
}

#[tokio::test]
async fn every_store_keeps_webhooks_as_the_suite_says() {
    let folder = tempfile::tempdir().unwrap();
    on_every_store!(webhooks, folder, "postgres": postgres(), "mongodb": mongo());
}

fn s3() -> S3Blobs {
    let server = S3::shared();
    let options = S3Options::new().endpoint(format!("http://{}", server.address())).region("us-east-1");
    options.credentials(S3::KEY, S3::SECRET).open(&format!("s3://{}/{}", S3::BUCKET, fresh("p"))).unwrap()
}

#[tokio::test]
async fn every_blob_store_does_what_the_suite_says() {
    let folder = tempfile::tempdir().unwrap();
    let open = async || Ok(Arc::new(FolderBlobs::open(folder.path().join(SessionId::new().to_string()))?) as _);
    table(
        "blobs",
        &[
            ("memory", conformance::blobs("memory", async || Ok(Arc::new(MemoryBlobs::new()) as _)).await),
            ("folder", conformance::blobs("folder", open).await),
            ("s3", conformance::blobs("s3", async || Ok(Arc::new(s3()) as _)).await),
        ],
    );
}

#[tokio::test]
async fn a_presigned_address_lets_anybody_read_and_an_altered_one_nobody() {
    let blobs = s3();
    let key = BlobKey::new("a/b.wav").unwrap();
    blobs.put(&key, blobs::bytestream("sound")).await.unwrap();
    let url = blobs.presigned_url(&key, Duration::from_secs(60)).await.unwrap().unwrap();
    assert_eq!(get(url.expose()).await, (200, "sound".into()));
    assert_eq!(get(&url.expose().replace("b.wav", "c.wav")).await.0, 403);
}

/// A plain HTTP request, as a browser makes it.
async fn get(url: &str) -> (u16, String) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

#[tokio::test]
async fn a_wrong_key_to_a_bucket_is_told_without_being_shown() {
    let server = S3::shared();
    let options = S3Options::new().endpoint(format!("http://{}", server.address())).region("us-east-1");
    let blobs = options.credentials(S3::KEY, "planted-wrong").open(&format!("s3://{}/x", S3::BUCKET)).unwrap();
    let error = blobs.put(&BlobKey::new("a").unwrap(), blobs::bytestream("words")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageDenied, "{error}");
    assert!(!format!("{error:?} {error} {blobs:?}").contains("planted"));
}
