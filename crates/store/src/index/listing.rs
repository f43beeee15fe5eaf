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

/// Finds a page of a bucket's keys.
pub(crate) fn page(connection: &Connection, bucket: i64, query: &Query) -> Result<Page, Fault> {
    let mut page = Page::default();
    if query.limit == 0 {
        return Ok(page);
    }
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {}, key FROM object WHERE bucket = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4",
        objects::COLUMNS
    ))?;
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
            let key = String::from_utf8_lossy(row.get_ref(10)?.as_blob().map_err(rusqlite::Error::from)?).into_owned();
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
