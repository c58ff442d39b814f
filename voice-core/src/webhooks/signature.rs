//! Signatures as Standard Webhooks writes them: pure.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use rand::{TryRngCore, rngs::OsRng};
use sha2::Sha256;

use crate::{
    error::{Error, ErrorKind, Result},
    secret::Secret,
    time::Timestamp,
};

/// How far the time of a message may be from the receiver's, both ways: 5 minutes.
pub const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// What every secret begins with.
const PREFIX: &str = "whsec_";
/// How many random bytes a secret is made of.
const BYTES: usize = 32;
/// How many bytes the secrets of others may have.
const ACCEPTED: std::ops::RangeInclusive<usize> = 16..=64;

/// A fresh secret: `whsec_` and 32 random bytes in base64.
///
/// # Errors
/// `INTERNAL_ERROR` when the system gives no random bytes.
pub(crate) fn new_secret() -> Result<Secret> {
    let mut bytes = [0; BYTES];
    OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|e| Error::internal("the system gave no random bytes for a secret").with_source(e))?;
    Ok(Secret::new(format!("{PREFIX}{}", STANDARD.encode(bytes))))
}

/// What a message is signed with, and what stands in its headers.
#[derive(Clone, Copy, Debug)]
pub struct SignedHeaders<'a> {
    /// `webhook-id`: the message, the same in every attempt.
    pub id: &'a str,
    /// `webhook-timestamp`: seconds since 1970, as text.
    pub timestamp: &'a str,
    /// `webhook-signature`: one or more signatures, with spaces between.
    pub signature: &'a str,
}

