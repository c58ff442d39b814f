//! Whether a request comes from the carrier: the signatures of webhooks, and of the request that opens the WebSocket.
//!
//! Every one is compared in constant time. Who checks none lets anybody on the internet talk with the agent.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    hmac,
    signature::{ED25519, UnparsedPublicKey},
};

use crate::{secret::Secret, time::Timestamp};

/// Whether Twilio signed a request: the header `X-Twilio-Signature`.
///
/// `url` is the address as Twilio was given it, with `wss://` for the request that opens a media stream; `params` are the fields of a
/// form that was posted, none otherwise. Twilio signs some addresses with the port that goes without saying (`:443`) and some without:
/// either fits. (HMAC-SHA1 over the address and the fields in order; Twilio, "Validating signatures".)
#[must_use]
pub fn twilio(auth_token: &Secret, url: &str, params: &[(String, String)], signature: &str) -> bool {
    let mut sorted: Vec<_> = params.iter().collect();
    sorted.sort();
    // A field that is there twice with the same value counts once.
    sorted.dedup();
    let fields: String = sorted.into_iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect();
    let fits =
        |url: &str| is_one_of(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth_token, &format!("{url}{fields}"), [signature]);
    fits(url) || with_other_port(url).is_some_and(|url| fits(&url))
}

/// The same address written the other way: without the port that its scheme has anyway, or with it.
fn with_other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let port = if matches!(scheme, "https" | "wss") { ":443" } else { ":80" };
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // An IPv6 address has colons of its own, in brackets.
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    match host.strip_suffix(port) {
        Some(host) => Some(format!("{scheme}://{host}{path}")),
        None if has_port => None,
        None => Some(format!("{scheme}://{host}{port}{path}")),
    }
}

/// Whether Plivo signed a request: the headers `X-Plivo-Signature-V3` and `X-Plivo-Signature-V3-Nonce`. Vobiz names its own
/// `X-Vobiz-Signature-V3` and says that they are made alike.
///
/// `url` is the address as Plivo was given it, `params` are the fields of a form that was posted, none otherwise. The header may hold
/// several signatures with commas between; one that fits is enough. (HMAC-SHA256 over the address with its query in order, the
/// fields in order, and the nonce; Plivo, "Validating requests".)
#[must_use]
pub fn plivo(auth_token: &Secret, url: &str, params: &[(String, String)], nonce: &str, signatures: &str) -> bool {
    let url = url.split_once('#').map_or(url, |(before, _)| before);
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let mut query: Vec<(String, String)> = query.split('&').filter(|part| !part.is_empty()).map(decoded).collect();
    query.sort();
    let mut sorted: Vec<_> = params.iter().collect();
    sorted.sort();
    let query: Vec<String> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut signed = base.to_owned();
    if !query.is_empty() || !params.is_empty() {
        signed.push('?');
        signed.push_str(&query.join("&"));
    }
    if !query.is_empty() && !params.is_empty() {
        signed.push('.');
    }
    for (name, value) in sorted {
        signed.push_str(name);
        signed.push_str(value);
    }
    signed.push('.');
    signed.push_str(nonce);
    is_one_of(hmac::HMAC_SHA256, auth_token, &signed, signatures.split(','))
}

/// How old or how far ahead a signed request may be: five minutes.
const TOLERANCE_SECONDS: u64 = 300;

/// Whether Telnyx signed a webhook: the headers `telnyx-signature-ed25519` and `telnyx-timestamp`, and the body as it came.
///
/// `public_key` is that of the account, in base64 as Telnyx shows it. A request that is more than five minutes older or younger than
/// `now` is none: somebody plays it again. (Ed25519 over the timestamp, `|` and the body.)
#[must_use]
pub fn telnyx(public_key: &str, timestamp: &str, body: &[u8], signature: &str, now: Timestamp) -> bool {
    let is_fresh = timestamp.parse::<i64>().is_ok_and(|at| now.as_second().abs_diff(at) <= TOLERANCE_SECONDS);
    let (Ok(key), Ok(signature)) = (STANDARD.decode(public_key), STANDARD.decode(signature)) else { return false };
    let signed = [timestamp.as_bytes(), b"|", body].concat();
    is_fresh && UnparsedPublicKey::new(&ED25519, key).verify(&signed, &signature).is_ok()
}

fn is_one_of<'a>(
    algorithm: hmac::Algorithm,
    secret: &Secret,
    signed: &str,
    given: impl IntoIterator<Item = &'a str>,
) -> bool {
    let key = hmac::Key::new(algorithm, secret.expose().as_bytes());
    let fits = |given: Vec<u8>| hmac::verify(&key, signed.as_bytes(), &given).is_ok();
    given.into_iter().any(|given| STANDARD.decode(given.trim()).is_ok_and(fits))
}

