//! Keys that verify signatures, each bound to one algorithm, from a secret, a PEM or a published set (RFC 7517).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, crypto};
use serde::Deserialize;
use serde_json::Value;

use super::signed::SignedToken;
use crate::config::{Algorithm, Secret};

/// Why a configured key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the public key cannot be read as a key for {algorithm}")]
pub struct KeyError {
    algorithm: &'static str,
    source: jsonwebtoken::errors::Error,
}

/// A key and the one algorithm it is for.
#[derive(Debug, Clone)]
pub(super) struct VerifyingKey {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl VerifyingKey {
    pub(super) fn from_secret(secret: &Secret) -> Self {
        let key = DecodingKey::from_secret(secret.expose().as_bytes());
        Self { id: None, algorithm: Algorithm::Hs256, key }
    }

    pub(super) fn from_pem(pem: &str, algorithm: Algorithm) -> Result<Self, KeyError> {
        let key = match algorithm {
            Algorithm::Hs256 => Err(jsonwebtoken::errors::ErrorKind::InvalidKeyFormat.into()),
            Algorithm::Rs256 => DecodingKey::from_rsa_pem(pem.as_bytes()),
            Algorithm::Es256 => DecodingKey::from_ec_pem(pem.as_bytes()),
            Algorithm::EdDsa => DecodingKey::from_ed_pem(pem.as_bytes()),
        };
        let key = key.map_err(|source| KeyError { algorithm: algorithm.name(), source })?;
        Ok(Self { id: None, algorithm, key })
    }

    /// Whether this key could have signed the token: the same algorithm, and the same id where both have one.
    pub(super) fn suits(&self, token: &SignedToken<'_>) -> bool {
        let same_id = match (&self.id, &token.header.kid) {
            (Some(own), Some(wanted)) => own == wanted,
            _ => true,
        };
        same_id && self.algorithm.name() == token.header.alg
    }

    /// Whether this key signed the token.
    pub(super) fn signed(&self, token: &SignedToken<'_>) -> bool {
        let algorithm = match self.algorithm {
            Algorithm::Hs256 => jsonwebtoken::Algorithm::HS256,
            Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
            Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
            Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        };
        crypto::verify(token.signature, token.message.as_bytes(), &self.key, algorithm).unwrap_or(false)
    }
}

/// One key as an issuer publishes it. Members that are not known are passed over, as RFC 7517 wants.
#[derive(Debug, Deserialize)]
struct PublishedKey {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys of a published set that can verify signatures by one of `allowed`. The others are passed over: a set may
/// hold keys for encryption, or of kinds that are yet to be invented.
pub(super) fn read_set(text: &[u8], allowed: &[Algorithm]) -> Result<Vec<VerifyingKey>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }

    let set: Set = serde_json::from_slice(text)?;
    let published = set.keys.into_iter().filter_map(|key| serde_json::from_value::<PublishedKey>(key).ok());
    Ok(published.filter_map(PublishedKey::into_key).filter(|key| allowed.contains(&key.algorithm)).collect())
}

impl PublishedKey {
    fn into_key(self) -> Option<VerifyingKey> {
        let verifies = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        // Symmetric keys are not looked for: whoever can read a published one can sign with it.
        let algorithm = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Algorithm::Rs256,
            ("EC", Some("P-256")) => Algorithm::Es256,
            ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
            _ => return None,
        };
        let names_another = self.alg.as_deref().is_some_and(|alg| alg != algorithm.name());
        if !verifies || names_another {
            return None;
        }
        let key = match algorithm {
            Algorithm::Rs256 => rsa(&self.n?, &self.e?),
            Algorithm::Es256 => ec(&self.x?, &self.y?),
            Algorithm::EdDsa => ed(&self.x?),
            Algorithm::Hs256 => None,
        };
        Some(VerifyingKey { id: self.kid, algorithm, key: key? })
    }
}

fn rsa(modulus: &str, exponent: &str) -> Option<DecodingKey> {
    // NIST SP 800-131A: shorter keys than 2,048 bits no longer protect.
    const SHORTEST_MODULUS: usize = 256;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(modulus).ok()?;
    let length = bytes.iter().skip_while(|byte| **byte == 0).count();
    if length < SHORTEST_MODULUS {
        return None;
    }
    DecodingKey::from_rsa_components(modulus, exponent).ok()
}

fn ec(x: &str, y: &str) -> Option<DecodingKey> {
    let is_coordinate = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32);
    if is_coordinate(x) && is_coordinate(y) { DecodingKey::from_ec_components(x, y).ok() } else { None }
}

fn ed(x: &str) -> Option<DecodingKey> {
    let is_point = BASE64_URL_SAFE_NO_PAD.decode(x).is_ok_and(|bytes| bytes.len() == 32);
    if is_point { DecodingKey::from_ed_components(x).ok() } else { None }
}
