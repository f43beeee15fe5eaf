//! Looking for what is due by a bucket's rules: a stretch of its keys at a time, so that no look lasts long.

use rusqlite::Connection;

use super::objects::{self, COLUMNS, MODIFIED, Object};
use super::versions::LATEST;
use crate::fault::Fault;
use crate::time::Moment;

/// How many rows one look reads.
const ROWS: usize = 1000;

/// What was found among some of the keys, and where to go on if there are more.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    /// What is due, by key.
    pub(crate) due: Vec<(String, Object)>,
    /// The key to begin with next time.
    pub(crate) next: Option<Vec<u8>>,
}

/// The objects that are as old as that and meant.
pub(crate) fn objects(
    connection: &Connection,
    bucket: i64,
    from: &[u8],
    end: &[u8],
    until: Moment,
    is_meant: impl Fn(&Object) -> bool,
) -> Result<Stretch, Fault> {
    let sql =
        format!("SELECT {COLUMNS}, NULL, key FROM object WHERE bucket = ?1 AND key >= ?2 AND key < ?3 ORDER BY key");
    look(connection, &sql, bucket, (from, end), |_, modified, _| modified <= until, is_meant)
}

/// The versions that were superseded as long ago as that, have so many newer ones of their key, and are meant.
pub(crate) fn superseded(
    connection: &Connection,
    bucket: i64,
    from: &[u8],
    end: &[u8],
    (until, kept): (Moment, u32),
    is_meant: impl Fn(&Object) -> bool,
) -> Result<Stretch, Fault> {
    let sql = format!(
        "SELECT {COLUMNS}, superseded, key FROM past WHERE bucket = ?1 AND key >= ?2 AND key < ?3
         ORDER BY key, sequence DESC"
    );
    let mut newer = 0;
    let mut last: Vec<u8> = Vec::new();
    let is_old = |key: &[u8], _, superseded: Option<Moment>| {
        if last != key {
            (last, newer) = (key.to_vec(), 0);
        }
        superseded.is_some_and(|superseded| {
            newer += 1;
            superseded <= until && newer > kept
        })
    };
    look(connection, &sql, bucket, (from, end), is_old, is_meant)
}

/// The delete markers that are the only version of their key, and old enough.
pub(crate) fn lone_markers(
    connection: &Connection,
    bucket: i64,
    from: &[u8],
    end: &[u8],
    is_old: impl Fn(Moment) -> bool,
) -> Result<Stretch, Fault> {
    let sql = format!(
        "SELECT {COLUMNS}, superseded, key FROM past WHERE bucket = ?1 AND key >= ?2 AND key < ?3
         AND superseded IS NULL AND NOT EXISTS (SELECT 1 FROM past AS older WHERE older.bucket = past.bucket
             AND older.key = past.key AND older.sequence < past.sequence)
         ORDER BY key, sequence DESC"
    );
    look(connection, &sql, bucket, (from, end), |_, modified, _| is_old(modified), |_| true)
}

/// Reads rows until there are enough of them and a key ends, since how many versions a key has may matter. Only what is
/// old is read whole: most of a bucket is not.
fn look(
    connection: &Connection,
    sql: &str,
    bucket: i64,
    (from, end): (&[u8], &[u8]),
    mut is_old: impl FnMut(&[u8], Moment, Option<Moment>) -> bool,
    is_meant: impl Fn(&Object) -> bool,
) -> Result<Stretch, Fault> {
    let mut stretch = Stretch::default();
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((bucket, from, end))?;
    let (mut read, mut last) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        let key = row.get_ref(LATEST + 1)?.as_blob().map_err(rusqlite::Error::from)?;
        if last != key {
            if read >= ROWS {
                stretch.next = Some(key.to_vec());
                break;
            }
            last.clear();
            last.extend_from_slice(key);
        }
        read += 1;
        if is_old(key, Moment(row.get(MODIFIED)?), row.get::<_, Option<i64>>(LATEST)?.map(Moment)) {
            let object = objects::from_row(row)?;
            if is_meant(&object) {
                stretch.due.push((String::from_utf8_lossy(key).into_owned(), object));
            }
        }
    }
    Ok(stretch)
}
