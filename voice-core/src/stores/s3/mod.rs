//! Blobs in Amazon S3 and in the stores that speak its protocol (MinIO, Ceph, Cloudflare R2, …).
//!
//! ```no_run
//! use voice_core::stores::s3::S3Options;
//!
//! # fn example() -> voice_core::Result<()> {
//! let blobs = S3Options::new()
//!     .endpoint("http://127.0.0.1:9000")
//!     .credentials("minio", "secret")
//!     .open("s3://recordings/voice")?;
//! # Ok(())
//! # }
//! ```

mod connector;
mod error;

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{
    ClientOptions, GetResult, MultipartUpload, ObjectStore, ObjectStoreExt, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey},
    path::Path,
    signer::{Method, Signer},
};

use self::{
    connector::Connector,
    error::{explain, is_no_object, late},
};
use crate::{
    error::{Error, ErrorKind, Result},
    secret::Secret,
    store::{
        Page,
        blobs::{BlobKey, BlobRef, BlobStore, Bytestream, Measured, checked},
    },
};

/// Larger blobs go up in parts of this size. S3 takes 10,000 parts of at least 5 MiB.
const PART: usize = 8 * 1024 * 1024;
/// For how long a blob that is being read is asked for again, from where the connection broke.
const LONGEST_READ: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest that a presigned address may be valid.
const LONGEST_VALID: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How a bucket is reached.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct S3Options {
    endpoint: Option<String>,
    region: Option<String>,
    credentials: Option<(String, Secret)>,
    timeout: Option<Duration>,
}

impl S3Options {
    /// The defaults: what `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION` and
    /// `AWS_ENDPOINT_URL` say, and on a machine of Amazon's the role that it has.
    pub fn new() -> Self {
        Self::default()
    }

    /// The address of the server, for others than Amazon's: `http://127.0.0.1:9000`.
    pub fn endpoint(mut self, address: impl Into<String>) -> Self {
        self.endpoint = Some(address.into());
        self
    }

    /// The region of the bucket.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// The key to call with, and its secret. A session token that the environment has belongs to another key, and is left out.
    pub fn credentials(mut self, key: impl Into<String>, secret: impl Into<Secret>) -> Self {
        self.credentials = Some((key.into(), secret.into()));
        self
    }

    /// How long one request may take; of a blob that is read, how long its next piece may. Default 30 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// The blobs at `s3://BUCKET/PREFIX`. The bucket must exist; nothing is asked of it yet.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`) when the address or a setting is wrong.
    pub fn open(self, address: &str) -> Result<S3Blobs> {
        let variables =
            std::env::vars_os().filter_map(|(name, value)| name.into_string().ok().zip(value.into_string().ok()));
        self.open_in(variables, address)
    }

    /// The same where the environment is this.
    fn open_in(self, variables: impl IntoIterator<Item = (String, String)>, address: &str) -> Result<S3Blobs> {
        let wrong =
            |why: &str| Error::new(ErrorKind::InvalidConfig, format!("the address of the bucket is not valid: {why}"));
        let place = address.strip_prefix("s3://").ok_or_else(|| wrong("s3://BUCKET/PREFIX is expected"))?;
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if bucket.is_empty() || !bucket.chars().all(plain) {
            return Err(wrong("a bucket's name has letters, digits, '.', '_' and '-'; keys go into the environment"));
        }
        let prefix = match prefix.trim_end_matches('/') {
            "" => None,
            prefix => Some(BlobKey::new(prefix).map_err(|error| wrong(error.message()))?),
        };
        let mut builder = AmazonS3Builder::new();
        let mut allow_http = false;
        for (name, value) in variables.into_iter().filter(|(name, _)| name.starts_with("AWS_")) {
            allow_http |= name == "AWS_ALLOW_HTTP" && value == "true";
            match name.to_ascii_lowercase().parse() {
                // The token of another key: servers refuse the two together.
                Ok(AmazonS3ConfigKey::Token) if self.credentials.is_some() => {}
                Ok(setting) => builder = builder.with_config(setting, value),
                Err(_) => {}
            }
        }
        builder = builder.with_bucket_name(bucket);
        if let Some(endpoint) = self.endpoint {
            // A server of one's own rarely has a name for each bucket, and is often not reached over TLS.
            builder = builder.with_allow_http(true).with_endpoint(endpoint).with_virtual_hosted_style_request(false);
        }
        if let Some(region) = self.region {
            builder = builder.with_region(region);
        }
        if let Some((key, secret)) = self.credentials {
            builder = builder.with_access_key_id(key).with_secret_access_key(secret.expose());
        }
        let limit = self.timeout.unwrap_or(Duration::from_secs(30));
        let client = ClientOptions::new()
            .with_allow_http(allow_http || builder.get_config_value(&ENDPOINT).is_some_and(|e| e.starts_with("http:")));
        let builder = builder.with_client_options(client);
        let build = |request: Option<Duration>, retry_timeout: Duration| {
            let connector = Connector { limit: request, connect: limit.min(Duration::from_secs(5)) };
            let retry = RetryConfig { max_retries: 2, retry_timeout, ..RetryConfig::default() };
            let store = builder.clone().with_http_connector(connector).with_retry(retry).build();
            store.map_err(|_| wrong("the region, the endpoint or the credentials do not fit together"))
        };
        let (store, reading) = (build(Some(limit), limit)?, build(None, LONGEST_READ)?);
        Ok(S3Blobs { store, reading, limit, bucket: bucket.to_owned(), prefix })
    }
}

