//! API keys: only a hash of the secret half is kept.

use super::tx::{Row, values};
use super::{Error, Tx, json, time, to_json};
use jiff::Timestamp;

/// A key that an application signs in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The public half.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// SHA-256 of the secret half, lowercase hex.
    pub secret_hash: String,
    /// The subject it speaks for, if any.
    pub subject: Option<String>,
    /// Its roles.
    pub roles: Vec<String>,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, name, secret_hash, subject, roles, scopes, created_at, revoked_at";

/// Writes a new key.
pub fn insert(tx: &Tx, key: &ApiKey) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO api_keys (id, name, secret_hash, subject, roles, scopes, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        values![
            key.id,
            key.name,
            key.secret_hash,
            key.subject,
            to_json(&key.roles),
            to_json(&key.scopes),
            key.created_at.as_millisecond(),
        ],
    )?;
    Ok(())
}

/// One key, revoked or not.
pub fn get(tx: &Tx, id: &str) -> Result<Option<ApiKey>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM api_keys WHERE id = ?1");
    tx.one(&sql, values![id], read)
}

/// All keys, the newest last.
pub fn list(tx: &Tx) -> Result<Vec<ApiKey>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM api_keys ORDER BY created_at, id");
    tx.all(&sql, values![], read)
}

/// Revokes a key; false when there is none such, or it was revoked before.
pub fn revoke(tx: &Tx, id: &str, now: Timestamp) -> Result<bool, Error> {
    let changed = tx.execute(
        "UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
        values![id, now.as_millisecond()],
    )?;
    Ok(changed > 0)
}

fn read(row: &Row<'_>) -> Result<ApiKey, Error> {
    Ok(ApiKey {
        id: row.get(0)?,
        name: row.get(1)?,
        secret_hash: row.get(2)?,
        subject: row.get(3)?,
        roles: json(row.text(4)?, "list of roles")?,
        scopes: json(row.text(5)?, "list of scopes")?,
        created_at: time(row.get(6)?)?,
        revoked_at: row.get::<Option<i64>>(7)?.map(time).transpose()?,
    })
}
