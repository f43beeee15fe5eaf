//! The versions of a key in the index: the latest one is its object, the others and the delete markers are its past.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::buckets::{self, Bucket, Rules, Versioning};
use super::objects::{self, COLUMNS, Headers, Object};
use super::{bodies, to_json};
use crate::checksum::Checksums;
use crate::fault::{Code, Fault};
use crate::lock::{BucketLock, Lock};
use crate::tags::Tags;
use crate::time::Moment;

/// What the version is called that was written while versioning was off.
pub(crate) const NULL: &str = "null";

/// What a change made of a key, and the contents nobody needs any more.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// The version that was made or removed; `None` in a bucket whose versioning was never switched on.
    pub(crate) version: Option<String>,
    /// Whether that version is a delete marker.
    pub(crate) marker: bool,
    /// What nobody needs any more.
    pub(crate) freed: Vec<u64>,
}

/// A version of a key, and whether it is the latest.
#[derive(Debug)]
pub(crate) struct Version {
    /// Its key.
    pub(crate) key: String,
    /// What it is; a delete marker has no body.
    pub(crate) object: Object,
    /// Whether it is the latest version of its key.
    pub(crate) latest: bool,
}

/// Makes an object the latest version of a key, now: an imported one was modified long before. `luck` makes its
/// version's name impossible to guess.
pub(crate) fn put(
    connection: &Connection,
    bucket: Bucket,
    key: &str,
    object: &Object,
    (now, luck): (Moment, u64),
) -> Result<Change, Fault> {
    let kept = lock_of_new(connection, bucket, object)?;
    if bucket.versioning == Versioning::Never {
        let freed = objects::replace(connection, bucket.id, key, object)?;
        return Ok(Change { freed, ..Change::default() });
    }
    let (sequence, replaced) = make_way(connection, bucket, key, now)?;
    let version = name(bucket, sequence, luck);
    let latest = Object { version: version.clone(), sequence, lock: kept, ..object.clone() };
    objects::insert(connection, bucket.id, key, &latest)?;
    Ok(Change { version: Some(version), marker: false, freed: release(connection, replaced)? })
}

/// Deletes a key without naming a version: what was there goes, or becomes the past of a delete marker.
pub(crate) fn delete(
    connection: &Connection,
    bucket: Bucket,
    key: &str,
    now: Moment,
    luck: u64,
) -> Result<Change, Fault> {
    if bucket.versioning == Versioning::Never {
        let body = objects::remove(connection, bucket.id, key)?;
        return Ok(Change { freed: release(connection, body)?, ..Change::default() });
    }
    let (sequence, replaced) = make_way(connection, bucket, key, now)?;
    let version = name(bucket, sequence, luck);
    insert(connection, bucket.id, key, &marker(&version, sequence, now), None)?;
    Ok(Change { version: Some(version), marker: true, freed: release(connection, replaced)? })
}

/// Removes one version for good; `None` if there is no such version. The one before it becomes the latest. One that is
/// locked is refused, unless its lock can be lifted and `bypass` says to.
pub(crate) fn delete_version(
    connection: &Connection,
    bucket: Bucket,
    key: &str,
    version: &str,
    (now, bypass): (Moment, bool),
) -> Result<Option<Change>, Fault> {
    let Some(found) = find(connection, bucket.id, key, version)? else { return Ok(None) };
    found.object.lock.permit_removal(now, bypass)?;
    if found.latest {
        if found.object.is_marker() {
            remove(connection, bucket.id, key, found.object.sequence)?;
        } else {
            objects::remove(connection, bucket.id, key)?;
        }
        promote(connection, bucket.id, key)?;
    } else {
        remove(connection, bucket.id, key, found.object.sequence)?;
    }
    Ok(Some(Change {
        version: (bucket.versioning != Versioning::Never).then_some(found.object.version),
        marker: found.object.body == 0,
        freed: release(connection, Some(found.object.body))?,
    }))
}