const ENDPOINT: AmazonS3ConfigKey = AmazonS3ConfigKey::Endpoint;

/// A [`BlobStore`] in a bucket. Uploads hold two parts of 8 MiB in memory at most.
#[derive(Debug)]
pub struct S3Blobs {
    store: AmazonS3,
    /// For what is read as slowly as it is listened to: a request without a limit of its own.
    reading: AmazonS3,
    limit: Duration,
    bucket: String,
    prefix: Option<BlobKey>,
}

impl S3Blobs {
    /// The blobs at `s3://BUCKET/PREFIX`, reached as the environment says.
    ///
    /// # Errors
    /// As [`S3Options::open`].
    pub fn open(address: &str) -> Result<Self> {
        S3Options::new().open(address)
    }

    fn path(&self, key: &BlobKey) -> Path {
        match &self.prefix {
            Some(prefix) => Path::from_iter(prefix.as_str().split('/').chain(key.as_str().split('/'))),
            None => Path::from_iter(key.as_str().split('/')),
        }
    }

    fn key(&self, path: &Path) -> Option<BlobKey> {
        let path = path.as_ref();
        let key = match &self.prefix {
            Some(prefix) => path.strip_prefix(prefix.as_str())?.strip_prefix('/')?,
            None => path,
        };
        // What no key names was not put here by this library.
        BlobKey::new(key).ok()
    }

    fn told<T>(&self, result: object_store::Result<T>) -> Result<T> {
        result.map_err(|error| explain(&self.bucket, error))
    }
}

#[async_trait]
impl BlobStore for S3Blobs {
    fn name(&self) -> &str {
        "s3"
    }

    async fn put(&self, key: &BlobKey, mut bytes: Bytestream) -> Result<BlobRef> {
        let path = self.path(key);
        let mut measured = Measured::default();
        let mut parts: Option<Parts> = None;
        let mut gathered = BytesMut::new();
        while let Some(piece) = bytes.next().await.transpose()? {
            measured.piece(&piece);
            gathered.extend_from_slice(&piece);
            while gathered.len() >= PART {
                let part = gathered.split_to(PART).freeze();
                if parts.is_none() {
                    parts = Some(Parts(Some(self.told(self.store.put_multipart(&path).await)?)));
                }
                if let Some(parts) = &mut parts {
                    self.told(parts.put(part).await)?;
                }
            }
        }
        match parts {
            None => self.told(self.store.put(&path, gathered.freeze().into()).await).map(|_| ())?,
            Some(mut parts) => {
                if !gathered.is_empty() {
                    self.told(parts.put(gathered.freeze()).await)?;
                }
                self.told(parts.complete().await)?;
            }
        }
        Ok(measured.finish(key))
    }

    async fn get(&self, blob: &BlobRef) -> Result<Option<Bytestream>> {
        match in_time(&self.bucket, self.limit, self.reading.get(&self.path(&blob.key))).await? {
            Ok(found) => Ok(Some(checked(blob, pieces(found, self.bucket.clone(), self.limit)))),
            Err(error) if is_no_object(&error) => Ok(None),
            Err(error) => self.told(Err(error)),
        }
    }

