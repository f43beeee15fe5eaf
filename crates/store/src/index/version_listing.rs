//! Listing versions: by key, and the versions of a key from the latest to the oldest, found by seeks as keys are.

use rusqlite::{CachedStatement, Connection};

use super::listing::{common_prefix, end_of};
use super::objects;
use super::versions::{LATEST, Version, sequence_of};
use crate::fault::Fault;

/// What is listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    /// Only keys that begin so.
    pub(crate) prefix: String,
    /// Keys are grouped up to this, if it is not empty.
    pub(crate) delimiter: String,
    /// Only what comes after this key or common prefix, or after the version of it that is named beside.
    pub(crate) key_marker: Option<String>,
    /// See `key_marker`.
    pub(crate) version_marker: Option<String>,
    /// How many versions and common prefixes at most.
    pub(crate) limit: usize,
}

/// A version, or a prefix that stands for all versions of all keys under it.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A version.
    Version(Box<Version>),
    /// A common prefix, the delimiter included.
    Prefix(String),
}

/// One page, and whether more follows.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The entries in order.
    pub(crate) entries: Vec<Entry>,
    /// Whether more follows.
    pub(crate) truncated: bool,
}

/// What is left of one key's versions. The latest has been listed, so they are all in its past.
pub(super) const OF_KEY: &str =
    "SELECT body, bytes, etag, modified, parts, headers, checksums, version, sequence, tags, lock,
        encryption, superseded IS NULL, key
    FROM past WHERE bucket = ?1 AND key = ?2 AND sequence < ?3 ORDER BY sequence DESC LIMIT ?4";

/// The versions of the keys from one on. The two tables are in the same order, so they are merged and not sorted.
pub(super) const OF_KEYS: &str =
    "SELECT body, bytes, etag, modified, parts, headers, checksums, version, sequence, tags, lock,
        encryption, 1, key
    FROM object WHERE bucket = ?1 AND key >= ?2 AND key < ?3
    UNION ALL
    SELECT body, bytes, etag, modified, parts, headers, checksums, version, sequence, tags, lock,
        encryption, superseded IS NULL, key
    FROM past WHERE bucket = ?1 AND key >= ?2 AND key < ?3
    ORDER BY key, sequence DESC LIMIT ?4";

/// Finds a page of a bucket's versions.
pub(crate) fn page(connection: &Connection, bucket: i64, query: &Query) -> Result<Page, Fault> {
    let mut page = Page::default();
    if query.limit == 0 {
        return Ok(page);
    }
    if let (Some(key), Some(version)) = (&query.key_marker, &query.version_marker)
        && key.starts_with(&query.prefix)
        && common_prefix(key, &query.prefix, &query.delimiter).is_none()
    {
        // A marker that is gone and does not tell its place: its key is listed once more rather than left out.
        let before = sequence_of(connection, bucket, key, version)?.unwrap_or(i64::MAX);
        let mut statement = connection.prepare_cached(OF_KEY)?;
        let wanted = query.limit as i64 + 1;
        let mut rows = statement.query((bucket, key.as_bytes(), before, wanted))?;
        while let Some(row) = rows.next()? {
            if page.entries.len() == query.limit {
                page.truncated = true;
                return Ok(page);
            }
            page.entries.push(Entry::Version(Box::new(version_of(row)?)));
        }
    }
    let statement = connection.prepare_cached(OF_KEYS)?;
    seek(statement, bucket, query, &mut page)?;
    Ok(page)
}

fn seek(mut statement: CachedStatement<'_>, bucket: i64, query: &Query, page: &mut Page) -> Result<(), Fault> {
    let end = end_of(query.prefix.as_bytes());
    let mut from = first(query);
    'seek: loop {
        let wanted = (query.limit + 1 - page.entries.len()) as i64;
        let mut rows = statement.query((bucket, &from, &end, wanted))?;
        while let Some(row) = rows.next()? {
            if page.entries.len() == query.limit {
                page.truncated = true;
                return Ok(());
            }
            let version = version_of(row)?;
            if let Some(common) = common_prefix(&version.key, &query.prefix, &query.delimiter) {
                from = end_of(common.as_bytes());
                page.entries.push(Entry::Prefix(common.to_owned()));
                continue 'seek;
            }
            page.entries.push(Entry::Version(Box::new(version)));
        }
        return Ok(());
    }
}

/// The first key whose versions are all listed.
fn first(query: &Query) -> Vec<u8> {
    let prefix = query.prefix.as_bytes();
    let after = query.key_marker.as_deref().map(|key| match common_prefix(key, &query.prefix, &query.delimiter) {
        Some(common) if common == key => end_of(key.as_bytes()),
        _ => [key.as_bytes(), &[0]].concat(),
    });
    after.filter(|after| after.as_slice() > prefix).unwrap_or_else(|| prefix.to_vec())
}

fn version_of(row: &rusqlite::Row<'_>) -> Result<Version, Fault> {
    let key = row.get_ref(LATEST + 1)?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(Version {
        key: String::from_utf8_lossy(key).into_owned(),
        object: objects::from_row(row)?,
        latest: row.get(LATEST)?,
    })
}
