//! Secrets at rest: encrypted under a key that only the host has.

use base64::{Engine, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use rand::{TryRngCore, rngs::OsRng};

use crate::{
    error::{Error, ErrorKind, Result},
    id::OrganizationId,
    secret::Secret,
    store::Credential,
};

/// The first byte of what is sealed: which way it was.
const FORMAT: u8 = 1;
const NONCE: usize = 24;

/// Seals with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): format byte, random nonce, ciphertext and tag. What is sealed for one
/// organization and provider cannot be opened for another.
pub(in crate::agent) struct Vault(XChaCha20Poly1305);

impl Vault {
    /// From 32 bytes as 64 hexadecimal digits or in base64.
    pub(in crate::agent) fn new(key: &Secret) -> Result<Self> {
        let bytes = from_hex(key.expose()).or_else(|| STANDARD.decode(key.expose().trim()).ok());
        let bytes: [u8; 32] = bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidConfig,
                "accounts.credentials_key: expected 32 random bytes as 64 hexadecimal digits or in base64",
            )
        })?;
        Ok(Self(XChaCha20Poly1305::new(&Key::from(bytes))))
    }

    pub(super) fn seal(&self, organization: OrganizationId, provider: &str, secret: &Secret) -> Result<Vec<u8>> {
        self.seal_bound(&bound_to(organization, provider), secret)
    }

    /// Seals a secret so that it opens only together with `aad`, which says what it is for.
    pub(in crate::agent) fn seal_bound(&self, aad: &[u8], secret: &Secret) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE];
        OsRng
            .try_fill_bytes(&mut nonce)
            .map_err(|e| Error::internal("the system gave no random bytes to encrypt with").with_source(e))?;
        let payload = Payload { msg: secret.expose().as_bytes(), aad };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| Error::internal("a credential could not be encrypted"))?;
        Ok([&[FORMAT][..], &nonce, &sealed].concat())
    }

    pub(in crate::agent) fn open(&self, credential: &Credential) -> Result<Secret> {
        let failed = || {
            Error::new(
                ErrorKind::InvalidConfig,
                format!(
                    "the credential for {} cannot be opened: accounts.credentials_key is not the key under which it was kept; \
                     configure that key, or set the credential again",
                    credential.provider
                ),
            )
        };
        let aad = bound_to(credential.organization, &credential.provider);
        self.open_bound(&aad, &credential.sealed).ok_or_else(failed)
    }

    /// Opens what was sealed together with `aad`. `None`: under another key, for something else, or it was changed.
    pub(in crate::agent) fn open_bound(&self, aad: &[u8], sealed: &[u8]) -> Option<Secret> {
        let (_, rest) = sealed.split_first().filter(|(format, _)| **format == FORMAT)?;
        let (nonce, msg) = rest.split_first_chunk::<NONCE>()?;
        let opened = self.0.decrypt(&XNonce::from(*nonce), Payload { msg, aad }).ok()?;
        String::from_utf8(opened).map(Secret::new).ok()
    }
}

fn bound_to(organization: OrganizationId, provider: &str) -> Vec<u8> {
    [b"voice-core credential\0", &organization.as_uuid().into_bytes()[..], provider.as_bytes()].concat()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digits = text.bytes().map(|b| char::from(b).to_digit(16)).collect::<Option<Vec<u32>>>()?;
    digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn vault(byte: u8) -> Vault {
        Vault::new(&Secret::new(format!("{byte:02x}").repeat(32))).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_again_and_only_in_its_place() {
        let organization = OrganizationId::new();
        let kept = |organization, provider: &str, sealed: &[u8]| {
            Credential::new(organization, provider, sealed.to_vec(), Timestamp::UNIX_EPOCH)
        };
        let sealed = vault(7).seal(organization, "openai", &Secret::new("sk-planted")).unwrap();
        assert!(!sealed.windows(7).any(|w| w == b"planted"));
        assert_ne!(sealed, vault(7).seal(organization, "openai", &Secret::new("sk-planted")).unwrap());
        let good = kept(organization, "openai", &sealed);
        assert_eq!(vault(7).open(&good).unwrap().expose(), "sk-planted");

        let mut changed = sealed.clone();
        changed[40] ^= 1;
        assert!(vault(8).open(&good).is_err());
        for bad in [
            kept(OrganizationId::new(), "openai", &sealed),
            kept(organization, "deepgram", &sealed),
            kept(organization, "openai", &changed),
            kept(organization, "openai", &sealed[..20]),
            kept(organization, "openai", &[]),
        ] {
            assert_eq!(vault(7).open(&bad).unwrap_err().kind(), ErrorKind::InvalidConfig);
        }
    }

    #[test]
    fn a_key_is_hexadecimal_or_base64_of_32_bytes() {
        assert!(Vault::new(&Secret::new(STANDARD.encode([9; 32]))).is_ok());
        for bad in ["", "short", &"0".repeat(63), &"ab".repeat(31), &STANDARD.encode([9; 31])] {
            let error = Vault::new(&Secret::new(bad)).err().unwrap();
            assert!(error.message().contains("accounts.credentials_key"));
        }
    }
}
