//! Finds out who asks: the administrator's token, an API key, or the application's JWT.

use subtle::ConstantTimeEq as _;

use crate::access::{ADMIN, Principal, PrincipalKind};
use crate::config::Secret;
use crate::db::api_keys::ApiKey;
use crate::db::{self};
use crate::digest;
use crate::jwt::{TokenError, Verifier};
use crate::service::Service;

/// What every API key begins with.
pub const KEY_PREFIX: &str = "sr_";

/// The id of the administrator's key, in the audit log.
const ADMIN_KEY: &str = "admin";

/// Why a bearer is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no API key of this installation, or it was revoked. Which of both is not said.
    #[error("this API key is not known here, or was revoked")]
    UnknownKey,
    /// It is a token that is not believed.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

/// Knows the administrator's token and the keys of the application's tokens.
#[derive(Debug)]
pub struct Authenticator {
    admin_token: Secret,
    tokens: Verifier,
}

impl Authenticator {
    /// With the token that was configured or generated.
    pub fn new(admin_token: Secret, tokens: Verifier) -> Self {
        Self { admin_token, tokens }
    }

    /// Who the bearer of this credential is.
    pub async fn identify(&self, service: &Service, credential: &str) -> Result<Principal, Error> {
        if self.admin_token.matches(credential) {
            let kind = PrincipalKind::Key { id: ADMIN_KEY.to_owned() };
            return Ok(Principal { subject: None, roles: Vec::new(), scopes: vec![ADMIN.to_owned()], kind });
        }
        match credential.strip_prefix(KEY_PREFIX) {
            Some(key) => identify_key(service, key).await,
            None => Ok(self.tokens.verify(credential, service.now()).await?),
        }
    }
}

async fn identify_key(service: &Service, key: &str) -> Result<Principal, Error> {
    let (id, secret) = key.split_once('_').ok_or(Error::UnknownKey)?;
    let id = id.to_owned();
    let found: Option<ApiKey> = service.db.read_one(move |tx| db::api_keys::get(tx, &id)).await.map_err(Error::Db)?;
    let hash = hash(secret);
    // An unknown id costs the same comparison as a known one.
    let expected = found.as_ref().map_or_else(|| "0".repeat(hash.len()), |key| key.secret_hash.clone());
    let same: bool = hash.as_bytes().ct_eq(expected.as_bytes()).into();
    let key = found.filter(|key| same && key.revoked_at.is_none()).ok_or(Error::UnknownKey)?;
    Ok(Principal {
        subject: key.subject,
        roles: key.roles,
        scopes: key.scopes,
        kind: PrincipalKind::Key { id: key.id },
    })
}

/// What the database keeps of a key's secret half.
pub fn hash(secret: &str) -> String {
    digest::sha256_hex(secret.as_bytes())
}
