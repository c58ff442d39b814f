//! The keys of access tokens.

use serde::Deserialize;
use serde_json::Value;
use voice_core::{
    Secret,
    agent::{TokenKey, TokenKeys},
};

use crate::{ErrorRecord, Outcome, arguments::Arguments};

/// Reads the keys: the first one signs, all verify.
pub(super) fn keys(arguments: &Arguments) -> Outcome<TokenKeys> {
    let given = Arguments::of(arguments.object("keys")?.clone());
    given.only(&["keys", "issuer", "audience", "leeway_seconds"])?;
    let Some(Value::Array(listed)) = given.given("keys") else {
        return Err(ErrorRecord::invalid("keys: expected a list of keys in `keys`"));
    };
    let mut keys = None::<TokenKeys>;
    for document in listed {
        let key = key(document)?;
        keys = Some(match keys {
            None => TokenKeys::new(key),
            Some(before) => before.and(key),
        });
    }
    let mut keys = keys.ok_or_else(|| ErrorRecord::invalid("keys: there is none"))?;
    if let Some(issuer) = given.text("issuer")? {
        keys = keys.issuer(issuer);
    }
    if let Some(audience) = given.text("audience")? {
        keys = keys.audience(audience);
    }
    if let Some(leeway) = given.seconds("leeway_seconds")? {
        keys = keys.leeway(leeway);
    }
    Ok(keys)
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Document {
    Hs256 { id: String, hs256: Secret },
    Ed25519 { id: String, ed25519: Secret },
    Ed25519Public { id: String, ed25519_public: String },
}

fn key(document: &Value) -> Outcome<TokenKey> {
    let read = Document::deserialize(document).map_err(|_| {
        ErrorRecord::invalid("keys: expected {id, hs256: SECRET}, {id, ed25519: PEM} or {id, ed25519_public: PEM}")
    })?;
    Ok(match read {
        Document::Hs256 { id, hs256 } => TokenKey::hs256(id, &hs256)?,
        Document::Ed25519 { id, ed25519 } => TokenKey::ed25519(id, &ed25519)?,
        Document::Ed25519Public { id, ed25519_public } => TokenKey::ed25519_public(id, &ed25519_public)?,
    })
}
