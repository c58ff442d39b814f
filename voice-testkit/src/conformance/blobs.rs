//! The cases of a blob store.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::join_all, stream};
use voice_core::{
    Error, ErrorCode, ErrorKind,
    store::{
        BlobKey, BlobRef, BlobStore,
        blobs::{Bytestream, bytestream, collect},
    },
};

use super::{Case, Outcome, cases, steps::*, told};

/// What every [`BlobStore`] must do.
pub const BLOBS: &[Case<dyn BlobStore>] = cases![
    a_blob_comes_back_as_it_was_put,
    an_unknown_blob_is_none,
    a_blob_of_many_parts_comes_back_whole,
    a_reference_tells_length_and_sum,
    putting_again_replaces_the_whole_blob,
    a_stream_that_fails_leaves_what_was_there,
    a_put_that_is_dropped_leaves_what_was_there,
    what_was_changed_is_not_read_to_its_end,
    a_blob_is_deleted_once,
    a_folder_is_listed_in_order_and_in_pages,
    a_folder_is_deleted_with_everything_in_it,
    many_blobs_are_put_at_once,
    a_presigned_address_is_refused_beyond_a_week,
];

type Blobs = Arc<dyn BlobStore>;

fn key(key: &str) -> Result<BlobKey, String> {
    BlobKey::new(key).map_err(|e| told(&e))
}

