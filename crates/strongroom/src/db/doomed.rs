//! Keys in storage whose bytes must go.

use jiff::Timestamp;
use rusqlite::params;

use super::{Error, Tx};

/// Remembers that the bytes under `key` must go.
pub fn insert(tx: &Tx, key: &str, now: Timestamp) -> Result<(), Error> {
    tx.prepare_cached("INSERT INTO doomed (key, at) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING")?
        .execute(params![key, now.as_millisecond()])?;
    Ok(())
}

/// Some of the keys, in order, after the given one.
pub fn list(tx: &Tx, after: &str, limit: i64) -> Result<Vec<String>, Error> {
    let mut statement = tx.prepare_cached("SELECT key FROM doomed WHERE key > ?1 ORDER BY key LIMIT ?2")?;
    Ok(statement.query_map(params![after, limit], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// The bytes are gone.
pub fn remove(tx: &Tx, key: &str) -> Result<(), Error> {
    tx.prepare_cached("DELETE FROM doomed WHERE key = ?1")?.execute([key])?;
    Ok(())
}
