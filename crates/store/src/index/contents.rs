//! Contents in the index as those see them who look after the store: all of them in order, and what they are good for.

use rusqlite::{Connection, OptionalExtension as _};

use super::{signed, unsigned};
use crate::encryption::sealed_length;
use crate::fault::Fault;

/// A content as it must lie on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    /// Its number.
    pub(crate) number: u64,
    /// The length of its file.
    pub(crate) bytes: u64,
    /// The CRC-64/NVME of its file.
    pub(crate) crc64: u64,
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Objects.
    pub objects: u64,
    /// Contents, which objects and parts may share.
    pub contents: u64,
    /// The contents' bytes.
    pub bytes: u64,
}

/// The contents after a number, in order.
pub(crate) fn after(connection: &Connection, number: u64, limit: usize) -> Result<Vec<Content>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT number, bytes, crc64nvme, sealed IS NOT NULL FROM content WHERE number > ?1 ORDER BY number LIMIT ?2",
    )?;
    let rows = statement.query_map((signed(number), signed(limit as u64)), |row| {
        let bytes = unsigned(row.get(1)?);
        Ok(Content {
            number: unsigned(row.get(0)?),
            bytes: if row.get(3)? { sealed_length(bytes) } else { bytes },
            crc64: row.get::<_, i64>(2)?.cast_unsigned(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether a content is still there.
pub(crate) fn is_known(connection: &Connection, number: u64) -> Result<bool, Fault> {
    let found: Option<i64> = connection
        .prepare_cached("SELECT 1 FROM content WHERE number = ?1")?
        .query_row([signed(number)], |row| row.get(0))
        .optional()?;
    Ok(found.is_some())
}

/// Some of the objects that a content is or was a part of, as bucket and key.
pub(crate) fn users(connection: &Connection, number: u64, limit: usize) -> Result<Vec<(String, String)>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT bucket.name, object.key FROM segment
         JOIN object ON object.body = segment.body JOIN bucket ON bucket.id = object.bucket
         WHERE segment.content = ?1
         UNION SELECT bucket.name, past.key FROM segment
         JOIN past ON past.body = segment.body AND past.body <> 0 JOIN bucket ON bucket.id = past.bucket
         WHERE segment.content = ?1 ORDER BY 1, 2 LIMIT ?2",
    )?;
    let rows = statement.query_map((signed(number), signed(limit as u64)), |row| {
        Ok((row.get(0)?, String::from_utf8_lossy(row.get_ref(1)?.as_blob()?).into_owned()))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How much there is.
pub(crate) fn tally(connection: &Connection) -> Result<Tally, Fault> {
    Ok(connection.prepare_cached("SELECT objects, contents, bytes FROM tally")?.query_row([], |row| {
        Ok(Tally { objects: unsigned(row.get(0)?), contents: unsigned(row.get(1)?), bytes: unsigned(row.get(2)?) })
    })?)
}

/// What of a content's own numbers is kept beside it, and what must be true of them. Each query answers with a sentence
/// for each thing that is not.
const RULES: &[&str] = &[
    "SELECT 'the object ' || quote(CAST(object.key AS TEXT)) || ' in ' || bucket.name || ' is ' || object.bytes
            || ' bytes long, and its body is not'
     FROM object JOIN bucket ON bucket.id = object.bucket
     WHERE object.bytes <> (SELECT coalesce(sum(segment.bytes), 0) FROM segment WHERE segment.body = object.body)",
    "SELECT 'version ' || past.version || ' of ' || quote(CAST(past.key AS TEXT)) || ' in ' || bucket.name || ' is '
            || past.bytes || ' bytes long, and its body is not'
     FROM past JOIN bucket ON bucket.id = past.bucket
     WHERE past.bytes <> (SELECT coalesce(sum(segment.bytes), 0) FROM segment WHERE segment.body = past.body)",
    "SELECT 'part ' || part.number || ' of upload ' || part.upload || ' is ' || part.bytes || ' bytes long, and its body is not'
     FROM part
     WHERE part.bytes <> (SELECT coalesce(sum(segment.bytes), 0) FROM segment WHERE segment.body = part.body)",
    "SELECT 'body ' || segment.body || ' reaches beyond content ' || content.number
     FROM segment JOIN content ON content.number = segment.content
     WHERE segment.start < 0 OR segment.bytes < 0 OR segment.start + segment.bytes > content.bytes",
    "SELECT 'content ' || number || ' is part of no body'
     FROM content WHERE NOT EXISTS (SELECT 1 FROM segment WHERE segment.content = content.number)",
    "SELECT DISTINCT 'body ' || segment.body || ' belongs to no version and no part'
     FROM segment
     WHERE NOT EXISTS (SELECT 1 FROM object WHERE object.body = segment.body)
       AND NOT EXISTS (SELECT 1 FROM past WHERE past.body = segment.body AND past.body <> 0)
       AND NOT EXISTS (SELECT 1 FROM part WHERE part.body = segment.body)",
    "SELECT 'the object ' || quote(CAST(object.key AS TEXT)) || ' in ' || bucket.name
            || ' is encrypted, or not, and a content of it is otherwise'
     FROM object JOIN bucket ON bucket.id = object.bucket
     WHERE EXISTS (SELECT 1 FROM segment JOIN content ON content.number = segment.content
         WHERE segment.body = object.body AND (content.sealed IS NULL) <> (object.encryption IS NULL))",
    "SELECT 'version ' || past.version || ' of ' || quote(CAST(past.key AS TEXT)) || ' in ' || bucket.name
            || ' is encrypted, or not, and a content of it is otherwise'
     FROM past JOIN bucket ON bucket.id = past.bucket
     WHERE EXISTS (SELECT 1 FROM segment JOIN content ON content.number = segment.content
         WHERE segment.body = past.body AND (content.sealed IS NULL) <> (past.encryption IS NULL))",
    "SELECT 'the parts of body ' || body || ' are not as long as what it belongs to'
     FROM (SELECT body, sum(bytes) AS bytes FROM composed GROUP BY body) AS parts
     WHERE NOT EXISTS (SELECT 1 FROM object WHERE object.body = parts.body AND object.bytes = parts.bytes)
       AND NOT EXISTS (SELECT 1 FROM past WHERE past.body = parts.body AND past.body <> 0 AND past.bytes = parts.bytes)",
    "SELECT 'the tally says ' || objects || ' objects, ' || contents || ' contents and ' || bytes || ' bytes, and that is wrong'
     FROM tally
     WHERE objects <> (SELECT count(*) FROM object) OR contents <> (SELECT count(*) FROM content)
        OR bytes <> (SELECT coalesce(sum(bytes), 0) FROM content)",
    "SELECT 'a row of ' || \"table\" || ' refers to a ' || parent || ' that is not there' FROM pragma_foreign_key_check",
    "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
];

/// Whether the index agrees with itself: nothing, or a sentence for each thing that is wrong, at most `limit` a rule.
pub(crate) fn complaints(connection: &Connection, limit: usize) -> Result<Vec<String>, Fault> {
    let mut complaints = Vec::new();
    for rule in RULES {
        let mut statement = connection.prepare(rule)?;
        let mut rows = statement.query([])?;
        let mut found = 0;
        while let Some(row) = rows.next()? {
            complaints.push(row.get(0)?);
            found += 1;
            if found == limit {
                break;
            }
        }
    }
    Ok(complaints)
}