/// A part of a query without its escapes.
fn decoded(part: &str) -> (String, String) {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    (unescaped(name), unescaped(value))
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = (*first == b'%').then_some(after).and_then(|after| after.split_at_checked(2));
        let byte = escaped.and_then(|(hex, _)| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn twilios_signature_fits_its_request_and_no_other() {
        let token = Secret::new("12345");
        let params = fields(&[("To", "+2"), ("CallSid", "CA1"), ("From", "+1")]);
        let signature = "NnoeJZtjqfvZSOM/Q10zjOUbpkg=";
        let url = "https://example.com/hook?x=1";
        assert!(twilio(&token, url, &params, signature));
        assert!(!twilio(&token, url, &params[1..], signature));
        assert!(!twilio(&token, "https://example.com/hook?x=2", &params, signature));
        assert!(!twilio(&Secret::new("12346"), url, &params, signature));
        for wrong in ["", "NnoeJZtjqfvZSOM/Q10zjOUbpk", "AAAA", "no base64!"] {
            assert!(!twilio(&token, url, &params, wrong), "{wrong}");
        }
    }

    #[test]
    fn twilios_signature_fits_with_and_without_the_port_that_goes_without_saying() {
        let token = Secret::new("12345");
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345");
        let fits =
            |url: &str, signed: &str| twilio(&token, url, &[], &STANDARD.encode(hmac::sign(&key, signed.as_bytes())));
        for (one, other) in [
            ("https://example.com/hook?x=a:1", "https://example.com:443/hook?x=a:1"),
            ("wss://example.com/media", "wss://example.com:443/media"),
            ("http://example.com", "http://example.com:80"),
            ("wss://[::1]/media", "wss://[::1]:443/media"),
        ] {
            assert!(fits(one, other) && fits(other, one) && fits(one, one) && fits(other, other), "{one}");
        }
        assert!(fits("https://example.com:8443/", "https://example.com:8443/"));
        assert!(!fits("https://example.com:8443/", "https://example.com/"));
        assert!(!fits("https://example.com/", "https://example.com:8443/"));
        assert!(!fits("https://example.com/", "http://example.com/"));
    }

    #[test]
    fn plivos_signature_fits_its_request_and_no_other() {
        // Made with the vendor's own library.
        let token = Secret::new("token");
        for (url, params, signature) in PLIVO {
            let params = fields(params);
            assert!(plivo(&token, url, &params, "nonce1", signature), "{url}");
            assert!(plivo(&token, url, &params, "nonce1", &format!("AAAA,{signature}")), "{url}");
            assert!(!plivo(&token, url, &params, "nonce2", signature), "{url}");
            assert!(!plivo(&token, &format!("{url}x"), &params, "nonce1", signature), "{url}");
            assert!(!plivo(&Secret::new("other"), url, &params, "nonce1", signature), "{url}");
        }
    }

    /// An address, what was posted to it, and the signature.
    type Signed = (&'static str, &'static [(&'static str, &'static str)], &'static str);

    const PLIVO: &[Signed] = &[
        ("https://example.com/answer", &[], "4qQNPWvt3Les0fqeIMdfjPago/HqdeLzKVEszvnBKA0="),
        ("https://example.com/answer?b=2&a=1%20x", &[], "mTpFjshpyqt6NUecv5pKQjkPea89UPrb3P9wMV1UTgM="),
        (
            "https://example.com/answer",
            &[("To", "+2"), ("From", "+1"), ("CallUUID", "c1")],
            "LCx1Vyon8NY9U79SFG2WuoX4sGvVXZkKE4ISqCekt9M=",
        ),
        (
            "https://example.com/answer?b=2&a=1",
            &[("To", "+2"), ("From", "+1")],
            "MTalFxXS1bbcABq2vnA718HTmQI27gbctQ3CNbprLwM=",
        ),
        ("wss://example.com/ws?k=v", &[], "1okbmFu8mnye951JIZL8zIIUAp9bGqp+UeZjBap02RI="),
    ];

    #[test]
    fn telnyxs_signature_fits_its_request_while_it_is_fresh() {
        let key = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
        let signature = "gFUFz3M0SRRrClGayW/1fBre6GcdCZK0Wql/WBsuZauIXN5nVv+ZLvPSJXYWvu0Nykmv6NaTfRperFz/bXvbCQ==";
        let at = |second| Timestamp::from_second(second).unwrap();
        let (when, body) = ("1700000000", br#"{"data":{}}"#.as_slice());
        assert!(telnyx(key, when, body, signature, at(1_700_000_200)));
        assert!(!telnyx(key, when, body, signature, at(1_700_000_301)));
        assert!(!telnyx(key, when, body, signature, at(1_699_999_000)));
        assert!(!telnyx(key, "1700000001", body, signature, at(1_700_000_000)));
        assert!(!telnyx(key, when, b"{}", signature, at(1_700_000_000)));
        for (key, signature) in [("", signature), ("AAAA", signature), (key, ""), (key, "AAAA"), ("!", "!")] {
            assert!(!telnyx(key, when, body, signature, at(1_700_000_000)), "{key} {signature}");
        }
    }

    #[test]
    fn escapes_are_read_as_far_as_they_are_escapes() {
        assert_eq!(unescaped("a%20b+c%2Bd%zz%4"), "a b c+d%zz%4");
    }
}
