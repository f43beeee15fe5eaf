//! How much each owner, and each space as a whole, holds and has reserved.

use super::tx::{Row, values};
use super::{Error, Tx};

/// The account of one owner in one space, or of the space as a whole when `owner` is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// The space.
    pub space: String,
    /// The owner; empty for the whole space.
    pub owner: String,
    /// Bytes of objects, deleted ones included until they are gone for good.
    pub bytes: i64,
    /// Number of objects, likewise.
    pub objects: i64,
    /// Bytes announced by uploads that are still open.
    pub reserved_bytes: i64,
    /// Number of uploads that are still open.
    pub reserved_objects: i64,
}

/// A change of an account.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change {
    /// Added to the bytes.
    pub bytes: i64,
    /// Added to the number of objects.
    pub objects: i64,
    /// Added to the reserved bytes.
    pub reserved_bytes: i64,
    /// Added to the number of reserved objects.
    pub reserved_objects: i64,
}

const COLUMNS: &str = "space, owner, bytes, objects, reserved_bytes, reserved_objects";

/// The account of an owner, or of the space as a whole when `owner` is empty.
pub fn get(tx: &Tx, space: &str, owner: &str) -> Result<Usage, Error> {
    let sql = format!("SELECT {COLUMNS} FROM usage WHERE space = ?1 AND owner = ?2");
    let found = tx.one(&sql, values![space, owner], read)?;
    Ok(found.unwrap_or_else(|| Usage { space: space.to_owned(), owner: owner.to_owned(), ..Usage::default() }))
}

/// Changes the account of the space as a whole, and that of the owner if there is one.
pub fn change(tx: &Tx, space: &str, owner: Option<&str>, change: Change) -> Result<(), Error> {
    for account in ["", owner.unwrap_or_default()].iter().take(if owner.is_some() { 2 } else { 1 }) {
        tx.execute(
            "INSERT INTO usage (space, owner, bytes, objects, reserved_bytes, reserved_objects) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (space, owner) DO UPDATE SET \
             bytes = usage.bytes + excluded.bytes, objects = usage.objects + excluded.objects, \
             reserved_bytes = usage.reserved_bytes + excluded.reserved_bytes, \
             reserved_objects = usage.reserved_objects + excluded.reserved_objects",
            values![space, account, change.bytes, change.objects, change.reserved_bytes, change.reserved_objects],
        )?;
    }
    Ok(())
}

/// Accounts by space and owner, after the given one.
pub fn list(tx: &Tx, after: (&str, &str), limit: i64) -> Result<Vec<Usage>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM usage WHERE (space, owner) > (?1, ?2) ORDER BY space, owner LIMIT ?3");
    tx.all(&sql, values![after.0, after.1, limit], read)
}

fn read(row: &Row<'_>) -> Result<Usage, Error> {
    Ok(Usage {
        space: row.get(0)?,
        owner: row.get(1)?,
        bytes: row.get(2)?,
        objects: row.get(3)?,
        reserved_bytes: row.get(4)?,
        reserved_objects: row.get(5)?,
    })
}