/// A certain version of a key.
pub(crate) fn find(connection: &Connection, bucket: i64, key: &str, version: &str) -> Result<Option<Version>, Fault> {
    let found = |object, latest| Version { key: key.to_owned(), object, latest };
    if let Some(object) = objects::find(connection, bucket, key)?.filter(|object| object.version == version) {
        return Ok(Some(found(object, true)));
    }
    let Some(sequence) = sequence_of(connection, bucket, key, version)? else { return Ok(None) };
    let past = connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS}, superseded IS NULL FROM past WHERE bucket = ?1 AND key = ?2 AND sequence = ?3"
        ))?
        .query_row((bucket, key.as_bytes(), sequence), |row| Ok((objects::from_row(row)?, row.get(LATEST)?)))
        .optional()?;
    Ok(past.filter(|(object, _)| object.version == version).map(|(object, latest)| found(object, latest)))
}

/// The delete marker that hides a key, if one does.
pub(crate) fn hiding_marker(connection: &Connection, bucket: i64, key: &str) -> Result<Option<Object>, Fault> {
    Ok(newest(connection, bucket, key)?.filter(|(_, superseded)| superseded.is_none()).map(|(object, _)| object))
}

/// The lock of a new version: its own, or what its bucket gives to all.
fn lock_of_new(connection: &Connection, bucket: Bucket, object: &Object) -> Result<Lock, Fault> {
    permit_lock(bucket, object)?;
    if !bucket.locks || object.lock.retention.is_some() {
        return Ok(object.lock);
    }
    let own: Option<BucketLock> = buckets::rules(connection, bucket.id, Rules::ObjectLock)?;
    let retention = own.and_then(|own| own.default).map(|default| default.begun(object.modified));
    Ok(Lock { retention, ..object.lock })
}

/// Refuses a version with a lock where versions cannot be locked.
pub(super) fn permit_lock(bucket: Bucket, object: &Object) -> Result<(), Fault> {
    if bucket.locks || object.lock.is_none() {
        return Ok(());
    }
    Err(Fault::new(Code::InvalidRequest, "Bucket is missing Object Lock Configuration"))
}

/// Gives a version another lock.
pub(crate) fn set_lock(connection: &Connection, bucket: i64, version: &Version, lock: Lock) -> Result<(), Fault> {
    set(connection, bucket, version, "lock", &to_json(&lock)?)
}

/// Gives a version other tags.
pub(crate) fn set_tags(connection: &Connection, bucket: i64, version: &Version, tags: &Tags) -> Result<(), Fault> {
    set(connection, bucket, version, "tags", &to_json(tags)?)
}

fn set(connection: &Connection, bucket: i64, version: &Version, column: &str, value: &str) -> Result<(), Fault> {
    let table = if version.latest { "object" } else { "past" };
    connection
        .prepare_cached(&format!("UPDATE {table} SET {column} = ?4 WHERE bucket = ?1 AND key = ?2 AND sequence = ?3"))?
        .execute((bucket, version.key.as_bytes(), version.object.sequence, value))?;
    Ok(())
}

/// The place of a version among those of its key; `None` if nothing can be called so.
pub(super) fn sequence_of(
    connection: &Connection,
    bucket: i64,
    key: &str,
    version: &str,
) -> Result<Option<i64>, Fault> {
    if version == NULL {
        return Ok(connection
            .prepare_cached("SELECT sequence FROM past WHERE bucket = ?1 AND key = ?2 AND version = 'null'")?
            .query_row((bucket, key.as_bytes()), |row| row.get(0))
            .optional()?);
    }
    let sequence = version.get(..16).filter(|_| version.len() == 32);
    Ok(sequence.and_then(|digits| i64::from_str_radix(digits, 16).ok()))
}

/// Where `find` and the listings put whether a version is the latest: after the columns of an object.
pub(super) const LATEST: usize = 12;

