//! Makes tokens with the service's own secret, for trying things out and for scripts.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Map, Value, json};

use crate::access::{SubjectError, check_subject};
use crate::config::{Jwt, JwtKeys, Secret};

/// Whom a token is for.
#[derive(Debug, Clone, Default)]
pub struct Bearer {
    /// The user.
    pub subject: String,
    /// The user's roles.
    pub roles: Vec<String>,
    /// What the token is for.
    pub scopes: Vec<String>,
}

/// Why no token can be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// Tokens are verified with a public key, so only its owner can make them.
    #[error(
        "tokens are verified with a public key here, so only whoever holds the private key can make them; ask the \
         application or the issuer for one"
    )]
    NotOurs,
    /// The subject cannot be the name of a user.
    #[error("the subject {0}")]
    Subject(#[from] SubjectError),
    /// The signature could not be computed.
    #[error("the token cannot be signed")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// Makes a token that a [`super::Verifier`] of the same configuration believes from `now` until `lifetime` later.
/// `generated` is the secret of the data folder.
pub fn mint(
    jwt: &Jwt,
    generated: &Secret,
    bearer: &Bearer,
    now: Timestamp,
    lifetime: Duration,
) -> Result<String, MintError> {
    let secret = match &jwt.keys {
        JwtKeys::Generated => generated,
        JwtKeys::Secret(secret) => secret,
        JwtKeys::Public { .. } | JwtKeys::Published { .. } => return Err(MintError::NotOurs),
    };
    check_subject(&bearer.subject)?;
    let now = now.as_second();
    let end = now.saturating_add_unsigned(lifetime.as_secs());
    let mut claims = Map::new();
    jwt.claims.subject.put(&mut claims, bearer.subject.clone().into());
    if !bearer.roles.is_empty() {
        jwt.claims.roles.put(&mut claims, bearer.roles.clone().into());
    }
    if !bearer.scopes.is_empty() {
        jwt.claims.scopes.put(&mut claims, bearer.scopes.join(" ").into());
    }
    if let Some(issuer) = &jwt.issuer {
        claims.insert("iss".to_owned(), issuer.clone().into());
    }
    if let Some(audience) = jwt.audience.first() {
        claims.insert("aud".to_owned(), audience.clone().into());
    }
    claims.insert("iat".to_owned(), now.into());
    claims.insert("exp".to_owned(), end.into());
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&json!({"alg": "HS256", "typ": "JWT"})), encode(&Value::Object(claims)));
    let key = EncodingKey::from_secret(secret.expose().as_bytes());
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256)?;
    Ok(format!("{message}.{signature}"))
}
