//! Secrets that cannot be printed by accident.

use std::{fmt, ops::Deref};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

/// A key or password. `Debug` shows only that there is one; there is no `Display` and no `Serialize`. Wiped on drop.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// The secret itself, for the one place that sends it. Never log what this returns.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self::new(value)
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self::new(value)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Where a server is. `Debug` leaves out what may be a secret: a name and a password before the host, and whatever follows a question
/// mark.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address(String);

impl Address {
    /// An address without the slash at its end.
    pub(crate) fn new(url: &str) -> Self {
        Self(url.trim().trim_end_matches('/').to_owned())
    }
}

impl Deref for Address {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        let (rest, query) = rest.find(['?', '#']).map_or((rest, ""), |at| (&rest[..at], "?…"));
        let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (before, host) = host.rsplit_once('@').map_or(("", host), |(_, host)| ("…@", host));
        let mark = if scheme.is_empty() { "" } else { "://" };
        write!(f, "\"{scheme}{mark}{before}{host}{path}{query}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_an_address_shows_the_server_alone() {
        for (address, shown) in [
            ("https://api.example.com/v1/", "\"https://api.example.com/v1\""),
            ("https://ada:planted@proxy.example:8443/v1", "\"https://…@proxy.example:8443/v1\""),
            ("https://planted@api.example.com?key=planted", "\"https://…@api.example.com?…\""),
            ("ada:planted@api.example.com", "\"…@api.example.com\""),
            ("", "\"\""),
        ] {
            assert_eq!(format!("{:?}", Address::new(address)), shown);
        }
    }

    #[test]
    fn debug_never_shows_the_secret() {
        assert_eq!(format!("{:?}", Secret::new("sk-planted")), "Secret(…)");
    }
}