fn mac(secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> Result<Hmac<Sha256>> {
    let wrong = || {
        let message = format!("secret: expected {PREFIX} and 16 to 64 bytes in base64");
        Error::new(ErrorKind::InvalidField, message)
    };
    let text = secret.expose().trim();
    let key = STANDARD.decode(text.strip_prefix(PREFIX).unwrap_or(text)).map_err(|_| wrong())?;
    if !ACCEPTED.contains(&key.len()) {
        return Err(wrong());
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| wrong())?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Ok(mac)
}

/// The signature of a message, as one entry of `webhook-signature`: `v1,` and HMAC-SHA256 of `id.timestamp.body` in base64.
///
/// # Errors
/// `VALIDATION_ERROR` when the secret is not `whsec_` and 16 to 64 bytes in base64.
pub fn sign(secret: &Secret, id: &str, timestamp: i64, body: &[u8]) -> Result<String> {
    let signature = mac(secret, id, &timestamp.to_string(), body)?.finalize().into_bytes();
    Ok(format!("v1,{}", STANDARD.encode(signature)))
}

/// Checks, for a receiver, that a message was signed with one of its secrets, and not long ago. `body` is what came, byte for byte,
/// before anything reads it as JSON. Signatures are compared in constant time; those of other versions are passed over.
///
/// A message that is good may still have come before: leave out those whose `webhook-id` was seen within the last days.
///
/// ```
/// use voice_core::{Secret, time::Timestamp, webhooks};
///
/// # fn main() -> voice_core::Result<()> {
/// let (secret, now) = (Secret::new("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), Timestamp::now());
/// let signature = webhooks::sign(&secret, "msg_1", now.as_second(), b"{}")?;
/// let timestamp = now.as_second().to_string();
/// let headers = webhooks::SignedHeaders { id: "msg_1", timestamp: &timestamp, signature: &signature };
/// webhooks::verify(&[secret], headers, b"{}", now, webhooks::TOLERANCE)
/// # }
/// ```
///
/// # Errors
/// `UNAUTHORIZED` (kind `InvalidToken`) when no signature fits, or the time is missing or further than `tolerance` from `now`;
/// `VALIDATION_ERROR` for a secret that is none.
pub fn verify(
    secrets: &[Secret],
    headers: SignedHeaders<'_>,
    body: &[u8],
    now: Timestamp,
    tolerance: Duration,
) -> Result<()> {
    let refused =
        |why: &str| Error::new(ErrorKind::InvalidToken, format!("the message of a webhook is refused: {why}"));
    let sent: i64 = headers.timestamp.parse().map_err(|_| refused("webhook-timestamp is no number of seconds"))?;
    if now.as_second().abs_diff(sent) > tolerance.as_secs() {
        return Err(refused("webhook-timestamp is too far from the present"));
    }
    let signatures = headers.signature.split_whitespace().filter_map(|entry| entry.strip_prefix("v1,"));
    let signatures: Vec<Vec<u8>> = signatures.filter_map(|text| STANDARD.decode(text).ok()).collect();
    let mut good = false;
    for secret in secrets {
        let mac = mac(secret, headers.id, headers.timestamp, body)?;
        for signature in &signatures {
            // In constant time, and without stopping at the first that fits.
            good |= mac.clone().verify_slice(signature).is_ok();
        }
    }
    if good { Ok(()) } else { Err(refused("no signature fits")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const BODY: &[u8] = br#"{"type":"call.ended","timestamp":"2026-11-21T01:00:00Z","data":{"id":"c1"}}"#;
    const SENT: i64 = 1_763_683_200;
    const SIGNATURE: &str = "v1,ndss6J7LFDoi1zGZbEF7pURPHxM434QVLd6JjSZSLaM=";

    fn check(secrets: &[&str], headers: SignedHeaders<'_>, body: &[u8], late: i64) -> Result<()> {
        let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        verify(&secrets, headers, body, Timestamp::from_second(SENT + late).unwrap(), TOLERANCE)
    }

    fn headers(signature: &str) -> SignedHeaders<'_> {
        SignedHeaders { id: "msg_test1", timestamp: "1763683200", signature }
    }

    #[test]
    fn a_known_message_has_the_known_signature() {
        assert_eq!(sign(&Secret::new(SECRET), "msg_test1", SENT, BODY).unwrap(), SIGNATURE);
        check(&[SECRET], headers(SIGNATURE), BODY, 0).unwrap();
    }

    #[test]
    fn one_good_signature_among_others_is_enough_and_so_is_one_good_secret() {
        let many = format!("v1,AAAA v2,zzzz v1a,x {SIGNATURE}");
        check(&[SECRET], headers(&many), BODY, 0).unwrap();
        let fresh = new_secret().unwrap();
        check(&[fresh.expose(), SECRET], headers(SIGNATURE), BODY, 0).unwrap();
        assert!(check(&[fresh.expose()], headers(&many), BODY, 0).is_err());
        assert!(check(&[], headers(&many), BODY, 0).is_err());
    }

    #[test]
    fn whatever_is_changed_the_message_is_refused() {
        let id = SignedHeaders { id: "msg_test2", ..headers(SIGNATURE) };
        let time = SignedHeaders { timestamp: "1763683201", ..headers(SIGNATURE) };
        let v2 = SIGNATURE.replace("v1", "v2");
        for (what, headers, body) in [
            ("the id", id, BODY),
            ("the time", time, BODY),
            ("the body", headers(SIGNATURE), &BODY[1..]),
            ("the version", headers(&v2), BODY),
            ("no signature", headers(""), BODY),
            ("half a signature", headers(&SIGNATURE[..20]), BODY),
            ("no time", SignedHeaders { timestamp: "soon", ..headers(SIGNATURE) }, BODY),
        ] {
            let error = check(&[SECRET], headers, body, 0).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidToken, "{what}");
        }
    }

    #[test]
    fn a_message_is_good_for_five_minutes_both_ways() {
        for (late, good) in [(300, true), (-300, true), (301, false), (-301, false)] {
            assert_eq!(check(&[SECRET], headers(SIGNATURE), BODY, late).is_ok(), good, "{late}");
        }
    }

    #[test]
    fn secrets_are_fresh_and_of_32_bytes_and_bad_ones_are_refused_without_being_shown() {
        let (one, two) = (new_secret().unwrap(), new_secret().unwrap());
        assert_ne!(one.expose(), two.expose());
        assert_eq!(STANDARD.decode(one.expose().strip_prefix(PREFIX).unwrap()).unwrap().len(), 32);
        for bad in ["", "whsec_", "whsec_planted!", "whsec_AAAA", &"A".repeat(200)] {
            let error = sign(&Secret::new(bad), "m", 0, b"").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidField);
            assert!(!error.to_string().contains("planted"));
        }
    }
}
