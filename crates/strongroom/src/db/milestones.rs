//! What happened once in the life of this installation.

use super::tx::values;
use super::{Error, Tx};
use jiff::Timestamp;

/// Whether it happened.
pub fn reached(tx: &Tx, name: &str) -> Result<bool, Error> {
    Ok(tx.one("SELECT 1 FROM milestones WHERE name = ?1", values![name], |_| Ok(()))?.is_some())
}

/// The first that happened of those whose names begin so.
pub fn beginning_with(tx: &Tx, prefix: &str) -> Result<Option<String>, Error> {
    let sql = "SELECT name FROM milestones WHERE name >= ?1 ORDER BY name LIMIT 1";
    let found: Option<String> = tx.one(sql, values![prefix], |row| row.get(0))?;
    Ok(found.filter(|name| name.starts_with(prefix)))
}

/// Remembers that it happened now.
pub fn reach(tx: &Tx, name: &str, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO milestones (name, at) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
        values![name, now.as_millisecond()],
    )?;
    Ok(())
}
