//! What happened once in the life of this installation.

use super::tx::values;
use super::{Error, Tx};
use jiff::Timestamp;

/// Whether it happened.
pub fn reached(tx: &Tx, name: &str) -> Result<bool, Error> {
    Ok(tx.one("SELECT 1 FROM milestones WHERE name = ?1", values![name], |_| Ok(()))?.is_some())
}

/// Remembers that it happened now.
pub fn reach(tx: &Tx, name: &str, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO milestones (name, at) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
        values![name, now.as_millisecond()],
    )?;
    Ok(())
}
