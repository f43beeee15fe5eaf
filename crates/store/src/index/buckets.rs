//! Buckets in the index.

use rusqlite::{Connection, OptionalExtension as _, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{bodies, from_json, to_json};
use crate::fault::{Code, Fault};
use crate::time::Moment;

/// What a bucket does with what is replaced or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versioning {
    /// It goes; versioning was never switched on.
    Never,
    /// It is kept.
    Enabled,
    /// What was kept stays; what is written from now on is one version called `null`.
    Suspended,
}

impl Versioning {
    /// The word that stands in the index and in documents; `None` for `Never`.
    pub(crate) fn word(self) -> Option<&'static str> {
        match self {
            Self::Never => None,
            Self::Enabled => Some("Enabled"),
            Self::Suspended => Some("Suspended"),
        }
    }
}

/// What the writes of a bucket need to know of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    /// Its id.
    pub(crate) id: i64,
    /// What becomes of what is replaced.
    pub(crate) versioning: Versioning,
    /// Whether its versions can be locked.
    pub(crate) locks: bool,
}

/// A bucket as it is listed.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    /// Its name.
    pub(crate) name: String,
    /// When it was made.
    pub(crate) created: Moment,
}

/// The rules that a bucket can be configured with, each kind kept as JSON under the name of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    /// Which pages may call it from a browser.
    Cors,
    /// What goes by itself, and when.
    Lifecycle,
    /// What new versions are locked with.
    ObjectLock,
}

impl Rules {
    fn column(self) -> &'static str {
        match self {
            Self::Cors => "cors",
            Self::Lifecycle => "lifecycle",
            Self::ObjectLock => "object_lock",
        }
    }
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

/// A bucket that must be there.
pub(crate) fn find(connection: &Connection, name: &str) -> Result<Bucket, Fault> {
    connection
        .prepare_cached("SELECT id, versioning, object_lock IS NOT NULL FROM bucket WHERE name = ?1")?
        .query_row([name], from_row)
        .optional()?
        .ok_or_else(|| Fault::from(Code::NoSuchBucket).with("BucketName", name))
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Bucket> {
    let versioning = match row.get_ref(1)?.as_str_or_null()? {
        None => Versioning::Never,
        Some("Enabled") => Versioning::Enabled,
        Some(_) => Versioning::Suspended,
    };
    Ok(Bucket { id: row.get(0)?, versioning, locks: row.get(2)? })
}

/// Whether a bucket is as it was made: without any object or version, and never configured.
pub(crate) fn is_untouched(connection: &Connection, id: i64) -> Result<bool, Fault> {
    Ok(connection
        .prepare_cached(
            "SELECT versioning IS NULL AND cors IS NULL AND lifecycle IS NULL AND object_lock IS NULL
                 AND NOT EXISTS (SELECT 1 FROM object WHERE bucket = ?1)
                 AND NOT EXISTS (SELECT 1 FROM past WHERE bucket = ?1) FROM bucket WHERE id = ?1",
        )?
        .query_row([id], |row| row.get(0))?)
}

/// Switches versioning on or suspends it.
pub(crate) fn set_versioning(connection: &Connection, id: i64, versioning: Versioning) -> Result<(), Fault> {
    connection.prepare_cached("UPDATE bucket SET versioning = ?2 WHERE id = ?1")?.execute((id, versioning.word()))?;
    Ok(())
}

/// The rules a bucket is configured with, if it is.
pub(crate) fn rules<T: DeserializeOwned>(connection: &Connection, id: i64, kind: Rules) -> Result<Option<T>, Fault> {
    let column = kind.column();
    Ok(connection
        .prepare_cached(&format!("SELECT {column} FROM bucket WHERE id = ?1 AND {column} IS NOT NULL"))?
        .query_row([id], |row| from_json(row, 0))
        .optional()?)
}

/// Configures a bucket with rules, or with none.
pub(crate) fn set_rules(
    connection: &Connection,
    id: i64,
    kind: Rules,
    rules: Option<&impl Serialize>,
) -> Result<(), Fault> {
    let rules = rules.map(to_json).transpose()?;
    connection
        .prepare_cached(&format!("UPDATE bucket SET {} = ?2 WHERE id = ?1", kind.column()))?
        .execute((id, rules))?;
    Ok(())
}

/// A bucket that may have gone.
pub(crate) fn by_id(connection: &Connection, id: i64) -> Result<Option<Bucket>, Fault> {
    Ok(connection
        .prepare_cached("SELECT id, versioning, object_lock IS NOT NULL FROM bucket WHERE id = ?1")?
        .query_row([id], from_row)
        .optional()?)
}

/// The buckets from which something goes by itself, with their rules.
pub(crate) fn with_lifecycle<T: DeserializeOwned>(connection: &Connection) -> Result<Vec<(Bucket, T)>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT id, versioning, object_lock IS NOT NULL, lifecycle FROM bucket WHERE lifecycle IS NOT NULL",
    )?;
    let rows = statement.query_map([], |row| Ok((from_row(row)?, from_json(row, 3)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All buckets, by name.
pub(crate) fn all(connection: &Connection) -> Result<Vec<Listed>, Fault> {
    let mut statement = connection.prepare_cached("SELECT name, created FROM bucket ORDER BY name")?;
    let buckets = statement.query_map([], |row| Ok(Listed { name: row.get(0)?, created: Moment(row.get(1)?) }))?;
    Ok(buckets.collect::<Result<_, _>>()?)
}

/// Makes a bucket; answers whether it was not there before.
pub(crate) fn create(connection: &Connection, name: &str, now: Moment) -> Result<bool, Fault> {
    let made = connection
        .prepare_cached("INSERT INTO bucket (name, created) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING")?
        .execute((name, now.0))?;
    Ok(made == 1)
}

/// Removes a bucket that holds no version of anything, with the uploads under way in it; answers the contents nobody needs any more.
pub(crate) fn delete(connection: &Connection, name: &str) -> Result<Vec<u64>, Fault> {
    let id = id(connection, name)?;
    let full: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM object WHERE bucket = ?1) OR EXISTS (SELECT 1 FROM past WHERE bucket = ?1)",
        )?
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
