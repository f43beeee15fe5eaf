//! What happened once in the life of this installation.

use jiff::Timestamp;
use rusqlite::params;

use super::{Error, Tx};

/// Whether it happened.
pub fn reached(tx: &Tx, name: &str) -> Result<bool, Error> {
    Ok(tx.prepare_cached("SELECT 1 FROM milestones WHERE name = ?1")?.exists([name])?)
}

/// Remembers that it happened now.
pub fn reach(tx: &Tx, name: &str, now: Timestamp) -> Result<(), Error> {
    tx.prepare_cached("INSERT INTO milestones (name, at) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING")?
        .execute(params![name, now.as_millisecond()])?;
    Ok(())
}
