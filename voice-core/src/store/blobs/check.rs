//! Length and sum of a blob, on its way in and on its way out.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};

use super::{BlobKey, BlobRef, Bytestream};
use crate::error::{Error, ErrorKind};

/// A blob of which some pieces have passed.
#[derive(Default)]
pub(crate) struct Measured {
    bytes: u64,
    sum: Sha256,
}

impl Measured {
    /// A piece passes.
    pub(crate) fn piece(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        self.sum.update(piece);
    }

    /// All has passed.
    pub(crate) fn finish(self, key: &BlobKey) -> BlobRef {
        BlobRef { key: key.clone(), bytes: self.bytes, sha256: self.sum.finalize().into() }
    }
}

/// What `bytes` yields, held against the reference: its last piece is given out only if all is as it must be.
pub(crate) fn checked(blob: &BlobRef, bytes: Bytestream) -> Bytestream {
    struct State {
        bytes: Bytestream,
        held: Option<Bytes>,
        measured: Option<Measured>,
        blob: BlobRef,
    }
    let state = State { bytes, held: None, measured: Some(Measured::default()), blob: blob.clone() };
    stream::try_unfold(state, |mut state| async move {
        let Some(mut measured) = state.measured.take() else { return Ok(None) };
        loop {
            match state.bytes.next().await.transpose()? {
                Some(piece) => {
                    measured.piece(&piece);
                    // More than there should be is never held back in vain.
                    if measured.bytes > state.blob.bytes {
                        return Err(damaged(&state.blob.key));
                    }
                    if let Some(held) = state.held.replace(piece) {
                        state.measured = Some(measured);
                        return Ok(Some((held, state)));
                    }
                }
                None if measured.finish(&state.blob.key) != state.blob => return Err(damaged(&state.blob.key)),
                None => return Ok(state.held.take().map(|last| (last, state))),
            }
        }
    })
    .boxed()
}

fn damaged(key: &BlobKey) -> Error {
    let message = format!("the blob {key} is not what was stored: restore it from a backup, or delete it");
    Error::new(ErrorKind::StorageCorrupt, message)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{bytestream, collect},
        *,
    };
    use crate::error::Result;

    fn blob(bytes: &[u8]) -> BlobRef {
        let mut measured = Measured::default();
        measured.piece(bytes);
        measured.finish(&BlobKey::new("a").unwrap())
    }

    async fn read(blob: &BlobRef, bytes: &[u8]) -> Result<Bytes> {
        collect(checked(blob, bytestream(bytes.to_vec()))).await
    }

    #[tokio::test]
    async fn what_was_changed_is_never_read_to_its_end() {
        let whole = vec![7; 200_000];
        assert_eq!(read(&blob(&whole), &whole).await.unwrap(), whole);
        assert_eq!(read(&blob(b""), b"").await.unwrap(), Bytes::new());
        let mut turned = whole.clone();
        turned[100_000] ^= 1;
        for bytes in [&turned[..], &whole[1..], &[&whole[..], &[7]].concat(), b""] {
            assert_eq!(read(&blob(&whole), bytes).await.unwrap_err().kind(), ErrorKind::StorageCorrupt);
        }
    }
}
