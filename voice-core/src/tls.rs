//! The TLS settings of every outgoing connection.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::error::{Error, ErrorKind, Result};

/// The settings that all connections share: ring with the certificates the system trusts. Never installed
/// as the default of the process, which belongs to the host app.
///
/// # Errors
/// `INTERNAL_ERROR` when the crypto provider supports no TLS version.
pub(crate) fn tls() -> Result<Arc<ClientConfig>> {
    static TLS: OnceLock<Arc<ClientConfig>> = OnceLock::new();

    if let Some(config) = TLS.get() {
        return Ok(config.clone());
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::new(ErrorKind::Internal, format!("cannot set up TLS: {e}")))?;
    let config = match builder.clone().with_platform_verifier() {
        Ok(verified) => verified.with_no_client_auth(),
        // A machine without CA certificates can still talk to a server of its own over plain HTTP; TLS will refuse.
        Err(error) => {
            tracing::warn!(%error, "no system certificates can be read, so every TLS connection will be refused");
            builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        }
    };
    Ok(TLS.get_or_init(|| Arc::new(config)).clone())
}