/// Bytes that differ wherever one looks.
fn noise(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

async fn put(blobs: &Blobs, at: &str, bytes: impl Into<Bytes>) -> Result<BlobRef, String> {
    blobs.put(&key(at)?, bytestream(bytes)).await.map_err(|e| told(&e))
}

async fn read(blobs: &Blobs, blob: &BlobRef) -> Result<Option<Bytes>, String> {
    match blobs.get(blob).await.map_err(|e| told(&e))? {
        Some(bytes) => collect(bytes).await.map(Some).map_err(|e| told(&e)),
        None => Ok(None),
    }
}

/// A stream that fails after some bytes.
fn broken(bytes: usize) -> Bytestream {
    let error = Error::new(ErrorKind::ConnectionLost, "the source broke off");
    bytestream(noise(bytes, 1)).chain(stream::iter([Err(error)])).boxed()
}

async fn a_blob_comes_back_as_it_was_put(blobs: Blobs) -> Outcome {
    for (n, bytes) in [Vec::new(), b"RIFF".to_vec(), noise(300_000, 7)].into_iter().enumerate() {
        let blob = put(&blobs, &format!("a/{n}.wav"), bytes.clone()).await?;
        holds("the bytes are the same", read(&blobs, &blob).await? == Some(bytes.into()))?;
    }
    Ok(())
}

async fn an_unknown_blob_is_none(blobs: Blobs) -> Outcome {
    let mut blob = put(&blobs, "a/there", "words").await?;
    for unknown in ["a/other", "b/there", "a/there/below", "a"] {
        blob.key = key(unknown)?;
        same(unknown, read(&blobs, &blob).await?, None)?;
        same("deleted", blobs.delete(&blob.key).await.map_err(|e| told(&e))?, false)?;
    }
    Ok(())
}

async fn a_blob_of_many_parts_comes_back_whole(blobs: Blobs) -> Outcome {
    let bytes = noise(20 * 1024 * 1024 + 12_345, 3);
    let blob = put(&blobs, "large.wav", bytes.clone()).await?;
    same("its length", blob.bytes, bytes.len() as u64)?;
    holds("the bytes are the same", read(&blobs, &blob).await? == Some(bytes.into()))
}

async fn a_reference_tells_length_and_sum(blobs: Blobs) -> Outcome {
    let blob = put(&blobs, "a/abc", "abc").await?;
    let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    same("as text", blob.to_string(), format!("a/abc#bytes=3&sha256={sum}"))
}

async fn putting_again_replaces_the_whole_blob(blobs: Blobs) -> Outcome {
    put(&blobs, "a/b", noise(100_000, 1)).await?;
    let second = put(&blobs, "a/b", "short").await?;
    same("the bytes", read(&blobs, &second).await?, Some("short".into()))
}

async fn a_stream_that_fails_leaves_what_was_there(blobs: Blobs) -> Outcome {
    let first = put(&blobs, "a/b", "first").await?;
    for bytes in [0, 100_000, 17 * 1024 * 1024] {
        for at in ["a/b", "a/fresh"] {
            let outcome = blobs.put(&key(at)?, broken(bytes)).await.map(|_| ()).map_err(|e| e.kind());
            same("the stream's own error", outcome, Err(ErrorKind::ConnectionLost))?;
        }
    }
    same("what was there", read(&blobs, &first).await?, Some("first".into()))?;
    same("a fresh one", keys(&blobs, "a", None, 10).await?, (vec!["a/b".into()], false))
}

async fn a_put_that_is_dropped_leaves_what_was_there(blobs: Blobs) -> Outcome {
    let first = put(&blobs, "a/b", "first").await?;
    for bytes in [1_000, 17 * 1024 * 1024] {
        let endless = bytestream(noise(bytes, 1)).chain(stream::pending()).boxed();
        let at = key("a/b")?;
        let mut putting = blobs.put(&at, endless);
        for _ in 0..200 {
            if (&mut putting).now_or_never().is_some() {
                return Err("a stream without end came to one".into());
            }
            tokio::task::yield_now().await;
        }
        drop(putting);
    }
    same("what was there", read(&blobs, &first).await?, Some("first".into()))
}

async fn what_was_changed_is_not_read_to_its_end(blobs: Blobs) -> Outcome {
    let mut first = put(&blobs, "a/b", noise(100_000, 1)).await?;
    put(&blobs, "a/b", noise(100_000, 2)).await?;
    let outcome = collect(blobs.get(&first).await.map_err(|e| told(&e))?.ok_or("it is there")?).await;
    same("other bytes", outcome.map(|_| ()).map_err(|e| (e.code(), e.kind())), Err(DAMAGED))?;
    first = put(&blobs, "a/b", noise(100_000, 1)).await?;
    first.bytes -= 1;
    let outcome = collect(blobs.get(&first).await.map_err(|e| told(&e))?.ok_or("it is there")?).await;
    same("another length", outcome.map(|_| ()).map_err(|e| (e.code(), e.kind())), Err(DAMAGED))
}

const DAMAGED: (ErrorCode, ErrorKind) = (ErrorCode::StorageError, ErrorKind::StorageCorrupt);

async fn a_blob_is_deleted_once(blobs: Blobs) -> Outcome {
    let (gone, kept) = (put(&blobs, "a/gone", "gone").await?, put(&blobs, "a/kept", "kept").await?);
    same("deleted", blobs.delete(&gone.key).await.map_err(|e| told(&e))?, true)?;
    same("deleted again", blobs.delete(&gone.key).await.map_err(|e| told(&e))?, false)?;
    same("it is gone", read(&blobs, &gone).await?, None)?;
    same("the other", read(&blobs, &kept).await?, Some("kept".into()))
}

async fn keys(
    blobs: &Blobs,
    folder: &str,
    after: Option<&BlobKey>,
    limit: usize,
) -> Result<(Vec<String>, bool), String> {
    let page = blobs.list(&key(folder)?, after, limit).await.map_err(|e| told(&e))?;
    Ok((page.items.iter().map(ToString::to_string).collect(), page.has_more))
}

async fn a_folder_is_listed_in_order_and_in_pages(blobs: Blobs) -> Outcome {
    for at in ["a/x/2", "a/1", "b/1", "a/x/1", "ab/1", "a/3"] {
        put(&blobs, at, at.to_owned()).await?;
    }
    same(
        "all",
        keys(&blobs, "a", None, 10).await?,
        (vec!["a/1".into(), "a/3".into(), "a/x/1".into(), "a/x/2".into()], false),
    )?;
    same("the first", keys(&blobs, "a", None, 3).await?, (vec!["a/1".into(), "a/3".into(), "a/x/1".into()], true))?;
    same("the rest", keys(&blobs, "a", Some(&key("a/x/1")?), 3).await?, (vec!["a/x/2".into()], false))?;
    same("within it", keys(&blobs, "a/x", None, 10).await?, (vec!["a/x/1".into(), "a/x/2".into()], false))?;
    same("an unknown one", keys(&blobs, "c", None, 10).await?, (vec![], false))
}

async fn a_folder_is_deleted_with_everything_in_it(blobs: Blobs) -> Outcome {
    for at in ["a/1", "a/x/1", "a/x/2", "ab/1"] {
        put(&blobs, at, at.to_owned()).await?;
    }
    same("deleted", blobs.delete_folder(&key("a")?).await.map_err(|e| told(&e))?, 3)?;
    same("deleted again", blobs.delete_folder(&key("a")?).await.map_err(|e| told(&e))?, 0)?;
    same("what is left", keys(&blobs, "ab", None, 10).await?, (vec!["ab/1".into()], false))
}

async fn many_blobs_are_put_at_once(blobs: Blobs) -> Outcome {
    let blobs = &blobs;
    let put =
        join_all((0..24).map(|n| async move { put(blobs, &format!("a/{}/{n}", n % 3), noise(50_000, n)).await })).await;
    for (n, blob) in (0..).zip(put) {
        holds("the bytes are the same", read(blobs, &blob?).await? == Some(noise(50_000, n).into()))?;
    }
    Ok(())
}

async fn a_presigned_address_is_refused_beyond_a_week(blobs: Blobs) -> Outcome {
    let blob = put(&blobs, "a/b", "words").await?;
    let asked = blobs.presigned_url(&blob.key, Duration::from_secs(60)).await.map_err(|e| told(&e))?;
    let Some(address) = asked else { return Ok(()) };
    holds("it names the blob", address.expose().contains("a/b"))?;
    let outcome =
        blobs.presigned_url(&blob.key, Duration::from_secs(8 * 24 * 3600)).await.map(|_| ()).map_err(|e| e.kind());
    same("eight days", outcome, Err(ErrorKind::InvalidField))
}
