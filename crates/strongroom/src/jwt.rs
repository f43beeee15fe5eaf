//! Verifies the application's tokens (JWT, RFC 7519) and makes them for those who have no application yet.
//!
//! The algorithm is a property of the key, never a wish of the token: a token that names another one finds no key.
//! Time is handed in, so nothing here asks a clock.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::access::{Principal, SubjectError};
use crate::config::{ClaimNames, Jwt, JwtKeys, Secret};
use crate::fetch::Fetch;
pub use keys::KeyError;
pub use mint::{Bearer, MintError, mint};

use keys::VerifyingKey;
use published::PublishedKeys;
use signed::SignedToken;

mod claims;
mod keys;
mod mint;
mod published;
mod signed;
#[cfg(test)]
mod tests;

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not a signed token in the compact form, or asks for something that is not supported.
    #[error("the token {0}")]
    Malformed(&'static str),
    /// None of the keys for its algorithm signed it.
    #[error("the signature of the token is wrong")]
    BadSignature,
    /// There is no key with its key id and algorithm.
    #[error("the token was signed with a key or an algorithm that is not configured")]
    UnknownKey,
    /// The issuer's published keys cannot be fetched.
    #[error("the issuer's keys cannot be fetched at the moment")]
    KeysUnavailable,
    /// Its end (`exp`) has passed.
    #[error("the token has expired")]
    Expired,
    /// Its beginning (`nbf`, `iat`) is still to come.
    #[error("the token is not valid yet; compare the clocks of issuer and service")]
    NotYetValid,
    /// `iss` is not the configured issuer.
    #[error("the token comes from another issuer (`iss`)")]
    WrongIssuer,
    /// `aud` does not name the configured audience, or names one and none is configured.
    #[error("the token is addressed to another audience (`aud`)")]
    WrongAudience,
    /// A claim that is needed is not there.
    #[error("the token has no claim `{0}`")]
    MissingClaim(String),
    /// A claim does not have the type it should have.
    #[error("the claim `{0}` of the token has the wrong type")]
    BadClaim(String),
    /// The subject cannot be the name of a user.
    #[error("the subject of the token {0}")]
    Subject(#[from] SubjectError),
}

/// Decides whether tokens are believed, by one configuration.
#[derive(Debug, Clone)]
pub struct Verifier {
    keys: Keys,
    expected: Expected,
}

#[derive(Debug, Clone)]
enum Keys {
    Fixed(Arc<[VerifyingKey]>),
    Published(Arc<PublishedKeys>),
}

/// What the claims must say.
#[derive(Debug, Clone)]
struct Expected {
    issuer: Option<String>,
    audience: Vec<String>,
    leeway: Duration,
    claims: ClaimNames,
}

/// Longer tokens are refused unread: they would not fit into the headers of most servers anyway.
const LONGEST_TOKEN: usize = 8 * 1024;

impl Verifier {
    /// A verifier for this configuration. `generated` is the secret of the data folder, `fetch` gets published keys.
    pub fn new(jwt: &Jwt, generated: &Secret, fetch: Fetch) -> Result<Self, KeyError> {
        let fixed = |key| Keys::Fixed(Arc::from([key]));
        let keys = match &jwt.keys {
            JwtKeys::Generated => fixed(VerifyingKey::from_secret(generated)),
            JwtKeys::Secret(secret) => fixed(VerifyingKey::from_secret(secret)),
            JwtKeys::Public { pem, algorithm } => fixed(VerifyingKey::from_pem(pem, *algorithm)?),
            JwtKeys::Published { url, algorithms } => {
                let keys = PublishedKeys::new(url.clone(), algorithms.clone(), jwt.jwks_max_age, fetch);
                Keys::Published(Arc::new(keys))
            }
        };
        let expected = Expected {
            issuer: jwt.issuer.clone(),
            audience: jwt.audience.clone(),
            leeway: jwt.leeway,
            claims: jwt.claims.clone(),
        };
        Ok(Self { keys, expected })
    }

    /// Who the bearer of this token is, if it is to be believed at the moment `now`.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Principal, TokenError> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenError::Malformed("is longer than 8 KiB"));
        }
        let token = SignedToken::parse(token)?;
        let keys = match &self.keys {
            Keys::Fixed(keys) => Arc::clone(keys),
            Keys::Published(published) => published.keys_for(&token, now.as_second()).await?,
        };
        // A configured key has no id of its own, so any `kid` suits it.
        let mut candidates = keys.iter().filter(|key| key.suits(&token)).peekable();
        if candidates.peek().is_none() {
            return Err(TokenError::UnknownKey);
        }
        if !candidates.any(|key| key.signed(&token)) {
            return Err(TokenError::BadSignature);
        }
        claims::principal(&token.claims()?, &self.expected, now)
    }
}
