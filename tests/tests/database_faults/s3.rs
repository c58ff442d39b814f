//! What a bucket does wrong: refused keys, cut uploads, servers that are slow or overloaded. Nothing half is ever read.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use voice_core::{
    store::{BlobKey, BlobStore, blobs},
    stores::s3::{S3Blobs, S3Options},
};
use voice_tests::servers::S3;

use super::*;

/// Enough for three parts of an upload.
const LARGE: usize = 20 * 1024 * 1024;
const PIECE: usize = 1024 * 1024;

fn options(place: std::net::SocketAddr) -> S3Options {
    let options = S3Options::new().endpoint(format!("http://{place}")).region("us-east-1");
    options.credentials(S3::KEY, S3::SECRET).timeout(Duration::from_secs(2))
}

fn bucket(options: S3Options) -> S3Blobs {
    options.open(&format!("s3://{}/{}", S3::BUCKET, fresh("p"))).unwrap()
}

fn key() -> BlobKey {
    BlobKey::new("sessions/one.wav").unwrap()
}

fn says(error: &Error, kind: ErrorKind, retryable: bool) {
    is(error, kind, retryable);
    assert!(!format!("{error} {error:?}").contains(S3::SECRET));
}

async fn all_of(store: &S3Blobs) -> Vec<BlobKey> {
    store.list(&BlobKey::new("sessions").unwrap(), None, 10).await.unwrap().items
}

