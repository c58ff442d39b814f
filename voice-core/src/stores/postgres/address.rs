//! Addresses of databases: `postgres://user:password@host:port/database?…`.

use std::{path::PathBuf, str::FromStr};

use tokio_postgres::config::{Config, Host, SslMode};

use crate::error::{Error, ErrorKind, Result};

/// The schema that holds the tables when the address names none.
const SCHEMA: &str = "voice_core";
const LONGEST_SCHEMA: usize = 63;

/// A database, and the schema in it that is ours.
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) schema: String,
    /// A file with the certificates to trust, instead of the system's.
    pub(super) root_certificates: Option<PathBuf>,
    /// Where it is, without any credentials: for errors and `Debug`.
    pub(super) place: String,
}

impl Address {
    /// Reads an address. Nothing of it but host, port and database is ever shown: it may hold a password.
    pub(super) fn parse(address: &str) -> Result<Self> {
        let (base, query) = address.split_once('?').unwrap_or((address, ""));
        let (mut kept, mut schema, mut root_certificates) = (Vec::new(), SCHEMA.to_owned(), None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=').unwrap_or((pair, "")) {
                ("schema", name) => schema = checked_schema(name)?,
                // A certificate is always verified, with its host name, whichever of the two words asks for it.
                ("sslmode", "verify-ca" | "verify-full") => kept.push("sslmode=require"),
                ("sslrootcert", "system") => {}
                ("sslrootcert", path) => root_certificates = Some(PathBuf::from(decoded(path))),
                _ => kept.push(pair),
            }
        }
        let address = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
        let mut config = Config::from_str(&address).map_err(|_| {
            wrong("expected postgres://USER:PASSWORD@HOST:PORT/DATABASE, special characters written as %XX")
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(wrong("it names no host"));
        }
        if root_certificates.is_some() && config.get_ssl_mode() == SslMode::Prefer {
            config.ssl_mode(SslMode::Require);
        }
        if config.get_application_name().is_none() {
            config.application_name("voice-core");
        }
        let place = place(&config);
        Ok(Self { config, schema, root_certificates, place })
    }
}

fn wrong(why: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("storage: the address of the PostgreSQL database is not valid: {why}"))
}

/// A schema's name becomes part of statements, so only plain ones are taken.
fn checked_schema(name: &str) -> Result<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.len() <= LONGEST_SCHEMA && name.chars().all(plain) && name.starts_with(|c: char| !c.is_ascii_digit()) {
        return Ok(name.to_owned());
    }
    Err(wrong("schema takes lower-case letters, digits and underscores, 63 at most, and no digit first"))
}

/// A value of the query with its `%XX` taken back.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = (first == b'%').then(|| after.get(..2)).flatten().and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn place(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        #[cfg(unix)]
        Some(Host::Unix(path)) => path.display().to_string(),
        None => config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let database = config.get_dbname().or_else(|| config.get_user()).unwrap_or("postgres");
    format!("{host}:{port}/{database}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: &str) -> String {
        let error = Address::parse(address).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        error.message().to_owned()
    }

    #[test]
    fn an_address_shows_its_place_and_nothing_else() {
        let address = Address::parse("postgres://ada:s3cret@db.example:5433/voice?sslmode=verify-full").unwrap();
        assert_eq!(address.place, "db.example:5433/voice");
        assert_eq!(address.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(address.schema, "voice_core");
    }

    #[test]
    fn the_schema_and_the_certificates_are_ours_to_read() {
        let address = "postgresql://h/db?schema=app_2&sslrootcert=%2Fetc%2Fca.pem&connect_timeout=3";
        let address = Address::parse(address).unwrap();
        assert_eq!(address.schema, "app_2");
        assert_eq!(address.root_certificates, Some(PathBuf::from("/etc/ca.pem")));
        assert_eq!(address.config.get_ssl_mode(), SslMode::Require, "named certificates are there to be used");
    }

    #[test]
    fn a_wrong_address_is_refused_without_being_shown() {
        for address in [
            "postgres://ada:planted@db.example:port/voice",
            "postgres://ada:planted@db.example/voice?sslmode=maybe",
            "postgres://ada:planted@db.example/voice?schema=%3B+drop",
            "postgres://ada:planted@db.example/voice?schema=1",
            "postgres:planted",
        ] {
            assert!(!refused(address).contains("planted"), "{address}");
        }
    }
}
