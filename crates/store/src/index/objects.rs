//! Objects in the index: the latest version of each key, found, replaced and removed inside the caller's transaction.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Row, Statement, ToSql};

use super::{bodies, from_json, from_json_option, signed, to_json, to_json_option, unsigned};
use crate::checksum::Checksums;
use crate::encryption::Encryption;
use crate::fault::Fault;
use crate::lock::Lock;
use crate::tags::Tags;
use crate::time::Moment;

/// The headers that are kept with an object and given back with it, by lower-case name.
pub(crate) type Headers = BTreeMap<String, String>;

/// What the index knows of an object.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    /// The body it has.
    pub(crate) body: i64,
    /// Its length.
    pub(crate) bytes: u64,
    /// Its tag, without quotes.
    pub(crate) etag: String,
    /// When it became what it is.
    pub(crate) modified: Moment,
    /// How many parts it was composed of, if it was.
    pub(crate) parts: Option<u32>,
    /// Its content type and whatever else came with it.
    pub(crate) headers: Headers,
    /// Its checksums.
    pub(crate) checksums: Checksums,
    /// What its version is called.
    pub(crate) version: String,
    /// What the versions of a key are ordered by; 0 where there is only one.
    pub(crate) sequence: i64,
    /// Its tags.
    pub(crate) tags: Tags,
    /// What keeps it from being removed.
    pub(crate) lock: Lock,
    /// What it is encrypted with, if it is.
    pub(crate) encryption: Option<Encryption>,
}

impl Object {
    /// Whether this is no object but the mark of a deletion.
    pub(crate) fn is_marker(&self) -> bool {
        self.body == 0
    }
}

/// The columns of an object, in the order of `from_row`.
pub(super) const COLUMNS: &str =
    "body, bytes, etag, modified, parts, headers, checksums, version, sequence, tags, lock, encryption";

/// Where among them is when an object became what it is.
pub(super) const MODIFIED: usize = 3;

/// Reads an object from a row of `COLUMNS`.
pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Object> {
    Ok(Object {
        body: row.get(0)?,
        bytes: unsigned(row.get(1)?),
        etag: row.get(2)?,
        modified: Moment(row.get(MODIFIED)?),
        parts: row.get(4)?,
        headers: from_json(row, 5)?,
        checksums: from_json(row, 6)?,
        version: row.get(7)?,
        sequence: row.get(8)?,
        tags: from_json(row, 9)?,
        lock: from_json(row, 10)?,
        encryption: from_json_option(row, 11)?,
    })
}

/// The object under a key, if there is one.
pub(crate) fn find(connection: &Connection, bucket: i64, key: &str) -> Result<Option<Object>, Fault> {
    Ok(connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM object WHERE bucket = ?1 AND key = ?2"))?
        .query_row((bucket, key.as_bytes()), from_row)
        .optional()?)
}

/// Puts an object under a key, in place of what was there; answers the contents nobody needs any more.
pub(super) fn replace(connection: &Connection, bucket: i64, key: &str, object: &Object) -> Result<Vec<u64>, Fault> {
    let before = body_of(connection, bucket, key)?;
    insert(connection, bucket, key, object)?;
    match before {
        Some(body) if body != object.body => bodies::release(connection, body),
        _ => Ok(Vec::new()),
    }
}

/// Writes the row of an object, over that of another one under its key.
pub(super) fn insert(connection: &Connection, bucket: i64, key: &str, object: &Object) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(&format!(
        "INSERT INTO object (bucket, key, {COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         ON CONFLICT (bucket, key) DO UPDATE SET ({COLUMNS}) = (?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
    ))?;
    bind(&mut statement, bucket, key, object)?;
    statement.raw_execute()?;
    Ok(())
}

/// Gives a statement what the tables of versions have alike: the bucket, the key and, from the third place on, `COLUMNS`.
pub(super) fn bind(statement: &mut Statement<'_>, bucket: i64, key: &str, object: &Object) -> Result<(), Fault> {
    let (headers, checksums) = (to_json(&object.headers)?, to_json(&object.checksums)?);
    let (tags, lock) = (to_json(&object.tags)?, to_json(&object.lock)?);
    let encryption = to_json_option(object.encryption.as_ref())?;
    let (bytes, modified) = (signed(object.bytes), object.modified.0);
    let values: [&dyn ToSql; 14] = [
        &bucket,
        &key.as_bytes(),
        &object.body,
        &bytes,
        &object.etag,
        &modified,
        &object.parts,
        &headers,
        &checksums,
        &object.version,
        &object.sequence,
        &tags,
        &lock,
        &encryption,
    ];
    for (place, value) in (1..).zip(values) {
        statement.raw_bind_parameter(place, value)?;
    }
    Ok(())
}

/// Removes the row of the object under a key, if there is one; answers the body that it had.
pub(super) fn remove(connection: &Connection, bucket: i64, key: &str) -> Result<Option<i64>, Fault> {
    let body = body_of(connection, bucket, key)?;
    if body.is_some() {
        connection
            .prepare_cached("DELETE FROM object WHERE bucket = ?1 AND key = ?2")?
            .execute((bucket, key.as_bytes()))?;
    }
    Ok(body)
}

fn body_of(connection: &Connection, bucket: i64, key: &str) -> Result<Option<i64>, Fault> {
    Ok(connection
        .prepare_cached("SELECT body FROM object WHERE bucket = ?1 AND key = ?2")?
        .query_row((bucket, key.as_bytes()), |row| row.get(0))
        .optional()?)
}