#[tokio::test]
async fn a_key_that_is_refused_is_told_without_its_secret() {
    // A key that nobody has is 403 to S3 too, and 404 to this gateway alone.
    let store = bucket(options(S3::shared().address()).credentials(S3::KEY, "planted-wrong"));
    says(&store.put(&key(), blobs::bytestream("sound")).await.unwrap_err(), ErrorKind::StorageDenied, false);
    let folder = BlobKey::new("sessions").unwrap();
    says(&store.list(&folder, None, 10).await.unwrap_err(), ErrorKind::StorageDenied, false);
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_told_as_such_and_not_as_an_empty_one() {
    let store = options(S3::shared().address()).open("s3://nowhere").unwrap();
    let blob = bucket(options(S3::shared().address())).put(&key(), blobs::bytestream("sound")).await.unwrap();
    let errors = [
        store.put(&key(), blobs::bytestream("sound")).await.unwrap_err(),
        store.get(&blob).await.err().unwrap(),
        store.list(&BlobKey::new("sessions").unwrap(), None, 10).await.unwrap_err(),
    ];
    for error in errors {
        says(&error, ErrorKind::Storage, false);
        assert!(error.message().contains("nowhere is not there"), "{error}");
    }
}

#[tokio::test]
async fn an_upload_that_is_cut_leaves_nothing_and_can_be_made_again() {
    let proxy = Arc::new(Proxy::before(S3::shared().address()).await);
    let store = bucket(options(proxy.address()));
    let (cutter, pieces) = (Arc::clone(&proxy), LARGE / PIECE);
    let sound = stream::iter(0..pieces).map(move |n| {
        if n == pieces / 2 {
            cutter.cut();
        }
        Ok(Bytes::from(vec![n as u8; PIECE]))
    });
    says(&store.put(&key(), sound.boxed()).await.unwrap_err(), ErrorKind::StorageUnreachable, true);
    proxy.mend();
    assert_eq!(all_of(&store).await, [], "nothing half is there");
    let whole = Bytes::from(vec![7; LARGE]);
    let blob = store.put(&key(), blobs::bytestream(whole.clone())).await.unwrap();
    assert_eq!(blobs::collect(store.get(&blob).await.unwrap().unwrap()).await.unwrap(), whole);
}

#[tokio::test]
async fn a_source_that_fails_in_mid_upload_leaves_nothing() {
    let store = bucket(options(S3::shared().address()));
    let whole = stream::iter(0..LARGE / PIECE).map(|_| Ok(Bytes::from(vec![7; PIECE])));
    let broken = stream::once(async { Err(Error::new(ErrorKind::Internal, "the microphone is gone")) });
    let error = store.put(&key(), whole.chain(broken).boxed()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert_eq!(all_of(&store).await, []);
}

#[tokio::test]
async fn a_download_that_is_cut_fails_and_never_ends_early() {
    let proxy = Proxy::before(S3::shared().address()).await;
    let store = bucket(options(proxy.address()));
    let blob = store.put(&key(), blobs::bytestream(vec![7; LARGE])).await.unwrap();
    let mut sound = store.get(&blob).await.unwrap().unwrap();
    sound.next().await.unwrap().unwrap();
    proxy.cut();
    says(&blobs::collect(sound).await.unwrap_err(), ErrorKind::StorageUnreachable, true);
}

#[tokio::test]
async fn a_bucket_that_falls_silent_holds_no_call_for_ever() {
    let proxy = Proxy::before(S3::shared().address()).await;
    let store = bucket(options(proxy.address()).timeout(Duration::from_millis(500)));
    let blob = store.put(&key(), blobs::bytestream("sound")).await.unwrap();
    proxy.block();
    let begun = std::time::Instant::now();
    says(&store.get(&blob).await.err().unwrap(), ErrorKind::StorageUnreachable, true);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    proxy.mend();
    assert_eq!(blobs::collect(store.get(&blob).await.unwrap().unwrap()).await.unwrap(), "sound");
}

#[tokio::test]
async fn a_blob_may_be_listened_to_for_longer_than_a_request_may_take() {
    let (server, folder) = (S3::shared().address(), format!("s3://{}/{}", S3::BUCKET, fresh("p")));
    let blob = options(server).open(&folder).unwrap().put(&key(), blobs::bytestream(vec![7; LARGE])).await.unwrap();
    let store = options(server).timeout(Duration::from_millis(300)).open(&folder).unwrap();
    let (mut sound, mut read, mut pauses) = (store.get(&blob).await.unwrap().unwrap(), 0, 0);
    while let Some(piece) = sound.next().await {
        read += piece.unwrap().len();
        if pauses < 2 {
            pauses += 1;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    assert_eq!(read, LARGE);
}

const BODY: &str = "the sound of rain";

/// A server that gives each request the next of these answers, and the last one for ever; how many it was asked.
async fn answering(answers: &'static [&'static str]) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (place, asked) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            // Read to its end: a connection that is closed before that can take the answer with it.
            let mut request = Vec::new();
            while !request.ends_with(BODY.as_bytes()) && client.read_buf(&mut request).await.is_ok_and(|read| read > 0)
            {
            }
            let n = count.fetch_add(1, Ordering::SeqCst);
            let status = answers[n.min(answers.len() - 1)];
            let answer = format!("HTTP/1.1 {status}\r\netag: \"e\"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            // A client that has gone needs no answer.
            drop(client.write_all(answer.as_bytes()).await);
        }
    });
    (place, asked)
}

#[tokio::test]
async fn an_overloaded_server_is_asked_again_and_then_told() {
    let (place, asked) = answering(&["503 Slow Down", "503 Slow Down", "200 OK"]).await;
    bucket(options(place)).put(&key(), blobs::bytestream(BODY)).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    for (answer, kind, retryable, times) in [
        (&["503 Slow Down"], ErrorKind::StorageUnreachable, true, 3),
        (&["429 Too Many Requests"], ErrorKind::StorageBusy, true, 3),
        (&["403 Forbidden"], ErrorKind::StorageDenied, false, 1),
        (&["400 Bad Request"], ErrorKind::Storage, false, 1),
    ] {
        let (place, asked) = answering(answer).await;
        let error = bucket(options(place)).put(&key(), blobs::bytestream(BODY)).await.unwrap_err();
        says(&error, kind, retryable);
        assert_eq!(asked.load(Ordering::SeqCst), times, "{answer:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_as_unreachable() {
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = bucket(options(nowhere)).put(&key(), blobs::bytestream("sound")).await.unwrap_err();
    says(&error, ErrorKind::StorageUnreachable, true);
}