/// Makes the latest version of a key its past, and answers the place of the next one. Where versioning is suspended, the
/// next one replaces the version called `null`: its body is let go of once the next one is there, which may share it.
pub(super) fn make_way(
    connection: &Connection,
    bucket: Bucket,
    key: &str,
    now: Moment,
) -> Result<(i64, Option<i64>), Fault> {
    let current = objects::find(connection, bucket.id, key)?;
    let newest = newest(connection, bucket.id, key)?;
    let sequence_of = |object: &Object| object.sequence;
    let highest = current.as_ref().map(sequence_of).max(newest.as_ref().map(|(object, _)| sequence_of(object)));
    let mut replaced = None;
    if bucket.versioning == Versioning::Suspended
        && let Some(null) = find(connection, bucket.id, key, NULL)?
    {
        replaced = Some(null.object.body);
        if null.latest && !null.object.is_marker() {
            objects::remove(connection, bucket.id, key)?;
        } else {
            remove(connection, bucket.id, key, null.object.sequence)?;
        }
    }
    match (current, newest) {
        (Some(current), _) if replaced.is_none() || current.version != NULL => {
            objects::remove(connection, bucket.id, key)?;
            insert(connection, bucket.id, key, &current, Some(now))?;
        }
        (None, Some((marker, None))) => {
            connection
                .prepare_cached("UPDATE past SET superseded = ?4 WHERE bucket = ?1 AND key = ?2 AND sequence = ?3")?
                .execute((bucket.id, key.as_bytes(), marker.sequence, now.0))?;
        }
        _ => {}
    }
    Ok((highest.unwrap_or(0) + 1, replaced))
}

/// Makes the newest of a key's past its latest version.
fn promote(connection: &Connection, bucket: i64, key: &str) -> Result<(), Fault> {
    match newest(connection, bucket, key)? {
        None => {}
        Some((marker, _)) if marker.is_marker() => {
            connection
                .prepare_cached("UPDATE past SET superseded = NULL WHERE bucket = ?1 AND key = ?2 AND sequence = ?3")?
                .execute((bucket, key.as_bytes(), marker.sequence))?;
        }
        Some((object, _)) => {
            remove(connection, bucket, key, object.sequence)?;
            objects::insert(connection, bucket, key, &object)?;
        }
    }
    Ok(())
}

/// The newest of a key's past, and when it was superseded.
pub(super) fn newest(
    connection: &Connection,
    bucket: i64,
    key: &str,
) -> Result<Option<(Object, Option<Moment>)>, Fault> {
    let read = |row: &Row<'_>| Ok((objects::from_row(row)?, row.get::<_, Option<i64>>(LATEST)?.map(Moment)));
    Ok(connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS}, superseded FROM past WHERE bucket = ?1 AND key = ?2 ORDER BY sequence DESC LIMIT 1"
        ))?
        .query_row((bucket, key.as_bytes()), read)
        .optional()?)
}

/// Writes the row of a version that is not the object of its key.
pub(super) fn insert(
    connection: &Connection,
    bucket: i64,
    key: &str,
    object: &Object,
    superseded: Option<Moment>,
) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(&format!(
        "INSERT INTO past (bucket, key, {COLUMNS}, superseded)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
    ))?;
    objects::bind(&mut statement, bucket, key, object)?;
    statement.raw_bind_parameter(15, superseded.map(|moment| moment.0))?;
    statement.raw_execute()?;
    Ok(())
}

fn remove(connection: &Connection, bucket: i64, key: &str, sequence: i64) -> Result<(), Fault> {
    connection.prepare_cached("DELETE FROM past WHERE bucket = ?1 AND key = ?2 AND sequence = ?3")?.execute((
        bucket,
        key.as_bytes(),
        sequence,
    ))?;
    Ok(())
}

fn release(connection: &Connection, body: Option<i64>) -> Result<Vec<u64>, Fault> {
    body.map_or_else(|| Ok(Vec::new()), |body| bodies::release(connection, body))
}

/// The name of a new version. It begins with its place, so that a version is found and a page continued by its name.
fn name(bucket: Bucket, sequence: i64, luck: u64) -> String {
    match bucket.versioning {
        Versioning::Enabled => format!("{sequence:016x}{luck:016x}"),
        Versioning::Never | Versioning::Suspended => NULL.to_owned(),
    }
}

/// The mark of a deletion.
pub(crate) fn marker(version: &str, sequence: i64, now: Moment) -> Object {
    Object {
        body: 0,
        bytes: 0,
        etag: String::new(),
        modified: now,
        parts: None,
        headers: Headers::new(),
        checksums: Checksums::default(),
        version: version.to_owned(),
        sequence,
        tags: Tags::default(),
        lock: Lock::default(),
        encryption: None,
    }
}