    async fn delete(&self, key: &BlobKey) -> Result<bool> {
        let path = self.path(key);
        // S3 answers alike whether or not there was something to delete.
        match self.store.head(&path).await {
            Ok(_) => self.told(self.store.delete(&path).await).map(|()| true),
            Err(error) if is_no_object(&error) => Ok(false),
            Err(error) => self.told(Err(error)),
        }
    }

    async fn list(&self, folder: &BlobKey, after: Option<&BlobKey>, limit: usize) -> Result<Page<BlobKey>> {
        let folder = self.path(folder);
        let listed = match after {
            Some(after) => self.store.list_with_offset(Some(&folder), &self.path(after)),
            None => self.store.list(Some(&folder)),
        };
        let keys = listed.try_filter_map(async |found| Ok(self.key(&found.location)));
        let mut found: Vec<BlobKey> = self.told(keys.take(limit.saturating_add(1)).try_collect().await)?;
        let has_more = found.len() > limit;
        found.truncate(limit);
        Ok(Page::new(found, has_more))
    }

    async fn presigned_url(&self, key: &BlobKey, valid: Duration) -> Result<Option<Secret>> {
        if valid.is_zero() || valid > LONGEST_VALID {
            let message = format!("a presigned address is valid for up to {LONGEST_VALID:?}; {valid:?} was asked for");
            return Err(Error::new(ErrorKind::InvalidField, message));
        }
        let signed = self.store.signed_url(Method::GET, &self.path(key), valid).await;
        Ok(Some(Secret::new(self.told(signed)?.as_str())))
    }
}

/// What comes of `answer` before the limit.
async fn in_time<T>(bucket: &str, limit: Duration, answer: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(limit, answer).await.map_err(|_| late(bucket, limit))
}

/// The bytes of an object. Only waiting for them is limited: whoever reads may take their time.
fn pieces(found: GetResult, bucket: String, limit: Duration) -> Bytestream {
    stream::try_unfold((found.into_stream(), bucket), move |(mut bytes, bucket)| async move {
        match in_time(&bucket, limit, bytes.next()).await? {
            Some(Ok(piece)) => Ok(Some((piece, (bytes, bucket)))),
            Some(Err(error)) => Err(explain(&bucket, error)),
            None => Ok(None),
        }
    })
    .boxed()
}

/// An upload in parts; dropping it gives up what has gone up.
struct Parts(Option<Box<dyn MultipartUpload>>);

impl Parts {
    async fn put(&mut self, part: Bytes) -> object_store::Result<()> {
        match &mut self.0 {
            Some(upload) => upload.put_part(part.into()).await,
            None => Ok(()),
        }
    }

    async fn complete(mut self) -> object_store::Result<()> {
        if let Some(upload) = &mut self.0 {
            upload.complete().await?;
        }
        self.0 = None;
        Ok(())
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        if let Some(mut upload) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                if upload.abort().await.is_err() {
                    tracing::warn!(
                        "an upload that was broken off could not be removed; the bucket's lifecycle rules do it"
                    );
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An address as it is signed on a machine with a role, whose key comes with a token.
    async fn signed(options: S3Options) -> String {
        let environment = [
            ("AWS_ACCESS_KEY_ID", "of-the-role"),
            ("AWS_SECRET_ACCESS_KEY", "planted"),
            ("AWS_SESSION_TOKEN", "token-of-the-role"),
            ("AWS_REGION", "ap-south-1"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let blobs = options.open_in(environment, "s3://recordings").unwrap();
        let url = blobs.presigned_url(&BlobKey::new("a").unwrap(), Duration::from_secs(60)).await.unwrap().unwrap();
        assert!(!format!("{blobs:?}").contains("planted"));
        url.expose().to_owned()
    }

    #[tokio::test]
    async fn a_key_of_ones_own_does_not_go_with_the_token_of_the_environment() {
        let of_the_role = signed(S3Options::new()).await;
        assert!(of_the_role.contains("of-the-role") && of_the_role.contains("token-of-the-role"), "{of_the_role}");
        let own = signed(S3Options::new().credentials("my-key", "secret")).await;
        assert!(own.contains("my-key") && own.contains("ap-south-1"), "{own}");
        assert!(!own.contains("of-the-role"), "{own}");
    }
}
