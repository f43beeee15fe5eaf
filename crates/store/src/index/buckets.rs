//! Buckets in the index.

use rusqlite::{Connection, OptionalExtension as _};

use super::bodies;
use crate::fault::{Code, Fault};
use crate::time::Moment;

/// A bucket.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    /// Its name.
    pub(crate) name: String,
    /// When it was made.
    pub(crate) created: Moment,
}

/// The id of a bucket that must be there.
pub(crate) fn id(connection: &Connection, name: &str) -> Result<i64, Fault> {
    connection
        .prepare_cached("SELECT id FROM bucket WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?
        .ok_or_else(|| Fault::from(Code::NoSuchBucket).with("BucketName", name))
}

/// Whether there is a bucket of this name.
pub(crate) fn exists(connection: &Connection, name: &str) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM bucket WHERE name = ?1)")?;
    Ok(statement.query_row([name], |row| row.get(0))?)
}

/// All buckets, by name.
pub(crate) fn all(connection: &Connection) -> Result<Vec<Bucket>, Fault> {
    let mut statement = connection.prepare_cached("SELECT name, created FROM bucket ORDER BY name")?;
    let buckets = statement.query_map([], |row| Ok(Bucket { name: row.get(0)?, created: Moment(row.get(1)?) }))?;
    Ok(buckets.collect::<Result<_, _>>()?)
}

/// Makes a bucket; answers whether it was not there before.
pub(crate) fn create(connection: &Connection, name: &str, now: Moment) -> Result<bool, Fault> {
    let made = connection
        .prepare_cached("INSERT INTO bucket (name, created) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING")?
        .execute((name, now.0))?;
    Ok(made == 1)
}

/// Removes a bucket that holds no object, with the uploads under way in it; answers the contents nobody needs any more.
pub(crate) fn delete(connection: &Connection, name: &str) -> Result<Vec<u64>, Fault> {
    let id = id(connection, name)?;
    let full: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM object WHERE bucket = ?1)")?
        .query_row([id], |row| row.get(0))?;
    if full {
        return Err(Code::BucketNotEmpty.into());
    }
    let parts: Vec<i64> = connection
        .prepare_cached("SELECT part.body FROM upload JOIN part ON part.upload = upload.id WHERE upload.bucket = ?1")?
        .query_map([id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    connection
        .prepare_cached("DELETE FROM part WHERE upload IN (SELECT id FROM upload WHERE bucket = ?1)")?
        .execute([id])?;
    connection.prepare_cached("DELETE FROM upload WHERE bucket = ?1")?.execute([id])?;
    // The number may be another bucket's later, which no upload of this one may be taken to have been completed in.
    connection.prepare_cached("DELETE FROM completion WHERE bucket = ?1")?.execute([id])?;
    connection.prepare_cached("DELETE FROM bucket WHERE id = ?1")?.execute([id])?;
    let mut freed = Vec::new();
    for body in parts {
        freed.extend(bodies::release(connection, body)?);
    }
    Ok(freed)
}
