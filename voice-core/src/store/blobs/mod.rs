//! Where sound is kept: named runs of bytes, written and read as streams.

mod check;
mod memory;

pub use memory::MemoryBlobs;

use std::{fmt, str::FromStr, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use serde::{Deserialize, Serialize};

pub(crate) use self::check::{Measured, checked};
use crate::error::{Error, ErrorKind, Result};

/// The bytes of a blob, in pieces of any size. An error ends it.
pub type Bytestream = BoxStream<'static, Result<Bytes>>;

/// The longest key, in bytes.
const LONGEST_KEY: usize = 512;
/// How many keys are listed at once when a folder is deleted.
const DELETE_AT_ONCE: usize = 500;

/// The name of a blob: parts of letters, digits, `.`, `_` and `-`, divided by `/`; 512 bytes at most. No part begins with a dot,
/// so that no key leads out of a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobKey(String);

impl BlobKey {
    /// A key.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` (kind `InvalidField`) when it is not made as described.
    pub fn new(key: impl Into<String>) -> Result<Self> {
        let key = key.into();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.chars().all(plain);
        if key.len() <= LONGEST_KEY && key.split('/').all(part) {
            return Ok(Self(key));
        }
        Err(Error::new(
            ErrorKind::InvalidField,
            format!(
                "not a blob key: parts of letters, digits, '.', '_' and '-' that begin with no dot, divided by '/', are \
                 expected, {LONGEST_KEY} bytes at most"
            ),
        ))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the blob lies in a folder, at any depth.
    #[must_use]
    pub fn is_in(&self, folder: &Self) -> bool {
        self.0.strip_prefix(&folder.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BlobKey {
    type Err = Error;

    fn from_str(key: &str) -> Result<Self> {
        Self::new(key)
    }
}

impl TryFrom<String> for BlobKey {
    type Error = Error;

    fn try_from(key: String) -> Result<Self> {
        Self::new(key)
    }
}

impl From<BlobKey> for String {
    fn from(key: BlobKey) -> Self {
        key.0
    }
}

/// A blob that was stored: its key, its length and what its bytes must sum up to.
///
/// As text, which is how a message keeps it: `KEY#bytes=LENGTH&sha256=HEX`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub struct BlobRef {
    /// Its key.
    pub key: BlobKey,
    /// How many bytes it has.
    pub bytes: u64,
    /// The SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

impl fmt::Display for BlobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#bytes={}&sha256=", self.key, self.bytes)?;
        self.sha256.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for BlobRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = || {
            let (key, sums) = text.split_once('#')?;
            let (bytes, hex) = sums.strip_prefix("bytes=")?.split_once("&sha256=")?;
            let mut sha256 = [0; 32];
            if hex.len() != 64 || !hex.is_ascii() {
                return None;
            }
            for (index, byte) in sha256.iter_mut().enumerate() {
                *byte = u8::from_str_radix(&hex[index * 2..index * 2 + 2], 16).ok()?;
            }
            Some(Self { key: BlobKey::new(key).ok()?, bytes: bytes.parse().ok()?, sha256 })
        };
        parts().ok_or_else(|| {
            Error::new(ErrorKind::InvalidField, "not a reference to a blob: KEY#bytes=LENGTH&sha256=HEX is expected")
        })
    }
}

impl TryFrom<String> for BlobRef {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<BlobRef> for String {
    fn from(blob: BlobRef) -> Self {
        blob.to_string()
    }
}

/// Keeps blobs.
///
/// All errors of a store are of code `STORAGE_ERROR`. Memory is bounded whatever the size of a blob, except in a store that
/// keeps blobs in memory.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// The kind of store, for logs: `folder`, `s3`, `memory`, …
    fn name(&self) -> &str;

    /// Stores what `bytes` yields under `key`, in place of what was there. Until that is done, and when it fails or its future
    /// is dropped, what was there is unchanged.
    ///
    /// # Errors
    /// Those of `bytes`, and `STORAGE_ERROR`.
    async fn put(&self, key: &BlobKey, bytes: Bytestream) -> Result<BlobRef>;

    /// The bytes of a blob; `None`: it is not there. When length and sum turn out not to be those of the reference, the stream
    /// ends with an error of kind `StorageCorrupt` instead of its last piece.
    async fn get(&self, blob: &BlobRef) -> Result<Option<Bytestream>>;

    /// Deletes a blob. `false`: it was not there, as far as the store can tell.
    async fn delete(&self, key: &BlobKey) -> Result<bool>;

    /// The keys in a folder, at any depth, in their order as bytes; only those after `after`.
    async fn list(&self, folder: &BlobKey, after: Option<&BlobKey>, limit: usize) -> Result<super::Page<BlobKey>>;

    /// Deletes everything in a folder; says how many blobs that were.
    async fn delete_folder(&self, folder: &BlobKey) -> Result<u64> {
        let (mut deleted, mut last) = (0, None);
        loop {
            let page = self.list(folder, last.as_ref(), DELETE_AT_ONCE).await?;
            for key in &page.items {
                deleted += u64::from(self.delete(key).await?);
            }
            if !page.has_more {
                return Ok(deleted);
            }
            last = page.items.into_iter().last();
        }
    }

    /// An address at which anybody who has it can read the blob for as long as `valid` (a week at most), where the store can
    /// give one. It is a secret for that time.
    async fn presigned_url(&self, _key: &BlobKey, _valid: Duration) -> Result<Option<crate::secret::Secret>> {
        Ok(None)
    }
}

/// Bytes that are there already, as a stream.
#[must_use]
pub fn bytestream(bytes: impl Into<Bytes>) -> Bytestream {
    /// A piece: large enough to cost little, small enough to be held many times.
    const PIECE: usize = 64 * 1024;
    let mut bytes = bytes.into();
    stream::iter(std::iter::from_fn(move || (!bytes.is_empty()).then(|| Ok(bytes.split_to(bytes.len().min(PIECE))))))
        .boxed()
}

/// Puts the pieces of a stream together, for blobs that are known to be small.
///
/// # Errors
/// Those of the stream.
pub async fn collect(mut bytes: Bytestream) -> Result<Bytes> {
    let mut all = Vec::new();
    while let Some(piece) = bytes.next().await {
        all.extend_from_slice(&piece?);
    }
    Ok(all.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_could_lead_elsewhere_are_refused() {
        for key in [
            "",
            "/a",
            "a/",
            "a//b",
            "..",
            "a/../b",
            ".hidden",
            "a/.b",
            "a\\b",
            "a b",
            "ä",
            "a\0",
            "C:x",
            &"a".repeat(513),
        ] {
            assert!(BlobKey::new(key).is_err(), "{key:?}");
        }
        for key in ["a", "a/b-c_d.wav", "0197/x.y.z"] {
            assert_eq!(BlobKey::new(key).unwrap().as_str(), key);
        }
    }

    #[test]
    fn a_folder_holds_what_is_below_it_only() {
        let key = |key| BlobKey::new(key).unwrap();
        assert!(key("a/b/c").is_in(&key("a")) && key("a/b/c").is_in(&key("a/b")));
        assert!(!key("ab/c").is_in(&key("a")) && !key("a").is_in(&key("a")));
    }

    #[test]
    fn a_reference_comes_back_from_its_text() {
        let blob = BlobRef { key: BlobKey::new("a/b.wav").unwrap(), bytes: 70_000, sha256: [0xA5; 32] };
        assert_eq!(blob.to_string().parse::<BlobRef>().unwrap(), blob);
        for text in ["", "a/b.wav", "a#bytes=1&sha256=00", "../a#bytes=1&sha256=", &format!("{blob}0")] {
            assert_eq!(text.parse::<BlobRef>().unwrap_err().kind(), ErrorKind::InvalidField, "{text}");
        }
    }
}
