//! Keys in storage whose bytes must go, each with its bucket: `""` is the installation's own, and any other has its name.

use super::tx::values;
use super::{Error, Tx};
use jiff::Timestamp;

/// A key with its bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doomed {
    /// The bucket.
    pub bucket: String,
    /// The key in it, relative to the location.
    pub key: String,
}

/// Remembers that the bytes under `key` must go, as soon as it is `at`.
pub fn insert(tx: &Tx, bucket: &str, key: &str, at: Timestamp) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO doomed (bucket, key, at) VALUES (?1, ?2, ?3) ON CONFLICT (bucket, key) DO NOTHING",
        values![bucket, key, at.as_millisecond()],
    )?;
    Ok(())
}

/// Some of the keys in the bucket of the given one that are due, in order, after it.
pub fn list(tx: &Tx, after: &Doomed, now: Timestamp, limit: i64) -> Result<Vec<Doomed>, Error> {
    tx.all(
        "SELECT bucket, key FROM doomed WHERE bucket = ?1 AND key > ?2 AND at <= ?3 ORDER BY key LIMIT ?4",
        values![after.bucket, after.key, now.as_millisecond(), limit],
        |row| Ok(Doomed { bucket: row.get(0)?, key: row.get(1)? }),
    )
}

/// Every bucket with keys whose bytes must go, and how many there are.
pub fn buckets(tx: &Tx) -> Result<Vec<(String, i64)>, Error> {
    let sql = "SELECT bucket, count(*) FROM doomed GROUP BY bucket ORDER BY bucket";
    tx.all(sql, values![], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Nobody is to delete anything in this bucket any longer. How many keys that were.
pub fn forget(tx: &Tx, bucket: &str) -> Result<u64, Error> {
    tx.execute("DELETE FROM doomed WHERE bucket = ?1", values![bucket])
}

/// Whether the bytes under this key must go.
pub fn holds(tx: &Tx, key: &str) -> Result<bool, Error> {
    Ok(tx.one("SELECT 1 FROM doomed WHERE key = ?1", values![key], |_| Ok(()))?.is_some())
}

/// The bytes are gone.
pub fn remove(tx: &Tx, doomed: &Doomed) -> Result<(), Error> {
    tx.execute("DELETE FROM doomed WHERE bucket = ?1 AND key = ?2", values![doomed.bucket, doomed.key])?;
    Ok(())
}
