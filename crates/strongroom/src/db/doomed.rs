//! Keys in storage whose bytes must go.

use super::tx::values;
use super::{Error, Tx};
use jiff::Timestamp;

/// Remembers that the bytes under `key` must go.
pub fn insert(tx: &Tx, key: &str, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO doomed (key, at) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING",
        values![key, now.as_millisecond()],
    )?;
    Ok(())
}

/// Some of the keys, in order, after the given one.
pub fn list(tx: &Tx, after: &str, limit: i64) -> Result<Vec<String>, Error> {
    tx.all("SELECT key FROM doomed WHERE key > ?1 ORDER BY key LIMIT ?2", values![after, limit], |row| row.get(0))
}

/// Whether the bytes under this key must go.
pub fn holds(tx: &Tx, key: &str) -> Result<bool, Error> {
    Ok(tx.one("SELECT 1 FROM doomed WHERE key = ?1", values![key], |_| Ok(()))?.is_some())
}

/// The bytes are gone.
pub fn remove(tx: &Tx, key: &str) -> Result<(), Error> {
    tx.execute("DELETE FROM doomed WHERE key = ?1", values![key])?;
    Ok(())
}
