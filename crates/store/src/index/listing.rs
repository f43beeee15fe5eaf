//! Listing keys in order: a page is found by seeking, and a delimiter skips a whole common prefix in one seek.

use rusqlite::Connection;

use super::objects::{self, Object};
use crate::fault::Fault;

/// What is listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    /// Only keys that begin so.
    pub(crate) prefix: String,
    /// Keys are grouped up to this, if it is not empty.
    pub(crate) delimiter: String,
    /// Only what comes after this key or common prefix.
    pub(crate) after: Option<String>,
    /// How many keys and common prefixes at most.
    pub(crate) limit: usize,
}

/// A key, or a prefix that stands for all keys under it.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A key and its object.
    Key(String, Box<Object>),
    /// A common prefix, the delimiter included.
    Prefix(String),
}

impl Entry {
    /// What the next page comes after.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Key(name, _) | Self::Prefix(name) => name,
        }
    }
}

/// One page, and whether more follows.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The entries in order of their names' bytes.
    pub(crate) entries: Vec<Entry>,
    /// Whether more follows.
    pub(crate) truncated: bool,
}

/// The keys from one on. Rows are read as they are asked for, so what is cut off costs nothing.
const SELECT: &str = "SELECT body, bytes, etag, modified, parts, headers, checksums, version, sequence, tags, lock,
    encryption, key FROM object WHERE bucket = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4";

/// Finds a page of a bucket's keys.
pub(crate) fn page(connection: &Connection, bucket: i64, query: &Query) -> Result<Page, Fault> {
    let mut page = Page::default();
    if query.limit == 0 {
        return Ok(page);
    }
    let mut statement = connection.prepare_cached(SELECT)?;
    let end = end_of(query.prefix.as_bytes());
    let mut from = first(query);
    'seek: loop {
        let wanted = query.limit + 1 - page.entries.len();
        let mut rows = statement.query((bucket, &from, &end, wanted as i64))?;
        while let Some(row) = rows.next()? {
            if page.entries.len() == query.limit {
                page.truncated = true;
                return Ok(page);
            }
            let key = String::from_utf8_lossy(row.get_ref(12)?.as_blob().map_err(rusqlite::Error::from)?).into_owned();
            if let Some(common) = common_prefix(&key, &query.prefix, &query.delimiter) {
                let common = common.to_owned();
                let next = successor(common.as_bytes());
                page.entries.push(Entry::Prefix(common));
                let Some(next) = next else { return Ok(page) };
                from = next;
                continue 'seek;
            }
            page.entries.push(Entry::Key(key, Box::new(objects::from_row(row)?)));
        }
        return Ok(page);
    }
}

/// The first key that may be listed. What comes after a common prefix comes after all the keys it stands for.
fn first(query: &Query) -> Vec<u8> {
    let prefix = query.prefix.as_bytes();
    let after = query.after.as_deref().map(|after| match common_prefix(after, &query.prefix, &query.delimiter) {
        Some(common) if common == after => successor(after.as_bytes()).unwrap_or_default(),
        _ => [after.as_bytes(), &[0]].concat(),
    });
    after.filter(|after| after.as_slice() > prefix).unwrap_or_else(|| prefix.to_vec())
}

/// The common prefix that stands for a key, if a delimiter follows the prefix in it.
pub(crate) fn common_prefix<'a>(key: &'a str, prefix: &str, delimiter: &str) -> Option<&'a str> {
    if delimiter.is_empty() {
        return None;
    }
    let rest = key.strip_prefix(prefix)?;
    let end = rest.find(delimiter)? + delimiter.len();
    key.get(..prefix.len() + end)
}

/// What every key with this prefix comes before.
pub(crate) fn end_of(prefix: &[u8]) -> Vec<u8> {
    // 0xFF never occurs in UTF-8, so every key comes before it.
    successor(prefix).unwrap_or_else(|| vec![0xff])
}

