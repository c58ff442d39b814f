//! The connections: how they are made and shared, and how long anything may take.

use std::{fs::File, io::BufReader, path::Path, sync::Arc, time::Duration};

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    address::Address,
    error::{closed, explain, late, of_pool},
};
use crate::{
    error::{Error, ErrorKind, Result},
    stores::server::ServerOptions,
    tls::tls,
};

/// The server ends a statement by itself this much before the client gives up, so that both agree on what happened.
const SERVER_FIRST: Duration = Duration::from_millis(200);

pub(super) struct Database {
    pool: Pool,
    pub(super) place: String,
    pub(super) schema: String,
    limit: Duration,
    connections: usize,
}

impl Database {
    pub(super) fn new(address: Address, options: ServerOptions) -> Result<Self> {
        let ServerOptions { connections, connect_timeout: connect, timeout: limit } = options;
        let connections = connections as usize;
        let Address { mut config, schema, root_certificates, place } = address;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(connect);
        }
        let tls = match root_certificates {
            Some(file) => trusting(&file)?,
            None => ClientConfig::clone(&*tls()?),
        };
        let manager = Manager::from_config(
            config,
            MakeRustlsConnect::new(tls),
            // A connection that was closed is noticed; one that hangs meets the limit of the next call and goes then.
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        // The statements are written for this isolation, whatever the database's own default is: none fails for another's sake.
        // And what was acknowledged is on the disk, also where the default is not to wait for that.
        let settings = format!(
            "SET search_path TO \"{schema}\"; SET statement_timeout = {}; SET client_min_messages = warning;
             SET default_transaction_isolation = 'read committed';
             SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
            limit.saturating_sub(SERVER_FIRST).as_millis().max(1)
        );
        let prepare: Arc<str> = settings.into();
        let pool = Pool::builder(manager)
            .max_size(connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(limit))
            .create_timeout(Some(connect * 2))
            .post_create(Hook::async_fn(move |client, _| {
                let prepare = Arc::clone(&prepare);
                Box::pin(async move { client.batch_execute(&prepare).await.map_err(HookError::Backend) })
            }))
            .build()
            .map_err(|_| Error::internal("the pool of PostgreSQL connections is not set up"))?;
        Ok(Self { pool, place, schema, limit, connections })
    }

    /// Does `work` on a connection of its own. It may take as long as a call may; when it does not end, or its caller goes
    /// away, the connection is not used again.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        F: AsyncFnOnce(&Object) -> Result<T, tokio_postgres::Error>,
    {
        let lease = self.lease().await?;
        let done = tokio::time::timeout(self.limit, work(lease.client()?)).await;
        match done {
            Ok(result) => {
                lease.give_back();
                result.map_err(|error| explain(&self.place, error))
            }
            Err(_) => Err(late(&self.place, self.limit)),
        }
    }

    /// As [`run`](Self::run), once more when the first connection turns out to be broken: for what changes nothing.
    pub(super) async fn read<T, F>(&self, work: F) -> Result<T>
    where
        F: AsyncFnOnce(&Object) -> Result<T, tokio_postgres::Error> + Clone,
    {
        match self.run(work.clone()).await {
            Err(error) if error.kind() == ErrorKind::StorageUnreachable => self.run(work).await,
            done => done,
        }
    }

    /// A connection without a limit on its calls: for migrations, which may take long.
    pub(super) async fn patient(&self) -> Result<Object> {
        let failed = |error| of_pool(&self.place, error, self.limit, self.connections);
        let client = self.pool.get().await.map_err(failed)?;
        client.batch_execute("SET statement_timeout = 0").await.map_err(|error| explain(&self.place, error))?;
        Ok(client)
    }

    async fn lease(&self) -> Result<Lease> {
        let failed = |error| of_pool(&self.place, error, self.limit, self.connections);
        Ok(Lease(Some(self.pool.get().await.map_err(failed)?)))
    }

    /// Takes no new calls, and waits for those under way.
    pub(super) async fn close(&self) {
        self.pool.close();
        let all_back = async {
            while self.pool.status().size > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // A call whose caller does not poll it any more must not keep the store open for ever.
        let _in_time = tokio::time::timeout(self.limit, all_back).await;
    }
}

/// A connection that leaves the pool unless it is given back.
struct Lease(Option<Object>);

impl Lease {
    fn client(&self) -> Result<&Object> {
        self.0.as_ref().ok_or_else(closed)
    }

    fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(Object::take(client));
        }
    }
}

/// TLS that trusts the certificates in a file, and no others.
fn trusting(file: &Path) -> Result<ClientConfig> {
    let wrong =
        |why: String| Error::new(ErrorKind::InvalidConfig, format!("storage: sslrootcert: {}: {why}", file.display()));
    let reader = BufReader::new(File::open(file).map_err(|error| wrong(error.kind().to_string()))?);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_reader_iter(reader) {
        let certificate = certificate.map_err(|_| wrong("a certificate in PEM form is expected".into()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("there is no certificate in it; PEM form is expected".into()));
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::internal(format!("cannot set up TLS: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
