//! Multipart uploads in the index: begun, given parts, completed once, or aborted.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension as _};

use super::buckets::Bucket;
use super::composed::{self, ComposedPart};
use super::objects::{Headers, Object};
use super::{bodies, from_json, from_json_option, signed, to_json, to_json_option, unsigned, versions};
use crate::checksum::{Algorithm, Checksums};
use crate::encryption::Encryption;
use crate::fault::{Code, Fault};
use crate::lock::Lock;
use crate::tags::Tags;
use crate::time::Moment;

/// An upload under way.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    /// Its id.
    pub(crate) id: String,
    /// The key it will be put under.
    pub(crate) key: String,
    /// The access key that began it.
    pub(crate) initiator: String,
    /// When it began.
    pub(crate) initiated: Moment,
    /// The headers its object will have.
    pub(crate) headers: Headers,
    /// The checksum it will have, if one was chosen.
    pub(crate) algorithm: Option<Algorithm>,
    /// Whether that checksum is made of the parts' checksums.
    pub(crate) composite: bool,
    /// The tags its object will have.
    pub(crate) tags: Tags,
    /// The lock its object will have.
    pub(crate) lock: Lock,
    /// What its parts are encrypted with, if they are.
    pub(crate) encryption: Option<Encryption>,
}

/// A part that has arrived.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Its number.
    pub(crate) number: u32,
    /// The body it has.
    pub(crate) body: i64,
    /// Its length.
    pub(crate) bytes: u64,
    /// What its tag is made of: its MD5, but for a part that is encrypted with a customer's key.
    pub(crate) md5: Vec<u8>,
    /// When it arrived.
    pub(crate) modified: Moment,
    /// Its checksums.
    pub(crate) checksums: Checksums,
}

/// What a completed upload was answered.
#[derive(Debug, Clone)]
pub(crate) struct Completion {
    /// The tag of the object.
    pub(crate) etag: String,
    /// Its checksums.
    pub(crate) checksums: Checksums,
    /// The version it became, where there are versions.
    pub(crate) version: Option<String>,
    /// What it is encrypted with, if it is.
    pub(crate) encryption: Option<Encryption>,
}

/// How many parts one transaction lets go of, so that no writer waits long for it.
pub(crate) const PARTS_AT_ONCE: usize = 512;

const COLUMNS: &str = "id, key, initiator, initiated, headers, algorithm, composite, tags, lock, encryption";

fn from_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Upload> {
    let algorithm: Option<String> = row.get(5)?;
    Ok(Upload {
        id: row.get(0)?,
        key: String::from_utf8_lossy(row.get_ref(1)?.as_blob()?).into_owned(),
        initiator: row.get(2)?,
        initiated: Moment(row.get(3)?),
        headers: from_json(row, 4)?,
        algorithm: algorithm.and_then(|name| Algorithm::parse(&name).ok()),
        composite: row.get(6)?,
        tags: from_json(row, 7)?,
        lock: from_json(row, 8)?,
        encryption: from_json_option(row, 9)?,
    })
}

/// Begins an upload.
pub(crate) fn begin(connection: &Connection, bucket: i64, upload: &Upload) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO upload (bucket, key, id, initiator, initiated, headers, algorithm, composite, tags, lock,
                 encryption)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute((
            bucket,
            upload.key.as_bytes(),
            &upload.id,
            &upload.initiator,
            upload.initiated.0,
            to_json(&upload.headers)?,
            upload.algorithm.map(Algorithm::name),
            upload.composite,
            to_json(&upload.tags)?,
            to_json(&upload.lock)?,
            to_json_option(upload.encryption.as_ref())?,
        ))?;
    Ok(())
}

/// The upload with this id under this key, which must be under way.
pub(crate) fn find(connection: &Connection, bucket: i64, key: &str, id: &str) -> Result<Upload, Fault> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM upload WHERE bucket = ?1 AND key = ?2 AND id = ?3"))?
        .query_row((bucket, key.as_bytes(), id), from_row)
        .optional()?
        .ok_or_else(|| Fault::from(Code::NoSuchUpload).with("UploadId", id))
}

/// Notes a part, in place of an earlier one with its number; answers the contents nobody needs any more.
pub(crate) fn put_part(connection: &Connection, upload: &str, part: &Part) -> Result<Vec<u64>, Fault> {
    let before: Option<i64> = connection
        .prepare_cached("SELECT body FROM part WHERE upload = ?1 AND number = ?2")?
        .query_row((upload, part.number), |row| row.get(0))
        .optional()?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO part (upload, number, body, bytes, md5, modified, checksums)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            upload,
            part.number,
            part.body,
            signed(part.bytes),
            &part.md5,
            part.modified.0,
            to_json(&part.checksums)?,
        ))?;
    before.map_or_else(|| Ok(Vec::new()), |body| bodies::release(connection, body))
}

