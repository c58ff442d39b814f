//! Access tokens: JSON Web Tokens for hosts that want them (RFC 7519).

use std::{collections::BTreeMap, fmt, time::Duration};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    agent::{Principal, accounts::signing},
    error::{Error, ErrorKind, Result},
    id::{OrganizationId, UserId},
    secret::Secret,
    time::Timestamp,
};

/// The shortest shared secret: as long as the hash (RFC 7518, 3.2).
const SHORTEST_SECRET: usize = 32;

/// One key for access tokens, with the id (`kid`) under which tokens name it.
pub struct TokenKey {
    id: String,
    algorithm: Algorithm,
    sign: Option<EncodingKey>,
    verify: Option<DecodingKey>,
}

impl TokenKey {
    /// A shared secret, for HS256: whoever verifies can also sign.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`) when it has fewer than 32 bytes.
    pub fn hs256(id: impl Into<String>, secret: &Secret) -> Result<Self> {
        let bytes = secret.expose().as_bytes();
        if bytes.len() < SHORTEST_SECRET {
            return Err(bad_key(format!(
                "the secret has {} bytes; at least {SHORTEST_SECRET} are accepted",
                bytes.len()
            )));
        }
        let (sign, verify) = (EncodingKey::from_secret(bytes), DecodingKey::from_secret(bytes));
        Ok(Self { id: id.into(), algorithm: Algorithm::HS256, sign: Some(sign), verify: Some(verify) })
    }

    /// An Ed25519 key that signs: PEM, PKCS #8. Give its public half too where tokens are verified.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`) when it is not such a key.
    pub fn ed25519(id: impl Into<String>, private_pem: &Secret) -> Result<Self> {
        let sign = signing::private_key(private_pem.expose());
        let sign = sign.ok_or_else(|| bad_key("expected an Ed25519 private key as PEM (PKCS #8)"))?;
        Ok(Self { id: id.into(), algorithm: Algorithm::EdDSA, sign: Some(sign), verify: None })
    }

    /// An Ed25519 key that verifies: PEM. With the private half under the same id, it also signs.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`) when it is not such a key.
    pub fn ed25519_public(id: impl Into<String>, public_pem: &str) -> Result<Self> {
        let verify = signing::public_key(public_pem).ok_or_else(|| bad_key("expected an Ed25519 public key as PEM"))?;
        Ok(Self { id: id.into(), algorithm: Algorithm::EdDSA, sign: None, verify: Some(verify) })
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .field("signs", &self.sign.is_some())
            .finish_non_exhaustive()
    }
}

/// The keys for access tokens: one signs, all verify. To change keys, put the new one first and keep the old one until its tokens have
/// run out.
#[derive(Debug)]
pub struct TokenKeys {
    signing: String,
    keys: BTreeMap<String, TokenKey>,
    issuer: String,
    audience: Option<String>,
    leeway: Duration,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    /// The user, or the organization where the token is for all of it.
    sub: String,
    org: OrganizationId,
    iat: i64,
    exp: i64,
    jti: Uuid,
}

impl TokenKeys {
    /// Signs with `key`, for the issuer `voice-core`, without an audience, allowing for 30 s between clocks.
    #[must_use]
    pub fn new(key: TokenKey) -> Self {
        signing::provide();
        let signing = key.id.clone();
        let keys = BTreeMap::from([(key.id.clone(), key)]);
        Self { signing, keys, issuer: "voice-core".into(), audience: None, leeway: Duration::from_secs(30) }
    }

    /// Verifies with this key too. One of an id that is there already adds its half.
    #[must_use]
    pub fn and(mut self, key: TokenKey) -> Self {
        match self.keys.get_mut(&key.id) {
            Some(there) if there.algorithm == key.algorithm => {
                there.sign = there.sign.take().or(key.sign);
                there.verify = there.verify.take().or(key.verify);
            }
            _ => {
                self.keys.insert(key.id.clone(), key);
            }
        }
        self
    }

    /// Who issues the tokens: others are refused.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = issuer.into();
        self
    }

    /// For whom the tokens are: others are refused.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// By how much clocks may differ.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    pub(super) fn issue(&self, principal: &Principal, now: Timestamp, valid_for: Duration) -> Result<Secret> {
        let key = self.keys.get(&self.signing).and_then(|key| Some((key, key.sign.as_ref()?)));
        let (key, sign) = key.ok_or_else(|| bad_key("the first key can only verify; put one first that signs"))?;
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: principal.user().map_or_else(|| principal.organization().to_string(), |user| user.to_string()),
            org: principal.organization(),
            iat: now.as_second(),
            exp: now.as_second().saturating_add(seconds(valid_for)),
            jti: Uuid::now_v7(),
        };
        let mut header = Header::new(key.algorithm);
        header.kid = Some(key.id.clone());
        let token = jsonwebtoken::encode(&header, &claims, sign);
        token.map(Secret::new).map_err(|_| bad_key("the first key cannot sign"))
    }

    pub(super) fn verify(&self, token: &str, now: Timestamp) -> Result<Principal> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| refused())?;
        let key = header.kid.and_then(|id| self.keys.get(&id)).filter(|key| key.algorithm == header.alg);
        let (key, verify) = key.and_then(|key| Some((key, key.verify.as_ref()?))).ok_or_else(refused)?;
        let mut rules = Validation::new(key.algorithm);
        rules.set_required_spec_claims(&["exp", "iss", "sub"]);
        rules.set_issuer(&[&self.issuer]);
        match &self.audience {
            Some(audience) => rules.set_audience(&[audience]),
            None => rules.validate_aud = false,
        }
        // The agent's clock decides, below.
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, verify, &rules).map_err(|_| refused())?.claims;
        let (now, leeway) = (now.as_second(), seconds(self.leeway));
        let audience_is_right = self.audience.is_none() || claims.aud == self.audience;
        if now >= claims.exp.saturating_add(leeway) || claims.iat > now.saturating_add(leeway) || !audience_is_right {
            return Err(refused());
        }
        if claims.sub == claims.org.to_string() {
            return Ok(Principal::organization_itself(claims.org));
        }
        let user: UserId = claims.sub.parse().map_err(|_| refused())?;
        Ok(Principal::user_of(claims.org, user))
    }
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// The one answer to a token that opens nothing, whatever is wrong with it.
pub(super) fn refused() -> Error {
    Error::new(ErrorKind::InvalidToken, "the access token is malformed, forged, expired or not for this service")
}

fn bad_key(why: impl fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("access tokens: {why}"))
}
