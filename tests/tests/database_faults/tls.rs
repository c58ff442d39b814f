//! PostgreSQL over TLS: whom a client trusts, and what it says when it does not.

use voice_tests::authority::Authority;

use super::*;

const HOST: &str = "localhost";

/// A server with a certificate of `authority` for `host`.
fn server(authority: &Authority, host: &str) -> Postgres {
    let (certificate, key) = authority.certify(host);
    let certificate = format!("ssl_cert_file={}", certificate.display());
    Postgres::start(&["ssl=on", &certificate, &format!("ssl_key_file={}", key.display())])
}

/// The address of a fresh schema on a server, asking for TLS as `asking` says.
fn url(server: &Postgres, asking: &str) -> String {
    let (password, port, schema) = (Postgres::PASSWORD, server.address().port(), fresh("s"));
    format!("postgres://voice:{password}@{HOST}:{port}/postgres?schema={schema}&{asking}")
}

fn trusting(authority: &Authority) -> String {
    format!("sslmode=verify-full&sslrootcert={}", authority.certificate().display())
}

/// Refused for good, with a way out in the words, and nothing asked of the server.
fn is_distrust(error: &Error) {
    is(error, ErrorKind::StorageDenied, false);
    assert!(error.message().contains("no safe connection") && error.message().contains("sslrootcert"), "{error}");
}

#[tokio::test]
async fn a_server_with_a_certificate_of_the_named_authority_is_used_over_tls() {
    let authority = Authority::new();
    let server = server(&authority, HOST);
    let store = quick_postgres(&url(&server, &trusting(&authority))).await.unwrap();
    let session = session();
    store.save_turn(&turn(&session)).await.unwrap();
    assert_eq!(kept(&store, &session).await, 2);
    let plain = server.url();
    let plain = plain.split('?').next().unwrap().to_owned() + "?sslmode=disable";
    let (client, connection) = tokio_postgres::connect(&plain, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let sql = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
               WHERE application_name = 'voice-core'";
    let encrypted: Option<bool> = client.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(encrypted, Some(true), "the server sees our connections as encrypted");
}

#[tokio::test]
async fn a_server_that_no_trusted_authority_vouches_for_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = server(&authority, HOST);
    is_distrust(&quick_postgres(&url(&server, &trusting(&other))).await.unwrap_err());
    // The system's authorities do not know ours either, whichever word asks for TLS.
    for asking in ["sslmode=require", "sslmode=verify-ca", "sslmode=verify-full", "sslmode=prefer"] {
        is_distrust(&quick_postgres(&url(&server, asking)).await.unwrap_err());
    }
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let authority = Authority::new();
    let server = server(&authority, "db.example.org");
    is_distrust(&quick_postgres(&url(&server, &trusting(&authority))).await.unwrap_err());
}

#[tokio::test]
async fn a_server_without_tls_is_refused_when_tls_is_asked_for() {
    let url = url(Postgres::shared(), "sslmode=require");
    let error = quick_postgres(&url).await.unwrap_err();
    is(&error, ErrorKind::StorageDenied, false);
    assert!(error.message().contains("does not speak TLS") && error.message().contains("sslmode=disable"), "{error}");
}

#[tokio::test]
async fn a_file_without_a_certificate_is_a_fault_of_the_config() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, empty) = (folder.path().join("missing.pem"), folder.path().join("empty.pem"));
    std::fs::write(&empty, "not a certificate").unwrap();
    for file in [missing, empty] {
        let asking = format!("sslmode=verify-full&sslrootcert={}", file.display());
        let error = quick_postgres(&url(Postgres::shared(), &asking)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
        assert!(error.message().contains("sslrootcert"), "{error}");
    }
}
