//! The history of a key as a whole: all its versions, and versions put back where they were in another store.

use rusqlite::{Connection, Row};

use super::buckets::{Bucket, Versioning};
use super::objects::{self, COLUMNS, Object};
use super::versions::{self, LATEST};
use crate::fault::Fault;
use crate::time::Moment;

/// A version of a key, and when a later one came; the latest has not been superseded.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// What it is.
    pub(crate) object: Object,
    /// When a later version came, if one did.
    pub(crate) superseded: Option<Moment>,
}

/// All versions of a key, the latest first.
pub(crate) fn of(connection: &Connection, bucket: i64, key: &str) -> Result<Vec<Kept>, Fault> {
    let current = objects::find(connection, bucket, key)?.map(|object| Kept { object, superseded: None });
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS}, superseded FROM past WHERE bucket = ?1 AND key = ?2 ORDER BY sequence DESC"
    ))?;
    let read = |row: &Row<'_>| {
        let superseded = row.get::<_, Option<i64>>(LATEST)?.map(Moment);
        Ok(Kept { object: objects::from_row(row)?, superseded })
    };
    let mut kept: Vec<Kept> = current.into_iter().collect();
    for past in statement.query_map((bucket, key.as_bytes()), read)? {
        kept.push(past?);
    }
    Ok(kept)
}

/// Whether a version can be put back under its own name: the bucket keeps versions, none is called like it, none has its
/// place, and it comes after all others if it is the latest, and otherwise before the latest.
pub(crate) fn fits(connection: &Connection, bucket: Bucket, key: &str, version: &Kept) -> Result<bool, Fault> {
    let Kept { object, superseded } = version;
    if bucket.versioning == Versioning::Never || versions::find(connection, bucket.id, key, &object.version)?.is_some()
    {
        return Ok(false);
    }
    let current = objects::find(connection, bucket.id, key)?.map(|current| current.sequence);
    let newest = versions::newest(connection, bucket.id, key)?;
    let marker = newest.as_ref().filter(|(_, superseded)| superseded.is_none()).map(|(marker, _)| marker.sequence);
    let highest = current.max(newest.map(|(newest, _)| newest.sequence));
    let in_order = match superseded {
        None => highest.is_none_or(|highest| highest < object.sequence),
        Some(_) => current.or(marker).is_none_or(|latest| latest > object.sequence),
    };
    let is_taken: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM past WHERE bucket = ?1 AND key = ?2 AND sequence = ?3)")?
        .query_row((bucket.id, key.as_bytes(), object.sequence), |row| row.get(0))?;
    Ok(in_order && !is_taken)
}

/// Puts a version back that fits, as it was and under its own name. What it supersedes is superseded `now`.
pub(crate) fn put_back(
    connection: &Connection,
    bucket: Bucket,
    key: &str,
    version: &Kept,
    now: Moment,
) -> Result<(), Fault> {
    let Kept { object, superseded } = version;
    versions::permit_lock(bucket, object)?;
    if superseded.is_some() {
        return versions::insert(connection, bucket.id, key, object, *superseded);
    }
    // As if versioning were on: nothing that is called `null` is in its way, or it would not fit.
    let keeping = Bucket { versioning: Versioning::Enabled, ..bucket };
    versions::make_way(connection, keeping, key, now)?;
    if object.is_marker() {
        versions::insert(connection, bucket.id, key, object, None)
    } else {
        objects::insert(connection, bucket.id, key, object)
    }
}