/// The first byte string that no longer begins with this one; `None` when there is none.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    // 0xFF never occurs in UTF-8, so only an empty prefix has no successor.
    let (last, head) = prefix.split_last()?;
    Some([head, &[last + 1]].concat())
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, StatementStatus};

    use super::super::buckets::{Bucket, Versioning};
    use super::super::{MIGRATIONS, objects, version_listing, versions};
    use super::{Entry, Query, SELECT, page};
    use crate::time::Moment;

    /// How many keys there are. What a page costs must not depend on it.
    const KEYS: i64 = 50_000;

    /// A bucket with that many keys in folders of 5,000, and a key with as many versions.
    fn filled() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        for migration in MIGRATIONS {
            connection.execute_batch(migration.sql).unwrap();
        }
        connection
            .execute_batch(&format!(
                "INSERT INTO bucket (id, name, created, versioning) VALUES (1, 'files', 0, 'Enabled');
                 WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < {KEYS} - 1)
                 INSERT INTO object (bucket, key, body, bytes, etag, modified, headers, checksums)
                 SELECT 1, CAST(printf('%04d/%08d', n / 5000, n) AS BLOB), n + 1, 0, 'e', 0, '{{}}', '{{\"values\":{{}}}}'
                 FROM number;
                 WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {KEYS})
                 INSERT INTO past (bucket, key, body, bytes, etag, modified, headers, checksums, version, sequence, tags,
                     lock, superseded)
                 SELECT 1, CAST('0005/many' AS BLOB), n, 0, 'e', 0, '{{}}', '{{\"values\":{{}}}}',
                     printf('%016x%016x', n, 7), n, '{{}}', '{{}}', 1
                 FROM number;"
            ))
            .unwrap();
        connection
    }

    /// The steps that a statement has taken in SQLite's machine since it was asked last. A row takes some thirty.
    fn steps(connection: &Connection, sql: &str) -> i32 {
        let statement = connection.prepare_cached(sql).unwrap();
        assert_eq!(statement.reset_status(StatementStatus::Sort), 0, "a page is sorted by the index");
        assert_eq!(statement.reset_status(StatementStatus::FullscanStep), 0, "a page is found by a seek");
        statement.reset_status(StatementStatus::VmStep)
    }

    #[test]
    fn a_page_of_keys_costs_what_it_shows_and_not_what_there_is() {
        let connection = filled();
        let look = |prefix: &str, delimiter: &str, after: Option<&str>, limit: usize| {
            let query = Query {
                prefix: prefix.to_owned(),
                delimiter: delimiter.to_owned(),
                after: after.map(str::to_owned),
                limit,
            };
            let page = page(&connection, 1, &query).unwrap();
            (page, steps(&connection, SELECT))
        };
        for after in [None, Some("0003/00017000"), Some("0009/00049000")] {
            let (page, steps) = look("", "", after, 100);
            assert_eq!((page.entries.len(), page.truncated), (100, true));
            assert!((100..100 * 60).contains(&steps), "{steps} steps for a hundred keys after {after:?}");
        }
        let (page, steps) = look("", "/", None, 1000);
        assert_eq!(page.entries.len(), 10);
        assert!(page.entries.iter().all(|entry| matches!(entry, Entry::Prefix(_))));
        assert!((10..11 * 100).contains(&steps), "{steps} steps for ten folders");
    }

    #[test]
    fn a_page_of_versions_costs_what_it_shows_and_not_what_there_is() {
        let connection = filled();
        let look = |delimiter: &str, marker: Option<(&str, Option<i64>)>, limit: usize| {
            let query = version_listing::Query {
                prefix: String::new(),
                delimiter: delimiter.to_owned(),
                key_marker: marker.map(|(key, _)| key.to_owned()),
                version_marker: marker.and_then(|(_, sequence)| Some(format!("{:016x}{:016x}", sequence?, 7))),
                limit,
            };
            let page = version_listing::page(&connection, 1, &query).unwrap();
            let steps = steps(&connection, version_listing::OF_KEY) + steps(&connection, version_listing::OF_KEYS);
            (page.entries.len(), steps)
        };
        let many = "0005/many";
        for marker in [
            None,
            Some(("0004/00024950", None)),
            Some((many, Some(KEYS))),
            Some((many, Some(KEYS / 2))),
            Some((many, Some(50))),
        ] {
            let (shown, steps) = look("", marker, 100);
            assert_eq!(shown, 100);
            assert!((100..100 * 100).contains(&steps), "{steps} steps for a hundred versions after {marker:?}");
        }
        let (shown, steps) = look("/", None, 1000);
        assert_eq!(shown, 10);
        assert!((10..11 * 200).contains(&steps), "{steps} steps for ten folders");
        // One version among many is found by its name alone.
        let bucket = Bucket { id: 1, versioning: Versioning::Enabled, locks: false };
        let named = format!("{:016x}{:016x}", 31_000, 7);
        assert!(versions::find(&connection, 1, many, &named).unwrap().is_some());
        versions::delete(&connection, bucket, many, Moment(5), 9).unwrap();
        assert!(objects::find(&connection, 1, many).unwrap().is_none());
    }
}
