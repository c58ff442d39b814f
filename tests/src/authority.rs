//! Certificates of an authority of our own, for servers that the tests start.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::servers::own;

/// An authority, and what it has signed. Made with the `openssl` command.
#[derive(Debug)]
pub struct Authority(TempDir);

impl Authority {
    /// An authority that nobody knows.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("voice-authority-").tempdir().unwrap();
        let authority = Self(folder);
        authority.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=Tests",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
        ]);
        own(authority.0.path());
        authority
    }

    /// Its own certificate, to be trusted.
    pub fn certificate(&self) -> PathBuf {
        self.0.path().join("ca.pem")
    }

    /// A certificate for a host, and its key.
    pub fn certify(&self, host: &str) -> (PathBuf, PathBuf) {
        let (request, key, signed) = (format!("{host}.csr"), format!("{host}.key"), format!("{host}.pem"));
        let names = format!("subjectAltName=DNS:{host}");
        self.openssl(&[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            &format!("/CN={host}"),
            "-addext",
            &names,
            "-keyout",
            &key,
            "-out",
            &request,
        ]);
        self.openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-copy_extensions",
            "copy",
            "-out",
            &signed,
        ]);
        let made = (self.0.path().join(signed), self.0.path().join(key));
        own(&made.0);
        own(&made.1);
        made
    }

    fn openssl(&self, words: &[&str]) {
        let output = Command::new("openssl").args(words).current_dir(self.0.path()).stdin(Stdio::null()).output();
        let output = output.expect("the command openssl is there");
        assert!(output.status.success(), "openssl {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