/// The parts after a number, in order, at most `limit` of them.
pub(crate) fn parts(connection: &Connection, upload: &str, after: u32, limit: usize) -> Result<Vec<Part>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT number, body, bytes, md5, modified, checksums FROM part WHERE upload = ?1 AND number > ?2
         ORDER BY number LIMIT ?3",
    )?;
    let rows = statement.query_map((upload, after, limit as i64), |row| {
        Ok(Part {
            number: row.get(0)?,
            body: row.get(1)?,
            bytes: unsigned(row.get(2)?),
            md5: row.get(3)?,
            modified: Moment(row.get(4)?),
            checksums: from_json(row, 5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Removes an upload and its parts; answers the contents nobody needs any more.
pub(crate) fn remove(connection: &Connection, bucket: i64, key: &str, id: &str) -> Result<Vec<u64>, Fault> {
    let (_, freed) = remove_parts(connection, id, usize::MAX >> 1)?;
    connection.prepare_cached("DELETE FROM upload WHERE bucket = ?1 AND key = ?2 AND id = ?3")?.execute((
        bucket,
        key.as_bytes(),
        id,
    ))?;
    Ok(freed)
}

/// Aborts uploads until so many parts have gone; answers how many uploads have, and the contents nobody needs any more.
/// The last one may be left with fewer parts than it had, for the next call.
pub(crate) fn abort(
    connection: &Connection,
    uploads: &[(i64, Upload)],
    parts: usize,
) -> Result<(usize, Vec<u64>), Fault> {
    let (mut left, mut freed) = (parts, Vec::new());
    for (ended, (bucket, upload)) in uploads.iter().enumerate() {
        let (gone, now_free) = remove_parts(connection, &upload.id, left)?;
        freed.extend(now_free);
        left -= gone;
        if left == 0 {
            return Ok((ended, freed));
        }
        remove(connection, *bucket, &upload.key, &upload.id)?;
    }
    Ok((uploads.len(), freed))
}

fn remove_parts(connection: &Connection, id: &str, most: usize) -> Result<(usize, Vec<u64>), Fault> {
    let parts: Vec<(u32, i64)> = connection
        .prepare_cached("SELECT number, body FROM part WHERE upload = ?1 ORDER BY number LIMIT ?2")?
        .query_map((id, most as i64), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut freed = Vec::new();
    let mut delete = connection.prepare_cached("DELETE FROM part WHERE upload = ?1 AND number = ?2")?;
    for (number, body) in &parts {
        delete.execute((id, number))?;
        freed.extend(bodies::release(connection, *body)?);
    }
    Ok((parts.len(), freed))
}

/// Makes the chosen parts the object of the upload's key and ends the upload; answers its version, if there are versions,
/// and the contents nobody needs any more.
pub(crate) fn complete(
    connection: &Connection,
    bucket: Bucket,
    upload: &Upload,
    chosen: &[Part],
    object: &Object,
    luck: u64,
) -> Result<(Option<String>, Vec<u64>), Fault> {
    let mut segments = Vec::new();
    for part in chosen {
        let stretches = bodies::segments(connection, part.body)?;
        bodies::permit(segments.len() + stretches.len())?;
        segments.extend(stretches.into_iter().map(|segment| bodies::Segment { part: part.number, ..segment }));
    }
    bodies::compose(connection, object.body, &segments)?;
    let algorithm = upload.algorithm.unwrap_or(Algorithm::Crc64nvme);
    let parts: Vec<ComposedPart> =
        chosen.iter().map(|part| ComposedPart::new(part.number, part.bytes, &part.checksums, algorithm)).collect();
    composed::note(connection, object.body, &parts)?;
    let change = versions::put(connection, bucket, &upload.key, object, (object.modified, luck))?;
    let mut freed = change.freed;
    freed.extend(remove(connection, bucket.id, &upload.key, &upload.id)?);
    connection
        .prepare_cached(
            "INSERT INTO completion (upload, bucket, key, etag, checksums, completed, version, encryption)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            &upload.id,
            bucket.id,
            upload.key.as_bytes(),
            &object.etag,
            to_json(&object.checksums)?,
            object.modified.0,
            &change.version,
            to_json_option(object.encryption.as_ref())?,
        ))?;
    Ok((change.version, freed))
}

/// What the completion of an upload was answered, if it was completed not long ago.
pub(crate) fn completion(
    connection: &Connection,
    bucket: i64,
    key: &str,
    id: &str,
) -> Result<Option<Completion>, Fault> {
    Ok(connection
        .prepare_cached(
            "SELECT etag, checksums, version, encryption FROM completion WHERE upload = ?3 AND bucket = ?1 AND key = ?2",
        )?
        .query_row((bucket, key.as_bytes(), id), |row| {
            Ok(Completion {
                etag: row.get(0)?,
                checksums: from_json(row, 1)?,
                version: row.get(2)?,
                encryption: from_json_option(row, 3)?,
            })
        })
        .optional()?)
}

/// Hands the uploads of a bucket after a key and id, in order and below an end, to `take` until that says stop. None is
/// read that is not handed over.
pub(crate) fn list(
    connection: &Connection,
    bucket: i64,
    from: (&[u8], &str),
    end: &[u8],
    mut take: impl FnMut(Upload) -> ControlFlow<()>,
) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM upload WHERE bucket = ?1 AND (key, id) > (?2, ?3) AND key < ?4 ORDER BY key, id"
    ))?;
    let mut rows = statement.query((bucket, from.0, from.1, end))?;
    while let Some(row) = rows.next()? {
        if take(from_row(row)?).is_break() {
            break;
        }
    }
    Ok(())
}

/// Some of the uploads that began before a moment, each with its bucket.
pub(crate) fn begun_before(connection: &Connection, moment: Moment, limit: usize) -> Result<Vec<(i64, Upload)>, Fault> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS}, bucket FROM upload WHERE initiated < ?1 ORDER BY initiated LIMIT ?2"
    ))?;
    let rows = statement.query_map((moment.0, limit as i64), |row| Ok((row.get(10)?, from_row(row)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets the answers to completions before a moment.
pub(crate) fn forget_completions(connection: &Connection, moment: Moment) -> Result<(), Fault> {
    connection.prepare_cached("DELETE FROM completion WHERE completed < ?1")?.execute([moment.0])?;
    Ok(())
}
